import Foundation
import Security

/// Generic passwords of one service: readable while the device is unlocked, on this device only, never synchronised.
struct KeychainItems: Sendable {
    let service: String

    func read(_ name: String) throws -> Data? {
        var query = item(name)
        query[kSecReturnData as String] = true
        query[kSecMatchLimit as String] = kSecMatchLimitOne
        var found: CFTypeRef?
        let status = SecItemCopyMatching(query as CFDictionary, &found)
        if status == errSecItemNotFound { return nil }
        guard status == errSecSuccess, let data = found as? Data else { throw VaultError.keychain(status) }
        return data
    }

    /// An update changes the item whole or not at all.
    func write(_ name: String, _ data: Data) throws {
        let change: [String: Any] = [
            kSecValueData as String: data,
            kSecAttrAccessible as String: kSecAttrAccessibleWhenUnlockedThisDeviceOnly,
        ]
        let status = SecItemUpdate(item(name) as CFDictionary, change as CFDictionary)
        if status == errSecItemNotFound {
            let added = SecItemAdd(item(name).merging(change) { _, new in new } as CFDictionary, nil)
            guard added == errSecSuccess else { throw VaultError.keychain(added) }
            return
        }
        guard status == errSecSuccess else { throw VaultError.keychain(status) }
    }

    func delete(_ name: String) throws {
        let status = SecItemDelete(item(name) as CFDictionary)
        guard status == errSecSuccess || status == errSecItemNotFound else { throw VaultError.keychain(status) }
    }

    func names() throws -> [String] {
        var query = all
        query[kSecReturnAttributes as String] = true
        query[kSecMatchLimit as String] = kSecMatchLimitAll
        var found: CFTypeRef?
        let status = SecItemCopyMatching(query as CFDictionary, &found)
        if status == errSecItemNotFound { return [] }
        guard status == errSecSuccess, let items = found as? [[String: Any]] else { throw VaultError.keychain(status) }
        return items.compactMap { $0[kSecAttrAccount as String] as? String }
    }

    private var all: [String: Any] {
        [
            kSecClass as String: kSecClassGenericPassword,
            kSecAttrService as String: service,
            kSecAttrSynchronizable as String: false,
            // macOS: the keychain that iOS has, not the file of old
            kSecUseDataProtectionKeychain as String: true,
        ]
    }

    private func item(_ name: String) -> [String: Any] {
        all.merging([kSecAttrAccount as String: name]) { _, new in new }
    }
}
