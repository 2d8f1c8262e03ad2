//! Who watches the watcher: the heartbeat to a monitor outside, the service manager's watchdog, readiness.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::freeze::Frozen;
use crate::support::hook::Hook;
use crate::support::{Service, TempDir};

/// What must happen happens within this time.
const PATIENCE: Duration = Duration::from_secs(40);

/// An organisation with a heartbeat; its pages go to a Slack at `slack`.
fn config(hook: &Hook, slack: &str) -> String {
    format!(
        r#"[organisation]
name = "acme"
fallback = "ops"

[heartbeat]
url_env = "TEST_MONITOR"
every = "1s"
allow_private = true

[health]
undelivered = "1s"

[channels.slack.main]
token_env = "TEST_SLACK_TOKEN"
api_url = "http://{slack}/slack/"
allow_private = true
interval = "0s"

[channels.webhook.hook]
url = "http://{hook}/hook"
allow_private = true

[people]
ann = {{ name = "Ann", slack = "U0ANN" }}

[teams.ops]
members = ["ann"]
escalation = "ops"
[[teams.ops.routes]]
tell = ["webhook:hook"]
[services.api]
team = "ops"

[escalations.ops]
steps = [{{ notify = ["person:ann"], wait = "60m" }}]
"#,
        hook = hook.address
    )
}

fn watched(hook: &Hook, slack: &str) -> Service {
    Service::prepare(&[("callout.toml", &config(hook, slack))])
        .env("TEST_SLACK_TOKEN", "xoxb-test")
        .env("TEST_MONITOR", &format!("http://{}/secret-path/beat", hook.address))
}

fn beats(hook: &Hook) -> Vec<Value> {
    hook.taken().into_iter().filter(|taken| taken.method == "beat").map(|taken| taken.body).collect()
}

