package org.portico.kit

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.runTest
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.portico.ffi.PortalEvent
import org.portico.ffi.SendState
import java.net.InetAddress
import java.net.ServerSocket
import kotlin.time.Duration.Companion.seconds

/** Streams and waiting calls as an app holds them: in scopes that end when a screen goes. */
class PortalFlowsTest {
    private val world = World()
    private val claim = world.conversation("claim")
    private val changed = PortalEvent.TimelineChanged(claim)

    @AfterEach
    fun end() = world.close()

    @Test
    fun eachCollectorHearsOfEachChange() =
        runTest(timeout = PATIENCE) {
            val portal = world.phoneOf("amina").portal
            val collectors = List(2) { async { portal.changes().first { it == changed } } }
            testScheduler.runCurrent()

            portal.send(claim, "for both")

            assertEquals(listOf(changed, changed), collectors.map { it.await() })
        }

    @Test
    fun cancelledCollectorLeavesTheOthersAndThePortal() =
        runTest(timeout = PATIENCE) {
            val portal = world.phoneOf("amina").portal
            val gone = launch { portal.changes().collect { } }
            val stays = async { portal.changes().first { it == changed } }
            testScheduler.runCurrent()

            gone.cancelAndJoin()
            portal.send(claim, "for the one that stays")

            assertEquals(changed, stays.await())
        }

    @Test
    fun changesEndWithThePortal() =
        runTest(timeout = PATIENCE) {
            val portal = world.phoneOf("amina").portal
            val collector = async { portal.changes().toList() }
            testScheduler.runCurrent()

            portal.end()

            assertTrue(collector.await().isEmpty())
        }

    @Test
    fun eachRunBringsWhatOthersWriteUntilItsScopeEnds() =
        runTest(timeout = PATIENCE) {
            val (reader, writer) = world.phoneOf("amina").portal to world.phoneOf("mara").portal

            for (seq in listOf(3uL, 4uL)) {
                val heard = async { reader.changes().first { reader.timeline(claim, null, 9u).head.lastSeq == seq } }
                testScheduler.runCurrent()
                val running = launch(Dispatchers.IO) { reader.run() }

                writer.send(claim, "number $seq")
                writer.catchUp()

                heard.await()
                running.cancelAndJoin()
            }
        }

    @Test
    fun cancelledCallLetsGoOfItsConnection() =
        runTest(timeout = PATIENCE) {
            val signIn = world.phone().signIn
            ServerSocket(0, 1, InetAddress.getLoopbackAddress()).use { silent ->
                silent.soTimeout = PATIENCE.inWholeMilliseconds.toInt()
                val asking =
                    launch(Dispatchers.IO) { signIn.begin("http://127.0.0.1:${silent.localPort}", "a@b.example") }
                silent.accept().use { asked ->
                    asked.soTimeout = PATIENCE.inWholeMilliseconds.toInt()

                    asking.cancelAndJoin()

                    // Reads to the end, which comes when the other side hangs up.
                    asked.getInputStream().readAllBytes()
                }
            }
        }

    @Test
    fun suspendedPortalGoesOnWhenTheAppIsBack() =
        runTest(timeout = PATIENCE) {
            val portal = world.phoneOf("amina").portal

            portal.suspend(30.seconds)
            val key = portal.send(claim, "written while suspended")
            portal.becameActive()
            portal.catchUp()

            assertEquals(SendState.Accepted, portal.entryState(key))
        }

    @Test
    fun whoSignedOutSignsInAgainAndLosesNothing() =
        runTest(timeout = PATIENCE) {
            val phone = world.phoneOf("amina")

            phone.portal.signOut()
            val key = phone.portal.send(claim, "while signed out")
            phone.signInAs("amina")
            phone.portal.catchUp()

            assertEquals(SendState.Accepted, phone.portal.entryState(key))
        }
}
