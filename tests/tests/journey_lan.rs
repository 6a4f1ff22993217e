//! A server of one office: phones know it by the root that its link names, over real TLS on a real socket.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use portico_core::net::transport::RealNetwork;
use portico_core::outbox::entry::Fault;
use portico_core::portal::Connection;
use portico_core::ports::{Ports, SecretStore, SoftwareDeviceKey, SystemClock, SystemDice};
use portico_core::signin::driver::{Answered, PendingSignIn, Phone};
use portico_core::store::Fact;
use portico_core::testing::MemorySecrets;
use portico_core::upload::source::PickSource;
use portico_core::{Portal, PortalError};
use portico_server::App;
use portico_server::config::Config;
use portico_server::seed::{SeededFirm, seed};
use portico_tests::process::mailed_code;
use portico_wire::encoding::Sha256;
use portico_wire::server_address::ServerAddress;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// An office with its server, known as 127.0.0.1.
struct Office {
    folder: TempDir,
    firm: SeededFirm,
    served: Served,
}

struct Served {
    app: App,
    address: ServerAddress,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

fn data(folder: &TempDir) -> PathBuf {
    folder.path().join("server")
}

async fn serve(folder: &TempDir, listen: SocketAddr) -> Served {
    let listener = TcpListener::bind(listen).await.unwrap();
    let config =
        Config { listen: listener.local_addr().unwrap(), ..Config::in_folder(data(folder)) }.on_lan();
    let app = App::open(config, portico_server::ports::Ports::real()).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = app.clone();
    let ended = tokio::spawn(async move {
        serving.serve(listener, async { drop(stopped.await) }).await.unwrap();
    });
    Served { address: app.address(), app, stop, ended }
}

impl Office {
    async fn open() -> Self {
        let folder = portico_tests::world::scratch();
        let served = serve(&folder, SocketAddr::from(([127, 0, 0, 1], 0))).await;
        let firm = seed(&served.app).await.unwrap();
        Self { folder, firm, served }
    }

    /// Stops the server and starts it again where it was. `meanwhile`: done while nothing runs.
    async fn restart(self, meanwhile: impl FnOnce(PathBuf)) -> Self {
        let Self { folder, firm, served } = self;
        let listen = served.app.config().listen;
        served.stop.send(()).unwrap();
        served.ended.await.unwrap();
        drop(served.app);
        meanwhile(data(&folder));
        let served = serve(&folder, listen).await;
        Self { folder, firm, served }
    }

    fn phone(&self, name: &str) -> PhoneInOffice {
        let secrets = Arc::new(MemorySecrets::default());
        PhoneInOffice { home: self.folder.path().join(name), secrets }
    }

    fn email(&self, name: &str) -> &str {
        &self.firm.people.get(name).unwrap().email
    }

    async fn code(&self, pending: &PendingSignIn) -> String {
        mailed_code(&data(&self.folder), &pending.challenge_id.to_string()).await.unwrap()
    }
}

struct PhoneInOffice {
    home: PathBuf,
    secrets: Arc<MemorySecrets>,
}

impl PhoneInOffice {
    /// The app, as it starts.
    fn start(&self) -> Phone {
        let secrets: Arc<dyn SecretStore> = Arc::clone(&self.secrets) as Arc<dyn SecretStore>;
        let ports = Ports {
            clock: Arc::new(SystemClock),
            dice: Arc::new(SystemDice::default()),
            network: Arc::new(RealNetwork::new(None).unwrap()),
            device_key: Arc::new(SoftwareDeviceKey::in_store(Arc::clone(&secrets))),
            secrets,
        };
        Phone::new(&self.home, ports)
    }

    async fn follow(&self, office: &Office, link: &str) -> Portal {
        let pending = self.start().begin_invited(link).await.unwrap();
        self.answer(office, &pending).await
    }

