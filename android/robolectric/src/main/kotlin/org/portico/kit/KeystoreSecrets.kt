package org.portico.kit

import android.content.Context
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import org.portico.ffi.PortException
import org.portico.ffi.SecretStore
import java.security.GeneralSecurityException
import java.security.KeyStore
import java.security.ProviderException
import javax.crypto.AEADBadTagException
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/**
 * Secrets sealed by a key of the Android Keystore, which never leaves it, in files that no backup takes along. They can
 * be read without the person, also while the phone is locked: a push must open, and an upload go on.
 *
 * A secret of another phone's key, as a copied folder holds it, counts as never kept: the core lays its store aside.
 */
public class KeystoreSecrets(
    context: Context,
    private val alias: String = "portico.secrets",
    private val sealed: SecretStore = FolderSecrets(context.noBackupFilesDir.toPath().resolve("portico-secrets")),
) : SecretStore {
    override fun read(name: String): ByteArray? =
        orUnavailable {
            val kept = sealed.read(name)
            val key = keystore().getKey(alias, null) as SecretKey?
            if (kept == null || key == null || kept.size < NONCE_BYTES) null else opened(key, name, kept)
        }

    override fun keep(
        name: String,
        secret: ByteArray,
    ): Unit =
        orUnavailable {
            val cipher = Cipher.getInstance(CIPHER)
            // The keystore draws the nonce; it takes none from outside.
            cipher.init(Cipher.ENCRYPT_MODE, key())
            cipher.updateAAD(name.toByteArray())
            sealed.keep(name, cipher.iv + cipher.doFinal(secret))
        }

    override fun forget(name: String): Unit = sealed.forget(name)

    private fun opened(
        key: SecretKey,
        name: String,
        kept: ByteArray,
    ): ByteArray? {
        val cipher = Cipher.getInstance(CIPHER)
        cipher.init(Cipher.DECRYPT_MODE, key, GCMParameterSpec(TAG_BITS, kept, 0, NONCE_BYTES))
        cipher.updateAAD(name.toByteArray())
        return try {
            cipher.doFinal(kept, NONCE_BYTES, kept.size - NONCE_BYTES)
        } catch (_: AEADBadTagException) {
            null
        }
    }

    private fun key(): SecretKey = synchronized(MAKING) { keystore().getKey(alias, null) as SecretKey? ?: made() }

    private fun made(): SecretKey =
        KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, KEYSTORE).run {
            val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
            init(
                KeyGenParameterSpec
                    .Builder(alias, purposes)
                    .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
                    .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
                    .setKeySize(KEY_BITS)
                    .build(),
            )
            generateKey()
        }

    private companion object {
        const val CIPHER = "AES/GCM/NoPadding"
        const val KEY_BITS = 256
        const val NONCE_BYTES = 12
        const val TAG_BITS = 128

        /** Guards the making of a key: a second one would take the place of the first. */
        val MAKING = Any()
    }
}

internal const val KEYSTORE = "AndroidKeyStore"

internal fun keystore(): KeyStore = KeyStore.getInstance(KEYSTORE).apply { load(null) }

/** What the keystore throws says nothing that a person could mend; a faulty one throws [ProviderException] too. */
internal inline fun <T> orUnavailable(body: () -> T): T =
    try {
        body()
    } catch (_: GeneralSecurityException) {
        throw PortException.Unavailable()
    } catch (_: ProviderException) {
        throw PortException.Unavailable()
    }
