//! The stand-ins of `tests/sinks`: Slack, Teams, mail servers and webhooks on loopback, which check what they get and fail on request.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::dir::TempDir;
use super::http;

/// A running set of stand-ins; gone when dropped.
pub struct Sinks {
    child: Child,
    // Closing it ends the stand-ins, also when this process dies.
    _stdin: ChildStdin,
    _dir: TempDir,
    /// Addresses and secrets, as `ready.json` has them.
    pub ready: Value,
}

/// One thing that a stand-in received.
#[derive(Debug, Clone)]
pub struct Received(pub Value);

impl Received {
    /// `slack.chat.postMessage`, `teams`, `smtp.data`, `webhook.NAME` …
    pub fn endpoint(&self) -> &str {
        self.0["endpoint"].as_str().unwrap_or_default()
    }

    /// What it says, as one text: to look for words in. JSON strings are unescaped.
    pub fn text(&self) -> String {
        fn collect(value: &Value, into: &mut String) {
            match value {
                Value::String(s) => {
                    into.push_str(s);
                    into.push('\n');
                }
                Value::Array(all) => all.iter().for_each(|v| collect(v, into)),
                Value::Object(all) => all.values().for_each(|v| collect(v, into)),
                _ => {}
            }
        }
        let mut text = String::new();
        collect(&self.0["body"], &mut text);
        collect(&self.0["mail"], &mut text);
        text
    }

    /// The body.
    pub fn body(&self) -> &Value {
        &self.0["body"]
    }

    /// The mail, parsed: `subject`, `message_id`, `in_reply_to`, `text`, `html` …
    pub fn mail(&self) -> &Value {
        &self.0["mail"]
    }

    /// The sender's own id: the same for the same message sent again.
    pub fn key(&self) -> &str {
        self.0["key"].as_str().unwrap_or_default()
    }

    /// When it came, seconds of a monotonic clock.
    pub fn mono(&self) -> f64 {
        self.0["mono"].as_f64().unwrap_or_default()
    }

    /// What is wrong with it and what could be better, according to the validators.
    pub fn complaints(&self) -> Vec<String> {
        ["problems", "advice"]
            .iter()
            .flat_map(|kind| self.0[kind].as_array().cloned().unwrap_or_default())
            .map(|c| c.as_str().map_or_else(|| c.to_string(), str::to_owned))
            .collect()
    }

    /// Links to act on an incident, as they stand in the text.
    pub fn action_links(&self) -> Vec<String> {
        self.links("/a/")
    }

    /// Links that have `part` in them, each once.
    pub fn links(&self, part: &str) -> Vec<String> {
        let text = self.text();
        let mut links: Vec<String> = Vec::new();
        for (at, _) in text.match_indices("http") {
            let link: String = text[at..]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&*+,;=%".contains(*c))
                .collect();
            if link.contains(part) && !links.contains(&link) {
                links.push(link);
            }
        }
        links
    }
}

impl Sinks {
    /// Starts them on free ports.
    ///
    /// # Panics
    /// When they can't be started; `tests/setup.sh` installs what they need.
    pub fn start() -> Self {
        Self::start_with(&json!({}))
    }

    /// Starts them with settings merged over the defaults (rate limits, refused addresses …).
    pub fn start_with(config: &Value) -> Self {
        // They choose free ports first and listen on them later; another test may have taken one meanwhile.
        (0..2).find_map(|_| Self::try_start(config).ok()).unwrap_or_else(|| {
            Self::try_start(config).unwrap_or_else(|said| panic!("the sinks did not start; run tests/setup.sh. {said}"))
        })
    }