    /// With the code from the mail, after the app was away.
    async fn answer(&self, office: &Office, pending: &PendingSignIn) -> Portal {
        let code = office.code(pending).await;
        let Answered::SignedIn(signed_in) = self.start().answer(&code, "phone").await.unwrap() else {
            panic!("the seeded firm asks for nothing else")
        };
        catch_up(&signed_in.portal).await;
        signed_in.portal
    }
}

/// Twice: a first one may only fetch the snapshot.
async fn catch_up(portal: &Portal) {
    portal.became_active().unwrap();
    for _ in 0..2 {
        portal.catch_up().await.unwrap();
    }
}

fn forget_token(portal: &Portal) {
    portal.store().write(|writing| writing.unset(Fact::Access)).unwrap();
}

// R42: whoever scans the link of a server that no phone knows by itself is in, and stays in: after the app was away, after
// the server showed another certificate, for refreshes, texts and files.
#[tokio::test]
async fn link_on_the_desk_signs_in_and_holds_for_every_later_connection() {
    let office = Office::open().await;
    let root = office.served.address.root.unwrap();
    let claim = office.firm.conversations["claim"];
    let link = office.served.app.invite(&office.email("mara").to_uppercase()).await.unwrap().remove(0).link;
    let mara = office.phone("mara").follow(&office, &link).await;
    let invited = mara.invite(office.firm.people["amina"].person_id).await.unwrap().link;
    let amina_s = office.phone("amina");
    drop(amina_s.follow(&office, &invited).await);

    let office = office.restart(|_| {}).await;
    let amina = amina_s.start().portal().unwrap().unwrap();
    forget_token(&amina);
    drop(amina);
    let amina = amina_s.start().portal().unwrap().unwrap();
    let file = office.folder.path().join("bumper.jpg");
    std::fs::write(&file, b"a picture").unwrap();
    amina.pick(claim, PickSource::Path(file), None).await.unwrap();
    amina.send_files(claim, "with a file").await.unwrap();
    catch_up(&amina).await;
    catch_up(&mara).await;

    assert!(invited.ends_with(&format!("&root={root}")), "{invited}");
    assert_eq!(office.served.address.root, Some(root));
    assert_eq!(amina.connection(), Connection::Online);
    assert_eq!(mara.search("with a file", None, 9).unwrap().hits.len(), 1);
    assert!(office.served.app.invite("nobody@clients.example").await.unwrap().is_empty());
}

// R42: where nobody was invited yet, the server's link stands in for its address, and the person types theirs.
#[tokio::test]
async fn link_without_an_invitation_is_an_address_with_its_root() {
    let office = Office::open().await;
    let (link, jonas) = (office.served.address.to_string(), office.phone("jonas"));

    let as_invitation = jonas.start().begin_invited(&link).await;
    let pending = jonas.start().begin_sign_in(&format!(" {link}\n"), office.email("jonas")).await.unwrap();
    let portal = jonas.answer(&office, &pending).await;

    assert_eq!(as_invitation, Err(PortalError::Malformed));
    let session = portal.session();
    assert_eq!((session.server_url.as_str(), &*session.url()), (&*link, &*office.served.address.url));
    assert_eq!(portal.connection(), Connection::Online);
}

// R42: an address without the root, another root, a certificate for another machine: each is an untrusted server, told at
// once; a server that speaks no TLS, or is not there, is no such thing.
#[tokio::test]
async fn server_without_the_named_root_is_told_as_untrusted() {
    let office = Office::open().await;
    let phone = office.phone("amina").start();
    let ServerAddress { url, root } = office.served.address.clone();
    let email = office.email("amina");
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = plain.local_addr().unwrap();
    tokio::spawn(async move { while plain.accept().await.is_ok() {} });

    let wrong = ServerAddress { url: url.clone(), root: Some(Sha256::of(&[b"another root"])) };
    let elsewhere = ServerAddress { url: url.replace("127.0.0.1", "localhost"), root };
    for address in [url, wrong.to_string(), elsewhere.to_string()] {
        let begun = phone.begin_sign_in(&address, email).await;
        assert_eq!(begun, Err(PortalError::UntrustedServer), "{address}");
    }
    let nobody = ServerAddress { url: format!("https://{silent}"), root };
    assert_eq!(phone.begin_sign_in(&nobody.to_string(), email).await, Err(PortalError::Offline));
    assert_eq!(phone.pending_sign_in(), None);
}

// R42, R51: a server that lost its root is a stranger to every phone, which says so and keeps what waits; the new link leads
// on, to the same store.
#[tokio::test]
async fn lost_root_is_told_and_the_new_link_leads_on() {
    let office = Office::open().await;
    let claim = office.firm.conversations["claim"];
    let amina_s = office.phone("amina");
    let link = office.served.app.invite(office.email("amina")).await.unwrap().remove(0).link;
    let amina = amina_s.follow(&office, &link).await;
    let pending = amina_s.start().begin_invited(&link).await.unwrap();
    let code = office.code(&pending).await;

    let office = office.restart(|data| std::fs::remove_file(data.join("keys/lan-root.pem")).unwrap()).await;
    amina.send(claim, "kept").unwrap();
    catch_up(&amina).await;
    let answered = amina_s.start().answer(&code, "phone").await.map(|_| ());

    assert_eq!(amina.connection(), Connection::Offline(Fault::Untrusted));
    assert_eq!(amina.devices().await.map(|_| ()), Err(PortalError::UntrustedServer));
    assert_eq!(answered, Err(PortalError::UntrustedServer));
    drop(amina);
    let link = office.served.app.invite(office.email("amina")).await.unwrap().remove(0).link;
    let amina = amina_s.follow(&office, &link).await;
    assert_eq!(amina.store().read(|reading| reading.open_count()).unwrap(), 0);
    assert_eq!(amina.search("kept", None, 9).unwrap().hits.len(), 1);
}
