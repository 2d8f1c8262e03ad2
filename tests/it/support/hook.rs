//! A fast receiver inside the test: a webhook at `/hook` and the two Slack methods that pages need at `/slack/`. Takes everything.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;

/// A message that was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// When it came, before it was answered.
    pub at: Instant,
    /// `hook`, or the Slack method.
    pub method: String,
    /// The message.
    pub body: Value,
}

/// The receiver.
pub struct Hook {
    /// `127.0.0.1:PORT`.
    pub address: String,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Hook {
    /// Starts it; its threads end with the test.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let taken: Arc<Mutex<Vec<Taken>>> = Arc::default();
        let shared = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let taken = Arc::clone(&shared);
                // A connection that breaks off is the business of the sender.
                std::thread::spawn(move || serve(stream, &taken));
            }
        });
        Self { address, taken }
    }

    /// Everything so far.
    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(stream: TcpStream, taken: &Mutex<Vec<Taken>>) -> Option<()> {
    let _ = stream.set_nodelay(true);
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let (path, body) = request(&mut reader)?;
        let at = Instant::now();
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let method = path.rsplit('/').next().unwrap_or_default().to_owned();
        let answer = if method == "hook" {
            String::from("{}")
        } else {
            let channel = body["channel"].as_str().unwrap_or("D0");
            let number = taken.lock().unwrap_or_else(PoisonError::into_inner).len();
            format!(r#"{{"ok":true,"channel":"{channel}","ts":"1700000000.{number:06}"}}"#)
        };
        let messages = match body["messages"].as_array() {
            Some(messages) => messages.clone(),
            None => vec![body],
        };
        taken.lock().unwrap_or_else(PoisonError::into_inner).extend(messages.into_iter().map(|body| Taken {
            at,
            method: method.clone(),
            body,
        }));
        write!(
            writer,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
            answer.len()
        )
        .ok()?;
    }
}

/// Reads one request with a stated length: path and body.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, body))
}
