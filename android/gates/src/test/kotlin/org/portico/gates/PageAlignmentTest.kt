package org.portico.gates

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.file.Path
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream
import kotlin.io.path.outputStream
import kotlin.io.path.writeBytes
import kotlin.io.path.writeText

/** `bindings/check-page-alignment.py` lets pass what Android loads with pages of 16 KB, and refuses the rest. */
class PageAlignmentTest {
    @TempDir
    lateinit var folder: Path

    @Test
    fun jnaOfTheAndroidBuildPasses() {
        val lines = check(Path.of(System.getProperty("jna.archive")))

        assertTrue(lines.count { it.startsWith("ok") && "64-bit, LOAD alignment 16384" in it } >= 2, "$lines")
        assertEquals(emptyList<String>(), lines.filterNot { it.startsWith("ok") })
    }

    @Test
    fun libraryForLargePagesPasses() =
        assertEquals(listOf("arm64, 64-bit, LOAD alignment 16384"), check(library(PAGE, relroEnd = PAGE)).map(::reason))

    @Test
    fun libraryForSmallPagesIsRefused() =
        assertEquals(
            "arm64, 64-bit, LOAD alignment 4096, needs 16384",
            refused(library(SMALL_PAGE, relroEnd = PAGE)),
        )

    @Test
    fun rangeThatEndsInsideAPageIsRefused() =
        assertEquals(
            "arm64, 64-bit, LOAD alignment 16384, but GNU_RELRO ends 4096 bytes into a page of 16384",
            refused(library(PAGE, relroEnd = PAGE + SMALL_PAGE)),
        )

    @Test
    fun libraryInAnArchiveOfAnArchiveIsFound() {
        val inner = archive("classes.jar", "lib/libsmall.so", library(SMALL_PAGE, relroEnd = PAGE))

        assertTrue("needs 16384" in refused(archive("app.aar", "libs/classes.jar", inner)))
    }

    @Test
    fun archiveWithoutALibraryIsRefused() {
        val text = folder.resolve("text").also { it.writeText("no library") }

        assertEquals("no .so inside", refused(archive("empty.aar", "res/text", text)))
    }

    @Test
    fun fileThatIsCalledALibraryAndIsNoneIsRefused() {
        val text = folder.resolve("libtext.so").also { it.writeText("no library") }

        assertEquals("not an ELF library", refused(text))
    }

    private fun refused(path: Path): String = check(path, status = 1).single { it.startsWith("FAILED") }.let(::reason)

    private fun reason(line: String) = line.substringAfterLast(": ")

    /** What it says of [path], a line for each library. */
    private fun check(
        path: Path,
        status: Int = 0,
    ): List<String> {
        val script = Path.of(System.getProperty("android.folder"), "../bindings/check-page-alignment.py")
        val process = ProcessBuilder("python3", "$script", "$path").redirectErrorStream(true).start()
        val lines = process.inputStream.bufferedReader().readLines()
        assertEquals(status, process.waitFor(), "$lines")
        return lines
    }

    /** The headers of a library of one segment that can be loaded, and its range that turns read-only. */
    private fun library(
        alignment: Long,
        relroEnd: Long,
    ): Path {
        val elf = ByteBuffer.allocate(ELF_BYTES + 2 * SEGMENT_BYTES).order(ByteOrder.LITTLE_ENDIAN)
        elf.put(byteArrayOf(0x7F, 'E'.code.toByte(), 'L'.code.toByte(), 'F'.code.toByte(), CLASS_64, LITTLE_ENDIAN))
        elf.putShort(MACHINE, ARM64).putLong(SEGMENT_TABLE, ELF_BYTES.toLong())
        elf.putShort(SEGMENT_SIZE, SEGMENT_BYTES.toShort()).putShort(SEGMENT_COUNT, 2)
        elf.position(ELF_BYTES)
        segment(elf, LOAD, relroEnd, alignment)
        segment(elf, GNU_RELRO, relroEnd, 1)
        return folder.resolve("libmade.so").also { it.writeBytes(elf.array()) }
    }

    /** From the file's and the memory's beginning up to [end]. */
    private fun segment(
        elf: ByteBuffer,
        kind: Int,
        end: Long,
        alignment: Long,
    ) {
        val (offset, address) = 0L to 0L
        elf.putInt(kind).putInt(0)
        listOf(offset, address, address, end, end, alignment).forEach(elf::putLong)
    }

    private fun archive(
        name: String,
        member: String,
        content: Path,
    ): Path =
        folder.resolve(name).also { archive ->
            ZipOutputStream(archive.outputStream()).use { out ->
                out.putNextEntry(ZipEntry(member))
                content.toFile().inputStream().use { it.copyTo(out) }
            }
        }

    /** Places and sizes of the ELF-64 object file format. */
    private companion object {
        const val PAGE = 16_384L
        const val SMALL_PAGE = 4_096L
        const val ELF_BYTES = 64
        const val SEGMENT_BYTES = 56
        const val CLASS_64: Byte = 2
        const val LITTLE_ENDIAN: Byte = 1
        const val MACHINE = 18
        const val ARM64: Short = 183
        const val SEGMENT_TABLE = 32
        const val SEGMENT_SIZE = 54
        const val SEGMENT_COUNT = 56
        const val LOAD = 1
        const val GNU_RELRO = 0x6474E552
    }
}
