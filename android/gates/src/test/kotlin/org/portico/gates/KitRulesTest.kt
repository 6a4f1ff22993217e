package org.portico.gates

import com.lemonappdev.konsist.api.Konsist
import com.lemonappdev.konsist.api.declaration.KoFileDeclaration
import com.lemonappdev.konsist.api.verify.assertFalse
import com.lemonappdev.konsist.api.verify.assertTrue
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.nio.file.Path

/** The kit is thin, and each of its files keeps to its own. */
class KitRulesTest {
    private val android: Path = Path.of(System.getProperty("android.folder")).toRealPath()
    private val kit = scope("kit/src/main/kotlin")
    private val all =
        listOf(
            "kit/src/main/kotlin",
            "kit/src/world/kotlin",
            "kit/src/test/kotlin",
            "robolectric/src/main/kotlin",
            "robolectric/src/test/kotlin",
            "gates/src/test/kotlin",
            "examples",
            "bench",
        ).flatMap { scope(it) }

    /** No rule holds of nothing. */
    private fun scope(folder: String) =
        Konsist.scopeFromExternalDirectory(android.resolve(folder).toString()).files.also { files ->
            assertFalse(files.isEmpty(), "no Kotlin in $folder")
        }

    @Test
    fun kitRunsOnAnyJvm() = kit.assertFalse { file -> file.importsFrom("android.") || file.importsFrom("androidx.") }

    @Test
    fun onlyTheCoreTalksToServersAndDatabases() =
        kit.assertFalse { file ->
            file.importsFrom("java.net.", except = "java.net.URLEncoder") || file.importsFrom("java.sql") ||
                file.importsFrom("javax.net")
        }

    @Test
    fun onlyFolderSecretsTouchesFiles() =
        kit.filterNot { it.name == "FolderSecrets" }.assertFalse {
            it.importsFrom("java.nio.file") ||
                it.importsFrom("java.io")
        }

    @Test
    fun onlyPortsSpeakToTheCoreOfFaults() =
        kit
            .filterNot {
                "Port" in it.name || it.name == "FolderSecrets"
            }.assertFalse { it.importsFrom("org.portico.ffi.PortException") }

    @Test
    fun exceptionsMessagesGoNowhere() = kit.assertFalse { file -> MESSAGES.any { it in file.text } }

    @Test
    fun nothingIsPrintedOrLogged() =
        kit.assertFalse { file -> Regex("""\bprintln?\(""") in file.text || "java.util.logging" in file.text }

    @Test
    fun filesAreShort() = all.assertTrue { it.text.lines().size <= LINES_MAX }

    @Test
    fun glueIsShort() {
        val lines = kit.sumOf { file -> file.text.lines().count { it.isNotBlank() && !it.startsWith("import ") } }

        assertTrue(lines < GLUE_LINES_MAX, "the kit has $lines lines: a rule that crept in belongs to the core")
    }

    private fun KoFileDeclaration.importsFrom(
        place: String,
        except: String? = null,
    ) = imports.any { it.name.startsWith(place) && it.name != except }

    private companion object {
        const val LINES_MAX = 300
        const val GLUE_LINES_MAX = 400
        val MESSAGES = listOf(".message", ".localizedMessage", "stackTraceToString", "printStackTrace")
    }
}
