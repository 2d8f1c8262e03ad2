//! The real program, started on a free port with a configuration and a data directory of its own.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::dir::TempDir;
use super::http::{self, Reply};

/// How long the program may take to become ready in tests.
const READY: Duration = Duration::from_secs(30);

/// A command line of callout.
pub fn callout() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callout"));
    // The environment of whoever runs the tests must not change what the program does.
    for (name, _) in std::env::vars() {
        if name.starts_with("CALLOUT_") {
            command.env_remove(name);
        }
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Runs a command to its end.
///
/// # Panics
/// When it can't be started.
#[track_caller]
pub fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"))
}

/// Standard output of a command that must succeed.
///
/// # Panics
/// When it does not.
#[track_caller]
pub fn stdout_of(command: &mut Command) -> String {
    let output = run(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// An address on loopback that is free. From below the range out of which the system gives ports to others, and never the same twice.
pub fn free_address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let from = std::process::id() % 100 * 100;
    loop {
        let port = 20_000 + (from + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let address = format!("127.0.0.1:{port}");
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

/// A running callout; killed when dropped.
pub struct Service {
    child: Option<Child>,
    dir: TempDir,
    data: PathBuf,
    /// `127.0.0.1:PORT`.
    pub address: String,
    environment: Vec<(String, String)>,
    prefix: Vec<String>,
    /// Bearer token for the helper methods.
    pub token: Option<String>,
}

impl Service {
    /// A service that is not started yet, with these files as configuration. `{address}` in them becomes its address.
    pub fn prepare(files: &[(&str, &str)]) -> Self {
        let address = free_address();
        let dir = TempDir::new("callout");
        let data = dir.path().join("data");
        let service =
            Self { child: None, dir, data, address, environment: Vec::new(), prefix: Vec::new(), token: None };
        for (name, text) in files {
            service.write_config(name, text);
        }
        service
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Changes a variable of its environment; takes effect at the next start.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Keeps its data there.
    #[must_use]
    pub fn with_data(mut self, data: &Path) -> Self {
        data.clone_into(&mut self.data);
        self
    }

    /// Starts it through another program, such as `prlimit --fsize=…`.
    #[must_use]
    pub fn through(mut self, prefix: &[&str]) -> Self {
        self.prefix = prefix.iter().map(|&p| p.to_owned()).collect();
        self
    }

    /// Writes a file of its configuration; takes effect at the next start or reload.
    pub fn write_config(&self, name: &str, text: &str) {
        self.dir.write(&format!("config/{name}"), &text.replace("{address}", &self.address));
    }

    /// Folder of the configuration.
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    /// Folder of the data.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What it logged so far, over all starts.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Process id.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("callout runs").id()
    }

    /// The command that starts it.
    pub fn command(&self) -> Command {
        let mut command = callout();
        if let Some((program, arguments)) = self.prefix.split_first() {
            let mut outer = Command::new(program);
            outer.args(arguments).arg(command.get_program()).stdin(Stdio::null()).env("NO_COLOR", "1");
            command = outer;
        }
        command
            .arg("serve")
            .arg("--config")
            .arg(self.config())
            .arg("--data")
            .arg(&self.data)
            .args(["--listen", &self.address])
            .envs(self.environment.iter().map(|(n, v)| (n, v)));
        command
    }

    /// Starts it without waiting.
    pub fn spawn(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("log"))
            .expect("the log file can be written");
        let out = log.try_clone().expect("the log file can be shared");
        let mut command = self.command();
        command.stdout(out).stderr(log);
        self.child = Some(command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}")));
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// When it is not ready in time; with its log.
    #[must_use]
    #[track_caller]
    pub fn start(mut self) -> Self {
        self.spawn();
        self.wait_ready();
        self
    }

    /// Waits until `/-/ready` says so.
    #[track_caller]
    pub fn wait_ready(&mut self) {
        let deadline = Instant::now() + READY;
        let mut last = String::from("no answer");
        loop {
            match http::try_request("GET", &self.url("/-/ready"), &[], b"") {
                Ok(reply) if reply.status == 200 => return,
                Ok(reply) => last = format!("{} {}", reply.status, reply.text()),
                Err(_) => {}
            }
            if let Some(status) = self.child.as_mut().and_then(|c| c.try_wait().ok().flatten()) {
                panic!("callout ended with {status}:\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "callout is not ready ({last}):\n{}", self.log());
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// Kills it without any chance to tidy up.
    pub fn kill_9(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("the process can be killed");
            child.wait().expect("the process ends");
        }
    }

    /// Starts it again on the same data and waits until it is ready.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill_9();
        self.spawn();
        self.wait_ready();
    }

    /// Sends a signal by name: `TERM`, `HUP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(status.is_ok_and(|s| s.success()), "kill -{name} failed");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it still runs after `within`.
    #[track_caller]
    pub fn wait_end(&mut self, within: Duration) -> ExitStatus {
        let deadline = Instant::now() + within;
        let mut child = self.child.take().expect("callout runs");
        loop {
            if let Some(status) = child.try_wait().expect("its status can be asked for") {
                return status;
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                panic!("callout still runs after {within:?}:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// An URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request with the token, if there is one.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let bearer = self.token.as_ref().map(|t| format!("Bearer {t}"));
        let mut all = headers.to_vec();
        if let Some(bearer) = &bearer {
            all.push(("authorization", bearer));
        }
        http::request(method, &self.url(path), &all, body)
    }

    /// GET.
    #[track_caller]
    pub fn get(&self, path: &str) -> Reply {
        self.request("GET", path, &[], b"")
    }

    /// POST of JSON.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.request("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// DELETE.
    #[track_caller]
    pub fn delete(&self, path: &str) -> Reply {
        self.request("DELETE", path, &[], b"")
    }

    /// Runs the command line client against it; standard output.
    #[track_caller]
    pub fn client(&self, arguments: &[&str]) -> String {
        stdout_of(callout().args(arguments).args(["--url", &self.url("")]))
    }

    /// Waits until a GET of `path` satisfies `enough`, and gives it.
    ///
    /// # Panics
    /// When it does not within 15 seconds.
    #[track_caller]
    pub fn wait_json(&self, path: &str, what: &str, enough: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let reply = self.get(path);
            let value = if reply.status == 200 { reply.json() } else { Value::Null };
            if enough(&value) {
                return value;
            }
            assert!(
                Instant::now() < deadline,
                "not {what} at {path} within 15 s: {} {}\n{}",
                reply.status,
                reply.text(),
                tail(&self.log())
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the incident satisfies `enough`.
    #[track_caller]
    pub fn wait_incident(&self, id: &str, what: &str, enough: impl Fn(&Value) -> bool) -> Value {
        self.wait_json(&format!("/v1/incidents/{id}"), what, enough)
    }

    /// Waits until there are `count` incidents, and gives them.
    #[track_caller]
    pub fn wait_incidents(&self, count: usize) -> Vec<Value> {
        let list = self.wait_json("/v1/incidents?status=all&limit=500", &format!("{count} incidents"), |v| {
            incidents(v).len() == count
        });
        incidents(&list)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("callout's log:\n{}", tail(&self.log()));
        }
    }
}

/// The rows of a list of incidents.
pub fn incidents(list: &Value) -> Vec<Value> {
    list["incidents"].as_array().cloned().unwrap_or_default()
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}
