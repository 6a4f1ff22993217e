//! What a phone lays down: fourteen things that nobody else may read are in no file of it, in no log line, in no `Debug`.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use portico_core::store::{Fact, Store};
use portico_core::upload::source::PickSource;
use portico_tests::faults::Weather;
use portico_tests::phone::TestPhone;
use portico_tests::world::World;
use portico_wire::totp::TotpKey;
use tracing_subscriber::fmt::MakeWriter;

/// Every log line of this process, at every level.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn bytes_below(folder: &Path, into: &mut Vec<u8>) {
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = file.path();
        into.extend_from_slice(path.to_string_lossy().as_bytes());
        if path.is_dir() {
            bytes_below(&path, into)
        } else {
            into.extend(std::fs::read(&path).unwrap_or_default())
        }
    }
}

/// What a phone lives through in a day: it sends, receives, fetches, is pushed to, becomes an authenticator, goes offline.
async fn live(world: &World) -> TestPhone {
    let claim = world.conversation("claim");
    let (amina, mara) = (world.phone("amina").await, world.phone("mara").await);
    let portal = amina.portal();
    portal.keep_push_token("an address").expect("the day goes well");
    portal.catch_up().await.expect("the day goes well");
    portal.send(claim, "zebra-sent").expect("the day goes well");
    mara.portal().send(claim, "zebra-received").expect("the day goes well");
    let picked = amina.home.with_extension("pick");
    std::fs::write(&picked, "zebra-content of a file that is sent").expect("the day goes well");
    let source = || PickSource::Path(picked.clone());
    mara.portal().pick(claim, source(), Some("zebra-file.txt".to_owned())).await.expect("the day goes well");
    mara.portal().send_files(claim, "zebra-with-file").await.expect("the day goes well");
    mara.portal().catch_up().await.expect("the day goes well");
    let push = world.pushes(amina.device()).await.pop().expect("the day goes well");
    portal.push_arrived(&push).expect("the day goes well");
    portal.catch_up().await.expect("the day goes well");
    amina.newest_files(claim).await;
    std::fs::remove_file(amina.home.with_extension("saved")).expect("the day goes well");
    portal.set_up_authenticator().await.expect("the day goes well");
    amina.network.set(Weather::Off);
    portal.send(claim, "zebra-unsent").expect("the day goes well");
    portal.keep_draft(claim, "zebra-draft").expect("the day goes well");
    portal.pick(claim, source(), Some("zebra-picked.txt".to_owned())).await.expect("the day goes well");
    portal.catch_up().await.expect("the day goes well");
    amina
}

// R55: texts sent, received, unsent and begun; names of people, firms, conversations and files; bytes of files; the address; the
// secret of the authenticator; the token.
#[tokio::test]
async fn nothing_that_is_somebodys_is_in_a_file_or_a_log() {
    let lines = Lines::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(lines.clone());
    // For every thread: it is the only test of this program.
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    let world = World::new().await;
    let amina = live(&world).await;
    let (portal, claim) = (amina.portal(), world.conversation("claim"));

    let token = portal.store().read(|reading| reading.access()).unwrap().unwrap().access_token;
    let secret = secret_of(portal.store());
    let canaries: [&[u8]; 14] = [
        b"zebra-sent",
        b"zebra-received",
        b"zebra-unsent",
        b"zebra-draft",
        b"zebra-file",
        b"zebra-picked",
        b"zebra-content",
        b"zebra-with-file",
        b"Amina Haddad",
        b"Harbour & Lane",
        b"Haddad claim",
        b"amina@clients.example",
        secret.as_bytes(),
        &token.0,
    ];
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        portal.first_screen(9),
        portal.timeline(claim, None, 50),
        portal.outbox(),
        portal.session()
    );
    let mut files = Vec::new();
    bytes_below(&amina.home, &mut files);
    let logged = lines.0.lock().unwrap().clone();
    let holds = |place: &[u8], needle: &[u8]| place.windows(needle.len()).any(|window| window == needle);
    assert!(
        logged.len() > 1_000 && files.len() > 100_000,
        "{} of log, {} of files",
        logged.len(),
        files.len()
    );
    for canary in canaries {
        let name = String::from_utf8_lossy(canary);
        assert!(!holds(&files, canary), "a file holds {name}");
        assert!(!holds(&logged, canary), "a log line holds {name}");
        assert!(!holds(shown.as_bytes(), canary), "Debug shows {name}");
    }
    // As it lies in JSON, and as it travels.
    for place in [&files, &logged] {
        assert!(!holds(place, token.to_string().as_bytes()));
    }
}

fn secret_of(store: &Store) -> String {
    let uri: Option<String> =
        store.read(|reading| reading.fact(Fact::Authenticator)).expect("the store is read");
    TotpKey::parse(&uri.expect("it is an authenticator")).expect("it is a URI").secret()
}
