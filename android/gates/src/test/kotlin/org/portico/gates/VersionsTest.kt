package org.portico.gates

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.nio.file.Path
import kotlin.io.path.readText

/** Maven can not read the catalogue of Gradle: what both name must be the same version. */
class VersionsTest {
    private val android = Path.of(System.getProperty("android.folder"))

    @Test
    fun mavenAndGradleUseTheSameVersions() {
        val gradle = versions("gradle/libs.versions.toml", Regex("""(?m)^([a-z]+) = "([^"]+)"$"""))
        val maven = versions("pom.xml", Regex("""<([a-z]+)\.version>([^<]+)</"""))

        val shared = gradle.keys intersect maven.keys

        assertTrue(shared.containsAll(setOf("kotlin", "coroutines", "jna")), "$shared")
        assertEquals(maven.filterKeys { it in shared }, gradle.filterKeys { it in shared })
    }

    private fun versions(
        file: String,
        pattern: Regex,
    ): Map<String, String> =
        pattern.findAll(android.resolve(file).readText()).associate {
            it.groupValues[1] to
                it.groupValues[2]
        }
}
