//! What the access rule needs to know of a conversation for one reader, and what the log needs to go on.

use portico_wire::conversation::{ConversationKind, ConversationState};
use portico_wire::ids::{ConversationId, FirmId, MatterId, PersonId};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::row;
use crate::access::{MatterDoor, Place, Stay};
use crate::log::append::Tail;

/// One conversation as one person meets it.
pub(super) struct Facts {
    pub(super) title: String,
    pub(super) matter_id: Option<MatterId>,
    pub(super) created_at_ms: i64,
    pub(super) tail: Tail,
    pub(super) place: Place,
}

/// Reads the facts; none where the firm has no such conversation.
pub(super) fn facts(
    connection: &Connection,
    firm: FirmId,
    person: PersonId,
    conversation: ConversationId,
) -> rusqlite::Result<Option<Facts>> {
    let found = connection
        .prepare_cached(
            "SELECT c.kind, c.state, c.title, c.matter_id, c.created_at_ms, c.last_seq, c.last_hash,
                    coalesce(m.restricted, 0) AND NOT EXISTS (
                      SELECT 1 FROM matter_listed AS l
                      WHERE l.firm_id = ?1 AND l.matter_id = c.matter_id AND l.person_id = ?2)
             FROM conversations AS c
             LEFT JOIN matters AS m ON m.firm_id = c.firm_id AND m.matter_id = c.matter_id
             WHERE c.firm_id = ?1 AND c.conversation_id = ?3",
        )?
        .query_row(params![firm.as_bytes(), person.as_bytes(), conversation.as_bytes()], |row| {
            let (kind, state): (ConversationKind, ConversationState) =
                (row::kind(row, 0)?, row::state(row, 1)?);
            let door = if row.get(7)? { MatterDoor::Shut } else { MatterDoor::Open };
            Ok(Facts {
                title: row.get(2)?,
                matter_id: row::id_opt(row, 3, MatterId::from_bytes)?,
                created_at_ms: row.get(4)?,
                tail: Tail { firm, conversation, seq: row::seq(row, 5)?, hash: row::hash(row, 6)? },
                place: Place { kind, state, door, stays: Vec::new() },
            })
        })
        .optional()?;
    let Some(mut facts) = found else { return Ok(None) };
    facts.place.stays = stays(connection, firm, person, conversation)?;
    Ok(Some(facts))
}

fn stays(
    connection: &Connection,
    firm: FirmId,
    person: PersonId,
    conversation: ConversationId,
) -> rusqlite::Result<Vec<Stay>> {
    connection
        .prepare_cached(
            "SELECT from_seq, until_seq FROM stays
             WHERE firm_id = ?1 AND conversation_id = ?2 AND person_id = ?3 ORDER BY from_seq",
        )?
        .query_map(params![firm.as_bytes(), conversation.as_bytes(), person.as_bytes()], |row| {
            let until: Option<i64> = row.get(1)?;
            Ok(Stay {
                from_seq: row::seq(row, 0)?,
                until_seq: until.map(|seq| u64::try_from(seq).unwrap_or(0)),
            })
        })?
        .collect()
}

