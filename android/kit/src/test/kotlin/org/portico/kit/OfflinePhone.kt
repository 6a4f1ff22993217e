package org.portico.kit

import kotlinx.coroutines.runBlocking
import org.portico.ffi.Reach
import java.nio.file.Path

/** A phone without a network, to be killed: queues each line it is told, says so, and waits. */
fun main(arguments: Array<String>) {
    val (folder, conversation) = arguments
    val network = SwitchedNetwork().apply { reach = Reach.OFFLINE }
    val secrets = FolderSecrets(Path.of(folder, "secrets"))
    val portal =
        installation(Path.of(folder, "home").toString(), secrets, network).portal() ?: error("nobody is signed in")
    System.`in`.bufferedReader().forEachLine { portal.send(conversation, it) }
    println("queued")
    runBlocking { portal.run() }
}
