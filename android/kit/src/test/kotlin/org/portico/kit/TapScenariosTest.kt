package org.portico.kit

import org.junit.jupiter.api.Assertions.assertEquals
import org.portico.ffi.Reach
import org.portico.ffi.Shown
import org.portico.ffi.TapTarget
import org.portico.ffi.TimelineItem
import org.portico.ffi.WhyInbox

class TapScenariosTest {
    @Scenario("tap_cold")
    fun coldTapShowsWhatThePushSaid(stage: Stage) =
        stage.play {
            val phone = stage.phoneOf("to")
            val push = stage.pushTo(phone)
            phone.restart()

            val content = phone.signIn.onDisk { receivePush(push) }
            val target = phone.portal.onDisk { resolveTap(push) }

            assertEquals(stage.text("text"), content.text)
            stage.assertPreviews(target)
        }

    @Scenario("tap_warm")
    fun warmTapOpensTheMessage(stage: Stage) =
        stage.play {
            val phone = stage.phoneOf("to")
            val push = stage.pushTo(phone)
            phone.portal.pushArrived(push)
            phone.portal.catchUp()

            val target = phone.portal.resolveTap(push) as TapTarget.Message

            val rows =
                phone.portal
                    .timeline(stage.conversation, null, 9u)
                    .items
                    .filterIsInstance<TimelineItem.Logged>()
            assertEquals(Shown.Message, target.shown)
            assertEquals(stage.conversation, target.conversationId)
            assertEquals(stage.text("text"), rows.single { it.entry.entryId == target.entryId }.entry.body)
        }

    @Scenario("tap_offline")
    fun tapWithoutAServerOpensTheMessage(stage: Stage) =
        stage.play {
            val phone = stage.phoneOf("to")
            val push = stage.pushTo(phone)
            stage.world.killServer()
            phone.network.reach = Reach.OFFLINE
            phone.restart()

            val target = phone.portal.resolveTap(push)

            stage.assertPreviews(target)
        }

    @Scenario("tap_foreign")
    fun tapOfAnotherDeviceOpensTheList(stage: Stage) =
        stage.play {
            val push = stage.pushTo(stage.phoneOf("to"))
            val other = stage.phoneOf("other")
            other.portal.keepPushToken("another address")
            val before = other.portal.firstScreen(9u)

            val targets =
                listOf(push, push.take(push.length / 2), "no push", "").map { other.portal.resolveTap(it) }

            assertEquals(List(targets.size) { TapTarget.Inbox(WhyInbox.UNREADABLE) }, targets)
            assertEquals(before, other.portal.firstScreen(9u))
        }

    /** What a push provider carries to [phone] when somebody writes; the phone has not fetched the message. */
    private suspend fun Stage.pushTo(phone: Phone): String {
        val sender = phoneOf("from")
        phone.portal.keepPushToken("a push address")
        phone.portal.catchUp()
        return world.push(phone.portal.session().deviceId) {
            sender.portal.send(conversation, text("text"))
            sender.portal.catchUp()
        }
    }

    private fun Stage.assertPreviews(target: TapTarget) {
        val message = target as TapTarget.Message
        assertEquals(conversation, message.conversationId)
        assertEquals(Shown.Preview(text("text"), complete = true), message.shown)
    }
}
