//! `PUT /v1/messages/{send_key}`: sends a text, or says again what became of its key.

use axum::Json;
use axum::extract::State;
use portico_wire::encoding::Sha256;
use portico_wire::ids::{ConversationId, SendKey};
use portico_wire::message::{Accepted, SendMessage};
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::receipt::Receipt;
use portico_wire::refusal::{Refusal, RefusalCode};

use crate::door::{Author, MessageJson, PathId};
use crate::error::ApiError;
use crate::log::ruling::Receipted;
use crate::state::App;
use crate::store::{Caller, SendAnswer, Sent};

/// Sends a text. Idempotent: the same key and meaning give the same outcome for ever.
#[utoipa::path(put, path = "/v1/messages/{send_key}",
    params(("send_key" = SendKey, Path, description = "Made by the phone, durably, before the first byte leaves.")),
    request_body = SendMessage,
    responses((status = 200, body = Accepted), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn put(
    State(app): State<App>,
    Author(caller): Author,
    PathId(key): PathId<SendKey>,
    MessageJson(message): MessageJson,
) -> Result<Json<Accepted>, ApiError> {
    if message.epoch != app.epoch() {
        return Err(ProblemCode::StaleEpoch.into());
    }
    let receipt = message.receipt.as_ref();
    let receipted = receipted(&app, caller, key, message.conversation_id, receipt, &message.digest());
    let answer = app.store().send(caller, key, message, receipted).await?;
    answered(&app, caller, answer).map(Json)
}

/// What a send key answers: the acceptance, or what stands in its place.
pub(crate) fn answered(app: &App, caller: Caller, answer: SendAnswer) -> Result<Accepted, ApiError> {
    match answer {
        SendAnswer::Accepted(sent) => Ok(accepted(app, caller, *sent)),
        SendAnswer::Refused(refusal) => Err(ApiError::refused(&refusal, app.epoch())),
        SendAnswer::Withdrawn => Err(ApiError::refused(&Refusal::of(RefusalCode::Withdrawn), app.epoch())),
        SendAnswer::ConversationMissing => Err(ProblemCode::ConversationMissing.into()),
        SendAnswer::DocumentMissing => Err(ProblemCode::DocumentMissing.into()),
    }
}

/// A receipt counts for exactly this send. One that does not is no offence: the send is an ordinary one then.
pub(crate) fn receipted(
    app: &App,
    caller: Caller,
    key: SendKey,
    conversation: ConversationId,
    receipt: Option<&Receipt>,
    digest: &Sha256,
) -> Receipted {
    let valid = receipt.is_some_and(|receipt| {
        receipt.conversation_id == conversation && app.keys().verifies(receipt, caller.person_id, key, digest)
    });
    if valid { Receipted::Valid } else { Receipted::No }
}

/// The accepting answer, with the receipt that outlives a restore.
pub(crate) fn accepted(app: &App, caller: Caller, sent: Sent) -> Accepted {
    let unsigned = Receipt {
        key_id: String::new(),
        conversation_id: sent.entry.conversation_id,
        epoch: sent.entry.epoch,
        seq: sent.entry.seq,
        accepted_at_ms: sent.entry.accepted_at_ms,
        signature: portico_wire::encoding::Base64::default(),
    };
    let receipt = app.keys().sign(unsigned, caller.person_id, sent.key, &sent.digest);
    Accepted { epoch: app.epoch(), entry: sent.entry, receipt }
}

#[cfg(test)]
mod tests {
    use portico_wire::limits::BODY_BYTES_MAX;
    use portico_wire::message::Accepted;

    use crate::testing::{World, call_raw};

    // R51
    #[tokio::test]
    async fn same_key_twice_is_one_entry() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let (key, message) = (amina.key(), amina.message(&world, claim, "I am late"));
        let before = world.app.store().read_log(claim).await.unwrap().len();

        let first: Accepted = amina.offer(key, &message).await.json();
        world.clock.advance_ms(5_000);
        let again: Accepted = amina.offer(key, &message).await.json();

        assert_eq!(first, again);
        assert_eq!(first.entry.send_key, Some(key));
        assert_eq!(world.app.store().read_log(claim).await.unwrap().len(), before + 1);
    }

    // R51
    #[tokio::test]
    async fn same_key_with_another_body_is_refused_for_good() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let key = amina.key();
        amina.offer(key, &amina.message(&world, claim, "one")).await.json::<Accepted>();

        let other = amina.offer(key, &amina.message(&world, claim, "two")).await;

        assert_eq!((other.status.as_u16(), other.code().as_str()), (409, "send_key_reused!"));
        assert_eq!(other.problem().epoch, Some(world.app.epoch()));
        let first: Accepted = amina.offer(key, &amina.message(&world, claim, "one")).await.json();
        assert_eq!(first.entry.body, "one");
    }

    // R21, R51: a refused key stays refused, so "send again" can not post twice.
    #[tokio::test]
    async fn refusal_is_repeated_after_its_cause_is_gone() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let (firm, mara) = (world.firm.firm_id, world.firm.people["mara"].person_id);
        world.app.store().archive(firm, claim, mara).await.unwrap();
        let (key, message) = (amina.key(), amina.message(&world, claim, "hello"));
        assert_eq!(amina.offer(key, &message).await.code(), "conversation_archived!");

        world.app.store().unarchive(firm, claim, mara).await.unwrap();

        assert_eq!(amina.offer(key, &message).await.code(), "conversation_archived!");
        assert_eq!(amina.send(&world, claim, "hello").await.entry.body, "hello");
    }

    #[tokio::test]
    async fn stale_epoch_looks_nothing_up() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let key = amina.key();
        let mut message = amina.message(&world, claim, "x");
        message.epoch = portico_wire::ids::Epoch::from_bytes([9; 16]);

        let stale = amina.offer(key, &message).await;

        assert_eq!((stale.status.as_u16(), stale.code().as_str()), (409, "stale_epoch"));
        assert_eq!(stale.problem().epoch, Some(world.app.epoch()));
        message.epoch = world.app.epoch();
        amina.offer(key, &message).await.json::<Accepted>();
    }

    // R4, R13
    #[tokio::test]
    async fn bodies_that_can_not_be_kept_are_refused_with_numbers() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let table = [
            ("", "body_empty!", None),
            ("a\0b", "body_has_nul!", None),
            (&"x".repeat(BODY_BYTES_MAX + 1), "body_too_long!", Some((65_536, 65_537))),
        ];
        for (body, code, numbers) in table {
            let refused = amina.offer(amina.key(), &amina.message(&world, claim, body)).await;

            assert_eq!(refused.code(), code);
            let problem = refused.problem();
            assert_eq!(problem.limit.zip(problem.measured), numbers);
        }
    }

    // R4
    #[tokio::test]
    async fn longest_body_of_control_characters_arrives_whole() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let body = "\u{1}".repeat(BODY_BYTES_MAX);

        let accepted = amina.send(&world, claim, &body).await;

        assert!(accepted.entry.body == body);
        assert_eq!(accepted.entry.computed_hash(world.firm.firm_id), accepted.entry.hash);
    }

    // R4
    #[tokio::test]
    async fn what_is_not_unicode_is_refused_and_leaves_the_key_free() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let (key, message) = (amina.key(), amina.message(&world, claim, "BODY"));
        let json = serde_json::to_string(&message).unwrap();
        let (head, tail) = json.split_once("BODY").unwrap();
        for lone in [r"\ud83d".as_bytes(), &[0xED, 0xA0, 0x80], &[0xFF]] {
            let bytes = [head.as_bytes(), lone, tail.as_bytes()].concat();
            let path = format!("/v1/messages/{key}");

            let refused = call_raw(&amina.router, http::Method::PUT, &path, Some(&amina.token), bytes).await;

            assert_eq!(refused.code(), "body_not_unicode!");
        }
        amina.offer(key, &message).await.json::<Accepted>();
    }

    #[tokio::test]
    async fn malformed_and_oversized_json_decides_nothing() {
        let world = World::new().await;
        let amina = world.phone("amina").await;
        let path = format!("/v1/messages/{}", amina.key());
        let put = |bytes| call_raw(&amina.router, http::Method::PUT, &path, Some(&amina.token), bytes);

        assert_eq!(put(b"{".to_vec()).await.code(), "bad_request");
        assert_eq!(put(vec![b' '; 512 * 1024 + 1]).await.code(), "payload_too_large");
    }

    // R15, R16, R17: denied is answered like absent, byte for byte.
    #[tokio::test]
    async fn denied_conversation_answers_like_an_absent_one() {
        let world = World::new().await;
        let jonas = world.phone("jonas").await;
        let absent = portico_wire::ids::ConversationId::from_bytes([7; 16]);
        let estate = world.conversation("estate");

        let denied = jonas.offer(jonas.key(), &jonas.message(&world, estate, "x")).await;
        let nothing = jonas.offer(jonas.key(), &jonas.message(&world, absent, "x")).await;

        assert_eq!(denied.code(), "conversation_not_found!");
        assert_eq!(
            (denied.status, denied.headers, denied.body),
            (nothing.status, nothing.headers, nothing.body)
        );
    }

    // R41, R43: a send of one who has left hears what became of it; nothing else is answered.
    #[tokio::test]
    async fn closed_account_gets_a_final_answer() {
        let world = World::new().await;
        let (mut amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let (firm, mara) = (world.firm.firm_id, world.firm.people["mara"].person_id);
        let amina_id = world.firm.people["amina"].person_id;

        world.app.store().end_membership(firm, amina_id, mara).await.unwrap();

        let refused = amina.offer(amina.key(), &amina.message(&world, claim, "x")).await;
        assert_eq!(refused.code(), "account_closed!");
        assert_eq!(amina.get("/v1/snapshot").await.code(), "membership_ended");
        // Also long after: what was on its way gets its answer, and nothing else does.
        world.clock.advance_ms(24 * 60 * 60 * 1000);
        amina.refresh().await;
        let late = amina.offer(amina.key(), &amina.message(&world, claim, "y")).await;
        assert_eq!(late.code(), "account_closed!");
        assert_eq!(amina.get("/v1/snapshot").await.code(), "membership_ended");
    }
}
