import Foundation

/// Begins `body`. When this returns, `body` has ended, or all it still does is wait for somebody else.
func waiting<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) throws -> Task<T, any Error> {
    guard #available(macOS 15, iOS 18, *) else { throw SystemTooOld() }
    let thread = WatchedThread()
    let task = Task(executorPreference: thread, operation: body)
    thread.rest()
    return task
}

struct SystemTooOld: Error {}

/// Runs what a task has to do, and knows when nothing is left.
@available(macOS 15, iOS 18, *)
private final class WatchedThread: TaskExecutor {
    private let queue = DispatchQueue(label: "watched")
    private let due = DispatchGroup()

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async(group: due) { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    func rest() {
        due.wait()
    }
}
