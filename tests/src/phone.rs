//! A person's phone: the real core on a real store, and what happens to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use portico_core::Portal;
use portico_core::error::PortalError;
use portico_core::ports::{DeviceKey, Ports, SecretFault, SecretStore, SoftwareDeviceKey};
use portico_core::signin::driver::{Answered, Phone, SignedIn};
use portico_core::store::EntryStanding;
use portico_core::testing::{FakeClock, MemorySecrets, SeededDice};
use portico_core::timeline::item::{Echo, TimelineItem};
use portico_core::upload::source::PickSource;
use portico_wire::ids::{ConversationId, DeviceId, SendKey};
use portico_wire::refusal::Refusal;

use crate::faults::{PhoneNetwork, Weather};
use crate::world::World;

/// A phone. Its home, keys and network outlive the app.
pub struct TestPhone {
    /// Whose.
    pub email: String,
    /// Its network.
    pub network: PhoneNetwork,
    /// Its clock, which may be skewed.
    pub clock: FakeClock,
    /// Its keystore.
    pub secrets: Arc<MemorySecrets>,
    /// Its device key.
    pub key: Arc<AskedKey>,
    /// Its home folder.
    pub home: PathBuf,
    ports: Ports,
    portal: Option<Portal>,
}

impl std::fmt::Debug for TestPhone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TestPhone({})", self.home.display())
    }
}

/// The device key of a phone whose person may turn its questions away.
#[derive(Debug)]
pub struct AskedKey {
    key: SoftwareDeviceKey,
    turned_away: AtomicBool,
}

impl AskedKey {
    /// From now on the person turns every question away, or answers it.
    pub fn turn_away(&self, turned_away: bool) {
        self.turned_away.store(turned_away, Relaxed);
    }
}

impl DeviceKey for AskedKey {
    fn session_public_key(&self) -> Result<Vec<u8>, SecretFault> {
        self.key.session_public_key()
    }

    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SecretFault> {
        self.key.sign(bytes)
    }

    fn presence_public_key(&self) -> Result<Option<Vec<u8>>, SecretFault> {
        self.key.presence_public_key()
    }

    fn sign_in_person(&self, bytes: &[u8]) -> Result<Vec<u8>, SecretFault> {
        if self.turned_away.load(Relaxed) {
            return Err(SecretFault::Cancelled);
        }
        self.key.sign_in_person(bytes)
    }
}

impl TestPhone {
    /// A phone of `email`, not signed in.
    #[must_use]
    pub fn new(world: &World, email: &str, home: PathBuf) -> Self {
        let clock = world.clock.skewed(0);
        let network = PhoneNetwork::new(Arc::clone(world.server()), Arc::clone(&world.dice), clock.clone());
        let secrets = Arc::new(MemorySecrets::default());
        let kept: Arc<dyn SecretStore> = Arc::clone(&secrets) as Arc<dyn SecretStore>;
        let software = SoftwareDeviceKey::in_store(Arc::clone(&kept));
        let key = Arc::new(AskedKey { key: software, turned_away: AtomicBool::new(false) });
        let ports = Ports {
            clock: Arc::new(clock.clone()),
            dice: Arc::new(SeededDice::of(world.dice.next())),
            network: Arc::new(network.clone()),
            device_key: Arc::clone(&key) as Arc<dyn DeviceKey>,
            secrets: kept,
        };
        Self { email: email.to_owned(), network, clock, secrets, key, home, ports, portal: None }
    }

    /// The installation, for what is done before anybody is signed in.
    #[must_use]
    pub fn installation(&self) -> Phone {
        Phone::new(&self.home, self.ports.clone())
    }

    /// The open portal.
    #[must_use]
    pub fn portal(&self) -> &Portal {
        self.portal.as_ref().expect("somebody is signed in on this phone and its app runs")
    }

    /// Signs in with the code from the mail, on a calm network.
    pub async fn sign_in(&mut self, world: &World) {
        let email = self.email.clone();
        self.sign_in_as(world, &email).await;
    }

    /// Signs somebody in, perhaps another one than before.
    pub async fn sign_in_as(&mut self, world: &World, email: &str) -> Option<u64> {
        self.network.set(Weather::Calm);
        // The app closes the store before it opens one again.
        self.portal = None;
        let phone = self.installation();
        phone.begin_sign_in("https://portal.example", email).await.expect("a challenge begins");
        let code = world.newest_code().await;
        let answered = phone.answer(&code, "test phone").await.expect("the code is right");
        let Answered::SignedIn(SignedIn { portal, sealed, .. }) = answered else {
            panic!("the person belongs to one firm, which asks for the mailed code alone")
        };
        self.portal = Some(portal);
        sealed
    }

    /// Takes the portal of a sign-in that a test went through step by step.
    pub fn take(&mut self, signed_in: SignedIn) {
        self.portal = Some(signed_in.portal);
    }

    /// The app dies; whatever it was doing is gone.
    pub fn kill(&mut self) {
        self.portal = None;
    }

