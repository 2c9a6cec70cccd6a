import Foundation

/// Multiplication on secp256k1 by a secret, for an app that has libsecp256k1 anyway: key generation is mostly that. CryptoKit knows
/// only NIST's curves. The result is checked to be on the curve, no more: whoever lends this is trusted like the app itself.
public protocol CurveBackend: Sendable {
    /// Constant time in `scalar`. libsecp256k1's `secp256k1_ec_pubkey_tweak_mul` is not; its ECDH is, with a hash function that
    /// hands out both coordinates.
    ///
    /// - Parameters:
    ///   - point: 65 bytes, uncompressed
    ///   - scalar: 32 bytes, in 1..q−1
    /// - Returns: 65 bytes, or nil if it cannot: the operation then fails
    func multiply(_ point: Data, by scalar: Data) -> Data?
}
