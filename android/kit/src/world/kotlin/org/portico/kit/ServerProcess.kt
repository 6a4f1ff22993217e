package org.portico.kit

import java.io.BufferedReader
import java.io.IOException
import java.nio.file.Path
import kotlin.concurrent.thread

/** A `portico-server` that listens. It ends with its world, and with this process. */
class ServerProcess private constructor(
    private val process: Process,
    val address: String,
) : AutoCloseable {
    private val hook = Thread { process.destroyForcibly() }

    init {
        Runtime.getRuntime().addShutdownHook(hook)
    }

    override fun close() {
        process.destroyForcibly().waitFor()
        Runtime.getRuntime().removeShutdownHook(hook)
    }

    companion object {
        private const val LISTENING = "listening on http://"

        fun start(
            data: Path,
            listen: String,
            log: Path,
        ): ServerProcess {
            val arguments = listOf("--data", "$data", "serve", "--listen", listen, "--metrics-listen", "127.0.0.1:0")
            val process =
                ProcessBuilder(listOf(World.binary("portico-server")) + arguments)
                    .redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()))
                    .start()
            val printed = process.inputStream.bufferedReader()
            val address = addressIn(printed) ?: error("portico-server did not listen: ${log.toFile().readText()}")
            thread(isDaemon = true) { drain(printed) }
            return ServerProcess(process, address)
        }

        /** What nobody reads would stop the server once the pipe is full. */
        private fun drain(printed: BufferedReader) =
            try {
                printed.forEachLine { }
            } catch (_: IOException) {
                // The server was killed while it was read.
            }

        private fun addressIn(printed: BufferedReader): String? =
            generateSequence(printed::readLine).find { it.startsWith(LISTENING) }?.removePrefix(LISTENING)
    }
}
