//! The outside world: clock, dice, transport, secrets, device key. Real adapters beside, fakes in `testing`.

pub(crate) mod files;
mod software_key;
mod system;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use zeroize::Zeroizing;

pub use files::FileSecretStore;
pub use software_key::SoftwareDeviceKey;
pub use system::{SystemClock, SystemDice};

/// Tells and waits for time.
pub trait Clock: Send + Sync {
    /// UTC milliseconds since 1970, by the phone's clock. May jump.
    fn now_ms(&self) -> i64;
    /// Ends after `wait_ms` milliseconds.
    fn wait(&self, wait_ms: u64) -> BoxFuture<'static, ()>;
}

/// Randomness, for ids, keys and jitter.
pub trait Dice: Send + Sync {
    /// Fills `out` with bytes nobody can foretell.
    fn fill(&self, out: &mut [u8]);
}

/// Draws `N` bytes.
pub fn random<const N: usize>(dice: &dyn Dice) -> [u8; N] {
    let mut out = [0; N];
    dice.fill(&mut out);
    out
}

/// The methods the wire uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Removes a device.
    Delete,
    /// Reads.
    Get,
    /// Asks or acts.
    Post,
    /// Writes under a key made by the phone.
    Put,
}

/// How long a request may stand still. There is no total limit: a slow train is not a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// An ordinary request.
    Usual,
    /// A long poll, which stands still on purpose.
    LongPoll,
    /// What goes before and after the bytes of a batch: on the connection that carries them.
    Upload,
}

/// One request. `Debug` shows method and path without the query.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query, from `/v1` on.
    pub path: String,
    /// The access token, base64url, if one is needed.
    pub bearer: Option<String>,
    /// JSON, if there is a body.
    pub body: Option<Vec<u8>>,
    /// How long it may stand still.
    pub patience: Patience,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}", self.method, self.path.split('?').next().unwrap_or(""))
    }
}

/// One answer, of whoever answered. `Debug` shows status and length.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The media type without parameters, lower case; empty if none.
    pub media_type: String,
    /// `Retry-After` in seconds, if given so.
    pub retry_after_s: Option<u32>,
    /// `Upload-Offset`, if given.
    pub upload_offset: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Response({}, {}, {} bytes)", self.status, self.media_type, self.body.len())
    }
}

/// Bytes of a pack, in order, read as they are sent. An error ends the request.
pub type PackBytes = BoxStream<'static, std::io::Result<Bytes>>;

/// Where the bytes of a [`Carry`] go.
#[derive(Clone, PartialEq, Eq)]
pub enum CarryTo {
    /// `PATCH /v1/uploads`: the pack from `offset_bytes` to its end.
    Upload {
        /// The capability, base64url; no session goes along.
        capability: String,
        /// Where the bytes begin.
        offset_bytes: u64,
    },
    /// `PUT` of a whole file.
    Whole {
        /// Path, from `/v1` on.
        path: String,
        /// The access token, base64url.
        bearer: String,
    },
}

/// Bytes on their way to the server, which no memory holds whole.
pub struct Carry {
    /// Where to.
    pub to: CarryTo,
    /// How many they are.
    pub length_bytes: u64,
    /// The bytes.
    pub bytes: PackBytes,
}

impl std::fmt::Debug for Carry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Carry({} bytes)", self.length_bytes)
    }
}

/// A request for the bytes of a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Path, from `/v1` on.
    pub path: String,
    /// The access token, base64url.
    pub bearer: String,
    /// The first byte that is wanted.
    pub from_bytes: u64,
    /// The entity tag that the bytes must have, without its quotes: else they come from the beginning.
    pub etag: String,
}

impl std::fmt::Debug for Fetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fetch({} from {})", self.path, self.from_bytes)
    }
}

/// What came of it.
pub enum Fetched {
    /// The bytes, from the one that was asked for (206) or from the first (200). An error ends them.
    Bytes {
        /// The first one's place in the file.
        from_bytes: u64,
        /// In order.
        bytes: BoxStream<'static, Result<Bytes, TransportFault>>,
    },
    /// Something else.
    Answer(Response),
}

