//! Conversations are never deleted: the database itself refuses, whatever the statement. Every table stands in one of two
//! lists, and a new one in neither fails.

use portico_wire::document::FileDocument;
use portico_wire::looked_at::ShownRange;
use rusqlite::Connection;

use super::store::StoreError;
use crate::testing::{Pack, World};

/// Tables of what was said, and of who was there: no row of them goes, and no column changes but those named.
const KEPT: [(&str, &[&str]); 11] = [
    ("entries", &[]),
    ("bodies", &[]),
    ("attachments", &[]),
    // What the firm's scan says of a file.
    ("contents", &["verdict"]),
    // Removal is one more change.
    ("documents", &[]),
    ("document_changes", &[]),
    ("outcomes", &[]),
    // The log goes on; archiving and closing are states.
    ("conversations", &["state", "last_seq", "last_hash"]),
    // A stay ends, once.
    ("stays", &["until_seq"]),
    ("looks", &[]),
    ("events", &[]),
];

/// Tables that may change, and why nothing that was said goes with it.
const MAY_CHANGE: [(&str, &str); 25] = [
    ("epochs", "the list of restores, which a restore carries over"),
    ("backups", "the ledger of backups: an old one lapses"),
    ("persons", "an address changes and stays the same person's"),
    ("firms", "limits, and how much is stored"),
    ("memberships", "one ends; names of authors are in their entries"),
    ("matters", "who may know of it"),
    ("matter_listed", "who may know of it"),
    ("batches", "files on their way, in no log yet"),
    ("batch_files", "files on their way, in no log yet"),
    ("finished_uploads", "the answer to a last byte, for who lost it"),
    ("challenges", "codes, for some minutes"),
    ("devices", "signed in and out"),
    ("access_tokens", "for some minutes"),
    ("invitations", "for some weeks"),
    ("email_changes", "for some minutes"),
    ("approvals", "for some minutes"),
    ("totps", "an authenticator app is replaced or taken away"),
    ("totp_told", "some minutes' codes"),
    ("totp_set_ups", "a secret that was shown, until a code of it came back"),
    ("recovery_codes", "spent, or replaced by fresh ones"),
    ("mail_jobs", "gone when carried"),
    ("push_jobs", "gone when carried"),
    ("scan_jobs", "gone when judged"),
    ("message_tokens", "the index, made of bodies; FTS5 keeps it in tables of its own"),
    ("message_tokens_*", "those tables"),
];

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut names = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    )?;
    names.query_map([], |found| found.get(0))?.collect()
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut names = connection.prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))?;
    names.query_map([], |found| found.get(0))?.collect()
}

/// Every row of `table` as text.
fn content(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let of_row: Vec<String> =
        columns(connection, table)?.iter().map(|column| format!("quote({column})")).collect();
    let mut rows =
        connection.prepare(&format!("SELECT concat_ws(', ', {}) FROM {table}", of_row.join(", ")))?;
    rows.query_map([], |found| found.get(0))?.collect()
}

/// A world in which each of [`KEPT`] has rows, stays that ended among them.
async fn world() -> World {
    let world = World::new().await;
    let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
    let carried = amina.carry(&Pack::of(&amina, &world, claim, &[1, 2])).await;
    let attachment_id = carried.entry.files[0].attachment_id;
    let shown = ShownRange { from_seq: 1, to_seq: 2, shown_at_ms: 1 };
    let looked = portico_wire::looked_at::LookedAt { epoch: world.app.epoch(), ranges: vec![shown] };
    amina.put(&format!("/v1/conversations/{claim}/looked-at"), &looked).await;
    let kept = FileDocument { key: amina.key(), name: "A document".to_owned(), attachment_id };
    let path = format!("/v1/matters/{}/documents", world.firm.matters["harbour"]);
    assert!(world.phone("mara").await.post(&path, &kept).await.status.is_success());
    let [mara, jonas] = ["mara", "jonas"].map(|short| world.firm.people[short].person_id);
    world.app.store().remove_participant(world.firm.firm_id, claim, jonas, mara).await.unwrap();
    world
}

// R21
#[tokio::test]
async fn every_table_is_kept_or_may_change_for_a_reason() {
    let world = World::new().await;

    let there = world.app.store().read(|tx| tables(tx)).await.unwrap();

    let kept = KEPT.iter().map(|(table, _)| *table);
    let listed: Vec<&str> = kept.chain(MAY_CHANGE.iter().map(|(table, _)| *table)).collect();
    let is_listed = |table: &String| listed.contains(&table.as_str()) || table.starts_with("message_tokens_");
    let strangers: Vec<&String> = there.iter().filter(|table| !is_listed(table)).collect();
    assert_eq!(strangers, Vec::<&String>::new(), "a table that is in neither list");
    let gone =
        listed.iter().filter(|table| !table.ends_with('*') && !there.iter().any(|there| there == *table));
    assert_eq!(gone.collect::<Vec<_>>(), Vec::<&&str>::new(), "a list names a table that is not there");
    assert!(MAY_CHANGE.iter().all(|(_, reason)| !reason.is_empty()));
}

// R21, R6: what was said, who was there and who has read it: no statement changes or deletes it.
#[tokio::test]
async fn database_itself_refuses_to_change_or_delete_what_was_said() {
    let world = world().await;
    let store = world.app.store();
    for (table, may_change) in KEPT {
        let (columns, before) =
            store.read(move |tx| Ok((columns(tx, table)?, content(tx, table)?))).await.unwrap();
        assert!(
            !before.is_empty() && may_change.iter().all(|column| columns.iter().any(|own| own == column))
        );
        let mut statements = vec![
            format!("DELETE FROM {table}"),
            format!("REPLACE INTO {table} SELECT * FROM {table}"),
            format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table}"),
        ];
        for column in columns.iter().filter(|column| !may_change.contains(&column.as_str())) {
            statements.push(format!("UPDATE {table} SET {column} = {column}"));
            statements.push(format!("UPDATE OR REPLACE {table} SET {column} = {column}"));
            statements.push(format!("UPDATE OR IGNORE {table} SET {column} = NULL"));
        }
        for statement in statements {
            let words = statement.clone();
            let refused = store.write(move |write| write.connection.execute(&words, [])).await;

            assert!(matches!(refused, Err(StoreError::Sqlite(_))), "{statement}: {refused:?}");
        }
        assert_eq!(store.read(move |tx| content(tx, table)).await.unwrap(), before, "{table}");
    }
}

// R19, R21: what may change goes one way: a log goes on, a stay ends once.
#[tokio::test]
async fn what_may_change_of_a_log_and_of_a_stay_goes_one_way() {
    let world = world().await;
    let statements = [
        "UPDATE conversations SET last_seq = last_seq - 1 WHERE last_seq > 0",
        "UPDATE stays SET until_seq = NULL WHERE until_seq IS NOT NULL",
        "UPDATE stays SET until_seq = until_seq + 1 WHERE until_seq IS NOT NULL",
        "DELETE FROM message_tokens",
        "UPDATE message_tokens SET tokens = 'x'",
    ];
    for statement in statements {
        let refused = world.app.store().write(move |write| write.connection.execute(statement, [])).await;

        assert!(matches!(refused, Err(StoreError::Sqlite(_))), "{statement}: {refused:?}");
    }
}
