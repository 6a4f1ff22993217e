//! What a shell can do about a fault: few variants, each one thing. User-visible words are the shell's.

#![warn(clippy::wildcard_enum_match_arm)]

use portico_wire::refusal::Refusal;

use crate::outbox::entry::Fault;
use crate::ports::SecretFault;
use crate::store::StoreError;
use crate::upload::source::PickFault;

/// A call of [`crate::Portal`] or of signing in that did not do what was asked. Nothing of it was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortalError {
    /// No connection. What needs none goes on; try again when there is one.
    #[error("there is no connection")]
    Offline,
    /// The address answers, and what answers is not a Portico server.
    #[error("this is not a Portico server")]
    NotPortico,
    /// The address is not `https://`, nor on this machine.
    #[error("this is not the address of a Portico server")]
    BadServerUrl,
    /// The server's certificate is not trusted. Of a server with a root of its own: scan or open the link that it shows.
    #[error("the server's certificate is not trusted")]
    UntrustedServer,
    /// The server speaks another wire version: update the app, or ask the firm to update.
    #[error("the server speaks wire version {server_wire}, this app another")]
    OtherVersion {
        /// The server's.
        server_wire: u32,
    },
    /// The server is busy or failing; try again in a while.
    #[error("the server asks to try again later")]
    RetryLater {
        /// How long to wait, if it said so.
        after_s: Option<u32>,
    },
    /// What was typed can not be an email address; nobody was asked.
    #[error("this is no email address")]
    EmailMalformed,
    /// The code is not the one that was mailed.
    #[error("the code is wrong")]
    WrongCode {
        /// Tries that are left, if the server said so.
        tries_left: Option<u32>,
    },
    /// What was typed can not be such a code; no try was spent.
    #[error("that can not be such a code")]
    CodeMalformed,
    /// What should prove the person beyond the mailed code does not.
    #[error("that does not prove it")]
    WrongFactor {
        /// Tries that are left of this sign-in, if the server said so.
        tries_left: Option<u32>,
    },
    /// This code was used; each counts once. Wait for the next, within half a minute.
    #[error("this code was used; wait for the next")]
    FactorUsed,
    /// Too many wrong codes came: this factor proves nothing until it is set up again. Use another.
    #[error("this factor is disabled")]
    FactorDisabled,
    /// The code is one of another time: the clock of the authenticator is off.
    #[error("the clock of the authenticator is off by {off_s} seconds")]
    ClockOff {
        /// Seconds that it is ahead; negative for behind.
        off_s: i64,
    },
    /// The person must prove themselves again first: by the presence key or a recovery code; where neither helps, the firm.
    #[error("prove yourself again first")]
    StepUpNeeded,
    /// The person turned the phone's question away: face, finger or PIN.
    #[error("the person turned the question away")]
    PresenceRefused,
    /// The sign-in is over or used up; begin again.
    #[error("the sign-in has ended; begin again")]
    ChallengeEnded,
    /// The person must sign in first.
    #[error("sign in first")]
    SignInNeeded,
    /// Refused, for ever, with the numbers. Nothing was queued.
    #[error("refused: {refusal}")]
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// This phone holds no such conversation, message or entry.
    #[error("this phone holds no such thing")]
    NotHere,
    /// The kind or the state of it, or this person's side of the firm's door, does not allow it. Nothing is changed.
    #[error("that is not allowed")]
    NotAllowed,
    /// A name, a title or an address is not of the documented form. Nothing is changed.
    #[error("that is not of the right form")]
    Malformed,
    /// A file that was picked can not be taken. The batch is as it was.
    #[error("a file can not be taken: {why:?}")]
    FileUnreadable {
        /// Why.
        why: PickFault,
    },
    /// The firm's scan refuses this file. What is held of it stays sealed; the firm can allow it later.
    #[error("the firm's scan refuses this file")]
    FileRefused,
    /// The disk is full, or what lies at a path of ours can not be read or written. What was stored before is still
    /// there.
    #[error("the disk is full or can not be used")]
    DiskFull,
    /// The keystore is locked; unlock the phone.
    #[error("the keystore is locked")]
    KeyLocked,
    /// The keystore itself fails; try again, or restart the phone. Nothing is touched.
    #[error("the keystore fails")]
    KeyUnavailable,
    /// The keystore lost the key, or the store is damaged; signing in begins a new store beside it.
    #[error("the key does not open the store")]
    KeyLost,
    /// The person wiped this phone from another device: what it held of them is gone.
    #[error("this phone was wiped from another device")]
    Wiped,
    /// A newer version of the app wrote the store; update the app.
    #[error("a newer version of the app wrote the store")]
    StoreNewer,
    /// The shell took the call back before it was answered, or ended the portal. What was durable stays.
    #[error("ended by the app")]
    Ended,
    /// A fault that no person can mend; report it. State is untouched.
    #[error("an internal fault: {what}")]
    Bug {
        /// Where, without any content.
        what: String,
    },
}

impl PortalError {
    /// A fault that no person can mend, at `what`, which names a place in the program and no content.
    #[must_use]
    pub fn bug(what: &str) -> Self {
        Self::Bug { what: what.to_owned() }
    }
}

impl From<StoreError> for PortalError {
    fn from(fault: StoreError) -> Self {
        match fault {
            StoreError::Full => Self::DiskFull,
            StoreError::WrongKey | StoreError::PageDamaged => Self::KeyLost,
            StoreError::Newer => Self::StoreNewer,
            StoreError::Wiped => Self::Wiped,
            StoreError::Locked => Self::RetryLater { after_s: None },
            StoreError::Failed(_) => Self::bug("store"),
            StoreError::Damaged => Self::bug("value in the store"),
        }
    }
}

impl From<SecretFault> for PortalError {
    fn from(fault: SecretFault) -> Self {
        match fault {
            SecretFault::Locked => Self::KeyLocked,
            SecretFault::Cancelled => Self::PresenceRefused,
            SecretFault::Unavailable => Self::KeyUnavailable,
        }
    }
}

impl From<Refusal> for PortalError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { refusal }
    }
}

impl From<Fault> for PortalError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NoConnection => Self::Offline,
            Fault::NotPortico => Self::NotPortico,
            Fault::Untrusted => Self::UntrustedServer,
            Fault::ServerFault
            | Fault::ServerBusy
            | Fault::ConversationMissing
            | Fault::DocumentMissing
            | Fault::Metered => Self::RetryLater { after_s: None },
            Fault::AppTooOld => Self::OtherVersion { server_wire: 0 },
            Fault::KeyUnavailable => Self::KeyUnavailable,
        }
    }
}