#[track_caller]
fn wait(what: &str, service: &Service, enough: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !enough() {
        assert!(Instant::now() < deadline, "not {what}:\n{}\n{}", service.get("/metrics").text(), service.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn withheld(service: &Service) -> u64 {
    let metrics = service.get("/metrics").text();
    let line = metrics.lines().find(|l| l.starts_with(r#"callout_heartbeats_total{outcome="withheld"}"#));
    line.and_then(|l| l.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// Beats are withheld, and while they are, none arrives.
#[track_caller]
pub fn stops_beating(service: &Service, hook: &Hook) {
    let before = withheld(service);
    wait("withheld", service, || withheld(service) > before);
    let (count, from) = (beats(hook).len(), withheld(service));
    wait("withheld again", service, || withheld(service) >= from + 2);
    assert_eq!(beats(hook).len(), count, "a beat arrived while callout was stuck");
}

/// Beats arrive.
#[track_caller]
pub fn beats_again(service: &Service, hook: &Hook) {
    let count = beats(hook).len();
    wait("beating", service, || beats(hook).len() >= count + 2);
}

#[test]
fn the_heartbeat_says_how_callout_fares_and_stops_while_pages_are_not_delivered() {
    let hook = Hook::start();
    // Nothing listens there.
    let service = watched(&hook, "127.0.0.1:9").start();
    beats_again(&service, &hook);
    let beat = beats(&hook).remove(0);
    assert_eq!((&beat["from"], &beat["organisation"]), (&json!("callout"), &json!("acme")), "{beat}");
    for pointer in ["/journal/committed", "/judge/oldest_unjudged_ms", "/outbox/oldest_page_ms", "/index/behind"] {
        assert!(beat.pointer(pointer).is_some_and(Value::is_u64), "{pointer}: {beat}");
    }

    let event = json!({"kind": "resource", "service": "api", "labels": {"alertname": "page"}});
    service.post("/v1/breaches", &event).expect_status(202);
    stops_beating(&service, &hook);
    let ready = service.get("/-/ready").expect_status(503).text();
    assert!(ready.contains("page that is not delivered"), "{ready}");

    service.write_config("callout.toml", &config(&hook, &hook.address));
    service.post("/-/reload", &json!({})).expect_status(200);
    wait("paged", &service, || hook.taken().iter().any(|taken| taken.method == "chat.postMessage"));
    beats_again(&service, &hook);
    service.get("/-/ready").expect_status(200);
    assert!(!service.log().contains("secret-path"), "the address is a secret:\n{}", service.log());
}

#[test]
fn a_heartbeat_to_a_private_address_or_without_an_address_is_refused() {
    let hook = Hook::start();
    let mut service = watched(&hook, "127.0.0.1:9");
    let toml = config(&hook, "127.0.0.1:9");
    service.write_config("callout.toml", &toml.replacen("allow_private = true\n", "", 1));
    service.spawn();
    assert_eq!(service.wait_end(Duration::from_secs(20)).code(), Some(1));
    for words in ["heartbeat", "allow_private"] {
        assert!(service.log().contains(words), "{words} is missing:\n{}", service.log());
    }
    assert!(!service.log().contains("secret-path"), "{}", service.log());
    for (wrong, words) in [
        (toml.replace("url_env = \"TEST_MONITOR\"\n", ""), "has no address"),
        (toml.replace("every = \"1s\"", "every = \"2h\""), "is not between 1s and 1h"),
        (toml.replace("every = \"1s\"", "method = \"PUT\""), "POST"),
        (toml.replace("undelivered = \"1s\"", "undelivered = \"500ms\""), "is not between"),
    ] {
        service.write_config("callout.toml", &wrong);
        let checked =
            crate::support::service::run(crate::support::service::callout().arg("check").arg(service.config()));
        let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
        assert_eq!(checked.status.code(), Some(1), "{said}");
        assert!(said.contains(words), "{words} is missing: {said}");
    }
}

/// What a service manager would hear.
struct Manager {
    socket: UnixDatagram,
    path: String,
    _dir: TempDir,
}

impl Manager {
    fn start() -> Self {
        let dir = TempDir::new("manager");
        let path = dir.path().join("notify").to_string_lossy().into_owned();
        let socket = UnixDatagram::bind(&path).expect("a socket can be made");
        socket.set_read_timeout(Some(PATIENCE)).expect("a deadline can be set");
        Self { socket, path, _dir: dir }
    }

    /// Waits until a message has this line; gives the message.
    #[track_caller]
    fn wait(&self, line: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let length = self.socket.recv(&mut buffer).unwrap_or_else(|e| panic!("no {line}: {e}"));
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.lines().any(|l| l == line) {
                return message;
            }
        }
    }

    /// Waits until nothing came for so long.
    #[track_caller]
    fn wait_quiet(&self, time: Duration) {
        self.socket.set_read_timeout(Some(time)).expect("a deadline can be set");
        let deadline = Instant::now() + PATIENCE;
        while self.socket.recv(&mut [0; 4096]).is_ok() {
            assert!(Instant::now() < deadline, "the watchdog is fed although the shard is stuck");
        }
        self.socket.set_read_timeout(Some(PATIENCE)).expect("a deadline can be set");
    }
}

#[test]
fn the_service_manager_hears_of_ready_reload_stop_and_that_the_loop_lives() {
    let (hook, manager) = (Hook::start(), Manager::start());
    let mut service = watched(&hook, &hook.address).env("NOTIFY_SOCKET", &manager.path).env("WATCHDOG_USEC", "600000");
    service.spawn();
    manager.wait("READY=1");
    manager.wait("WATCHDOG=1");
    service.signal("HUP");
    let reloading = manager.wait("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    manager.wait("READY=1");
    manager.wait("WATCHDOG=1");
    service.signal("TERM");
    manager.wait("STOPPING=1");
    assert!(service.wait_end(PATIENCE).success(), "{}", service.log());
}

#[test]
fn a_stuck_shard_turns_readiness_red_stops_the_heartbeat_and_starves_the_watchdog() {
    let (hook, manager) = (Hook::start(), Manager::start());
    let service =
        watched(&hook, &hook.address).env("NOTIFY_SOCKET", &manager.path).env("WATCHDOG_USEC", "600000").start();
    manager.wait("WATCHDOG=1");
    let Some(frozen) = Frozen::shard(&service) else { return };
    wait("red", &service, || service.get("/-/ready").status == 503);
    let ready = service.get("/-/ready").text();
    assert!(ready.contains("it is stuck"), "{ready}");
    stops_beating(&service, &hook);
    // The manager did not listen meanwhile, and nothing waited for it.
    manager.wait_quiet(Duration::from_millis(900));
    drop(frozen);
    beats_again(&service, &hook);
    manager.wait("WATCHDOG=1");
    service.get("/-/ready").expect_status(200);
}
