import Foundation
import PorticoFFI
import PorticoKit
import Testing

@Sendable func coldTapShowsThePush(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let (phone, push) = try await world.pushed(with)

    let target = try phone.restarted().portal().resolveTap(payload: push)

    try requirePreview(target, in: world.conversation(with.conversation), text: with.text)
}

@Sendable func warmTapOpensTheMessage(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let (phone, push) = try await world.pushed(with)
    let portal = try phone.portal()
    let content = try portal.pushArrived(payload: push)
    try #require(content.text == with.text)
    _ = try await portal.catchUp()

    let target = try portal.resolveTap(payload: push)

    guard case .message(let conversation, let entry, let seq, let shown) = target else { throw Elsewhere(target) }
    try #require(shown == .message)
    let page = try portal.timeline(conversation: conversation, beforeSeq: seq + 1, most: 1)
    guard case .logged(let opened, _, _, _)? = page.items.last else { throw Elsewhere(target) }
    try #require(opened.entryId == entry)
    try #require(opened.body == with.text)
}

@Sendable func offlineTapOpensTheMessage(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let (phone, push) = try await world.pushed(with)
    world.server.stop()
    phone.network.says.value = .offline
    _ = try phone.signIn.receivePush(payload: push)

    let target = try phone.portal().resolveTap(payload: push)

    try requirePreview(target, in: world.conversation(with.conversation), text: with.text)
}

@Sendable func foreignTapOpensTheList(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let other = try await world.phone(with.other).portal()
    try other.keepPushToken(pushToken: "address of another")
    let (phone, push) = try await world.pushed(with)
    let portal = try phone.portal()
    let before = try portal.firstScreen(most: 50)

    try #require(try other.resolveTap(payload: push) == .inbox(why: .unreadable))
    for payload in [String(push.prefix(push.count / 2)), "not a push", ""] {
        try #require(try portal.resolveTap(payload: payload) == .inbox(why: .unreadable))
        try #require(await fault { try phone.signIn.receivePush(payload: payload) } == .NotHere)
    }
    try #require(try portal.firstScreen(most: 50) == before)
}

extension World {
    /// A phone that hears of pushes, and the push of a message that it has not fetched.
    fileprivate func pushed(_ with: Inputs) async throws -> (Phone, push: String) {
        let (from, to) = (try await phone(with.from), try await phone(with.to))
        try to.portal().keepPushToken(pushToken: "address")
        _ = try await to.portal().catchUp()
        _ = try from.portal().send(conversation: conversation(with.conversation), text: #require(with.text))
        _ = try await from.portal().catchUp()
        return (to, try push(to: to.portal().session().deviceId))
    }
}

private func requirePreview(_ target: TapTarget, in conversation: String, text: String?) throws {
    guard case .message(conversation, _, _, let shown) = target else { throw Elsewhere(target) }
    try #require(shown == .preview(text: text ?? "none was given", complete: true))
}

private struct Elsewhere: Error {
    let target: TapTarget

    init(_ target: TapTarget) {
        self.target = target
    }
}
