//! A firm, its server in process, one clock for everybody.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use portico_core::ports::{Clock as _, Dice as _};
use portico_core::testing::{FakeClock, SeededDice};
use portico_server::App;
use portico_server::assurance::SignInPolicy;
use portico_server::backup::{BackupError, Manifest, Restored, backup, restore};
use portico_server::config::{Config, Rate, Throttles};
use portico_server::ports::{Clock, Dice, Ports};
use portico_server::seed::{SeededFirm, SeededPerson, seed};
use portico_server::store::NewPerson;
use portico_wire::conversation::Standing;
use portico_wire::entry::Entry;
use portico_wire::ids::{ConversationId, FirmId, MatterId, PersonId};
use tempfile::TempDir;

use crate::phone::TestPhone;

/// When every world begins: 2026-01-01.
pub const BEGIN_MS: i64 = 1_767_225_600_000;

/// A world. Dropping it removes its folder.
pub struct World {
    /// The one clock; phones may be skewed.
    pub clock: FakeClock,
    /// The dice of everything but the phones.
    pub dice: Arc<SeededDice>,
    /// The seeded firm.
    pub firm: SeededFirm,
    server: Arc<ServerSlot>,
    folder: TempDir,
    phones: std::cell::Cell<u64>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}

/// Where the server is, if it runs.
pub struct ServerSlot {
    /// Guards the running server.
    app: Mutex<Option<App>>,
    config: Config,
    ports: Ports,
}

impl std::fmt::Debug for ServerSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerSlot")
    }
}

impl ServerSlot {
    /// The running server; none while it is down.
    #[must_use]
    pub fn app(&self) -> Option<App> {
        self.app.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, app: Option<App>) {
        *self.app.lock().unwrap_or_else(PoisonError::into_inner) = app;
    }
}

struct WorldClock(FakeClock);

impl Clock for WorldClock {
    fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }

    fn sleep_ms(&self, delay_ms: u64) -> BoxFuture<'static, ()> {
        self.0.wait(delay_ms)
    }
}

struct WorldDice(Arc<SeededDice>);

