import PorticoFFI

/// Runs one call of the core that waits. Cancelling the task takes the call back, and it throws `PortalError.Ended`:
/// a generated Swift function can not be cancelled by itself, so the call carries a number for that. A number serves
/// one call.
public func takenBackOnCancel<T: Sendable>(_ body: (UInt64) async throws -> T) async throws -> T {
    let call = newCall()
    // Nothing to a call that has ended; the number of one that did not begin is forgotten.
    defer { callBack(call: call) }
    return try await withTaskCancellationHandler {
        try await body(call)
    } onCancel: {
        callBack(call: call)
    }
}

extension PortalProtocol {
    /// Runs calls that read or queue, which touch the disk for milliseconds, away from the main actor.
    public func onDisk<T: Sendable>(_ body: @Sendable (Self) throws -> T) async throws -> T { try body(self) }

    /// Keeps this portal up to date until the task is cancelled.
    public func run() async throws { try await takenBackOnCancel { try await run(call: $0) } }

    /// Does everything that is due, and ends.
    public func catchUp() async throws -> Rest { try await takenBackOnCancel { try await catchUp(call: $0) } }

    /// Brings what stands below `beforeSeq`. Whether there is still more.
    public func fetchOlder(conversation: ConversationId, beforeSeq: UInt64) async throws -> Bool {
        try await takenBackOnCancel {
            try await fetchOlder(conversation: conversation, beforeSeq: beforeSeq, call: $0)
        }
    }

    /// Asks the server, as the firm's people do: `try await portal.asking { try await $0.readers(conversation: id, call: $1) }`.
    public func asking<T: Sendable>(_ body: (Self, UInt64) async throws -> T) async throws -> T {
        try await takenBackOnCancel { try await body(self, $0) }
    }

    /// Signs this device out on the server.
    public func signOut() async throws { try await takenBackOnCancel { try await signOut(call: $0) } }

    /// Waits until the store of this portal is closed, which follows `end`. Then its home may be removed.
    public func closed() async throws { try await takenBackOnCancel { try await closed(call: $0) } }

    /// The system is about to suspend the app: no request starts, and the store is made whole within `deadline`.
    public func suspend(deadline: Duration) async throws {
        try await suspend(deadlineMs: UInt64(min(max(deadline / .milliseconds(1), 0), Double(UInt32.max))))
    }
}

extension SignInProtocol {
    /// Runs calls that touch the disk for milliseconds away from the main actor.
    public func onDisk<T: Sendable>(_ body: @Sendable (Self) throws -> T) async throws -> T { try body(self) }

    /// Asks the server to mail a code to `email`.
    public func begin(serverUrl: String, email: String) async throws -> PendingSignIn {
        try await takenBackOnCancel { try await begin(serverUrl: serverUrl, email: email, call: $0) }
    }

    /// Answers with the code as typed.
    public func answer(code: String, deviceName: String) async throws -> Answer {
        try await takenBackOnCancel { try await answer(code: code, deviceName: deviceName, call: $0) }
    }

    /// Answers what is asked next: `try await signIn.asking { try await $0.prove(factor: .totp(code: typed), call: $1) }`.
    public func asking<T: Sendable>(_ body: (Self, UInt64) async throws -> T) async throws -> T {
        try await takenBackOnCancel { try await body(self, $0) }
    }
}
