import Foundation

// What the sealed format is made of, from CryptoKit on Apple's systems and from OpenSSL's library elsewhere. Tests only:
// an app leaves it to the core.

#if canImport(CryptoKit)
    import CryptoKit

    func sha256(_ message: Data) -> Data {
        Data(SHA256.hash(data: message))
    }

    func hmacSha256(key: Data, _ message: Data) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: message, using: SymmetricKey(data: key)))
    }

    /// The tag comes behind.
    func sealedAes256Gcm(key: Data, nonce: Data, associated: Data, _ plain: Data) throws -> Data {
        let box = try AES.GCM.seal(
            plain, using: SymmetricKey(data: key), nonce: AES.GCM.Nonce(data: nonce), authenticating: associated)
        return box.ciphertext + box.tag
    }

    func openedAes256Gcm(key: Data, nonce: Data, associated: Data, _ sealed: Data) throws -> Data {
        do {
            let box = try AES.GCM.SealedBox(
                nonce: AES.GCM.Nonce(data: nonce), ciphertext: sealed.dropLast(16), tag: sealed.suffix(16))
            return try AES.GCM.open(box, using: SymmetricKey(data: key), authenticating: associated)
        } catch { throw NotOpened() }
    }
#else
    func sha256(_ message: Data) -> Data {
        let run = openssl("SHA256", as: (@convention(c) (Bytes, Int, MutableBytes) -> MutableBytes?).self)
        var digest = [UInt8](repeating: 0, count: 32)
        _ = run([UInt8](message), message.count, &digest)
        return Data(digest)
    }

    func hmacSha256(key: Data, _ message: Data) -> Data {
        typealias Hmac = @convention(c) (
            OpaquePointer?, Bytes, Int32, Bytes, Int, MutableBytes, UnsafeMutablePointer<UInt32>?
        ) -> MutableBytes?
        let run = openssl("HMAC", as: Hmac.self)
        let algorithm = openssl("EVP_sha256", as: (@convention(c) () -> OpaquePointer?).self)()
        var code = [UInt8](repeating: 0, count: 32)
        _ = run(algorithm, [UInt8](key), Int32(key.count), [UInt8](message), message.count, &code, nil)
        return Data(code)
    }

    /// The tag comes behind.
    func sealedAes256Gcm(key: Data, nonce: Data, associated: Data, _ plain: Data) throws -> Data {
        let gcm = Gcm(key: key, nonce: nonce, associated: associated, seals: true)
        let sealed = gcm.turned(plain)
        _ = gcm.isWhole()
        return sealed + gcm.tag()
    }

    func openedAes256Gcm(key: Data, nonce: Data, associated: Data, _ sealed: Data) throws -> Data {
        let gcm = Gcm(key: key, nonce: nonce, associated: associated, seals: false)
        let plain = gcm.turned(sealed.dropLast(16))
        gcm.expect(tag: sealed.suffix(16))
        guard gcm.isWhole() else { throw NotOpened() }
        return plain
    }

    /// One message through AES-256-GCM: what is associated, then the bytes, then the tag.
    private final class Gcm {
        private let context = openssl("EVP_CIPHER_CTX_new", as: (@convention(c) () -> OpaquePointer?).self)()

        init(key: Data, nonce: Data, associated: Data, seals: Bool) {
            typealias Begin = @convention(c) (OpaquePointer?, OpaquePointer?, OpaquePointer?, Bytes, Bytes, Int32) ->
                Int32
            let cipher = openssl("EVP_aes_256_gcm", as: (@convention(c) () -> OpaquePointer?).self)()
            let begin = openssl("EVP_CipherInit_ex", as: Begin.self)
            // Its own length of a nonce is 12 bytes.
            precondition(begin(context, cipher, nil, [UInt8](key), [UInt8](nonce), seals ? 1 : 0) == 1)
            update(nil, associated)
        }

        deinit { openssl("EVP_CIPHER_CTX_free", as: (@convention(c) (OpaquePointer?) -> Void).self)(context) }

        func turned(_ data: Data) -> Data {
            var output = [UInt8](repeating: 0, count: data.count)
            output.withUnsafeMutableBufferPointer { update($0.baseAddress, data) }
            return Data(output)
        }

        func isWhole() -> Bool {
            var (nothing, length) = ([UInt8](repeating: 0, count: 16), Int32(0))
            return openssl("EVP_CipherFinal_ex", as: End.self)(context, &nothing, &length) == 1
        }

        func tag() -> Data {
            var tag = [UInt8](repeating: 0, count: 16)
            precondition(openssl("EVP_CIPHER_CTX_ctrl", as: Control.self)(context, getTag, 16, &tag) == 1)
            return Data(tag)
        }

        func expect(tag: Data) {
            var tag = [UInt8](tag)
            precondition(openssl("EVP_CIPHER_CTX_ctrl", as: Control.self)(context, setTag, 16, &tag) == 1)
        }

        private func update(_ output: MutableBytes?, _ input: Data) {
            typealias Update = @convention(c) (
                OpaquePointer?, MutableBytes?, UnsafeMutablePointer<Int32>, Bytes, Int32
            ) -> Int32
            var length: Int32 = 0
            let update = openssl("EVP_CipherUpdate", as: Update.self)
            precondition(update(context, output, &length, [UInt8](input), Int32(input.count)) == 1)
        }

        private typealias End = @convention(c) (OpaquePointer?, MutableBytes, UnsafeMutablePointer<Int32>) -> Int32
        private typealias Control = @convention(c) (OpaquePointer?, Int32, Int32, MutableBytes) -> Int32
        /// `EVP_CTRL_AEAD_GET_TAG` and `EVP_CTRL_AEAD_SET_TAG`.
        private let (getTag, setTag): (Int32, Int32) = (0x10, 0x11)
    }

    private typealias Bytes = UnsafePointer<UInt8>
    private typealias MutableBytes = UnsafeMutablePointer<UInt8>

    /// Found at run time, so that the package names no library and no headers that an app would need too.
    private func openssl<T>(_ function: String, as type: T.Type) -> T {
        guard let library = dlopen("libcrypto.so.3", RTLD_NOW), let found = dlsym(library, function) else {
            fatalError("libcrypto.so.3 with \(function) is missing; install OpenSSL 3")
        }
        return unsafeBitCast(found, to: type)
    }
#endif
