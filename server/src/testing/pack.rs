//! Batches as a phone packs and sends them.

use axum::body::Body;
use http::{Method, Request};
use portico_wire::encoding::{Base64, Sha256};
use portico_wire::ids::{AttachmentId, ConversationId, SendKey};
use portico_wire::message::Accepted;
use portico_wire::seal::{BatchKey, CHUNK_BYTES, place_of};
use portico_wire::upload::{
    BatchAnswer, BatchStanding, ManifestFile, OpenBatch, OpenedBatch, Seal, batch_id,
};

use super::{Phone, Reply, World, ask};

/// A picked, packed and sealed batch.
pub(crate) struct Pack {
    pub(crate) key: SendKey,
    pub(crate) open: OpenBatch,
    /// The representation.
    pub(crate) bytes: Vec<u8>,
}

/// `size` bytes that differ from place to place and from `seed` to `seed`.
pub(crate) fn content(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

impl Pack {
    /// Packs files of these sizes, named by their place.
    pub(crate) fn of(phone: &Phone, world: &World, to: ConversationId, sizes: &[usize]) -> Self {
        let files = (0..).zip(sizes).map(|(seed, size)| (format!("{seed}.bin"), content(seed, *size)));
        Self::of_files(phone, world, to, &files.collect::<Vec<_>>())
    }

    pub(crate) fn of_files(
        phone: &Phone,
        world: &World,
        to: ConversationId,
        files: &[(String, Vec<u8>)],
    ) -> Self {
        let manifest = files.iter().map(|(name, content)| ManifestFile {
            name: name.clone(),
            size_bytes: content.len() as u64,
            sha256: Sha256::of(&[content]),
        });
        let open = OpenBatch {
            epoch: world.app.epoch(),
            conversation_id: to,
            body: "The papers".to_owned(),
            composed_at_ms: 1_699_999_999_000,
            seal: Seal::Plain,
            files: manifest.collect(),
            receipt: None,
        };
        let mut pack = Self { key: phone.key(), open, bytes: Vec::new() };
        pack.seal_under([7; 32], files);
        pack
    }

    /// Seals the same files under another key.
    pub(crate) fn seal_under(&mut self, key: [u8; 32], files: &[(String, Vec<u8>)]) {
        self.open.seal = Seal::Sealed { batch_key: Base64(key.to_vec()), slots: None };
        self.bytes.clear();
        for (slot, (_, content)) in (0..).zip(files) {
            let cipher = BatchKey::from_bytes(key).file_key(batch_id(self.key), slot).cipher();
            for (index, chunk) in (0..).zip(content.chunks(CHUNK_BYTES)) {
                let mut chunk = chunk.to_vec();
                cipher.seal(index, place_of(content.len() as u64, index), &mut chunk);
                self.bytes.extend_from_slice(&chunk);
            }
        }
    }

    /// The same files as a browser sends them.
    pub(crate) fn plain(&mut self, files: &[(String, Vec<u8>)]) {
        self.open.seal = Seal::Plain;
        self.bytes = files.iter().flat_map(|(_, content)| content.clone()).collect();
    }

    /// Bytes of the representation.
    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The bytes from `offset` on.
    pub(crate) fn from(&self, offset: u64) -> Vec<u8> {
        self.bytes[usize::try_from(offset).unwrap()..].to_vec()
    }
}

impl Reply {
    /// One header as a number.
    #[track_caller]
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.headers[name].to_str().unwrap().parse().unwrap()
    }

    /// Status, offset, and whether the representation is whole.
    #[track_caller]
    pub(crate) fn stands(&self) -> (u16, u64, &str) {
        let complete = self.headers["upload-complete"].to_str().unwrap();
        (self.status.as_u16(), self.number("upload-offset"), complete)
    }
}

impl Phone {
    pub(crate) async fn open(&self, pack: &Pack) -> Reply {
        self.put(&format!("/v1/batches/{}", pack.key), &pack.open).await
    }

    #[track_caller]
    pub(crate) fn opened(&self, reply: &Reply) -> OpenedBatch {
        match reply.json() {
            BatchAnswer::Open(opened) => opened,
            BatchAnswer::Accepted(_) => panic!("it is in the log"),
        }
    }

    pub(crate) async fn standing(&self, key: SendKey) -> BatchStanding {
        self.get(&format!("/v1/batches/{key}")).await.json()
    }

    pub(crate) fn upload(&self, method: Method, capability: &Base64) -> http::request::Builder {
        Request::builder().method(method).uri("/v1/uploads").header("portico-upload", capability.to_string())
    }

    pub(crate) async fn patch_with(&self, capability: &Base64, offset: u64, body: Body) -> Reply {
        let request = self
            .upload(Method::PATCH, capability)
            .header("content-type", "application/partial-upload")
            .header("upload-offset", offset)
            .header("upload-complete", "?1");
        ask(&self.router, request.body(body).unwrap()).await
    }

    pub(crate) async fn patch(&self, capability: &Base64, offset: u64, bytes: Vec<u8>) -> Reply {
        self.patch_with(capability, offset, Body::from(bytes)).await
    }

    pub(crate) async fn put_whole(&self, capability: &Base64, bytes: Vec<u8>) -> Reply {
        ask(&self.router, self.upload(Method::PUT, capability).body(Body::from(bytes)).unwrap()).await
    }

    pub(crate) async fn head(&self, capability: &Base64) -> Reply {
        ask(&self.router, self.upload(Method::HEAD, capability).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn cancel(&self, capability: &Base64) -> Reply {
        ask(&self.router, self.upload(Method::DELETE, capability).body(Body::empty()).unwrap()).await
    }

    /// Opens and sends a batch, and has it accepted.
    pub(crate) async fn carry(&self, pack: &Pack) -> Accepted {
        let opened = self.opened(&self.open(pack).await);
        self.patch(&opened.capability, 0, pack.bytes.clone()).await.json()
    }

    pub(crate) async fn attachment(&self, attachment: AttachmentId) -> Reply {
        self.get(&format!("/v1/attachments/{attachment}")).await
    }
}

impl World {
    /// How many segments lie on disk.
    pub(crate) fn segments(&self) -> usize {
        std::fs::read_dir(self.config().blobs()).unwrap().count()
    }
}
