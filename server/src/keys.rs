//! The server's own keys, as files of `keys/`. They are in no backup, and a restore without them is refused.
//!
//! - `receipt-<id>.pk8`: Ed25519, PKCS#8 (RFC 8410). Signs receipts. The last by name signs, all verify.
//! - `server-<id>.key`: 32 bytes as hex. Subkeys for codes, nonces and sealed columns come from it by label.
//! - `lan-root.pem`: the root of a server that serves one office, and its key; see `lan`.
//!
//! Holds: whoever has the database alone can neither sign in with a pending code nor open a push key.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use portico_wire::encoding::{Base64, Sha256};
use portico_wire::factor::RecoveryCode;
use portico_wire::ids::{ChallengeId, DeviceId, PersonId, SendKey};
use portico_wire::problem::ProblemCode;
use portico_wire::receipt::Receipt;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use ring::signature::{ECDSA_P256_SHA256_ASN1, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::folder::make_private_folder;
use crate::ports::Ports;

/// RFC 8410 section 7: the frame of a PKCS#8 v1 Ed25519 key; the 32-byte seed follows.
const PKCS8_FRAME: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Why the keys can not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file can not be read or written.
    #[error("{path}: {fault}", path = .0.display(), fault = .1)]
    File(PathBuf, io::Error),
    /// A file does not hold what its name says.
    #[error("{path} does not hold a key", path = .0.display())]
    Malformed(PathBuf),
}

/// All keys of one server. `Debug` shows ids only.
pub(crate) struct Keys {
    receipts: BTreeMap<String, Ed25519KeyPair>,
    server: BTreeMap<String, Subkeys>,
}

struct Subkeys {
    codes: hmac::Key,
    recovery: hmac::Key,
    nonces: hmac::Key,
    columns: LessSafeKey,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

impl Keys {
    /// Reads the keys of `folder`; makes those that are not there yet.
    pub(crate) fn open(folder: &Path, ports: &Ports) -> Result<Self, KeyError> {
        make_private_folder(folder).map_err(|fault| KeyError::File(folder.to_owned(), fault))?;
        let mut keys = Self::read(folder)?;
        if keys.receipts.is_empty() {
            let id = fresh_id(ports);
            let document = [PKCS8_FRAME.as_slice(), &ports.random::<32>()].concat();
            keys.add_receipt(&write_key(folder, &format!("receipt-{id}.pk8"), &document)?, id, &document)?;
        }
        if keys.server.is_empty() {
            let id = fresh_id(ports);
            let secret = ports.random::<32>();
            write_key(
                folder,
                &format!("server-{id}.key"),
                Sha256::from_bytes(secret).to_string().as_bytes(),
            )?;
            keys.server.insert(id, Subkeys::of(&secret));
        }
        Ok(keys)
    }

    /// The ids of the keys in `folder`, without opening any.
    pub(crate) fn ids_in(folder: &Path) -> Result<Vec<String>, KeyError> {
        if !folder.exists() {
            return Ok(Vec::new());
        }
        Ok(Self::read(folder)?.ids())
    }

    fn read(folder: &Path) -> Result<Self, KeyError> {
        let fault = |fault| KeyError::File(folder.to_owned(), fault);
        let mut keys = Self { receipts: BTreeMap::new(), server: BTreeMap::new() };
        for file in fs::read_dir(folder).map_err(fault)? {
            let path = file.map_err(fault)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let content = || fs::read(&path).map_err(|fault| KeyError::File(path.clone(), fault));
            if let Some(id) = name.strip_prefix("receipt-").and_then(|name| name.strip_suffix(".pk8")) {
                keys.add_receipt(&path, id.to_owned(), &content()?)?;
            } else if let Some(id) = name.strip_prefix("server-").and_then(|name| name.strip_suffix(".key")) {
                let malformed = || KeyError::Malformed(path.clone());
                let text = String::from_utf8(content()?).map_err(|_| malformed())?;
                let secret: Sha256 = text.trim().parse().map_err(|_| malformed())?;
                keys.server.insert(id.to_owned(), Subkeys::of(secret.as_bytes()));
            }
        }
        Ok(keys)
    }

    fn add_receipt(&mut self, path: &Path, id: String, document: &[u8]) -> Result<(), KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(document)
            .map_err(|_| KeyError::Malformed(path.to_owned()))?;
        self.receipts.insert(id, pair);
        Ok(())
    }

    /// Every key by name, as a backup's manifest lists what it needs.
    pub(crate) fn ids(&self) -> Vec<String> {
        let receipts = self.receipts.keys().map(|id| format!("receipt-{id}"));
        receipts.chain(self.server.keys().map(|id| format!("server-{id}"))).collect()
    }

    /// Signs `receipt` for exactly that send. Ed25519 signs alike every time, so no signature is stored.
    pub(crate) fn sign(
        &self,
        mut receipt: Receipt,
        person: PersonId,
        key: SendKey,
        digest: &Sha256,
    ) -> Receipt {
        let (id, pair) = self.receipts.last_key_value().expect("open() makes a receipt key");
        receipt.key_id.clone_from(id);
        receipt.signature = Base64(pair.sign(&receipt.signed_bytes(person, key, digest)).as_ref().to_vec());
        receipt
    }

    /// Whether one of our keys signed `receipt` for exactly that send.
    pub(crate) fn verifies(
        &self,
        receipt: &Receipt,
        person: PersonId,
        key: SendKey,
        digest: &Sha256,
    ) -> bool {
        self.receipts
            .get(&receipt.key_id)
            .is_some_and(|pair| receipt.verifies(pair.public_key().as_ref(), person, key, digest))
    }

