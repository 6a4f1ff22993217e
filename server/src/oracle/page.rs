//! The tables of `docs/access.md`, asked of the code. `ACCESS_WRITE=1` writes them; else a stale one fails.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use portico_wire::conversation::ConversationKind::{
    self, Direct, ExternalMatter, InternalMatter, StaffChannel,
};
use portico_wire::conversation::{ConversationState, Standing};
use portico_wire::ids::{AttachmentId, ConversationId, DocumentId, MatterId, PersonId};

use super::requests::Aims;
use super::{World, documents, matrix};
use crate::access::{MatterDoor, Membership, Place, Reader, Stay, can_know_of, can_read};
use crate::store::{NewConversation, NewMatter, NewPerson};
use crate::testing::{Pack, Phone, Reply};

/// Entries of the log that the rule is asked about.
const LOG: u64 = 9;

const KINDS: [(ConversationKind, &str); 4] = [
    (ExternalMatter, "External conversation of a matter"),
    (InternalMatter, "Internal one"),
    (StaffChannel, "Staff channel"),
    (Direct, "Direct message"),
];

/// Who asks: how the table calls them, where they stand, and the stays that they may have.
struct Who {
    called: &'static str,
    standings: &'static [Standing],
    membership: Membership,
    door: MatterDoor,
    stays: &'static [&'static [Stay]],
}

const fn stay(from_seq: u64, until_seq: Option<u64>) -> Stay {
    Stay { from_seq, until_seq }
}

const IN_IT: &[&[Stay]] = &[&[stay(3, None)], &[stay(2, Some(3)), stay(6, None)]];
const LEFT_IT: &[&[Stay]] = &[&[stay(3, Some(5))], &[stay(2, Some(3)), stay(6, Some(7))]];
const IN_IT_OR_NOT: &[&[Stay]] = &[&[], IN_IT[0], IN_IT[1], LEFT_IT[0], LEFT_IT[1]];
const STAFF: &[Standing] = &[Standing::Staff];
const OUTSIDE: &[Standing] = &[Standing::Client, Standing::ThirdParty];

const WHO: [Who; 6] = [
    who("staff", STAFF, Membership::Current, MatterDoor::Open, IN_IT_OR_NOT),
    who("staff, the matter restricted to others", STAFF, Membership::Current, MatterDoor::Shut, IN_IT_OR_NOT),
    who("client or third party, in it now", OUTSIDE, Membership::Current, MatterDoor::Shut, IN_IT),
    who("client or third party who left it", OUTSIDE, Membership::Current, MatterDoor::Shut, LEFT_IT),
    who("client or third party who never was in it", OUTSIDE, Membership::Current, MatterDoor::Open, &[&[]]),
    who("staff who left the firm", STAFF, Membership::Ended, MatterDoor::Open, IN_IT_OR_NOT),
];

const fn who(
    called: &'static str,
    standings: &'static [Standing],
    membership: Membership,
    door: MatterDoor,
    stays: &'static [&'static [Stay]],
) -> Who {
    Who { called, standings, membership, door, stays }
}

/// What a cell can say, and the entries that it means for somebody with these stays.
type Sentence = (&'static str, fn(&[Stay]) -> BTreeSet<u64>);

const SENTENCES: [Sentence; 4] = [
    ("nothing", |_| BTreeSet::new()),
    ("all of it, in it or not (R15)", |_| (1..=LOG).collect()),
    ("what was said since they came, while they are in it (R16)", |stays| {
        let last = stays.last().filter(|stay| stay.until_seq.is_none());
        last.map_or_else(BTreeSet::new, |stay| (stay.from_seq..=LOG).collect())
    }),
    ("what was said while they were in it, for good (R19)", |stays| {
        stays.iter().flat_map(|stay| stay.from_seq..=stay.until_seq.unwrap_or(LOG)).collect()
    }),
];

impl Who {
    /// What the rule lets each of them read, beside their stays.
    fn reads(&self, kind: ConversationKind) -> Vec<(&'static [Stay], BTreeSet<u64>)> {
        let mut reads = Vec::new();
        for (standing, stays) in
            self.standings.iter().flat_map(|standing| self.stays.iter().map(|stays| (*standing, *stays)))
        {
            let reader = Reader { standing, membership: self.membership };
            let place =
                Place { kind, state: ConversationState::Open, door: self.door, stays: stays.to_vec() };
            let readable: BTreeSet<u64> = (1..=LOG).filter(|seq| can_read(reader, &place, *seq)).collect();
            assert_eq!(can_know_of(reader, &place), !readable.is_empty(), "{} {kind:?}", self.called);
            reads.push((stays, readable));
        }
        reads
    }

    fn sentence(&self, kind: ConversationKind) -> &'static str {
        let reads = self.reads(kind);
        let fits = |(_, means): &&Sentence| reads.iter().all(|(stays, readable)| *readable == means(stays));
        let (sentence, _) = SENTENCES
            .iter()
            .find(fits)
            .unwrap_or_else(|| panic!("no sentence says what {} read in {kind:?}: {reads:?}", self.called));
        sentence
    }

    /// The sentence; where it is nothing, with the rule by which it is: the one without which it would be something.
    fn cell(&self, kind: ConversationKind) -> String {
        let has_door = matches!(kind, ExternalMatter | InternalMatter);
        if self.door == MatterDoor::Shut && !has_door && self.standings == STAFF {
            return String::new();
        }
        let sentence = self.sentence(kind);
        let is_something = |who: Who| who.sentence(kind) != sentence;
        let rule = if sentence != "nothing" {
            ""
        } else if is_something(who(
            self.called,
            self.standings,
            self.membership,
            MatterDoor::Open,
            self.stays,
        )) {
            " (R17)"
        } else if is_something(who(self.called, self.standings, Membership::Current, self.door, self.stays)) {
            " (R43)"
        } else {
            ""
        };
        format!("{sentence}{rule}")
    }
}

