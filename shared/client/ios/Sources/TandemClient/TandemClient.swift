import Foundation

/// Where the backend is, and whose.
public struct Configuration: Sendable {
    /// without a trailing slash
    public let baseUrl: String
    /// nil trusts whatever answers first: the SDK takes that from a loopback address only
    public let pin: Pin?
    /// presignatures to keep in stock
    public let stock: Int

    public init(baseUrl: String, pin: Pin?, stock: Int = 8) {
        self.baseUrl = baseUrl
        self.pin = pin
        self.stock = stock
    }
}

/// `Settings` of shared/client/src/jsc/index.ts.
struct Settings: Encodable {
    let baseUrl: String
    let pin: PinOrTrust
    let stock: Int

    enum PinOrTrust: Encodable {
        case pin(Pin)
        case trustOnFirstUse

        func encode(to encoder: Encoder) throws {
            switch self {
            case .pin(let pin): try pin.encode(to: encoder)
            case .trustOnFirstUse: try "trust-on-first-use".encode(to: encoder)
            }
        }
    }
}

/// The device's half of the wallets of one user. Each method is that of the same name in `@tandem/client`, and fails with
/// ``TandemError``. Nothing of it runs on the main thread.
///
/// An operation does not end when the task that awaits it is cancelled: what has begun with Sigpair is finished or settled, by
/// ``resume()`` if the app has died meanwhile.
public actor TandemClient {
    private let engine: Engine

    /// - Parameters:
    ///   - vault: ``EnclaveVault`` in an app
    ///   - token: the user's OIDC token, asked for at every request
    ///   - curve: a native library's arithmetic; without one JavaScript computes everything
    public init(
        _ configuration: Configuration,
        vault: any Vault,
        token: @escaping @Sendable () async throws -> String,
        curve: (any CurveBackend)? = nil,
        onProgress: @escaping @Sendable (TandemProgress) -> Void = { _ in }
    ) throws {
        let pin = configuration.pin.map(Settings.PinOrTrust.pin) ?? .trustOnFirstUse
        engine = try Engine(
            settings: Settings(baseUrl: configuration.baseUrl, pin: pin, stock: configuration.stock),
            lent: Lent(vault: vault, token: token, onProgress: onProgress, curve: curve)
        )
    }

    deinit {
        engine.stop()
    }

    /// Resolves when background work has ended; the client is of no use afterwards.
    public func close() async throws {
        try await run(.close)
        engine.stop()
    }

    typealias Arguments = [String: (any Encodable & Sendable)?]

    func run(_ method: Method, _ arguments: Arguments = [:], answers: CallAnswers = CallAnswers()) async throws {
        _ = try await engine.call(method, Given(arguments: arguments), answers: answers)
    }

    func call<Answer: Decodable>(
        _ method: Method, _ arguments: Arguments = [:], answers: CallAnswers = CallAnswers()
    ) async throws -> Answer {
        let parcel = try await engine.call(method, Given(arguments: arguments), answers: answers)
        do {
            return try parcel.read(ToHost.Returned<Answer>.self).value
        } catch {
            throw TandemError.broken("the answer to \(method.rawValue) is not what this package knows")
        }
    }
}
