package org.portico.kit

import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.longOrNull
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.assertThrows
import org.portico.ffi.ConversationKind
import org.portico.ffi.PortalException
import org.portico.ffi.Reach
import org.portico.ffi.SendState

class TextScenariosTest {
    @Scenario("first_screen")
    fun oneCallGivesTheFirstScreen(stage: Stage) =
        stage.play {
            val phone = stage.phoneOf("person")
            phone.restart()

            val screen = phone.portal.onDisk { firstScreen(50u) }

            assertEquals(stage.texts("titles"), screen.conversations.map { it.head.title })
            val newest = screen.conversations.first().newest
            assertEquals(stage.text("newest"), newest?.body)
            assertEquals(stage.number("unread").toULong(), screen.unread)
        }

    @Scenario("send")
    fun textArrivesAsItWasWritten(stage: Stage) =
        stage.play {
            val (from, to) = stage.phoneOf("from") to stage.phoneOf("to")

            val key = from.portal.send(stage.conversation, stage.text("text"))
            from.portal.catchUp()
            from.restart()

            assertEquals(SendState.Accepted, from.portal.entryState(key))
            assertEquals(stage.text("text"), to.texts(stage.conversation).last())
        }

    @Scenario("client_begins")
    fun clientBeginsAConversationWithTheFirm(stage: Stage) =
        stage.play {
            val (from, to) = stage.phoneOf("from") to stage.phoneOf("to")
            val page = from.portal.timeline(stage.conversation, null, 1u)
            val matter = page.head.matterId
            val begin: suspend (ConversationKind, String?) -> String = { kind, of ->
                from.portal.asking { beginConversation(kind, stage.text("title"), of, emptyList(), it) }
            }

            val begun = begin(ConversationKind.EXTERNAL_MATTER, matter)
            val refused = runCatching { begin(ConversationKind.STAFF_CHANNEL, null) }.exceptionOrNull()
            from.portal.catchUp()
            from.portal.send(begun, stage.text("text"))
            from.portal.catchUp()

            assertEquals(stage.text("code"), (refused as PortalException).code)
            assertEquals(listOf(stage.text("text")), to.texts(begun))
            val head = to.portal.timeline(begun, null, 1u).head
            assertEquals(stage.text("title") to matter, head.title to head.matterId)
        }

    @Scenario("offline_killed")
    fun textsOfAKilledAppArriveOnceInOrder(stage: Stage) =
        stage.play {
            val (from, to) = stage.phoneOf("from") to stage.phoneOf("to")
            val before = to.texts(stage.conversation)
            from.close()
            stage.world.killServer()

            ChildJvm("OfflinePhoneKt", from.folder.toString(), stage.conversation).use { child ->
                child.tell(stage.texts("texts"))
                assertEquals("queued", child.line())
                child.kill()
            }
            stage.world.startServer()
            from.restart()
            from.portal.catchUp()

            assertEquals(stage.texts("texts"), to.texts(stage.conversation).drop(before.size))
            assertEquals(emptyList<Any>(), from.portal.outbox())
        }

    @Scenario("withdraw")
    fun withdrawnTextNeverArrives(stage: Stage) =
        stage.play {
            val (from, to) = stage.phoneOf("from") to stage.phoneOf("to")
            from.network.reach = Reach.OFFLINE

            val key = from.portal.send(stage.conversation, stage.text("text"))
            from.portal.discard(key)
            from.network.reach = Reach.UNMETERED
            from.portal.catchUp()

            assertEquals(SendState.Withdrawn, from.portal.entryState(key))
            assertFalse(stage.text("text") in to.texts(stage.conversation))
        }

    @Scenario("refusals")
    fun refusalsComeWithTheirNumbers(stage: Stage) =
        stage.play {
            val phone = stage.phoneOf("person")

            for (case in stage.list("refused").map { it.jsonObject }) {
                val refusal =
                    assertThrows<PortalException.Refused> {
                        phone.portal.send(
                            stage.conversation,
                            longText(case),
                        )
                    }.refusal
                assertEquals(case.text("code"), refusal.code.code)
                assertEquals(case.getValue("limit").jsonPrimitive.longOrNull, refusal.limit?.toLong())
                assertEquals(case.getValue("measured").jsonPrimitive.longOrNull, refusal.measured?.toLong())
            }
            val queued = phone.portal.outbox()
            val accepted = longText(stage.with.getValue("accepted").jsonObject)
            phone.portal.send(stage.conversation, accepted)

            assertEquals(emptyList<Any>(), queued)
            assertEquals(accepted, phone.texts(stage.conversation).last())
        }

    @Scenario("unknown_things")
    fun whatIsNotHereIsSaidSo(stage: Stage) =
        stage.play {
            val portal = stage.phoneOf("person").portal
            val calls =
                listOf<suspend (String) -> Any>(
                    { portal.timeline(it, null, 1u) },
                    { portal.send(it, "x") },
                    { portal.entryState(it) },
                    { portal.discard(it) },
                    { portal.sendAgain(it) },
                    { portal.fetchOlder(it, 1u) },
                    { portal.pick(it, "${stage.world.folder.resolve("server.log")}") },
                    { portal.sendFilesAgain(it) },
                    { portal.takeOut(it, 0u) },
                    { portal.pause(it) },
                    { portal.resume(it) },
                    { portal.uploadProgress(it) },
                    { portal.fetchAttachment(it, it) },
                    { portal.prepareBackgroundTransfer(it) ?: Unit },
                    { portal.backgroundTransferFinished(it, 200u, "application/json", byteArrayOf()) },
                )

            for (id in stage.texts("ids")) {
                val codes = calls.map { call -> assertThrows<PortalException> { call(id) }.code }
                assertEquals(List(calls.size) { "not_here" }, codes, id)
            }
        }

    private fun longText(case: JsonObject) = case.text("unit").repeat(case.getValue("times").jsonPrimitive.int)
}
