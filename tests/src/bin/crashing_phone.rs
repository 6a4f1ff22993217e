//! A phone in a process of its own that dies of a bug within the core, while memory holds what is its person's.
//!
//! `crashing_phone HOME WHERE`: the bug strikes in a port that the core calls while it sends (`send`) or asks the server
//! (`request`), within a transaction (`transaction`), or prints whatever the core gave (`printing`). Secrets are plain
//! files in HOME/keys.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

use futures_util::future::BoxFuture;
use portico_core::Portal;
use portico_core::ports::{
    BadServerUrl, Carry, Dice, Fetch, Fetched, FileSecretStore, Network, Ports, Request, Response,
    SecretStore, SoftwareDeviceKey, SystemClock, SystemDice, Transport, TransportFault,
};
use portico_core::signin::driver::Phone;
use portico_core::store::{Fact, StoreError};

/// Works until the bug is let loose.
#[derive(Default)]
struct Bug {
    is_loose: AtomicBool,
    dice: SystemDice,
}

impl Dice for Bug {
    fn fill(&self, out: &mut [u8]) {
        assert!(!self.is_loose.load(SeqCst), "a bug of the dice");
        self.dice.fill(out);
    }
}

/// Where there should be a network.
struct Broken;

impl Network for Broken {
    fn connect(&self, _url: &str) -> Result<Arc<dyn Transport>, BadServerUrl> {
        Ok(Arc::new(Self))
    }
}

impl Transport for Broken {
    fn exchange(&self, _request: Request) -> BoxFuture<'static, Result<Response, TransportFault>> {
        panic!("a bug of the network")
    }

    fn carry(&self, _carry: Carry) -> BoxFuture<'static, Result<Response, TransportFault>> {
        panic!("a bug of the network")
    }

    fn fetch(&self, _fetch: Fetch) -> BoxFuture<'static, Result<Fetched, TransportFault>> {
        panic!("a bug of the network")
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let home = PathBuf::from(arguments.next().ok_or("where is the phone?")?);
    let place = arguments.next().ok_or("where is the bug?")?;
    // As a phone's system sees it: the report, and the end.
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::abort();
    }));
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(std::io::stderr).init();
    let secrets: Arc<dyn SecretStore> = Arc::new(FileSecretStore::in_folder(home.join("keys")));
    let bug = Arc::new(Bug::default());
    let ports = Ports {
        clock: Arc::new(SystemClock),
        dice: Arc::clone(&bug) as Arc<dyn Dice>,
        network: Arc::new(Broken),
        device_key: Arc::new(SoftwareDeviceKey::in_store(Arc::clone(&secrets))),
        secrets,
    };
    let portal = Phone::new(home, ports).portal()?.ok_or("nobody is signed in")?;
    strike(&portal, &bug, &place)
}

/// Reads everything that a shell can show, holds it, and lets the bug loose.
fn strike(portal: &Portal, bug: &Bug, place: &str) -> Result<(), Box<dyn std::error::Error>> {
    let screen = portal.first_screen(9)?;
    let conversation = screen.conversations.first().ok_or("there is a conversation")?.head.conversation_id;
    let page = portal.timeline(conversation, None, 50)?;
    let hits = portal.search("zebra", None, 50)?;
    let (outbox, session) = (portal.outbox()?, portal.session());
    let (access, uri): (_, Option<String>) = portal
        .store()
        .read(|reading| Ok::<_, StoreError>((reading.access()?, reading.fact(Fact::Authenticator)?)))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    bug.is_loose.store(true, SeqCst);
    match place {
        "send" => drop(portal.send(conversation, "zebra-while-it-sends")?),
        "request" => drop(runtime.block_on(portal.catch_up())?),
        "transaction" => portal.store().write(|writing| {
            writing.keep_draft(conversation, "zebra-in-a-transaction", 1)?;
            assert!(page.items.is_empty(), "a bug within a transaction: {:?}", page.items);
            Ok::<_, StoreError>(())
        })?,
        "printing" => {
            let held = (&screen, &page, &hits, &outbox, session, &access);
            assert!(screen.conversations.is_empty(), "a bug that prints what it holds: {held:?}");
        }
        _ => return Err("send, request, transaction or printing".into()),
    }
    // Held until here.
    drop((screen, page, hits, outbox, access, uri));
    Ok(())
}
