import Foundation

/// The one error of the SDK. `code` is of docs/spec/errors.md or of the device's own list; `message` says what to do next.
public struct TandemError: Error, Decodable, Sendable, Equatable {
    public let code: String
    public let message: String
    public let details: String?
    /// Quote this to the operator.
    public let requestId: String?
    /// Whether the same call may succeed later without being changed.
    public let retryable: Bool

    /// Bundle and package do not fit, or the app has stopped the client.
    static func broken(_ message: String) -> TandemError {
        TandemError(code: "UNEXPECTED", message: message, details: nil, requestId: nil, retryable: false)
    }
}

extension TandemError: LocalizedError {
    public var errorDescription: String? { message }
}
