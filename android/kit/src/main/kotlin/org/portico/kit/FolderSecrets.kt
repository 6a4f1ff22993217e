package org.portico.kit

import org.portico.ffi.PortException
import org.portico.ffi.SecretStore
import java.io.IOException
import java.net.URLEncoder
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.nio.file.Files
import java.nio.file.NoSuchFileException
import java.nio.file.Path
import java.nio.file.StandardCopyOption.ATOMIC_MOVE
import java.nio.file.StandardCopyOption.REPLACE_EXISTING
import java.nio.file.StandardOpenOption.CREATE_NEW
import java.nio.file.StandardOpenOption.READ
import java.nio.file.StandardOpenOption.WRITE
import java.nio.file.attribute.FileAttribute
import java.nio.file.attribute.PosixFilePermissions

/**
 * Secrets as files that only their owner can read: for desktops and tests. A phone has a keystore.
 *
 * A secret is written beside its place, synced and moved there: a power cut finds the old one or the new one.
 */
public class FolderSecrets(
    private val folder: Path,
) : SecretStore {
    override fun read(name: String): ByteArray? =
        orUnavailable {
            try {
                Files.readAllBytes(place(name))
            } catch (_: NoSuchFileException) {
                null
            }
        }

    override fun keep(
        name: String,
        secret: ByteArray,
    ): Unit =
        oneAtATime {
            Files.createDirectories(folder, *onlyOwner("rwx------"))
            val beside = folder.resolve(place(name).fileName.toString() + ".new")
            // One that a crash left may have another owner's rights.
            Files.deleteIfExists(beside)
            FileChannel.open(beside, setOf(CREATE_NEW, WRITE), *onlyOwner("rw-------")).use { file ->
                val rest = ByteBuffer.wrap(secret)
                while (rest.hasRemaining()) file.write(rest)
                file.force(true)
            }
            Files.move(beside, place(name), ATOMIC_MOVE, REPLACE_EXISTING)
            syncFolder()
        }

    override fun forget(name: String): Unit = oneAtATime { if (Files.deleteIfExists(place(name))) syncFolder() }

    /** No name, whatever is in it, leads out of the folder. */
    private fun place(name: String): Path {
        // By the name of the encoding: Android takes a Charset here from API 33 on.
        return folder.resolve(URLEncoder.encode(name, "UTF-8") + ".secret")
    }

    private fun onlyOwner(rights: String): Array<FileAttribute<*>> {
        val attribute = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(rights))
        return if (isPosix()) arrayOf(attribute) else arrayOf()
    }

    /** Windows has no way to sync a folder; its moves are in the journal. */
    private fun syncFolder() {
        if (isPosix()) FileChannel.open(folder, READ).use { it.force(true) }
    }

    private fun isPosix() = "posix" in folder.fileSystem.supportedFileAttributeViews()

    private inline fun oneAtATime(change: () -> Unit) = orUnavailable { synchronized(CHANGING, change) }

    private inline fun <T> orUnavailable(body: () -> T): T =
        try {
            body()
        } catch (_: IOException) {
            throw PortException.Unavailable()
        }

    private companion object {
        /** Guards what stands beside a secret's place, for every store of this process: two may have one folder. */
        val CHANGING = Any()
    }
}
