import Foundation
import PorticoFFI
import PorticoKit
import Testing

/// An installation of the app: its home folder, its keystore, and what the system says of the network.
struct Phone: Sendable {
    let folder: URL
    let secrets: FaultySecrets
    let network: SwitchedNetwork
    let signIn: SignIn

    var home: String { folder.appendingPathComponent("home").path }
    var secretsFolder: URL { folder.appendingPathComponent("secrets") }

    init(folder: URL) throws {
        self.folder = folder
        secrets = FaultySecrets(over: FolderSecrets(folder: folder.appendingPathComponent("secrets")))
        network = SwitchedNetwork()
        signIn = try SignIn(
            home: folder.appendingPathComponent("home").path, secrets: secrets, deviceKey: nil, network: network,
            extraRoot: nil)
    }

    /// The same phone after its app was gone and was started again.
    func restarted() throws -> Phone {
        try portal().end()
        return try Phone(folder: folder)
    }

    func portal() throws -> Portal {
        try #require(try signIn.portal())
    }
}

/// A keystore that can be locked or broken.
final class FaultySecrets: SecretStore {
    enum State { case working, locked, broken }

    /// What no port may throw.
    struct Undeclared: Error {
        let detail = "a text that must not go anywhere"
    }

    let state = Guarded(State.working)
    private let secrets: FolderSecrets

    init(over secrets: FolderSecrets) {
        self.secrets = secrets
    }

    func read(name: String) throws -> Data? {
        try check()
        return try secrets.read(name: name)
    }

    func keep(name: String, secret: Data) throws {
        try check()
        try secrets.keep(name: name, secret: secret)
    }

    func forget(name: String) throws {
        try check()
        try secrets.forget(name: name)
    }

    private func check() throws {
        switch state.value {
        case .working: return
        case .locked: throw PortError.Locked
        case .broken: throw Undeclared()
        }
    }
}

/// A network of which a test says what it is.
final class SwitchedNetwork: NetworkStatus {
    let says = Guarded(Reach.unmetered)
    private let held = Guarded<HeldQuestion?>(nil)

    /// Whoever asks next is held in the middle of it.
    func hold() -> HeldQuestion {
        let question = HeldQuestion()
        held.value = question
        return question
    }

    func reach() -> Reach {
        held.value?.answerLater()
        return says.value
    }
}

/// A question to a port that has no answer until it is let go.
final class HeldQuestion: Sendable {
    private let asked = DispatchSemaphore(value: 0)
    private let answered = DispatchSemaphore(value: 0)

    func untilAsked() {
        asked.wait()
    }

    /// For good: each answer lets the next one go.
    func letGo() {
        answered.signal()
    }

    fileprivate func answerLater() {
        asked.signal()
        answered.wait()
        answered.signal()
    }
}

/// A value that several threads change.
final class Guarded<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var inner: Value

    init(_ value: Value) {
        inner = value
    }

    var value: Value {
        get { lock.withLock { inner } }
        set { lock.withLock { inner = newValue } }
    }
}

extension World {
    /// Signs `person` in on `phone` with the code from their mail.
    func signIn(_ person: String?, on phone: Phone) async throws -> Answer {
        let pending = try await phone.signIn.begin(serverUrl: server.url, email: email(person))
        return try await phone.signIn.answer(code: mailedCode(pending.challengeId), deviceName: "a phone")
    }
}

extension Portal {
    /// What stands in a conversation, oldest first.
    func texts(in conversation: String) throws -> [String] {
        try timeline(conversation: conversation, beforeSeq: nil, most: 500).items.compactMap { item in
            guard case .logged(let entry, _, _, _) = item, entry.kind == .message else { return nil }
            return entry.body
        }
    }
}

/// The error that `body` throws, as the kit maps it.
func fault<T>(_ body: () async throws -> T) async throws -> PortalError {
    do { _ = try await body() } catch { return PortalError(error) }
    throw NothingThrown()
}

struct NothingThrown: Error {}

/// What `body` comes to. It may be one that never ends: then this gives up at the test's time limit.
func outcome<T: Sendable>(of body: @escaping @Sendable () async throws -> T) async throws -> T {
    let (results, result) = AsyncThrowingStream<T, any Error>.makeStream()
    Task {
        do { result.yield(try await body()) } catch { result.finish(throwing: error) }
    }
    for try await value in results { return value }
    throw NeverEnded()
}

struct NeverEnded: Error {}
