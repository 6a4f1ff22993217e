package org.portico.examples

import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.portico.ffi.ConversationId
import org.portico.ffi.Portal
import org.portico.ffi.PortalEvent
import org.portico.ffi.PortalException
import org.portico.ffi.SignIn
import org.portico.ffi.TimelineItem
import org.portico.kit.FolderSecrets
import org.portico.kit.answer
import org.portico.kit.begin
import org.portico.kit.catchUp
import org.portico.kit.changes
import org.portico.kit.code
import org.portico.kit.installation
import org.portico.kit.onDisk
import org.portico.kit.run
import java.nio.file.Path

/** `HelloPortal FOLDER SERVER EMAIL`: signs in, shows what is there, and sends each line that is typed. */
fun main(arguments: Array<String>) {
    val (folder, server, email) = arguments
    val signIn = installation("$folder/home", FolderSecrets(Path.of(folder, "keys")))
    runBlocking {
        val portal = signIn.onDisk { portal() } ?: answerTheMail(signIn, server, email)
        val following = launch { follow(portal) }
        val upToDate = launch { portal.run() }
        portal.catchUp()
        val screen = portal.onDisk { firstScreen(50u) }
        println("${screen.unread} unread")
        screen.conversations.forEach { println("${it.head.title}: ${it.newest?.body}") }

        val newest = screen.conversations.first()
        for (line in generateSequence(::readlnOrNull)) send(portal, newest.head.conversationId, line)
        portal.catchUp()
        upToDate.cancel()
        portal.end()
        following.join()
    }
}

private suspend fun answerTheMail(
    signIn: SignIn,
    server: String,
    email: String,
): Portal {
    signIn.begin(server, email)
    println("The code from the mail:")
    while (true) {
        try {
            signIn.answer(readln(), deviceName = "Hello")
            return checkNotNull(signIn.onDisk { portal() })
        } catch (fault: PortalException) {
            // The words are the app's own; `code` is the key of its string table.
            println("${fault.code}, try again:")
        }
    }
}

private suspend fun send(
    portal: Portal,
    conversation: ConversationId,
    text: String,
) = try {
    portal.onDisk { send(conversation, text) }
} catch (refused: PortalException.Refused) {
    println("not sent: ${refused.refusal.code.code}, at most ${refused.refusal.limit}")
} catch (fault: PortalException) {
    println("not sent: ${fault.code}")
}

private suspend fun follow(portal: Portal) =
    portal.changes().collect { event ->
        if (event is PortalEvent.TimelineChanged) {
            val page = portal.onDisk { timeline(event.conversationId, null, 50u) }
            val newest = page.items.lastOrNull() as? TimelineItem.Logged
            newest?.let { println("${it.entry.authorName}: ${it.entry.body}") }
        }
    }
