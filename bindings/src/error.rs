//! What a shell can do about a fault: the core's error as it is, and that of the ports.

use portico_core::PortalError;
use portico_core::ports::SecretFault;
use portico_core::upload::source::PickFault;
use portico_wire::refusal::Refusal;

/// A call that did not do what was asked. Nothing of it was done. `docs/errors.md` says what to do.
#[uniffi::remote(Error)]
pub enum PortalError {
    /// No connection. What needs none goes on; try again when there is one.
    Offline,
    /// The address answers, and what answers is not a Portico server.
    NotPortico,
    /// The address is not `https://`, nor on this machine.
    BadServerUrl,
    /// The server's certificate is not trusted.
    UntrustedServer,
    /// The server speaks another wire version: update the app, or ask the firm to update.
    OtherVersion {
        /// The server's.
        server_wire: u32,
    },
    /// The server is busy or failing; try again in a while.
    RetryLater {
        /// How many seconds to wait, if it said so.
        after_s: Option<u32>,
    },
    /// What was typed can not be an email address; nobody was asked.
    EmailMalformed,
    /// The code is not the one that was mailed.
    WrongCode {
        /// Tries that are left, if the server said so.
        tries_left: Option<u32>,
    },
    /// What was typed can not be such a code; no try was spent.
    CodeMalformed,
    /// What should prove the person beyond the mailed code does not.
    WrongFactor {
        /// Tries that are left of this sign-in, if the server said so.
        tries_left: Option<u32>,
    },
    /// This code was used; each counts once. Wait for the next, within half a minute.
    FactorUsed,
    /// Too many wrong codes came: this factor proves nothing until it is set up again. Use another.
    FactorDisabled,
    /// The code is one of another time: the clock of the authenticator is off.
    ClockOff {
        /// Seconds that it is ahead; negative for behind.
        off_s: i64,
    },
    /// The person must prove themselves again first: `step_up_in_person`, or `step_up` with a recovery code; else the firm helps.
    StepUpNeeded,
    /// The person turned the phone's question away: face, finger or PIN.
    PresenceRefused,
    /// The sign-in is over or used up; begin again.
    ChallengeEnded,
    /// The person must sign in first.
    SignInNeeded,
    /// Refused, for ever, with the numbers. Nothing was queued.
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// This phone holds no such conversation, message or entry.
    NotHere,
    /// The kind or the state of it, or this person's side of the firm's door, does not allow it.
    NotAllowed,
    /// A name, a title or an address is not of the documented form.
    Malformed,
    /// A file that was picked can not be taken. The batch is as it was.
    FileUnreadable {
        /// Why.
        why: PickFault,
    },
    /// The firm's scan refuses this file. What is held of it stays sealed; the firm can allow it later.
    FileRefused,
    /// The disk is full, or what lies at a path of ours can not be read or written. What was stored before is still there.
    DiskFull,
    /// The keystore is locked; unlock the phone.
    KeyLocked,
    /// The keystore itself fails; try again, or restart the phone. Nothing is touched.
    KeyUnavailable,
    /// The keystore lost the key, or the store is damaged; signing in begins a new store beside it.
    KeyLost,
    /// The person wiped this phone from another device: what it held of them is gone.
    Wiped,
    /// A newer version of the app wrote the store; update the app.
    StoreNewer,
    /// The shell took the call back before it was answered, or ended the portal.
    Ended,
    /// A fault that no person can mend; report it. State is untouched.
    Bug {
        /// Where, without any content.
        what: String,
    },
}

/// Why a picked file can not be taken. Nothing of it is kept.
#[uniffi::remote(Enum)]
pub enum PickFault {
    /// There is no such file.
    Missing,
    /// This app may not read it.
    Denied,
    /// It is a folder, a pipe, a socket or a device.
    NotAFile,
    /// It changed while it was read: pick it again.
    Changed,
    /// Its disk or its provider fails.
    Unreadable,
}

/// What a port may say instead of an answer. Data-free: it ends in logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum PortError {
    /// Locked until the person unlocks the phone.
    #[error("locked")]
    Locked,
    /// The person turned the question for face, finger or PIN away.
    #[error("cancelled")]
    Cancelled,
    /// The keystore itself fails, or the port threw something it did not declare.
    #[error("unavailable")]
    Unavailable,
}

/// Kotlin hands over a whole stack trace as the reason. It is dropped: nobody knows what stands in it.
impl From<uniffi::UnexpectedUniFFICallbackError> for PortError {
    fn from(_reason: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unavailable
    }
}

impl From<PortError> for SecretFault {
    fn from(fault: PortError) -> Self {
        match fault {
            PortError::Locked => Self::Locked,
            PortError::Cancelled => Self::Cancelled,
            PortError::Unavailable => Self::Unavailable,
        }
    }
}
