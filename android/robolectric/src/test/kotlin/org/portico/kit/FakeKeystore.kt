package org.portico.kit

import android.security.keystore.KeyGenParameterSpec
import java.io.InputStream
import java.io.OutputStream
import java.security.InvalidParameterException
import java.security.Key
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.KeyPairGeneratorSpi
import java.security.KeyStoreException
import java.security.KeyStoreSpi
import java.security.Provider
import java.security.ProviderException
import java.security.PublicKey
import java.security.SecureRandom
import java.security.Security
import java.security.cert.Certificate
import java.security.spec.AlgorithmParameterSpec
import java.security.spec.ECGenParameterSpec
import java.util.Collections
import java.util.Date
import java.util.Enumeration
import javax.crypto.KeyGenerator
import javax.crypto.KeyGeneratorSpi
import javax.crypto.SecretKey

/** Robolectric has no Android Keystore. This provider keeps keys in memory, as the real one does behind its wall. */
object FakeKeystore {
    val keys = mutableMapOf<String, Key>()
    val specs = mutableMapOf<String, KeyGenParameterSpec>()
    private val publics = mutableMapOf<String, PublicKey>()

    /** While it is set, nothing works. */
    var isBroken = false

    /** An empty one, in place of whatever was there. */
    fun install() {
        keys.clear()
        specs.clear()
        publics.clear()
        isBroken = false
        Security.removeProvider(KEYSTORE)
        Security.addProvider(Fake())
    }

    private class Fake : Provider(KEYSTORE, "1.0", "keeps keys in memory") {
        init {
            put("KeyStore.$KEYSTORE", Store::class.java.name)
            put("KeyGenerator.AES", Secrets::class.java.name)
            put("KeyPairGenerator.EC", Pairs::class.java.name)
        }
    }

    class Store : KeyStoreSpi() {
        override fun engineGetKey(
            alias: String,
            password: CharArray?,
        ): Key? = if (isBroken) throw ProviderException() else keys[alias]

        override fun engineGetCertificate(alias: String): Certificate? = publics[alias]?.let(::Named)

        override fun engineGetCertificateChain(alias: String): Array<Certificate>? = null

        override fun engineGetCreationDate(alias: String) = Date(0)

        override fun engineSetKeyEntry(
            alias: String,
            key: Key,
            password: CharArray?,
            chain: Array<Certificate>?,
        ) = throw KeyStoreException()

        override fun engineSetKeyEntry(
            alias: String,
            key: ByteArray,
            chain: Array<Certificate>?,
        ) = throw KeyStoreException()

        override fun engineSetCertificateEntry(
            alias: String,
            certificate: Certificate,
        ) = throw KeyStoreException()

        override fun engineDeleteEntry(alias: String) = throw KeyStoreException()

        override fun engineAliases(): Enumeration<String> = Collections.enumeration(keys.keys)

        override fun engineContainsAlias(alias: String) = alias in keys

        override fun engineSize() = keys.size

        override fun engineIsKeyEntry(alias: String) = alias in keys

        override fun engineIsCertificateEntry(alias: String) = false

        override fun engineGetCertificateAlias(certificate: Certificate): String? = null

        override fun engineStore(
            stream: OutputStream?,
            password: CharArray?,
        ) = Unit

        override fun engineLoad(
            stream: InputStream?,
            password: CharArray?,
        ) = Unit
    }

    class Secrets : KeyGeneratorSpi() {
        private lateinit var spec: KeyGenParameterSpec

        override fun engineInit(random: SecureRandom?) = throw InvalidParameterException()

        override fun engineInit(
            size: Int,
            random: SecureRandom?,
        ) = throw InvalidParameterException()

        override fun engineInit(
            asked: AlgorithmParameterSpec,
            random: SecureRandom?,
        ) {
            spec = asked as KeyGenParameterSpec
        }

        override fun engineGenerateKey(): SecretKey {
            val made = KeyGenerator.getInstance("AES", "SunJCE").apply { init(spec.keySize) }.generateKey()
            keys[spec.keystoreAlias] = made
            specs[spec.keystoreAlias] = spec
            return made
        }
    }

    class Pairs : KeyPairGeneratorSpi() {
        private lateinit var spec: KeyGenParameterSpec

        override fun initialize(
            size: Int,
            random: SecureRandom?,
        ) = throw InvalidParameterException()

        override fun initialize(
            asked: AlgorithmParameterSpec,
            random: SecureRandom?,
        ) {
            spec = asked as KeyGenParameterSpec
        }

        override fun generateKeyPair(): KeyPair {
            val curve = (spec.algorithmParameterSpec as ECGenParameterSpec).name
            val made = KeyPairGenerator.getInstance("EC", "BC")
            made.initialize(ECGenParameterSpec(curve))
            return made.generateKeyPair().also { pair ->
                keys[spec.keystoreAlias] = pair.private
                publics[spec.keystoreAlias] = pair.public
                specs[spec.keystoreAlias] = spec
            }
        }
    }

    /** What is read of a certificate here. */
    private class Named(
        private val key: PublicKey,
    ) : Certificate("fake") {
        override fun getEncoded() = ByteArray(0)

        override fun verify(key: PublicKey) = Unit

        override fun verify(
            key: PublicKey,
            provider: String,
        ) = Unit

        override fun toString() = "a key's name"

        override fun getPublicKey() = key
    }
}