/// Who is in the conversation now, ascending: the order in which their logs are written.
pub(super) fn participants(
    connection: &Connection,
    firm: FirmId,
    conversation: ConversationId,
) -> rusqlite::Result<Vec<PersonId>> {
    connection
        .prepare_cached(
            "SELECT person_id FROM stays
             WHERE firm_id = ?1 AND conversation_id = ?2 AND until_seq IS NULL ORDER BY person_id",
        )?
        .query_map(params![firm.as_bytes(), conversation.as_bytes()], |row| {
            row::id(row, 0, PersonId::from_bytes)
        })?
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{can_read, readable_by};
    use crate::store::sqlite::people;
    use crate::store::{NewConversation, NewMatter, NewPerson, Store};
    use crate::testing::World;
    use portico_wire::conversation::Standing;

    const KINDS: [ConversationKind; 4] = [
        ConversationKind::ExternalMatter,
        ConversationKind::InternalMatter,
        ConversationKind::StaffChannel,
        ConversationKind::Direct,
    ];

    /// Six people, an open and a restricted matter, and six conversations of every kind with chance stays.
    async fn generate(world: &World, store: &Store) -> (FirmId, Vec<PersonId>, Vec<ConversationId>) {
        let firm = store.add_firm("A small world".to_owned()).await.unwrap();
        let dice = || world.ports().random::<1>()[0];
        let mut people = Vec::new();
        for (number, standing) in [
            Standing::Staff,
            Standing::Staff,
            Standing::Staff,
            Standing::Client,
            Standing::Client,
            Standing::ThirdParty,
        ]
        .into_iter()
        .enumerate()
        {
            let email = format!("{number}-{:x}@x.example", u64::from_be_bytes(world.ports().random()));
            people.push(
                store.add_person(firm, NewPerson { name: "x".to_owned(), email, standing }).await.unwrap(),
            );
        }
        let listed: Vec<PersonId> = people[..3].iter().copied().filter(|_| dice() % 2 == 0).collect();
        let matter =
            |restricted_to| store.add_matter(firm, NewMatter { title: "x".to_owned(), restricted_to });
        let matters = [matter(None).await.unwrap(), matter(Some(listed)).await.unwrap()];
        let mut conversations = Vec::new();
        for number in 0..6_usize {
            let kind = KINDS[usize::from(dice()) % 4];
            let has_matter =
                matches!(kind, ConversationKind::ExternalMatter | ConversationKind::InternalMatter);
            let new = NewConversation {
                conversation_id: None,
                kind,
                title: "x".to_owned(),
                matter_id: has_matter.then(|| matters[number % 2]),
                participants: Vec::new(),
            };
            conversations.push(store.add_conversation(firm, new).await.unwrap());
        }
        scatter_stays(world, store, firm, &people, &conversations).await;
        let (gone, clock) = (people[usize::from(dice()) % 6], world.app.now_ms());
        let end = "UPDATE memberships SET ended_at_ms = ?2 WHERE person_id = ?1";
        store
            .write(move |write| write.connection.execute(end, params![gone.as_bytes(), clock]))
            .await
            .unwrap();
        (firm, people, conversations)
    }

    /// Stays that no use-case would make are in it too: the two rules must agree on any rows.
    async fn scatter_stays(
        world: &World,
        store: &Store,
        firm: FirmId,
        people: &[PersonId],
        conversations: &[ConversationId],
    ) {
        for person in people.iter().copied() {
            for conversation in conversations.iter().copied() {
                let [stays, first, length, open] = world.ports().random::<4>();
                let add = "INSERT INTO stays VALUES (?1, ?2, ?3, ?4, ?5)";
                for stay in 0..i64::from(stays % 3) {
                    let from = 1 + stay * 5 + i64::from(first % 3);
                    let until = (open % 2 == 0 || stay == 0).then_some(from + i64::from(length % 3) - 1);
                    let row = (firm, conversation, person);
                    store
                        .write(move |write| {
                            let (firm, conversation, person) = row;
                            let ids = (firm.as_bytes(), conversation.as_bytes(), person.as_bytes());
                            write.connection.execute(add, params![ids.0, ids.1, ids.2, from, until])
                        })
                        .await
                        .unwrap();
                }
            }
        }
    }

    // R15, R16, R17, R18, R19, R41, R43
    #[tokio::test]
    async fn sql_fragment_says_what_the_rule_says() {
        let world = World::new().await;
        let (store, mut yes, mut no) = (world.app.store(), 0, 0);
        for _ in 0..40 {
            let (firm, people, conversations) = generate(&world, store).await;
            let asked: Vec<_> = people
                .iter()
                .flat_map(|person| conversations.iter().map(move |conversation| (*person, *conversation)))
                .collect();
            let compared = store.read(move |tx| {
                let mut statement = tx.prepare(&format!("SELECT {}", readable_by("?3", "?4")))?;
                let mut answers = Vec::new();
                for (person, conversation) in asked {
                    let facts = facts(tx, firm, person, conversation)?.unwrap();
                    let reader = people::member(tx, firm, person)?.unwrap().reader;
                    for seq in 1..15 {
                        let by_rule = can_read(reader, &facts.place, seq);
                        let ids = (firm.as_bytes(), person.as_bytes(), conversation.as_bytes());
                        let by_sql: bool = statement
                            .query_row(params![ids.0, ids.1, ids.2, row::stored(seq)], |row| row.get(0))?;
                        assert_eq!(by_sql, by_rule, "{reader:?} {:?} entry {seq}", facts.place);
                        answers.push(by_rule);
                    }
                }
                Ok(answers)
            });
            for answer in compared.await.unwrap() {
                if answer { yes += 1 } else { no += 1 }
            }
        }
        assert!(yes > 2_000 && no > 2_000, "both answers are common: {yes} yes, {no} no");
    }
}
