import Foundation
import Observation
import TandemClient

/// What `npm start` prints, and a user of its issuer. A real app has its own backend, Sigpair's pinned keys, and a sign-in.
private enum Local {
    static let backend = "http://127.0.0.1:3000"
    static let issuer = URL(string: "http://127.0.0.1:3002/token")!
    static let user = "alice"
    static let chainId = 31337
}

@MainActor @Observable
final class WalletModel {
    private(set) var wallet: Wallet?
    private(set) var status = "Starting …"
    private(set) var busy = false
    private var client: TandemClient?

    func start() async {
        await attempt("Ready") {
            let client = try TandemClient(
                Configuration(baseUrl: Local.backend, pin: nil),
                vault: try EnclaveVault(home: Self.home),
                token: { try await Self.token() },
                onProgress: { progress in
                    Task { @MainActor in self.status = "\(progress.step) \(progress.round.map(String.init) ?? "")" }
                }
            )
            self.client = client
            // whatever the app died in is finished first
            _ = try await client.resume()
            _ = try await client.settlePayments()
            self.wallet = try await client.wallets().first
        }
    }

    func create() async {
        await attempt("Created") {
            self.wallet = try await self.client?.createWallet(named: "Pocket")
        }
    }

    func sign(_ message: String) async {
        guard let wallet else { return }
        await attempt(nil) {
            self.status = try await self.client?.sign(message, with: wallet) ?? ""
        }
    }

    func pay(to address: String, wei: String) async {
        guard let wallet, let value = Wei(wei) else { return }
        await attempt(nil) {
            let request = PaymentRequest(to: address, value: value, chainId: Local.chainId)
            self.status = try await self.client?.pay(from: wallet, request).txHash ?? ""
        }
    }

    /// - Parameter done: what is said at the end, unless the work says something itself
    private func attempt(_ done: String?, _ work: @MainActor () async throws -> Void) async {
        busy = true
        defer { busy = false }
        do {
            try await work()
            if let done { status = done }
        } catch {
            status = error.localizedDescription
        }
    }

    private static var home: SealingKey.Home {
        #if targetEnvironment(simulator)
            .software
        #else
            .secureEnclave
        #endif
    }

    private struct Issued: Decodable {
        let id_token: String
    }

    private nonisolated static func token() async throws -> String {
        var request = URLRequest(url: Local.issuer)
        request.httpMethod = "POST"
        request.setValue("application/json", forHTTPHeaderField: "content-type")
        request.httpBody = try JSONEncoder().encode(["user": Local.user])
        let (data, _) = try await URLSession.shared.data(for: request)
        return try JSONDecoder().decode(Issued.self, from: data).id_token
    }
}
