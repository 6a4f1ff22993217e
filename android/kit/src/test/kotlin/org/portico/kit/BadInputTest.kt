package org.portico.kit

import kotlinx.coroutines.test.runTest
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource
import org.portico.ffi.DeviceKey
import org.portico.ffi.InternalException
import org.portico.ffi.PortalException
import org.portico.ffi.Reach
import org.portico.ffi.SendState

/** What a shell can do wrong, and what a platform can throw. */
class BadInputTest {
    private val world = World()
    private val claim = world.conversation("claim")

    @AfterEach
    fun end() = world.close()

    @Test
    fun loneSurrogateIsRefusedBeforeItIsQueued() =
        runTest(timeout = PATIENCE) {
            val portal = world.phoneOf("amina").portal

            val refusals =
                listOf("half \uD83D of a pair", "\uDE4F", "\uDE4F\uD83D").map { text ->
                    assertThrows<PortalException.Refused> { portal.onDisk { send(claim, text) } }.refusal
                }

            assertEquals(List(refusals.size) { "body_not_unicode" }, refusals.map { it.code.code })
            assertTrue(portal.outbox().isEmpty())
        }

    @Test
    fun nothingIsAnsweredAfterTheEnd() =
        runTest(timeout = PATIENCE) {
            val phone = world.phoneOf("amina")
            val portal = phone.portal

            portal.end()

            assertEquals("ended", assertThrows<PortalException> { portal.firstScreen(1u) }.code)
            assertEquals("ended", assertThrows<PortalException> { portal.catchUp() }.code)
            assertEquals("ended", assertThrows<PortalException> { portal.changes().collect { } }.code)
            assertEquals("Amina Haddad", portal.session().name)
            assertEquals(
                1,
                phone.portal
                    .firstScreen(9u)
                    .conversations.size,
            )
        }

    @Test
    fun closedObjectIsAnEndedOne() =
        runTest(timeout = PATIENCE) {
            val phone = world.phoneOf("amina")
            val (portal, signIn) = phone.portal to phone.signIn

            portal.close()
            signIn.close()

            assertThrows<IllegalStateException> { portal.firstScreen(1u) }
            assertEquals("ended", assertThrows<PortalException> { portal.onDisk { firstScreen(1u) } }.code)
            assertEquals("ended", assertThrows<PortalException> { portal.catchUp() }.code)
            assertEquals("ended", assertThrows<PortalException> { portal.changes().collect { } }.code)
            assertEquals("ended", assertThrows<PortalException> { signIn.onDisk { portal() } }.code)
            assertEquals("ended", assertThrows<PortalException> { signIn.begin(world.url, "a@b.example") }.code)
        }

    @Test
    fun faultOfTheAppsOwnPassesThrough() =
        runTest(timeout = PATIENCE) {
            val portal = world.phoneOf("amina").portal

            val fault = assertThrows<IllegalStateException> { portal.onDisk { error("the app's own") } }

            assertEquals("the app's own", fault.message)
        }

    @Test
    fun faultOfTheBindingsIsABugWithoutTheirWords() {
        val fault =
            assertThrows<PortalException.Bug> {
                typed(
                    { false },
                ) { throw InternalException("privileged and confidential") }
            }

        assertEquals("bindings", fault.what)
        assertEquals(null, fault.cause)
    }

    @ParameterizedTest
    @MethodSource("whatAPortCanThrow")
    fun thrownBySecretsIsATypedError(thrown: Throwable) =
        runTest(timeout = PATIENCE) {
            val phone = world.phoneOf("amina")
            phone.network.reach = Reach.OFFLINE
            val key = phone.portal.send(claim, "queued before")
            phone.restart()

            phone.secrets.fault = thrown
            val opening = assertThrows<PortalException> { phone.portal }
            phone.secrets.fault = null

            assertEquals("key_unavailable", opening.code)
            assertEquals(SendState.Queued, phone.portal.entryState(key))
        }

    @ParameterizedTest
    @MethodSource("whatAPortCanThrow")
    fun secretThatWasNotKeptSignsNobodyIn(thrown: Throwable) =
        runTest(timeout = PATIENCE) {
            val phone = world.phone()
            val code = phone.codeFor("amina")

            phone.secrets.keepFault = thrown
            val answering = assertThrows<PortalException> { phone.signIn.answer(code, "phone") }
            phone.secrets.keepFault = null
            phone.restart()

            assertEquals("key_unavailable", answering.code)
            assertEquals(null, phone.signIn.portal())
        }

    @ParameterizedTest
    @MethodSource("whatAPortCanThrow")
    fun networkThatCanNotBeAskedIsTried(thrown: Throwable) =
        runTest(timeout = PATIENCE) {
            val phone = world.phoneOf("amina")
            phone.network.fault = thrown

            val key = phone.portal.send(claim, "tried")
            phone.portal.catchUp()

            assertEquals(SendState.Accepted, phone.portal.entryState(key))
        }

    @ParameterizedTest
    @MethodSource("whatAPortCanThrow")
    fun deviceKeyThatFailsSignsNobodyIn(thrown: Throwable) =
        runTest(timeout = PATIENCE) {
            val key =
                object : DeviceKey {
                    override fun sessionPublicKey(): ByteArray = throw thrown

                    override fun sign(bytes: ByteArray): ByteArray = throw thrown

                    override fun presencePublicKey(): ByteArray? = throw thrown

                    override fun signInPerson(bytes: ByteArray): ByteArray = throw thrown
                }
            val folder = world.folder.resolve("phone")
            val signIn = installation("$folder/home", FolderSecrets(folder.resolve("secrets")), deviceKey = key)

            val code = world.mailedCode { signIn.begin(world.url, world.email("amina")) }
            val answering = assertThrows<PortalException> { signIn.answer(code, "phone") }

            assertEquals("key_unavailable", answering.code)
            assertEquals(null, signIn.portal())
        }

    @Test
    fun nullByteInTheHomeIsATypedError() {
        val secrets = FolderSecrets(world.folder.resolve("secrets"))

        val fault = assertThrows<PortalException> { installation("${world.folder}/a\u0000b", secrets) }

        assertEquals("disk_full", fault.code)
    }

    private companion object {
        /** The bindings see Exceptions only; the others must not pass for success. */
        @JvmStatic
        fun whatAPortCanThrow(): List<Throwable> =
            listOf(
                IllegalArgumentException("undeclared"),
                NotImplementedError(),
                AssertionError("no"),
                StackOverflowError(),
            )
    }
}
