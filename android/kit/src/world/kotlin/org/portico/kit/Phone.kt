package org.portico.kit

import kotlinx.coroutines.runBlocking
import org.portico.ffi.Answer
import org.portico.ffi.NetworkStatus
import org.portico.ffi.Portal
import org.portico.ffi.Reach
import org.portico.ffi.SecretStore
import org.portico.ffi.SignIn
import org.portico.ffi.TimelineItem
import java.nio.file.Path
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit

/** An installation of the app whose ports can be disturbed. */
class Phone(
    private val world: World,
    val folder: Path,
) : AutoCloseable {
    val home: Path = folder.resolve("home")
    val network = SwitchedNetwork()
    val secrets = DisturbedSecrets(FolderSecrets(folder.resolve("secrets")))
    var signIn: SignIn = open()
        private set

    /** Of whoever is signed in. */
    val portal: Portal get() = signIn.portal() ?: error("nobody is signed in")

    private fun open() = installation(home.toString(), secrets, network)

    suspend fun signInAs(person: String): Answer = signIn.answer(codeFor(person), "phone of $person")

    /** Begins to sign somebody in. */
    suspend fun codeFor(person: String): String = world.mailedCode { signIn.begin(world.url, world.email(person)) }

    /** The app ends, and begins anew on the same home. */
    fun restart() {
        close()
        signIn = open()
    }

    /** The newest texts of a conversation that are in the log, in its order, after catching up. */
    suspend fun texts(conversation: String): List<String> {
        portal.catchUp()
        val page = portal.timeline(conversation, null, PAGE)
        return page.items.filterIsInstance<TimelineItem.Logged>().map { it.entry.body }
    }

    /** When this returns, the store is closed. */
    override fun close() {
        // Nobody may be signed in, and the keystore may be locked.
        runCatching { signIn.portal() }.getOrNull()?.let { portal ->
            portal.end()
            runBlocking { portal.closed() }
        }
        signIn.close()
    }

    private companion object {
        const val PAGE = 100u
    }
}

/** Says of the network what a test tells it to say. */
class SwitchedNetwork : NetworkStatus {
    @Volatile var reach = Reach.UNMETERED

    @Volatile var fault: Throwable? = null

    @Volatile private var held: HeldQuestion? = null

    /** Whoever asks next is held in the middle of it. */
    fun hold(): HeldQuestion = HeldQuestion().also { held = it }

    override fun reach(): Reach {
        held?.answerLater()
        return fault?.let { throw it } ?: reach
    }
}

/** A question to a port that has no answer until it is let go. */
class HeldQuestion {
    private val asked = CountDownLatch(1)
    private val answered = CountDownLatch(1)

    fun untilAsked() = check(asked.await(PATIENCE_S, TimeUnit.SECONDS)) { "nobody asked" }

    fun letGo() = answered.countDown()

    internal fun answerLater() {
        asked.countDown()
        answered.await()
    }

    private companion object {
        /** A limit for what never comes, not a time that passes. */
        const val PATIENCE_S = 120L
    }
}

/** Secrets that can not be had while there is a [fault] to throw, nor kept while there is a [keepFault]. */
class DisturbedSecrets(
    private val kept: SecretStore,
) : SecretStore {
    @Volatile var fault: Throwable? = null

    @Volatile var keepFault: Throwable? = null

    override fun read(name: String): ByteArray? = fault?.let { throw it } ?: kept.read(name)

    override fun keep(
        name: String,
        secret: ByteArray,
    ) = (fault ?: keepFault)?.let { throw it } ?: kept.keep(name, secret)

    override fun forget(name: String) = fault?.let { throw it } ?: kept.forget(name)
}
