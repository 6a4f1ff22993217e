//! `GET /v1/sync?cursor=EPOCH.SEQ&limit&wait`: what changed since. The one realtime mechanism.
//!
//! Invariants: subscribes first, looks, then waits, so nothing falls between. A wake is a hint, the log the truth.

use axum::Json;
use axum::extract::State;
use futures_util::future::{Either, select};
use portico_wire::limits::{PAGE_ITEMS_MAX, SYNC_WAIT_S_MAX};
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::sync::{Cursor, SyncPage};
use serde::Deserialize;

use crate::door::{Query, Signed};
use crate::error::ApiError;
use crate::state::App;
use crate::store::{EventPage, Found};

/// What is asked.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    cursor: String,
    limit: Option<u32>,
    wait: Option<u32>,
}

/// Events after the cursor, ascending without a gap; waits for one if there is none.
#[utoipa::path(get, path = "/v1/sync",
    params(
        ("cursor" = String, Query, description = "EPOCH.SEQ"),
        ("limit" = Option<u32>, Query, description = "Most events; at most 500."),
        ("wait" = Option<u32>, Query, description = "Seconds to wait for the first event; at most 25."),
    ),
    responses((status = 200, body = SyncPage), (status = "4XX", body = Problem)))]
pub(crate) async fn sync(
    State(app): State<App>,
    Signed(caller): Signed,
    Query(asked): Query<Asked>,
) -> Result<Json<SyncPage>, ApiError> {
    let cursor: Cursor = asked.cursor.parse().map_err(|_| ProblemCode::BadRequest)?;
    if cursor.epoch != app.epoch() {
        return Err(ProblemCode::CursorReset.into());
    }
    let limit = asked.limit.unwrap_or(PAGE_ITEMS_MAX).clamp(1, PAGE_ITEMS_MAX);
    let wait_ms = u64::from(asked.wait.unwrap_or(0).min(SYNC_WAIT_S_MAX)) * 1_000;
    let mut changes = app.store().wakes().subscribe(caller.firm_id, caller.person_id);
    let mut over: Option<futures_util::future::BoxFuture<'static, ()>> = None;
    loop {
        let page = match app.store().events_after(caller, cursor.seq, limit).await? {
            Found::SessionEnded => return Err(ProblemCode::SessionEnded.into()),
            Found::MembershipEnded => return Err(ProblemCode::MembershipEnded.into()),
            Found::BeyondTheLog => return Err(ProblemCode::CursorReset.into()),
            Found::Events(page) => page,
        };
        if !page.events.is_empty() || wait_ms == 0 {
            return Ok(Json(answer(&app, page)));
        }
        let mut stopping = app.stopping();
        let wait = over.get_or_insert_with(|| app.ports().clock.sleep_ms(wait_ms));
        let stopped = Box::pin(stopping.wait_for(|stopping| *stopping));
        match select(Box::pin(changes.changed()), select(wait, stopped)).await {
            Either::Left((Ok(()), _)) => {}
            Either::Left((Err(_), _)) | Either::Right(_) => return Ok(Json(answer(&app, page))),
        }
    }
}

fn answer(app: &App, page: EventPage) -> SyncPage {
    SyncPage {
        epoch: app.epoch(),
        events: page.events,
        next_seq: page.next_seq,
        more: page.more,
        server_time_ms: app.now_ms(),
        backed_up_through_ms: page.backed_up_through_ms,
    }
}

#[cfg(test)]
mod tests {
    use portico_wire::sync::EventBody;
    use portico_wire::sync::SyncEvent;

    use super::*;
    use crate::testing::{Phone, World, until};

    async fn cursor(world: &World, phone: &Phone) -> Cursor {
        Cursor { epoch: world.app.epoch(), seq: phone.snapshot().await.next_seq }
    }

    fn kinds(events: &[SyncEvent]) -> Vec<&str> {
        events.iter().map(|event| event.kind.as_str()).collect()
    }

