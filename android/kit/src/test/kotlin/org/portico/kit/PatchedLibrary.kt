package org.portico.kit

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.file.Path
import kotlin.io.path.readBytes
import kotlin.io.path.writeBytes

/** A 64-bit little-endian ELF library whose functions can be made to answer something else. */
class PatchedLibrary(
    private val path: Path,
) {
    private val bytes = path.readBytes()
    private val elf = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)

    fun returnOneFrom(function: String) {
        val code = RETURN_ONE.getValue(System.getProperty("os.arch"))
        code.copyInto(bytes, fileOffsetOf(function))
        path.writeBytes(bytes)
    }

    private fun fileOffsetOf(function: String): Int {
        val table = sections().single { it.type == DYNSYM }
        val names = section(table.link)
        val symbol =
            (table.offset until table.offset + table.size step SYMBOL_BYTES).single { at ->
                nameAt(names.offset + elf.getInt(at)) == function
            }
        val home = section(elf.getShort(symbol + 6).toInt())
        return (elf.getLong(symbol + 8) - home.address).toInt() + home.offset
    }

    private fun nameAt(start: Int): String {
        val end = (start until bytes.size).first { bytes[it] == 0.toByte() }
        return String(bytes, start, end - start, Charsets.US_ASCII)
    }

    private class Section(
        val type: Int,
        val address: Long,
        val offset: Int,
        val size: Int,
        val link: Int,
    )

    private fun sections() = List(elf.getShort(SECTION_COUNT).toInt(), ::section)

    private fun section(number: Int): Section {
        val at = elf.getLong(SECTION_TABLE).toInt() + number * SECTION_BYTES
        return Section(
            type = elf.getInt(at + 4),
            address = elf.getLong(at + 16),
            offset = elf.getLong(at + 24).toInt(),
            size = elf.getLong(at + 32).toInt(),
            link = elf.getInt(at + 40),
        )
    }

    /** Places and sizes of the ELF-64 object file format. */
    private companion object {
        const val SECTION_TABLE = 40
        const val SECTION_COUNT = 60
        const val SECTION_BYTES = 64
        const val SYMBOL_BYTES = 24
        const val DYNSYM = 11

        /** `mov eax, 1; ret` and `mov w0, #1; ret`. */
        val RETURN_ONE =
            mapOf(
                "amd64" to intArrayOf(0xB8, 1, 0, 0, 0, 0xC3),
                "aarch64" to intArrayOf(0x20, 0, 0x80, 0x52, 0xC0, 0x03, 0x5F, 0xD6),
            ).mapValues { (_, code) -> ByteArray(code.size) { code[it].toByte() } }
    }
}