/// A row of a table; an empty cell is one blank.
fn row(cells: impl IntoIterator<Item = String>) -> String {
    let cells =
        cells.into_iter().map(|cell| if cell.is_empty() { " |".to_owned() } else { format!(" {cell} |") });
    format!("|{}\n", cells.collect::<String>())
}

/// Who may know what.
fn people_table() -> String {
    let head = row(["Who"].into_iter().chain(KINDS.map(|(_, called)| called)).map(str::to_owned));
    let rows = WHO
        .iter()
        .map(|who| row([who.called.to_owned()].into_iter().chain(KINDS.map(|(kind, _)| who.cell(kind)))));
    format!("{head}|---|---|---|---|---|\n{}", rows.collect::<String>())
}

/// One firm in which everybody is once: what each request brings them.
struct Firm {
    phones: Vec<Phone>,
    conversation: ConversationId,
    matter: MatterId,
    attachment: AttachmentId,
    document: DocumentId,
    people: Vec<PersonId>,
}

/// Who is asked, by place: staff in it, not in it, shut out; a client in it, one who left it, a third party in it, a client
/// who never was in it; somebody of the staff who left the firm; and a client about whom requests are.
const PEOPLE: [Standing; 9] = [
    Standing::Staff,
    Standing::Staff,
    Standing::Staff,
    Standing::Client,
    Standing::Client,
    Standing::ThirdParty,
    Standing::Client,
    Standing::Staff,
    Standing::Client,
];
const ASKED: usize = 7;

impl Firm {
    async fn new(world: &World, router: &axum::Router, number: usize) -> Self {
        let store = world.app.store();
        let firm = store.add_firm("A firm".to_owned()).await.unwrap();
        let (mut people, mut phones) = (Vec::new(), Vec::new());
        for (place, standing) in PEOPLE.into_iter().enumerate() {
            let new = NewPerson {
                name: format!("Person {place}"),
                email: format!("{place}@{number}.example"),
                standing,
            };
            let person = store.add_person(firm, new).await.unwrap();
            let mut phone = Phone::on(world, router.clone());
            phone.token = store.let_in(firm, person, phone.device).await.unwrap();
            people.push(person);
            phones.push(phone);
        }
        let restricted_to = Some(people[..2].to_vec());
        let new = NewMatter { title: "A matter".to_owned(), restricted_to };
        let matter = store.add_matter(firm, new).await.unwrap();
        let new = NewConversation {
            conversation_id: None,
            kind: ExternalMatter,
            title: "A talk".to_owned(),
            matter_id: Some(matter),
            participants: [0, 3, 4, 5].map(|place: usize| people[place]).to_vec(),
        };
        let conversation = store.add_conversation(firm, new).await.unwrap();
        let file = Pack::of(&phones[0], world, conversation, &[1]);
        let attachment = phones[0].carry(&file).await.entry.files[0].attachment_id;
        store.remove_participant(firm, conversation, people[4], people[0]).await.unwrap();
        store.end_membership(firm, people[7], people[0]).await.unwrap();
        let [document, _] = documents::two(&phones[0], matter).await;
        Self { phones, conversation, matter, attachment, document, people }
    }

    fn aims(&self) -> Aims {
        Aims {
            conversation: self.conversation,
            matter: self.matter,
            attachment: self.attachment,
            document: self.document,
            person: self.people[8],
            restricted_to: Some(self.people[..2].to_vec()),
        }
    }

