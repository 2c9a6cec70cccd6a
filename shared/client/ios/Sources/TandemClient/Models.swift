import Foundation

// What the SDK takes and gives, with the names of its TypeScript types: test/ios/swift-names.test.ts compares the fields.

/// Sigpair's two long-lived public keys, 0x-hex; behind a gateway node 1's, and those of every member. An app is built with them.
public struct Pin: Encodable, Sendable {
    public let publicKey: String
    public let identity: String
    /// nil for a pair
    public let committee: CommitteePin?

    public init(publicKey: String, identity: String, committee: CommitteePin? = nil) {
        self.publicKey = publicKey
        self.identity = identity
        self.committee = committee
    }
}

/// The members in index order, and how many of them sign with the device.
public struct CommitteePin: Encodable, Sendable {
    public let threshold: Int
    public let nodes: [Node]

    public struct Node: Encodable, Sendable {
        public let publicKey: String
        public let identity: String

        public init(publicKey: String, identity: String) {
            self.publicKey = publicKey
            self.identity = identity
        }
    }

    public init(threshold: Int, nodes: [Node]) {
        self.threshold = threshold
        self.nodes = nodes
    }
}

/// A key that exists in two halves, and the profile it belongs to.
public struct Wallet: Codable, Sendable, Hashable, Identifiable {
    public let keyId: String
    public let profileId: String
    public let name: String
    /// EIP-55
    public let address: String
    /// 0x-hex of 33 bytes
    public let publicKey: String

    public var id: String { keyId }
}

/// An amount in the smallest unit.
public struct Wei: Encodable, Sendable, Equatable {
    /// decimal
    public let amount: String

    private enum CodingKeys: String, CodingKey {
        case amount = "$bigint"
    }

    /// nil unless it is 1 to 78 decimal digits
    public init?(_ amount: String) {
        guard (1...78).contains(amount.utf8.count), amount.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        self.amount = amount
    }

    public init(_ amount: UInt64) {
        self.amount = String(amount)
    }
}

/// A code of the authenticator app or a recovery code, or what a passkey answered.
public enum TwoFactorCode: Encodable, Sendable, ExpressibleByStringLiteral {
    case code(String)
    case passkey(JSONValue)

    public init(stringLiteral value: String) {
        self = .code(value)
    }

    public func encode(to encoder: Encoder) throws {
        switch self {
        case .code(let code): try code.encode(to: encoder)
        case .passkey(let assertion): try assertion.encode(to: encoder)
        }
    }
}

public struct PaymentRequest: Encodable, Sendable {
    public let to: String
    public let value: Wei
    public let chainId: Int
    /// 0x-hex
    public let data: String?
    /// refuse to sign when the gas could cost more
    public let maxFee: Wei?
    /// BIP-32 path below the wallet's root
    public let path: [Int]?
    public let how: How?
    /// when the policy asks for it
    public let twoFactorCode: TwoFactorCode?

    public enum How: String, Encodable, Sendable {
        case presignature, interactive
    }

    public init(
        to: String, value: Wei, chainId: Int, data: String? = nil, maxFee: Wei? = nil, path: [Int]? = nil, how: How? = nil,
        twoFactorCode: TwoFactorCode? = nil
    ) {
        self.to = to
        self.value = value
        self.chainId = chainId
        self.data = data
        self.maxFee = maxFee
        self.path = path
        self.how = how
        self.twoFactorCode = twoFactorCode
    }
}

/// A transaction on its way.
public struct Sent: Decodable, Sendable {
    public let txHash: String
    public let sessionId: String
}

public struct TandemProgress: Sendable {
    public let step: String
    public let round: Int?
}

/// Sigpair's share for the owner's recovery key; it opens with that key only.
public struct SigpairBackup: Decodable, Sendable {
    public let epoch: Int
    public let encryptedData: Data
    /// 0x-hex; two screens that show the same one mean the same backup
    public let verificationHash: String
    public let encryptionKey: String
    /// beside a committee: the hash of each member's that is in the bundle, in index order, 0x-hex
    public let nodes: [String]?

    private enum CodingKeys: CodingKey {
        case epoch, encryptedData, verificationHash, encryptionKey, nodes
    }

    public init(from decoder: Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        epoch = try container.decode(Int.self, forKey: .epoch)
        encryptedData = try container.decode(Bytes.self, forKey: .encryptedData).data
        verificationHash = try container.decode(String.self, forKey: .verificationHash)
        encryptionKey = try container.decode(String.self, forKey: .encryptionKey)
        nodes = try container.decodeIfPresent([String].self, forKey: .nodes)
    }
}

/// What a rotation leaves to be kept: the old backups are worth nothing afterwards.
public struct NewBackups: Decodable, Sendable {
    public let sigpair: SigpairBackup?
    /// the device's share, as `seal` sealed it
    public let device: Data

    private enum CodingKeys: CodingKey {
        case sigpair, device
    }

    public init(from decoder: Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        sigpair = try container.decodeIfPresent(SigpairBackup.self, forKey: .sigpair)
        device = try container.decode(Bytes.self, forKey: .device).data
    }
}

/// Where new backups go before the old shares die. Waiving them is a decision to lose the wallet with the phone.
public enum BackupPlan: Sendable {
    case kept(
        seal: @Sendable (Data) async throws -> Data,
        save: @Sendable (NewBackups) async throws -> Void
    )
    case waived
}

/// The owner's recovery key pair. Show `dk` once, to be written down, and forget it.
public struct RecoveryKit: Decodable, Sendable {
    public let dk: Data
    public let encryptionKey: String

    private enum CodingKeys: CodingKey {
        case dk, encryptionKey
    }

    public init(from decoder: Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        dk = try container.decode(Bytes.self, forKey: .dk).data
        encryptionKey = try container.decode(String.self, forKey: .encryptionKey)
    }
}

/// An export that waits until `notBefore`, in seconds since 1970.
public struct Export: Decodable, Sendable {
    public let exportId: String
    public let notBefore: Int
    public let expiresAt: Int
}

/// The whole key in one place.
public struct RecoveredKey: Decodable, Sendable {
    public let secret: Data
    public let publicKey: Data
    public let chainCode: Data

    private enum CodingKeys: CodingKey {
        case secret, publicKey, chainCode
    }

    public init(from decoder: Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        secret = try container.decode(Bytes.self, forKey: .secret).data
        publicKey = try container.decode(Bytes.self, forKey: .publicKey).data
        chainCode = try container.decode(Bytes.self, forKey: .chainCode).data
    }
}

/// A restore that was asked for on this device and is not in force yet.
public struct Restore: Codable, Sendable {
    public let keyId: String
    public let profileId: String
    public let name: String
    public let address: String
    public let publicKey: String
    public let restoreId: String
    public let reason: String
    /// seconds since 1970
    public let notBefore: Int
}

/// The part of a rotation or restore an app shows.
public struct Renewed: Decodable, Sendable {
    public let epoch: Int
    public let backup: SigpairBackup?
    public let rotation: JSONValue?
}
