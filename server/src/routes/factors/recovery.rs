//! `POST /v1/factors/recovery-codes`: ten fresh codes to write down.

use std::sync::Arc;

use axum::Json as Answer;
use axum::extract::State;
use portico_wire::factor::{RecoveryCode, RecoveryCodes};
use portico_wire::problem::Problem;

use crate::door::Signed;
use crate::error::ApiError;
use crate::state::App;

/// Ten codes, shown this once, after a step-up; those before are void. A lost answer costs another ten.
#[utoipa::path(post, path = "/v1/factors/recovery-codes",
    responses((status = 200, body = RecoveryCodes), (status = "4XX", body = Problem)))]
pub(crate) async fn make(
    State(app): State<App>,
    Signed(caller): Signed,
) -> Result<Answer<RecoveryCodes>, ApiError> {
    let made = app.store().make_recovery_codes(caller, Arc::clone(app.keys())).await?.done()?;
    Ok(Answer(RecoveryCodes { codes: made.iter().map(RecoveryCode::shown).collect() }))
}
