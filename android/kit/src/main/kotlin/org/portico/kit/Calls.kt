package org.portico.kit

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import org.portico.ffi.Answer
import org.portico.ffi.ConversationId
import org.portico.ffi.PendingSignIn
import org.portico.ffi.Portal
import org.portico.ffi.Rest
import org.portico.ffi.SignIn
import org.portico.ffi.callBack
import org.portico.ffi.newCall
import kotlin.time.Duration

/** Keeps the portal up to date until the coroutine is cancelled. One at a time. */
public suspend fun Portal.run(): Unit = waiting(::isClosed) { call -> run(call) }

/** Does everything that is due, and ends. */
public suspend fun Portal.catchUp(): Rest = waiting(::isClosed) { call -> catchUp(call) }

/** Brings what stands below [beforeSeq] from the server. Whether there is still more. */
public suspend fun Portal.fetchOlder(
    conversation: ConversationId,
    beforeSeq: ULong,
): Boolean = waiting(::isClosed) { call -> fetchOlder(conversation, beforeSeq, call) }

/** Asks the server, as the firm's people do: `portal.asking { call -> readers(conversation, call) }`. */
public suspend fun <T> Portal.asking(body: suspend Portal.(call: ULong) -> T): T =
    waiting(::isClosed) { call -> body(call) }

/** Signs this device out on the server. */
public suspend fun Portal.signOut(): Unit = waiting(::isClosed) { call -> signOut(call) }

/** Waits until the store is closed, which follows `end`; then its home may be removed. Call it before `close`. */
public suspend fun Portal.closed(): Unit = waiting(::isClosed) { call -> closed(call) }

/** The system is about to suspend the app: no request starts, and the store is made whole within [deadline]. */
public suspend fun Portal.suspend(deadline: Duration): Unit =
    typed(::isClosed) { suspend(deadline.inWholeMilliseconds.coerceAtLeast(0).toULong()) }

/** Asks the server at [serverUrl] to mail a code to [email]. */
public suspend fun SignIn.begin(
    serverUrl: String,
    email: String,
): PendingSignIn = waiting(::isClosed) { call -> begin(serverUrl, email, call) }

/** Answers with the code as it was typed. */
public suspend fun SignIn.answer(
    code: String,
    deviceName: String,
): Answer = waiting(::isClosed) { call -> answer(code, deviceName, call) }

/** Answers what is asked next: `signIn.asking { call -> prove(FactorAnswer.Totp(typed), call) }`. */
public suspend fun <T> SignIn.asking(body: suspend SignIn.(call: ULong) -> T): T =
    waiting(::isClosed) { call -> body(call) }

/** Runs quick calls, which read or write the disk, off the main thread: `portal.onDisk { firstScreen(50u) }`. */
public suspend fun <T> Portal.onDisk(calls: Portal.() -> T): T =
    withContext(Dispatchers.IO) { typed(::isClosed) { calls() } }

/** The same for an installation: `signIn.onDisk { portal() }`. */
public suspend fun <T> SignIn.onDisk(calls: SignIn.() -> T): T =
    withContext(Dispatchers.IO) { typed(::isClosed) { calls() } }

/** Gives a call its number, and takes it back when the coroutine ends: one that did not begin is forgotten then. */
internal suspend fun <T> waiting(
    closed: () -> Boolean,
    body: suspend (call: ULong) -> T,
): T {
    val call = newCall()
    try {
        return typed(closed) { body(call) }
    } finally {
        callBack(call)
    }
}

internal fun Portal.isClosed(): Boolean = uniffiIsDestroyed

internal fun SignIn.isClosed(): Boolean = uniffiIsDestroyed
