//! Bodies of requests: bounded before and after decompression, and in time.

use std::io::Read as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::ingest::limits::{BODY_BYTES_MAX, COMPRESSED_BYTES_MAX};
use crate::ingest::metrics::remote_write::{self, Version};
use crate::ingest::{Refusal, problem};

/// How a body travels.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Plain,
    Gzip,
    Snappy,
}

/// From the end of a request's head to the end of its body. Beyond: 408 `body-too-slow`, and the connection is closed.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// Reads a body as it is, at most `limit` bytes of it.
///
/// # Errors
/// When it is too large, or does not arrive.
pub async fn read_raw(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    collect(headers, body, Encoding::Plain, limit).await
}

/// Reads a body that must be JSON.
///
/// # Errors
/// When it is too large, cannot be decompressed, or says to be something else than JSON.
pub async fn read_json(headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    check_content_type(headers)?;
    match encoding(headers)? {
        Encoding::Snappy => Err(unsupported("snappy")),
        encoding => read(headers, body, encoding).await,
    }
}

/// Reads a body of protocol buffers, plain or compressed with gzip.
///
/// # Errors
/// When it is too large, cannot be decompressed, or says to be something else.
pub async fn read_protobuf(headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    check_protobuf(headers)?;
    match encoding(headers)? {
        Encoding::Snappy => Err(unsupported("snappy")),
        encoding => read(headers, body, encoding).await,
    }
}

/// Reads a body of remote write, which is compressed with snappy whether it says so or not. Comes with the message that it says to be.
///
/// # Errors
/// When it is too large, cannot be decompressed, or says to be something else.
pub async fn read_remote_write(headers: &HeaderMap, body: Body) -> Result<(Version, Bytes), Refusal> {
    let version = check_protobuf(headers)?;
    if headers.contains_key(header::CONTENT_ENCODING) && encoding(headers)? != Encoding::Snappy {
        return Err(Refusal::new(&problem::UNSUPPORTED_ENCODING, "remote write is compressed with snappy"));
    }
    Ok((version, read(headers, body, Encoding::Snappy).await?))
}

async fn read(headers: &HeaderMap, body: Body, encoding: Encoding) -> Result<Bytes, Refusal> {
    let limit = match encoding {
        Encoding::Plain => BODY_BYTES_MAX,
        Encoding::Gzip | Encoding::Snappy => COMPRESSED_BYTES_MAX,
    };
    let bytes = collect(headers, body, encoding, limit).await?;
    match encoding {
        Encoding::Plain => Ok(bytes),
        Encoding::Gzip => decompress(&bytes),
        Encoding::Snappy => Ok(remote_write::decompress(&bytes)?.into()),
    }
}

async fn collect(headers: &HeaderMap, body: Body, encoding: Encoding, limit: usize) -> Result<Bytes, Refusal> {
    let declared: Option<usize> =
        headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    if declared.is_some_and(|bytes| bytes > limit) {
        return Err(too_large(encoding, limit));
    }
    match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Err(_) => {
            let detail = format!("the body did not arrive within {} seconds", BODY_TIMEOUT.as_secs());
            Err(Refusal::new(&problem::BODY_TOO_SLOW, detail))
        }
        Ok(Err(e)) if e.is::<LengthLimitError>() => Err(too_large(encoding, limit)),
        Ok(Err(_)) => Err(Refusal::new(&problem::MALFORMED_JSON, "the body broke off")),
    }
}

fn unsupported(encoding: &str) -> Refusal {
    Refusal::new(&problem::UNSUPPORTED_ENCODING, format!("`{encoding}` is not supported here; gzip is"))
}

/// Protocol buffers, of remote write 2.0 where they say so.
fn check_protobuf(headers: &HeaderMap) -> Result<Version, Refusal> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(Version::One) };
    let value = value.to_str().unwrap_or_default();
    let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
    let essence = parts.next().unwrap_or_default();
    let message = parts.find_map(|part| part.strip_prefix("proto=").map(|m| m.trim_matches('"').to_owned()));
    match (essence.as_str(), message.as_deref()) {
        ("application/x-protobuf", None | Some("prometheus.writerequest")) => Ok(Version::One),
        ("application/x-protobuf", Some("io.prometheus.write.v2.request")) => Ok(Version::Two),
        _ => {
            let shown: String = value.chars().filter(|c| !c.is_control()).take(128).collect();
            let detail = format!("`{shown}` is not supported; send `application/x-protobuf`");
            Err(Refusal::new(&problem::UNSUPPORTED_MEDIA_TYPE, detail))
        }
    }
}

