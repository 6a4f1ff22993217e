import Foundation
import Testing

/// A firm, its server as a process of its own, and the phones of its people. Everything is gone when it goes.
final class World {
    let folder: URL
    let firm: Firm
    let server: Server
    private var phones = 0

    init() throws {
        folder = try scratchFolder()
        server = Server(data: folder.appendingPathComponent("server"), log: folder.appendingPathComponent("log"))
        firm = try server.seed()
        try server.start()
    }

    deinit {
        server.stop()
        try? FileManager.default.removeItem(at: folder)
    }

    /// A phone that nobody has signed in on.
    func newPhone() throws -> Phone {
        phones += 1
        return try Phone(folder: folder.appendingPathComponent("phone-\(phones)"))
    }

    /// A phone on which `person` is signed in and that is up to date.
    func phone(_ person: String?) async throws -> Phone {
        let phone = try newPhone()
        _ = try await signIn(person, on: phone)
        _ = try await phone.portal().catchUp()
        return phone
    }

    func conversation(_ name: String?) throws -> String {
        try #require(firm.conversations[name ?? ""])
    }

    func email(_ person: String?) throws -> String {
        try #require(firm.people[person ?? ""]).email
    }

    /// The code that was mailed for a challenge.
    func mailedCode(_ challengeId: String) throws -> String {
        let mails = server.data.appendingPathComponent("mail")
        let mail = try until { files(in: mails).first { $0.lastPathComponent.contains(challengeId) } }
        let text = try String(contentsOf: mail, encoding: .utf8)
        // Alone on its line: an id may look the same.
        let code = try #require(text.range(of: "(?m)^ +[0-9A-Z]{4}-[0-9A-Z]{4}", options: .regularExpression))
        return text[code].trimmingCharacters(in: .whitespaces)
    }

    /// The newest push to a device, as its provider would carry it.
    func push(to deviceId: String) throws -> String {
        let pushes = server.data.appendingPathComponent("push/\(deviceId)")
        let push = try until { files(in: pushes).max { number(of: $0) < number(of: $1) } }
        return try String(contentsOf: push, encoding: .utf8)
    }

    /// Waits for what the server does by itself; fails as soon as the server has ended or the test's time is up.
    func until<T>(_ condition: () throws -> T?) throws -> T {
        while true {
            if let value = try condition() { return value }
            try Task.checkCancellation()
            try server.pause()
        }
    }

    private func files(in folder: URL) -> [URL] {
        let all = try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        // A file that is being written has another name.
        return (all ?? []).filter { ["eml", "json"].contains($0.pathExtension) }
    }

    private func number(of file: URL) -> Int {
        Int(file.deletingPathExtension().lastPathComponent) ?? -1
    }
}

/// What `portico-server seed` made.
struct Firm: Decodable {
    struct Person: Decodable {
        let email: String
    }

    let people: [String: Person]
    let conversations: [String: String]
}

/// A folder of its own, in memory where the system has such.
func scratchFolder() throws -> URL {
    let memory = URL(fileURLWithPath: "/dev/shm", isDirectory: true)
    let files = FileManager.default
    let parent = files.isWritableFile(atPath: memory.path) ? memory : files.temporaryDirectory
    let folder = parent.appendingPathComponent("portico-\(UUID().uuidString)")
    try files.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
}
