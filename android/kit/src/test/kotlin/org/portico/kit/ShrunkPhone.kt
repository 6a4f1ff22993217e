package org.portico.kit

import kotlinx.coroutines.runBlocking
import org.portico.ffi.PortalException
import org.portico.ffi.Reach
import org.portico.ffi.provokePanic
import java.nio.file.Path

/** A phone that goes over the language border in each direction, and says what came of it. */
fun main(arguments: Array<String>) {
    val folder = Path.of(arguments.first())
    val network = SwitchedNetwork().apply { reach = Reach.OFFLINE }
    val signIn = installation(folder.resolve("home").toString(), FolderSecrets(folder.resolve("secrets")), network)
    println(codeOf { runBlocking { signIn.begin("http://127.0.0.1", "amina@clients.example") } })
    println(codeOf { provokePanic() })
}

private fun codeOf(call: () -> Unit): String =
    try {
        call()
        "done"
    } catch (fault: PortalException) {
        fault.code
    }
