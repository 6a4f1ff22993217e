package org.portico.examples

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.portico.ffi.Answer
import org.portico.ffi.ConversationId
import org.portico.ffi.FactorAnswer
import org.portico.ffi.Portal
import org.portico.ffi.PortalEvent
import org.portico.ffi.PortalException
import org.portico.ffi.SignIn
import org.portico.ffi.TimelineItem
import org.portico.kit.FolderSecrets
import org.portico.kit.answer
import org.portico.kit.asking
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
    // On other threads: whoever reads a line holds one.
    runBlocking(Dispatchers.Default) {
        val portal = signIn.onDisk { portal() } ?: answerTheMail(signIn, server, email)
        // It hears of what changes from here on; the page is read after that.
        val following = launch(start = CoroutineStart.UNDISPATCHED) { follow(portal) }
        val upToDate = launch { portal.run() }
        portal.catchUp()
        val screen = portal.onDisk { firstScreen(50u) }
        println("${screen.unread} unread")
        screen.conversations.forEach { println("${it.head.title}: ${it.newest?.body}") }

        val newest = screen.conversations.first()
        for (line in typed) send(portal, newest.head.conversationId, line)
        portal.catchUp()
        upToDate.cancelAndJoin()
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
    var asked: Answer? = null
    while (true) {
        try {
            val answer = signIn.answerNext(asked, typed.next())
            if (answer is Answer.SignedIn) return checkNotNull(signIn.onDisk { portal() })
            println(question(answer))
            asked = answer
        } catch (fault: PortalException) {
            // The words are the app's own; `code` is the key of its string table.
            println("${fault.code}, try again:")
        }
    }
}

/** What is typed answers what was [asked] before it; at first that is the code from the mail. */
private suspend fun SignIn.answerNext(
    asked: Answer?,
    line: String,
): Answer =
    when (asked) {
        null -> answer(line, deviceName = "Hello")
        is Answer.ChooseFirm -> asking { call -> chooseFirm(line, call) }
        is Answer.ApprovalAwaited -> asking { call -> prove(FactorAnswer.Approval, call) }
        else -> asking { call -> prove(FactorAnswer.Totp(line), call) }
    }

private fun question(answer: Answer): String =
    when (answer) {
        is Answer.SignedIn -> "Signed in."
        is Answer.ChooseFirm -> answer.firms.joinToString("\n", "Which?\n") { "${it.firmId} is ${it.name}" }
        is Answer.ApprovalAwaited -> "Type ${answer.number} on the other device, then press Enter:"
        is Answer.SetUpTotp -> "Add ${answer.setUp.uri} to an authenticator app. Its code:"
        is Answer.FactorNeeded -> "The code of the authenticator app:"
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
    try {
        portal.changes().filterIsInstance<PortalEvent.TimelineChanged>().collect { changed ->
            val newest = portal.onDisk { timeline(changed.conversationId, null, 50u) }.items.lastOrNull()
            if (newest is TimelineItem.Logged) println("${newest.entry.authorName}: ${newest.entry.body}")
        }
    } catch (fault: PortalException) {
        // `ended`, where the portal ends while a page of it is read.
        println("no longer following: ${fault.code}")
    }

/** In UTF-8, whatever the locale: JDK 17 decodes with the locale's charset. */
private val typed = generateSequence(System.`in`.bufferedReader(Charsets.UTF_8)::readLine).iterator()
