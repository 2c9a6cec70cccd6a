import Foundation
import JavaScriptCore
import Security

/// The SDK in a JavaScriptCore of its own. Everything of JavaScript happens on one queue, which is not the main thread's: a key
/// generation computes for seconds.
///
/// `@unchecked Sendable` because the compiler cannot see it: all mutable state is touched on `queue` only.
final class Engine: @unchecked Sendable {
    private let queue = DispatchQueue(label: "tandem.engine", qos: .userInitiated)
    private let settings: String
    private let script: URL
    private let curve: (any CurveBackend)?
    private var host: Host?
    private var context: JSContext?
    private var deliverFunction: JSValue?
    private var calls: [Int: PendingCall] = [:]
    private var lastCall = 0

    private struct PendingCall {
        let continuation: CheckedContinuation<Parcel, Error>
        let answers: CallAnswers
    }

    init(settings: Settings, lent: Lent) throws {
        guard let script = Bundle.module.url(forResource: "tandem-device", withExtension: "js", subdirectory: "Script") else {
            throw TandemError.broken("tandem-device.js is not in the package: see its README")
        }
        self.script = script
        curve = lent.curve
        self.settings = String(decoding: try JSONEncoder().encode(settings), as: UTF8.self)
        host = Host(lent: lent, queue: queue) { [weak self] name, message in
            self?.deliver(name, message)
        }
    }

    /// Resolves with the parcel of a `returned`; throws the error of a `threw`.
    func call(_ method: Method, _ given: Given, answers: CallAnswers) async throws -> Parcel {
        try await withCheckedThrowingContinuation { continuation in
            queue.async {
                do {
                    try self.startOnce()
                    self.lastCall += 1
                    let call = self.lastCall
                    self.calls[call] = PendingCall(continuation: continuation, answers: answers)
                    self.deliver(.call, ToDevice.Call(call: call, method: method.rawValue, given: given))
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }

    /// Ends the engine: calls that wait are thrown out of, sockets are closed.
    func stop() {
        queue.async {
            self.host?.stop()
            self.host = nil
            self.deliverFunction = nil
            self.context = nil
            self.failCalls(with: .broken("the client was stopped"))
        }
    }

    private func failCalls(with error: TandemError) {
        let waiting = calls
        calls = [:]
        for pending in waiting.values {
            pending.continuation.resume(throwing: error)
        }
    }

    private func startOnce() throws {
        dispatchPrecondition(condition: .onQueue(queue))
        guard deliverFunction == nil else { return }
        guard host != nil, let context = JSContext() else { throw TandemError.broken("the client was stopped") }
        context.evaluateScript(try String(contentsOf: script, encoding: .utf8), withSourceURL: script)
        guard let lent = lentObject(in: context) else { throw TandemError.broken("no object for the bundle") }
        let start = context.objectForKeyedSubscript("TandemDevice")?.objectForKeyedSubscript("start")
        guard let deliver = start?.call(withArguments: [lent, settings]), context.exception == nil, deliver.isObject else {
            throw TandemError.broken("tandem-device.js does not start: \(context.exception?.toString() ?? "no start")")
        }
        self.context = context
        deliverFunction = deliver
    }

    /// The `Host` of shared/client/src/jsc/bridge.ts.
    private func lentObject(in context: JSContext) -> JSValue? {
        let random: @convention(block) (Int) -> JSValue? = { count in
            guard let context = JSContext.current() else { return nil }
            var bytes = Data(count: max(0, count))
            let status = bytes.withUnsafeMutableBytes { memory in
                memory.baseAddress.map { SecRandomCopyBytes(kSecRandomDefault, memory.count, $0) } ?? errSecSuccess
            }
            // undefined instead of bytes: the SDK refuses it
            return status == errSecSuccess ? context.uint8Array(bytes) : nil
        }
        let post: @convention(block) (String, String, JSValue) -> Void = { [weak self] name, text, bytes in
            guard let bytes = bytes.uint8Datas else { return }
            self?.received(name, Parcel(text: text, bytes: bytes))
        }
        let multiply: @convention(block) (JSValue, JSValue) -> JSValue? = { [curve] point, scalar in
            guard let point = point.uint8Data, let scalar = scalar.uint8Data else { return nil }
            return curve?.multiply(point, by: scalar).flatMap { JSContext.current()?.uint8Array($0) }
        }
        let lent = JSValue(newObjectIn: context)
        lent?.setObject(unsafeBitCast(random, to: AnyObject.self), forKeyedSubscript: "random" as NSString)
        lent?.setObject(unsafeBitCast(post, to: AnyObject.self), forKeyedSubscript: "post" as NSString)
        if curve != nil {
            lent?.setObject(unsafeBitCast(multiply, to: AnyObject.self), forKeyedSubscript: "multiply" as NSString)
        }
        return lent
    }

    /// JavaScript calls this on the queue, in the midst of its work: nothing is delivered from here.
    private func received(_ name: String, _ parcel: Parcel) {
        dispatchPrecondition(condition: .onQueue(queue))
        guard let message = ToHost(rawValue: name), let host else { return }
        do {
            switch message {
            case .returned:
                let call = try parcel.read(CallNumber.self).call
                calls.removeValue(forKey: call)?.continuation.resume(returning: parcel)
            case .threw:
                let threw = try parcel.read(ToHost.Threw.self)
                calls.removeValue(forKey: threw.call)?.continuation.resume(throwing: threw.error)
            case .sealShare, .saveBackups, .approveBatch, .attestKey, .assertKey:
                let call = try parcel.read(CallNumber.self).call
                try host.answer(message, parcel, by: calls[call]?.answers ?? CallAnswers())
            default:
                try host.act(message, parcel)
            }
        } catch {
            // A message that cannot be read means that bundle and package are not of one release.
            failCalls(with: .broken("the bundle said something this package does not know: \(name)"))
        }
    }

    private struct CallNumber: Decodable {
        let call: Int
    }

    /// From any queue.
    private func deliver(_ name: ToDevice, _ message: some Encodable & Sendable) {
        queue.async {
            guard let deliver = self.deliverFunction, let context = self.context else { return }
            do {
                let parcel = try Parcel(message)
                let bytes = parcel.bytes.compactMap { context.uint8Array($0) }
                deliver.call(withArguments: [name.rawValue, parcel.text, bytes])
                if let exception = context.exception {
                    context.exception = nil
                    throw TandemError.broken("the bundle does not take \(name.rawValue): \(exception.toString() ?? "")")
                }
            } catch {
                self.failCalls(with: (error as? TandemError) ?? .broken("a message cannot be written"))
            }
        }
    }
}
