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

/// As in `src/http/server.rs`.
const HEAD_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a path at most, its first `/` included; what the HTTP library takes.
const PATH_BYTES_MAX: usize = 65_534;

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
    // A head of so many bytes in all.
    let long = |bytes: usize| {
        let (begin, end) = ("GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nX-Long: ", "\r\n\r\n");
        format!("{begin}{}{end}", "x".repeat(bytes - begin.len() - end.len()))
    };
    for (bytes, status) in [(HEAD_BYTES_MAX, "200"), (HEAD_BYTES_MAX + 1, "431")] {
        let (answers, _) = send(&service, long(bytes).as_bytes());
        assert_eq!(statuses(&answers), [status], "{bytes} bytes");
    }
    let path = |bytes: usize| format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(bytes));
    for (bytes, status) in [(PATH_BYTES_MAX - 1, "404"), (PATH_BYTES_MAX, "414")] {
        let (answers, _) = send(&service, path(bytes).as_bytes());
        assert_eq!(statuses(&answers), [status], "a path of {bytes} bytes");
    }
}

/// One frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header that is not remembered, without Huffman's code (RFC 7541, section 6.2.2).
fn literal(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| {
        let mut out = Vec::new();
        // An integer with a prefix of seven bits (RFC 7541, section 5.1).
        let mut rest = text.len();
        if rest < 127 {
            out.push(u8::try_from(rest).unwrap());
        } else {
            out.push(127);
            rest -= 127;
            while rest >= 128 {
                out.push(u8::try_from(rest % 128).unwrap() + 128);
                rest /= 128;
            }
            out.push(u8::try_from(rest).unwrap());
        }
        out.extend_from_slice(text.as_bytes());
        out
    };
    [vec![0], text(name), text(value)].concat()
}

/// A request by HTTP/2 in as many frames as it takes; an open one may still send a body.
fn http2_request(stream: u32, method: &str, path: &str, more: &[u8], open: bool) -> Vec<u8> {
    let head = [
        literal(":method", method),
        literal(":scheme", "http"),
        literal(":path", path),
        literal(":authority", "localhost"),
        more.to_vec(),
    ]
    .concat();
    let mut parts = head.chunks(16_384).peekable();
    let mut out = Vec::new();
    let mut kind = 1;
    while let Some(part) = parts.next() {
        let end_of_head = if parts.peek().is_none() { 4 } else { 0 };
        let end_of_request = u8::from(kind == 1 && !open);
        out.extend(frame(kind, end_of_head | end_of_request, stream, part));
        kind = 9;
    }
    out
}

/// Sends frames and reads answers until there is one for `stream`: kind and payload of each frame, with its stream.
fn http2(service: &Service, frames: &[u8], stream: u32) -> Vec<(u8, u32, Vec<u8>)> {
    let mut connection = TcpStream::connect(&service.address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    connection.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    connection.write_all(&frame(4, 0, 0, &[])).unwrap();
    connection.write_all(frames).unwrap();
    let mut came = Vec::new();
    loop {
        let mut head = [0; 9];
        if connection.read_exact(&mut head).is_err() {
            return came;
        }
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        connection.read_exact(&mut payload).unwrap();
        let of = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        came.push((head[3], of, payload));
        if of == stream && (head[3] == 1 || head[3] == 3) {
            return came;
        }
    }
}

#[test]
fn requests_by_http2_have_limits_too() {
    const HEAD_BYTES_MAX: usize = 64 * 1024;
    const STREAMS_MAX: u32 = 128;
    let service = Service::prepare(&[("callout.toml", CONFIG)]).start();

    // A list of header lines counts names, values, and 32 bytes for each (RFC 9113, section 10.5.1).
    let lines =
        [(":method", "GET"), (":scheme", "http"), (":path", "/-/healthy"), (":authority", "localhost"), ("x", "")];
    let others: usize = lines.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
    // The library takes what is smaller than the limit.
    for (bytes, is_good) in [(HEAD_BYTES_MAX - 1, true), (HEAD_BYTES_MAX, false)] {
        let long = literal("x", &"x".repeat(bytes - others));
        let came = http2(&service, &http2_request(1, "GET", "/-/healthy", &long, false), 1);
        // The first byte of an answer's head is the status 200, of the static table, or something else.
        let good = came.iter().any(|(kind, stream, payload)| (*kind, *stream, payload.first()) == (1, 1, Some(&0x88)));
        assert_eq!(good, is_good, "{bytes} bytes: {came:?}");
    }

    // Requests whose bodies are still to come, and one more.
    let json = literal("content-type", "application/json");
    let open = |count: u32| -> Vec<u8> {
        (0..count).flat_map(|n| http2_request(2 * n + 1, "POST", "/v1/breaches", &json, true)).collect()
    };
    let refused = |came: &[(u8, u32, Vec<u8>)]| -> Vec<u32> {
        let refused = |payload: &[u8]| payload == 7_u32.to_be_bytes();
        came.iter().filter(|(kind, _, payload)| *kind == 3 && refused(payload)).map(|(_, stream, _)| *stream).collect()
    };
    let last = 2 * STREAMS_MAX + 1;
    assert_eq!(refused(&http2(&service, &open(STREAMS_MAX + 1), last)), [last], "the one past the limit");
    // At the limit nothing is refused: the last one ends its body, and is answered.
    let mut all = open(STREAMS_MAX);
    all.extend(frame(0, 1, last - 2, b"[]"));
    let came = http2(&service, &all, last - 2);
    assert_eq!(refused(&came), [0; 0]);
    assert!(came.iter().any(|(kind, stream, _)| (*kind, *stream) == (1, last - 2)), "{came:?}");
}
