import Foundation
import PorticoFFI
import PorticoKit
import Testing

@Sendable func unknownThingsAreNotHere(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let portal = try await world.phone(with.person).portal()
    let file = world.folder.appendingPathComponent("log").path

    for id in try #require(with.ids) {
        let page = try await fault { try portal.timeline(conversation: id, beforeSeq: nil, most: 9) }
        try #require(page == .NotHere)
        try #require(await fault { try portal.send(conversation: id, text: "to nobody") } == .NotHere)
        let older = try await fault { try await portal.fetchOlder(conversation: id, beforeSeq: 9) }
        try #require(older == .NotHere)
        try #require(await fault { try portal.entryState(key: id) } == .NotHere)
        try #require(await fault { try portal.discard(key: id) } == .NotHere)
        try #require(await fault { try portal.sendAgain(key: id) } == .NotHere)
        try #require(await fault { try await portal.pick(conversation: id, path: file) } == .NotHere)
        try #require(await fault { try await portal.sendFilesAgain(key: id) } == .NotHere)
        try #require(await fault { try portal.takeOut(conversation: id, slot: 0) } == .NotHere)
        try #require(await fault { try portal.pause(key: id) } == .NotHere)
        try #require(await fault { try portal.resume(key: id) } == .NotHere)
        try #require(await fault { try portal.uploadProgress(key: id) } == .NotHere)
        try #require(await fault { try await portal.fetchAttachment(entry: id, attachment: id) } == .NotHere)
        try #require(await fault { try await portal.prepareBackgroundTransfer(key: id) } == .NotHere)
        let finished = try await fault {
            try portal.backgroundTransferFinished(key: id, status: 200, mediaType: "application/json", body: Data())
        }
        try #require(finished == .NotHere)
    }
    try #require(try portal.outbox().isEmpty)
}

@Sendable func lockedKeyStoreTouchesNothing(_ scenario: Scenario) async throws {
    try await keyStoreFails(scenario.with, .locked, saying: "key_locked")
}

@Sendable func throwingPortTouchesNothing(_ scenario: Scenario) async throws {
    try await keyStoreFails(scenario.with, .broken, saying: "key_unavailable")
}

private func keyStoreFails(_ with: Inputs, _ state: FaultySecrets.State, saying code: String) async throws {
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let phone = try await world.phone(with.person)
    let text = try #require(with.text)
    let key = try phone.portal().send(conversation: claim, text: text)
    let back = try phone.restarted()

    back.secrets.state.value = state
    for _ in 1...2 {
        try #require(await fault { try back.portal() }.code == code)
    }
    back.secrets.state.value = .working

    try #require(try back.portal().outbox().map(\.body) == [text])
    _ = try await back.portal().catchUp()
    try #require(try back.portal().entryState(key: key) == .accepted)
}

@Sendable func stoppedStreamEndsItsReader(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let portal = try await world.phone(with.person).portal()

    let stream = try portal.events()
    let reading = try waiting { try await stream.nextBatch(most: 256) }
    stream.stop()
    try #require(try await outcome { try await reading.value }.isEmpty)
    try #require(try await outcome { try await stream.nextBatch(most: 256) }.isEmpty)

    let changes = try portal.changes()
    let reader = try waiting { for try await _ in changes {} }
    reader.cancel()
    try await outcome { try await reader.value }

    var heard = try portal.changes().makeAsyncIterator()
    _ = try portal.send(conversation: claim, text: "the portal lives on")
    try #require(try await heard.next() == .timelineChanged(conversationId: claim))
}

@Sendable func portalIsLetGoWhileBusy(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let phone = try await world.phone(with.person)
    let held = Guarded<Portal?>(try phone.portal())
    let calls = try #require(with.calls)

    let queued = try await withThrowingTaskGroup(of: Int.self) { group in
        for call in 0..<calls {
            guard let portal = held.value else { break }
            group.addTask { try await busy(portal, call, claim) }
            if call == calls / 2 {
                Thread.detachNewThread {
                    portal.end()
                    held.value = nil
                }
            }
        }
        return try await group.reduce(0, +)
    }

    let back = try Phone(folder: phone.folder)
    let unsent = try back.portal().outbox().count
    _ = try await back.portal().catchUp()
    let sent = try back.portal().texts(in: claim).filter { $0 == "while busy" }.count
    try #require(unsent <= queued)
    try #require(sent == queued)

    try await allIsForgottenWhileBusy(in: phone.folder, claim, calls)
}

