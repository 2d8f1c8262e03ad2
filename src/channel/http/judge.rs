//! Judges an answer as a description says: by its status, by what must be in its body, and by the names of its errors. Repeats of it at most
//! a short name.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value as Json;

use super::Secrets;
use crate::channel::Sending;
use crate::channel::outcome::{self, RETRY_AFTER_MAX, failed, retry, retry_all};
use crate::config::notifier::{Answer, Scalar, Step};
use crate::domain::Timestamp;

/// Longest name of an error that is repeated, in characters. Beyond: it is left out.
const ERROR_NAME_MAX: usize = 64;

/// What the service said.
pub struct Told<'a> {
    pub status: StatusCode,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
    pub now: Timestamp,
    pub secrets: &'a Secrets,
}

/// The answer's JSON (null where there is none), or how the sending ended.
pub fn judge(step: &Step, told: &Told<'_>) -> Result<Json, Sending> {
    let answer = &step.answer;
    let json: Option<Json> = serde_json::from_slice(told.body).ok();
    let name = name(answer, json.as_ref(), told.secrets);
    let status = told.status.as_u16();
    let good = if answer.ok.is_empty() { told.status.is_success() } else { answer.ok.contains(&status) };
    if good {
        let asks = !answer.must.is_empty() || !answer.has.is_empty();
        return match json {
            None if asks => Err(retry("the answer was not understood")),
            None => Ok(Json::Null),
            Some(json) if says_yes(answer, &json) => Ok(json),
            Some(json) => Err(refused(answer, told, &json, name.as_deref())),
        };
    }
    let json = json.unwrap_or_default();
    Err(refused(answer, told, &json, name.as_deref()))
}

fn says_yes(answer: &Answer, json: &Json) -> bool {
    let has = |pointer: &String| json.pointer(pointer).is_some_and(|found| !found.is_null());
    answer.has.iter().all(has) && answer.must.iter().all(|(pointer, want)| is(json.pointer(pointer), want))
}

fn is(found: Option<&Json>, want: &Scalar) -> bool {
    match (found, want) {
        (Some(Json::Bool(found)), Scalar::Truth(want)) => found == want,
        (Some(Json::Number(found)), Scalar::Whole(want)) => found.as_i64() == Some(*want),
        (Some(Json::String(found)), Scalar::Text(want)) => found == want,
        _ => false,
    }
}

fn refused(answer: &Answer, told: &Told<'_>, json: &Json, name: Option<&str>) -> Sending {
    let status = told.status.as_u16();
    let error = match name {
        Some(name) => format!("HTTP {status}: {name}"),
        None if told.status.is_success() => format!("HTTP {status}, but it says no"),
        None => format!("HTTP {status}"),
    };
    let in_body = answer.retry_after.as_deref().and_then(|pointer| seconds(json.pointer(pointer)?));
    let after = in_body.or_else(|| outcome::retry_after(told.headers, told.now));
    let listed = |codes: &[Scalar]| {
        codes.iter().any(|code| match code {
            Scalar::Whole(code) => *code == i64::from(status) || name == Some(code.to_string().as_str()),
            Scalar::Text(code) => name == Some(code.as_str()),
            Scalar::Truth(_) => false,
        })
    };
    let busy = matches!(status, 429 | 500..=599);
    match () {
        () if listed(&answer.permanent) => failed(error),
        () if listed(&answer.transient) && (busy || after.is_some()) => retry_all(error, after),
        () if listed(&answer.transient) => retry(error),
        () if told.status.is_success() => failed(error),
        () => match outcome::from_status(told.status, told.headers, told.now) {
            Sending::Retry { whole_destination, .. } => Sending::Retry { error, after, whole_destination },
            Sending::Failed { error: known } if (300..400).contains(&status) => failed(known),
            _ => failed(error),
        },
    }
}

/// The name of an error where it is one word or number; anything else is not repeated, for it may be anything.
fn name(answer: &Answer, json: Option<&Json>, secrets: &Secrets) -> Option<String> {
    let word = word(json?.pointer(answer.error.as_deref()?)?)?;
    let fine = word.chars().count() <= ERROR_NAME_MAX
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    (fine && !secrets.are_in(&word)).then_some(word)
}

