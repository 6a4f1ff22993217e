import Foundation
import PorticoFFI

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Lets the system carry batches while the app is suspended or gone. One for the app, made at each launch: the system
/// tells the answers of what ended meanwhile to the session of the same name.
///
/// What ends while there is no portal is not lost: the core takes a batch back by itself that did not move for an hour.
public final class BackgroundUploads: Sendable {
    private let answers: Answers
    private let session: URLSession

    /// On a phone give `.background(withIdentifier:)` with a name that never changes; `portal` is asked for whenever
    /// something ended.
    public init(configuration: URLSessionConfiguration, portal: @escaping @Sendable () throws -> Portal?) {
        answers = Answers(portal: portal)
        session = URLSession(configuration: configuration, delegate: answers, delegateQueue: nil)
    }

    /// Hands over what `prepareBackgroundTransfer` gave.
    public func carry(_ transfer: BackgroundTransfer) {
        guard let url = URL(string: transfer.url) else { return answers.tell(transfer.sendKey, of: nil, body: Data()) }
        var request = URLRequest(url: url)
        request.httpMethod = transfer.method
        #if canImport(Darwin)
            request.allowsExpensiveNetworkAccess = transfer.metered
            request.allowsConstrainedNetworkAccess = transfer.metered
        #endif
        for header in transfer.headers { request.setValue(header.value, forHTTPHeaderField: header.name) }
        let task = session.uploadTask(with: request, fromFile: URL(fileURLWithPath: transfer.file))
        // The only thing that comes back after the app was gone.
        task.taskDescription = transfer.sendKey
        task.resume()
    }

    /// Pass on what `application(_:handleEventsForBackgroundURLSession:completionHandler:)` gave.
    public func eventsArrived(_ allTold: @escaping @Sendable () -> Void) {
        session.delegateQueue.addOperation { [answers] in answers.allTold = allTold }
    }
}

/// What comes back of each task. Guarded by the session's queue, which does one thing at a time.
private final class Answers: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    private let portal: @Sendable () throws -> Portal?
    private var bodies: [Int: Data] = [:]
    var allTold: (@Sendable () -> Void)?

    init(portal: @escaping @Sendable () throws -> Portal?) {
        self.portal = portal
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        bodies[dataTask.taskIdentifier, default: Data()] += data
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        let body = bodies.removeValue(forKey: task.taskIdentifier) ?? Data()
        guard let key = task.taskDescription else { return }
        tell(key, of: error == nil ? task.response as? HTTPURLResponse : nil, body: error == nil ? body : Data())
    }

    func tell(_ key: SendKey, of answer: HTTPURLResponse?, body: Data) {
        // An error leaves the batch with the system, and the hour above begins.
        try? portal()?.backgroundTransferFinished(
            key: key, status: UInt16(clamping: answer?.statusCode ?? 0), mediaType: answer?.mimeType ?? "", body: body)
    }

    #if canImport(Darwin)
        func urlSessionDidFinishEvents(forBackgroundURLSession session: URLSession) {
            if let allTold { DispatchQueue.main.async(execute: allTold) }
            allTold = nil
        }
    #endif
}
