package org.portico.gates

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.nio.file.Path
import kotlin.io.path.readText

/** Neither Maven nor a workflow can read the catalogue of Gradle: what two of them name must be the same version. */
class VersionsTest {
    private val android = Path.of(System.getProperty("android.folder"))
    private val gradle = versions("gradle/libs.versions.toml", Regex("""(?m)^([a-z-]+) = "([^"]+)"$"""))

    @Test
    fun mavenAndGradleUseTheSameVersions() {
        val maven = versions("pom.xml", Regex("""<([a-z]+)\.version>([^<]+)</"""))

        val shared = gradle.keys intersect maven.keys

        assertTrue(shared.containsAll(setOf("kotlin", "coroutines", "jna")), "$shared")
        assertEquals(maven.filterKeys { it in shared }, gradle.filterKeys { it in shared })
    }

    @Test
    fun workflowInstallsTheNdkOfTheCatalogue() {
        val workflow = versions("../.github/workflows/android.yml", Regex("""(?m)^ +(NDK): (\S+)$"""))

        assertEquals(mapOf("NDK" to gradle.getValue("ndk")), workflow)
    }

    @Test
    fun gradleFilesTakeEveryVersionFromTheCatalogue() {
        val files = listOf("build.gradle.kts", "settings.gradle.kts", "ffi/build.gradle.kts", "kit/build.gradle.kts")

        val named = files.associateWith { file -> OWN_VERSION.findAll(read(file)).map { it.value }.toList() }

        assertEquals(files.associateWith { emptyList<String>() }, named)
        assertTrue(listOf("libs.versions.ndk", "libs.versions.min.sdk").all { it in read("ffi/build.gradle.kts") })
    }

    private fun versions(
        file: String,
        pattern: Regex,
    ): Map<String, String> = pattern.findAll(read(file)).associate { it.groupValues[1] to it.groupValues[2] }

    private fun read(file: String): String = android.resolve(file).readText()

    private companion object {
        /** A text with a version in it, or a number behind a name of Android's: `"28.2.1"`, `compileSdk = 36`. */
        val OWN_VERSION = Regex(""""[^"\n]*\d\.\d[^"\n]*"|(Sdk|ndkVersion|buildToolsVersion)\b[^\n]*[= (]"?\d+""")
    }
}
