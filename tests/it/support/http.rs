//! A small blocking HTTP/1.1 client over plain loopback TCP: enough for tests, and it says exactly what went over the wire.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Header names in lower case, with their values, in order.
    pub headers: Vec<(String, String)>,
    /// The body, de-chunked.
    pub body: Vec<u8>,
}

impl Reply {
    /// First value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {} {}", self.status, self.text()))
    }

    /// This answer, if it has that status.
    ///
    /// # Panics
    /// When it has another.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// A connection that is kept open between requests.
pub struct Connection {
    host: String,
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects to `host` (`127.0.0.1:PORT`); every read and write is bounded by `timeout`.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn open(host: &str, timeout: Duration) -> io::Result<Self> {
        let address = host.parse().map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, format!("{host}: {e}")))?;
        let stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        stream.set_nodelay(true)?;
        Ok(Self { host: host.to_owned(), stream: BufReader::new(stream) })
    }

    /// Sends one request and reads the answer.
    ///
    /// # Errors
    /// Those of the socket; `UnexpectedEof` when the other side goes away before the whole answer was read.
    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Reply> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n", self.host, body.len());
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        let mut whole = head.into_bytes();
        whole.extend_from_slice(body);
        // A server that refuses a large body answers before it has read all of it: its answer counts, not the broken pipe.
        let written = self.stream.get_mut().write_all(&whole);
        self.read_reply(method).map_err(|e| written.err().unwrap_or(e))
    }

    fn read_reply(&mut self, method: &str) -> io::Result<Reply> {
        let status_line = self.line()?;
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .ok_or_else(|| io::Error::other(format!("no status line: {status_line:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut reply = Reply { status, headers, body: Vec::new() };
        if method == "HEAD" || matches!(status, 100..=199 | 204 | 304) {
            return Ok(reply);
        }
        if reply.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
            loop {
                let size = usize::from_str_radix(self.line()?.trim(), 16).map_err(io::Error::other)?;
                let at = reply.body.len();
                reply.body.resize(at + size, 0);
                self.stream.read_exact(&mut reply.body[at..])?;
                self.line()?;
                if size == 0 {
                    return Ok(reply);
                }
            }
        }
        match reply.header("content-length").map(str::parse::<usize>) {
            Some(Ok(length)) => {
                reply.body.resize(length, 0);
                self.stream.read_exact(&mut reply.body)?;
            }
            Some(Err(e)) => return Err(io::Error::other(e)),
            None => {
                self.stream.read_to_end(&mut reply.body)?;
            }
        }
        Ok(reply)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// One request to `url` (`http://127.0.0.1:PORT/path`) on a connection of its own.
///
/// # Errors
/// Those of the socket.
pub fn try_request(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Reply> {
    let rest = url.strip_prefix("http://").ok_or_else(|| io::Error::other(format!("not plain http: {url}")))?;
    let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let mut all = vec![("connection", "close")];
    all.extend_from_slice(headers);
    Connection::open(host, Duration::from_secs(30))?.send(method, path, &all, body)
}

/// The same, for when it must work.
///
/// # Panics
/// When there is no answer.
#[track_caller]
pub fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    try_request(method, url, headers, body).unwrap_or_else(|e| panic!("{method} {url}: {e}"))
}

/// GET.
#[track_caller]
pub fn get(url: &str) -> Reply {
    request("GET", url, &[], b"")
}

/// POST of JSON.
#[track_caller]
pub fn post(url: &str, body: &Value) -> Reply {
    request("POST", url, &[("content-type", "application/json")], body.to_string().as_bytes())
}
