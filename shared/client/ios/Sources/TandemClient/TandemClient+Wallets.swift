import Foundation

extension TandemClient {
    public func createWallet(named name: String) async throws -> Wallet {
        try await call(.createWallet, ["name": name])
    }

    /// Finishes wallets whose creation was interrupted, and settles new epochs of others; best called at the start of the app.
    public func resume() async throws -> [Wallet] {
        try await call(.resume)
    }

    public func wallets() async throws -> [Wallet] {
        try await call(.wallets)
    }

    /// EIP-55; the address below a BIP-32 path, from the key on this device.
    public func address(of wallet: Wallet, path: [Int]) async throws -> String {
        try await call(.addressOf, ["wallet": wallet, "path": path])
    }

    public func pay(from wallet: Wallet, _ request: PaymentRequest) async throws -> Sent {
        try await call(.sendTransaction, ["wallet": wallet, "request": request])
    }

    /// Resolves when it is mined or has failed; only for what this run of the app has sent.
    public func wait(for sent: Sent, milliseconds: Int = 60_000) async throws -> JSONValue {
        try await call(.waitForTransaction, ["sessionId": sent.sessionId, "ms": milliseconds])
    }

    /// Ends the payments the app died in; best called at its start.
    public func settlePayments() async throws -> [JSONValue] {
        try await call(.settlePayments)
    }

    /// Up to fifty transactions, signed as a whole and sent in order.
    ///
    /// - Parameter approve: judges what the backend built in place of the operations; without it such a batch is refused
    public func sendBatch(
        from wallet: Wallet, _ request: BatchRequest, approve: (@Sendable (JSONValue) async throws -> Bool)? = nil
    ) async throws -> JSONValue {
        let asked = BatchRequest.WithApproval(request: request, approve: approve == nil ? nil : true)
        return try await call(.sendBatch, ["wallet": wallet, "request": asked], answers: CallAnswers(approve: approve))
    }

    public func batch(_ batchId: String) async throws -> JSONValue {
        try await call(.batch, ["batchId": batchId])
    }

    /// Ends the batches the app died in; best called at its start.
    public func settleBatches() async throws -> [JSONValue] {
        try await call(.settleBatches)
    }

    /// EIP-191; 0x-hex of r ‖ s ‖ v.
    public func sign(_ message: String, with wallet: Wallet, twoFactorCode: TwoFactorCode? = nil) async throws -> String {
        try await call(.signMessage, ["wallet": wallet, "message": message, "twoFactorCode": twoFactorCode])
    }

    /// EIP-712; `json` as a dapp hands it over (`eth_signTypedData_v4`).
    public func sign(typedData json: String, with wallet: Wallet, twoFactorCode: TwoFactorCode? = nil) async throws -> String {
        try await call(.signTypedData, ["wallet": wallet, "json": json, "twoFactorCode": twoFactorCode])
    }

    /// Begins the enrolment of an authenticator app: `otpauthUrl`, `secret`, `qrCode`, `expiresAt`.
    public func enrolSecondFactor(twoFactorCode: TwoFactorCode? = nil) async throws -> JSONValue {
        try await call(.enrolSecondFactor, ["twoFactorCode": twoFactorCode])
    }

    /// Puts it in force; returns recovery codes, once.
    public func confirmSecondFactor(code: String) async throws -> [String] {
        try await call(.confirmSecondFactor, ["code": code])
    }

    public func policy(of wallet: Wallet) async throws -> JSONValue {
        try await call(.policy, ["wallet": wallet])
    }

    /// What tightens acts at once, anything else after a delay; `.null` takes the policy away.
    public func setPolicy(
        _ policy: JSONValue, of wallet: Wallet, twoFactorCode: TwoFactorCode? = nil
    ) async throws -> JSONValue {
        try await call(.setPolicy, ["wallet": wallet, "policy": policy, "twoFactorCode": twoFactorCode])
    }

    /// Every line of the wallet's audit log, verified to the end this device knows.
    public func auditLog(of wallet: Wallet) async throws -> [JSONValue] {
        try await call(.auditLog, ["wallet": wallet])
    }

    /// Makes presignatures until `target` are in stock; returns how many are.
    public func fillPresignatures(of wallet: Wallet, target: Int) async throws -> Int {
        try await call(.fillPresignatures, ["wallet": wallet, "target": target])
    }

    public func presignaturesInStock(of wallet: Wallet) async throws -> Int {
        try await call(.presignaturesInStock, ["wallet": wallet])
    }
}
