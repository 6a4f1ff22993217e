package org.portico.kit

import org.portico.ffi.DeviceKey
import org.portico.ffi.NetworkStatus
import org.portico.ffi.PortException
import org.portico.ffi.Reach
import java.math.BigInteger
import java.security.GeneralSecurityException
import java.security.KeyPair
import java.security.Signature
import java.security.interfaces.ECPublicKey

/** For machines whose network nobody watches: a request is always tried. */
public object AlwaysOnline : NetworkStatus {
    override fun reach(): Reach = Reach.UNMETERED
}

/**
 * A device key over P-256 pairs of `java.security`, wherever their provider keeps the private halves: [session] signs
 * by itself, [presence] once [isThere] has asked the person, as a biometric prompt over that signature does. A device
 * that asks for no face, finger or PIN has no [presence].
 */
public class KeyPairDeviceKey(
    private val session: KeyPair,
    private val presence: KeyPair? = null,
    private val isThere: (Signature) -> Boolean = { true },
) : DeviceKey {
    override fun sessionPublicKey(): ByteArray = point(session)

    override fun sign(bytes: ByteArray): ByteArray = signed(session, bytes) { true }

    override fun presencePublicKey(): ByteArray? = presence?.let(::point)

    override fun signInPerson(bytes: ByteArray): ByteArray =
        signed(presence ?: throw PortException.Unavailable(), bytes, isThere)

    private fun signed(
        pair: KeyPair,
        bytes: ByteArray,
        allowed: (Signature) -> Boolean,
    ): ByteArray =
        try {
            Signature.getInstance("SHA256withECDSA").run {
                initSign(pair.private)
                if (!allowed(this)) throw PortException.Cancelled()
                update(bytes)
                sign()
            }
        } catch (_: GeneralSecurityException) {
            throw PortException.Unavailable()
        }

    private fun point(pair: KeyPair): ByteArray {
        val point = (pair.public as ECPublicKey).w
        return byteArrayOf(UNCOMPRESSED) + coordinate(point.affineX) + coordinate(point.affineY)
    }

    /** Big-endian and of full width: BigInteger leaves zeros away and adds one as a sign. */
    private fun coordinate(number: BigInteger): ByteArray {
        val bytes = number.toByteArray().takeLast(COORDINATE_BYTES).toByteArray()
        return ByteArray(COORDINATE_BYTES - bytes.size) + bytes
    }

    private companion object {
        /** SEC 1, 2.3.3: both coordinates follow. */
        const val UNCOMPRESSED: Byte = 4
        const val COORDINATE_BYTES = 32
    }
}
