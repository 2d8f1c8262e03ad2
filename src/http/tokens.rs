//! The API tokens: what they may, when each of their secrets was last used, and what was turned away.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::App;
use super::openapi::{Content, Operation};
use super::params::Params;
use super::problem::Failure;
use crate::auth::gate::Reason;
use crate::auth::token::hex;

/// For `/openapi.json`.
pub const DESCRIBED: &[Operation] = &[Operation::new("GET", "/v1/tokens", "Tokens and the last use of each secret")
    .answers(&[(200, Content::Json("Tokens"))])
    .refuses(&[400])];

/// Digits of a hash by which an operator recognises a secret.
const SHOWN_DIGITS: usize = 12;

/// `GET /v1/tokens`
#[derive(Debug, Serialize)]
pub struct TokensView {
    tokens: Vec<TokenView>,
    /// Requests that were turned away since the start, by reason.
    rejected: BTreeMap<&'static str, u64>,
}

/// A token of the configuration.
#[derive(Debug, Serialize)]
pub struct TokenView {
    name: String,
    scopes: Vec<String>,
    expires_at: Option<String>,
    expired: bool,
    /// Its secrets, in the order of the configuration; two during a rotation.
    secrets: Vec<SecretView>,
}

/// One secret of a token.
#[derive(Debug, Serialize)]
pub struct SecretView {
    /// The first digits of its SHA-256, as the configuration has it.
    sha256: String,
    last_used_at: Option<String>,
    /// Requests that were let through.
    requests: u64,
    /// Requests for which a scope was missing.
    refused: u64,
    /// Requests after the token's end.
    expired: u64,
}

/// `GET /v1/tokens`
pub async fn list(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Result<Response, Failure> {
    Params::of(query, &[])?;
    let (settings, now, gate) = (app.handle().settings(), app.handle().now(), app.gate());
    let tokens = settings.tokens.iter().map(|(name, token)| TokenView {
        name: name.to_string(),
        scopes: token.scopes.iter().map(ToString::to_string).collect(),
        expires_at: token.expires_at.map(|at| at.to_string()),
        expired: token.expires_at.is_some_and(|end| now >= end),
        secrets: token
            .sha256
            .iter()
            .map(|hash| {
                let used = gate.usage.get(hash);
                SecretView {
                    sha256: hex(hash).chars().take(SHOWN_DIGITS).collect(),
                    last_used_at: used.last_used_at.map(|at| at.to_string()),
                    requests: used.requests,
                    refused: used.refused,
                    expired: used.expired,
                }
            })
            .collect(),
    });
    let rejected = Reason::ALL.into_iter().map(|reason| (reason.as_str(), gate.rejected(reason))).collect();
    Ok(Json(TokensView { tokens: tokens.collect(), rejected }).into_response())
}
