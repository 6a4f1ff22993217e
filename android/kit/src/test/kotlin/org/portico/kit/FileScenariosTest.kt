package org.portico.kit

import com.sun.jna.Library
import com.sun.jna.Native
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.assertThrows
import org.portico.ffi.BackgroundTransfer
import org.portico.ffi.ConversationId
import org.portico.ffi.Delivery
import org.portico.ffi.Entry
import org.portico.ffi.Fault
import org.portico.ffi.PickFault
import org.portico.ffi.Portal
import org.portico.ffi.PortalException
import org.portico.ffi.Reach
import org.portico.ffi.SendKey
import org.portico.ffi.SendState
import org.portico.ffi.TimelineItem
import org.portico.ffi.copyOf
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import java.nio.file.Path
import kotlin.io.path.createDirectories
import kotlin.io.path.readBytes
import kotlin.io.path.writeBytes

/** Files that are picked, sent, paused, handed to the system, fetched and saved. */
class FileScenariosTest {
    @Scenario("batch_sent")
    fun pickedFilesArriveByteForByte(stage: Stage) =
        stage.play {
            val (from, to) = stage.phoneOf("from") to stage.phoneOf("to")
            val (byPath, last) = stage.papers().let { it.dropLast(1) to it.last() }
            val descriptor = SYSTEM.open("$last", READ_ONLY)

            val picked =
                byPath.map { from.portal.pick(stage.conversation, "$it") } +
                    from.portal.pickDescriptor(stage.conversation, descriptor, "${last.fileName}")
            val stillOurs = SYSTEM.close(descriptor)
            val waiting = from.portal.timeline(stage.conversation, null, 1u).picked
            val key = from.portal.sendFiles(stage.conversation, stage.text("text"))
            from.portal.catchUp()

            assertEquals(0, stillOurs)
            assertEquals(picked, waiting)
            assertEquals(SendState.Accepted, from.portal.entryState(key))
            assertEquals(emptyList<Any>(), from.portal.timeline(stage.conversation, null, 1u).picked)
            val progress = from.portal.uploadProgress(key)
            assertEquals(stage.sizes().sum().toULong(), progress.heldBytes)
            assertEquals(stage.sizes().size, progress.filesHeld.toInt())
            stage.arrivedOnce(to, stage.text("text"))
        }

    @Scenario("batch_over_the_limit")
    fun oneFileTooManyIsRefusedWithBothNumbers(stage: Stage) =
        stage.play {
            val portal = stage.phoneOf("person").portal
            val paper = stage.paper(0, size = 1)
            repeat(stage.number("limit")) { portal.pick(stage.conversation, "$paper") }

            val refusal = assertThrows<PortalException.Refused> { portal.pick(stage.conversation, "$paper") }.refusal

            assertEquals(stage.text("code"), refusal.code.code)
            val numbers = listOf(refusal.limit, refusal.measured).map { it?.toInt() }
            assertEquals(listOf(stage.number("limit"), stage.number("measured")), numbers)
            assertEquals(stage.number("limit"), portal.timeline(stage.conversation, null, 1u).picked.size)
        }

    @Scenario("file_that_is_none")
    fun whatIsNoFileCanNotBePicked(stage: Stage) =
        stage.play {
            val portal = stage.phoneOf("person").portal
            val folder =
                stage.world.folder
                    .resolve("papers")
                    .createDirectories()
            val picks =
                listOf<suspend () -> Any>(
                    { portal.pick(stage.conversation, "$folder/not there") },
                    { portal.pick(stage.conversation, "$folder") },
                    { portal.pickDescriptor(stage.conversation, NO_DESCRIPTOR, "nothing") },
                )

            val faults = picks.map { pick -> assertThrows<PortalException.FileUnreadable> { pick() }.why }

            assertEquals(listOf(PickFault.MISSING, PickFault.NOT_A_FILE, PickFault.MISSING), faults)
            assertEquals(emptyList<Any>(), portal.timeline(stage.conversation, null, 1u).picked)
        }

    @Scenario("batch_paused")
    fun pausedBatchWaitsForThePersonAndArrivesOnce(stage: Stage) =
        stage.play {
            val (from, to) = stage.phoneOf("from") to stage.phoneOf("to")
            from.network.reach = Reach.OFFLINE
            val key = send(from.portal, stage.conversation, stage.papers(), stage.text("text"))
            from.portal.pause(key)

            from.network.reach = Reach.UNMETERED
            from.portal.catchUp()
            val echo = from.portal.outbox().single()
            from.portal.resume(key)
            from.portal.catchUp()

            assertEquals(Delivery.Paused, echo.delivery)
            assertEquals(stage.sizes(), echo.files.map { it.sizeBytes.toInt() })
            assertEquals(SendState.Accepted, from.portal.entryState(key))
            stage.arrivedOnce(to, stage.text("text"))
        }

    @Scenario("batch_metered")
    fun batchThatWouldCostWaitsForAWordOrAnotherNetwork(stage: Stage) =
        stage.play {
            val (from, to) = stage.phoneOf("from") to stage.phoneOf("to")
            from.portal.allowMeteredWithin(stage.number("bytes_max").toULong())
            for ((text, byWord) in stage.texts("texts").zip(listOf(true, false))) {
                from.network.reach = Reach.METERED
                val key = send(from.portal, stage.conversation, stage.papers(), text)
                from.portal.send(stage.conversation, stage.text("text"))
                from.portal.catchUp()
                val echo = from.portal.outbox().single()
                if (byWord) {
                    from.portal.allowMetered(key)
                } else {
                    from.network.reach = Reach.UNMETERED
                    from.portal.networkChanged()
                }
                from.portal.catchUp()

                assertEquals(Fault.METERED, (echo.delivery as Delivery.Waiting).fault)
                assertEquals(key, echo.sendKey)
                assertEquals(SendState.Accepted, from.portal.entryState(key))
                stage.arrivedOnce(to, text)
            }
        }

