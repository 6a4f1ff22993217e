package org.portico.kit

import java.io.File
import java.nio.file.Path

/** A JVM of its own that runs the main function of [facade], a file of these tests, and can be killed. */
class ChildJvm(
    facade: String,
    vararg arguments: String,
    settings: Map<String, String> = emptyMap(),
    classPath: List<Path> = CLASS_PATH,
) : AutoCloseable {
    private val process: Process
    private val printed by lazy { process.inputStream.bufferedReader() }

    init {
        val kept = listOf("jna.library.path", "jna.nosys", "target.folder").associateWith(System::getProperty)
        val options = (ENCODINGS + kept + settings).map { (name, value) -> "-D$name=$value" }
        val main = if ('.' in facade) facade else "org.portico.kit.$facade"
        process =
            ProcessBuilder(
                listOf(JAVA, "-cp", classPath.joinToString(File.pathSeparator)) + options + main + arguments,
            ).redirectError(ProcessBuilder.Redirect.INHERIT)
                .start()
    }

    /** Over a pipe, in UTF-8: the arguments of a process are in whatever the machine's locale is. */
    fun tell(lines: List<String>) =
        process.outputStream.bufferedWriter().use { out -> lines.forEach { out.appendLine(it) } }

    fun line(): String? = printed.readLine()

    /** Of a process that ends by itself, once everything it printed was read. */
    fun exitStatus(): Int = process.waitFor()

    /** With SIGKILL. */
    fun kill() {
        process.destroyForcibly().waitFor()
    }

    override fun close() = kill()

    companion object {
        /** The program that runs these tests. */
        val JAVA: String =
            ProcessHandle
                .current()
                .info()
                .command()
                .orElseThrow()

        /** Of these tests. Surefire has another one of its own. */
        val CLASS_PATH: List<Path> =
            (System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path"))
                .split(File.pathSeparator)
                .map(Path::of)

        /** What it prints is UTF-8 wherever it runs; JDK 17 asks the one, newer ones the other. */
        private val ENCODINGS = listOf("file.encoding", "stdout.encoding").associateWith { "UTF-8" }
    }
}
