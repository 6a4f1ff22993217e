import Foundation
import PorticoFFI
import PorticoKit
import Testing

/// What only Swift has to prove.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct KitTests {
    @Test func endedPortalSaysSoAtEveryCall() async throws {
        let world = try World()
        let portal = try await world.phone("amina").portal()

        portal.end()

        #expect(try await fault { try portal.firstScreen(most: 50) } == .Ended)
        #expect(try await fault { try portal.changes() } == .Ended)
        #expect(try await fault { try await portal.catchUp() } == .Ended)
        #expect(portal.session().name == "Amina Haddad")
    }

    @Test func endedPortalEndsItsReaders() async throws {
        let world = try World()
        let portal = try await world.phone("amina").portal()
        let changes = try portal.changes()

        portal.end()

        for try await _ in changes {}
        #expect(!Task.isCancelled, "it ended by the time limit only")
    }

    @Test func callIsTakenBackBeforeItBegan() async throws {
        let world = try World()
        let portal = try await world.phone("amina").portal()
        let call = newCall()

        callBack(call: call)

        #expect(try await fault { try await portal.catchUp(call: call) } == .Ended)
    }

    @Test func cancelledTaskDoesNotBeginItsCall() async throws {
        let world = try World()
        let portal = try await world.phone("amina").portal()

        let running = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await portal.run()
        }

        #expect(try await fault { try await outcome { try await running.value } } == .Ended)
    }

    @Test func callThatDidNotBeginIsTakenBack() async throws {
        let world = try World()
        let portal = try await world.phone("amina").portal()
        let number = Guarded<UInt64>(0)

        _ = try await fault {
            try await takenBackOnCancel { call in
                number.value = call
                throw CancellationError()
            }
        }

        #expect(try await fault { try await portal.catchUp(call: number.value) } == .Ended)
    }

    @Test func suspendedPortalGoesOnWhenItIsActiveAgain() async throws {
        let world = try World()
        let portal = try await world.phone("amina").portal()

        try await portal.suspend(deadline: .seconds(20))
        try await portal.suspend(deadline: .seconds(Int64.max))
        // Whether a deadline that has passed can be kept is the disk's affair.
        _ = try? await portal.suspend(deadline: .seconds(-1))
        try portal.becameActive()

        #expect(try await portal.catchUp() == .empty)
    }

    @Test func throwingNetworkStatusIsAsked() async throws {
        final class Throwing: NetworkStatus {
            func reach() throws -> Reach { throw FaultySecrets.Undeclared() }
        }
        let world = try World()
        let phone = try world.newPhone()
        let signIn = try SignIn(
            home: phone.home, secrets: phone.secrets, deviceKey: nil, network: Throwing(), extraRoot: nil)

        let pending = try await signIn.begin(serverUrl: world.server.url, email: world.email("amina"))

        #expect(pending.serverUrl == world.server.url)
    }

    @Test func throwingDeviceKeyIsATypedError() async throws {
        final class Throwing: DeviceKey {
            func sessionPublicKey() throws -> Data { throw FaultySecrets.Undeclared() }
            func sign(bytes: Data) throws -> Data { throw PortError.Locked }
            func presencePublicKey() throws -> Data? { throw FaultySecrets.Undeclared() }
            func signInPerson(bytes: Data) throws -> Data { throw PortError.Cancelled }
        }
        let world = try World()
        let phone = try world.newPhone()
        let signIn = try SignIn(
            home: phone.home, secrets: phone.secrets, deviceKey: Throwing(), network: AlwaysOnline(), extraRoot: nil)
        let pending = try await signIn.begin(serverUrl: world.server.url, email: world.email("amina"))
        let code = try world.mailedCode(pending.challengeId)

        let fault = try await fault { try await signIn.answer(code: code, deviceName: "a phone") }

        #expect(fault.code == "key_unavailable")
    }

    @Test @MainActor func mainActorIsFreeWhileTheDiskIsRead() async throws {
        let world = try World()
        let portal = try await world.phone("amina").portal()
        let mainActorRan = DispatchSemaphore(value: 0)

        Task { @MainActor in mainActorRan.signal() }
        let free = try await portal.onDisk { portal in
            _ = try portal.firstScreen(most: 50)
            return mainActorRan.wait(timeout: .now() + 20) == .success
        }

        #expect(free)
    }

    @Test func textsCrossUnchanged() async throws {
        let world = try World()
        let portal = try await world.phone("amina").portal()
        let claim = try world.conversation("claim")

        for text in ["a\u{0}b", "e\u{301}", "👩🏽‍⚖️\u{202E}", String(repeating: "é", count: 100_000)] {
            try portal.keepDraft(conversation: claim, text: text)
            let draft = try portal.timeline(conversation: claim, beforeSeq: nil, most: 1).draft
            #expect(draft.map { Array($0.utf8) } == Array(text.utf8))
        }
    }

    @Test func inputThatIsNoneIsATypedError() async throws {
        let world = try World()
        let phone = try world.newPhone()
        let install = { @Sendable (home: String, root: Data?) in
            try SignIn(
                home: home, secrets: phone.secrets, deviceKey: nil, network: AlwaysOnline(), extraRoot: root)
        }

        #expect(try await fault { try install("a\u{0}b", nil) } == .DiskFull)
        #expect(try await fault { try install("/dev/null/home", nil) } == .DiskFull)
        #expect(try await fault { try install(phone.home, Data("no certificate".utf8)) } == .UntrustedServer)
        for url in ["", "a\u{0}b", "ftp://portal.example", "http://portal.example"] {
            let fault = try await fault { try await phone.signIn.begin(serverUrl: url, email: "amina@example.org") }
            #expect(fault == .BadServerUrl)
        }
        let nowhere = try await fault { try await phone.signIn.answer(code: "AAAA-AAAA", deviceName: "a phone") }
        #expect(nowhere == .ChallengeEnded)
    }
}
