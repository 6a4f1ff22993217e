//! `POST /v1/sign-in`: mails a code. The answer is the same for known and unknown addresses.

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::encoding::Sha256;
use portico_wire::problem::{Problem, ProblemCode};
use portico_wire::signin::{BeginSignIn, ChallengeBegun, is_email};
use std::sync::Arc;

use crate::door::{FromAddress, Json};
use crate::error::ApiError;
use crate::state::App;
use crate::store::{CHALLENGE_MS, normal_email};
use crate::throttle::Subject;

/// Begins a challenge. Asking again does not void an older one, so no stranger can void anything.
#[utoipa::path(post, path = "/v1/sign-in", request_body = BeginSignIn,
    responses((status = 200, body = ChallengeBegun), (status = "4XX", body = Problem)))]
pub(crate) async fn begin(
    State(app): State<App>,
    _: FromAddress,
    Json(request): Json<BeginSignIn>,
) -> Result<Answer<ChallengeBegun>, ApiError> {
    let email = normal_email(&request.email);
    if !is_email(&email) {
        return Err(ProblemCode::BadRequest.into());
    }
    let now_ms = app.now_ms();
    let subject = Subject::Email(Sha256::of(&[email.as_bytes()]));
    app.throttle().take(subject, app.config().throttle.sign_in, now_ms)?;
    let challenge_id = app.store().begin_sign_in(email, Arc::clone(app.keys())).await?;
    Ok(Answer(ChallengeBegun { challenge_id, expires_at_ms: now_ms + CHALLENGE_MS, server_time_ms: now_ms }))
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::config::Rate;
    use crate::testing::{Reply, World, call};

    async fn ask(world: &World, email: &str) -> Reply {
        let request = BeginSignIn { email: email.to_owned() };
        call(&world.app.router(), Method::POST, "/v1/sign-in", None, Some(&request)).await
    }

    // R42: who has an account here is nobody's business.
    #[tokio::test]
    async fn unknown_address_is_answered_like_a_known_one() {
        let world = World::new().await;

        let known = ask(&world, "amina@clients.example").await;
        let unknown = ask(&world, "nobody@clients.example").await;

        let (known_begun, unknown_begun): (ChallengeBegun, ChallengeBegun) = (known.json(), unknown.json());
        assert_eq!(known_begun.expires_at_ms, unknown_begun.expires_at_ms);
        assert_eq!((known.status, known.headers), (unknown.status, unknown.headers));
        assert_eq!(known.body.len(), unknown.body.len());
        assert_eq!(world.app.run_jobs_once().await.unwrap().mails, 1);
        let (begun, code) = world.begin("nobody@clients.example").await;
        assert_eq!(code, None);
        let phone = crate::testing::Phone::new(&world);
        let wrong = phone.answer(&begun, &phone.answer_to(&begun, "0000-0000")).await;
        assert_eq!((wrong.code().as_str(), wrong.problem().tries_left), ("wrong_code", Some(4)));
    }

    #[tokio::test]
    async fn what_is_no_address_is_refused() {
        let world = World::new().await;

        for text in ["", "amina", &format!("{}@x.example", "a".repeat(250)), "a@b\r\nBcc: c@d"] {
            assert_eq!(ask(&world, text).await.code(), "bad_request");
        }
    }

    // R42: it delays and never disables.
    #[tokio::test]
    async fn asking_too_often_is_delayed_and_then_goes_on() {
        let world = World::new().await;
        let mut config = world.config();
        config.throttle.sign_in = Rate { burst: 2, every_ms: 30_000 };
        let ports = world.ports().clone();
        let World { app, clock, firm, folder, .. } = world;
        drop(app);
        let app = App::open(config, ports.clone()).unwrap();
        let world = World::of(app, clock, firm, folder, ports);

        let answers = [ask(&world, "a@b.example").await, ask(&world, "A@b.example").await];
        let delayed = ask(&world, " a@b.example").await;

        assert!(answers.iter().all(|answer| answer.status.is_success()));
        assert_eq!(
            (delayed.code().as_str(), &delayed.headers["retry-after"]),
            ("throttled", &http::HeaderValue::from(30))
        );
        world.clock.advance_ms(30_000);
        assert_eq!(ask(&world, "a@b.example").await.status, 200);
    }
}