    /// The key id under which new codes and columns are kept.
    pub(crate) fn server_id(&self) -> &str {
        self.newest().0
    }

    fn newest(&self) -> (&str, &Subkeys) {
        let (id, subkeys) = self.server.last_key_value().expect("open() makes a server key");
        (id, subkeys)
    }

    /// What the database keeps of a mailed code.
    pub(crate) fn code_mac(&self, challenge: ChallengeId, code: &[u8; 8]) -> Vec<u8> {
        hmac::sign(&self.newest().1.codes, &code_bytes(challenge, code)).as_ref().to_vec()
    }

    /// Whether `mac`, made under `key_id`, is that of `code`; in constant time.
    pub(crate) fn code_is(&self, key_id: &str, challenge: ChallengeId, code: &[u8; 8], mac: &[u8]) -> bool {
        self.server
            .get(key_id)
            .is_some_and(|keys| hmac::verify(&keys.codes, &code_bytes(challenge, code), mac).is_ok())
    }

    /// What the database keeps of a recovery code, whose owner is `about`. 120 random bits need no slow hash
    /// (NIST SP 800-63B-4 section 3.1.2.2).
    pub(crate) fn recovery_mac(&self, about: &[u8], code: &RecoveryCode) -> Vec<u8> {
        hmac::sign(&self.newest().1.recovery, &[about, code.as_bytes()].concat()).as_ref().to_vec()
    }

    /// Whether `mac`, made under `key_id`, is that of `code`; in constant time.
    pub(crate) fn recovery_is(&self, key_id: &str, about: &[u8], code: &RecoveryCode, mac: &[u8]) -> bool {
        let said = [about, code.as_bytes()].concat();
        self.server.get(key_id).is_some_and(|keys| hmac::verify(&keys.recovery, &said, mac).is_ok())
    }

    /// A nonce for `device`: the time of issue (i64 BE), then a MAC over device and time.
    pub(crate) fn nonce(&self, device: DeviceId, issued_at_ms: i64) -> Vec<u8> {
        let mac = hmac::sign(&self.newest().1.nonces, &nonce_bytes(device, issued_at_ms));
        [issued_at_ms.to_be_bytes().as_slice(), mac.as_ref()].concat()
    }

    /// When we issued `nonce` to `device`; none if we did not.
    pub(crate) fn nonce_issued_at(&self, device: DeviceId, nonce: &[u8]) -> Option<i64> {
        let (issued, mac) = nonce.split_first_chunk::<8>()?;
        let issued_at_ms = i64::from_be_bytes(*issued);
        let ours =
            |keys: &Subkeys| hmac::verify(&keys.nonces, &nonce_bytes(device, issued_at_ms), mac).is_ok();
        self.server.values().any(ours).then_some(issued_at_ms)
    }

    /// Seals a value for one row: `about` must be the row's own key, so that it opens in no other.
    pub(crate) fn seal(&self, ports: &Ports, about: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce = ports.random::<12>();
        let mut sealed = plain.to_vec();
        self.newest()
            .1
            .columns
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut sealed)
            .expect("a column is far below the cipher's limit of 256 GiB");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what [`Keys::seal`] made under `key_id`.
    pub(crate) fn open_column(&self, key_id: &str, about: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<12>()?;
        let mut plain = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let columns = &self.server.get(key_id)?.columns;
        columns.open_in_place(nonce, Aad::from(about), &mut plain).ok().map(|plain| plain.to_vec())
    }
}

impl Subkeys {
    fn of(secret: &[u8; 32]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derive = |label: &str| hmac::sign(&root, label.as_bytes());
        let mac = |label: &str| hmac::Key::new(hmac::HMAC_SHA256, derive(label).as_ref());
        let columns = UnboundKey::new(&CHACHA20_POLY1305, derive("portico columns v1").as_ref())
            .expect("HMAC-SHA256 gives the 32 bytes that the cipher takes");
        Self {
            codes: mac("portico codes v1"),
            recovery: mac("portico recovery codes v1"),
            nonces: mac("portico nonces v1"),
            columns: LessSafeKey::new(columns),
        }
    }
}

/// Whether a device's key signed `bytes`: P-256, ECDSA with SHA-256 in ASN.1 DER, as secure chips sign.
///
/// # Errors
/// [`ProblemCode::SignatureInvalid`].
pub(crate) fn signed_by(public_key: &[u8], bytes: &[u8], signature: &[u8]) -> Result<(), ProblemCode> {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public_key)
        .verify(bytes, signature)
        .map_err(|_| ProblemCode::SignatureInvalid)
}

fn code_bytes(challenge: ChallengeId, code: &[u8; 8]) -> Vec<u8> {
    [challenge.as_bytes().as_slice(), code].concat()
}

fn nonce_bytes(device: DeviceId, issued_at_ms: i64) -> Vec<u8> {
    [device.as_bytes().as_slice(), &issued_at_ms.to_be_bytes()].concat()
}

/// Sorts by time of making; 4 random bytes keep two servers' keys apart.
fn fresh_id(ports: &Ports) -> String {
    format!("{:012x}-{:08x}", ports.clock.now_ms(), u32::from_be_bytes(ports.random()))
}

/// Writes a key durably, readable by the owner alone.
pub(crate) fn write_key(folder: &Path, name: &str, content: &[u8]) -> Result<PathBuf, KeyError> {
    let path = folder.join(name);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&path).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    let written = written.and_then(|()| fs::File::open(folder)?.sync_all());
    written.map_err(|fault| KeyError::File(path.clone(), fault))?;
    Ok(path)
}
