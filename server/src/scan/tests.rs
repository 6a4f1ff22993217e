//! The scan with a real program: a script that `sh` runs.

use std::time::Duration;

use http::Method;
use portico_wire::entry::EntryFile;
use portico_wire::ids::ContentId;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::store::Verdict;
use crate::testing::{Pack, Phone, Reply, World, ask, content, until};

/// What a scanner looks for, at the end of what these tests send.
const MARK: &[u8] = b"\nPLANTED-VIRUS\n";
/// Finds the mark; clean is what has been read to its end.
const SCANNER: &str = "if grep -q PLANTED-VIRUS; then exit 1; else exit 0; fi";
/// Starts another program, which waits for ever on what nobody else writes.
const HANGS: &str = "mkfifo \"$1/never\"; sh -c 'read x <> \"$1/never\"' sh \"$1\"; exit 9";

/// A world whose scanner is `script`; its first argument is the folder.
async fn scanned_by(script: &str) -> World {
    let world = World::new().await;
    replace(&world, script);
    restart(world)
}

fn replace(world: &World, script: &str) {
    std::fs::write(world.folder.path().join("scanner"), script).unwrap();
}

/// Run by `sh`: a script that is being written can not be run itself while another test starts a program.
fn restart(world: World) -> World {
    let folder = world.folder.path().to_str().unwrap().to_owned();
    let command = vec!["sh".to_owned(), format!("{folder}/scanner"), folder];
    world.restart_with(|config| config.scan_command = Some(command))
}

/// A file that is read in more than one piece.
fn plain() -> Vec<u8> {
    content(3, 400_000)
}

fn infected() -> Vec<u8> {
    [plain(), MARK.to_vec()].concat()
}

async fn sent(world: &World, phone: &Phone, to: &str, content: Vec<u8>) -> EntryFile {
    let pack = Pack::of_files(phone, world, world.conversation(to), &[("x.bin".to_owned(), content)]);
    phone.carry(&pack).await.entry.files.remove(0)
}

/// Every way to ask for a file: whole, its head, a range of it, and one that the caller may have already.
async fn asked(phone: &Phone, file: &EntryFile) -> [Reply; 4] {
    let tag = format!("\"{}\"", file.sha256);
    let ask = async |method, header: (&str, &str)| {
        let request = http::Request::builder().method(method);
        let request = request.uri(format!("/v1/attachments/{}", file.attachment_id));
        let request = request.header(portico_wire::WIRE_HEADER, portico_wire::WIRE_VERSION);
        let request = request.header("authorization", format!("Bearer {}", phone.token));
        let request = request.header(header.0, header.1).body(axum::body::Body::empty());
        ask(&phone.router, request.unwrap()).await
    };
    [
        ask(Method::GET, ("x-none", "")).await,
        ask(Method::HEAD, ("x-none", "")).await,
        ask(Method::GET, ("range", "bytes=0-9")).await,
        ask(Method::GET, ("if-none-match", &tag)).await,
    ]
}

fn statuses(replies: &[Reply; 4]) -> [u16; 4] {
    replies.each_ref().map(|reply| reply.status.as_u16())
}

/// What the scanner has left in the folder under `name`.
fn left(world: &World, name: &str) -> String {
    std::fs::read_to_string(world.folder.path().join(name)).unwrap_or_default()
}

/// Whether somebody waits there: a pipe that nobody reads is not opened for writing.
fn hangs(world: &World) -> bool {
    use rustix::fs::{Mode, OFlags, open};
    open(world.folder.path().join("never"), OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()).is_ok()
}

/// Lets the scan go on until its program hangs; then what `meanwhile` does, and what the scan came to.
async fn while_it_hangs(world: &World, meanwhile: impl FnOnce()) -> u64 {
    let both = async {
        tokio::join!(world.app.run_scans_once(), async {
            until(|| hangs(world) && world.clock.is_awaited()).await;
            meanwhile();
        })
    };
    timeout(Duration::from_secs(20), both).await.expect("it is ended").0.unwrap()
}

