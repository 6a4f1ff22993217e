package org.portico.kit

import android.app.KeyguardManager
import android.content.Context
import android.security.keystore.KeyProperties
import kotlinx.coroutines.runBlocking
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.portico.ffi.Answer
import org.portico.ffi.PortException
import org.portico.ffi.PortalException
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config

/** Keys and secrets in the Android Keystore, which a provider of memory stands for. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [34], manifest = Config.NONE)
class KeystoreTest {
    private val context: Context = RuntimeEnvironment.getApplication()
    private val folder = context.noBackupFilesDir.resolve("portico-secrets")

    @Before
    fun emptyKeystore() {
        FakeKeystore.install()
        folder.deleteRecursively()
    }

    private fun locks(has: Boolean) =
        shadowOf(context.getSystemService(KeyguardManager::class.java)).setIsDeviceSecure(has)

    // R55
    @Test
    fun secretLiesSealedAndSurvivesTheProcess() {
        KeystoreSecrets(context).keep("store-key", SECRET)

        val files = requireNotNull(folder.listFiles())

        assertArrayEquals(SECRET, KeystoreSecrets(context).read("store-key"))
        assertNull(KeystoreSecrets(context).read("another"))
        assertFalse(files.any { String(SECRET) in String(it.readBytes(), Charsets.ISO_8859_1) })
        KeystoreSecrets(context).forget("store-key")
        assertNull(KeystoreSecrets(context).read("store-key"))
    }

    // R55: what was sealed elsewhere, altered, or under another name was never kept here.
    @Test
    fun secretOfAnotherKeyWasNeverKept() {
        val secrets = KeystoreSecrets(context)
        secrets.keep("one", SECRET)
        val file = requireNotNull(folder.listFiles()).single()

        file.copyTo(folder.resolve(file.name.replace("one", "two")))
        assertNull("under another name", secrets.read("two"))
        file.writeBytes(file.readBytes().also { it[20] = (it[20] + 1).toByte() })
        assertNull("altered", secrets.read("one"))
        secrets.keep("one", SECRET)
        FakeKeystore.install()
        assertNull("on another phone", secrets.read("one"))
        secrets.keep("one", SECRET)
        assertArrayEquals(SECRET, secrets.read("one"))
    }

    @Test
    fun keystoreThatFailsIsADeclaredFault() {
        val secrets = KeystoreSecrets(context)
        secrets.keep("one", SECRET)

        FakeKeystore.isBroken = true

        assertThrows(PortException.Unavailable::class.java) { secrets.read("one") }
        assertThrows(PortException.Unavailable::class.java) { secrets.keep("one", SECRET) }
        assertThrows(PortException.Unavailable::class.java) { keystoreKey(context) { true } }
    }

    // R8, R42: a server takes both keys; the presence key signs only where its person does not turn it away.
    @Test
    fun personSignsInAndIsAskedBeforeTheyCountAsThere() {
        locks(true)
        World().use { world ->
            runBlocking {
                var answers = false
                val home = world.folder.resolve("home").toString()
                val signIn =
                    installation(home, KeystoreSecrets(context), AlwaysOnline, keystoreKey(context) { answers })
                val code = world.mailedCode { signIn.begin(world.url, world.email("amina")) }
                val answer = signIn.answer(code, "an Android phone")
                val portal = requireNotNull(signIn.portal())

                val turnedAway =
                    assertThrows(PortalException::class.java) {
                        runBlocking { portal.asking { call -> stepUpInPerson(call) } }
                    }
                answers = true
                val until = portal.asking { call -> stepUpInPerson(call) }
                portal.end()
                portal.closed()

                assertEquals(Answer.SignedIn(sealed = null, beganAnew = false), answer)
                assertEquals("presence_refused", turnedAway.code)
                assertTrue(until > 0)
            }
        }
    }

    @Test
    fun onlyThePresenceKeyAsksAndOnlyWhereThePhoneLocks() {
        locks(false)
        val open = keystoreKey(context) { true }
        locks(true)
        val locked = keystoreKey(context) { true }

        assertNull(open.presencePublicKey())
        assertThrows(PortException.Unavailable::class.java) { open.signInPerson(byteArrayOf(1)) }
        assertEquals(65, locked.presencePublicKey()?.size)
        assertArrayEquals(open.sessionPublicKey(), locked.sessionPublicKey())
        val (session, presence) =
            listOf("portico.session-key", "portico.presence-key").map { FakeKeystore.specs.getValue(it) }
        assertFalse(session.isUserAuthenticationRequired)
        assertTrue(presence.isUserAuthenticationRequired)
        assertEquals(0, presence.userAuthenticationValidityDurationSeconds)
        assertEquals(KeyProperties.PURPOSE_SIGN, presence.purposes)
    }

    private companion object {
        val SECRET = "48 bytes of a key, or what a test takes for one".toByteArray()
    }
}
