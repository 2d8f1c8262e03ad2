//! The breaches that the demo posts.

use serde_json::{Value, json};

use crate::domain::{Span, Timestamp};

/// The worked example: objective 99.7 %, an alert when more than 200 % of the budget of 60 minutes is gone.
pub fn worked(now: Timestamp) -> Value {
    let deployed = now.minus(Span::from_minutes(17));
    let version = format!("{}-3", deployed.to_jiff().strftime("%Y.%m.%d"));
    json!({
        "service": "data-api",
        "endpoint": "GET /api/data/{tenant}",
        "sli": "availability",
        "environment": "prod-eu",
        "at": now.to_string(),
        "window": { "length": "60m", "good": 98_471, "total": 100_000 },
        "budget": { "remaining_percent": "41.5", "period": "28d" },
        "context": {
            "neighbours": 20, "memory_percent": 95, "cpu_percent": 90, "recycled": "3m before", "scaled": "10m before",
        },
        "dependencies": [{ "service": "users", "availability": "99.2", "budget_remaining_percent": "12" }],
        "deployments": [{ "version": version, "at": deployed.to_string() }],
    })
}

/// One within its budget.
pub fn small(now: Timestamp) -> Value {
    json!({
        "service": "data-api",
        "endpoint": "GET /api/data/{tenant}",
        "sli": "availability",
        "environment": "prod-jp",
        "at": now.to_string(),
        "window": { "length": "60m", "good": 99_820, "total": 100_000 },
    })
}

/// One to copy and paste.
pub fn to_paste(base: &str) -> String {
    format!(
        "curl -sS --fail-with-body {base}/v1/breaches -H 'content-type: application/json' -d '{{\n  \
           \"service\": \"data-api\", \"endpoint\": \"GET /api/data/{{tenant}}\", \"sli\": \"availability\", \"environment\": \"prod-us\",\n  \
           \"window\": {{\"length\": \"60m\", \"good\": 97000, \"total\": 100000}}\n}}'\n"
    )
}

/// What was posted, in words.
pub fn in_words(breach: &Value) -> String {
    let part = |name: &str| breach[name].as_str().unwrap_or_default();
    let window = &breach["window"];
    let count = |name: &str| grouped(window[name].as_u64().unwrap_or_default());
    format!(
        "{} of {}, {}: {} of {} good in {}",
        part("sli"),
        part("endpoint"),
        part("environment"),
        count("good"),
        count("total"),
        window["length"].as_str().unwrap_or_default()
    )
}

/// `98,471`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breach_in_words_has_its_counts() {
        let words = in_words(&worked(Timestamp::from_seconds(1_800_000_000)));
        assert_eq!(words, "availability of GET /api/data/{tenant}, prod-eu: 98,471 of 100,000 good in 60m");
        assert_eq!(
            ["7", "70", "700", "7,000", "1,234,567"],
            [7, 70, 700, 7_000, 1_234_567].map(grouped).each_ref().map(String::as_str)
        );
    }
}
