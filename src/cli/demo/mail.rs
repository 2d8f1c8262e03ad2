//! A stand-in for a mail server: as much of SMTP as one sender needs, on loopback, without TLS.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::seen::{Mail, Seen};

/// Bytes of a mail at most. Beyond: the connection ends.
const MAIL_BYTES_MAX: u64 = 1024 * 1024;
/// Bytes of all that one connection may send. Beyond: the connection ends.
const CONNECTION_BYTES_MAX: u64 = 64 * MAIL_BYTES_MAX;

/// Takes mails for ever.
pub async fn serve(listener: TcpListener, seen: Arc<Seen>) {
    while let Ok((stream, _)) = listener.accept().await {
        let seen = Arc::clone(&seen);
        tokio::spawn(async move {
            // A sender that goes away in the middle loses its own mail.
            let _ = converse(stream, &seen).await;
        });
    }
}

async fn converse(stream: TcpStream, seen: &Seen) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read.take(CONNECTION_BYTES_MAX));
    let mut recipients: Vec<String> = Vec::new();
    let mut line = Vec::new();
    write.write_all(b"220 demo.localhost ready\r\n").await?;
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let command = String::from_utf8_lossy(&line).trim_end().to_owned();
        let verb = command.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-demo.localhost\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            "HELO" | "NOOP" => b"250 ok\r\n",
            "MAIL" | "RSET" => {
                recipients.clear();
                b"250 ok\r\n"
            }
            "RCPT" => {
                recipients
                    .extend(command.split_once('<').and_then(|(_, r)| r.split_once('>')).map(|(a, _)| a.to_owned()));
                b"250 ok\r\n"
            }
            "DATA" if recipients.is_empty() => b"503 say RCPT first\r\n",
            "DATA" => {
                write.write_all(b"354 end with a dot\r\n").await?;
                let Some(raw) = data(&mut lines).await? else { return Ok(()) };
                let mail = read_mail(&raw);
                seen.update(|received| {
                    for to in recipients.drain(..) {
                        received.arrived("mail", &to, mail.subject.clone());
                        received.mail.push(Mail { to, ..mail.clone() });
                    }
                });
                b"250 taken\r\n"
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"502 not known here\r\n",
        };
        write.write_all(answer).await?;
    }
}

/// Up to the line that is a dot; `None` when it breaks off or is too long.
async fn data(lines: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> std::io::Result<Option<String>> {
    let mut raw = Vec::new();
    loop {
        let start = raw.len();
        if lines.read_until(b'\n', &mut raw).await? == 0 || raw.len() as u64 > MAIL_BYTES_MAX {
            return Ok(None);
        }
        match raw.get(start..) {
            Some(b".\r\n") => {
                raw.truncate(start);
                return Ok(Some(String::from_utf8_lossy(&raw).into_owned()));
            }
            // A dot that was put before a dot (RFC 5321, section 4.5.2).
            Some([b'.', ..]) => {
                raw.remove(start);
            }
            _ => {}
        }
    }
}

fn read_mail(raw: &str) -> Mail {
    let (head, body) = raw.split_once("\r\n\r\n").unwrap_or((raw, ""));
    let subject = header(head, "subject").unwrap_or_default();
    Mail {
        to: String::new(),
        subject: decode_words(&subject),
        in_reply_to: header(head, "in-reply-to"),
        text: text_part(head, body).replace("\r\n", "\n"),
    }
}

/// A header's value, unfolded.
fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.split("\r\n").skip_while(|line| {
        line.split_once(':').is_none_or(|(n, _)| line.starts_with([' ', '\t']) || !n.eq_ignore_ascii_case(name))
    });
    let mut value = lines.next()?.split_once(':')?.1.trim().to_owned();
    for more in lines.take_while(|line| line.starts_with([' ', '\t'])) {
        value.push(' ');
        value.push_str(more.trim());
    }
    Some(value)
}

