//! Whatever anybody asks of whatever route, all that was said is still there.

use http::Method;
use portico_wire::entry::Entry;
use portico_wire::ids::{AttachmentId, DocumentId};

use super::requests::Aims;
use super::{documents, routes};
use crate::testing::{Pack, Phone, World, call};

/// The routes that take something away, and why nothing that was said goes with it.
const TAKE_AWAY: [(&str, &str); 4] = [
    ("DELETE /v1/conversations/{id}/participants/{person}", "ends a stay, and the log says so"),
    ("DELETE /v1/devices/{id}", "signs a device out"),
    ("DELETE /v1/factors/totp", "takes the caller's own authenticator app away"),
    ("DELETE /v1/uploads", "gives up bytes that are in no log yet"),
];

// R21: there is no route that deletes what was said.
#[tokio::test]
async fn routes_that_delete_take_nothing_that_was_said() {
    let world = World::new().await;
    let known = routes(&world);

    let deleting: Vec<&str> =
        known.iter().filter(|route| route.starts_with("DELETE")).map(String::as_str).collect();

    assert_eq!(deleting, TAKE_AWAY.map(|(route, _)| route));
    assert!(TAKE_AWAY.iter().all(|(_, reason)| !reason.is_empty()));
}

/// What was said in the whole firm.
async fn said(world: &World) -> Vec<Vec<Entry>> {
    let mut logs = Vec::new();
    for conversation in world.firm.conversations.values() {
        logs.push(world.app.store().read_log(*conversation).await.unwrap());
    }
    logs
}

/// Every route, and DELETE where no route is, by one person.
async fn ask_everything(world: &World, phone: &Phone, attachment: AttachmentId, document: DocumentId) {
    let routes = routes(world);
    for (conversation, person) in world.firm.conversations.values().zip(world.firm.people.values()) {
        let aims = Aims {
            conversation: *conversation,
            matter: world.firm.matters["harbour"],
            attachment,
            document,
            person: person.person_id,
            restricted_to: None,
        };
        // Signing out would end it, and is asked at last.
        let ends =
            ["DELETE /v1/devices/{id}", "POST /v1/devices/{id}/wipe", "POST /v1/people/{id}/readmission"];
        for route in routes.iter().filter(|route| !ends.contains(&route.as_str())) {
            aims.ask(world, phone, route).await;
            let (_, path) = route.split_once(' ').unwrap();
            if !TAKE_AWAY.iter().any(|(route, _)| route.ends_with(path)) {
                let asked = aims.ask(world, phone, &format!("DELETE {path}")).await;
                assert!(asked.status.is_client_error(), "DELETE {path}: {}", asked.status);
            }
        }
    }
    let anything = ["/v1/conversations", "/v1/messages", "/v1/matters", "/v1/entries", "/v1/attachments"];
    for path in anything {
        let asked = call(&phone.router, Method::DELETE, path, Some(&phone.token), None::<&()>).await;
        assert!(asked.status.is_client_error(), "DELETE {path}: {}", asked.status);
    }
}

// R21: whatever is asked, by whomever, what was said stays as it was, files included, over a restart too.
#[tokio::test]
async fn nothing_that_anybody_asks_takes_back_what_was_said() {
    let world = World::new().await;
    let claim = world.conversation("claim");
    let mut phones = Vec::new();
    for short in ["ines", "kenji", "amina", "jonas", "mara"] {
        phones.push(world.phone(short).await);
    }
    let amina = &phones[2];
    let pack = Pack::of(amina, &world, claim, &[10, 20]);
    let opened = amina.opened(&amina.open(&pack).await);
    let accepted: portico_wire::message::Accepted =
        amina.patch(&opened.capability, 0, pack.bytes.clone()).await.json();
    let file = accepted.entry.files[1].attachment_id;
    let [document, _] = documents::two(&phones[4], world.firm.matters["harbour"]).await;
    let (before, bytes) = (said(&world).await, amina.attachment(file).await.body);

    // Taking back what is accepted, by its key and by its capability.
    amina.withdraw(&world, pack.key).await;
    amina.cancel(&opened.capability).await;
    for phone in &phones {
        ask_everything(&world, phone, file, document).await;
    }
    for phone in &phones {
        phone.post(&format!("/v1/devices/{}/wipe", phone.device), &()).await;
    }
    world.clock.advance_ms(100 * 86_400_000);
    world.app.run_jobs_once().await.unwrap();
    phones.iter_mut().for_each(Phone::hang_up);
    let world = world.restart();

    for (before, after) in before.iter().zip(said(&world).await) {
        assert_eq!(before[..], after[..before.len()], "what was said comes first, unchanged");
    }
    // Staff have left the firm meanwhile; who sent it has left the conversation only.
    assert_eq!(world.phone("amina").await.attachment(file).await.body, bytes);
    assert_eq!(world.app.verify().await.unwrap().faults, []);
}
