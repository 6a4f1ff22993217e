import Foundation
import PorticoFFI
import PorticoKit
import Testing

@Sendable func rightCodeSignsIn(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let before = try world.newPhone()
    let pending = try await before.signIn.begin(serverUrl: world.server.url, email: world.email(with.person))
    let signIn = try Phone(folder: before.folder).signIn
    let answer = { @Sendable code in try await signIn.answer(code: code, deviceName: "a phone") }

    try #require(try signIn.pending() == pending)
    try #require(try signIn.portal() == nil)
    try #require(await fault { try await answer(#require(with.malformedCode)) } == .CodeMalformed)
    try #require(
        await fault { try await answer(#require(with.wrongCode)) } == .WrongCode(triesLeft: with.triesLeft))
    let answered = try await answer(world.mailedCode(pending.challengeId))

    try #require(answered == .signedIn(sealed: nil, beganAnew: false))
    let session = try #require(try signIn.portal()).session()
    try #require(session.name == with.name)
    try #require(session.firmName == with.firm)
}

@Sendable func oneCallGivesTheFirstScreen(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let portal = try await world.phone(with.person).portal()

    let screen = try await portal.onDisk { try $0.firstScreen(most: 50) }

    try #require(screen.conversations.map(\.head.title) == with.titles)
    try #require(screen.conversations.first?.newest?.body == with.newest)
    try #require(screen.unread == with.unread)
}

@Sendable func textArrivesAsItWasWritten(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let (from, to) = (try await world.phone(with.from), try await world.phone(with.to))
    let text = try #require(with.text)

    let key = try from.portal().send(conversation: claim, text: text)
    try #require(try from.portal().outbox().map(\.body) == [text])
    _ = try await from.portal().catchUp()
    _ = try await to.portal().catchUp()

    // Swift's == calls texts equal that differ in form; a message is its bytes.
    let arrived = try #require(try to.portal().texts(in: claim).last)
    try #require(Array(arrived.utf8) == Array(text.utf8))
    try #require(try from.portal().outbox().isEmpty)
    try #require(try from.restarted().portal().entryState(key: key) == .accepted)
}

@Sendable func offlineTextsSurviveTheKill(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let texts = try #require(with.texts)
    let (from, to) = (try await world.phone(with.from), try await world.phone(with.to))
    let before = try to.portal().texts(in: claim)
    try from.portal().end()
    world.server.stop()

    let input = Pipe()
    let (child, output) = try launched(
        program("ScenarioChild"), [from.home, from.secretsFolder.path, claim] + texts, input: input)
    let said = output.line { $0 == "queued" }
    kill(child.processIdentifier, SIGKILL)
    child.waitUntilExit()
    try #require(said != nil, "the child ended before it had queued")
    try #require(child.terminationReason == .uncaughtSignal)

    let back = try Phone(folder: from.folder)
    try #require(try back.portal().outbox().map(\.body) == texts)
    try world.server.start()
    _ = try await back.portal().catchUp()
    _ = try await back.portal().catchUp()
    _ = try await to.portal().catchUp()
    try #require(try back.portal().outbox().isEmpty)
    try #require(try to.portal().texts(in: claim) == before + texts)
}

@Sendable func withdrawnTextNeverArrives(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let (from, to) = (try await world.phone(with.from), try await world.phone(with.to))
    let before = try to.portal().texts(in: claim)
    from.network.says.value = .offline

    let key = try from.portal().send(conversation: claim, text: #require(with.text))
    try from.portal().discard(key: key)
    try #require(try from.portal().entryState(key: key) == .withdrawn)

    from.network.says.value = .unmetered
    try from.portal().networkChanged()
    _ = try await from.portal().catchUp()
    _ = try await to.portal().catchUp()
    try #require(try to.portal().texts(in: claim) == before)
}

@Sendable func refusedTextsAreNotQueued(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let portal = try await world.phone(with.person).portal()

    for refused in try #require(with.refused) {
        let fault = try await fault { try portal.send(conversation: claim, text: refused.whole) }
        guard case .Refused(let refusal) = fault else { throw fault }
        try #require(refusal.code.code == refused.code)
        try #require(refusal.limit == refused.limit)
        try #require(refusal.measured == refused.measured)
    }
    try #require(try portal.outbox().isEmpty)

    let accepted = try #require(with.accepted).whole
    let key = try portal.send(conversation: claim, text: accepted)
    _ = try await portal.catchUp()
    try #require(try portal.entryState(key: key) == .accepted)
    try #require(try portal.texts(in: claim).last == accepted)
}

@Sendable func anotherPersonSealsTheFirst(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let phone = try await world.phone(with.first)
    let text = try #require(with.text)
    let first = try phone.portal()
    let before = try first.texts(in: claim)
    let key = try first.send(conversation: claim, text: text)

    let answer = try await world.signIn(with.second, on: phone)
    let second = try phone.portal()
    _ = try await second.catchUp()

    try #require(answer == .signedIn(sealed: 1, beganAnew: false))
    try #require(await fault { try first.outbox() } == .Ended)
    try #require(try second.outbox().isEmpty)
    try #require(await fault { try second.timeline(conversation: claim, beforeSeq: nil, most: 9) } == .NotHere)

    try #require(try await world.signIn(with.first, on: phone) == .signedIn(sealed: 0, beganAnew: false))
    let back = try phone.portal()
    try #require(try back.outbox().map(\.body) == [text])
    _ = try await back.catchUp()
    try #require(try back.entryState(key: key) == .accepted)
    try #require(try back.texts(in: claim) == before + [text])
}

/// A program of the package; SwiftPM puts it beside the tests.
func program(_ name: String) -> URL {
    #if canImport(Darwin)
        let tests = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") } ?? .main
        return tests.bundleURL.deletingLastPathComponent().appendingPathComponent(name)
    #else
        return Bundle.main.bundleURL.appendingPathComponent(name)
    #endif
}

@Sendable func clientBeginsAConversation(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let (from, to) = (try await world.phone(with.from), try await world.phone(with.to))
    let (portal, firm) = (try from.portal(), try to.portal())
    let title = try #require(with.title)
    let matter = try portal.timeline(conversation: claim, beforeSeq: nil, most: 1).head.matterId
    let begin = { @Sendable (kind: ConversationKind, of: MatterId?) in
        try await portal.asking {
            try await $0.beginConversation(kind: kind, title: title, matter: of, participants: [], call: $1)
        }
    }

    let begun = try await begin(.externalMatter, matter)
    let refused = try await fault { try await begin(.staffChannel, nil) }
    _ = try await portal.catchUp()
    _ = try portal.send(conversation: begun, text: #require(with.text))
    _ = try await portal.catchUp()
    _ = try await firm.catchUp()

    try #require(refused.code == with.code)
    let page = try firm.timeline(conversation: begun, beforeSeq: nil, most: 9)
    try #require(page.head.title == title && page.head.matterId == matter)
    guard case .logged(let entry, _, _, _) = try #require(page.items.last) else { throw NothingThrown() }
    try #require(entry.body == with.text)
}
