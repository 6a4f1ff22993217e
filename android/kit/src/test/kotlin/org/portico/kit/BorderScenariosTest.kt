package org.portico.kit

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.assertThrows
import org.portico.ffi.PortException
import org.portico.ffi.Portal
import org.portico.ffi.PortalEvent
import org.portico.ffi.PortalException
import org.portico.ffi.Reach
import org.portico.ffi.callBack
import org.portico.ffi.newCall
import org.portico.ffi.provokePanic

/** Ports that fail, streams that end, portals that are let go, calls that are taken back. */
class BorderScenariosTest {
    @Scenario("key_store_locked")
    fun lockedKeystoreLeavesTheStoreAlone(stage: Stage) =
        stage.storeWaitsForItsKey(PortException.Locked(), "key_locked")

    @Scenario("port_throws")
    fun undeclaredExceptionLeavesTheStoreAlone(stage: Stage) =
        stage.storeWaitsForItsKey(RuntimeException("undeclared"), "key_unavailable")

    private fun Stage.storeWaitsForItsKey(
        fault: Throwable,
        code: String,
    ) = play {
        val phone = phoneOf("person")
        phone.network.reach = Reach.OFFLINE
        phone.portal.send(conversation, text("text"))
        phone.restart()

        phone.secrets.fault = fault
        val told = assertThrows<PortalException> { phone.portal }
        phone.secrets.fault = null
        val queued = phone.portal.outbox().map { it.body }
        phone.network.reach = Reach.UNMETERED

        assertEquals(code, told.code)
        assertEquals(listOf(text("text")), queued)
        assertEquals(text("text"), phone.texts(conversation).last())
    }

    @Scenario("stream_ended")
    fun stoppedStreamEndsItsReader(stage: Stage) =
        stage.play {
            val portal = stage.phoneOf("person").portal
            val stream = portal.events()
            val reading = async(Dispatchers.IO) { stream.nextBatch(256u) }

            stream.stop()

            assertEquals(emptyList<PortalEvent>(), reading.await())
            portal.send(stage.conversation, "on it goes")
        }

    @Scenario("dropped_while_busy")
    fun portalLetGoWhileBusyHarmsNobody(stage: Stage) =
        stage.play {
            val phone = stage.phoneOf("person")
            val portal = phone.portal
            val running = async(Dispatchers.IO) { runCatching { portal.run() }.exceptionOrNull() }
            val calls =
                List(stage.number("calls")) { number ->
                    async(Dispatchers.IO) {
                        runCatching { portal.onDisk { keepDraft(stage.conversation, "$number") } }.exceptionOrNull()
                    }
                }

            launch(Dispatchers.IO) {
                portal.end()
                portal.close()
            }.join()

            val faults = calls.awaitAll().filterNotNull() + listOfNotNull(running.await())
            assertTrue(faults.all { it is PortalException.Ended }, "$faults")
            assertTrue(running.await() is PortalException.Ended)
            val screen = phone.portal.firstScreen(9u)
            assertEquals(1, screen.conversations.size)
        }

    @Scenario("slow_reader")
    fun slowReaderSeesEveryChange(stage: Stage) =
        stage.play {
            val phone = stage.phoneOf("person")
            val (portal, changes) = phone.portal to stage.number("changes")
            phone.network.reach = Reach.OFFLINE
            val changed = PortalEvent.TimelineChanged(stage.conversation)
            val reading =
                async {
                    // Whoever reads the page at each event, however late, has seen the last change at the last event.
                    portal.changes().first { it == changed && portal.unsent() == changes.toULong() }
                }
            testScheduler.runCurrent()

            launch(Dispatchers.IO) {
                repeat(changes) { portal.send(stage.conversation, "$it") }
            }.join()

            assertEquals(changed, reading.await())
        }

    private suspend fun Portal.unsent() =
        onDisk { firstScreen(1u) }
            .conversations
            .single()
            .unsent

    @Scenario("taken_back")
    fun callThatIsTakenBackEnds(stage: Stage) =
        stage.play {
            val portal = stage.phoneOf("person").portal
            val call = newCall()
            val waiting = async(Dispatchers.IO) { runCatching { portal.run(call) }.exceptionOrNull() }

            // Whether it has begun by now or not.
            callBack(call)

            assertTrue(waiting.await() is PortalException.Ended)
            portal.catchUp()
        }

    @Scenario("panic")
    fun panicIsAnErrorLikeAnother(stage: Stage) =
        stage.play {
            val fault = assertThrows<PortalException.Bug> { provokePanic() }

            assertEquals(stage.text("what"), fault.what)
            assertTrue(newCall() > 0u)
            assertEquals(
                null,
                stage.world
                    .phone()
                    .signIn
                    .portal(),
            )
        }
}