    // R40
    #[tokio::test]
    async fn everybody_in_it_hears_of_a_message_in_order() {
        let world = World::new().await;
        let (amina, mara, claim) =
            (world.phone("amina").await, world.phone("mara").await, world.conversation("claim"));
        let start = cursor(&world, &mara).await;
        for text in ["one", "two", "three"] {
            amina.send(&world, claim, text).await;
        }

        let page = mara.sync_after(start).await;

        let seqs: Vec<u64> = page.events.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, [start.seq + 1, start.seq + 2, start.seq + 3]);
        let texts = page.events.iter().map(|event| match event.body() {
            EventBody::Entry(entry) => (entry.body, entry.send_key),
            other => panic!("{other:?}"),
        });
        let said = ["one", "two", "three"].map(|text| (text.to_owned(), None));
        assert_eq!(texts.collect::<Vec<_>>(), said);
    }

    #[tokio::test]
    async fn pages_join_without_a_gap() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let start = cursor(&world, &amina).await;
        for _ in 0..7 {
            amina.send(&world, claim, &"x".repeat(60_000)).await;
        }
        let (mut seen, mut at) = (Vec::new(), start);
        for _ in 0..7 {
            let page = amina.sync_after(at).await;
            assert!(page.events.len() < 6, "a page ends at 256 KiB");
            seen.extend(page.events.iter().map(|event| event.seq));
            at.seq = page.next_seq;
            if !page.more {
                break;
            }
        }

        assert_eq!(seen, (start.seq + 1..=start.seq + 7).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn cursors_of_another_life_are_reset() {
        let world = World::new().await;
        let amina = world.phone("amina").await;
        let mut at = cursor(&world, &amina).await;
        at.seq += 1;

        let beyond = amina.get(&format!("/v1/sync?cursor={at}")).await;
        at.epoch = portico_wire::ids::Epoch::from_bytes([9; 16]);
        let foreign = amina.get(&format!("/v1/sync?cursor={at}")).await;

        assert_eq!((beyond.status.as_u16(), beyond.code().as_str()), (410, "cursor_reset"));
        assert_eq!(foreign.code(), "cursor_reset");
        assert_eq!(amina.get("/v1/sync?cursor=nonsense").await.code(), "bad_request");
    }

    #[tokio::test]
    async fn long_poll_wakes_for_a_message_and_ends_empty_in_time() {
        let world = World::new().await;
        let (amina, mara, claim) =
            (world.phone("amina").await, world.phone("mara").await, world.conversation("claim"));
        let start = cursor(&world, &mara).await;
        let path = format!("/v1/sync?cursor={start}&wait=25");

        let (waited, ()) = tokio::join!(mara.get(&path), async {
            until(|| world.clock.is_awaited()).await;
            amina.send(&world, claim, "wake up").await;
        });
        let woken: SyncPage = waited.json();
        let path = format!("/v1/sync?cursor={}.{}&wait=25", world.app.epoch(), woken.next_seq);
        world.clock.advance_ms(0);
        let (waited, ()) = tokio::join!(mara.get(&path), async {
            until(|| world.clock.is_awaited()).await;
            world.clock.advance_ms(25_000);
        });

        assert_eq!(kinds(&woken.events), ["entry"]);
        let empty: SyncPage = waited.json();
        assert_eq!((empty.events.len(), empty.next_seq, empty.more), (0, woken.next_seq, false));
    }

    #[tokio::test]
    async fn stopping_server_answers_long_polls_at_once() {
        let world = World::new().await;
        let mara = world.phone("mara").await;
        let path = format!("/v1/sync?cursor={}&wait=25", cursor(&world, &mara).await);

        let (waited, ()) = tokio::join!(mara.get(&path), async {
            until(|| world.clock.is_awaited()).await;
            world.app.stop();
        });

        assert!(waited.json::<SyncPage>().events.is_empty());
    }

    // R41, R17: what was written while one could read comes out as nothing afterwards, and leaves no hole.
    #[tokio::test]
    async fn lost_access_skips_what_it_hides_and_says_so() {
        let world = World::new().await;
        let (firm, direct) = (world.firm.firm_id, world.conversation("direct"));
        let (mara, jonas) = (world.phone("mara").await, world.phone("jonas").await);
        let jonas_id = world.firm.people["jonas"].person_id;
        let start = cursor(&world, &jonas).await;
        mara.send(&world, direct, "before").await;
        let mara_id = world.firm.people["mara"].person_id;

        world.app.store().remove_participant(firm, direct, jonas_id, mara_id).await.unwrap();
        mara.send(&world, direct, "after").await;

        let page = jonas.sync_after(start).await;
        assert_eq!(kinds(&page.events), ["skipped", "access_lost"]);
        assert_eq!(page.events[0].data.get(), "{}");
        assert_eq!(jonas.snapshot().await.conversations.len(), 3);
    }

    // R5, R54: a look reaches the devices of the one who looked, and nobody else.
    #[tokio::test]
    async fn look_is_heard_by_its_own_person_alone() {
        let world = World::new().await;
        let (amina, mara, claim) =
            (world.phone("amina").await, world.phone("mara").await, world.conversation("claim"));
        let tablet = world.phone("amina").await;
        let (hers, his) = (cursor(&world, &amina).await, cursor(&world, &mara).await);
        let looked = serde_json::json!({
            "epoch": world.app.epoch(),
            "ranges": [{"from_seq": 2, "to_seq": 9, "shown_at_ms": 5}, {"from_seq": 2, "to_seq": 2, "shown_at_ms": 6}],
        });
        let before = mara.get("/v1/snapshot").await.body;

        let answer = amina.put(&format!("/v1/conversations/{claim}/looked-at"), &looked).await;

        let ranges = serde_json::json!([{"from_seq": 2, "to_seq": 2}]);
        assert_eq!(answer.json::<serde_json::Value>()["ranges"], ranges);
        assert_eq!(kinds(&tablet.sync_after(hers).await.events), ["looked_at"]);
        assert_eq!(mara.sync_after(his).await.events.len(), 0);
        assert_eq!(mara.get("/v1/snapshot").await.body, before);
        amina.put(&format!("/v1/conversations/{claim}/looked-at"), &looked).await;
        assert_eq!(kinds(&amina.sync_after(hers).await.events), ["looked_at"]);
    }

    // R19: one who left reads on as of leaving and sees nothing of what follows.
    #[tokio::test]
    async fn departed_client_keeps_what_was_and_hears_no_more() {
        let world = World::new().await;
        let (firm, claim) = (world.firm.firm_id, world.conversation("claim"));
        let (amina, mara) = (world.phone("amina").await, world.phone("mara").await);
        let [mara_id, amina_id, kenji_id] =
            ["mara", "amina", "kenji"].map(|short| world.firm.people[short].person_id);
        world.app.store().add_participant(firm, claim, kenji_id, mara_id).await.unwrap();
        let start = cursor(&world, &amina).await;

        world.app.store().remove_participant(firm, claim, amina_id, mara_id).await.unwrap();
        mara.send(&world, claim, "without her").await;

        assert_eq!(kinds(&amina.sync_after(start).await.events), ["conversation"]);
        let snapshot = amina.snapshot().await;
        let [held] = snapshot.conversations.as_slice() else { panic!("one conversation") };
        assert_eq!((held.head.last_seq, held.head.may_post, held.head.participants.len()), (3, false, 4));
        assert_eq!(held.entries.len(), 3);
        let history = amina.get(&format!("/v1/conversations/{claim}/entries")).await;
        assert_eq!(history.json::<portico_wire::sync::HistoryPage>().entries, held.entries);
    }
}
