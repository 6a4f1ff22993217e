//! `POST /v1/sends/{key}/withdraw`: takes a send back, also one that has not come yet. Asks authentication only.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::ids::SendKey;
use portico_wire::message::{Withdraw, WithdrawAnswer};
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::refusal::RefusalCode;

use crate::door::{Author, Json, PathId};
use crate::error::ApiError;
use crate::routes::messages::put::accepted;
use crate::state::App;
use crate::store::SendAnswer;

/// Withdraws a send: accepted, refused or withdrawn, the same for ever.
#[utoipa::path(post, path = "/v1/sends/{key}/withdraw",
    params(("key" = SendKey, Path, description = "The send key.")),
    request_body = Withdraw,
    responses((status = 200, body = WithdrawAnswer), (status = "4XX", body = Problem)))]
pub(crate) async fn withdraw(
    State(app): State<App>,
    Author(caller): Author,
    PathId(key): PathId<SendKey>,
    Json(request): Json<Withdraw>,
) -> Result<Answer<WithdrawAnswer>, ApiError> {
    let epoch = app.epoch();
    if request.epoch != epoch {
        return Err(ProblemCode::StaleEpoch.into());
    }
    let (answer, segment) = app.store().withdraw(caller, key).await?;
    if let Some(segment) = segment {
        app.uploads().end(segment).await;
    }
    Ok(Answer(match answer {
        SendAnswer::Accepted(sent) => WithdrawAnswer::Accepted(Box::new(accepted(&app, caller, *sent))),
        // A key that was withdrawn may have been refused as such before; it is the same answer.
        SendAnswer::Refused(refusal) if refusal.code == RefusalCode::Withdrawn => {
            WithdrawAnswer::Withdrawn { epoch }
        }
        SendAnswer::Refused(refusal) => WithdrawAnswer::Refused { epoch, refusal },
        SendAnswer::Withdrawn => WithdrawAnswer::Withdrawn { epoch },
        SendAnswer::ConversationMissing | SendAnswer::DocumentMissing => {
            return Err(ProblemCode::Internal.into());
        }
    }))
}

#[cfg(test)]
mod tests {
    use portico_wire::message::{Accepted, WithdrawAnswer};
    use portico_wire::refusal::RefusalCode;

    use crate::testing::World;

    // R51
    #[tokio::test]
    async fn late_copy_of_a_withdrawn_send_never_posts() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let (key, message) = (amina.key(), amina.message(&world, claim, "never"));
        let before = world.app.store().read_log(claim).await.unwrap();

        let answer: WithdrawAnswer = amina.withdraw(&world, key).await.json();
        let late = amina.offer(key, &message).await;

        assert_eq!(answer, WithdrawAnswer::Withdrawn { epoch: world.app.epoch() });
        assert_eq!(late.code(), "withdrawn!");
        assert_eq!(amina.withdraw(&world, key).await.json::<WithdrawAnswer>(), answer);
        assert_eq!(world.app.store().read_log(claim).await.unwrap(), before);
    }

    // R51
    #[tokio::test]
    async fn withdrawal_after_acceptance_hears_of_the_entry() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let (key, message) = (amina.key(), amina.message(&world, claim, "too late"));
        let accepted: Accepted = amina.offer(key, &message).await.json();

        let answer: WithdrawAnswer = amina.withdraw(&world, key).await.json();

        assert_eq!(answer, WithdrawAnswer::Accepted(Box::new(accepted)));
    }

    // R51: access is not asked, or a refused send could never be dismissed.
    #[tokio::test]
    async fn withdrawal_of_a_refused_send_hears_the_refusal() {
        let world = World::new().await;
        let (jonas, estate) = (world.phone("jonas").await, world.conversation("estate"));
        let key = jonas.key();
        jonas.offer(key, &jonas.message(&world, estate, "x")).await;

        let answer: WithdrawAnswer = jonas.withdraw(&world, key).await.json();

        let WithdrawAnswer::Refused { refusal, .. } = answer else { panic!("{answer:?}") };
        assert_eq!(refusal.code, RefusalCode::ConversationNotFound);
    }

    #[tokio::test]
    async fn withdrawal_in_another_epoch_records_nothing() {
        let world = World::new().await;
        let (amina, claim) = (world.phone("amina").await, world.conversation("claim"));
        let (key, epoch) = (amina.key(), portico_wire::ids::Epoch::from_bytes([9; 16]));

        let withdraw = portico_wire::message::Withdraw { epoch };
        let stale = amina.post(&format!("/v1/sends/{key}/withdraw"), &withdraw).await;

        assert_eq!(stale.code(), "stale_epoch");
        amina.offer(key, &amina.message(&world, claim, "posts")).await.json::<Accepted>();
    }

    // R51: one person's keys say nothing of another's.
    #[tokio::test]
    async fn keys_of_two_people_do_not_meet() {
        let world = World::new().await;
        let (amina, mara) = (world.phone("amina").await, world.phone("mara").await);
        let (key, claim) = (amina.key(), world.conversation("claim"));
        amina.withdraw(&world, key).await.json::<WithdrawAnswer>();

        mara.offer(key, &mara.message(&world, claim, "mine")).await.json::<Accepted>();
    }
}
