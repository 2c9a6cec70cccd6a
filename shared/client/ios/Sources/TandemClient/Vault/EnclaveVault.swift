import Foundation
import Security

/// Values in the Keychain, each sealed to a P-256 key that the Secure Enclave made and never gives out.
///
/// The Keychain alone would already keep them on this device and closed while it is locked. The Enclave's key adds that a copy of
/// the Keychain is worth nothing without this very chip, and lets an app ask for the owner's presence. Nothing goes to iCloud.
///
/// The Keychain outlives the app: who installs it again finds the old wallets.
public actor EnclaveVault: Vault {
    private let items: KeychainItems
    private let key: SealingKey

    /// - Parameters:
    ///   - service: names this vault among others of the app
    ///   - presence: when the owner must be there; each reading asks then
    ///   - home: ``SealingKey/Home/software`` for the simulator
    public init(
        service: String = "tandem", presence: SealingKey.Presence = .unlocked, home: SealingKey.Home = .secureEnclave
    ) throws {
        items = KeychainItems(service: service)
        key = try SealingKey.loadOrCreate(tag: "\(service).sealing-key", presence: presence, home: home)
    }

    public func get(_ name: String) throws -> Data? {
        guard let sealed = try items.read(name) else { return nil }
        return try Self.value(of: name, in: try key.open(sealed))
    }

    public func put(_ name: String, _ value: Data) throws {
        try items.write(name, try key.seal(Self.named(name, value)))
    }

    public func delete(_ name: String) throws {
        try items.delete(name)
    }

    public func list(prefix: String) throws -> [String] {
        try items.names().filter { $0.hasPrefix(prefix) }.sorted()
    }

    /// Two bytes of length, the name, the value: ECIES has no associated data, and one item must not pass for another.
    static func named(_ name: String, _ value: Data) -> Data {
        let label = Data(name.utf8)
        precondition(label.count <= Int(UInt16.max))
        return Data([UInt8(label.count >> 8), UInt8(label.count & 0xff)]) + label + value
    }

    static func value(of name: String, in content: Data) throws -> Data {
        let label = Data(name.utf8)
        let head = Data([UInt8(label.count >> 8), UInt8(label.count & 0xff)]) + label
        guard content.starts(with: head) else { throw VaultError.damaged }
        return Data(content.dropFirst(head.count))
    }
}
