//! Running it: readiness, reload, locks, draining, a disk that is full.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::hook::Hook;
use crate::support::http;
use crate::support::service::{callout, incidents, run};
use crate::support::world::{self, STEPS};
use crate::support::{Service, Sinks, TempDir};
use crate::watch;

const CONFIG: &str = r#"[organisation]
name = "acme"
timezone = "UTC"
fallback = "ops"
[teams.ops]
[services.api]
team = "ops"
"#;

fn quiet() -> Service {
    Service::prepare(&[("callout.toml", CONFIG)])
}

fn event(name: &str) -> serde_json::Value {
    json!({"kind": "resource", "service": "api", "labels": {"alertname": name}})
}

#[test]
fn a_second_instance_on_the_same_data_is_refused() {
    let service = quiet().start();
    let other = crate::support::service::free_address();
    let output = run(callout()
        .arg("serve")
        .arg("--config")
        .arg(service.config())
        .arg("--data")
        .arg(service.data())
        .args(["--listen", &other]));
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("lock") || said.contains("another"), "{said}");
    service.post("/v1/breaches", &event("still here")).expect_status(202);
}

#[test]
fn nothing_answered_is_lost_over_kill_and_restart() {
    let mut service = quiet().start();
    for n in 0..50 {
        service.post("/v1/breaches", &event(&format!("a{n}"))).expect_status(202);
    }
    service.kill_9();
    service.restart();
    assert_eq!(service.wait_incidents(50).len(), 50);
}

#[test]
fn sigterm_drains_and_ends_well() {
    let sinks = Sinks::start();
    let mut service = world::start(&sinks, STEPS);
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    service.signal("TERM");
    let status = service.wait_end(Duration::from_secs(20));
    assert!(status.success(), "{status}: {}", service.log());
    service.spawn();
    service.wait_ready();
    assert_eq!(service.wait_incidents(1).len(), 1);
    sinks.wait_for("slack.chat.postMessage", 2);
}

#[test]
fn sigterm_does_not_wait_for_ever() {
    let sinks = Sinks::start();
    let mut service = world::start(&sinks, STEPS);
    for endpoint in ["smtp.data", "teams", "slack.*"] {
        sinks.fault(&json!({"endpoint": endpoint, "kind": "hang"}));
    }
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    service.wait_incidents(1);
    let begin = Instant::now();
    service.signal("TERM");
    let status = service.wait_end(Duration::from_secs(30));
    assert!(status.success(), "{status}: {}", service.log());
    assert!(begin.elapsed() < Duration::from_secs(25), "{:?}", begin.elapsed());
}

#[test]
fn a_good_configuration_is_taken_and_a_bad_one_is_refused() {
    let service = quiet().start();
    let good = CONFIG.replace("[services.api]", "[services.new]\nteam = \"ops\"\n[services.api]");
    service.write_config("callout.toml", &good);
    let reply = service.post("/-/reload", &json!({}));
    assert_eq!(reply.status, 200, "{}", reply.text());
    service.post("/v1/breaches", &json!({"kind": "resource", "service": "new", "labels": {"alertname": "owned"}}));
    let list = service.wait_json("/v1/incidents?status=all&limit=500", "judged", |v| v.to_string().contains("owned"));
    assert_eq!(incidents(&list)[0]["unowned"], false, "{list}");

    service.write_config("callout.toml", &good.replace("team = \"ops\"", "team = \"opps\""));
    let reply = service.post("/-/reload", &json!({}));
    assert!(matches!(reply.status, 400 | 409 | 422), "{} {}", reply.status, reply.text());
    for words in ["opps", "callout.toml", "ops"] {
        assert!(reply.text().contains(words), "{words} is missing: {}", reply.text());
    }
    service
        .post("/v1/breaches", &json!({"kind": "resource", "service": "new", "labels": {"alertname": "still owned"}}));
    let list =
        service.wait_json("/v1/incidents?status=all&limit=500", "judged", |v| v.to_string().contains("still owned"));
    let incident = incidents(&list).into_iter().find(|i| i.to_string().contains("still owned")).unwrap();
    assert_eq!(incident["unowned"], false, "the old configuration stays: {incident}");
}