/// A text or a whole number as a text; nothing for what is empty.
pub fn word(json: &Json) -> Option<String> {
    match json {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Seconds to wait, whole or not, as a number or a text.
fn seconds(json: &Json) -> Option<Duration> {
    let seconds = match json {
        Json::Number(number) => number.as_f64()?,
        Json::String(text) => text.parse().ok()?,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok().map(|wait| wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderValue, RETRY_AFTER};
    use serde_json::json;

    use super::*;

    fn step() -> Step {
        let text = |text: &str| Scalar::Text(text.to_owned());
        Step {
            answer: Answer {
                must: vec![("/ok".into(), Scalar::Truth(true))],
                error: Some("/error".into()),
                retry_after: Some("/wait".into()),
                permanent: vec![Scalar::Whole(503)],
                transient: vec![Scalar::Whole(409), text("busy"), Scalar::Whole(7)],
                ..Answer::default()
            },
            ..Step::default()
        }
    }

    fn told(step: &Step, status: u16, wait: Option<&str>, body: &Json) -> Result<Json, Sending> {
        let mut headers = HeaderMap::new();
        headers.extend(wait.map(|wait| (RETRY_AFTER, HeaderValue::from_str(wait).unwrap())));
        let body = body.to_string();
        let told = Told {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &headers,
            body: body.as_bytes(),
            now: Timestamp::default(),
            secrets: &Secrets([("t".to_owned(), "tops3cret".to_owned().into())].into()),
        };
        judge(step, &told)
    }

    #[test]
    fn answers_are_judged_as_described() {
        let whole = |error: &str, after: Option<u64>| Err(retry_all(error, after.map(Duration::from_secs)));
        for (status, wait, body, want) in [
            (200, None, json!({"ok": true}), Ok(json!({"ok": true}))),
            (200, None, json!({"ok": false, "error": "no_room"}), Err(failed("HTTP 200: no_room"))),
            (200, None, json!({"ok": "true"}), Err(failed("HTTP 200, but it says no"))),
            (200, None, json!({"error": "busy"}), Err(retry("HTTP 200: busy"))),
            (
                200,
                None,
                json!({"error": "busy", "wait": 2.5}),
                Err(retry_all("HTTP 200: busy", Some(Duration::from_millis(2_500)))),
            ),
            (200, None, json!({"error": 7}), Err(retry("HTTP 200: 7"))),
            (429, Some("9"), json!({}), whole("HTTP 429", Some(9))),
            (429, Some("9"), json!({"wait": "3"}), whole("HTTP 429", Some(3))),
            (429, None, json!({"wait": 1e12}), whole("HTTP 429", Some(3_600))),
            (500, None, json!({"error": "tops3cret"}), whole("HTTP 500", None)),
            (503, None, json!({}), Err(failed("HTTP 503"))),
            (409, None, json!({}), Err(retry("HTTP 409"))),
            (400, None, json!({"error": "the token tops3cret is bad"}), Err(failed("HTTP 400"))),
            (302, None, json!({}), Err(failed("HTTP 302: redirects are not followed"))),
        ] {
            assert_eq!(told(&step(), status, wait, &body), want, "{status} {body}");
        }
    }

    #[test]
    fn names_of_errors_are_repeated_up_to_their_limit() {
        for (length, named) in [(ERROR_NAME_MAX, true), (ERROR_NAME_MAX + 1, false)] {
            let name = "e".repeat(length);
            let want = if named { format!("HTTP 400: {name}") } else { "HTTP 400".to_owned() };
            assert_eq!(told(&step(), 400, None, &json!({"error": name})), Err(failed(want)));
        }
    }

    #[test]
    fn statuses_of_success_can_be_named() {
        let mut step = step();
        step.answer = Answer { ok: vec![201, 409], has: vec!["/id".into()], ..Answer::default() };
        assert_eq!(told(&step, 409, None, &json!({"id": 1})), Ok(json!({"id": 1})));
        assert_eq!(told(&step, 201, None, &json!({"id": null})), Err(failed("HTTP 201, but it says no")));
        assert_eq!(told(&step, 200, None, &json!({"id": 1})), Err(failed("HTTP 200, but it says no")));
    }
}
