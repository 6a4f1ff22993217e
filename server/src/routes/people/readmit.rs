//! `POST /v1/people/{id}/readmission`: the firm lets somebody in again who lost everything that proves them.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::ids::PersonId;
use portico_wire::message::Done;
use portico_wire::problem::Problem;

use crate::door::{PathId, Signed};
use crate::error::ApiError;
use crate::state::App;

/// Signs their devices at this firm out and forgets their factors here; they are told by mail. By staff, after a step-up, and
/// after the firm has made sure who asks.
#[utoipa::path(post, path = "/v1/people/{id}/readmission",
    params(("id" = PersonId, Path, description = "Who lost everything.")),
    responses((status = 200, body = Done), (status = "4XX", body = Problem)))]
pub(crate) async fn readmit(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(person): PathId<PersonId>,
) -> Result<Answer<Done>, ApiError> {
    app.store().readmit(caller, person, Arc::clone(app.keys())).await?.done()?;
    Ok(Answer(Done { epoch: app.epoch() }))
}

#[cfg(test)]
mod tests {
    use portico_wire::factor::RecoveryCodes;
    use portico_wire::signin::ChallengeAnswered;

    use crate::assurance::SignInPolicy;
    use crate::testing::{Phone, World};

    // R42: one act of the firm lets in whoever lost everything; it reopens that firm only, and everybody else's door stays.
    #[tokio::test]
    async fn firm_lets_in_whoever_lost_everything() {
        let world = World::new().await;
        let (mara, amina, kenji) =
            (world.phone("mara").await, world.phone("amina").await, world.phone("kenji").await);
        amina.post("/v1/factors/recovery-codes", &()).await.json::<RecoveryCodes>();
        world.app.store().set_sign_in_policy(world.firm.firm_id, SignInPolicy::USUAL).await.unwrap();
        let path = format!("/v1/people/{}/readmission", world.firm.people["amina"].person_id);
        let sign_in = async || {
            let phone = Phone::new(&world);
            let (begun, code) = world.begin("amina@clients.example").await;
            phone.answer(&begun, &phone.answer_to(&begun, &code.unwrap())).await.json::<ChallengeAnswered>()
        };

        assert!(matches!(sign_in().await, ChallengeAnswered::FactorNeeded { .. }));
        assert_eq!(kenji.post(&path, &()).await.code(), "not_allowed");
        world.clock.advance_ms(5 * 60_000);
        assert_eq!(mara.post(&path, &()).await.code(), "step_up_needed");
        mara.step_up_in_person().await;
        assert_eq!(mara.post(&path, &()).await.status, 200);

        assert_eq!(amina.get("/v1/snapshot").await.code(), "access_token_expired");
        assert_eq!(amina.nonce().await.code(), "session_ended");
        assert!(matches!(sign_in().await, ChallengeAnswered::SignedIn(_)));
        assert_eq!(kenji.get("/v1/snapshot").await.status, 200);
        let nobody = format!("/v1/people/{}/readmission", mara.key());
        assert_eq!(mara.post(&nobody, &()).await.code(), "not_found");
    }
}
