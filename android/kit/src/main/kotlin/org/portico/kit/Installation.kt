package org.portico.kit

import org.portico.ffi.DeviceKey
import org.portico.ffi.NetworkStatus
import org.portico.ffi.SecretStore
import org.portico.ffi.SignIn
import org.portico.ffi.uniffiEnsureInitialized

/**
 * An installation with its home in the folder [home], over the ports of the platform. Make one, and keep it. Loads the
 * library and makes the folder: not for the main thread.
 *
 * Without [deviceKey] the core keeps the device's key in [secrets]. [extraRoot] is the certificate, PEM or DER, of a
 * server that is not known to the world. Throws [LibraryMismatch] where the app was put together wrongly.
 */
public fun installation(
    home: String,
    secrets: SecretStore,
    network: NetworkStatus = AlwaysOnline,
    deviceKey: DeviceKey? = null,
    extraRoot: ByteArray? = null,
): SignIn {
    loadLibrary()
    return typed({ false }) {
        SignIn(home, GuardedSecrets(secrets), deviceKey?.let(::GuardedKey), GuardedNetwork(network), extraRoot)
    }
}

/** The library is missing, or of another version than the bindings: the app was built wrongly. Nothing was opened. */
public class LibraryMismatch : Exception()

private fun loadLibrary() {
    try {
        uniffiEnsureInitialized()
    } catch (_: LinkageError) {
        // No library, a missing symbol, another contract or checksum; and at every later call the class is gone.
        throw LibraryMismatch()
    }
}
