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

/** A device key over a P-256 pair of `java.security`, wherever its provider keeps the private half. */
public class KeyPairDeviceKey(
    private val pair: KeyPair,
) : DeviceKey {
    override fun sessionPublicKey(): ByteArray {
        val point = (pair.public as ECPublicKey).w
        return byteArrayOf(UNCOMPRESSED) + coordinate(point.affineX) + coordinate(point.affineY)
    }

    override fun sign(bytes: ByteArray): ByteArray =
        try {
            Signature.getInstance("SHA256withECDSA").run {
                initSign(pair.private)
                update(bytes)
                sign()
            }
        } catch (_: GeneralSecurityException) {
            throw PortException.Unavailable()
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
