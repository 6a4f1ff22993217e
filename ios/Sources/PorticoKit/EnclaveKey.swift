#if canImport(Security)
    import Foundation
    import LocalAuthentication
    import PorticoFFI
    import Security

    /// The device's P-256 keys in the Secure Enclave, which they never leave: the session key, which can be used after the first
    /// unlock, and the presence key, which asks for face, finger or passcode each time.
    public final class EnclaveKey: DeviceKey {
        private let sessionTag: Data
        private let presenceTag: Data
        /// Guards the making of a key: two at once would make two.
        private let making = NSLock()

        public init(sessionTag: String = "portico.session-key", presenceTag: String = "portico.presence-key") {
            self.sessionTag = Data(sessionTag.utf8)
            self.presenceTag = Data(presenceTag.utf8)
        }

        public func sessionPublicKey() throws -> Data { try point(of: key(sessionTag, inPerson: false)) }

        public func sign(bytes: Data) throws -> Data {
            try signed(bytes, by: key(sessionTag, inPerson: false))
        }

        /// None where no passcode is set: then nothing on this device could tell who is there.
        public func presencePublicKey() throws -> Data? {
            guard LAContext().canEvaluatePolicy(.deviceOwnerAuthentication, error: nil) else { return nil }
            return try point(of: key(presenceTag, inPerson: true))
        }

        public func signInPerson(bytes: Data) throws -> Data {
            try signed(bytes, by: key(presenceTag, inPerson: true))
        }

        private func point(of key: SecKey) throws -> Data {
            guard let publicKey = SecKeyCopyPublicKey(key),
                let point = SecKeyCopyExternalRepresentation(publicKey, nil)
            else { throw PortError.Unavailable }
            return point as Data
        }

        private func signed(_ bytes: Data, by key: SecKey) throws -> Data {
            var fault: Unmanaged<CFError>?
            let algorithm = SecKeyAlgorithm.ecdsaSignatureMessageX962SHA256
            if let signature = SecKeyCreateSignature(key, algorithm, bytes as CFData, &fault) {
                return signature as Data
            }
            let code = fault.map { CFErrorGetCode($0.takeRetainedValue()) }
            let cancelled = [Int(errSecUserCanceled), LAError.userCancel.rawValue]
            throw code.map(cancelled.contains) == true ? PortError.Cancelled : PortError.Unavailable
        }

        private func key(_ tag: Data, inPerson: Bool) throws -> SecKey {
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
                if status == errSecItemNotFound { return try made(tag, inPerson: inPerson) }
                try check(status)
                guard let found, CFGetTypeID(found) == SecKeyGetTypeID() else { throw PortError.Unavailable }
                // Swift has no conditional cast to such types.
                // swift-format-ignore: NeverForceUnwrap
                return found as! SecKey
            }
        }

        private func made(_ tag: Data, inPerson: Bool) throws -> SecKey {
            let access =
                inPerson
                ? SecAccessControlCreateWithFlags(
                    nil, kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly, [.privateKeyUsage, .userPresence], nil)
                : SecAccessControlCreateWithFlags(
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
