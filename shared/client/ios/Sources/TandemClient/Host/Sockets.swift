import Foundation

/// WebSockets to Sigpair. Its state is touched on the engine's queue only: URLSession's callbacks come there.
final class Sockets: NSObject, URLSessionWebSocketDelegate, @unchecked Sendable {
    /// MAX_SOCKET_PAYLOAD of shared/wire/src/limits.ts
    private static let maxMessageBytes = 65_535

    private let queue: DispatchQueue
    private let deliver: Host.Deliver
    private var tasks: [Int: URLSessionWebSocketTask] = [:]
    private var numbers: [Int: Int] = [:]
    private var session: URLSession?

    init(queue: DispatchQueue, deliver: @escaping Host.Deliver) {
        self.queue = queue
        self.deliver = deliver
        super.init()
        let configuration = URLSessionConfiguration.ephemeral
        configuration.tlsMinimumSupportedProtocolVersion = .TLSv12
        let callbacks = OperationQueue()
        callbacks.underlyingQueue = queue
        callbacks.maxConcurrentOperationCount = 1
        session = URLSession(configuration: configuration, delegate: self, delegateQueue: callbacks)
    }

    func open(_ asked: ToHost.OpenSocket) {
        guard let url = URL(string: asked.url), let session else {
            return deliver(.socketFailed, ToDevice.SocketFailed(socket: asked.socket))
        }
        let task = session.webSocketTask(with: url, protocols: asked.subprotocols)
        task.maximumMessageSize = Self.maxMessageBytes
        tasks[asked.socket] = task
        numbers[task.taskIdentifier] = asked.socket
        task.resume()
        listen(asked.socket, task)
    }

    func send(_ socket: Int, _ bytes: Data) {
        tasks[socket]?.send(.data(bytes)) { [weak self] error in
            guard error != nil else { return }
            self?.onQueue { $0.fail(socket) }
        }
    }

    /// Whoever closes hears nothing more.
    func close(_ socket: Int, code: Int) {
        guard let task = forget(socket) else { return }
        task.cancel(with: URLSessionWebSocketTask.CloseCode(rawValue: code) ?? .normalClosure, reason: nil)
    }

    func stop() {
        for socket in Array(tasks.keys) { close(socket, code: 1000) }
        session?.invalidateAndCancel()
        session = nil
    }

    func urlSession(_ session: URLSession, webSocketTask task: URLSessionWebSocketTask, didOpenWithProtocol: String?) {
        guard let socket = numbers[task.taskIdentifier] else { return }
        deliver(.socketOpened, ToDevice.SocketOpened(socket: socket, subprotocol: didOpenWithProtocol ?? ""))
    }

    func urlSession(
        _ session: URLSession, webSocketTask task: URLSessionWebSocketTask,
        didCloseWith code: URLSessionWebSocketTask.CloseCode, reason: Data?
    ) {
        guard let socket = numbers[task.taskIdentifier] else { return }
        _ = forget(socket)
        let text = reason.map { String(decoding: $0, as: UTF8.self) } ?? ""
        deliver(.socketClosed, ToDevice.SocketClosed(socket: socket, code: code.rawValue, reason: text))
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: Error?) {
        guard let socket = numbers[task.taskIdentifier] else { return }
        fail(socket)
    }

    private func listen(_ socket: Int, _ task: URLSessionWebSocketTask) {
        task.receive { [weak self] result in
            self?.onQueue { sockets in
                guard sockets.tasks[socket] != nil else { return }
                switch result {
                case .success(.data(let bytes)):
                    sockets.deliver(.socketMessage, ToDevice.SocketMessage(socket: socket, bytes: Bytes(bytes)))
                    sockets.listen(socket, task)
                case .success:
                    // Sigpair says nothing in text
                    sockets.fail(socket)
                case .failure:
                    // didCloseWith or didCompleteWithError says why
                    break
                }
            }
        }
    }

    private func onQueue(_ act: @escaping @Sendable (Sockets) -> Void) {
        queue.async { [weak self] in
            if let self { act(self) }
        }
    }

    private func fail(_ socket: Int) {
        guard let task = forget(socket) else { return }
        task.cancel()
        deliver(.socketFailed, ToDevice.SocketFailed(socket: socket))
    }

    private func forget(_ socket: Int) -> URLSessionWebSocketTask? {
        guard let task = tasks.removeValue(forKey: socket) else { return nil }
        numbers.removeValue(forKey: task.taskIdentifier)
        return task
    }
}