/// No answer came. Whether the request arrived is unknown in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransportFault {
    /// No connection.
    #[error("no connection")]
    Unreachable,
    /// The server's certificate is not trusted.
    #[error("the server's certificate is not trusted")]
    Untrusted,
    /// The connection broke or stood still too long.
    #[error("the connection broke")]
    Broken,
    /// The answer is larger than any of ours.
    #[error("the answer is too large")]
    TooLarge,
}

/// Carries requests to the one server of this person.
pub trait Transport: Send + Sync {
    /// Sends `request` and waits for the whole answer. Dropping the future abandons the request.
    fn exchange(&self, request: Request) -> BoxFuture<'static, Result<Response, TransportFault>>;
    /// Sends the bytes and waits for the whole answer. Dropping the future abandons it.
    fn carry(&self, carry: Carry) -> BoxFuture<'static, Result<Response, TransportFault>>;
    /// Asks for the bytes of a file. Dropping the future or the bytes abandons it.
    fn fetch(&self, fetch: Fetch) -> BoxFuture<'static, Result<Fetched, TransportFault>>;
}

/// Why the platform does not give a secret or a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretFault {
    /// Locked until the person unlocks the phone.
    #[error("locked")]
    Locked,
    /// The person turned the question for face, finger or PIN away.
    #[error("cancelled")]
    Cancelled,
    /// The keystore itself fails.
    #[error("unavailable")]
    Unavailable,
}

/// The platform's keystore, as far as it keeps bytes. Device-only: never part of a backup of the phone.
pub trait SecretStore: Send + Sync {
    /// The secret of that name, if there is one.
    ///
    /// # Errors
    /// [`SecretFault`].
    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, SecretFault>;
    /// Keeps `secret` under `name`, durably, in place of an older one.
    ///
    /// # Errors
    /// [`SecretFault`]; the older one stays.
    fn keep(&self, name: &str, secret: &[u8]) -> Result<(), SecretFault>;
    /// Forgets the secret of that name.
    ///
    /// # Errors
    /// [`SecretFault`]; it is still there.
    fn forget(&self, name: &str) -> Result<(), SecretFault>;
}

/// The device's two P-256 keys, which never leave the keystore: the session key, usable after the first unlock without the
/// person, and the presence key, which asks for face, finger or PIN each time.
pub trait DeviceKey: Send + Sync {
    /// The public half of the session key: an uncompressed point, 65 bytes. Makes the key at the first call.
    ///
    /// # Errors
    /// [`SecretFault`].
    fn session_public_key(&self) -> Result<Vec<u8>, SecretFault>;
    /// ECDSA with SHA-256 over `bytes` by the session key, in ASN.1 DER.
    ///
    /// # Errors
    /// [`SecretFault`].
    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SecretFault>;
    /// The public half of the presence key, of the same form, made at the first call; none where the device asks for
    /// no face, finger or PIN.
    ///
    /// # Errors
    /// [`SecretFault`].
    fn presence_public_key(&self) -> Result<Option<Vec<u8>>, SecretFault>;
    /// The same signature by the presence key. Waits for the person.
    ///
    /// # Errors
    /// [`SecretFault`]; [`SecretFault::Cancelled`] where they turn it away.
    fn sign_in_person(&self, bytes: &[u8]) -> Result<Vec<u8>, SecretFault>;
}

/// What the system knows of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// No network at all: a request is not even tried.
    Offline,
    /// One that costs, or is to be spared.
    Metered,
    /// One that may be used freely.
    Unmetered,
}

/// Makes transports to servers; the address comes from an invitation or is typed once.
pub trait Network: Send + Sync {
    /// A transport to the server at `url`.
    ///
    /// # Errors
    /// [`BadServerUrl`] where the address is none, or plain HTTP to another machine.
    fn connect(&self, url: &str) -> Result<Arc<dyn Transport>, BadServerUrl>;

    /// What the system knows of the network now. A machine that nobody asks about it has one that may be used freely.
    fn reach(&self) -> Reach {
        Reach::Unmetered
    }
}

/// An address that can not be a Portico server's: not `https://`, and not `http://` on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an https address")]
pub struct BadServerUrl;

/// All ports of a phone.
#[derive(Clone)]
pub struct Ports {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub dice: Arc<dyn Dice>,
    /// Connections.
    pub network: Arc<dyn Network>,
    /// Secrets.
    pub secrets: Arc<dyn SecretStore>,
    /// The session key.
    pub device_key: Arc<dyn DeviceKey>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ports")
    }
}
