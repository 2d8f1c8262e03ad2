//! What the client commands share: where the service is, who asks, and how answers and refusals are printed.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

/// Deadline of one request.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of an answer at most. Beyond: the command fails and says so.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Where the service is and who asks.
#[derive(Debug, clap::Args)]
pub struct Service {
    /// Address of the running service.
    #[arg(long, value_name = "URL", env = "CALLOUT_URL", default_value = "http://127.0.0.1:8080", global = true)]
    pub url: String,
    /// File with an API token; or put the token itself into CALLOUT_TOKEN, never on the command line.
    #[arg(long, value_name = "FILE", env = "CALLOUT_TOKEN_FILE", global = true)]
    pub token_file: Option<std::path::PathBuf>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

impl Service {
    fn token(&self) -> anyhow::Result<Option<SecretString>> {
        if let Some(path) = &self.token_file {
            let text = std::fs::read_to_string(path).with_context(|| format!("could not read `{}`", path.display()))?;
            return Ok(Some(SecretString::from(text.trim().to_owned())));
        }
        Ok(std::env::var("CALLOUT_TOKEN").ok().filter(|t| !t.is_empty()).map(SecretString::from))
    }

    /// Asks the service; the answer's JSON, or `Null` when there is no body.
    ///
    /// # Errors
    /// When it cannot be reached, or says no: then with its reason.
    pub fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let text = self.ask_for("application/json", method, path, body)?;
        if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text).context("the answer is not JSON") }
    }

    /// The same, for an answer of any kind.
    ///
    /// # Errors
    /// As above.
    pub fn ask_for(&self, accept: &str, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<String> {
        let token = self.token()?;
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let client =
                reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build()?;
            let mut request = client.request(method, &url).header("Accept", accept);
            if let Some(token) = &token {
                request = request.bearer_auth(token.expose_secret());
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            let mut answer = request.send().await.map_err(|error| anyhow!("{}", unreachable(&self.url, &error)))?;
            let status = answer.status();
            let bytes = read(&mut answer).await?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if status.is_success() { Ok(text) } else { Err(refusal(status, &text)) }
        })
    }
}

/// Reads an answer, as far as it may be.
async fn read(answer: &mut reqwest::Response) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.context("the answer broke off")? {
        bytes.extend_from_slice(&chunk);
        anyhow::ensure!(bytes.len() <= ANSWER_BYTES_MAX, "the answer is larger than {ANSWER_BYTES_MAX} bytes");
    }
    Ok(bytes)
}

fn unreachable(url: &str, error: &reqwest::Error) -> String {
    let why = if error.is_timeout() {
        format!("it did not answer within {} s", TIMEOUT.as_secs())
    } else if error.is_connect() {
        "nothing listens there; is `callout serve` running, and is --url right?".to_owned()
    } else {
        "the connection broke".to_owned()
    };
    format!("could not ask {url}: {why}")
}

/// A problem document in a sentence or two.
fn refusal(status: StatusCode, text: &str) -> anyhow::Error {
    let problem: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    let part = |name: &str| problem.get(name).and_then(Value::as_str);
    let mut message = part("title").map_or_else(|| format!("the service answered {status}"), str::to_owned);
    if let Some(detail) = part("detail") {
        message = format!("{message}: {detail}");
    }
    for item in problem.get("rejected").and_then(Value::as_array).into_iter().flatten() {
        if let Some(detail) = item.get("detail").and_then(Value::as_str) {
            message = format!("{message}\n  {detail}");
        }
    }
    anyhow!(message)
}

/// A part of a path or query, with everything but unreserved characters escaped (RFC 3986, section 2.3).
#[must_use]
pub fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Prints JSON for programs.
///
/// # Errors
/// When it cannot be written.
pub fn print_json(value: &Value) -> anyhow::Result<ExitCode> {
    anstream::println!("{}", serde_json::to_string_pretty(value)?);
    Ok(ExitCode::SUCCESS)
}

/// A string field for people, or nothing.
#[must_use]
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Prints rows with aligned columns, two spaces between them.
pub fn print_table(head: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = head.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        anstream::println!("{}", padded.join("  ").trim_end());
    };
    line(&head.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>());
    for row in rows {
        line(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_paths_are_escaped() {
        assert_eq!(escaped("GET /api/é?x=1"), "GET%20%2Fapi%2F%C3%A9%3Fx%3D1");
    }

    #[test]
    fn a_problem_document_reads_as_a_sentence() {
        let text = r#"{"title":"no such thing","detail":"incident 7 is unknown"}"#;
        assert_eq!(refusal(StatusCode::NOT_FOUND, text).to_string(), "no such thing: incident 7 is unknown");
        assert_eq!(refusal(StatusCode::BAD_GATEWAY, "<html>").to_string(), "the service answered 502 Bad Gateway");
    }

    #[tokio::test]
    async fn an_answer_has_so_many_bytes() {
        let answer = |bytes: usize| reqwest::Response::from(hyper::Response::new(vec![b'x'; bytes]));
        assert_eq!(read(&mut answer(ANSWER_BYTES_MAX)).await.unwrap().len(), ANSWER_BYTES_MAX);
        let refused = read(&mut answer(ANSWER_BYTES_MAX + 1)).await.unwrap_err();
        assert!(refused.to_string().contains("larger than"), "{refused}");
    }
}
