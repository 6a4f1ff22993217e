package org.portico.kit

import java.nio.file.Path

/** A phone that begins twice, and says what became of it. */
fun main(arguments: Array<String>) {
    val folder = Path.of(arguments.first())
    repeat(2) {
        val said =
            try {
                installation(folder.resolve("home").toString(), FolderSecrets(folder.resolve("secrets"))).close()
                "loaded"
            } catch (mismatch: LibraryMismatch) {
                mismatch.javaClass.simpleName
            }
        println(said)
    }
}