/// An app that ends nothing: its last references go on a thread of its own.
private func allIsForgottenWhileBusy(in folder: URL, _ claim: String, _ calls: Int) async throws {
    let held = Guarded<(SignIn, Portal)?>(nil)
    weak var (signIn, portal): (SignIn?, Portal?)
    do {
        let phone = try Phone(folder: folder)
        held.value = (phone.signIn, try phone.portal())
        signIn = held.value?.0
        portal = held.value?.1
    }
    let running = try waiting { try await held.value?.1.run() }

    var kept = 0
    while let (_, portal) = held.value {
        kept += 1
        try portal.keepDraft(conversation: claim, text: "draft \(kept)")
        if kept == calls {
            Thread.detachNewThread {
                held.value = nil
                running.cancel()
            }
        }
    }

    try #require(await fault { try await outcome { try await running.value } } == .Ended)
    while signIn != nil || portal != nil {
        try Task.checkCancellation()
        await Task.yield()
    }
    let back = try Phone(folder: folder).portal()
    try #require(try back.timeline(conversation: claim, beforeSeq: nil, most: 1).draft == "draft \(kept)")
}

/// One call of many. How many texts it queued; nothing but `Ended` may stop it.
private func busy(_ portal: Portal, _ call: Int, _ claim: String) async throws -> Int {
    do {
        switch call % 4 {
        case 0: _ = try portal.send(conversation: claim, text: "while busy")
        case 1: _ = try await portal.catchUp()
        case 2: _ = try portal.firstScreen(most: 50)
        default: _ = try portal.search(text: "busy", before: nil, most: 50)
        }
        return call % 4 == 0 ? 1 : 0
    } catch PortalError.Ended {
        return 0
    }
}

@Sendable func slowReaderLosesNothing(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let portal = try await world.phone(with.person).portal()
    let changes = try #require(with.changes)
    let last = "the last of \(changes)"

    let heard = try portal.changes()
    async let heardOfTheLast = everythingHeard(in: heard, of: last, by: portal)
    // Each text is queued, withdrawn and dismissed: three changes.
    for change in 0..<changes / 3 {
        let key = try portal.send(conversation: claim, text: "change \(change)")
        try portal.discard(key: key)
        try portal.discard(key: key)
    }
    _ = try portal.send(conversation: claim, text: last)

    try #require(try await heardOfTheLast == [.conversationsChanged, .timelineChanged(conversationId: claim)])
}

/// Reads as a screen does, which takes its time, until two kinds of events told of the text `last`.
private func everythingHeard(
    in changes: AsyncThrowingStream<PortalEvent, any Error>, of last: String, by portal: Portal
) async throws -> Set<PortalEvent> {
    var heard: Set<PortalEvent> = []
    for try await event in changes {
        if try portal.outbox().last?.body == last { heard.insert(event) }
        _ = try portal.firstScreen(most: 50)
        if heard.count == 2 { break }
    }
    return heard
}

@Sendable func waitingCallIsTakenBack(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let portal = try await world.phone(with.person).portal()
    var changes = try portal.changes().makeAsyncIterator()
    let key = try portal.send(conversation: world.conversation("claim"), text: "it runs")

    let running = Task { try await portal.run() }
    // When this has arrived, it waits for what may change at the server.
    while try portal.entryState(key: key) != .accepted {
        try #require(try await changes.next() != nil)
    }
    running.cancel()

    try #require(await fault { try await outcome { try await running.value } } == .Ended)
    try #require(try await portal.catchUp() == .empty)
}

@Sendable func panicIsAnError(_ scenario: Scenario) async throws {
    let what = try #require(scenario.with.what)
    let world = try World()
    let portal = try await world.phone("amina").portal()

    try #require(await fault { try provokePanic() } == .Bug(what: what))

    try #require(try await portal.catchUp() == .empty)
}
