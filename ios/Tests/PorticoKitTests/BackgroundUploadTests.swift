import Foundation
import PorticoFFI
import PorticoKit
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The uploader that a phone's system runs, over a session of this process.
@Suite(.timeLimit(.minutes(3)))
struct BackgroundUploadTests {
    private let world: World
    private let phone: Phone

    init() async throws {
        world = try World()
        phone = try await world.phone("amina")
    }

    @Test func answerOfTheServerEndsTheBatch() async throws {
        let transfer = try await handedOver()

        try await carry(transfer)

        #expect(try phone.portal().entryState(key: transfer.sendKey) == .accepted)
    }

    @Test func batchComesBackWhereNobodyAnswered() async throws {
        let transfer = try await handedOver()
        world.server.stop()

        try await carry(transfer)

        #expect(try phone.portal().outbox().map(\.delivery) == [.queued])
        try world.server.start()
        _ = try await phone.portal().catchUp()
        #expect(try phone.portal().entryState(key: transfer.sendKey) == .accepted)
    }

    private func handedOver() async throws -> BackgroundTransfer {
        let paper = world.folder.appendingPathComponent("paper.bin")
        try Data(repeating: 7, count: 100_000).write(to: paper)
        let portal = try phone.portal()
        phone.network.says.value = .offline
        let key = try await send([paper], from: portal, to: world.conversation("claim"), saying: "by the system")
        phone.network.says.value = .unmetered
        return try #require(try await portal.prepareBackgroundTransfer(key: key))
    }

    /// Until the uploader has told the portal.
    private func carry(_ transfer: BackgroundTransfer) async throws {
        let portal = try phone.portal()
        let changes = try portal.changes()
        let uploads = BackgroundUploads(configuration: .ephemeral) { portal }
        uploads.carry(transfer)
        for try await _ in changes {
            guard case .handedToOs = try portal.entryState(key: transfer.sendKey) else { return }
        }
    }
}
