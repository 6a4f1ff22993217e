package org.portico.bench

import org.portico.ffi.Portal
import org.portico.ffi.PortalException
import org.portico.ffi.SecretStore
import org.portico.ffi.SignIn
import org.portico.kit.AlwaysOnline
import java.nio.file.Files
import java.nio.file.Path

/** The Kotlin player of `tests/run bench`; `tests/src/bin/bench/border.rs` says what it is asked. */
fun main(arguments: Array<String>) {
    val (mode, home) = arguments
    when (mode) {
        "nothing" -> {
            println("nothing 0")
        }

        "screen" -> {
            println("shown ${show(portal(home))}")
        }

        "calls" -> {
            timeCalls(portal(home))
        }

        "push" -> {
            signIn(home).receivePush(Files.readString(Path.of(arguments[2])))
            println("resident ${highestResidentKib()}")
        }
    }
}

private fun show(portal: Portal): Int {
    val rows = portal.firstScreen(SHOWN).conversations
    val page = portal.timeline(rows.first().head.conversationId, null, SHOWN)
    return rows.size + page.items.size
}

private fun signIn(home: String) = SignIn(home, PlainFiles(Path.of(home, "keys")), null, AlwaysOnline, null)

private fun portal(home: String): Portal = checkNotNull(signIn(home).portal())

private fun timeCalls(portal: Portal) {
    val conversation =
        portal
            .firstScreen(1u)
            .conversations
            .first()
            .head.conversationId
    sayPerCall("connection", CALLS) { portal.connection() }
    sayPerCall("refused", CALLS) {
        try {
            portal.send(conversation, "")
        } catch (_: PortalException.Refused) {
            // This is what is timed.
        }
    }
    sayPerCall("page", PAGES) { portal.timeline(conversation, null, SHOWN) }
}

/** After as many calls again, so that what is compiled on the way is compiled. */
private fun sayPerCall(
    name: String,
    count: Int,
    call: () -> Unit,
) {
    repeat(count) { call() }
    val began = System.nanoTime()
    repeat(count) { call() }
    println("$name ${(System.nanoTime() - began).toDouble() / count}")
}

private fun highestResidentKib(): String =
    Files
        .readAllLines(Path.of("/proc/self/status"))
        .first { it.startsWith("VmHWM:") }
        .filter(Char::isDigit)

/** The secrets as the phone of the bench keeps them: a file each. */
private class PlainFiles(
    private val folder: Path,
) : SecretStore {
    override fun read(name: String): ByteArray? = folder.resolve(name).takeIf(Files::exists)?.let(Files::readAllBytes)

    override fun keep(
        name: String,
        secret: ByteArray,
    ) {
        Files.write(folder.resolve(name), secret)
    }

    override fun forget(name: String) {
        Files.deleteIfExists(folder.resolve(name))
    }
}

private const val CALLS = 20_000
private const val PAGES = 200
private const val SHOWN = 50u
