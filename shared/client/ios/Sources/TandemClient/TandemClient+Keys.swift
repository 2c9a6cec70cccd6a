import Foundation

/// The life of a wallet after its creation: docs/clients/key-care.md.
extension TandemClient {
    /// New shares, same address. The new backups are kept before the old shares die; if that fails, nothing has changed.
    ///
    /// - Parameter repair: a key that is frozen, suspended or stale works again
    public func rotate(
        _ wallet: Wallet, backups: BackupPlan, twoFactorCode: TwoFactorCode? = nil, repair: Bool = false
    ) async throws -> Renewed {
        let options = RotateOptions(backups: backups.word, twoFactorCode: twoFactorCode, repair: repair ? true : nil)
        return try await call(.rotateKey, ["wallet": wallet, "options": options], answers: backups.answers)
    }

    /// Sigpair's share for the owner's recovery key, verified here; the first one enrols the key.
    public func backUp(
        _ wallet: Wallet, encryptionKey: String, twoFactorCode: TwoFactorCode? = nil
    ) async throws -> SigpairBackup {
        let options = BackupOptions(encryptionKey: encryptionKey, twoFactorCode: twoFactorCode)
        return try await call(.backUp, ["wallet": wallet, "options": options])
    }

    /// Another recovery key, in force from `notBefore`.
    public func changeRecoveryKey(
        of wallet: Wallet, to encryptionKey: String, twoFactorCode: TwoFactorCode? = nil
    ) async throws -> JSONValue {
        let options = BackupOptions(encryptionKey: encryptionKey, twoFactorCode: twoFactorCode)
        return try await call(.changeRecoveryKey, ["wallet": wallet, "options": options])
    }

    /// This device's share, sealed by the app.
    public func exportDeviceShare(
        of wallet: Wallet, seal: @escaping @Sendable (Data) async throws -> Data
    ) async throws -> Data {
        let file: Bytes = try await call(.exportDeviceShare, ["wallet": wallet], answers: CallAnswers(seal: seal))
        return file.data
    }

    /// Whether an opened backup of this device and Sigpair's share can act together. Nothing is signed.
    public func drill(_ wallet: Wallet, content: Data) async throws -> JSONValue {
        try await call(.drill, ["wallet": wallet, "content": Bytes(content)])
    }

    /// Asks for the whole key.
    public func requestExport(of wallet: Wallet, twoFactorCode: TwoFactorCode? = nil) async throws -> Export {
        try await call(.requestExport, ["wallet": wallet, "twoFactorCode": twoFactorCode])
    }

    /// After `notBefore`: the whole key.
    public func confirmExport(of wallet: Wallet, exportId: String) async throws -> RecoveredKey {
        try await call(.confirmExport, ["wallet": wallet, "exportId": exportId])
    }

    public func cancelExport(of wallet: Wallet, exportId: String) async throws {
        try await run(.cancelExport, ["wallet": wallet, "exportId": exportId])
    }

    /// This new device asks for the place of a lost one, with its opened backup.
    public func restoreDevice(content: Data, twoFactorCode: TwoFactorCode? = nil) async throws -> Restore {
        try await call(.restoreDevice, ["content": Bytes(content), "twoFactorCode": twoFactorCode])
    }

    /// This device asks to bring back the share that Sigpair lost.
    public func restoreServer(of wallet: Wallet, twoFactorCode: TwoFactorCode? = nil) async throws -> Restore {
        try await call(.restoreServer, ["wallet": wallet, "twoFactorCode": twoFactorCode])
    }

    public func restores() async throws -> [Restore] {
        try await call(.restores)
    }

    /// After `notBefore`: new shares for this device and Sigpair.
    ///
    /// - Parameters:
    ///   - sigpair: the backup and the key that opens it, when Sigpair has lost its share
    ///   - encryptionKey: the recovery key the owner named, on a new device
    public func finish(
        _ restore: Restore, backups: BackupPlan, sigpair: SealedHalf? = nil, encryptionKey: String? = nil
    ) async throws -> Renewed {
        let options = FinishOptions(backups: backups.word, sigpair: sigpair, encryptionKey: encryptionKey)
        return try await call(.finishRestore, ["restore": restore, "options": options], answers: backups.answers)
    }

    /// Takes back a restore that the owner of this device did not ask for.
    public func cancelRestore(of wallet: Wallet, restoreId: String) async throws {
        try await run(.cancelRestore, ["wallet": wallet, "restoreId": restoreId])
    }

    /// Stops the wallet at Sigpair; ``rotate(_:backups:twoFactorCode:repair:)`` with `repair` starts it again.
    public func freeze(_ wallet: Wallet, twoFactorCode: TwoFactorCode? = nil) async throws -> JSONValue {
        try await call(.freeze, ["wallet": wallet, "twoFactorCode": twoFactorCode])
    }

    /// Erases the key for ever, at Sigpair and here.
    public func delete(_ wallet: Wallet, twoFactorCode: TwoFactorCode? = nil) async throws {
        try await run(.deleteWallet, ["wallet": wallet, "twoFactorCode": twoFactorCode])
    }

    /// Has this app speak for the device's key, before ``createWallet(named:)`` and restores where the backend demands it.
    public func attestDevice(with key: any AppAttestKey) async throws -> JSONValue {
        try await call(.attestDevice, ["keyId": key.keyId], answers: CallAnswers(appKey: key))
    }

    public func createRecoveryKit() async throws -> RecoveryKit {
        try await call(.createRecoveryKit)
    }
}

struct RotateOptions: Encodable {
    let backups: String
    let twoFactorCode: TwoFactorCode?
    let repair: Bool?
}

struct BackupOptions: Encodable {
    let encryptionKey: String
    let twoFactorCode: TwoFactorCode?
}

struct FinishOptions: Encodable {
    let backups: String
    let sigpair: SealedHalf?
    let encryptionKey: String?
}

/// Sigpair's half in a backup, and the owner's key that opens it.
public struct SealedHalf: Encodable, Sendable {
    let encryptedData: Bytes
    let dk: Bytes

    public init(encryptedData: Data, dk: Data) {
        self.encryptedData = Bytes(encryptedData)
        self.dk = Bytes(dk)
    }
}

extension BackupPlan {
    /// In place of functions: docs of METHODS in shared/client/src/jsc/methods.ts.
    var word: String {
        switch self {
        case .kept: return "kept"
        case .waived: return "waived"
        }
    }

    var answers: CallAnswers {
        switch self {
        case .kept(let seal, let save): return CallAnswers(seal: seal, save: save)
        case .waived: return CallAnswers()
        }
    }
}
