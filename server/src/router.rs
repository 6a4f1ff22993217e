//! The list of routes, and what every answer gets: epoch in problems, safe headers, a log line.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, routing};
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue};
use portico_wire::problem::ProblemCode;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::Instrument as _;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{self, ApiError};
use crate::state::App;
use crate::{door, routes as endpoints};

/// What the document says of the whole.
#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "Portico",
    version = "1",
    description = "Version 1 of what Portico's phones say to a server. Every error is a Problem."
))]
struct Document;

/// Every route, and the document that describes them.
pub(crate) fn routes(app: &App) -> (Router, OpenApi) {
    let spoken = account_routes()
        .routes(routes!(endpoints::sync::sync))
        .routes(routes!(endpoints::snapshot::snapshot))
        .routes(routes!(endpoints::messages::put::put))
        .routes(routes!(endpoints::sends::withdraw::withdraw))
        .routes(routes!(endpoints::batches::put::put))
        .routes(routes!(endpoints::batches::get::get))
        .routes(routes!(endpoints::attachments::get::get))
        .routes(routes!(endpoints::conversations::looked_at::looked_at))
        .routes(routes!(endpoints::conversations::entries::entries))
        .routes(routes!(endpoints::conversations::list::list, endpoints::conversations::begin::begin))
        .routes(routes!(endpoints::conversations::head::head))
        .routes(routes!(
            endpoints::conversations::participants::add,
            endpoints::conversations::participants::remove
        ))
        .routes(routes!(endpoints::conversations::state::state))
        .routes(routes!(endpoints::conversations::readers::readers))
        .routes(routes!(endpoints::matters::list::list, endpoints::matters::open::open))
        .routes(routes!(endpoints::matters::access::access))
        .routes(routes!(endpoints::documents::list::list, endpoints::documents::add::file))
        .routes(routes!(endpoints::documents::add::bytes))
        .routes(routes!(endpoints::documents::history::history))
        .routes(routes!(endpoints::documents::content::content))
        .routes(routes!(endpoints::documents::versions::file))
        .routes(routes!(endpoints::documents::versions::bytes))
        .routes(routes!(endpoints::documents::name::name))
        .routes(routes!(endpoints::documents::removal::removal))
        .routes(routes!(endpoints::documents::copies::put))
        .routes(routes!(endpoints::people::list::list, endpoints::people::add::add))
        .routes(routes!(endpoints::people::depart::depart))
        .routes(routes!(endpoints::people::readmit::readmit))
        .routes(routes!(endpoints::people::invite::invite))
        .routes(routes!(endpoints::search::get::search))
        .route_layer(middleware::from_fn(door::speak_wire));
    // An operating system's uploader and curl speak no wire version: a capability is all that they have.
    let carried = OpenApiRouter::new()
        .routes(routes!(endpoints::uploads::head::head))
        .routes(routes!(endpoints::uploads::patch::patch))
        .routes(routes!(endpoints::uploads::put::put))
        .routes(routes!(endpoints::uploads::cancel::cancel));
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(spoken)
        .merge(carried)
        .routes(routes!(endpoints::limits::limits))
        .routes(routes!(endpoints::health::healthz))
        .routes(routes!(endpoints::health::readyz))
        .split_for_parts();
    let served = document.clone();
    let router = router
        .route("/v1/openapi.json", routing::get(async move || axum::Json(served)))
        .fallback(async || ApiError::from(ProblemCode::NotFound))
        .method_not_allowed_fallback(async || ApiError::from(ProblemCode::NotFound))
        .layer(CatchPanicLayer::custom(|_| ApiError::from(ProblemCode::Internal).into_response()))
        .layer(middleware::map_response_with_state(app.clone(), error::state_epoch))
        .layer(header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(CACHE_CONTROL, "no-store"))
        .layer(middleware::from_fn_with_state(app.clone(), watch))
        .with_state(app.clone());
    (router, document)
}

/// Signing in, and what protects an account.
fn account_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(endpoints::signin::begin::begin))
        .routes(routes!(endpoints::signin::invited::invited))
        .routes(routes!(endpoints::signin::answer::answer))
        .routes(routes!(endpoints::sessions::nonce::nonce))
        .routes(routes!(endpoints::sessions::refresh::refresh))
        .routes(routes!(endpoints::devices::list::list))
        .routes(routes!(endpoints::devices::sign_out::sign_out))
        .routes(routes!(endpoints::devices::push::push))
        .routes(routes!(endpoints::devices::wipe::wipe))
        .routes(routes!(endpoints::email::change::change))
        .routes(routes!(endpoints::email::confirm::confirm))
        .routes(routes!(endpoints::approvals::list::list))
        .routes(routes!(endpoints::approvals::decide::decide))
        .routes(routes!(endpoints::factors::list::list))
        .routes(routes!(endpoints::factors::step_up::step_up))
        .routes(routes!(endpoints::factors::totp::show, endpoints::factors::totp::remove))
        .routes(routes!(endpoints::factors::totp::confirm))
        .routes(routes!(endpoints::factors::recovery::make))
}

fn header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

