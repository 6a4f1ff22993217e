import Foundation
import PorticoFFI
import PorticoKit
import Testing

/// The example as a newcomer runs it: a process of its own, a code from the mail, a line typed.
@Suite(.timeLimit(.minutes(1)))
struct HelloPortalTests {
    @Test func exampleSignsInShowsTheListAndSends() async throws {
        let world = try World()
        let mara = try await world.phone("mara")
        let typed = Pipe()
        let printed = Pipe()
        let process = Process()
        process.executableURL = program("HelloPortal")
        process.arguments = [
            world.folder.appendingPathComponent("hello").path, world.server.url, try world.email("amina"),
        ]
        process.standardInput = typed
        process.standardOutput = printed
        try process.run()

        let home = world.folder.appendingPathComponent("hello/home").path
        let pending = try world.until { pendingChallenge(in: home) }
        let code = try world.mailedCode(pending)
        typed.fileHandleForWriting.write(Data("0000-0000\n\(code)\nHello from the example 👋\n".utf8))
        try typed.fileHandleForWriting.close()
        let output = String(decoding: try printed.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()

        #expect(process.terminationStatus == 0)
        // What is new may be printed between any two lines.
        let lines = output.split(separator: "\n")
        #expect(lines.contains("wrong_code, try again:"), "\(output)")
        #expect(lines.contains("1 unread"), "\(output)")
        #expect(lines.contains { $0.hasPrefix("Haddad claim: Thank you.") }, "\(output)")
        let portal = try mara.portal()
        _ = try await portal.catchUp()
        let page = try portal.timeline(conversation: try world.conversation("claim"), beforeSeq: nil, most: 1)
        guard case .logged(let entry, _, _, _) = page.items.last else { throw FaultySecrets.Undeclared() }
        #expect(entry.body == "Hello from the example 👋")
    }

    /// What the example's core keeps while its person reads the mail.
    private func pendingChallenge(in home: String) -> String? {
        let file = FileManager.default.contents(atPath: "\(home)/pending-sign-in.json")
        let kept = file.flatMap { try? JSONSerialization.jsonObject(with: $0) } as? [String: Any]
        return kept?["challenge_id"] as? String
    }
}
