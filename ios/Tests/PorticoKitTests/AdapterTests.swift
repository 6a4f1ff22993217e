import Foundation
import PorticoFFI
import PorticoKit
import Testing

/// Errors and ports: no server is needed.
struct AdapterTests {
    @Test func errorOfSomethingElseCarriesNoText() {
        struct Foreign: Error { let text = "privileged and confidential" }

        #expect(PortalError(Foreign()) == .Bug(what: "bindings"))
        #expect(PortalError(CancellationError()) == .Ended)
        #expect(PortalError(PortalError.NotHere) == .NotHere)
    }

    @Test func everyReasonHasItsOwnKey() {
        let reasons: [RefusalCode] = [
            .accountClosed, .batchEmpty, .batchTooLarge, .batchTooManyFiles, .bodyEmpty, .bodyHasNul, .bodyNotUnicode,
            .bodyTooLong, .conversationArchived, .conversationClosed, .conversationNotFound, .fileDamaged,
            .fileNameHasNul, .fileNameTooLong, .notParticipant, .quotaExceeded, .sendKeyReused, .withdrawn,
            .unknown(text: "reason_of_tomorrow"),
        ]

        #expect(Set(reasons.map(\.code)).count == reasons.count)
        #expect(RefusalCode.unknown(text: "reason_of_tomorrow").code == "reason_of_tomorrow")
    }

    @Test func secretIsKeptReplacedAndForgotten() throws {
        let folder = try scratchFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let inner = folder.appendingPathComponent("secrets")
        let secrets = FolderSecrets(folder: inner)
        #expect(try secrets.read(name: "key") == nil)

        try secrets.keep(name: "key", secret: Data([1, 2, 3]))
        try secrets.keep(name: "key", secret: Data([0, 255]))
        #expect(try FolderSecrets(folder: inner).read(name: "key") == Data([0, 255]))

        try secrets.forget(name: "key")
        try secrets.forget(name: "key")
        #expect(try secrets.read(name: "key") == nil)
    }

    @Test func secretIsReadableByItsOwnerOnly() throws {
        let folder = try scratchFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let inner = folder.appendingPathComponent("secrets")

        try FolderSecrets(folder: inner).keep(name: "key", secret: Data([1]))

        #expect(try permissions(inner) == 0o700)
        #expect(try FileManager.default.contentsOfDirectory(atPath: inner.path) == ["key"])
        #expect(try permissions(inner.appendingPathComponent("key")) == 0o600)
    }

    @Test func nameThatIsPlainIsItsFile() throws {
        let folder = try scratchFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let names = ["session-key", "store-key.\(UUID().uuidString)-\(UUID().uuidString)", "push_key.new", ".a", "a."]

        for name in names { try FolderSecrets(folder: folder).keep(name: name, secret: Data()) }

        #expect(try Set(FileManager.default.contentsOfDirectory(atPath: folder.path)) == Set(names))
    }

    @Test func noNameLeadsOutOfTheFolder() throws {
        let folder = try scratchFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let secrets = FolderSecrets(folder: folder.appendingPathComponent("secrets"))
        let names = [
            "../x", "/x", "a/b", "a", "a\u{0}b", "a.new", "a~", ".", "..", "...", "%2E", "é", "e\u{301}", "a b",
            "\\", "👩🏽‍⚖️",
        ]

        for (number, name) in names.enumerated() { try secrets.keep(name: name, secret: Data([UInt8(number)])) }

        for (number, name) in names.enumerated() { #expect(try secrets.read(name: name) == Data([UInt8(number)])) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["secrets"])
        for name in names { try secrets.forget(name: name) }
        #expect(try FileManager.default.subpathsOfDirectory(atPath: folder.path) == ["secrets"])
        #expect(throws: PortError.Unavailable) { try secrets.keep(name: "", secret: Data()) }
    }

    @Test func folderThatCanNotBeWrittenIsUnavailable() throws {
        let folder = try scratchFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("file")
        try Data().write(to: file)
        let secrets = FolderSecrets(folder: file)

        #expect(throws: PortError.Unavailable) { try secrets.keep(name: "key", secret: Data([1])) }
        #expect(throws: PortError.Unavailable) { try secrets.read(name: "key") }
        #expect(throws: PortError.Unavailable) { try secrets.forget(name: "key") }
    }

    private func permissions(_ file: URL) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int)
    }
}
