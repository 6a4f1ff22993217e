//! Every word this shell shows a person. English; one place for other languages to come.

use portico_core::error::PortalError;
use portico_core::outbox::entry::Fault;
use portico_core::portal::Connection;
use portico_core::push::tap::WhyInbox;
use portico_core::timeline::item::Delivery;
use portico_core::upload::source::PickFault;
use portico_wire::conversation::{ConversationKind, ConversationState};
use portico_wire::refusal::{Refusal, RefusalCode};

use crate::phone::CliError;

pub(crate) fn error(fault: &CliError) -> String {
    match fault {
        CliError::Portal(fault) => portal_error(fault),
        CliError::NobodySignedIn => {
            "Nobody is signed in on this phone. Try: portico sign-in --server URL --email ADDRESS".to_owned()
        }
        CliError::Pick { count: 0 } => {
            "Nothing matches. See: portico conversations, portico staff".to_owned()
        }
        CliError::Pick { count } => format!("{count} match; name one by its number or id."),
        CliError::NotSent { key, refusal } => {
            format!(
                "Not sent: {} The text is kept on this phone. Let it go: portico withdraw {key}",
                self::refusal(refusal)
            )
        }
        CliError::File { path, fault } => format!("{}: {}", path.display(), portal_error(fault)),
        CliError::Input(text) => text.clone(),
        CliError::Demo(text) => format!("The demo failed: {text}"),
    }
}

fn portal_error(fault: &PortalError) -> String {
    match fault {
        PortalError::NotAllowed => "That is not allowed: by its kind or state, or to you.".to_owned(),
        PortalError::Malformed => "That is no address, or no title of one line.".to_owned(),
        PortalError::Offline => "There is no connection to the server.".to_owned(),
        PortalError::NotPortico => "Something answers at that address, but it is not a Portico server.".to_owned(),
        PortalError::BadServerUrl => {
            "That is not the address of a Portico server: it begins with https:// (http:// on this machine only)."
                .to_owned()
        }
        PortalError::UntrustedServer => {
            "The server's certificate is not trusted. If it serves one office: scan or open the link that it shows.".to_owned()
        }
        PortalError::OtherVersion { .. } => "The server speaks another version; one of the two needs an update.".to_owned(),
        PortalError::RetryLater { after_s: Some(seconds) } => {
            format!("The server asks to try again in {seconds} seconds.")
        }
        PortalError::RetryLater { after_s: None } => "Try again in a while.".to_owned(),
        PortalError::WrongCode { tries_left: Some(tries) } => format!("That is not the code. Tries left: {tries}."),
        PortalError::WrongCode { tries_left: None } => "That is not the code.".to_owned(),
        PortalError::EmailMalformed => "This is no email address.".to_owned(),
        PortalError::CodeMalformed => {
            "That can not be such a code. The mailed one has 8 letters and digits, an app's has six digits, a recovery code 24 letters and digits. No try was spent.".to_owned()
        }
        PortalError::WrongFactor { tries_left: Some(tries) } => format!("That does not prove it. Tries left: {tries}."),
        PortalError::WrongFactor { tries_left: None } => "That does not prove it.".to_owned(),
        PortalError::FactorUsed => "That code was used. Wait for the next one.".to_owned(),
        PortalError::FactorDisabled => {
            "Too many wrong codes came, so this app proves nothing any more. Use a recovery code, or another device, and set it up again.".to_owned()
        }
        PortalError::ClockOff { off_s } => {
            let side = if *off_s > 0 { "ahead" } else { "behind" };
            format!("The clock of your authenticator is {} seconds {side}. Set it right and try again.", off_s.abs())
        }
        PortalError::StepUpNeeded => "Prove yourself again first.".to_owned(),
        PortalError::PresenceRefused => "It was turned away.".to_owned(),
        PortalError::Wiped => "This phone was wiped from another device. What it held is gone.".to_owned(),
        PortalError::ChallengeEnded => "This sign-in has ended. Begin again.".to_owned(),
        PortalError::SignInNeeded => "This phone is signed out. Sign in; nothing on it is lost.".to_owned(),
        PortalError::Refused { refusal } => format!("Not sent: {}", self::refusal(refusal)),
        PortalError::NotHere => "This phone holds no such thing.".to_owned(),
        PortalError::FileUnreadable { why } => match why {
            PickFault::Missing => "There is no such file.",
            PickFault::Denied => "This file may not be read.",
            PickFault::NotAFile => "This is no file.",
            PickFault::Changed => "The file changed while it was read. Pick it again.",
            PickFault::Unreadable => "The file can not be read.",
        }
        .to_owned(),
        PortalError::FileRefused => "The firm's scan refuses this file.".to_owned(),
        PortalError::DiskFull => "The disk is full or can not be used. Nothing that was stored is lost.".to_owned(),
        PortalError::KeyLocked => "The keys are locked.".to_owned(),
        PortalError::KeyUnavailable => "The keystore fails. Try again.".to_owned(),
        PortalError::KeyLost => "The key does not open the store. Signing in begins a new one beside it.".to_owned(),
        PortalError::StoreNewer => "A newer version wrote this store; update this one.".to_owned(),
        PortalError::Ended => "It was ended before it was done.".to_owned(),
        PortalError::Bug { what } => format!("Something is wrong in Portico itself ({what}). Please report it."),
    }
}

