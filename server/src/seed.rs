//! A small firm to look at and to test with: *Harbour & Lane*, its people, matters and conversations.

use std::collections::BTreeMap;
use std::fmt;

use portico_wire::conversation::{ConversationKind, Standing};
use portico_wire::ids::{ConversationId, FirmId, MatterId, PersonId, SendKey};
use portico_wire::message::SendMessage;
use serde::Serialize;

use crate::access::Membership;
use crate::assurance::{Least, SignInPolicy};
use crate::log::ruling::Receipted;
use crate::state::App;
use crate::store::{Caller, NewConversation, NewMatter, NewPerson, StoreError};

/// Who and what was made, by short names.
#[derive(Debug, Clone, Serialize)]
pub struct SeededFirm {
    /// The firm.
    pub firm_id: FirmId,
    /// `mara`, `jonas`, `amina`, `kenji`, `ines`.
    pub people: BTreeMap<String, SeededPerson>,
    /// `harbour` (open), `lane` (restricted to mara).
    pub matters: BTreeMap<String, MatterId>,
    /// `claim` (external), `notes` (internal), `library` (channel), `direct`, `estate` (external, restricted).
    pub conversations: BTreeMap<String, ConversationId>,
}

/// Somebody who can sign in.
#[derive(Clone, Serialize)]
pub struct SeededPerson {
    /// Who.
    pub person_id: PersonId,
    /// Their name.
    pub name: String,
    /// The address that signs in.
    pub email: String,
    /// On which side of the firm's door.
    pub standing: Standing,
}

impl fmt::Debug for SeededPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeededPerson({}, {:?})", self.person_id, self.standing)
    }
}

/// Why nothing was seeded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    /// There is a firm already; a second one would only confuse.
    #[error("there is a firm already; seed works on an empty folder only")]
    NotEmpty,
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Short name, name, address, standing.
const PEOPLE: [(&str, &str, &str, Standing); 5] = [
    ("mara", "Mara Okafor", "mara@harbourlane.example", Standing::Staff),
    ("jonas", "Jonas Weber", "jonas@harbourlane.example", Standing::Staff),
    ("amina", "Amina Haddad", "amina@clients.example", Standing::Client),
    ("kenji", "Kenji Mori", "kenji@clients.example", Standing::Client),
    ("ines", "Inês Duarte", "ines@surveyors.example", Standing::ThirdParty),
];

/// Short name, kind, title, matter, who is in it, what is said first.
type Plan =
    (&'static str, ConversationKind, &'static str, Option<&'static str>, &'static [&'static str], Said);
type Said = &'static [(&'static str, &'static str)];

const CONVERSATIONS: [Plan; 5] = [
    (
        "claim",
        ConversationKind::ExternalMatter,
        "Haddad claim",
        Some("harbour"),
        &["amina", "mara", "jonas"],
        &[
            ("mara", "Welcome, Amina. Write to us here whenever something comes up."),
            ("amina", "Thank you. شكراً جزيلاً 🙏"),
        ],
    ),
    (
        "notes",
        ConversationKind::InternalMatter,
        "Haddad claim, internal",
        Some("harbour"),
        &["mara", "jonas"],
        &[("jonas", "The surveyor's report is due on Thursday.")],
    ),
    (
        "library",
        ConversationKind::StaffChannel,
        "Library",
        None,
        &["mara", "jonas"],
        &[("jonas", "The new edition of the commentary is on the shelf.")],
    ),
    (
        "direct",
        ConversationKind::Direct,
        "Mara and Jonas",
        None,
        &["mara", "jonas"],
        &[("mara", "Lunch at one?")],
    ),
    (
        "estate",
        ConversationKind::ExternalMatter,
        "Mori estate",
        Some("lane"),
        &["kenji", "mara"],
        &[("mara", "森さん、こちらでご連絡ください。")],
    ),
];

/// The seeded firm's recorded departure from R8; `portico-server admin policy` sets another.
const SEEDED_POLICY: SignInPolicy = SignInPolicy { staff: Least::Email, clients: Least::Email };

/// Makes the firm. The same clock and dice make the same firm.
///
/// # Errors
/// - [`SeedError::NotEmpty`]: nothing was made.
/// - [`SeedError::Store`]: what was made before it stays.
pub async fn seed(app: &App) -> Result<SeededFirm, SeedError> {
    if app.store().has_firms().await? {
        return Err(SeedError::NotEmpty);
    }
    let firm_id = app.store().add_firm("Harbour & Lane".to_owned()).await?;
    // A firm to look at: whoever tries it signs in with the mailed code, on as many devices as they like.
    app.store().set_sign_in_policy(firm_id, SEEDED_POLICY).await?;
    let people = seed_people(app, firm_id).await?;
    let id = |short: &str| people.get(short).map(|person| person.person_id);
    let mut matters = BTreeMap::new();
    for (short, title, restricted_to) in
        [("harbour", "Haddad v. Northern Ferries", None), ("lane", "Estate of S. Mori", Some("mara"))]
    {
        let restricted_to = restricted_to.map(|short| id(short).into_iter().collect());
        let matter = NewMatter { title: title.to_owned(), restricted_to };
        matters.insert(short.to_owned(), app.store().add_matter(firm_id, matter).await?);
    }
    let mut conversations = BTreeMap::new();
    for (short, kind, title, matter, members, said) in CONVERSATIONS {
        let new = NewConversation {
            conversation_id: None,
            kind,
            title: title.to_owned(),
            matter_id: matter.and_then(|matter| matters.get(matter).copied()),
            participants: members.iter().filter_map(|short| id(short)).collect(),
        };
        let conversation = app.store().add_conversation(firm_id, new).await?;
        conversations.insert(short.to_owned(), conversation);
        for (author, text) in said {
            if let Some(author) = id(author) {
                say(app, firm_id, author, conversation, text).await?;
            }
        }
    }
    Ok(SeededFirm { firm_id, people, matters, conversations })
}

async fn seed_people(app: &App, firm: FirmId) -> Result<BTreeMap<String, SeededPerson>, StoreError> {
    let mut people = BTreeMap::new();
    for (short, name, email, standing) in PEOPLE {
        let new = NewPerson { name: name.to_owned(), email: email.to_owned(), standing };
        let person_id = app.store().add_person(firm, new).await?;
        let person = SeededPerson { person_id, name: name.to_owned(), email: email.to_owned(), standing };
        people.insert(short.to_owned(), person);
    }
    Ok(people)
}

/// Sends as a phone does, but for the session.
async fn say(
    app: &App,
    firm_id: FirmId,
    person_id: PersonId,
    conversation_id: ConversationId,
    text: &str,
) -> Result<(), StoreError> {
    let (now_ms, random) = (app.now_ms(), app.ports().random());
    let caller = Caller {
        firm_id,
        person_id,
        device_id: portico_wire::ids::DeviceId::from_parts(now_ms, random),
        membership: Membership::Current,
    };
    let message = SendMessage {
        epoch: app.epoch(),
        conversation_id,
        body: text.to_owned(),
        composed_at_ms: now_ms,
        receipt: None,
    };
    let key = SendKey::from_parts(now_ms, app.ports().random());
    app.store().send(caller, key, message, Receipted::No).await.map(|_| ())
}
