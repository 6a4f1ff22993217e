package org.portico.kit

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.assertThrows
import org.portico.ffi.Answer
import org.portico.ffi.PortException
import org.portico.ffi.Portal
import org.portico.ffi.PortalEvent
import org.portico.ffi.PortalException
import org.portico.ffi.Reach
import org.portico.ffi.callBack
import org.portico.ffi.newCall
import org.portico.ffi.provokePanic
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread
import kotlin.io.path.exists

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
            // It asks the stream at once, on this thread.
            val reading = async(start = CoroutineStart.UNDISPATCHED) { stream.nextBatch(256u) }
            assertTrue(reading.isActive, "it waits")

            stream.stop()

            assertEquals(emptyList<PortalEvent>(), reading.await())
            portal.send(stage.conversation, "on it goes")
        }

    @Scenario("dropped_while_busy")
    fun portalLetGoWhileBusyHarmsNobody(stage: Stage) =
        stage.play {
            val phone = stage.phoneOf("person")
            val portal = phone.portal
            val busy = busy(stage, portal)

            onAThreadOfItsOwn {
                portal.end()
                portal.close()
            }

            val faults = busy.drafts.awaitAll().filterNotNull()
            assertTrue(faults.all { it is PortalException.Ended }, "$faults")
            assertTrue(busy.running.await() is PortalException.Ended)
            assertEquals(1, phone.conversationsShown())
            stage.objectsAreLetGoWithoutAnEnd(phone)
        }

    @Scenario("home_removed_after_end")
    fun homeOfAClosedPortalCanGo(stage: Stage) =
        stage.play {
            val phone = stage.phoneOf("person")
            val portal = phone.portal
            val held = phone.network.hold()
            val running = async(start = CoroutineStart.UNDISPATCHED) { runCatching { portal.run() }.exceptionOrNull() }
            held.untilAsked()

            portal.end()
            val closing = async(start = CoroutineStart.UNDISPATCHED) { portal.closed() }
            val openInTheMiddle = phone.openStores()
            held.letGo()
            closing.await()
            val openAfter = phone.openStores()
            assertTrue(phone.home.toFile().deleteRecursively())

            assertTrue(running.await() is PortalException.Ended)
            assertEquals(listOf(1, 0), listOf(openInTheMiddle, openAfter))
            assertFalse(phone.home.exists(), "nothing came back")
            assertNull(phone.signIn.portal())
            assertEquals(Answer.SignedIn(sealed = null, beganAnew = false), phone.signInAs(stage.text("person")))
            phone.portal.catchUp()
            assertEquals(1, phone.conversationsShown())
        }

    private fun Phone.conversationsShown() = portal.firstScreen(9u).conversations.size

    /** A store has its write-ahead log for as long as it is open. */
    private fun Phone.openStores() = home.toFile().walk().count { it.name.endsWith("-wal") }

    /** What is let go without a word lives until its last call has ended. */
    private suspend fun Stage.objectsAreLetGoWithoutAnEnd(phone: Phone) =
        coroutineScope {
            val (signIn, portal) = phone.signIn to phone.portal
            val busy = busy(this@objectsAreLetGoWithoutAnEnd, portal)

            onAThreadOfItsOwn {
                signIn.close()
                portal.close()
            }

            val faults = busy.drafts.awaitAll().filterNotNull()
            assertTrue(faults.all { it is PortalException.Ended }, "$faults")
            assertTrue(busy.running.isActive, "nobody told it to end")
            busy.running.cancelAndJoin()
            phone.restart()
            phone.portal.catchUp()
            val draft = phone.portal.timeline(conversation, null, 1u).draft
            assertTrue(draft in busy.drafts.indices.map(Int::toString), "a draft as it was written: $draft")
        }

    private class Busy(
        val running: Deferred<Throwable?>,
        val drafts: List<Deferred<Throwable?>>,
    )

    /** A portal that runs, and is in the middle of many calls. */
    private fun CoroutineScope.busy(
        stage: Stage,
        portal: Portal,
    ): Busy {
        val running = async(start = CoroutineStart.UNDISPATCHED) { runCatching { portal.run() }.exceptionOrNull() }
        val begun = CountDownLatch(stage.number("calls") / 2)
        val drafts =
            List(stage.number("calls")) { number ->
                async(Dispatchers.IO) {
                    runCatching {
                        portal.onDisk { keepDraft(stage.conversation, "$number") }
                        begun.countDown()
                    }.exceptionOrNull()
                }
            }
        assertTrue(begun.await(PATIENCE.inWholeSeconds, TimeUnit.SECONDS), "half of them are kept")
        return Busy(running, drafts)
    }

    private fun onAThreadOfItsOwn(body: () -> Unit) = thread(block = body).join()

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
            val phone = stage.phoneOf("person")
            phone.restart()
            val portal = phone.portal
            val call = newCall()
            val answered = async { portal.changes().first { it == PortalEvent.ConnectionChanged } }
            testScheduler.runCurrent()
            val waiting = async(Dispatchers.IO) { runCatching { portal.run(call) }.exceptionOrNull() }
            // The server has answered it; it waits for what may change there.
            answered.await()
            assertTrue(waiting.isActive)

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
