//! A disk of the server's own that is full: before the bytes, and in the middle of them.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use axum::body::{Body, Bytes};
use http::Request;
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use portico_tests::process::{PhoneProcess, ServerProcess};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::messages::{Message, count, drain, outbox};
use crate::system;

/// A file system in memory, of a size.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf, megabytes: u32) -> Self {
        std::fs::create_dir(&at).unwrap();
        let size = format!("size={megabytes}m");
        system("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", &at.to_string_lossy()]);
        Self(at)
    }

    fn resize(&self, megabytes: u32) {
        let size = format!("remount,size={megabytes}m");
        system("mount", &["-o", &size, &self.0.to_string_lossy()]);
    }

    /// Takes what room is left.
    fn fill(&self) {
        let mut ballast = std::fs::File::create(self.0.join("ballast")).unwrap();
        let full = std::iter::repeat_with(|| ballast.write_all(&[7; 4096])).find_map(Result::err);
        assert_eq!(full.unwrap().kind(), std::io::ErrorKind::StorageFull);
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }

    /// Bytes of every segment.
    fn segments(&self) -> u64 {
        let files = std::fs::read_dir(self.0.join("blobs")).into_iter().flatten().flatten();
        files.map(|file| file.metadata().unwrap().len()).sum()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Else the folder that it lies in can not be removed.
        system("umount", &["--lazy", &self.0.to_string_lossy()]);
    }
}

/// What was handed over, and how to send it.
struct Handed {
    server: String,
    capability: String,
    pack: Vec<u8>,
}

impl Handed {
    async fn of(phone: &PhoneProcess, key: &str) -> Self {
        let said = phone.run(&["transfer", key]).await.unwrap();
        let url: http::Uri = said["url"].as_str().unwrap().parse().unwrap();
        let header = |row: &&Value| row[0] == "portico-upload";
        let capability =
            said["headers"].as_array().unwrap().iter().find(header).unwrap()[1].as_str().unwrap();
        let pack = std::fs::read(said["file"].as_str().unwrap()).unwrap();
        Self { server: url.authority().unwrap().to_string(), capability: capability.to_owned(), pack }
    }

