//! Metrics in Prometheus' text form, served on a loopback port of their own. Numbers and routes only.

use std::sync::OnceLock;

use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::state::App;

/// The process has one recorder; a second server in it (a test) counts into the same.
static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// The one route of the metrics port.
pub(crate) fn routes(app: App) -> Router {
    let handle = RECORDER.get_or_init(|| PrometheusBuilder::new().install_recorder().ok()).clone();
    Router::new().route(
        "/metrics",
        get(async move || {
            state_store(&app);
            handle.as_ref().map(PrometheusHandle::render).unwrap_or_default()
        }),
    )
}

/// Takes over what the store counts itself.
fn state_store(app: &App) {
    let stats = app.store().group_stats();
    metrics::counter!("portico_commit_groups_total").absolute(stats.groups);
    metrics::counter!("portico_commit_requests_total").absolute(stats.requests);
    metrics::counter!("portico_commit_microseconds_total").absolute(stats.commit_us_total);
    metrics::counter!("portico_writer_busy_microseconds_total").absolute(stats.writer_busy_us_total);
}
