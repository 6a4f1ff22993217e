import Foundation
import PorticoFFI
import PorticoKit
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

@Sendable func pickedFilesArriveByteForByte(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let (from, to) = (try await world.phone(with.from), try await world.phone(with.to))
    let portal = try from.portal()
    let papers = try papers(of: scenario, in: world)
    let last = try #require(papers.last)

    var picked: [PickedFile] = []
    for paper in papers.dropLast() { picked += [try await portal.pick(conversation: claim, path: paper.path)] }
    let descriptor = open(last.path, O_RDONLY)
    let name = last.lastPathComponent
    picked += [try await portal.pickDescriptor(conversation: claim, descriptor: descriptor, name: name)]
    try #require(close(descriptor) == 0)
    try #require(try portal.timeline(conversation: claim, beforeSeq: nil, most: 1).picked == picked)
    let key = try await portal.sendFiles(conversation: claim, text: #require(with.text))
    _ = try await portal.catchUp()

    try #require(try portal.entryState(key: key) == .accepted)
    try #require(try portal.timeline(conversation: claim, beforeSeq: nil, most: 1).picked.isEmpty)
    let progress = try portal.uploadProgress(key: key)
    try #require(progress.heldBytes == with.sizes?.reduce(0, +))
    try #require(progress.filesHeld == papers.count)
    try await arrivedOnce(with.text, papers, at: to, in: claim)
}

@Sendable func oneFileTooManyIsRefused(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let portal = try await world.phone(with.person).portal()
    let paper = world.folder.appendingPathComponent("paper").path
    try Data([1]).write(to: URL(fileURLWithPath: paper))
    for _ in 0..<(try #require(with.limit)) { _ = try await portal.pick(conversation: claim, path: paper) }

    let fault = try await fault { try await portal.pick(conversation: claim, path: paper) }

    guard case .Refused(let refusal) = fault else { throw fault }
    try #require(refusal.code.code == with.code)
    try #require(refusal.limit == with.limit)
    try #require(refusal.measured == with.measured)
    let picked = try portal.timeline(conversation: claim, beforeSeq: nil, most: 1).picked
    try #require(with.limit == UInt64(picked.count))
}

@Sendable func whatIsNoFileCanNotBePicked(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let portal = try await world.phone(with.person).portal()
    let nothing = world.folder.appendingPathComponent("not there").path

    let missing = try await fault { try await portal.pick(conversation: claim, path: nothing) }
    let folder = try await fault { try await portal.pick(conversation: claim, path: world.folder.path) }
    let closed = try await fault {
        try await portal.pickDescriptor(conversation: claim, descriptor: -1, name: "nothing")
    }

    try #require(missing == .FileUnreadable(why: .missing))
    try #require(folder == .FileUnreadable(why: .notAFile))
    try #require(closed == .FileUnreadable(why: .missing))
    try #require(try portal.timeline(conversation: claim, beforeSeq: nil, most: 1).picked.isEmpty)
}

@Sendable func pausedBatchWaitsForThePerson(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let (from, to) = (try await world.phone(with.from), try await world.phone(with.to))
    let portal = try from.portal()
    let papers = try papers(of: scenario, in: world)
    from.network.says.value = .offline
    let key = try await send(papers, from: portal, to: claim, saying: #require(with.text))
    try portal.pause(key: key)

    from.network.says.value = .unmetered
    _ = try await portal.catchUp()
    let echoes = try portal.outbox()
    try portal.resume(key: key)
    _ = try await portal.catchUp()

    try #require(echoes.map(\.delivery) == [.paused])
    try #require(echoes.first?.files.map(\.sizeBytes) == with.sizes)
    try #require(try portal.entryState(key: key) == .accepted)
    try await arrivedOnce(with.text, papers, at: to, in: claim)
}

@Sendable func batchThatWouldCostWaits(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let (from, to) = (try await world.phone(with.from), try await world.phone(with.to))
    let portal = try from.portal()
    let papers = try papers(of: scenario, in: world)
    try portal.allowMeteredWithin(bytesMax: #require(with.bytesMax))

    for (text, byWord) in zip(try #require(with.texts), [true, false]) {
        from.network.says.value = .metered
        let key = try await send(papers, from: portal, to: claim, saying: text)
        _ = try portal.send(conversation: claim, text: #require(with.text))
        _ = try await portal.catchUp()
        let echoes = try portal.outbox()
        if byWord {
            try portal.allowMetered(key: key)
        } else {
            from.network.says.value = .unmetered
            try portal.networkChanged()
        }
        _ = try await portal.catchUp()

        try #require(echoes.map(\.sendKey) == [key])
        guard case .waiting(_, let fault, _) = echoes.first?.delivery else { throw FaultySecrets.Undeclared() }
        try #require(fault == .metered)
        try #require(try portal.entryState(key: key) == .accepted)
        try await arrivedOnce(text, papers, at: to, in: claim)
    }
}

@Sendable func batchThatTheSystemCarriedArrivesOnce(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let (from, to) = (try await world.phone(with.from), try await world.phone(with.to))
    let portal = try from.portal()
    let papers = try papers(of: scenario, in: world)

    for (text, answerIsLost) in zip(try #require(with.texts), [false, true]) {
        from.network.says.value = .offline
        let key = try await send(papers, from: portal, to: claim, saying: text)
        from.network.says.value = .unmetered

        let (body, answer) = try await carried(#require(try await portal.prepareBackgroundTransfer(key: key)))
        if answerIsLost {
            try #require(try await portal.prepareBackgroundTransfer(key: key) == nil, "nothing is left to send")
        } else {
            try portal.backgroundTransferFinished(
                key: key, status: UInt16(answer.statusCode), mediaType: answer.mimeType ?? "", body: body)
        }

        try #require(try portal.entryState(key: key) == .accepted)
        _ = try await portal.catchUp()
        try await arrivedOnce(text, papers, at: to, in: claim)
    }
}

/// Sends the one file as it was told to, and knows nothing of Portico.
private func carried(_ transfer: BackgroundTransfer) async throws -> (Data, HTTPURLResponse) {
    var request = URLRequest(url: try #require(URL(string: transfer.url)))
    request.httpMethod = transfer.method
    for header in transfer.headers { request.setValue(header.value, forHTTPHeaderField: header.name) }
    let session = URLSession(configuration: .ephemeral)
    defer { session.finishTasksAndInvalidate() }
    let (body, answer) = try await session.upload(for: request, fromFile: URL(fileURLWithPath: transfer.file))
    return (body, try #require(answer as? HTTPURLResponse))
}

@Sendable func copyOfADocumentIsTouchedByNothing(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let claim = try world.conversation(with.conversation)
    let (from, to) = (try await world.phone(with.from), try await world.phone(with.to))
    let (portal, other) = (try from.portal(), try to.portal())
    let papers = try papers(of: scenario, in: world)
    let (paper, name) = (try #require(papers.first), try #require(with.name))
    let matter = try #require(try portal.timeline(conversation: claim, beforeSeq: nil, most: 1).head.matterId)
    let listed = { @Sendable in
        try await portal.asking { try await $0.documents(matter: matter, before: nil, call: $1) }.documents
    }

    let kept = try await portal.asking {
        try await $0.addDocument(matter: matter, name: name, path: paper.path, call: $1)
    }
    let copies = try await listed().map(copyOf)
    _ = try portal.sendDocuments(conversation: claim, text: #require(with.text), documents: copies)
    _ = try await portal.catchUp()
    try await portal.asking {
        try await $0.renameDocument(document: kept.documentId, name: "Another name", call: $1)
    }
    try await portal.asking { try await $0.removeDocument(document: kept.documentId, call: $1) }

    try await arrivedOnce(with.text, papers, at: to, in: claim)
    try #require(try await listed().isEmpty)
    let hidden = try await fault {
        try await other.asking { try await $0.documents(matter: matter, before: nil, call: $1) }
    }
    try #require(hidden == .NotHere)
}

/// The files of a scenario: no two are the same.
private func papers(of scenario: Scenario, in world: World) throws -> [URL] {
    try #require(scenario.with.sizes).enumerated().map { number, size in
        let paper = world.folder.appendingPathComponent("paper \(number).bin")
        // 37 is odd, so that all 256 values come.
        try Data((0..<Int(size)).map { UInt8(truncatingIfNeeded: $0 * 37 + number) }).write(to: paper)
        return paper
    }
}

func send(_ papers: [URL], from portal: Portal, to conversation: String, saying text: String) async throws -> SendKey {
    for paper in papers { _ = try await portal.pick(conversation: conversation, path: paper.path) }
    return try await portal.sendFiles(conversation: conversation, text: text)
}

private func save(_ entry: Entry, from portal: Portal, into folder: URL) async throws {
    for file in entry.files {
        try await portal.fetchAttachment(entry: entry.entryId, attachment: file.attachmentId)
        let place = folder.appendingPathComponent(file.attachmentId).path
        try await portal.onDisk { try $0.saveAttachment(attachment: file.attachmentId, to: place) }
    }
}

/// One message has `text`, and its files are `papers`.
private func arrivedOnce(_ text: String?, _ papers: [URL], at phone: Phone, in conversation: String) async throws {
    let portal = try phone.portal()
    _ = try await portal.catchUp()
    let entries = try portal.timeline(conversation: conversation, beforeSeq: nil, most: 100).items
        .compactMap { item -> Entry? in
            guard case .logged(let entry, _, _, _) = item, entry.body == text else { return nil }
            return entry
        }
    try #require(entries.count == 1)

    let entry = try #require(entries.first)
    try #require(entry.files.map(\.name) == papers.map(\.lastPathComponent))
    try await save(entry, from: portal, into: phone.folder)
    for (file, paper) in zip(entry.files, papers) {
        try #require(try portal.heldBytes(attachment: file.attachmentId) == file.sizeBytes)
        let saved = try Data(contentsOf: phone.folder.appendingPathComponent(file.attachmentId))
        try #require(try saved == Data(contentsOf: paper), "\(paper.lastPathComponent)")
    }
}
