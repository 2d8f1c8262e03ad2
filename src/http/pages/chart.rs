//! `/c/{token}.png`: the chart of a message, for chat systems that fetch pictures themselves. As of the instant of the message.

use axum::extract::{Path, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};

use crate::auth::link::LinkError;
use crate::enrich;
use crate::http::App;
use crate::http::problem::{Failure, GONE};

/// What is fetched stays as it is, so whoever fetched it may keep it for a day.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "image/png"),
    (header::CACHE_CONTROL, "private, max-age=86400, immutable"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
];

/// `GET /c/{token}.png`
pub async fn chart(State(app): State<App>, Path(file): Path<String>) -> Result<Response, Failure> {
    let unknown = || Failure::not_found("chart at this address");
    let token = file.strip_suffix(".png").ok_or_else(unknown)?;
    let link = app.link_key().verify_chart(token, app.handle().now()).map_err(|error| match error {
        LinkError::Expired { incident } => {
            Failure::new(&GONE, format!("the link to a chart of incident {incident} has expired"))
        }
        _ => unknown(),
    })?;
    let policy = app.handle().policy();
    let chart = app.handle().read(|state| {
        let incident = state.incidents.get(&link.incident)?;
        enrich::chart(incident, &policy, state, &policy.organisation.timezone, link.at)
    });
    let png = chart.and_then(|chart| chart.png()).ok_or_else(unknown)?;
    Ok((HEADERS, png).into_response())
}
