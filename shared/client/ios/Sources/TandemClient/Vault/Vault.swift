import Foundation

/// Where the device keeps its secrets. `put` is atomic and durable: when it returns, the new value survives a crash; when it throws,
/// the old one is there whole. Everything the protocol needs of a vault follows from that.
public protocol Vault: Sendable {
    func get(_ name: String) async throws -> Data?
    func put(_ name: String, _ value: Data) async throws
    func delete(_ name: String) async throws
    func list(prefix: String) async throws -> [String]
}

/// For tests and previews: it dies with the process, and the wallet with it.
public actor MemoryVault: Vault {
    private var values: [String: Data] = [:]

    public init() {}

    public func get(_ name: String) -> Data? {
        values[name]
    }

    public func put(_ name: String, _ value: Data) {
        values[name] = value
    }

    public func delete(_ name: String) {
        values[name] = nil
    }

    public func list(prefix: String) -> [String] {
        values.keys.filter { $0.hasPrefix(prefix) }.sorted()
    }
}

public enum VaultError: Error, Equatable {
    /// of the Security framework, errSec…
    case keychain(OSStatus)
    /// this device has no Secure Enclave, or it refuses: the reason in words
    case enclave(String)
    /// a value is not what was written under this name
    case damaged
}
