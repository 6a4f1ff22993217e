package org.portico.kit

import android.app.KeyguardManager
import android.content.Context
import android.content.pm.PackageManager
import android.os.Build
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import org.portico.ffi.DeviceKey
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.PrivateKey
import java.security.Signature
import java.security.spec.ECGenParameterSpec

/**
 * The device's P-256 keys in the Android Keystore: in StrongBox where the phone has it, else in its trusted
 * environment.
 *
 * [isThere] asks for face, finger or PIN over the signature it is given, as `BiometricPrompt` with a `CryptoObject`
 * does, and waits for the answer: false where the person turned it away. It is called on a thread of the core, never on
 * the main one. A phone without a screen lock has no presence key.
 */
public fun keystoreKey(
    context: Context,
    sessionAlias: String = "portico.session-key",
    presenceAlias: String = "portico.presence-key",
    isThere: (Signature) -> Boolean,
): DeviceKey =
    orUnavailable {
        val strong = context.packageManager.hasSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE)
        val locks = context.getSystemService(KeyguardManager::class.java).isDeviceSecure
        val presence = if (locks) pair(presenceAlias, strong, inPerson = true) else null
        KeyPairDeviceKey(pair(sessionAlias, strong, inPerson = false), presence, isThere)
    }

/** The pair of that name, made at the first call. */
private fun pair(
    alias: String,
    strong: Boolean,
    inPerson: Boolean,
): KeyPair {
    val keystore = keystore()
    val private = keystore.getKey(alias, null) as PrivateKey?
    val public = keystore.getCertificate(alias)?.publicKey
    return if (private != null && public != null) KeyPair(public, private) else made(alias, strong, inPerson)
}

private fun made(
    alias: String,
    strong: Boolean,
    inPerson: Boolean,
): KeyPair =
    KeyPairGenerator.getInstance(KeyProperties.KEY_ALGORITHM_EC, KEYSTORE).run {
        val spec =
            KeyGenParameterSpec
                .Builder(alias, KeyProperties.PURPOSE_SIGN)
                .setAlgorithmParameterSpec(ECGenParameterSpec("secp256r1"))
                .setDigests(KeyProperties.DIGEST_SHA256)
        // A phone that has the feature has the call: both came with API 28.
        if (strong) spec.setIsStrongBoxBacked(true)
        if (inPerson) spec.askEachTime()
        initialize(spec.build())
        generateKeyPair()
    }

private fun KeyGenParameterSpec.Builder.askEachTime() {
    setUserAuthenticationRequired(true)
    // Older systems ask for a finger each time as they are.
    if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
        setUserAuthenticationParameters(
            0,
            KeyProperties.AUTH_BIOMETRIC_STRONG or KeyProperties.AUTH_DEVICE_CREDENTIAL,
        )
    }
}
