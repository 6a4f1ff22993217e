package org.portico.kit

import org.portico.ffi.DeviceKey
import org.portico.ffi.NetworkStatus
import org.portico.ffi.PortException
import org.portico.ffi.Reach
import org.portico.ffi.SecretStore

/*
 * The bindings catch what a port throws only if it is an Exception. An Error (out of memory, a missing class, TODO())
 * would go unseen, and the core would take a secret for kept that is not. So nothing but PortException leaves a port.
 */

internal class GuardedSecrets(
    private val secrets: SecretStore,
) : SecretStore {
    override fun read(name: String): ByteArray? = guarded { secrets.read(name) }

    override fun keep(
        name: String,
        secret: ByteArray,
    ) = guarded { secrets.keep(name, secret) }

    override fun forget(name: String) = guarded { secrets.forget(name) }
}

internal class GuardedKey(
    private val key: DeviceKey,
) : DeviceKey {
    override fun sessionPublicKey(): ByteArray = guarded { key.sessionPublicKey() }

    override fun sign(bytes: ByteArray): ByteArray = guarded { key.sign(bytes) }

    override fun presencePublicKey(): ByteArray? = guarded { key.presencePublicKey() }

    override fun signInPerson(bytes: ByteArray): ByteArray = guarded { key.signInPerson(bytes) }
}

internal class GuardedNetwork(
    private val network: NetworkStatus,
) : NetworkStatus {
    override fun reach(): Reach = guarded { network.reach() }
}

@Suppress("TooGenericExceptionCaught") // Whatever it is: what is not told to the core is taken for success.
private inline fun <T> guarded(answer: () -> T): T =
    try {
        answer()
    } catch (declared: PortException) {
        throw declared
    } catch (_: Throwable) {
        throw PortException.Unavailable()
    }
