//! `POST /v1/people/{id}/invitation`: a link for somebody of the firm, who need type neither server nor address.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::ids::PersonId;
use portico_wire::invitation::Invited;
use portico_wire::problem::Problem;

use crate::door::{PathId, Signed};
use crate::error::ApiError;
use crate::routes::made;
use crate::state::App;

/// Mails the link, and answers it for a QR code on a desk. By staff. It proves nothing: a code is mailed to whoever follows it, at the
/// person's address. The one before works no more.
#[utoipa::path(post, path = "/v1/people/{id}/invitation",
    params(("id" = PersonId, Path, description = "Who is invited.")),
    responses((status = 200, body = Invited), (status = "4XX", body = Problem)))]
pub(crate) async fn invite(
    State(app): State<App>,
    Signed(caller): Signed,
    PathId(person): PathId<PersonId>,
) -> Result<Answer<Invited>, ApiError> {
    let invited = app.store().invite(caller, person, app.address(), Arc::clone(app.keys())).await?;
    Ok(Answer(made(invited)?))
}

#[cfg(test)]
mod tests {
    use http::Method;
    use portico_wire::invitation::{BeginInvited, Invitation, Invited};
    use portico_wire::signin::{ChallengeAnswered, ChallengeBegun};

    use crate::testing::{Phone, World, call};

    async fn follow(world: &World, link: &str) -> (ChallengeBegun, Option<String>) {
        let code = Invitation::parse(link).unwrap().code.shown();
        let begin = BeginInvited { invitation: code };
        let begun =
            call(&world.app.router(), Method::POST, "/v1/sign-in/invited", None, Some(&begin)).await.json();
        let code = world.code_of(&begun).await;
        (begun, code)
    }

    // R7, R42: who was invited types neither server nor address, and belongs to the firm that invited; the mail goes to them alone.
    #[tokio::test]
    async fn invitation_stands_for_an_address_at_one_firm() {
        let world = World::new().await;
        let (mara, amina) = (world.phone("mara").await, world.phone("amina").await);
        world.second_firm_of("kenji", "K. Mori").await;
        let kenji = &world.firm.people["kenji"];
        let path = format!("/v1/people/{}/invitation", kenji.person_id);

        let invited: Invited = mara.post(&path, &()).await.json();
        world.app.run_jobs_once().await.unwrap();
        let mails = std::fs::read_dir(world.config().mail()).unwrap();
        let texts = mails.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
        let mailed = texts.filter(|text| text.contains(&invited.link)).collect::<Vec<_>>();
        let (begun, code) = follow(&world, &invited.link).await;
        let phone = Phone::new(&world);
        let answered = phone.answer(&begun, &phone.answer_to(&begun, &code.unwrap())).await.json();

        assert!(mailed[0].contains(&format!("To: {}\r\n", kenji.email)) && mailed.len() == 1);
        let ChallengeAnswered::SignedIn(session) = answered else {
            panic!("the firm is known: {answered:?}")
        };
        assert_eq!(session.firm_id, world.firm.firm_id);
        assert_eq!(amina.post(&path, &()).await.code(), "not_allowed");
        assert_eq!(
            mara.post(&format!("/v1/people/{}/invitation", mara.key()), &()).await.code(),
            "not_found"
        );
    }

    // R42: what is over, void, made up, or of somebody who left is answered like any other, and mails nobody.
    #[tokio::test]
    async fn invitation_that_does_not_hold_tells_nothing() {
        let world = World::new().await;
        let mut mara = world.phone("mara").await;
        let path = |short: &str| format!("/v1/people/{}/invitation", world.firm.people[short].person_id);
        let void: Invited = mara.post(&path("kenji"), &()).await.json();
        let over: Invited = mara.post(&path("kenji"), &()).await.json();
        let left: Invited = mara.post(&path("jonas"), &()).await.json();
        let [jonas, by] = ["jonas", "mara"].map(|short| world.firm.people[short].person_id);
        world.app.store().end_membership(world.firm.firm_id, jonas, by).await.unwrap();
        let made_up = format!("https://x.example/invitation#{}", "0".repeat(24));

        for link in [&void.link, &left.link, &made_up] {
            assert_eq!(follow(&world, link).await.1, None, "{link}");
        }
        assert!(follow(&world, &over.link).await.1.is_some());
        world.clock.advance_ms(30 * 24 * 60 * 60 * 1_000);
        assert_eq!(follow(&world, &over.link).await.1, None);
        let slip = BeginInvited { invitation: "K7".to_owned() };
        let slip = call(&world.app.router(), Method::POST, "/v1/sign-in/invited", None, Some(&slip)).await;
        assert_eq!(slip.code(), "bad_request");
        mara.refresh().await;
    }
}