    /// Those for whom it is done, and those who are refused; for the rest it is as if there were nothing.
    async fn ask(&self, world: &World, route: &str) -> (Vec<usize>, Vec<usize>) {
        let (mut done, mut refused) = (Vec::new(), Vec::new());
        for (place, phone) in self.phones.iter().enumerate().take(ASKED) {
            let reply = self.aims().ask(world, phone, route).await;
            if self.names_it(route, &reply) {
                done.push(place);
            } else if reply.status.is_client_error() && !is_hidden(&reply) {
                refused.push(place);
            }
        }
        let gone = self.aims().ask(world, &self.phones[7], route).await;
        assert!(
            ["membership_ended", "account_closed!"].contains(&gone.code().as_str()),
            "{route}: {}",
            gone.code()
        );
        (done, refused)
    }

    /// Whether it is done; a list must have the thing in it.
    fn names_it(&self, route: &str, reply: &Reply) -> bool {
        let body = String::from_utf8_lossy(&reply.body);
        let ids = [self.conversation.to_string(), self.matter.to_string(), self.people[8].to_string()];
        let is_list = route.starts_with("GET") && !route.contains('{');
        reply.status.is_success() && (!is_list || ids.iter().any(|id| body.contains(id)))
    }
}

fn is_hidden(reply: &Reply) -> bool {
    ["not_found", "conversation_not_found!", "document_not_found!"].contains(&reply.code().as_str())
}

/// How the page calls people, by their places.
const CALLED: [(&[usize], &str); 14] = [
    (&[], ""),
    (&[0, 1, 3, 4, 5], "whoever may know of it"),
    (&[0, 1], "staff who may know of it"),
    (&[0], "staff in it"),
    (&[1], "staff who may know of it and are not in it"),
    (&[0, 1, 2], "staff"),
    (&[0, 1, 3], "staff who may know of it, clients in it"),
    (&[0, 3, 5], "whoever is in it"),
    (&[0, 3, 4, 5], "whoever is in it, clients and third parties who left it"),
    (&[1, 4], "whoever may know of it and is not in it"),
    (&[5], "third parties in it"),
    (&[3, 4, 5], "clients and third parties who may know of it"),
    (&[3, 4, 5, 6], "clients and third parties"),
    (&[0, 1, 2, 3, 4, 5, 6], "everybody"),
];

fn called(route: &str, places: &[usize]) -> &'static str {
    let found = CALLED.iter().find(|(known, _)| *known == places);
    found.unwrap_or_else(|| panic!("{route}: there is no name for {places:?}")).1
}

/// Whether a route is about what a firm has: not about the caller's own devices and sends, nor about nothing at all.
fn is_about_the_firm(asked: &str) -> bool {
    !["own", "of one's own key only", "by capability", "nobody"].contains(&asked)
}

/// What each request brings to whom. Requests that are alike stand in one row.
async fn requests_table(world: &World) -> String {
    let router = world.app.router();
    let mut rows: Vec<(String, &str, &str)> = Vec::new();
    for (number, (route, _)) in
        matrix::ROWS.iter().enumerate().filter(|(_, (_, asked))| is_about_the_firm(asked))
    {
        let firm = Firm::new(world, &router, number).await;
        let (done, refused) = firm.ask(world, route).await;
        let (done, refused) = (called(route, &done), called(route, &refused));
        match rows.iter_mut().find(|row| (row.1, row.2) == (done, refused)) {
            Some(row) => row.0 = format!("{}<br>`{route}`", row.0),
            None => rows.push((format!("`{route}`"), done, refused)),
        }
    }
    let rows =
        rows.into_iter().map(|(routes, done, refused)| row([routes, done.to_owned(), refused.to_owned()]));
    format!("| Request | For | Refused to |\n|---|---|---|\n{}", rows.collect::<String>())
}

/// The page with `table` between the marks of `name`.
fn with(page: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("\n<!-- {name}:end -->"));
    let (head, rest) = page.split_once(&begin).expect("the page has the mark where the table begins");
    let (_, tail) = rest.split_once(&end).expect("the page has the mark where the table ends");
    format!("{head}{begin}\n{table}{end}{tail}")
}

// R14, R15, R16, R17, R19, R43
#[tokio::test]
async fn page_of_access_says_what_the_code_does() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/access.md");
    let stored = fs::read_to_string(&page).unwrap();
    let world = World::new().await;

    let wanted = with(&with(&stored, "who", &people_table()), "requests", &requests_table(&world).await);

    if std::env::var_os("ACCESS_WRITE").is_some() {
        fs::write(page, wanted).unwrap();
        return;
    }
    let stale: Vec<&str> = wanted.lines().filter(|line| !stored.lines().any(|kept| kept == *line)).collect();
    let write = "docs/access.md is stale: ACCESS_WRITE=1 cargo test -p portico-server --lib page_of_access";
    assert!(stored == wanted, "{write}\n{}", stale.join("\n"));
}
