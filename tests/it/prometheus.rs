//! Other people's programs: a real Prometheus, amtool and promtool, as Debian ships them.

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::service::{free_address, run, stdout_of};
use crate::support::world::{self, STEPS};
use crate::support::{Service, Sinks, TempDir, http};

/// A running Prometheus with one rule.
struct Prometheus {
    child: Child,
    dir: TempDir,
}

impl Prometheus {
    fn start(alertmanager: &str) -> Self {
        let dir = TempDir::new("prometheus");
        dir.write("alerts.yml", &rule("vector(1)"));
        dir.write(
            "prometheus.yml",
            &format!(
                "global: {{evaluation_interval: 1s, external_labels: {{region: eu}}}}\nrule_files: [alerts.yml]\nalerting:\n  alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]\n"
            ),
        );
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}/prometheus.yml", dir.path().display()))
            .arg(format!("--storage.tsdb.path={}/tsdb", dir.path().display()))
            .arg(format!("--web.listen-address={}", free_address()))
            .arg("--rules.alert.resend-delay=1s")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("prometheus is installed by tests/setup.sh");
        Self { child, dir }
    }

    /// Replaces the rule's expression.
    fn becomes(&self, expression: &str) {
        self.dir.write("alerts.yml", &rule(expression));
        stdout_of(Command::new("kill").args(["-HUP", &self.child.id().to_string()]));
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rule(expression: &str) -> String {
    format!(
        "groups:\n- name: slo\n  rules:\n  - alert: DataApiUnavailable\n    expr: {expression}\n    labels: {{team: checkout, service: data-api, environment: prod-eu}}\n    annotations: {{summary: 'data API fails for one in a hundred', runbook_url: 'https://wiki.acme.example/runbooks/data-api'}}\n"
    )
}

#[test]
fn a_real_prometheus_pages_and_resolves() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let prometheus = Prometheus::start(&service.address);
    let begin = Instant::now();
    let mut waited = String::new();
    while service.get("/v1/incidents?status=all&limit=500").json()["incidents"].as_array().is_none_or(Vec::is_empty) {
        assert!(begin.elapsed() < Duration::from_secs(40), "no alert came from Prometheus");
        std::thread::sleep(Duration::from_millis(50));
    }
    let page = sinks
        .wait_until("slack.chat.postMessage", "ann's page", |all| all.iter().any(|m| m.body()["channel"] == "U0ANN"));
    let _ = write!(waited, "page after {:.1} s", begin.elapsed().as_secs_f64());
    assert!(page.iter().any(|m| m.text().contains("data API fails")), "{}", page[0].text());
    let incident = service.wait_incidents(1).remove(0);
    assert_eq!(incident["team"], "checkout", "{incident}");
    assert_eq!(incident["region"], "eu", "{incident}");

    prometheus.becomes("vector(1) > 2");
    let id = incident["id"].as_str().map_or_else(|| incident["id"].to_string(), str::to_owned);
    let deadline = Instant::now() + Duration::from_secs(40);
    while service.get(&format!("/v1/incidents/{id}")).json()["status"] != "resolved" {
        assert!(Instant::now() < deadline, "Prometheus' resolved alert resolved nothing");
        std::thread::sleep(Duration::from_millis(50));
    }
    sinks.wait_for("slack.chat.update", 1);
    let pages = sinks.received("slack.chat.postMessage").iter().filter(|m| m.body()["channel"] == "U0ANN").count();
    // The page, and at most the answer in its thread: the re-sends each second only counted.
    assert!(pages <= 2, "{pages} messages to ann");
    println!("prometheus: {waited}, resolved after {:.1} s", begin.elapsed().as_secs_f64());
    sinks.expect_no_complaints();
}

fn amtool(service: &Service, arguments: &[&str]) -> Command {
    let mut command = Command::new("amtool");
    command.arg(format!("--alertmanager.url={}", service.url(""))).args(arguments).env("HOME", "/nonexistent");
    command
}

#[test]
fn amtool_adds_and_queries_alerts() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    stdout_of(&mut amtool(
        &service,
        &["alert", "add", "DiskFull", "service=data-api", "node=db1", "--annotation=summary=disk is full"],
    ));
    service.wait_incidents(1);
    let listed = stdout_of(&mut amtool(&service, &["alert", "query", "alertname=DiskFull"]));
    assert!(listed.contains("DiskFull") && listed.contains("active"), "{listed}");
    let none = stdout_of(&mut amtool(&service, &["alert", "query", "alertname=Other"]));
    assert!(!none.contains("DiskFull"), "{none}");
    stdout_of(&mut amtool(&service, &["config", "show"]));
    stdout_of(&mut amtool(&service, &["cluster", "show"]));
}

#[test]
fn amtool_makes_shows_and_expires_silences() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    let made = stdout_of(&mut amtool(
        &service,
        &["silence", "add", "alertname=~Disk.*", "node!=db2", "--author=ann", "--comment=swap", "--duration=1h"],
    ));
    let id = made.trim();
    assert_eq!(id.len(), 36, "{made}");
    let listed = stdout_of(&mut amtool(&service, &["silence", "query"]));
    assert!(listed.contains(id) && listed.contains("ann"), "{listed}");
    stdout_of(&mut amtool(&service, &["alert", "add", "DiskFull", "service=data-api", "node=db1"]));
    stdout_of(&mut amtool(&service, &["alert", "add", "DiskFull", "service=data-api", "node=db2"]));
    let incident = service.wait_incidents(1).remove(0);
    assert!(incident.to_string().contains("db2"), "{incident}");
    let silenced = stdout_of(&mut amtool(&service, &["alert", "query", "--silenced", "-o", "json"]));
    assert!(silenced.contains("db1"), "{silenced}");

    stdout_of(&mut amtool(&service, &["silence", "expire", id]));
    let listed = stdout_of(&mut amtool(&service, &["silence", "query"]));
    assert!(!listed.contains(id), "{listed}");
    stdout_of(&mut amtool(&service, &["alert", "add", "DiskFull", "service=data-api", "node=db1"]));
    service.wait_incidents(2);
    let wrong = run(&mut amtool(&service, &["silence", "expire", "5ef0a9c8-0000-4000-8000-000000000000"]));
    assert!(!wrong.status.success(), "an unknown silence cannot be expired");
}

#[test]
fn metrics_are_clean_under_promtool() {
    let sinks = Sinks::start();
    let service = world::start(&sinks, STEPS);
    service.post("/v1/breaches", &world::breach()).expect_status(202);
    service.post("/v1/breaches", &json!([{}])).header("x");
    http::get(&service.url("/v1/nonsense"));
    sinks.wait_for("slack.chat.postMessage", 2);
    let metrics = service.get("/metrics").expect_status(200).text();
    let dir = TempDir::new("metrics");
    dir.write("metrics", &metrics);
    let file = std::fs::File::open(dir.path().join("metrics")).unwrap();
    let output = run(Command::new("promtool").args(["check", "metrics"]).stdin(file));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.trim().is_empty(), "promtool complains:\n{said}");
    println!(
        "metrics: {} series, promtool has nothing to say",
        metrics.lines().filter(|l| !l.starts_with('#')).count()
    );
}