/// One log line and one count for each request: route and status, never a body, a token or a name.
async fn watch(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let id = u64::from_be_bytes(app.ports().random());
    let span = tracing::info_span!("request", id = %format!("{id:016x}"), method = %request.method(), route);
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    metrics::counter!("portico_requests_total", "route" => route, "status" => status.to_string())
        .increment(1);
    span.in_scope(|| tracing::debug!(status, "answered"));
    response
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::testing::{World, call};

    #[tokio::test]
    async fn document_of_the_api_is_the_kept_one() {
        let world = World::new().await;

        let served = call(&world.app.router(), Method::GET, "/v1/openapi.json", None, None::<&()>).await;

        insta::assert_json_snapshot!(served.json::<serde_json::Value>());
    }

    #[tokio::test]
    async fn every_route_but_the_open_ones_wants_the_wire_version() {
        let world = World::new().await;
        let (router, document) = routes(&world.app);
        let open = ["/v1/limits", "/v1/uploads", "/healthz", "/readyz"];
        for (path, item) in document.paths.paths {
            let methods = [
                (Method::GET, item.get),
                (Method::PUT, item.put),
                (Method::POST, item.post),
                (Method::DELETE, item.delete),
                (Method::HEAD, item.head),
                (Method::PATCH, item.patch),
            ];
            for (method, _) in methods.into_iter().filter(|(_, operation)| operation.is_some()) {
                let request = Request::builder().method(method).uri(&path).body(axum::body::Body::empty());

                let response = tower::ServiceExt::oneshot(router.clone(), request.unwrap()).await.unwrap();

                assert_eq!(response.status() == 426, !open.contains(&path.as_str()), "{path}");
                assert_eq!(response.headers()["x-content-type-options"], "nosniff");
                assert_eq!(response.headers()["cache-control"], "no-store");
            }
        }
    }

    #[tokio::test]
    async fn every_session_route_wants_a_token() {
        let world = World::new().await;
        let id = "01a20c47-8fd7-7714-abbb-796a61dfda21";
        let paths = [
            (Method::GET, "/v1/devices".to_owned()),
            (Method::DELETE, format!("/v1/devices/{id}")),
            (Method::PUT, format!("/v1/devices/{id}/push")),
            (Method::POST, format!("/v1/devices/{id}/wipe")),
            (Method::POST, "/v1/email".to_owned()),
            (Method::POST, format!("/v1/email/{id}/confirm")),
            (Method::GET, "/v1/approvals".to_owned()),
            (Method::POST, format!("/v1/approvals/{id}")),
            (Method::GET, "/v1/factors".to_owned()),
            (Method::POST, "/v1/step-up".to_owned()),
            (Method::POST, "/v1/factors/totp".to_owned()),
            (Method::DELETE, "/v1/factors/totp".to_owned()),
            (Method::POST, "/v1/factors/totp/confirm".to_owned()),
            (Method::POST, "/v1/factors/recovery-codes".to_owned()),
            (Method::GET, "/v1/sync?cursor=x".to_owned()),
            (Method::GET, "/v1/snapshot".to_owned()),
            (Method::PUT, format!("/v1/messages/{id}")),
            (Method::POST, format!("/v1/sends/{id}/withdraw")),
            (Method::PUT, format!("/v1/batches/{id}")),
            (Method::GET, format!("/v1/batches/{id}")),
            (Method::GET, format!("/v1/attachments/{id}")),
            (Method::PUT, format!("/v1/conversations/{id}/looked-at")),
            (Method::GET, format!("/v1/conversations/{id}/entries")),
            (Method::GET, "/v1/conversations".to_owned()),
            (Method::POST, "/v1/conversations".to_owned()),
            (Method::GET, format!("/v1/conversations/{id}")),
            (Method::PUT, format!("/v1/conversations/{id}/participants/{id}")),
            (Method::DELETE, format!("/v1/conversations/{id}/participants/{id}")),
            (Method::PUT, format!("/v1/conversations/{id}/state")),
            (Method::GET, format!("/v1/conversations/{id}/readers")),
            (Method::GET, "/v1/matters".to_owned()),
            (Method::POST, "/v1/matters".to_owned()),
            (Method::PUT, format!("/v1/matters/{id}/access")),
            (Method::GET, "/v1/people".to_owned()),
            (Method::POST, "/v1/people".to_owned()),
            (Method::POST, format!("/v1/people/{id}/departure")),
            (Method::POST, format!("/v1/people/{id}/readmission")),
            (Method::POST, format!("/v1/people/{id}/invitation")),
            (Method::GET, "/v1/search?q=x".to_owned()),
        ];
        for (method, path) in paths {
            let answer = call(&world.app.router(), method, &path, None, None::<&()>).await;

            assert_eq!(answer.code(), "access_token_expired", "{path}");
            assert_eq!(answer.problem().epoch, Some(world.app.epoch()));
        }
    }

    #[tokio::test]
    async fn unknown_path_and_method_are_problems_too() {
        let world = World::new().await;
        let ask =
            async |method, path| call(&world.app.router(), method, path, None, None::<&()>).await.code();

        assert_eq!(ask(Method::GET, "/v1/nothing").await, "not_found");
        assert_eq!(ask(Method::DELETE, "/v1/limits").await, "not_found");
    }
}
