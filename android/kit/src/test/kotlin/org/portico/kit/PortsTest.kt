package org.portico.kit

import kotlinx.coroutines.test.runTest
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.portico.ffi.Answer
import org.portico.ffi.PortException
import org.portico.ffi.PortalException
import java.math.BigInteger
import java.nio.file.Path
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.interfaces.ECPublicKey
import java.security.spec.ECGenParameterSpec
import java.security.spec.ECPoint
import java.util.concurrent.CompletableFuture
import kotlin.io.path.getPosixFilePermissions
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.writeText

class PortsTest {
    private val folder: Path = World.scratch()

    @AfterEach
    fun end() = World.erase(folder)

    @Test
    fun secretsOutliveTheirStoreUntilForgotten() {
        val place = folder.resolve("secrets")
        FolderSecrets(place).keep("key", byteArrayOf(1))
        FolderSecrets(place).keep("key", byteArrayOf(2, 0, -1))

        assertArrayEquals(byteArrayOf(2, 0, -1), FolderSecrets(place).read("key"))
        FolderSecrets(place).forget("key")
        FolderSecrets(place).forget("key")
        assertNull(FolderSecrets(place).read("key"))
    }

    @Test
    fun onlyTheOwnerReadsSecrets() {
        val place = folder.resolve("secrets")

        FolderSecrets(place).keep("key", byteArrayOf(1))

        val files = place.listDirectoryEntries() + listOf(place)
        val others = files.flatMap { it.getPosixFilePermissions() }.filterNot { it.name.startsWith("OWNER") }
        assertEquals(emptyList<Any>(), others)
        assertEquals(2, files.size, "the folder holds nothing but the secret")
    }

    @Test
    fun noNameLeadsOutOfTheFolder() {
        val secrets = FolderSecrets(folder.resolve("secrets"))
        val names = listOf("..", "../out", "/out", "", "a\u0000b", "a b", "a+b", "ä", "A")

        names.forEachIndexed { number, name -> secrets.keep(name, byteArrayOf(number.toByte())) }

        names.forEachIndexed { number, name ->
            assertArrayEquals(
                byteArrayOf(number.toByte()),
                secrets.read(name),
                name,
            )
        }
        assertEquals(listOf("secrets"), folder.listDirectoryEntries().map { it.fileName.toString() })
    }

    @Test
    fun writersOfOneSecretDoNotTearIt() {
        val place = folder.resolve("secrets")
        val secrets = listOf(ByteArray(LONG) { 1 }, ByteArray(LONG / 2) { 2 })

        val writers =
            secrets.map { secret ->
                // A store each, as two parts of an app may have.
                CompletableFuture.supplyAsync {
                    List(
                        WRITES,
                    ) { runCatching { FolderSecrets(place).keep("key", secret) } }
                }
            }
        val read = List(WRITES) { FolderSecrets(place).read("key") }
        val faults = writers.flatMap { it.join() }.mapNotNull { it.exceptionOrNull() }

        assertEquals(emptyList<Any>(), faults)
        assertTrue(read.filterNotNull().all { found -> secrets.any(found::contentEquals) })
        assertTrue(secrets.any(FolderSecrets(place).read("key")::contentEquals))
    }

    @Test
    fun folderThatIsAFileIsADeclaredFault() {
        val secrets = FolderSecrets(folder.resolve("file").also { it.writeText("a file") })

        assertThrows<PortException.Unavailable> { secrets.keep("key", byteArrayOf(1)) }
        assertThrows<PortException.Unavailable> { secrets.read("key") }
        assertThrows<PortException.Unavailable> { secrets.forget("key") }
    }

    @Test
    fun serverTakesTheKeyOfAPair() =
        runTest(timeout = PATIENCE) {
            World().use { world ->
                var isThere = false
                val key = KeyPairDeviceKey(pair(), pair()) { isThere }
                val home = folder.resolve("home").toString()
                val signIn = installation(home, FolderSecrets(folder.resolve("secrets")), AlwaysOnline, key)

                val code = world.mailedCode { signIn.begin(world.url, world.email("amina")) }
                val answer = signIn.answer(code, "phone")

                assertEquals(Answer.SignedIn(sealed = null, beganAnew = false), answer)
                signIn.onDisk { portal() }?.use { portal ->
                    portal.catchUp()
                    assertEquals(1u, portal.firstScreen(9u).unread.toUInt())
                    val turnedAway = assertThrows<PortalException> { portal.asking { call -> stepUpInPerson(call) } }
                    isThere = true
                    assertEquals("presence_refused", turnedAway.code)
                    assertTrue(portal.asking { call -> stepUpInPerson(call) } > 0)
                    portal.end()
                    portal.closed()
                }
                signIn.close()
            }
        }

    @Test
    fun coordinatesKeepTheirLeadingZeros() {
        val real = pair()
        val wide = BigInteger.TWO.pow(BITS).dec()
        val public =
            object : ECPublicKey by real.public as ECPublicKey {
                override fun getW() = ECPoint(BigInteger.ONE, wide)
            }

        val point = KeyPairDeviceKey(KeyPair(public, real.private)).sessionPublicKey()

        assertArrayEquals(byteArrayOf(4) + ByteArray(31) + byteArrayOf(1) + ByteArray(32) { -1 }, point)
    }

    private fun pair(): KeyPair =
        KeyPairGenerator
            .getInstance("EC")
            .apply { initialize(ECGenParameterSpec("secp256r1")) }
            .generateKeyPair()

    private companion object {
        const val BITS = 256
        const val LONG = 1 shl 16
        const val WRITES = 200
    }
}