    /// One request over a connection of its own: status, the offset that is stated, and the problem's code.
    async fn ask(&self, request: http::request::Builder, body: Body) -> (u16, Option<u64>, String) {
        let stream = TcpStream::connect(&self.server).await.unwrap();
        let (mut requests, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let carrying = tokio::spawn(connection);
        let request = request.header("host", &self.server).header("portico-upload", &self.capability);
        let answer = requests.send_request(request.body(body).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let offset =
            answer.headers().get("upload-offset").map(|value| value.to_str().unwrap().parse().unwrap());
        let body: Value = serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes())
            .unwrap_or_default();
        carrying.abort();
        let code = body["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap().to_owned();
        (status, offset, code)
    }

    async fn append(&self, offset: u64, body: Body) -> (u16, Option<u64>, String) {
        let request = Request::patch("/v1/uploads").header("content-type", "application/partial-upload");
        self.ask(request.header("upload-offset", offset).header("upload-complete", "?1"), body).await
    }

    async fn offset(&self) -> u64 {
        self.ask(Request::head("/v1/uploads"), Body::empty()).await.1.unwrap()
    }
}

/// A body whose bytes come as they are sent.
fn slow_body() -> (mpsc::Sender<Bytes>, Body) {
    let (bytes, receiver) = mpsc::channel::<Bytes>(1);
    let frames = futures_util::stream::unfold(receiver, |mut receiver| async {
        Some((Ok::<_, std::io::Error>(receiver.recv().await?), receiver))
    });
    (bytes, Body::from_stream(frames))
}

/// Sends half the pack, fills the disk once the server has written most of that, and sends the rest.
async fn append_while_the_disk_fills(handed: &Handed, disk: &SmallDisk) -> (u16, Option<u64>, String) {
    let (bytes, body) = slow_body();
    let fills = async {
        let (first, rest) = handed.pack.split_at(handed.pack.len() / 2);
        bytes.send(Bytes::copy_from_slice(first)).await.unwrap();
        // The last chunk may be half here.
        while disk.segments() + 65_552 < first.len() as u64 {
            tokio::task::yield_now().await;
        }
        disk.fill();
        for piece in rest.chunks(65_536) {
            // Once it has answered the server may hang up.
            if bytes.send(Bytes::copy_from_slice(piece)).await.is_err() {
                break;
            }
        }
        drop(bytes);
    };
    tokio::join!(handed.append(0, body), fills).0
}

fn stage(folder: &Path, megabytes: u32) -> (SmallDisk, ServerProcess) {
    let disk = SmallDisk::mount(folder.join("server"), megabytes);
    // What is tested is the disk itself, not what uploads leave free of it.
    let server = ServerProcess::seeded_with(&disk.0, &[("PORTICO_DISK_RESERVE_BYTES", "0")]).unwrap();
    (disk, server)
}

// R37, R51: a full disk is told by name and decides nothing: not a byte is lost, and it goes on once there is room.
#[ignore = "needs a file system of its own: tests/run faults"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_disk_is_told_and_the_batch_arrives_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, mut server) = stage(folder.path(), 12);
    let phones = ["amina", "mara"].map(|name| PhoneProcess::at(folder.path().join(name)));
    let [amina, mara] = &phones;
    amina.sign_in(&server, &server.url, "amina").await.unwrap();
    mara.sign_in(&server, &server.url, "mara").await.unwrap();
    let claim = server.conversation("claim");
    let message = Message::write(folder.path(), "larger than the disk", 20_000_000);

    // Before the bytes: at the manifest, and where room was lost after it.
    let key = message.send(amina, &claim, false).await;
    let waits = outbox(amina).await.pop().unwrap();
    assert_eq!((waits["state"].as_str(), waits["held_bytes"].as_u64()), (Some("waiting"), Some(0)));
    disk.resize(40);
    let handed = Handed::of(amina, &key).await;
    disk.resize(12);
    let (status, _, code) = handed.append(0, Body::from(handed.pack.clone())).await;
    assert_eq!((status, code.as_str(), disk.segments()), (507, "disk_full", 0));

    // In the middle of them.
    disk.resize(40);
    let (status, _, code) = append_while_the_disk_fills(&handed, &disk).await;
    assert_eq!((status, code.as_str()), (507, "disk_full"));
    let offset = handed.offset().await;
    let half = handed.pack.len() as u64 / 2;
    // The server trusts nothing that no fsync has vouched for: it asks for one every 8 MiB.
    let vouched = half.saturating_sub(8 * 1024 * 1024 + 65_552);
    assert!(offset % 65_552 == 0 && offset >= vouched, "{offset} of {half} stand");
    // The server lives, and a text goes its way, at once or once there is room.
    amina.run(&["send", &claim, TEXT]).await.unwrap();

    disk.empty();
    amina.run(&["transfer", &key, "--done"]).await.unwrap();
    drain(amina).await;
    let tally = count(mara, &claim, &[&message], &folder.path().join("saved")).await;
    let page = mara.run(&["read", &claim]).await.unwrap();
    let texts = page["items"].as_array().unwrap().iter().filter(|item| item["entry"]["body"] == TEXT);
    assert_eq!(texts.count(), 1);
    server.verify().unwrap();
    tally.close("server's disk is full", 3);
}

const TEXT: &str = "Is anybody there?";

// R1, R13, R51: a phone without room says so while it copies, keeps nothing of it, and sends it once there is room.
#[ignore = "needs a file system of its own: tests/run faults"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phone_whose_disk_is_full_keeps_nothing_half() {
    let folder = tempfile::tempdir().unwrap();
    let server = ServerProcess::seeded_with(&folder.path().join("server"), &[]).unwrap();
    let disk = SmallDisk::mount(folder.path().join("phone"), 8);
    let amina = &PhoneProcess::at(disk.0.join("home"));
    let mara = &PhoneProcess::at(folder.path().join("mara"));
    amina.sign_in(&server, &server.url, "amina").await.unwrap();
    mara.sign_in(&server, &server.url, "mara").await.unwrap();
    let claim = server.conversation("claim");
    let message = Message::write(folder.path(), "larger than the phone", 20_000_000);
    let send = ["--offline", "send", &claim, message.text, "--attach", &message.file.to_string_lossy()];

    let refused = amina.run(&send).await.unwrap_err();
    let sealed = packs(&disk.0);
    let queued = outbox(amina).await;
    // There is room for words.
    amina.run(&["send", &claim, TEXT]).await.unwrap();
    disk.resize(60);
    message.send(amina, &claim, true).await;
    drain(amina).await;

    assert!(refused.contains("disk"), "{refused}");
    assert_eq!((sealed, queued), (0, Vec::<Value>::new()));
    let tally = count(mara, &claim, &[&message], &folder.path().join("saved")).await;
    tally.close("phone's disk is full", 1);
}

/// Bytes of every pack below `folder`.
fn packs(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.file_type().unwrap().is_dir() {
        true => packs(&entry.path()),
        false if entry.path().extension().is_some_and(|ending| ending == "pack") => {
            entry.metadata().unwrap().len()
        }
        false => 0,
    });
    sizes.sum()
}