pub(crate) fn refusal(refusal: &Refusal) -> String {
    let why = match &refusal.code {
        RefusalCode::AccountClosed => "this account at the firm is closed",
        RefusalCode::BatchEmpty => "there is no file",
        RefusalCode::BatchTooLarge => "the files are too large together",
        RefusalCode::BatchTooManyFiles => "there are too many files",
        RefusalCode::BodyEmpty => "there is no text",
        RefusalCode::BodyHasNul => "the text holds a NUL character",
        RefusalCode::BodyNotUnicode => "the text is not valid Unicode",
        RefusalCode::BodyTooLong => "the text is too long",
        RefusalCode::ConversationArchived => "the conversation is archived",
        RefusalCode::ConversationClosed => "the conversation is closed",
        RefusalCode::ConversationNotFound => "there is no such conversation",
        RefusalCode::DocumentNotFound => "there is no such document, or no such version of it",
        RefusalCode::FileDamaged => "a file is damaged",
        RefusalCode::FileNameHasNul => "a file's name holds a NUL character",
        RefusalCode::FileNameTooLong => "a file's name is too long",
        RefusalCode::NotParticipant => "join the conversation first",
        RefusalCode::QuotaExceeded => "the firm's storage is full",
        RefusalCode::SendKeyReused => "its key was used before",
        RefusalCode::Withdrawn => "it was withdrawn",
        RefusalCode::Unknown(code) => return format!("the server says {code}."),
    };
    let unit = if refusal.code == RefusalCode::BatchTooManyFiles { "files" } else { "bytes" };
    let numbers = match (refusal.limit, refusal.measured) {
        (Some(limit), Some(measured)) => format!(" ({measured} of at most {limit} {unit})"),
        _ => String::new(),
    };
    match refusal.file {
        Some(place) => format!("{why}: file {}{numbers}.", place + 1),
        None => format!("{why}{numbers}."),
    }
}

pub(crate) fn delivery(delivery: &Delivery) -> String {
    match delivery {
        Delivery::Queued => "queued on this phone".to_owned(),
        Delivery::Sending => "on its way".to_owned(),
        Delivery::Waiting { fault, stuck: true, .. } => {
            format!("set aside, tried every hour: {}", self::fault(*fault))
        }
        Delivery::Waiting { fault, .. } => format!("waiting: {}", self::fault(*fault)),
        Delivery::NeedsSignIn => "waiting until you sign in".to_owned(),
        Delivery::Paused => "paused".to_owned(),
        Delivery::HandedToOs => "carried by the system".to_owned(),
        Delivery::Withdrawing => "being taken back".to_owned(),
        Delivery::Refused(refusal) => format!("refused: {}", self::refusal(refusal)),
        Delivery::Withdrawn { offer_again: true } => {
            "taken back after this phone was restored; send again?".to_owned()
        }
        Delivery::Withdrawn { offer_again: false } => "taken back".to_owned(),
    }
}

pub(crate) const fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::NoConnection => "no connection",
        Fault::NotPortico => "something else than the server answers",
        Fault::ServerFault => "the server fails",
        Fault::ServerBusy => "the server is busy",
        Fault::AppTooOld => "this version is too old for the server",
        Fault::ConversationMissing => "the restored server does not have the conversation yet",
        Fault::DocumentMissing => "the restored server does not have a document of it",
        Fault::KeyUnavailable => "the keys are locked",
        Fault::Metered => "the network costs; it waits for another",
        Fault::Untrusted => "the server's certificate is not trusted",
    }
}

/// What the screen above could not learn; none when it is up to date.
pub(crate) fn connection(connection: Connection, last_contact: Option<String>) -> Option<String> {
    let since = last_contact.map_or_else(
        || "This phone has never reached the server.".to_owned(),
        |time| format!("This is what this phone held at {time}."),
    );
    match connection {
        Connection::Online => None,
        Connection::Unknown => Some(format!("Not connected. {since}")),
        Connection::Offline(fault) => Some(format!("Offline ({}). {since}", self::fault(fault))),
        Connection::SignedOut => Some(format!("Signed out. {since} Sign in to go on; nothing here is lost.")),
        Connection::Closed => {
            Some("The firm has closed this account; what it had is gone from this phone.".to_owned())
        }
        Connection::Wiped => Some("This phone was wiped from another device.".to_owned()),
    }
}

pub(crate) const fn kind(kind: ConversationKind) -> &'static str {
    match kind {
        ConversationKind::ExternalMatter => "client",
        ConversationKind::InternalMatter => "internal",
        ConversationKind::StaffChannel => "channel",
        ConversationKind::Direct => "direct",
        ConversationKind::Unknown => "other",
    }
}

pub(crate) const fn state(state: ConversationState) -> &'static str {
    match state {
        ConversationState::Open => "",
        ConversationState::Archived => "archived",
        ConversationState::Closed => "closed",
        ConversationState::Unknown => "read only",
    }
}

pub(crate) const fn why_inbox(why: WhyInbox) -> &'static str {
    match why {
        WhyInbox::Unreadable => "this push is not for this phone, or it is damaged",
        WhyInbox::NotThisPerson => "this push is for somebody else",
        WhyInbox::AccessLost => "this conversation can no longer be read",
    }
}
