package org.portico.kit

import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.condition.EnabledOnOs
import org.junit.jupiter.api.condition.OS
import java.nio.file.Path
import kotlin.io.path.copyTo

/** An app that was put together wrongly: each library in a JVM of its own, for a library is loaded once. */
class LibraryTest {
    private val folder: Path = World.scratch()

    @AfterEach
    fun end() = World.erase(folder)

    @Test
    fun rightLibraryLoads() = assertEquals(listOf("loaded", "loaded"), loading(LIBRARY))

    @Test
    fun missingLibraryIsATypedError() =
        assertEquals(
            listOf("LibraryMismatch", "LibraryMismatch"),
            loading(folder.resolve(System.mapLibraryName("none"))),
        )

    @Test
    @EnabledOnOs(OS.LINUX)
    fun staleLibraryIsATypedError() {
        val stale = LIBRARY.copyTo(folder.resolve("libstale.so"))

        PatchedLibrary(stale).returnOneFrom("uniffi_portico_ffi_checksum_func_new_call")

        assertEquals(listOf("LibraryMismatch", "LibraryMismatch"), loading(stale))
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    fun libraryOfAnotherContractIsATypedError() {
        val other = LIBRARY.copyTo(folder.resolve("libother.so"))

        PatchedLibrary(other).returnOneFrom("ffi_portico_ffi_uniffi_contract_version")

        assertEquals(listOf("LibraryMismatch", "LibraryMismatch"), loading(other))
    }

    /** What becomes of an app with [library] inside, at its first and its second attempt. */
    private fun loading(library: Path): List<String?> {
        val settings = mapOf("uniffi.component.portico.libraryOverride" to library.toString())
        return ChildJvm("LoadingPhoneKt", folder.toString(), settings = settings).use { child ->
            List(2) { child.line() }
        }
    }

    private companion object {
        val LIBRARY: Path = World.target.resolve("debug").resolve(System.mapLibraryName("portico_ffi"))
    }
}