fn too_large(encoding: Encoding, limit: usize) -> Refusal {
    Refusal::new(
        &problem::BODY_TOO_LARGE,
        match encoding {
            Encoding::Plain => format!("more than {limit} bytes"),
            Encoding::Gzip | Encoding::Snappy => format!("more than {limit} bytes of compressed data"),
        },
    )
}

/// Decompresses at most [`BODY_BYTES_MAX`] bytes; what would be more is never made.
fn decompress(bytes: &[u8]) -> Result<Bytes, Refusal> {
    let mut out = Vec::with_capacity(bytes.len().saturating_mul(4).min(BODY_BYTES_MAX));
    let limit = u64::try_from(BODY_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(bytes)
        .take(limit)
        .read_to_end(&mut out)
        .map_err(|e| Refusal::new(&problem::BAD_COMPRESSION, format!("the body is not whole gzip data: {e}")))?;
    if out.len() > BODY_BYTES_MAX {
        let detail = format!("more than {BODY_BYTES_MAX} bytes after decompression");
        return Err(Refusal::new(&problem::BODY_TOO_LARGE, detail));
    }
    Ok(out.into())
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(Encoding::Plain) };
    match value.to_str().map(|v| v.trim().to_ascii_lowercase()).as_deref() {
        Ok("gzip" | "x-gzip") => Ok(Encoding::Gzip),
        Ok("snappy") => Ok(Encoding::Snappy),
        Ok("identity" | "") => Ok(Encoding::Plain),
        Ok(other) => {
            let shown: String = other.chars().take(64).collect();
            Err(Refusal::new(&problem::UNSUPPORTED_ENCODING, format!("`{shown}` is not supported; gzip is")))
        }
        Err(_) => Err(Refusal::new(&problem::UNSUPPORTED_ENCODING, "the header `Content-Encoding` is not a text")),
    }
}

/// No content type is taken for JSON; a form or a text is what a web page could send across origins, and what `curl -d` says by itself.
fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    let shown: String = essence.chars().take(64).collect();
    let detail = format!("`{shown}` is not JSON; send `Content-Type: application/json`");
    Err(Refusal::new(&problem::UNSUPPORTED_MEDIA_TYPE, detail))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![b' '; BODY_BYTES_MAX + 1]);
        assert!(bomb.len() < COMPRESSED_BYTES_MAX);
        assert_eq!(decompress(&bomb).unwrap_err().problem, &problem::BODY_TOO_LARGE);
        assert_eq!(decompress(&gzip(&vec![b' '; BODY_BYTES_MAX])).unwrap().len(), BODY_BYTES_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_end_is_given_up() {
        struct Trickle(tokio::time::Interval);
        impl hyper::body::Body for Trickle {
            type Data = Bytes;
            type Error = std::convert::Infallible;
            fn poll_frame(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
                self.0.poll_tick(cx).map(|_| Some(Ok(hyper::body::Frame::data(Bytes::from_static(b" ")))))
            }
        }
        let begun = tokio::time::Instant::now();
        let body = Body::new(Trickle(tokio::time::interval(Duration::from_secs(1))));
        let refused = read_json(&HeaderMap::new(), body).await.unwrap_err();
        assert_eq!((refused.problem, begun.elapsed()), (&problem::BODY_TOO_SLOW, BODY_TIMEOUT));
    }

    #[test]
    fn damaged_gzip_is_refused() {
        let good = gzip(b"[]");
        assert_eq!(&decompress(&good).unwrap()[..], b"[]");
        for bad in [&good[..good.len() - 1], b"[]", b"", &[&good[..], b"x"].concat()[..]] {
            assert_eq!(decompress(bad).unwrap_err().problem, &problem::BAD_COMPRESSION, "{bad:?}");
        }
    }

    #[test]
    fn only_json_is_read() {
        for (value, good) in [
            ("application/json", true),
            ("application/json; charset=utf-8", true),
            ("application/cloudevents+json", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
            assert_eq!(check_content_type(&headers).is_ok(), good, "{value}");
        }
    }
}
