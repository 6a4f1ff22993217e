//! The app crashes: what is printed then, which a system may keep and send to whoever made the app, is nobody's.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use portico_core::Portal;
use portico_core::net::transport::RealNetwork;
use portico_core::ports::{FileSecretStore, Ports, SecretStore, SoftwareDeviceKey, SystemClock, SystemDice};
use portico_core::signin::driver::{Answered, Phone};
use portico_core::store::Fact;
use portico_core::upload::source::PickSource;
use portico_server::App;
use portico_server::config::Config;
use portico_server::seed::seed;
use portico_tests::process::{mailed_code, program};
use portico_wire::totp::TotpKey;

const EMAIL: &str = "amina@clients.example";

/// What the phone holds, by words that are nowhere else.
struct Held {
    home: PathBuf,
    canaries: Vec<Vec<u8>>,
    unsent: usize,
}

/// A phone as a process finds it: its secrets are files, its server a real one.
fn installation(home: &Path) -> Phone {
    let secrets: Arc<dyn SecretStore> = Arc::new(FileSecretStore::in_folder(home.join("keys")));
    let ports = Ports {
        clock: Arc::new(SystemClock),
        dice: Arc::new(SystemDice::default()),
        network: Arc::new(RealNetwork::new(None).expect("there are roots")),
        device_key: Arc::new(SoftwareDeviceKey::in_store(Arc::clone(&secrets))),
        secrets,
    };
    Phone::new(home, ports)
}

async fn signed_in(folder: &Path) -> Portal {
    let data = folder.join("server");
    let app = App::open(Config::in_folder(&data), portico_server::ports::Ports::real()).expect("it opens");
    seed(&app).await.expect("it is empty");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move { app.serve(listener, std::future::pending()).await });
    let phone = installation(&folder.join("phone"));
    let pending = phone.begin_sign_in(&url, EMAIL).await.expect("a challenge begins");
    let code = mailed_code(&data, &pending.challenge_id.to_string()).await.expect("it is mailed");
    let answered = phone.answer(&code, "test phone").await.expect("the code is right");
    let Answered::SignedIn(signed_in) = answered else { panic!("the mailed code is enough: {answered:?}") };
    signed_in.portal
}

/// A phone with texts that were sent, are begun and wait, a file that was picked, and the secret of an authenticator.
async fn lived(folder: &Path) -> Held {
    let portal = signed_in(folder).await;
    portal.catch_up().await.expect("the server answers");
    let newest = portal.first_screen(1).expect("it is read").conversations.pop().expect("the seed has some");
    let conversation = newest.head.conversation_id;
    portal.send(conversation, "zebra-sent").expect("there is room");
    portal.catch_up().await.expect("the server answers");
    portal.set_up_authenticator().await.expect("the server answers");
    portal.send(conversation, "zebra-unsent").expect("there is room");
    let picked = folder.join("picked");
    std::fs::write(&picked, "zebra-content").expect("there is room");
    let name = Some("zebra-picked.txt".to_owned());
    portal.pick(conversation, PickSource::Path(picked), name).await.expect("it is a file");
    portal.keep_draft(conversation, "zebra-draft").expect("there is room");
    let store = portal.store();
    let token =
        store.read(|reading| reading.access()).expect("it is read").expect("it is signed in").access_token;
    let uri: Option<String> = store.read(|reading| reading.fact(Fact::Authenticator)).expect("it is read");
    let secret = TotpKey::parse(&uri.expect("it is one")).expect("it is a URI").secret();
    let session = portal.session();
    // Of a word that begins so, every one: of a text, a name, the words that the bug itself had at hand.
    let words = ["zebra-", "Amina Haddad", &session.firm_name, &newest.head.title, EMAIL, &secret];
    let mut canaries: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    canaries.extend([token.0.clone(), token.to_string().into_bytes()]);
    Held { home: folder.join("phone"), canaries, unsent: portal.outbox().expect("it is read").len() }
}

fn crash(held: &Held, place: &str) -> Output {
    let mut command = Command::new(program("crashing_phone"));
    command.arg(&held.home).arg(place).env("RUST_BACKTRACE", "full");
    command.output().expect("it runs")
}

// R55: (S5) message, backtrace and the log of every level, wherever in the core the bug strikes.
#[tokio::test(flavor = "multi_thread")]
async fn crash_report_holds_nothing_that_is_somebodys() {
    let folder = portico_tests::world::scratch();
    let held = lived(folder.path()).await;

    for (place, frame) in [
        ("send", "portico_core::portal::Portal::send"),
        ("request", "portico_core::portal::upkeep"),
        ("transaction", "portico_core::store::Store::write"),
        ("printing", "crashing_phone::strike"),
    ] {
        let report = crash(&held, place);
        let said = [report.stdout, report.stderr].concat();
        let text = String::from_utf8_lossy(&said);

        assert!(!report.status.success(), "{place}: {text}");
        assert!(text.contains("panicked at") && text.contains("a bug"), "{place}: {text}");
        assert!(text.contains(frame), "{place} shows no {frame}: {text}");
        for canary in &held.canaries {
            let shown = said.windows(canary.len()).any(|window| window == canary);
            assert!(!shown, "{place} shows {}: {text}", String::from_utf8_lossy(canary));
        }
    }
    let portal = installation(&held.home).portal().expect("it opens").expect("somebody is signed in");
    assert_eq!(portal.outbox().expect("it is read").len(), held.unsent);
}
