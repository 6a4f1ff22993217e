//! The store: one method per use-case, each one transaction, domain types in and out. All SQL lives in here.
//!
//! Holds: an answer leaves only after its commit is on disk. Outcomes, refusals, wrong codes and throttles commit;
//! only faults roll back. Crash: a restart finds whole transactions or none.

mod sqlite;

pub use sqlite::backups::LedgerRow;
pub use sqlite::database::OpenDatabaseError;
pub use sqlite::directory::{ConversationListing, FirmListing, PersonListing};
pub use sqlite::firm::{NewConversation, NewMatter, NewPerson};
pub use sqlite::limits::FirmLimits;
pub use sqlite::scans::Verdict;
pub use sqlite::sessions::{Caller, DeviceRow};
pub use sqlite::stays::Change;
pub use sqlite::verify::{LogFault, LogReport};
pub use sqlite::writer::GroupStats;
pub use sqlite::{Store, StoreError};

pub(crate) use sqlite::attachments::NamedFile;
pub(crate) use sqlite::backups::{RestoreRefused, needed_segments, restore_database, take_backup};
pub(crate) use sqlite::batch_rows::{BatchRow, FinishedRow, NewBatch, NewSeal};
pub(crate) use sqlite::batches::{Entitled, OpenAnswer, Room, Standing};
pub(crate) use sqlite::contents::{Content, StoredFile};
pub(crate) use sqlite::email::Confirmed;
pub(crate) use sqlite::factors::{Proved, Who};
pub(crate) use sqlite::firm::normal_email;
pub(crate) use sqlite::invitations::{InvitationMail, hash_of};
pub(crate) use sqlite::jobs::{MailContent, MailJob, PushJob};
pub(crate) use sqlite::keeping::{Announced, Destination, Keeping, Source};
pub(crate) use sqlite::notices::{Notice, NoticeMail};
pub(crate) use sqlite::reading::{EventPage, Found};
pub(crate) use sqlite::sends::{SendAnswer, Sent};
pub(crate) use sqlite::sessions::{Admission, FreshToken};
pub(crate) use sqlite::signin::{Answered, CHALLENGE_MS, NewDevice, SignedIn};
pub(crate) use sqlite::stepping_up::{Ending, Stepped};
