import Foundation
import PorticoFFI
import PorticoKit
import Testing

@Sendable func homeThatIsAFileIsAnError(_ scenario: Scenario) async throws {
    let folder = try scratchFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("home")
    try Data("a file".utf8).write(to: file)

    try #require(await fault { try Phone(folder: folder) } == .DiskFull)
    try #require(await fault { try Phone(folder: file) } == .DiskFull)
    try #require(try Data(contentsOf: file) == Data("a file".utf8))
}

@Sendable func folderWhereAFileBelongsIsAnError(_ scenario: Scenario) async throws {
    let with = scenario.with
    let files = FileManager.default
    let world = try World()
    let phone = try await world.phone(with.person)
    let text = try #require(with.text)
    _ = try phone.portal().send(conversation: world.conversation(with.conversation), text: text)

    for (name, code) in try #require(with.files).map({ ($0.file, $0.code) }) {
        let before = try phone.portal()
        before.end()
        try await before.closed()
        let all = try files.subpathsOfDirectory(atPath: phone.home)
        let below = all.first { ($0 as NSString).lastPathComponent == name }
        let place = "\(phone.home)/\(below ?? name)"
        let aside = world.folder.appendingPathComponent("aside").path
        if below != nil { try files.moveItem(atPath: place, toPath: aside) }
        try files.createDirectory(atPath: place, withIntermediateDirectories: false)

        let told = try await fault {
            _ = try phone.signIn.portal()
            _ = try await world.signIn(with.person, on: phone)
        }
        try files.removeItem(atPath: place)
        if below != nil { try files.moveItem(atPath: aside, toPath: place) }

        try #require(told.code == code, "\(name)")
        try #require(try phone.portal().outbox().map(\.body) == [text], "\(name)")
    }
    let portal = try phone.portal()
    _ = try await portal.catchUp()
    try #require(try portal.texts(in: world.conversation(with.conversation)).last == text)
}

@Sendable func homeOfAClosedPortalCanGo(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let phone = try await world.phone(with.person)
    let portal = try phone.portal()
    let held = phone.network.hold()
    defer { held.letGo() }
    let running = Task { try await portal.run() }
    held.untilAsked()

    portal.end()
    let closing = try waiting { try await portal.closed() }
    try #require(try openStores(in: phone) == 1, "a call is in the middle")
    held.letGo()
    try await outcome { try await closing.value }
    try #require(try openStores(in: phone) == 0)
    try FileManager.default.removeItem(atPath: phone.home)

    try #require(await fault { try await outcome { try await running.value } } == .Ended)
    try #require(!FileManager.default.fileExists(atPath: phone.home), "something came back")
    try #require(try phone.signIn.portal() == nil)
    try #require(try await world.signIn(with.person, on: phone) == .signedIn(sealed: nil, beganAnew: false))
    _ = try await phone.portal().catchUp()
    try #require(try phone.portal().firstScreen(most: 9).conversations.count == 1)
}

/// A store has its write-ahead log for as long as it is open.
private func openStores(in phone: Phone) throws -> Int {
    try FileManager.default.subpathsOfDirectory(atPath: phone.home).filter { $0.hasSuffix("-wal") }.count
}
