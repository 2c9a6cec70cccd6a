import DeviceCheck
import Foundation

/// A key that speaks for this installation of the app: docs/spec/app-attest.md.
public protocol AppAttestKey: Sendable {
    /// base64, as the system gives it
    var keyId: String { get }
    func attest(_ clientDataHash: Data) async throws -> Data
    func assert(_ clientDataHash: Data) async throws -> Data
}

/// The system's own. It cannot be had in the simulator, nor in most extensions.
public struct DeviceCheckKey: AppAttestKey {
    public let keyId: String

    /// The key that was made before, or a new one, which is remembered.
    ///
    /// Call ``forget(for:)`` and this again when the system says `invalidKey`: it attests a key once, and forgets keys when the app is
    /// installed anew.
    ///
    /// - Parameter user: a name of the user's; each has a key of their own
    public static func load(for user: String, defaults: UserDefaults = .standard) async throws -> DeviceCheckKey {
        if let keyId = defaults.string(forKey: place(user)) { return DeviceCheckKey(keyId: keyId) }
        guard DCAppAttestService.shared.isSupported else { throw TandemError.broken("App Attest is not supported here") }
        let keyId = try await DCAppAttestService.shared.generateKey()
        defaults.set(keyId, forKey: place(user))
        return DeviceCheckKey(keyId: keyId)
    }

    public static func forget(for user: String, defaults: UserDefaults = .standard) {
        defaults.removeObject(forKey: place(user))
    }

    public func attest(_ clientDataHash: Data) async throws -> Data {
        try await DCAppAttestService.shared.attestKey(keyId, clientDataHash: clientDataHash)
    }

    public func assert(_ clientDataHash: Data) async throws -> Data {
        try await DCAppAttestService.shared.generateAssertion(keyId, clientDataHash: clientDataHash)
    }

    private static func place(_ user: String) -> String { "tandem.app-attest.\(user)" }
}
