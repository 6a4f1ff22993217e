//! A server in process on a real disk, and phones with the real core beside it; a real clock for both.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;
use portico_core::Portal;
use portico_core::net::transport::RealNetwork;
use portico_core::ports::{
    BadServerUrl, Carry, Clock as _, Fetch, Fetched, FileSecretStore, Method, Network, Ports, Request,
    Response, SecretStore, SoftwareDeviceKey, SystemClock, SystemDice, Transport, TransportFault,
};
use portico_core::signin::driver::{Answered, Phone};
use portico_server::App;
use portico_server::config::{Config, Rate, Throttles};
use portico_server::seed::{SeededFirm, seed};
use portico_wire::ids::ConversationId;
use portico_wire::{WIRE_HEADER, WIRE_VERSION};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::Failed;

/// The address that phones know the server in process by.
const URL: &str = "https://portal.example";

/// A seeded firm, its server, and room for phones.
pub(crate) struct Office {
    pub(crate) app: App,
    pub(crate) firm: SeededFirm,
    pub(crate) folder: TempDir,
}

impl Office {
    /// A new one in a folder within `beside`.
    pub(crate) async fn open(beside: &Path) -> Result<Self, Failed> {
        let folder = tempfile::tempdir_in(beside)?;
        let app = App::open(config(folder.path().join("server")), portico_server::ports::Ports::real())?;
        let firm = seed(&app).await?;
        Ok(Self { app, firm, folder })
    }

    /// A conversation of the seed.
    pub(crate) fn conversation(&self, short: &str) -> Result<ConversationId, Failed> {
        Ok(*self.firm.conversations.get(short).ok_or("the seed has this conversation")?)
    }

    /// Where the phone of that name lives.
    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new phone of somebody of the seed, signed in and up to date, speaking to the server in process.
    pub(crate) async fn phone(&self, name: &str, who: &str) -> Result<Portal, Failed> {
        let email = &self.firm.people.get(who).ok_or("the seed has this person")?.email;
        let phone = Phone::new(self.home(name), ports(&self.home(name), Arc::new(Inside(self.app.router()))));
        let mail = self.app.config().mail();
        let portal = sign_in(&phone, URL, email, &mail, Some(&self.app)).await?;
        portal.catch_up().await?;
        Ok(portal)
    }
}

/// The settings of a server that slows nobody down.
fn config(folder: PathBuf) -> Config {
    let throttle = Throttles { sign_in: Rate::NONE, sign_in_address: Rate::NONE, device: Rate::NONE };
    Config { throttle, ..Config::in_folder(folder) }
}

/// A phone's ports as the command line has them: files for secrets, the system's clock and dice.
pub(crate) fn ports(home: &Path, network: Arc<dyn Network>) -> Ports {
    let secrets: Arc<dyn SecretStore> = Arc::new(FileSecretStore::in_folder(home.join("keys")));
    Ports {
        clock: Arc::new(SystemClock),
        dice: Arc::new(SystemDice::default()),
        network,
        device_key: Arc::new(SoftwareDeviceKey::in_store(Arc::clone(&secrets))),
        secrets,
    }
}

/// A phone that speaks real HTTP.
pub(crate) fn real_phone(home: &Path) -> Result<Phone, Failed> {
    Ok(Phone::new(home, ports(home, Arc::new(RealNetwork::new(None)?))))
}

/// Signs in with the code that lands in `mail`. A server in process, `app`, is told to carry its mails.
pub(crate) async fn sign_in(
    phone: &Phone,
    url: &str,
    email: &str,
    mail: &Path,
    app: Option<&App>,
) -> Result<Portal, Failed> {
    let pending = phone.begin_sign_in(url, email).await?;
    let name = format!("{}.eml", pending.challenge_id);
    for _ in 0..500 {
        if let Some(app) = app {
            app.run_jobs_once().await?;
        }
        let mails = std::fs::read_dir(mail).into_iter().flatten().flatten();
        let mut paths = mails.map(|file| file.path());
        if let Some(path) = paths.find(|path| path.to_string_lossy().ends_with(&name)) {
            let text = std::fs::read_to_string(path)?;
            let code =
                text.lines().find_map(|line| line.strip_prefix("    ")).ok_or("a mail holds a code")?;
            return match phone.answer(code.trim(), "bench").await? {
                Answered::SignedIn(signed_in) => Ok(signed_in.portal),
                other => Err(format!("the seeded firm asks for more than a code: {other:?}").into()),
            };
        }
        SystemClock.wait(20).await;
    }
    Err("no mail with a code arrived".into())
}

/// Carries requests into the router of a server in this process.
struct Inside(axum::Router);

impl Network for Inside {
    fn connect(&self, _url: &str) -> Result<Arc<dyn Transport>, BadServerUrl> {
        Ok(Arc::new(Self(self.0.clone())))
    }
}

impl Transport for Inside {
    fn fetch(&self, _fetch: Fetch) -> BoxFuture<'static, Result<Fetched, TransportFault>> {
        Box::pin(async { Err(TransportFault::Unreachable) })
    }

    fn carry(&self, _carry: Carry) -> BoxFuture<'static, Result<Response, TransportFault>> {
        // No bench of this office sends files.
        Box::pin(async { Err(TransportFault::Unreachable) })
    }

    fn exchange(&self, request: Request) -> BoxFuture<'static, Result<Response, TransportFault>> {
        let router = self.0.clone();
        Box::pin(async move {
            let method = match request.method {
                Method::Delete => http::Method::DELETE,
                Method::Get => http::Method::GET,
                Method::Post => http::Method::POST,
                Method::Put => http::Method::PUT,
            };
            let mut builder =
                http::Request::builder().method(method).uri(&request.path).header(WIRE_HEADER, WIRE_VERSION);
            if let Some(bearer) = &request.bearer {
                builder = builder.header(http::header::AUTHORIZATION, format!("Bearer {bearer}"));
            }
            let body = Body::from(request.body.unwrap_or_default());
            let built = builder.header(http::header::CONTENT_TYPE, "application/json").body(body);
            let Ok(answer) = router.oneshot(built.map_err(|_| TransportFault::Broken)?).await;
            let (head, body) = answer.into_parts();
            let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
            let media_type = header(http::header::CONTENT_TYPE).and_then(|text| text.split(';').next());
            Ok(Response {
                upload_offset: None,
                status: head.status.as_u16(),
                media_type: media_type.unwrap_or("").to_owned(),
                retry_after_s: header(http::header::RETRY_AFTER).and_then(|text| text.parse().ok()),
                body: body.collect().await.map_err(|_| TransportFault::Broken)?.to_bytes().to_vec(),
            })
        })
    }
}
