import Foundation

/// What an app lends to its client.
struct Lent: Sendable {
    let vault: any Vault
    let token: @Sendable () async throws -> String
    let onProgress: @Sendable (TandemProgress) -> Void
    let curve: (any CurveBackend)?
}

/// What the app answers during one call.
struct CallAnswers: Sendable {
    var seal: (@Sendable (Data) async throws -> Data)?
    var save: (@Sendable (NewBackups) async throws -> Void)?
    var approve: (@Sendable (JSONValue) async throws -> Bool)?
    var appKey: (any AppAttestKey)?
}

/// Does what the SDK asks for, and delivers what comes of it. Its state is touched on the engine's queue only.
final class Host: @unchecked Sendable {
    typealias Deliver = @Sendable (ToDevice, any Encodable & Sendable) -> Void

    private let lent: Lent
    private let timers: Timers
    private let sockets: Sockets
    private let requests: Requests
    private let deliver: Deliver

    init(lent: Lent, queue: DispatchQueue, deliver: @escaping Deliver) {
        self.lent = lent
        self.deliver = deliver
        timers = Timers(queue: queue) { deliver(.timerFired, ToDevice.TimerFired(timer: $0)) }
        sockets = Sockets(queue: queue, deliver: deliver)
        requests = Requests()
    }

    func stop() {
        timers.stop()
        sockets.stop()
        requests.stop()
    }

    func act(_ message: ToHost, _ parcel: Parcel) throws {
        switch message {
        case .startTimer:
            let asked = try parcel.read(ToHost.StartTimer.self)
            timers.start(asked.timer, ms: asked.ms)
        case .cancelTimer:
            timers.cancel(try parcel.read(ToHost.CancelTimer.self).timer)
        case .openSocket:
            sockets.open(try parcel.read(ToHost.OpenSocket.self))
        case .sendSocket:
            let asked = try parcel.read(ToHost.SendSocket.self)
            sockets.send(asked.socket, asked.bytes.data)
        case .closeSocket:
            let asked = try parcel.read(ToHost.CloseSocket.self)
            sockets.close(asked.socket, code: asked.code)
        case .sendRequest:
            let asked = try parcel.read(ToHost.SendRequest.self)
            requests.begin(asked.request, answer(asked.request) { try await Requests.reply(to: asked) })
        case .cancelRequest:
            requests.cancel(try parcel.read(ToHost.CancelRequest.self).request)
        case .vaultGet, .vaultPut, .vaultDelete, .vaultList:
            try keep(message, parcel)
        case .token:
            let token = lent.token
            _ = answer(try parcel.read(ToHost.Token.self).request) { try await token() }
        case .progress:
            let asked = try parcel.read(ToHost.Progress.self)
            lent.onProgress(TandemProgress(step: asked.step, round: asked.round))
        case .sealShare, .saveBackups, .approveBatch, .attestKey, .assertKey, .returned, .threw:
            // the engine's own
            break
        }
    }

    /// What belongs to one call is answered by whoever made it.
    func answer(_ message: ToHost, _ parcel: Parcel, by answers: CallAnswers) throws {
        switch message {
        case .sealShare:
            let asked = try parcel.read(ToHost.SealShare.self)
            _ = answer(asked.request) {
                guard let seal = answers.seal else { throw TandemError.broken("nothing seals the backup") }
                return Bytes(try await seal(asked.content.data))
            }
        case .saveBackups:
            let asked = try parcel.read(ToHost.SaveBackups.self)
            _ = answer(asked.request) {
                guard let save = answers.save else { throw TandemError.broken("nothing keeps the backup") }
                try await save(asked.backups)
                return JSONValue.null
            }
        case .attestKey:
            let asked = try parcel.read(ToHost.AttestKey.self)
            _ = answer(asked.request) {
                guard let key = answers.appKey else { throw TandemError.broken("no key to attest") }
                return Bytes(try await key.attest(asked.clientDataHash.data))
            }
        case .assertKey:
            let asked = try parcel.read(ToHost.AssertKey.self)
            _ = answer(asked.request) {
                guard let key = answers.appKey else { throw TandemError.broken("no key to assert with") }
                return Bytes(try await key.assert(asked.clientDataHash.data))
            }
        default:
            let asked = try parcel.read(ToHost.ApproveBatch.self)
            _ = answer(asked.request) { try await answers.approve?(asked.built) ?? false }
        }
    }

    private func keep(_ message: ToHost, _ parcel: Parcel) throws {
        let vault = lent.vault
        switch message {
        case .vaultGet:
            let asked = try parcel.read(ToHost.VaultGet.self)
            _ = answer(asked.request) { try await vault.get(asked.name).map(Bytes.init) }
        case .vaultPut:
            let asked = try parcel.read(ToHost.VaultPut.self)
            _ = answer(asked.request) {
                try await vault.put(asked.name, asked.value.data)
                return JSONValue.null
            }
        case .vaultDelete:
            let asked = try parcel.read(ToHost.VaultDelete.self)
            _ = answer(asked.request) {
                try await vault.delete(asked.name)
                return JSONValue.null
            }
        default:
            let asked = try parcel.read(ToHost.VaultList.self)
            _ = answer(asked.request) { try await vault.list(prefix: asked.prefix) }
        }
    }

    /// Every request is answered or refused once, a cancelled one too.
    private func answer<Value: Encodable & Sendable>(
        _ request: Int, _ act: @escaping @Sendable () async throws -> Value
    ) -> Task<Void, Never> {
        let deliver = self.deliver
        return Task {
            do {
                deliver(.answer, ToDevice.Answer(request: request, value: try await act()))
            } catch {
                deliver(.refuse, ToDevice.Refuse(request: request, reason: error.localizedDescription))
            }
        }
    }
}
