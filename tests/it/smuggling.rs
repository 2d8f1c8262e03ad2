//! Requests that could be read in two ways, and heads beyond the limits, on raw sockets against the real listener: refused, or the connection ends
//! after one answer, so that nothing behind them is taken for a request.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::Service;

const CONFIG: &str = r#"[organisation]
name = "acme"
fallback = "ops"
[people]
ann = { name = "Ann Ruiz", email = "ann@acme.example" }
[teams.ops]
members = ["ann"]
[[teams.ops.routes]]
tell = ["webhook:sink"]
[channels.webhook.sink]
url = "http://127.0.0.1:9/"
allow_private = true
"#;

/// What must never be answered when it stands behind a request that is ambiguous.
const HIDDEN: &str = "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Sends bytes and reads until the other side ends, or says nothing for two seconds: what came, and whether it ended.
fn send(service: &Service, bytes: &[u8]) -> (String, bool) {
    let mut stream = TcpStream::connect(&service.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    // A connection may be cut off before all of it is written.
    let _ = stream.write_all(bytes);
    let mut came = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (String::from_utf8_lossy(&came).into_owned(), true),
            Ok(read) => came.extend_from_slice(&buffer[..read]),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                return (String::from_utf8_lossy(&came).into_owned(), false);
            }
            Err(_) => return (String::from_utf8_lossy(&came).into_owned(), true),
        }
    }
}

fn statuses(answers: &str) -> Vec<&str> {
    answers.match_indices("HTTP/1.1 ").map(|(at, _)| &answers[at + 9..at + 12]).collect()
}

fn post(headers: &str, body: &str) -> String {
    format!("POST /v1/breaches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}\r\n{body}")
}

#[test]
fn what_could_be_read_in_two_ways_is_refused_or_ends_the_connection() {
    let service = Service::prepare(&[("callout.toml", CONFIG)]).start();
    let chunked = "Transfer-Encoding: chunked\r\n";
    let end = format!("0\r\n\r\n{HIDDEN}");
    let cases: Vec<(&str, String, &str)> = vec![
        ("two lengths", post("Content-Length: 2\r\nContent-Length: 3\r\n", &format!("[]{HIDDEN}")), "400"),
        ("a list of lengths", post("Content-Length: 2, 3\r\n", &format!("[]{HIDDEN}")), "400"),
        ("a length with a sign", post("Content-Length: +2\r\n", &format!("[]{HIDDEN}")), "400"),
        ("a negative length", post("Content-Length: -1\r\n", HIDDEN), "400"),
        ("a hexadecimal length", post("Content-Length: 0x2\r\n", &format!("[]{HIDDEN}")), "400"),
        ("a length beyond all bounds", post("Content-Length: 99999999999999999999\r\n", HIDDEN), "400"),
        ("an encoding beside chunked", post("Transfer-Encoding: chunked, identity\r\n", &end), "400"),
        ("an encoding that is not known", post("Transfer-Encoding: xchunked\r\n", &end), "400"),
        ("a space before the colon", post("Transfer-Encoding : chunked\r\nContent-Length: 2\r\n", &end), "400"),
        ("a folded line", post("X-Folded: a\r\n Transfer-Encoding: chunked\r\n", &end), "400"),
        ("a control character in a value", post("X-Bad: a\0b\r\n", HIDDEN), "400"),
        ("a line feed in a name", post("X\nBad: a\r\n", HIDDEN), "400"),
        ("chunks by HTTP/1.0", post(chunked, &end).replace("HTTP/1.1\r\nHost", "HTTP/1.0\r\nHost"), "400"),
        ("a version of its own", HIDDEN.replace("HTTP/1.1", "HTTP/1.2"), "400"),
        ("no version at all", "GET /-/healthy\r\n\r\n".to_owned(), "400"),
        // The length does not count then, and the connection ends: what is behind the last chunk is nobody's request.
        ("a length before chunks", post(&format!("Content-Length: 4\r\n{chunked}"), &end), "400"),
        ("a length behind chunks", post(&format!("{chunked}Content-Length: 4\r\n"), &end), "400"),
        ("a chunk beyond all bounds", post(chunked, &format!("fffffffffffffffff\r\n{HIDDEN}")), "400"),
        ("a chunk that is no number", post(chunked, &format!("zz\r\n{HIDDEN}")), "400"),
        ("a chunk that is longer than it says", post(chunked, &format!("2\r\n[]x\r\n{HIDDEN}")), "400"),
        ("a chunk without an end of line", post(chunked, &format!("2\r\n[]0\r\n\r\n{HIDDEN}")), "400"),
    ];
    let mut wrong = Vec::new();
    for (about, request, status) in cases {
        let (answers, ended) = send(&service, request.as_bytes());
        if statuses(&answers) != [status] || !ended || answers.contains("healthy") {
            wrong.push(format!("{about}: {:?}, ended {ended}: {}", statuses(&answers), answers.escape_debug()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The same connection is good for several requests that are not ambiguous.
    let (answers, _) = send(&service, format!("{HIDDEN}{HIDDEN}").as_bytes());
    assert_eq!(statuses(&answers), ["200", "200"]);
    let (answers, _) = send(&service, post(chunked, &format!("2\r\n[]\r\n{end}")).as_bytes());
    assert_eq!(statuses(&answers), ["400", "200"], "an empty array is refused, and the connection goes on");
}

#[test]
fn a_head_has_so_many_bytes_and_lines_and_no_more() {
    let service = Service::prepare(&[("callout.toml", CONFIG)]).start();
    let lines = |count: usize| {
        let more: Vec<String> = (1..count).map(|n| format!("X-{n}: y\r\n")).collect();
        let more = more.concat();
        format!("GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n{more}\r\n")
    };
    for (count, status) in [(100, "200"), (101, "431")] {
        let (answers, _) = send(&service, lines(count).as_bytes());
        assert_eq!(statuses(&answers), [status], "{count} lines");
    }
    let long =
        |bytes: usize| format!("GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "x".repeat(bytes));
    for (bytes, status) in [(200 * 1024, "200"), (257 * 1024, "431")] {
        let (answers, _) = send(&service, long(bytes).as_bytes());
        assert_eq!(statuses(&answers), [status], "{bytes} bytes");
    }
    let path = |bytes: usize| format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(bytes));
    for (bytes, status) in [(60_000, "404"), (66_000, "414")] {
        let (answers, _) = send(&service, path(bytes).as_bytes());
        assert_eq!(statuses(&answers), [status], "a path of {bytes} bytes");
    }
}
