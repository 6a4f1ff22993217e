//! Texts of every language arrive as they were sent: Unicode's own test files, end to end.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use portico_core::push::tap::{Shown, TapTarget};
use portico_tests::unicode::{FILES, texts};
use portico_tests::world::World;
use portico_wire::search::tokens;

/// Sends every line of one file, `together` of them to a message, from a client's phone, and looks at a lawyer's.
async fn arrives_whole(file: &str, together: usize) {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (amina, tablet) = (world.phone("amina").await, world.phone("amina").await);
    let mara = world.phone("mara").await;
    mara.portal().keep_push_token("address").unwrap();
    mara.portal().catch_up().await.unwrap();
    let texts = texts(file, together);

    for text in &texts {
        amina.portal().send(claim, text).unwrap();
    }
    amina.portal().catch_up().await.unwrap();
    mara.portal().catch_up().await.unwrap();
    tablet.portal().catch_up().await.unwrap();

    assert_eq!(world.texts(claim).await, texts, "the log of {file}");
    for (whose, phone) in [("the lawyer's phone", &mara), ("the author's tablet", &tablet)] {
        let shown = phone.texts(claim);
        assert_eq!(shown[shown.len() - texts.len()..], texts, "{whose}");
    }
    found_again(&mara, &texts, file);
    pushed_whole(&world, &mara, &texts).await;
}

/// Every message that holds a word is found by its own beginning.
fn found_again(phone: &portico_tests::phone::TestPhone, texts: &[String], file: &str) {
    for text in texts {
        let words = tokens(text);
        if words.is_empty() {
            continue;
        }
        let query = words[..words.len().min(12)].join(" ");
        let found = phone.portal().search(&format!("\"{query}\""), None, texts.len()).unwrap();
        assert!(
            found.hits.iter().any(|hit| hit.entry.body == *text),
            "{file}: {query:?} does not find {text:?}"
        );
    }
}

/// Every push opens its own message and says its text, or its beginning.
async fn pushed_whole(world: &World, phone: &portico_tests::phone::TestPhone, texts: &[String]) {
    let pushes = world.pushes(phone.device()).await;
    assert_eq!(pushes.len(), texts.len());
    for (push, text) in pushes.iter().zip(texts) {
        let said = phone.portal().push_arrived(push).unwrap();
        assert!(if said.complete { said.text == *text } else { text.starts_with(&said.text) });
        let TapTarget::Message { shown: Shown::Message, entry_id, .. } =
            phone.portal().resolve_tap(push).unwrap()
        else {
            panic!("the tap does not open a message that is here")
        };
        let (entry, _) = phone.portal().store().read(|reading| reading.entry(entry_id)).unwrap().unwrap();
        assert_eq!(entry.body, *text);
    }
}

// R3, R4
#[tokio::test]
async fn every_emoji_sequence_arrives_byte_for_byte() {
    arrives_whole(FILES[0], 8).await;
}

// R3, R4
#[tokio::test]
async fn every_grapheme_break_arrives_byte_for_byte() {
    arrives_whole(FILES[1], 1).await;
}

// R3, R4: nothing normalizes on the way.
#[tokio::test]
async fn every_normalization_form_arrives_byte_for_byte() {
    arrives_whole(FILES[2], 40).await;
}

// R3, R4, R53
#[tokio::test]
async fn longest_texts_arrive_whole_and_their_pushes_say_they_are_cut() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let (amina, mara) = (world.phone("amina").await, world.phone("mara").await);
    mara.portal().keep_push_token("address").unwrap();
    mara.portal().catch_up().await.unwrap();
    let texts = ["\u{1}".repeat(65_536), "\u{1F469}\u{200D}\u{2695}\u{FE0F}".repeat(5_041)];

    for text in &texts {
        amina.portal().send(claim, text).unwrap();
    }
    amina.portal().catch_up().await.unwrap();
    let pushes = world.pushes(mara.device()).await;
    let target = mara.portal().resolve_tap(&pushes[1]).unwrap();

    assert_eq!(world.texts(claim).await, texts);
    let TapTarget::Message { shown: Shown::Preview { text, complete: false }, .. } = target else {
        panic!("the tap does not open the preview")
    };
    assert!(texts[1].starts_with(&text) && text.ends_with('\u{FE0F}'));
    mara.portal().catch_up().await.unwrap();
    let shown = mara.texts(claim);
    assert_eq!(shown[shown.len() - 2..], texts);
}