    /// The app starts again.
    pub fn start(&mut self) {
        self.portal = None;
        self.portal = self.installation().portal().expect("the store opens");
    }

    /// The app starts again, and says why it can not.
    ///
    /// # Errors
    /// What the core says.
    pub fn try_start(&mut self) -> Result<(), PortalError> {
        self.portal = None;
        self.portal = self.installation().portal()?;
        Ok(())
    }

    /// Catches up; the app may die inside a request. Whether it lived.
    pub async fn catch_up_or_die(&mut self) -> bool {
        let portal = self.portal().clone();
        let death = Arc::clone(&self.network.death);
        let lived = tokio::select! {
            biased;
            () = death.notified() => false,
            caught_up = portal.catch_up() => {
                caught_up.expect("the store works");
                true
            }
        };
        drop(portal);
        if !lived {
            self.start();
        }
        lived
    }

    /// Goes on until nothing is left to do: time passes, the network is calm, the person signs in when asked.
    pub async fn come_to_rest(&mut self, world: &World) {
        self.network.set(Weather::Calm);
        for _ in 0..60 {
            let portal = self.portal().clone();
            portal.became_active().expect("the store works");
            portal.catch_up().await.expect("the store works");
            let open = portal.store().read(|reading| reading.open_count()).expect("the store works");
            let signed_out = portal.store().read(|reading| reading.is_signed_out()).expect("the store works");
            drop(portal);
            if signed_out {
                self.sign_in(world).await;
            } else if open == 0 {
                return;
            }
            // Past every backoff, and past the hourly retry of what is stuck.
            world.clock.advance(61 * 60 * 1_000);
        }
        panic!("the outbox never comes to rest: {:?}", self.outbox());
    }

    /// This device, as the server knows it.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.portal().session().device_id
    }

    /// What has no answer, or an end the person has not dismissed.
    #[must_use]
    pub fn outbox(&self) -> Vec<Echo> {
        self.portal().outbox().expect("the outbox is read")
    }

    /// Picks `files` for a conversation, each written to the phone's disk first, and queues them with `text`.
    pub async fn send_files(&self, conversation: ConversationId, text: &str, files: &[Vec<u8>]) -> SendKey {
        for (number, content) in files.iter().enumerate() {
            let path = self.home.with_extension(format!("pick-{number}"));
            std::fs::write(&path, content).expect("there is room");
            let name = Some(format!("file-{number}.bin"));
            let picked = self.portal().pick(conversation, PickSource::Path(path.clone()), name).await;
            assert_eq!(picked.expect("it is a file").size_bytes, content.len() as u64);
            std::fs::remove_file(path).expect("it is there");
        }
        self.portal().send_files(conversation, text).await.expect("it is within the limits")
    }

    /// Fetches and saves every file of the newest message that has some: names and bytes.
    pub async fn newest_files(&self, conversation: ConversationId) -> Vec<(String, Vec<u8>)> {
        let page = self.portal().timeline(conversation, None, 50).expect("the conversation is here");
        let entry = page.items.into_iter().rev().find_map(|item| match item {
            TimelineItem::Logged { entry, .. } if !entry.files.is_empty() => Some(entry),
            _ => None,
        });
        let entry = entry.expect("a message with files is here");
        let mut files = Vec::new();
        for file in &entry.files {
            let fetched = self.portal().fetch_attachment(entry.entry_id, file.attachment_id).await;
            fetched.expect("the server has it");
            let to = self.home.with_extension("saved");
            self.portal().save_attachment(file.attachment_id, &to).expect("it is here");
            files.push((file.name.clone(), std::fs::read(&to).expect("it was saved")));
        }
        files
    }

    /// The messages of a conversation that the server's log has, as this phone shows them.
    #[must_use]
    pub fn texts(&self, conversation: ConversationId) -> Vec<String> {
        let Ok(page) = self.portal().timeline(conversation, None, 100_000) else { return Vec::new() };
        let shown = page.items.iter().filter_map(|item| match item {
            TimelineItem::Logged { entry, standing: EntryStanding::Held, .. }
                if entry.kind.as_str() == "message" =>
            {
                Some(entry.body.clone())
            }
            _ => None,
        });
        shown.collect()
    }

    /// The files in a folder of everybody's on this phone: `packs`, or `files`.
    #[must_use]
    pub fn files_in(&self, name: &str) -> Vec<PathBuf> {
        let people = std::fs::read_dir(self.home.join("people")).into_iter().flatten().flatten();
        let files =
            people.flat_map(|person| std::fs::read_dir(person.path().join(name)).into_iter().flatten());
        files.flatten().map(|file| file.path()).collect()
    }

    /// The refusal of the one refused entry.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        self.outbox().into_iter().find_map(|echo| match echo.delivery {
            portico_core::timeline::item::Delivery::Refused(refusal) => Some(refusal),
            _ => None,
        })
    }
}
