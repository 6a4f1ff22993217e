import PorticoFFI

extension PortalProtocol {
    /// Copies the file at `path`, sealed, into what is being picked; `name` is what to show, or the path's own.
    public func pick(conversation: ConversationId, path: String, name: String? = nil) async throws -> PickedFile {
        try await takenBackOnCancel {
            try await pick(conversation: conversation, path: path, name: name, call: $0)
        }
    }

    /// The same for an open descriptor, which belongs to the core from here on: it closes it.
    public func pickDescriptor(conversation: ConversationId, descriptor: Int32, name: String) async throws -> PickedFile
    {
        try await takenBackOnCancel {
            try await pickDescriptor(conversation: conversation, descriptor: descriptor, name: name, call: $0)
        }
    }

    /// Queues what was picked, with `text`, which may be empty: one message.
    public func sendFiles(conversation: ConversationId, text: String) async throws -> SendKey {
        try await takenBackOnCancel { try await sendFiles(conversation: conversation, text: text, call: $0) }
    }

    /// Sends the text and the files of a refused or withdrawn message as a new one.
    public func sendFilesAgain(key: SendKey) async throws -> SendKey {
        try await takenBackOnCancel { try await sendFilesAgain(key: key, call: $0) }
    }

    /// Brings an attachment onto this phone, sealed, from where the last attempt stopped.
    public func fetchAttachment(entry: EntryId, attachment: AttachmentId) async throws {
        try await takenBackOnCancel { try await fetchAttachment(entry: entry, attachment: attachment, call: $0) }
    }

    /// Hands a batch over to the system's uploader; nothing where nothing is left to send.
    public func prepareBackgroundTransfer(key: SendKey) async throws -> BackgroundTransfer? {
        try await takenBackOnCancel { try await prepareBackgroundTransfer(key: key, call: $0) }
    }
}
