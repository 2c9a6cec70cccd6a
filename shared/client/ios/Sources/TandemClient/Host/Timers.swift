import Foundation

/// setTimeout. Used on the queue only; they do not fire while the system has suspended the app.
final class Timers: @unchecked Sendable {
    private let queue: DispatchQueue
    private let fired: @Sendable (Int) -> Void
    private var waiting: [Int: DispatchWorkItem] = [:]

    init(queue: DispatchQueue, fired: @escaping @Sendable (Int) -> Void) {
        self.queue = queue
        self.fired = fired
    }

    func start(_ timer: Int, ms: Double) {
        let item = DispatchWorkItem { [weak self] in
            guard let self, self.waiting.removeValue(forKey: timer) != nil else { return }
            self.fired(timer)
        }
        waiting[timer] = item
        queue.asyncAfter(deadline: .now() + .milliseconds(Int(max(0, ms))), execute: item)
    }

    func cancel(_ timer: Int) {
        waiting.removeValue(forKey: timer)?.cancel()
    }

    func stop() {
        for timer in Array(waiting.keys) { cancel(timer) }
    }
}