impl Dice for WorldDice {
    fn fill(&self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

impl World {
    /// The firm of the seed, its server running.
    pub async fn new() -> Self {
        Self::of_seed(1).await
    }

    /// The same, with everything drawn from `seed`.
    pub async fn of_seed(seed_number: u64) -> Self {
        Self::begin(seed_number, |_| {}).await
    }

    /// The firm of the seed, its server running with other settings.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::begin(1, change).await
    }

    async fn begin(seed_number: u64, change: impl FnOnce(&mut Config)) -> Self {
        let folder = scratch();
        let clock = FakeClock::at(BEGIN_MS);
        let dice = Arc::new(SeededDice::of(seed_number));
        let ports = Ports {
            clock: Arc::new(WorldClock(clock.clone())),
            dice: Arc::new(WorldDice(Arc::new(SeededDice::of(seed_number ^ 0x5EED)))),
        };
        let mut config = Config::in_folder(folder.path().join("server"));
        config.throttle = Throttles { sign_in: Rate::NONE, sign_in_address: Rate::NONE, device: Rate::NONE };
        change(&mut config);
        let app = App::open(config.clone(), ports.clone()).expect("a new folder opens");
        let firm = seed(&app).await.expect("an empty folder is seeded");
        // What people write is later than what the seed wrote.
        clock.advance(1_000);
        let server = Arc::new(ServerSlot { app: Mutex::new(Some(app)), config, ports });
        Self { clock, dice, firm, server, folder, phones: std::cell::Cell::new(0) }
    }

    /// What time it is, UTC milliseconds.
    #[must_use]
    pub fn clock_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// The firm asks from now on what every firm asks that recorded nothing; the seeded one asks for the mailed code alone.
    pub async fn ask_the_usual(&self) {
        let set = self.app().store().set_sign_in_policy(self.firm.firm_id, SignInPolicy::USUAL).await;
        set.expect("the firm is there");
    }

    /// A further firm of the same server, at which somebody of the seed is a client.
    pub async fn second_firm_of(&self, name: &str) -> FirmId {
        let store = self.app();
        let store = store.store();
        let firm = store.add_firm("Second & Co".to_owned()).await.expect("a firm is added");
        self.add_client(firm, &self.person(name).email).await;
        firm
    }

    /// Whoever has that address becomes a client of the firm.
    pub async fn add_client(&self, firm: FirmId, email: &str) -> PersonId {
        let person =
            NewPerson { name: "N. N.".to_owned(), email: email.to_owned(), standing: Standing::Client };
        self.app().store().add_person(firm, person).await.expect("a person is added")
    }

    /// Where the server is.
    #[must_use]
    pub const fn server(&self) -> &Arc<ServerSlot> {
        &self.server
    }

    /// The running server.
    #[must_use]
    pub fn app(&self) -> App {
        self.server.app().expect("the test keeps the server up here")
    }

    /// Somebody of the seed, by short name.
    #[must_use]
    pub fn person(&self, name: &str) -> &SeededPerson {
        self.firm.people.get(name).expect("the seed has this person")
    }

    /// Their id.
    #[must_use]
    pub fn person_id(&self, name: &str) -> PersonId {
        self.person(name).person_id
    }

    /// A matter of the seed.
    #[must_use]
    pub fn matter(&self, name: &str) -> MatterId {
        *self.firm.matters.get(name).expect("the seed has it")
    }

    /// A conversation of the seed, by short name.
    #[must_use]
    pub fn conversation(&self, name: &str) -> ConversationId {
        *self.firm.conversations.get(name).expect("the seed has this conversation")
    }

    /// A new phone of somebody, not signed in.
    #[must_use]
    pub fn phone_of(&self, name: &str) -> TestPhone {
        self.phones.set(self.phones.get() + 1);
        let home = self.folder.path().join(format!("phone-{}-{name}", self.phones.get()));
        TestPhone::new(self, &self.person(name).email, home)
    }

    /// A new phone of somebody, signed in and up to date.
    pub async fn phone(&self, name: &str) -> TestPhone {
        let mut phone = self.phone_of(name);
        phone.sign_in(self).await;
        phone.portal().catch_up().await.expect("a new phone catches up");
        phone
    }

    /// The log of a conversation as the server has it, asking nobody.
    pub async fn log(&self, conversation: ConversationId) -> Vec<Entry> {
        self.app().store().read_log(conversation).await.expect("the log is read")
    }

    /// The texts of a conversation's messages after those of the seed.
    pub async fn texts(&self, conversation: ConversationId) -> Vec<String> {
        let log = self.log(conversation).await;
        let messages = log.into_iter().filter(|entry| entry.kind.as_str() == "message");
        messages.filter(|entry| entry.accepted_at_ms > BEGIN_MS).map(|entry| entry.body).collect()
    }

    /// The server dies: nothing is finished, what was answered is on disk.
    pub fn kill_server(&self) {
        self.server.put(None);
    }

    /// The server starts again on the same folder.
    pub fn start_server(&self) {
        self.server.put(None);
        let app =
            App::open(self.server.config.clone(), self.server.ports.clone()).expect("the folder opens again");
        self.server.put(Some(app));
    }

    /// Takes a backup while the server runs.
    pub fn back_up(&self, name: &str) -> Manifest {
        backup(&self.server.config, &self.folder.path().join(name), &self.server.ports)
            .expect("a backup is taken")
    }

    /// Stops the server, restores the backup, starts it again.
    ///
    /// # Errors
    /// Why the backup may not be restored; the server runs as before.
    pub fn restore(&self, name: &str) -> Result<Restored, BackupError> {
        self.kill_server();
        let restored = restore(&self.server.config, &self.folder.path().join(name), &self.server.ports);
        self.start_server();
        restored
    }

    /// The server's data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    /// Carries mails and pushes that are due.
    pub async fn run_jobs(&self) {
        self.app().run_jobs_once().await.expect("jobs are carried");
    }

    /// The payloads handed over for a device, oldest first, as a push provider would carry them.
    pub async fn pushes(&self, device: portico_wire::ids::DeviceId) -> Vec<String> {
        self.run_jobs().await;
        let folder = self.data().join("push").join(device.to_string());
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|file| Some(file.ok()?.path()))
            .collect();
        files.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
        files.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect()
    }

    /// The code in the newest mail.
    pub async fn newest_code(&self) -> String {
        self.run_jobs().await;
        let newest_first = files(&self.data().join("mail")).into_iter().rev();
        let code = |mail: PathBuf| {
            let text = std::fs::read_to_string(mail).expect("the mail is text");
            text.split_whitespace().find(|word| is_code(word)).map(str::to_owned)
        };
        // A notice has none.
        newest_first.filter_map(code).next().expect("a mail holds a code")
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let read = std::fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<(std::time::SystemTime, PathBuf)> = read
        .filter_map(|file| {
            let file = file.ok()?;
            Some((file.metadata().ok()?.modified().ok()?, file.path()))
        })
        .collect();
    files.sort();
    files.into_iter().map(|(_, path)| path).collect()
}

fn is_code(word: &str) -> bool {
    word.len() == 9
        && word.char_indices().all(|(place, c)| {
            if place == 4 { c == '-' } else { c.is_ascii_uppercase() || c.is_ascii_digit() }
        })
}

/// A folder in memory where there is one: these worlds are thrown away, and test order, not disks. Durability is what
/// `kill_loop` is for.
#[must_use]
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("there is room for a scratch folder")
}