// R38: what the firm scans is served once the scan has seen all of it, and not before.
#[tokio::test]
async fn file_waits_for_its_scan_and_is_served_when_clean() {
    let world = scanned_by(SCANNER).await;
    let mara = world.phone("mara").await;
    let file = sent(&world, &mara, "claim", plain()).await;

    let early = asked(&mara, &file).await;
    assert_eq!(world.app.run_scans_once().await, Ok(1));
    let late = asked(&mara, &file).await;

    assert_eq!(statuses(&early), [503; 4]);
    assert_eq!(early[0].code(), "busy");
    assert!(early.iter().all(|reply| reply.number("retry-after") == 2));
    assert_eq!(statuses(&late), [200, 200, 206, 304]);
    assert!(late[0].body == plain() && late[2].body == plain()[..10]);
    assert_eq!(world.app.run_scans_once().await, Ok(0), "it is scanned once");
}

// R38, R17: what is refused goes out in no way; who may not know of it hears what is said of nothing.
#[tokio::test]
async fn refused_file_goes_out_in_no_way_and_stays_hidden() {
    let world = scanned_by(SCANNER).await;
    let (mara, kenji) = (world.phone("mara").await, world.phone("kenji").await);
    let file = sent(&world, &mara, "claim", infected()).await;
    let mut absent = file.clone();
    absent.attachment_id = portico_wire::ids::AttachmentId::from_bytes([9; 16]);
    let unscanned = asked(&kenji, &file).await;

    assert_eq!(world.app.run_scans_once().await, Ok(1));

    let refused = asked(&mara, &file).await;
    assert_eq!(statuses(&refused), [403; 4]);
    assert_eq!(refused[0].code(), "attachment_refused");
    assert!(refused.iter().all(|reply| !reply.headers.contains_key("etag") && reply.body.len() < 400));
    let (denied, nothing) = (asked(&kenji, &file).await, asked(&kenji, &absent).await);
    let told = |replies: [Reply; 4]| replies.map(|reply| (reply.status, reply.headers, reply.body));
    let nothing = told(nothing);
    assert_eq!((told(unscanned), told(denied)), (nothing.clone(), nothing));
}

#[tokio::test]
async fn refused_file_stays_refused_until_a_person_allows_it() {
    let world = scanned_by(SCANNER).await;
    let mut mara = world.phone("mara").await;
    let file = sent(&world, &mara, "claim", infected()).await;
    assert_eq!(world.app.run_scans_once().await, Ok(1));
    mara.hang_up();
    let world = world.restart();
    let mara = world.phone("mara").await;

    let without_scanner = statuses(&asked(&mara, &file).await);
    world
        .app
        .store()
        .set_verdict(ContentId::from_bytes(*file.attachment_id.as_bytes()), Verdict::Clean)
        .await
        .unwrap();

    assert_eq!(without_scanner, [403; 4]);
    assert_eq!(statuses(&asked(&mara, &file).await), [200, 200, 206, 304]);
}

#[tokio::test]
async fn scanner_that_fails_is_asked_again_and_holds_up_no_other_file() {
    let fails = "echo run >> \"$1/runs\"; if grep -q PLANTED-VIRUS; then exit 2; else exit 0; fi";
    let world = scanned_by(fails).await;
    let mara = world.phone("mara").await;
    let failing = sent(&world, &mara, "claim", infected()).await;
    let other = sent(&world, &mara, "claim", plain()).await;
    let runs = || left(&world, "runs").lines().count();

    assert_eq!(world.app.run_scans_once().await, Ok(1));

    assert_eq!((statuses(&asked(&mara, &failing).await), runs()), ([503; 4], 2));
    assert_eq!(statuses(&asked(&mara, &other).await), [200, 200, 206, 304]);
    // Again after 1 s, then after 2 s, and so on.
    for wait_ms in [1_000, 2_000, 4_000] {
        let before = runs();
        world.clock.advance_ms(wait_ms - 1);
        assert_eq!((world.app.run_scans_once().await, runs()), (Ok(0), before));
        world.clock.advance_ms(1);
        assert_eq!((world.app.run_scans_once().await, runs()), (Ok(0), before + 1));
    }
    replace(&world, SCANNER);
    world.clock.advance_ms(8_000);
    assert_eq!(world.app.run_scans_once().await, Ok(1));
    assert_eq!(statuses(&asked(&mara, &failing).await), [403; 4]);
}

#[tokio::test]
async fn end_that_says_nothing_of_the_whole_file_is_no_verdict() {
    // Killed, not to be found, another number, clean of what was not read.
    for script in ["kill -9 $$", "exec /absent/scanner", "exit 77", "exec 0<&-; exit 0"] {
        let world = scanned_by(script).await;
        let mara = world.phone("mara").await;
        let file = sent(&world, &mara, "claim", plain()).await;

        assert_eq!(world.app.run_scans_once().await, Ok(0), "{script}");

        assert_eq!(statuses(&asked(&mara, &file).await), [503; 4], "{script}");
    }
}