    fn try_start(config: &Value) -> Result<Self, String> {
        let dir = TempDir::new("sinks");
        let file = dir.path().join("config.json");
        std::fs::write(&file, config.to_string()).expect("the configuration of the sinks is written");
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/sinks/run.sh");
        let mut child = Command::new(script)
            .args(["--exit-with-parent", "--state"])
            .arg(dir.path())
            .arg("--config")
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/sinks/run.sh starts");
        let stdin = child.stdin.take().expect("standard input is piped");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("standard output is piped"))
            .read_line(&mut line)
            .expect("the sinks print where they are");
        match serde_json::from_str(&line) {
            Ok(ready) => Ok(Self { child, _stdin: stdin, _dir: dir, ready }),
            Err(error) => {
                let _ = child.wait();
                Err(format!("They said: {line} ({error})"))
            }
        }
    }

    /// An address or secret by its name in `ready.json`.
    pub fn at(&self, name: &str) -> &str {
        self.ready[name].as_str().or_else(|| self.ready["urls"][name].as_str()).unwrap_or_default()
    }

    fn control(&self, path: &str) -> String {
        format!("{}{path}", self.at("control"))
    }

    /// What was accepted at `endpoint` (a glob) so far, in order.
    pub fn received(&self, endpoint: &str) -> Vec<Received> {
        self.entries(endpoint, 0, Duration::ZERO, true)
    }

    /// Every attempt at `endpoint` (a glob), also those that were refused or made to fail.
    pub fn attempts(&self, endpoint: &str) -> Vec<Received> {
        self.entries(endpoint, 0, Duration::ZERO, false)
    }

    fn entries(&self, endpoint: &str, min: usize, within: Duration, accepted: bool) -> Vec<Received> {
        let path = format!(
            "/received?endpoint={endpoint}&min={min}&timeout={:.1}{}",
            within.as_secs_f64(),
            if accepted { "&accepted=1" } else { "" }
        );
        let answer = http::get(&self.control(&path)).expect_status(200).json();
        let list = answer["items"].as_array();
        list.cloned().unwrap_or_else(|| panic!("no list: {answer}")).into_iter().map(Received).collect()
    }

    /// Waits until `count` messages were accepted at `endpoint`, and gives all that were.
    ///
    /// # Panics
    /// When fewer came within 20 seconds.
    #[track_caller]
    pub fn wait_for(&self, endpoint: &str, count: usize) -> Vec<Received> {
        self.wait_until(endpoint, &format!("{count} messages"), |all| all.len() >= count)
    }

    /// Waits until a message at `endpoint` contains `words`, and gives the first that does.
    #[track_caller]
    pub fn wait_for_text(&self, endpoint: &str, words: &str) -> Received {
        let all = self.wait_until(endpoint, &format!("{words:?}"), |all| all.iter().any(|r| r.text().contains(words)));
        all.into_iter().find(|r| r.text().contains(words)).expect("it was just seen")
    }

    /// Waits until what was accepted at `endpoint` satisfies `enough`.
    #[track_caller]
    pub fn wait_until(&self, endpoint: &str, what: &str, enough: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut min = 0;
        loop {
            let all = self.entries(endpoint, min, Duration::from_millis(500), true);
            if enough(&all) {
                return all;
            }
            min = all.len() + 1;
            if Instant::now() > deadline {
                let seen: Vec<_> = self
                    .attempts("*")
                    .iter()
                    .map(|r| {
                        format!(
                            "{} accepted={} fault={} {}",
                            r.endpoint(),
                            r.0["accepted"],
                            r.0["fault"],
                            r.text().chars().take(160).collect::<String>()
                        )
                    })
                    .collect();
                panic!("no {what} at {endpoint} within 20 s; all that came:\n{}", seen.join("\n"));
            }
        }
    }

    /// Sets a fault; see the README of the stand-ins.
    pub fn fault(&self, rule: &Value) {
        http::post(&self.control("/faults"), rule).expect_status(200);
    }

    /// Ends all faults.
    pub fn heal(&self) {
        http::request("DELETE", &self.control("/faults"), &[], b"").expect_status(200);
    }

    /// Slack as it stands: messages after their updates.
    pub fn slack_state(&self) -> Value {
        http::get(&self.control("/slack/state")).expect_status(200).json()
    }

    /// Slack sends something: `click`, `slash`, `submit`, `shortcut`, `interact` or `event`; see the README of the stand-ins.
    pub fn slack_sends(&self, what: &str, request: &Value) -> Value {
        http::post(&self.control(&format!("/slack/{what}")), request).expect_status(200).json()
    }

    /// Every complaint of the validators about anything received, with its endpoint.
    pub fn complaints(&self) -> Vec<String> {
        self.attempts("*")
            .iter()
            .flat_map(|r| r.complaints().into_iter().map(|c| format!("{}: {c}", r.endpoint())).collect::<Vec<_>>())
            .collect()
    }

    /// # Panics
    /// When the validators complained about anything that was sent.
    #[track_caller]
    pub fn expect_no_complaints(&self) {
        let complaints = self.complaints();
        assert!(complaints.is_empty(), "the validators complain:\n{}", complaints.join("\n"));
    }
}

impl Drop for Sinks {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
