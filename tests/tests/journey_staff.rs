//! A firm is run from a terminal: by the real program, against the real server.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use portico_tests::process::{PhoneProcess, ServerProcess};
use serde_json::Value;

async fn titles(phone: &PhoneProcess, command: &[&str], rows: &str) -> Vec<String> {
    let said = phone.run(command).await.unwrap();
    let title = |row: &Value| row["title"].as_str().unwrap().to_owned();
    let mut titles: Vec<String> =
        said.get(rows).and_then(Value::as_array).unwrap().iter().map(title).collect();
    titles.sort();
    titles
}

// R14, R15, R17, R19, R39, R43: matters, walls, conversations, coming and going, departures, by one of the staff.
#[tokio::test]
async fn firm_is_run_from_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::seeded_with(&folder.path().join("server"), &[]).unwrap();
    let [mara, jonas, olu] = &["mara", "jonas", "olu"].map(|name| PhoneProcess::at(folder.path().join(name)));
    mara.sign_in(&server, &server.url, "mara").await.unwrap();
    jonas.sign_in(&server, &server.url, "jonas").await.unwrap();
    let staff = async |phone: &PhoneProcess, words: &[&str]| phone.run(&[&["staff"], words].concat()).await;

    staff(mara, &["add-person", "Olu Ade", "--email", "olu@clients.example"]).await.unwrap();
    staff(mara, &["open-matter", "Ade lease", "--only", "Mara"]).await.unwrap();
    staff(mara, &["begin", "external", "Ade lease talk", "--matter", "Ade", "--with", "Olu"]).await.unwrap();
    mara.run(&["send", "Ade lease talk", "Welcome, Olu."]).await.unwrap();
    let hidden = titles(jonas, &["staff", "conversations"], "conversations").await;
    let unfound = jonas.run(&["search", "--server", "\"welcome olu\""]).await.unwrap();
    let refused = staff(jonas, &["join", "Ade lease talk"]).await;
    staff(mara, &["access", "Ade lease"]).await.unwrap();
    let found = jonas.run(&["search", "--server", "\"welcome olu\" from:mara"]).await.unwrap();
    staff(jonas, &["join", "Ade lease talk"]).await.unwrap();
    jonas.run(&["send", "Ade lease talk", "And from me."]).await.unwrap();
    olu.sign_in_as(&server, &server.url, "olu@clients.example").await.unwrap();
    olu.run(&["read", "Ade lease talk"]).await.unwrap();
    olu.run(&["outbox"]).await.unwrap();
    let readers = staff(mara, &["readers", "Ade lease talk"]).await.unwrap();
    staff(mara, &["archive", "Ade lease talk"]).await.unwrap();
    let archived = olu.run(&["send", "Ade lease talk", "May I?"]).await;
    staff(mara, &["depart", "Olu Ade"]).await.unwrap();
    staff(mara, &["depart", "Jonas"]).await.unwrap();

    assert!(!hidden.contains(&"Ade lease talk".to_owned()), "{hidden:?}");
    assert_eq!(unfound, serde_json::json!({ "hits": [], "more": false }));
    assert_eq!(found["hits"][0]["title"], "Ade lease talk");
    assert!(refused.unwrap_err().contains("Nothing matches"));
    assert_eq!(readers["readers"][0]["name"], "Olu Ade");
    assert!(archived.is_err(), "{archived:?}");
    let gone = staff(jonas, &["people"]).await.unwrap_err();
    assert!(gone.contains("account at the firm is closed"), "{gone}");
    let read = olu.run(&["read", "Ade lease talk"]).await.unwrap();
    let texts = read["items"].as_array().unwrap().iter().filter_map(|item| item["entry"]["body"].as_str());
    assert!(texts.collect::<Vec<_>>().ends_with(&["And from me.", ""]), "{read}");
}

// R1, R2, R45: a matter's documents from a terminal: kept, changed, and sent as copies that nothing changes.
#[tokio::test]
async fn documents_are_kept_and_sent_from_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::seeded_with(&folder.path().join("server"), &[]).unwrap();
    let [mara, amina] = &["mara", "amina"].map(|name| PhoneProcess::at(folder.path().join(name)));
    mara.sign_in(&server, &server.url, "mara").await.unwrap();
    amina.sign_in(&server, &server.url, "amina").await.unwrap();
    let documents = async |words: &[&str]| mara.run(&[&["staff", "documents"], words].concat()).await;
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(place("Lease.pdf"), b"%PDF-1.7 first").unwrap();
    std::fs::write(place("signed.pdf"), b"%PDF-1.7 second").unwrap();

    documents(&["add", "haddad", &place("Lease.pdf")]).await.unwrap();
    let sent =
        documents(&["send", "haddad", "lease", "--to", "haddad claim", "--text", "The lease"]).await.unwrap();
    documents(&["new-version", "haddad", "lease", &place("signed.pdf")]).await.unwrap();
    documents(&["rename", "haddad", "lease", "Signed.pdf"]).await.unwrap();
    let listed = documents(&["list", "haddad"]).await.unwrap();
    let told = documents(&["history", "haddad", "signed"]).await.unwrap();
    let old =
        documents(&["save", "haddad", "signed", "--version", "1", "--to", &place("old")]).await.unwrap();
    documents(&["remove", "haddad", "signed"]).await.unwrap();
    let gone = documents(&["save", "haddad", "signed"]).await.unwrap_err();
    let read = amina.run(&["read", "haddad claim"]).await.unwrap();
    let last = read["items"].as_array().unwrap().last().unwrap()["entry"]["seq"].to_string();
    let fetched = amina.run(&["download", "haddad claim", &last, "--to", &place("amina")]).await.unwrap();
    amina.run(&["staff", "documents", "list", "haddad"]).await.unwrap_err();

    assert_eq!(sent["state"], "accepted");
    assert_eq!(
        (listed["documents"][0]["name"].as_str(), listed["documents"][0]["version"].as_u64()),
        (Some("Signed.pdf"), Some(2))
    );
    assert_eq!(told["changes"].as_array().unwrap().len(), 3);
    assert_eq!(std::fs::read(old["path"].as_str().unwrap()).unwrap(), b"%PDF-1.7 first");
    assert!(gone.contains("Nothing matches"), "{gone}");
    assert_eq!(std::fs::read(fetched["saved"][0]["path"].as_str().unwrap()).unwrap(), b"%PDF-1.7 first");
}
