#if canImport(Security)
    import Foundation
    import PorticoFFI
    import Security

    /// Secrets in the keychain of this device: readable after the first unlock, so that a push opens on a locked phone,
    /// and never part of a backup or of another device.
    public final class KeychainSecrets: SecretStore {
        private let service: String
        private let accessGroup: String?

        /// `accessGroup`: the one that the app shares with its notification extension.
        public init(service: String = "portico", accessGroup: String? = nil) {
            self.service = service
            self.accessGroup = accessGroup
        }

        public func read(name: String) throws -> Data? {
            var query = item(name)
            query[kSecReturnData] = true
            var found: CFTypeRef?
            let status = SecItemCopyMatching(query as CFDictionary, &found)
            if status == errSecItemNotFound { return nil }
            try check(status)
            guard let secret = found as? Data else { throw PortError.Unavailable }
            return secret
        }

        public func keep(name: String, secret: Data) throws {
            let values: [CFString: Any] = [
                kSecValueData: secret,
                kSecAttrAccessible: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
            ]
            let status = SecItemUpdate(item(name) as CFDictionary, values as CFDictionary)
            if status == errSecItemNotFound {
                let new = item(name).merging(values) { _, value in value }
                try check(SecItemAdd(new as CFDictionary, nil))
            } else {
                try check(status)
            }
        }

        public func forget(name: String) throws {
            let status = SecItemDelete(item(name) as CFDictionary)
            if status != errSecItemNotFound { try check(status) }
        }

        private func item(_ name: String) -> [CFString: Any] {
            var item: [CFString: Any] = [
                kSecClass: kSecClassGenericPassword,
                kSecAttrService: service,
                kSecAttrAccount: name,
                kSecUseDataProtectionKeychain: true,
            ]
            if let accessGroup { item[kSecAttrAccessGroup] = accessGroup }
            return item
        }
    }

    /// Turns what the keychain answers into what a port may say.
    func check(_ status: OSStatus) throws {
        switch status {
        case errSecSuccess: return
        case errSecInteractionNotAllowed: throw PortError.Locked
        default: throw PortError.Unavailable
        }
    }
#endif
