package org.portico.kit

import java.nio.ByteBuffer
import java.util.UUID
import javax.crypto.AEADBadTagException
import javax.crypto.Cipher
import javax.crypto.Mac
import javax.crypto.spec.GCMParameterSpec
import javax.crypto.spec.SecretKeySpec

/** The file in [slot] of a sealed pack, by the JVM's own ciphers: `core/wire/src/seal.rs` says what the format is. */
class SealedFile(
    batchKey: ByteArray,
    batchId: String,
    private val slot: Int,
) {
    private val batch: ByteArray =
        UUID.fromString(batchId).let { bytes(16) { putLong(it.mostSignificantBits).putLong(it.leastSignificantBits) } }

    /** HKDF-SHA256 (RFC 5869): the first block is as long as the key. */
    val key: ByteArray =
        hmac(hmac("portico seal v1".toByteArray(), batchKey), batch + bytes(4) { putInt(slot) } + byteArrayOf(1))

    fun seal(plain: ByteArray): ByteArray {
        val last = (plain.size - 1) / CHUNK_BYTES
        val chunks = plain.cutInto(CHUNK_BYTES).mapIndexed { index, chunk -> sealed(chunk, index, index == last) }
        return chunks.fold(byteArrayOf(), ByteArray::plus)
    }

    /** What was sealed; nothing where a chunk is not what was sealed in its place. */
    fun open(sealed: ByteArray): ByteArray? {
        val last = (sealed.size - 1) / (CHUNK_BYTES + TAG_BYTES)
        val chunks =
            sealed.cutInto(CHUNK_BYTES + TAG_BYTES).mapIndexed { index, chunk ->
                opened(chunk, index, index == last) ?: return null
            }
        return chunks.fold(byteArrayOf(), ByteArray::plus)
    }

    private fun sealed(
        chunk: ByteArray,
        index: Int,
        isLast: Boolean,
    ): ByteArray = cipher(Cipher.ENCRYPT_MODE, index, isLast).doFinal(chunk)

    private fun opened(
        chunk: ByteArray,
        index: Int,
        isLast: Boolean,
    ): ByteArray? =
        try {
            cipher(Cipher.DECRYPT_MODE, index, isLast).doFinal(chunk)
        } catch (_: AEADBadTagException) {
            null
        }

    private fun cipher(
        mode: Int,
        index: Int,
        isLast: Boolean,
    ): Cipher =
        Cipher.getInstance("AES/GCM/NoPadding").apply {
            val nonce = bytes(12) { putInt(0).putLong(index.toLong()) }
            init(mode, SecretKeySpec(key, "AES"), GCMParameterSpec(TAG_BYTES * 8, nonce))
            updateAAD("portico chunk v1\u0000".toByteArray() + batch)
            updateAAD(bytes(13) { putInt(slot).putLong(index.toLong()).put(if (isLast) 1 else 0) })
        }

    private fun hmac(
        key: ByteArray,
        message: ByteArray,
    ): ByteArray =
        Mac.getInstance("HmacSHA256").run {
            init(SecretKeySpec(key, "HmacSHA256"))
            doFinal(message)
        }

    /** Numbers in them are big-endian. */
    private fun bytes(
        size: Int,
        fill: ByteBuffer.() -> Unit,
    ): ByteArray = ByteBuffer.allocate(size).apply(fill).array()

    private fun ByteArray.cutInto(most: Int) = indices.step(most).map { copyOfRange(it, minOf(it + most, size)) }

    companion object {
        const val CHUNK_BYTES = 65_536
        const val TAG_BYTES = 16
    }
}
