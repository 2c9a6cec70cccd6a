import Foundation

/// HTTP. Used on the engine's queue only, but for ``reply(to:)``.
final class Requests: @unchecked Sendable {
    /// What a service answers is far below; the SDK refuses more than a million characters.
    private static let maxBytes = 4_000_000

    private var running: [Int: Task<Void, Never>] = [:]

    struct Reply: Encodable, Sendable {
        let status: Int
        let text: String
    }

    /// No cache, no cookies, no credentials of the system.
    private static let session: URLSession = {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.httpCookieStorage = nil
        configuration.urlCache = nil
        configuration.urlCredentialStorage = nil
        configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
        configuration.tlsMinimumSupportedProtocolVersion = .TLSv12
        return URLSession(configuration: configuration)
    }()

    func begin(_ request: Int, _ task: Task<Void, Never>) {
        // those that have ended are of no use: cancelling one does nothing
        if running.count > 64 { running = running.filter { $0.key > request - 64 } }
        running[request] = task
    }

    func cancel(_ request: Int) {
        running.removeValue(forKey: request)?.cancel()
    }

    func stop() {
        for request in Array(running.keys) { cancel(request) }
    }

    static func reply(to asked: ToHost.SendRequest) async throws -> Reply {
        guard let url = URL(string: asked.url) else { throw URLError(.badURL) }
        var request = URLRequest(url: url)
        request.httpMethod = asked.method
        request.httpBody = asked.body.map { Data($0.utf8) }
        for (name, value) in asked.headers { request.setValue(value, forHTTPHeaderField: name) }
        let (data, response) = try await session.data(for: request, delegate: NoRedirects())
        guard let answer = response as? HTTPURLResponse, data.count <= maxBytes else { throw URLError(.badServerResponse) }
        return Reply(status: answer.statusCode, text: String(decoding: data, as: UTF8.self))
    }
}

/// The backend redirects nobody; a token is not carried to another place.
private final class NoRedirects: NSObject, URLSessionTaskDelegate, @unchecked Sendable {
    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest
    ) async -> URLRequest? {
        nil
    }
}
