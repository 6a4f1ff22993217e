package org.portico.kit

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource
import java.nio.file.Path
import java.security.MessageDigest
import java.util.Base64
import kotlin.io.path.readText

/** `tests/vectors/seal_v1.json` without the core: whoever has a batch's key opens its files. */
class SealVectorsTest {
    @ParameterizedTest
    @MethodSource("vectors")
    fun sealedFileIsThatOfTheVectorAndOpens(vector: JsonObject) {
        val file = SealedFile(vector.bytes("batch_key"), vector.text("batch_id"), vector.number("slot"))
        // As the vectors fill it.
        val plain = ByteArray(vector.number("size_bytes")) { (it * 31 % 251).toByte() }

        val sealed = file.seal(plain)

        assertArrayEquals(vector.bytes("file_key"), file.key)
        assertEquals(vector.text("plain_sha256"), sha256(plain))
        assertEquals(vector.number("sealed_bytes"), sealed.size)
        assertEquals(vector.text("sealed_sha256"), sha256(sealed))
        if ("sealed" in vector) assertArrayEquals(vector.bytes("sealed"), sealed)
        assertArrayEquals(plain, file.open(sealed))
    }

    @Test
    fun whatIsAlteredCutOrMovedDoesNotOpen() {
        val (key, batch) = ByteArray(32) { 9 } to "019aa0c4-7fd7-7714-abbb-796a61dfda21"
        val sealed = SealedFile(key, batch, 3).seal(ByteArray(2 * SealedFile.CHUNK_BYTES + 1))
        val edges = List(2) { (it + 1) * (SealedFile.CHUNK_BYTES + SealedFile.TAG_BYTES) }
        val first = sealed.copyOf(edges[0])
        val second = sealed.copyOfRange(edges[0], edges[1])
        val third = sealed.copyOfRange(edges[1], sealed.size)
        val altered = third.clone().also { it[0] = (it[0] + 1).toByte() }

        val damaged =
            listOf(first + second + altered, first + second, second + third, first + third, second + first + third)

        damaged.forEach { assertNull(SealedFile(key, batch, 3).open(it)) }
        assertNull(SealedFile(key, batch, 4).open(sealed))
    }

    @Test
    fun vectorsReachPastTheEdgesOfAChunk() {
        val sizes = vectors().map { it.number("size_bytes") - SealedFile.CHUNK_BYTES }

        assertTrue(sizes.containsAll(listOf(-SealedFile.CHUNK_BYTES, -1, 0, 1)), "$sizes")
    }

    private fun sha256(bytes: ByteArray) =
        MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") { "%02x".format(it) }

    private companion object {
        @JvmStatic
        fun vectors(): List<JsonObject> =
            Json
                .parseToJsonElement(Path.of(System.getProperty("vectors.folder"), "seal_v1.json").readText())
                .jsonArray
                .map { it.jsonObject }

        fun JsonObject.number(name: String): Int = getValue(name).jsonPrimitive.int

        fun JsonObject.bytes(name: String): ByteArray = Base64.getUrlDecoder().decode(text(name))
    }
}