/// The first part that is plain text, decoded.
fn text_part(head: &str, body: &str) -> String {
    let kind = header(head, "content-type").unwrap_or_default();
    let boundary = kind.split_once("boundary=").map(|(_, b)| b.split(';').next().unwrap_or(b).trim_matches('"'));
    if let Some(boundary) = boundary {
        let delimiter = format!("--{boundary}");
        let parts = body.split(&delimiter).skip(1);
        let texts = parts.filter_map(|part| part.trim_start_matches("\r\n").split_once("\r\n\r\n"));
        return texts.map(|(head, body)| text_part(head, body)).find(|text| !text.is_empty()).unwrap_or_default();
    }
    if !kind.is_empty() && !kind.to_ascii_lowercase().starts_with("text/plain") {
        return String::new();
    }
    match header(head, "content-transfer-encoding").unwrap_or_default().to_ascii_lowercase().as_str() {
        "base64" => {
            let joined: String = body.split_ascii_whitespace().collect();
            STANDARD.decode(joined).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
        }
        "quoted-printable" => quoted(&body.replace("=\r\n", ""), false),
        _ => body.to_owned(),
    }
}

/// Quoted-printable; in headers an underscore is a space (RFC 2047, section 4.2).
fn quoted(text: &str, in_header: bool) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'=' => {
                let digits = [bytes.next(), bytes.next()].map(|d| d.and_then(|d| char::from(d).to_digit(16)));
                if let [Some(high), Some(low)] = digits {
                    out.extend(u8::try_from(high * 16 + low));
                }
            }
            b'_' if in_header => out.push(b' '),
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Encoded words of a header; the white space between two of them is none (RFC 2047, section 6.2).
fn decode_words(value: &str) -> String {
    let mut out = String::new();
    let mut after_encoded = false;
    for word in value.split(' ') {
        let decoded = encoded_word(word);
        let joined = out.is_empty() || (after_encoded && decoded.is_some());
        if !joined {
            out.push(' ');
        }
        after_encoded = decoded.is_some();
        out.push_str(decoded.as_deref().unwrap_or(word));
    }
    out
}

fn encoded_word(word: &str) -> Option<String> {
    let mut parts = word.strip_prefix("=?")?.strip_suffix("?=")?.splitn(3, '?');
    let (_charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
    match encoding {
        "B" | "b" => STANDARD.decode(text).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        "Q" | "q" => Some(quoted(text, true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subject_and_text_are_found_and_decoded() {
        let raw = "Subject: =?utf-8?b?UDIg4oCi?= =?utf-8?q?_data=2Dapi?= is\r\n down\r\nIn-Reply-To: <1@acme>\r\n\
                   Content-Type: multipart/alternative;\r\n boundary=\"xyz\"\r\n\r\n\
                   --xyz\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
                   one =E2=80=A2 =\r\nline\r\n--xyz\r\nContent-Type: text/html\r\n\r\n<p>\r\n--xyz--\r\n";
        let mail = read_mail(raw);
        assert_eq!(mail.subject, "P2 • data-api is down");
        assert_eq!(mail.in_reply_to.as_deref(), Some("<1@acme>"));
        assert_eq!(mail.text.trim_end(), "one • line");
    }

    #[tokio::test]
    async fn a_mail_and_a_connection_have_so_many_bytes() {
        let mail = |bytes: usize| format!("{}\r\n.\r\n", "x".repeat(bytes - 5));
        let most = usize::try_from(MAIL_BYTES_MAX).unwrap();
        assert_eq!(data(&mut mail(most).as_bytes()).await.unwrap().map(|raw| raw.len()), Some(most - 3));
        assert_eq!(data(&mut mail(most + 1).as_bytes()).await.unwrap(), None);

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, Arc::default()));
        let mut lines = BufReader::new(TcpStream::connect(address).await.unwrap());
        let mut answer = String::new();
        lines.read_line(&mut answer).await.unwrap();
        let command = format!("NOOP{}\r\n", "x".repeat(most - 6));
        for _ in 0..CONNECTION_BYTES_MAX / MAIL_BYTES_MAX {
            lines.write_all(command.as_bytes()).await.unwrap();
            answer.clear();
            lines.read_line(&mut answer).await.unwrap();
            assert_eq!(answer, "250 ok\r\n");
        }
        answer.clear();
        let _ = lines.write_all(b"NOOP\r\n").await;
        assert_eq!(lines.read_line(&mut answer).await.unwrap_or_default(), 0, "the connection ends: {answer}");
    }
}
