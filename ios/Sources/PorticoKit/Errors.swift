import PorticoFFI

extension PortalError {
    /// The error of a call of the core, whatever it threw. What the generated code throws of its own is a fault that no
    /// person can mend; its text is dropped, because nobody knows what stands in it.
    public init(_ error: any Error) {
        switch error {
        case let error as PortalError: self = error
        case is CancellationError: self = .Ended
        default: self = .Bug(what: "bindings")
        }
    }

    /// The key of this error in the app's string table. It never changes.
    public var code: String {
        switch self {
        case .Offline: "offline"
        case .NotPortico: "not_portico"
        case .BadServerUrl: "bad_server_url"
        case .UntrustedServer: "untrusted_server"
        case .OtherVersion: "other_version"
        case .RetryLater: "retry_later"
        case .EmailMalformed: "email_malformed"
        case .WrongCode: "wrong_code"
        case .CodeMalformed: "code_malformed"
        case .WrongFactor: "wrong_factor"
        case .FactorUsed: "factor_used"
        case .FactorDisabled: "factor_disabled"
        case .ClockOff: "clock_off"
        case .StepUpNeeded: "step_up_needed"
        case .PresenceRefused: "presence_refused"
        case .ChallengeEnded: "challenge_ended"
        case .SignInNeeded: "sign_in_needed"
        case .Refused: "refused"
        case .NotHere: "not_here"
        case .NotAllowed: "not_allowed"
        case .Malformed: "malformed"
        case .FileUnreadable: "file_unreadable"
        case .FileRefused: "file_refused"
        case .DiskFull: "disk_full"
        case .KeyLocked: "key_locked"
        case .KeyUnavailable: "key_unavailable"
        case .KeyLost: "key_lost"
        case .Wiped: "wiped"
        case .StoreNewer: "store_newer"
        case .Ended: "ended"
        case .Bug: "bug"
        }
    }
}

extension RefusalCode {
    /// The key of this reason in the app's string table: the code that the server and the logs use. One of a newer server
    /// is as it came.
    public var code: String {
        switch self {
        case .accountClosed: "account_closed"
        case .batchEmpty: "batch_empty"
        case .batchTooLarge: "batch_too_large"
        case .batchTooManyFiles: "batch_too_many_files"
        case .bodyEmpty: "body_empty"
        case .bodyHasNul: "body_has_nul"
        case .bodyNotUnicode: "body_not_unicode"
        case .bodyTooLong: "body_too_long"
        case .conversationArchived: "conversation_archived"
        case .conversationClosed: "conversation_closed"
        case .conversationNotFound: "conversation_not_found"
        case .documentNotFound: "document_not_found"
        case .fileDamaged: "file_damaged"
        case .fileNameHasNul: "file_name_has_nul"
        case .fileNameTooLong: "file_name_too_long"
        case .notParticipant: "not_participant"
        case .quotaExceeded: "quota_exceeded"
        case .sendKeyReused: "send_key_reused"
        case .withdrawn: "withdrawn"
        case .unknown(let text): text
        }
    }
}
