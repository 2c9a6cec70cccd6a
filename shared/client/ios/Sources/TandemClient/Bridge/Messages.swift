// The names and fields of shared/client/src/jsc/messages.ts and methods.ts. test/ios/swift-names.test.ts compares them: keep
// each message on one line.

/// What the SDK asks of its host.
enum ToHost: String, CaseIterable {
    case startTimer, cancelTimer
    case openSocket, sendSocket, closeSocket
    case sendRequest, cancelRequest
    case vaultGet, vaultPut, vaultDelete, vaultList
    case token, sealShare, saveBackups, approveBatch
    case attestKey, assertKey
    case progress, returned, threw

    struct StartTimer: Decodable { let timer: Int; let ms: Double }
    struct CancelTimer: Decodable { let timer: Int }
    struct OpenSocket: Decodable { let socket: Int; let url: String; let subprotocols: [String] }
    struct SendSocket: Decodable { let socket: Int; let bytes: Bytes }
    struct CloseSocket: Decodable { let socket: Int; let code: Int }
    struct SendRequest: Decodable { let request: Int; let method: String; let url: String; let headers: [String: String]; let body: String? }
    struct CancelRequest: Decodable { let request: Int }
    struct VaultGet: Decodable { let request: Int; let name: String }
    struct VaultPut: Decodable { let request: Int; let name: String; let value: Bytes }
    struct VaultDelete: Decodable { let request: Int; let name: String }
    struct VaultList: Decodable { let request: Int; let prefix: String }
    struct Token: Decodable { let request: Int }
    struct SealShare: Decodable { let request: Int; let call: Int; let content: Bytes }
    struct SaveBackups: Decodable { let request: Int; let call: Int; let backups: NewBackups }
    struct ApproveBatch: Decodable { let request: Int; let call: Int; let built: JSONValue }
    struct AttestKey: Decodable { let request: Int; let call: Int; let clientDataHash: Bytes }
    struct AssertKey: Decodable { let request: Int; let call: Int; let clientDataHash: Bytes }
    struct Progress: Decodable { let step: String; let round: Int? }
    struct Returned<Value: Decodable>: Decodable { let call: Int; let value: Value }
    struct Threw: Decodable { let call: Int; let error: TandemError }
}

/// What the host tells the SDK.
enum ToDevice: String, CaseIterable {
    case call
    case answer, refuse
    case timerFired
    case socketOpened, socketMessage, socketClosed, socketFailed

    struct Call: Encodable { let call: Int; let method: String; let given: Given }
    struct Answer<Value: Encodable>: Encodable { let request: Int; let value: Value }
    struct Refuse: Encodable { let request: Int; let reason: String }
    struct TimerFired: Encodable { let timer: Int }
    struct SocketOpened: Encodable { let socket: Int; let subprotocol: String }
    struct SocketMessage: Encodable { let socket: Int; let bytes: Bytes }
    struct SocketClosed: Encodable { let socket: Int; let code: Int; let reason: String }
    struct SocketFailed: Encodable { let socket: Int }
}

/// What the host can call.
enum Method: String, CaseIterable {
    case createWallet, resume, wallets
    case sendTransaction, waitForTransaction, settlePayments
    case sendBatch, batch, settleBatches
    case addressOf, signMessage, signTypedData
    case attestDevice
    case enrolSecondFactor, confirmSecondFactor
    case policy, setPolicy, auditLog
    case fillPresignatures, presignaturesInStock, close
    case rotateKey, backUp, changeRecoveryKey, exportDeviceShare, drill
    case requestExport, confirmExport, cancelExport
    case restoreDevice, restoreServer, restores, finishRestore, cancelRestore
    case freeze, deleteWallet
    case createRecoveryKit
}
