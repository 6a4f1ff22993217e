//! `GET /v1/conversations/{id}/entries?before=SEQ&limit`: older entries, as far as the caller may read.

use axum::Json;
use axum::extract::State;
use portico_wire::ids::ConversationId;
use portico_wire::limits::{PAGE_ITEMS_MAX, SNAPSHOT_ENTRIES};
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::sync::HistoryPage;
use serde::Deserialize;

use crate::door::{PathId, Query, Signed};
use crate::error::ApiError;
use crate::state::App;

/// What is asked.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    before: Option<u64>,
    limit: Option<u32>,
}

/// Entries below `before`, ascending without a gap. What may not be known of is answered like what is not there.
#[utoipa::path(get, path = "/v1/conversations/{id}/entries",
    params(
        ("id" = ConversationId, Path, description = "The conversation."),
        ("before" = Option<u64>, Query, description = "Below this entry; absent: the newest."),
        ("limit" = Option<u32>, Query, description = "Most entries; at most 500."),
    ),
    responses((status = 200, body = HistoryPage), (status = "4XX", body = Problem)))]
pub(crate) async fn entries(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(conversation): PathId<ConversationId>,
    Query(asked): Query<Asked>,
) -> Result<Json<HistoryPage>, ApiError> {
    let limit = asked.limit.unwrap_or(SNAPSHOT_ENTRIES).clamp(1, PAGE_ITEMS_MAX);
    let page = app.store().history(caller, conversation, asked.before, limit).await?;
    page.map(Json).ok_or_else(|| ProblemCode::NotFound.into())
}

#[cfg(test)]
mod tests {
    use portico_wire::sync::HistoryPage;

    use super::*;
    use crate::testing::World;

    // R15
    #[tokio::test]
    async fn staff_read_what_they_are_not_in() {
        let world = World::new().await;
        let (firm, claim) = (world.firm.firm_id, world.conversation("claim"));
        let jonas_id = world.firm.people["jonas"].person_id;
        let (jonas, mara) = (world.phone("jonas").await, world.phone("mara").await);
        world.app.store().remove_participant(firm, claim, jonas_id, jonas_id).await.unwrap();
        mara.send(&world, claim, "later").await;

        let page: HistoryPage = jonas.get(&format!("/v1/conversations/{claim}/entries")).await.json();

        assert_eq!(page.entries.last().unwrap().body, "later");
        assert!(!page.more);
    }

    // R40
    #[tokio::test]
    async fn history_goes_back_page_by_page() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        for text in ["three", "four", "five"] {
            amina.send(&world, claim, text).await;
        }

        let newest: HistoryPage =
            amina.get(&format!("/v1/conversations/{claim}/entries?limit=2")).await.json();
        let older: HistoryPage =
            amina.get(&format!("/v1/conversations/{claim}/entries?before=4&limit=500")).await.json();

        assert_eq!(newest.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [4, 5]);
        assert!(newest.more);
        assert_eq!(older.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(!older.more);
    }

    // R16, R17, R18: denied is answered like absent, byte for byte, on every path that takes a conversation.
    #[tokio::test]
    async fn denied_conversations_answer_like_absent_ones() {
        let world = World::new().await;
        let absent = ConversationId::from_bytes([7; 16]);
        let looked = serde_json::json!({"epoch": world.app.epoch(), "ranges": []});
        let denied = [
            ("kenji", "claim"),
            ("amina", "notes"),
            ("ines", "library"),
            ("jonas", "estate"),
            ("amina", "direct"),
        ];
        for (who, what) in denied {
            let (phone, hidden) = (world.phone(who).await, world.conversation(what));
            for method in ["entries", "looked-at"] {
                let ask = async |id: ConversationId| {
                    let path = format!("/v1/conversations/{id}/{method}");
                    let reply = if method == "entries" {
                        phone.get(&path).await
                    } else {
                        phone.put(&path, &looked).await
                    };
                    (reply.status, reply.headers, reply.body)
                };

                assert_eq!(ask(hidden).await, ask(absent).await, "{who} {what} {method}");
                assert_eq!(ask(hidden).await.0, http::StatusCode::NOT_FOUND);
            }
        }
    }
}
