#if canImport(Security)
    import Foundation
    import PorticoFFI
    import Security

    /// The device's P-256 key in the Secure Enclave. It can be used after the first unlock and never leaves the chip.
    public final class EnclaveKey: DeviceKey {
        private let tag: Data
        /// Guards the making of the key: two at once would make two.
        private let making = NSLock()

        public init(tag: String = "portico.session-key") {
            self.tag = Data(tag.utf8)
        }

        public func sessionPublicKey() throws -> Data {
            guard let publicKey = SecKeyCopyPublicKey(try key()),
                let point = SecKeyCopyExternalRepresentation(publicKey, nil)
            else { throw PortError.Unavailable }
            return point as Data
        }

        public func sign(bytes: Data) throws -> Data {
            let algorithm = SecKeyAlgorithm.ecdsaSignatureMessageX962SHA256
            guard let signature = SecKeyCreateSignature(try key(), algorithm, bytes as CFData, nil) else {
                throw PortError.Unavailable
            }
            return signature as Data
        }

        private func key() throws -> SecKey {
            try making.withLock {
                let query: [CFString: Any] = [
                    kSecClass: kSecClassKey,
                    kSecAttrApplicationTag: tag,
                    kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom,
                    kSecUseDataProtectionKeychain: true,
                    kSecReturnRef: true,
                ]
                var found: CFTypeRef?
                let status = SecItemCopyMatching(query as CFDictionary, &found)
                if status == errSecItemNotFound { return try made() }
                try check(status)
                guard let found, CFGetTypeID(found) == SecKeyGetTypeID() else { throw PortError.Unavailable }
                // Swift has no conditional cast to such types.
                // swift-format-ignore: NeverForceUnwrap
                return found as! SecKey
            }
        }

        private func made() throws -> SecKey {
            let access = SecAccessControlCreateWithFlags(
                nil, kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly, .privateKeyUsage, nil)
            guard let access else { throw PortError.Unavailable }
            let attributes: [CFString: Any] = [
                kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom,
                kSecAttrKeySizeInBits: 256,
                kSecAttrTokenID: kSecAttrTokenIDSecureEnclave,
                kSecUseDataProtectionKeychain: true,
                kSecPrivateKeyAttrs: [
                    kSecAttrIsPermanent: true,
                    kSecAttrApplicationTag: tag,
                    kSecAttrAccessControl: access,
                ] as [CFString: Any],
            ]
            guard let key = SecKeyCreateRandomKey(attributes as CFDictionary, nil) else {
                throw PortError.Unavailable
            }
            return key
        }
    }
#endif