#[tokio::test]
async fn file_that_is_damaged_on_the_disk_gets_no_verdict() {
    let world = scanned_by(SCANNER).await;
    let mara = world.phone("mara").await;
    let file = sent(&world, &mara, "claim", plain()).await;
    let segment = std::fs::read_dir(world.config().blobs()).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[390_000] ^= 1;
    std::fs::write(&segment, bytes).unwrap();

    assert_eq!(world.app.run_scans_once().await, Ok(0));

    assert_eq!(statuses(&asked(&mara, &file).await), [503; 4]);
}

#[tokio::test]
async fn scanner_that_hangs_is_ended_and_asked_again() {
    let world = scanned_by(HANGS).await;
    let mara = world.phone("mara").await;
    let file = sent(&world, &mara, "claim", plain()).await;

    let judged = while_it_hangs(&world, || world.clock.advance_ms(300_000)).await;

    assert_eq!(judged, 0);
    until(|| !hangs(&world)).await;
    assert_eq!(statuses(&asked(&mara, &file).await), [503; 4]);
    replace(&world, SCANNER);
    assert_eq!(world.app.run_scans_once().await, Ok(0), "not at once");
    world.clock.advance_ms(1_000);
    assert_eq!(world.app.run_scans_once().await, Ok(1));
}

#[tokio::test]
async fn file_whose_scan_a_restart_cut_is_scanned_at_once() {
    let world = scanned_by(HANGS).await;
    let mut mara = world.phone("mara").await;
    let file = sent(&world, &mara, "claim", infected()).await;
    {
        let mut scan = Box::pin(world.app.run_scans_once());
        let started = until(|| hangs(&world));
        let first = futures_util::future::select(&mut scan, Box::pin(started)).await;
        assert!(matches!(first, futures_util::future::Either::Right(_)));
        assert_eq!(world.app.run_scans_once().await, Ok(0), "nobody else scans it meanwhile");
    }
    until(|| !hangs(&world)).await;
    mara.hang_up();

    replace(&world, SCANNER);
    let world = restart(world);

    assert_eq!(world.app.run_scans_once().await, Ok(1));
    let mara = world.phone("mara").await;
    assert_eq!(statuses(&asked(&mara, &file).await), [403; 4]);
}

// R55: a scanner gets bytes, and nothing that tells whose they are.
#[tokio::test]
async fn scanner_gets_the_bytes_and_nothing_of_the_server() {
    let world = scanned_by("env > \"$1/env\"; echo \"$@\" > \"$1/arguments\"; cat > \"$1/bytes\"").await;
    let mara = world.phone("mara").await;
    sent(&world, &mara, "claim", plain()).await;

    assert_eq!(world.app.run_scans_once().await, Ok(1));

    assert!(std::fs::read(world.folder.path().join("bytes")).unwrap() == plain());
    assert_eq!(left(&world, "arguments").trim(), world.folder.path().to_str().unwrap());
    let own = ["PATH", "PWD", "OLDPWD", "SHLVL", "_"];
    let env = left(&world, "env");
    let foreign: Vec<_> =
        env.lines().filter(|line| !own.contains(&line.split('=').next().unwrap())).collect();
    assert_eq!(foreign, Vec::<&str>::new());
    assert!(std::env::vars_os().count() > own.len(), "there is something to keep back");
}

#[tokio::test]
async fn served_server_scans_at_the_commit_and_stops_in_the_middle() {
    let world = scanned_by(SCANNER).await;
    let mara = world.phone("mara").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let app = world.app.clone();
    let served = tokio::spawn(async move { app.serve(listener, async { drop(stopped.await) }).await });
    // Both workers have found nothing, and wait; the clock stands still from here on.
    until(|| world.clock.is_awaited()).await;

    let file = sent(&world, &mara, "claim", plain()).await;
    let scanned = async {
        while asked(&mara, &file).await[0].status != 200 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), scanned).await.unwrap();

    replace(&world, HANGS);
    sent(&world, &mara, "claim", plain()).await;
    until(|| hangs(&world)).await;
    stop.send(()).unwrap();
    timeout(Duration::from_secs(20), served).await.unwrap().unwrap().unwrap();
    until(|| !hangs(&world)).await;
}
