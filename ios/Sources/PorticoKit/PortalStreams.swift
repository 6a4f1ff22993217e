import PorticoFFI

extension PortalProtocol {
    /// What changes from here on, in order. It ends when the task that reads is cancelled or the portal is ended.
    ///
    /// One reader each. A slow reader slows nobody and loses nothing: what it has not taken waits in the core, each
    /// change once. So nothing is buffered here; a batch is fetched when the one before is used up.
    public func changes() throws -> AsyncThrowingStream<PortalEvent, any Error> {
        let feed = Feed(of: try events())
        return AsyncThrowingStream { try await feed.next() }
    }
}

/// One subscription, and what of its last batch was not handed out.
private actor Feed {
    private let stream: EventStream
    private var taken: ArraySlice<PortalEvent> = []

    init(of stream: EventStream) {
        self.stream = stream
    }

    deinit { stream.stop() }

    func next() async throws -> PortalEvent? {
        if taken.isEmpty {
            let stream = stream
            taken = try await withTaskCancellationHandler {
                try await stream.nextBatch(most: batchMost)[...]
            } onCancel: {
                stream.stop()
            }
        }
        return taken.popFirst()
    }
}

/// More than the kinds of changes that one screen sees at a time; a crossing for each event would cost 20 times as much.
private let batchMost: UInt32 = 256
