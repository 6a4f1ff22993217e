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