#[test]
fn sighup_reloads() {
    let service = quiet().start();
    let owner = |name: &str| {
        let event = json!({"kind": "resource", "service": "new", "labels": {"alertname": name}});
        service.post("/v1/breaches", &event).expect_status(202);
        let list = service.wait_json("/v1/incidents?status=all&limit=500", "judged", |v| v.to_string().contains(name));
        incidents(&list).into_iter().find(|i| i.to_string().contains(name)).unwrap()["unowned"].clone()
    };
    assert_eq!(owner("before"), true);
    service.write_config(
        "callout.toml",
        &CONFIG.replace("[services.api]", "[services.new]\nteam = \"ops\"\n[services.api]"),
    );
    service.signal("HUP");
    let mut tries = 0;
    while owner(&format!("after-{tries}")) == true {
        tries += 1;
        assert!(tries < 100, "SIGHUP changed nothing:\n{}", service.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    // A bad one by signal: the service goes on, and says what is wrong.
    service.write_config("callout.toml", "[organisation]\nnam = \"acme\"\n");
    service.signal("HUP");
    let deadline = Instant::now() + Duration::from_secs(10);
    while !service.log().contains("nam") {
        assert!(Instant::now() < deadline, "{}", service.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(owner("at last"), false);
}

#[test]
fn a_configuration_with_mistakes_is_not_started() {
    let mut service = quiet();
    service.write_config("callout.toml", &CONFIG.replace("team = \"ops\"", "team = \"opps\"\nrunbok = \"x\""));
    service.spawn();
    let status = service.wait_end(Duration::from_secs(20));
    assert_eq!(status.code(), Some(1), "{}", service.log());
    for words in ["opps", "runbok", "runbook"] {
        assert!(service.log().contains(words), "{words} is missing:\n{}", service.log());
    }
}

/// A small file system of its own, where this machine lets us make one.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(mib: u32) -> Option<Self> {
        let dir = TempDir::new("disk");
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).arg(dir.path());
        let done = run(&mut mount);
        done.status.success().then_some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_answered_503_and_is_got_over() {
    // The journal preallocates segments of 64 MiB: room for a few of them.
    let Some(disk) = SmallDisk::mount(256) else {
        // Not root: a limit on the size of files does the same to the journal, though it cannot be lifted again.
        let mut service = quiet().through(&["prlimit", "--fsize=1000000", "--"]);
        service.spawn();
        let status = service.wait_end(Duration::from_secs(20));
        assert!(!status.success(), "{}", service.log());
        return;
    };
    let filler = disk.0.path().join("filler");
    let monitor = Hook::start();
    let mut service = quiet().with_data(&disk.0.path().join("data"));
    let heartbeat = format!(
        "[heartbeat]\nurl = \"http://{}/beat\"\nmethod = \"GET\"\nevery = \"1s\"\nallow_private = true\n",
        monitor.address
    );
    service.write_config("callout.toml", &format!("{CONFIG}{heartbeat}"));
    service = service.start();
    service.post("/v1/breaches", &event("before")).expect_status(202);
    watch::beats_again(&service, &monitor);

    // Fill the disk, then write until the preallocated segment is used up.
    let _ = std::fs::write(&filler, vec![0_u8; 256 * 1024 * 1024]);
    let padding = "x".repeat(2_000);
    let batch: Vec<_> = (0..400)
        .map(|n| {
            let labels: serde_json::Map<String, serde_json::Value> = (0..12)
                .map(|l| (format!("pad{l}"), json!(padding)))
                .chain([("n".to_owned(), json!(n.to_string()))])
                .collect();
            json!({"kind": "resource", "service": "api", "status": "resolved", "labels": labels})
        })
        .collect();
    // What is smaller may still fit behind what did not; in the end nothing does, and the service says so.
    for size in [300, 30, 3, 1] {
        let body = json!(batch[..size]).to_string();
        let refused = (0..200)
            .map(|_| service.request("POST", "/v1/breaches", &[("content-type", "application/json")], body.as_bytes()))
            .inspect(|reply| assert!(matches!(reply.status, 202 | 503), "{} {}", reply.status, reply.text()))
            .find(|reply| reply.status == 503)
            .expect("a full disk must be told");
        assert!(refused.header("retry-after").is_some(), "{:?}", refused.headers);
    }
    let mut small = 0;
    while service
        .post(
            "/v1/breaches",
            &json!({"kind": "resource", "service": "api", "status": "resolved", "labels": {"n": small.to_string()}}),
        )
        .status
        == 202
    {
        small += 1;
        assert!(small < 2_000, "the disk has room without end");
    }
    let ready = service.get("/-/ready");
    assert_eq!(ready.status, 503, "{}", ready.text());
    watch::stops_beating(&service, &monitor);

    std::fs::remove_file(&filler).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let reply = service.post("/v1/breaches", &event("after"));
        if reply.status == 202 {
            break;
        }
        assert_eq!(reply.status, 503, "{}", reply.text());
        assert!(Instant::now() < deadline, "no recovery:\n{}", service.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    service.wait_json("/v1/incidents?status=all&limit=500", "judged", |v| v.to_string().contains("after"));
    watch::beats_again(&service, &monitor);
    service.kill_9();
    service.restart();
    let list = service.get("/v1/incidents?status=all&limit=500").json().to_string();
    assert!(list.contains("before") && list.contains("after"), "{list}");
    drop(service);
}

#[test]
fn health_and_metrics_answer() {
    let service = quiet().start();
    http::get(&service.url("/-/healthy")).expect_status(200);
    http::request("HEAD", &service.url("/-/ready"), &[], b"").expect_status(200);
    service.post("/v1/breaches", &event("counted")).expect_status(202);
    service.wait_incidents(1);
    let metrics = service.get("/metrics").expect_status(200);
    assert!(
        metrics.text().lines().any(|l| l.starts_with("callout_") && l.contains("_total") && !l.ends_with(" 0")),
        "{}",
        metrics.text()
    );
}

#[test]
fn a_receiver_that_is_down_turns_readiness_red_in_the_end() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    sinks.fault(&json!({"endpoint": "slack.*", "kind": "status", "status": 503}));
    sinks.fault(&json!({"endpoint": "smtp.*", "kind": "close"}));
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    let metric = |text: &str| {
        text.lines()
            .find(|l| l.starts_with("callout_undelivered_page_age_seconds"))
            .and_then(|l| l.split_whitespace().nth(1)?.parse::<f64>().ok())
    };
    let deadline = Instant::now() + Duration::from_secs(15);
    while metric(&service.get("/metrics").text()).is_none_or(|age| age < 1.0) {
        assert!(Instant::now() < deadline, "{}", service.get("/metrics").text());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn tokens_may_do_what_their_scopes_say_and_nothing_else() {
    use sha2::{Digest as _, Sha256};
    let service = quiet();
    let mut toml = CONFIG.to_owned();
    let tokens = [
        ("sender", "ingest"),
        ("other", "ingest:checkout"),
        ("reader", "read"),
        ("worker", "act:ops"),
        ("chief", "admin"),
    ];
    for (name, scope) in tokens {
        let sha256: String = Sha256::digest(format!("cot_{name}")).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let _ = write!(toml, "\n[tokens.{name}]\nsha256 = \"{sha256}\"\nscopes = [\"{scope}\"]\n");
    }
    toml.push_str("\n[teams.checkout]\nmembers = []\n");
    service.write_config("callout.toml", &toml);
    let service = service.start();
    let ask = |name: &str, method: &str, path: &str, body: &serde_json::Value| {
        let bearer = format!("Bearer cot_{name}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        http::request(method, &service.url(path), &headers, body.as_bytes()).status
    };
    let none = serde_json::Value::Null;
    assert_eq!(ask("sender", "POST", "/v1/breaches", &event("a")), 202);
    assert_eq!(ask("chief", "POST", "/v1/breaches", &event("b")), 202);
    let of_another_team = ask("other", "POST", "/v1/breaches", &event("c"));
    assert!(matches!(of_another_team, 403 | 422), "{of_another_team}");
    assert_eq!(ask("reader", "POST", "/v1/breaches", &event("d")), 403);
    assert_eq!(ask("sender", "GET", "/v1/incidents", &none), 403);
    for name in ["reader", "worker", "chief"] {
        assert_eq!(ask(name, "GET", "/v1/incidents", &none), 200, "{name}");
    }
    assert_eq!(ask("reader", "POST", "/v1/incidents/1/acknowledge", &json!({})), 403);
    assert_eq!(ask("worker", "POST", "/v1/incidents/1/acknowledge", &json!({})), 200);
    assert_eq!(ask("worker", "POST", "/-/reload", &json!({})), 403);
    assert_eq!(ask("chief", "POST", "/-/reload", &json!({})), 200);
    assert_eq!(ask("nobody", "GET", "/v1/incidents", &none), 401);

    let url = service.url("/v1/incidents");
    let without = http::get(&url);
    assert_eq!(without.status, 401, "{}", without.text());
    assert!(without.header("www-authenticate").is_some(), "{:?}", without.headers);
    assert_eq!(http::request("GET", &url, &[("authorization", "Basic dTpw")], b"").status, 401);
    http::get(&service.url("/-/healthy")).expect_status(200);
    assert!(!service.log().contains("cot_"), "a token is in the log");
    let list =
        http::request("GET", &service.url("/v1/incidents?status=all"), &[("authorization", "Bearer cot_chief")], b"");
    assert_eq!(incidents(&list.json()).len(), 2, "what was refused left nothing: {}", list.text());
}
