import Foundation
import Security

/// A P-256 key that seals what the vault keeps: ECIES with X9.63 KDF, SHA-256 and AES-GCM, as the Security framework has it.
public struct SealingKey: @unchecked Sendable {
    public enum Home: Sendable {
        case secureEnclave
        /// a simulator's; what it seals is only as safe as the Keychain
        case software
    }

    public enum Presence: Sendable {
        /// the device is unlocked
        case unlocked
        /// Face ID, Touch ID or the passcode, at every reading
        case owner
    }

    private static let algorithm = SecKeyAlgorithm.eciesEncryptionCofactorVariableIVX963SHA256AESGCM

    // SecKey is immutable and may be used from any thread
    private let privateKey: SecKey
    private let publicKey: SecKey

    private init(_ privateKey: SecKey) throws {
        guard let publicKey = SecKeyCopyPublicKey(privateKey) else { throw VaultError.enclave("it has no public key") }
        self.privateKey = privateKey
        self.publicKey = publicKey
    }

    static func loadOrCreate(tag: String, presence: Presence, home: Home) throws -> SealingKey {
        if let known = try find(tag) { return try SealingKey(known) }
        return try SealingKey(try create(tag, presence, home))
    }

    func seal(_ content: Data) throws -> Data {
        var error: Unmanaged<CFError>?
        guard let sealed = SecKeyCreateEncryptedData(publicKey, Self.algorithm, content as CFData, &error) else {
            throw Self.refusal(error)
        }
        return sealed as Data
    }

    func open(_ sealed: Data) throws -> Data {
        var error: Unmanaged<CFError>?
        guard let content = SecKeyCreateDecryptedData(privateKey, Self.algorithm, sealed as CFData, &error) else {
            throw Self.refusal(error)
        }
        return content as Data
    }

    private static func find(_ tag: String) throws -> SecKey? {
        let query: [String: Any] = [
            kSecClass as String: kSecClassKey,
            kSecAttrApplicationTag as String: Data(tag.utf8),
            kSecAttrKeyType as String: kSecAttrKeyTypeECSECPrimeRandom,
            kSecUseDataProtectionKeychain as String: true,
            kSecReturnRef as String: true,
        ]
        var found: CFTypeRef?
        let status = SecItemCopyMatching(query as CFDictionary, &found)
        if status == errSecItemNotFound { return nil }
        guard status == errSecSuccess, let found else { throw VaultError.keychain(status) }
        // the query asks for keys: nothing else can come, and Core Foundation's types cannot be cast conditionally
        return (found as! SecKey)
    }

    private static func create(_ tag: String, _ presence: Presence, _ home: Home) throws -> SecKey {
        var error: Unmanaged<CFError>?
        var flags: SecAccessControlCreateFlags = home == .secureEnclave ? [.privateKeyUsage] : []
        if presence == .owner { flags.insert(.userPresence) }
        let access = SecAccessControlCreateWithFlags(nil, kSecAttrAccessibleWhenUnlockedThisDeviceOnly, flags, &error)
        guard let access else { throw refusal(error) }
        var attributes: [String: Any] = [
            kSecAttrKeyType as String: kSecAttrKeyTypeECSECPrimeRandom,
            kSecAttrKeySizeInBits as String: 256,
            kSecUseDataProtectionKeychain as String: true,
            kSecPrivateKeyAttrs as String: [
                kSecAttrIsPermanent as String: true,
                kSecAttrApplicationTag as String: Data(tag.utf8),
                kSecAttrAccessControl as String: access,
            ] as [String: Any],
        ]
        if home == .secureEnclave { attributes[kSecAttrTokenID as String] = kSecAttrTokenIDSecureEnclave }
        guard let key = SecKeyCreateRandomKey(attributes as CFDictionary, &error) else { throw refusal(error) }
        return key
    }

    private static func refusal(_ error: Unmanaged<CFError>?) -> VaultError {
        .enclave((error?.takeRetainedValue() as Error?)?.localizedDescription ?? "no reason given")
    }
}
