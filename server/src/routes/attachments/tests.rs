//! Files read back: by whom, which part, and how a browser takes them.

use http::Method;
use portico_wire::entry::EntryFile;
use portico_wire::ids::AttachmentId;

use crate::testing::{Pack, Phone, Reply, World, ask, content};

/// Sends one file and gives it as its entry has it.
async fn sent(phone: &Phone, world: &World, to: &str, name: &str, content: Vec<u8>) -> EntryFile {
    let pack = Pack::of_files(phone, world, world.conversation(to), &[(name.to_owned(), content)]);
    phone.carry(&pack).await.entry.files.remove(0)
}

async fn get(phone: &Phone, file: &EntryFile, headers: &[(&str, &str)]) -> Reply {
    request(phone, Method::GET, file, headers).await
}

async fn request(phone: &Phone, method: Method, file: &EntryFile, headers: &[(&str, &str)]) -> Reply {
    let uri = format!("/v1/attachments/{}", file.attachment_id);
    let mut request = http::Request::builder().method(method).uri(uri);
    request = request.header(portico_wire::WIRE_HEADER, portico_wire::WIRE_VERSION);
    request = request.header("authorization", format!("Bearer {}", phone.token));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    ask(&phone.router, request.body(axum::body::Body::empty()).unwrap()).await
}

#[tokio::test]
async fn any_range_of_a_file_is_that_part_of_it() {
    let world = World::new().await;
    let amina = world.phone("amina").await;
    let whole = content(3, 300_000);
    let file = sent(&amina, &world, "claim", "x.bin", whole.clone()).await;
    for (from, to) in
        [(0, 0), (0, 65_535), (65_535, 65_536), (65_536, 299_999), (1, 299_998), (262_143, 262_145)]
    {
        let part = get(&amina, &file, &[("range", &format!("bytes={from}-{to}"))]).await;

        assert_eq!(part.status, 206);
        assert_eq!(part.headers["content-range"], format!("bytes {from}-{to}/300000"));
        assert_eq!(part.number("content-length"), (to - from + 1) as u64);
        assert!(part.body == whole[from..=to], "{from}-{to}");
    }
    let beyond = get(&amina, &file, &[("range", "bytes=300000-")]).await;
    assert_eq!(
        (beyond.status.as_u16(), &beyond.headers["content-range"]),
        (416, &"bytes */300000".parse().unwrap())
    );
}

// R38
#[tokio::test]
async fn file_is_served_under_its_tag_and_runs_nowhere() {
    let world = World::new().await;
    let amina = world.phone("amina").await;
    let page = b"<!DOCTYPE html><script>alert(1)</script>".to_vec();
    let file = sent(&amina, &world, "claim", "a/b\u{202E}.html", page.clone()).await;
    let tag = format!("\"{}\"", file.sha256);

    let read = get(&amina, &file, &[]).await;
    let head = request(&amina, Method::HEAD, &file, &[]).await;
    let known = get(&amina, &file, &[("if-none-match", &tag)]).await;
    let changed = get(&amina, &file, &[("if-range", "\"other\""), ("range", "bytes=0-3")]).await;

    assert_eq!((file.name.as_str(), file.media_type.as_str()), ("a/b\u{202E}.html", "text/html"));
    let headers = [
        ("etag", tag.as_str()),
        ("accept-ranges", "bytes"),
        ("content-length", "40"),
        ("content-type", "application/octet-stream"),
        ("content-disposition", "attachment; filename=\"a_b_.html\"; filename*=UTF-8''a_b_.html"),
        ("content-security-policy", "sandbox"),
        ("x-content-type-options", "nosniff"),
    ];
    for (name, value) in headers {
        assert_eq!(read.headers[name], value, "{name}");
        assert_eq!(head.headers[name], value, "{name}");
    }
    assert_eq!((read.body, head.body.len()), (page, 0));
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    assert_eq!(changed.status, 200);
}

// R15, R16, R17: a file is read by whoever may read its entry; for the others it is not there.
#[tokio::test]
async fn denied_file_answers_like_an_absent_one() {
    let world = World::new().await;
    let (kenji, mara) = (world.phone("kenji").await, world.phone("mara").await);
    let file = sent(&kenji, &world, "estate", "will.txt", b"to my heirs".to_vec()).await;
    let absent = EntryFile { attachment_id: AttachmentId::from_bytes([9; 16]), ..file.clone() };

    assert_eq!(get(&mara, &file, &[]).await.body, b"to my heirs");
    for stranger in ["jonas", "amina", "ines"] {
        let stranger = world.phone(stranger).await;
        let (denied, nothing) = (get(&stranger, &file, &[]).await, get(&stranger, &absent, &[]).await);

        assert_eq!(denied.code(), "not_found");
        assert_eq!(
            (denied.status, denied.headers, denied.body),
            (nothing.status, nothing.headers, nothing.body)
        );
    }
}

// R19: who left reads on what was said before, and nothing of what follows.
#[tokio::test]
async fn file_sent_after_leaving_is_not_there() {
    let world = World::new().await;
    let (amina, mara) = (world.phone("amina").await, world.phone("mara").await);
    let [mara_id, amina_id] = ["mara", "amina"].map(|short| world.firm.people[short].person_id);
    let (firm, claim) = (world.firm.firm_id, world.conversation("claim"));
    let before = sent(&mara, &world, "claim", "a.txt", b"before".to_vec()).await;
    world
        .app
        .store()
        .add_participant(firm, claim, world.firm.people["kenji"].person_id, mara_id)
        .await
        .unwrap();
    world.app.store().remove_participant(firm, claim, amina_id, mara_id).await.unwrap();

    let after = sent(&mara, &world, "claim", "b.txt", b"after".to_vec()).await;

    assert_eq!(get(&amina, &before, &[]).await.body, b"before");
    assert_eq!(get(&amina, &after, &[]).await.code(), "not_found");
}

// R55: what lies on the server's disk is sealed; a file that was altered there never arrives whole.
#[tokio::test]
async fn altered_segment_breaks_the_answer_off() {
    let world = World::new().await;
    let amina = world.phone("amina").await;
    let secret = b"privileged ".repeat(20_000);
    let file = sent(&amina, &world, "claim", "x.txt", secret.clone()).await;
    let segment = std::fs::read_dir(world.config().blobs()).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&segment).unwrap();
    assert!(!bytes.windows(11).any(|window| window == b"privileged "));
    bytes[150_000] ^= 1;
    std::fs::write(&segment, bytes).unwrap();

    let uri = format!("/v1/attachments/{}", file.attachment_id);
    let request = http::Request::builder().uri(uri).header("portico-wire", "1");
    let request = request.header("authorization", format!("Bearer {}", amina.token));
    let answer =
        tower::ServiceExt::oneshot(amina.router.clone(), request.body(axum::body::Body::empty()).unwrap());
    let body = http_body_util::BodyExt::collect(answer.await.unwrap().into_body()).await;

    assert!(body.is_err());
    assert_eq!(get(&amina, &file, &[("range", "bytes=0-9")]).await.body, secret[..10]);
}
