//! `GET /v1/snapshot?epoch=E`: everything a phone begins from, read in one transaction.

use axum::Json;
use axum::extract::State;
use portico_wire::ids::Epoch;
use portico_wire::problem::Problem;
use portico_wire::sync::Snapshot;
use serde::Deserialize;

use crate::door::{Query, Signed};
use crate::error::ApiError;
use crate::state::App;

/// What is asked.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    epoch: Option<Epoch>,
}

/// Conversations with their newest entries, and where sync goes on.
#[utoipa::path(get, path = "/v1/snapshot",
    params(("epoch" = Option<Epoch>, Query, description = "The epoch the phone comes from.")),
    responses((status = 200, body = Snapshot), (status = "4XX", body = Problem)))]
pub(crate) async fn snapshot(
    State(app): State<App>,
    Signed(caller): Signed,
    Query(asked): Query<Asked>,
) -> Result<Json<Snapshot>, ApiError> {
    Ok(Json(app.store().snapshot(caller, asked.epoch, app.now_ms()).await?))
}

#[cfg(test)]
mod tests {
    use portico_wire::conversation::ConversationKind;

    use super::*;
    use crate::testing::World;

    // R16, R17, R18
    #[tokio::test]
    async fn each_person_begins_with_what_they_are_in() {
        let world = World::new().await;
        let table = [("mara", 5), ("jonas", 4), ("amina", 1), ("kenji", 1), ("ines", 0)];
        for (who, count) in table {
            let snapshot = world.phone(who).await.snapshot().await;

            assert_eq!(snapshot.conversations.len(), count, "{who}");
            for conversation in snapshot.conversations {
                let last = conversation.entries.last().map_or(0, |entry| entry.seq);
                assert_eq!(last, conversation.head.last_seq);
                assert!(conversation.head.may_post);
                let has_matter = conversation.head.matter_id.is_some();
                let kind = conversation.head.kind;
                assert_eq!(
                    has_matter,
                    !matches!(kind, ConversationKind::Direct | ConversationKind::StaffChannel)
                );
            }
        }
    }

    #[tokio::test]
    async fn snapshot_says_how_far_back_restores_went() {
        let mut world = World::new().await;
        let first = world.app.epoch();
        world.backup("b1");
        let taken = world.app.now_ms();
        world.clock.advance_ms(1_000);

        world = world.restore("b1");

        let mara = world.phone("mara").await;
        let asked =
            async |epoch: Epoch| mara.get(&format!("/v1/snapshot?epoch={epoch}")).await.json::<Snapshot>();
        assert_eq!(asked(first).await.restored_to_ms, Some(taken));
        assert_eq!(asked(world.app.epoch()).await.restored_to_ms, None);
        assert_eq!(asked(Epoch::from_bytes([9; 16])).await.restored_to_ms, Some(0));
        assert_eq!(asked(first).await.backed_up_through_ms, Some(taken));
    }
}
