package org.portico.kit

import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.nio.file.Path
import java.util.jar.JarOutputStream
import java.util.zip.ZipEntry
import kotlin.io.path.ExperimentalPathApi
import kotlin.io.path.fileSize
import kotlin.io.path.isDirectory
import kotlin.io.path.name
import kotlin.io.path.outputStream
import kotlin.io.path.readBytes
import kotlin.io.path.relativeTo
import kotlin.io.path.walk
import kotlin.io.path.writeText

/** An app that R8 shrank and renamed, with the rules that the kit brings along, still reaches the core. */
@OptIn(ExperimentalPathApi::class)
class ShrunkAppTest {
    private val folder: Path = World.scratch()

    @AfterEach
    fun end() = World.erase(folder)

    @Test
    fun consumerRulesKeepWhatTheCoreNeeds() {
        val whole = ChildJvm.CLASS_PATH.filter(Path::isDirectory).mapIndexed(::packed) + libraries()
        val shrunk = folder.resolve("shrunk.jar")

        shrink(whole, shrunk)
        val said =
            ChildJvm("ShrunkPhoneKt", folder.toString(), classPath = listOf(shrunk)).use { child ->
                List(2) { child.line() }
            }

        assertEquals(listOf("offline", "bug"), said)
        assertTrue(shrunk.fileSize() < whole.sumOf(Path::fileSize), "nothing was shrunk")
    }

    private fun libraries() =
        ChildJvm.CLASS_PATH.filter { jar ->
            listOf("jna-", "kotlin-stdlib-", "kotlinx-coroutines-core-jvm-").any(jar.name::startsWith)
        }

    /** R8 reads archives, not folders. */
    private fun packed(
        number: Int,
        classes: Path,
    ): Path =
        folder.resolve("$number.jar").also { jar ->
            JarOutputStream(jar.outputStream()).use { out ->
                classes.walk().filter { it.name.endsWith(".class") }.forEach { file ->
                    out.putNextEntry(ZipEntry(file.relativeTo(classes).joinToString("/")))
                    out.write(file.readBytes())
                }
            }
        }

    private fun shrink(
        programs: List<Path>,
        output: Path,
    ) {
        val app = folder.resolve("app.pro")
        app.writeText(
            """
            -keep class org.portico.kit.ShrunkPhoneKt { public static void main(java.lang.String[]); }
            -dontwarn org.jetbrains.annotations.**
            """.trimIndent(),
        )
        val r8 = ChildJvm.CLASS_PATH.single { it.name.startsWith("r8-") }
        val rules = listOf(Path.of("../ffi/consumer-rules.pro"), app).flatMap { listOf("--pg-conf", "$it") }
        val places = listOf("--lib", System.getProperty("java.home"), "--output", "$output")
        val log = folder.resolve("r8.log").toFile()
        val process =
            ProcessBuilder(
                listOf(ChildJvm.JAVA, "-cp", "$r8", "com.android.tools.r8.R8", "--release", "--classfile") +
                    places + rules + programs.map(Path::toString),
            ).redirectErrorStream(true).redirectOutput(log).start()
        assertEquals(0, process.waitFor(), log.readText())
    }
}