    @Scenario("batch_handed_over")
    fun batchThatTheSystemCarriedArrivesOnce(stage: Stage) =
        stage.play {
            val (from, to) = stage.phoneOf("from") to stage.phoneOf("to")
            for ((text, answerIsLost) in stage.texts("texts").zip(listOf(false, true))) {
                from.network.reach = Reach.OFFLINE
                val key = send(from.portal, stage.conversation, stage.papers(), text)
                from.network.reach = Reach.UNMETERED

                val answer = carried(requireNotNull(from.portal.prepareBackgroundTransfer(key)))
                if (answerIsLost) {
                    assertNull(from.portal.prepareBackgroundTransfer(key), "nothing is left to send")
                } else {
                    val mediaType = answer.headers().firstValue("content-type").orElse("")
                    from.portal.backgroundTransferFinished(
                        key,
                        answer.statusCode().toUShort(),
                        mediaType,
                        answer.body(),
                    )
                }

                assertEquals(SendState.Accepted, from.portal.entryState(key), text)
                from.portal.catchUp()
                stage.arrivedOnce(to, text)
            }
        }

    private suspend fun send(
        portal: Portal,
        conversation: ConversationId,
        papers: List<Path>,
        text: String,
    ): SendKey {
        for (paper in papers) portal.pick(conversation, "$paper")
        return portal.sendFiles(conversation, text)
    }

    /** Sends the one file as it was told to, and knows nothing of Portico. */
    @Scenario("documents")
    fun copyOfADocumentIsTouchedByNothing(stage: Stage) =
        stage.play {
            val (from, to) = stage.phoneOf("from") to stage.phoneOf("to")
            val page = from.portal.timeline(stage.conversation, null, 1u)
            val matter = page.head.matterId!!
            val listed = suspend { from.portal.asking { documents(matter, null, it) }.documents }

            val paper = stage.papers().first()
            val kept = from.portal.asking { addDocument(matter, stage.text("name"), "$paper", it) }
            from.portal.sendDocuments(stage.conversation, stage.text("text"), listed().map(::copyOf))
            from.portal.catchUp()
            from.portal.asking { renameDocument(kept.documentId, "Another name", it) }
            from.portal.asking { removeDocument(kept.documentId, it) }

            stage.arrivedOnce(to, stage.text("text"))
            assertEquals(emptyList<Any>(), listed())
            val hidden = assertThrowsSuspending { to.portal.asking { documents(matter, null, it) } }
            assertEquals("not_here", hidden.code)
        }

    private suspend fun assertThrowsSuspending(body: suspend () -> Unit): PortalException =
        runCatching { body() }.exceptionOrNull() as PortalException

    private fun carried(transfer: BackgroundTransfer): HttpResponse<ByteArray> {
        val request =
            HttpRequest
                .newBuilder(URI(transfer.url))
                .method(transfer.method, HttpRequest.BodyPublishers.ofFile(Path.of(transfer.file)))
        transfer.headers.forEach { request.header(it.name, it.value) }
        val client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()
        return client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray())
    }

    /** One message has [text], and its files are the papers of the scenario. */
    private suspend fun Stage.arrivedOnce(
        to: Phone,
        text: String,
    ) {
        to.portal.catchUp()
        val items = to.portal.timeline(conversation, null, PAGE).items
        val entry = items.filterIsInstance<TimelineItem.Logged>().map { it.entry }.single { it.body == text }

        save(to.portal, entry, to.folder)

        assertEquals(papers().map { "${it.fileName}" }, entry.files.map { it.name })
        entry.files.zip(papers()).forEach { (file, paper) ->
            assertEquals(file.sizeBytes, to.portal.heldBytes(file.attachmentId))
            assertArrayEquals(paper.readBytes(), to.folder.resolve(file.attachmentId).readBytes(), "$paper")
        }
    }

    private suspend fun save(
        portal: Portal,
        entry: Entry,
        folder: Path,
    ) {
        for (file in entry.files) {
            portal.fetchAttachment(entry.entryId, file.attachmentId)
            portal.onDisk { saveAttachment(file.attachmentId, "$folder/${file.attachmentId}") }
        }
    }

    private fun Stage.sizes() = list("sizes").map { it.jsonPrimitive.int }

    private fun Stage.papers() = sizes().mapIndexed { number, size -> paper(number, size) }

    /** No two of them are the same. */
    private fun Stage.paper(
        number: Int,
        size: Int,
    ): Path {
        val folder = world.folder.resolve("papers").createDirectories()
        return folder.resolve("paper $number.bin").also { paper ->
            paper.writeBytes(ByteArray(size) { (it * STEP + number).toByte() })
        }
    }

    private interface Calls : Library {
        fun open(
            path: String,
            flags: Int,
        ): Int

        fun close(descriptor: Int): Int
    }

    private companion object {
        const val PAGE = 100u
        const val NO_DESCRIPTOR = -1
        const val READ_ONLY = 0

        /** Odd, so that all 256 values come. */
        const val STEP = 37
        val SYSTEM: Calls = Native.load("c", Calls::class.java)
    }
}
