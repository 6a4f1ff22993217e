package org.portico.kit

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardWatchEventKinds
import java.util.concurrent.TimeUnit
import kotlin.io.path.createDirectories
import kotlin.io.path.isDirectory
import kotlin.io.path.readText

/** A seeded firm in a scratch folder, served by a real `portico-server` process, and the phones of its people. */
class World : AutoCloseable {
    val folder: Path = scratch()
    private val data = folder.resolve("server")
    private val firm: JsonObject = seed()
    private val phones = mutableListOf<Phone>()
    private var server: ServerProcess? = null
    private var address = "127.0.0.1:0"

    init {
        startServer()
    }

    val url: String get() = "http://$address"

    /** At the address it had before, so that phones find it again. */
    fun startServer() {
        server = ServerProcess.start(data, address, folder.resolve("server.log")).also { address = it.address }
    }

    fun killServer() {
        server?.close()
        server = null
    }

    /** The phone of somebody who has not signed in. */
    fun phone(name: String = "phone-${phones.size}"): Phone = Phone(this, folder.resolve(name)).also { phones += it }

    /** The phone of somebody who is signed in and up to date. */
    suspend fun phoneOf(person: String): Phone =
        phone().also {
            it.signInAs(person)
            it.portal.catchUp()
        }

    fun email(person: String): String = named("people", person).jsonObject.text("email")

    fun conversation(name: String): String = named("conversations", name).jsonPrimitive.content

    private fun named(
        table: String,
        name: String,
    ) = firm.getValue(table).jsonObject.getValue(name)

    /** The code in the mail that [ask] makes the server send. */
    suspend fun mailedCode(ask: suspend () -> Unit): String =
        newFile(data.resolve("mail"), { codeIn(it) != null }, ask).let { mail ->
            codeIn(mail) ?: error("the mail holds no code")
        }

    /** A notice has none. */
    private fun codeIn(mail: Path): String? =
        Regex("""(?<!\S)[A-Z0-9]{4}-[A-Z0-9]{4}(?!\S)""")
            .takeIf { "$mail".endsWith(".eml") }
            ?.find(mail.readText())
            ?.value

    /** The push that [cause] makes the server hand over for the device [device], as a provider would carry it. */
    suspend fun push(
        device: String,
        cause: suspend () -> Unit,
    ): String = newFile(data.resolve("push").resolve(device), { "$it".endsWith(".json") }, cause).readText()

    private suspend fun newFile(
        folder: Path,
        fits: (Path) -> Boolean,
        cause: suspend () -> Unit,
    ): Path =
        folder.createDirectories().fileSystem.newWatchService().use { watch ->
            folder.register(watch, StandardWatchEventKinds.ENTRY_CREATE)
            cause()
            var found: Path? = null
            while (found == null) {
                val key = watch.poll(PATIENCE_S, TimeUnit.SECONDS) ?: error("no such file in $folder")
                val new = key.pollEvents().mapNotNull { it.context() as? Path }
                found = new.map(folder::resolve).find(fits)
                key.reset()
            }
            found
        }

    private fun seed(): JsonObject {
        val seeding =
            ProcessBuilder(binary("portico-server"), "--data", data.toString(), "seed", "--json")
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start()
        val printed = seeding.inputStream.bufferedReader().readText()
        check(seeding.waitFor() == 0) { "portico-server seed failed" }
        return Json.parseToJsonElement(printed).jsonObject
    }

    override fun close() {
        phones.forEach(Phone::close)
        killServer()
        erase(folder)
    }

    companion object {
        val target: Path = Path.of(System.getProperty("target.folder"))

        fun binary(name: String): String = target.resolve("debug").resolve(name).toString()

        /** In memory where there is such a folder: what is thrown away needs no disk. */
        fun scratch(): Path {
            val memory = Path.of("/dev/shm")
            return if (memory.isDirectory()) {
                Files.createTempDirectory(memory, "portico-")
            } else {
                Files.createTempDirectory("portico-")
            }
        }

        fun erase(folder: Path) = check(folder.toFile().deleteRecursively()) { "$folder stays" }

        /** A limit for what never comes, not a time that passes. macOS looks at a folder every ten seconds only. */
        private const val PATIENCE_S = 120L
    }
}

fun JsonObject.text(name: String): String = getValue(name).jsonPrimitive.content
