//! A body made piece by piece, so that an answer of tens of megabytes needs neither that much memory nor the state for that long.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;

/// Calls a function for the next piece whenever there is room for one.
struct Chunks<F>(F);

impl<F: FnMut() -> Option<Vec<u8>> + Unpin> HttpBody for Chunks<F> {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready((self.get_mut().0)().map(|piece| Ok(Frame::data(piece.into()))))
    }
}

/// A body of the pieces that `next` gives, until it gives none.
pub fn body(next: impl FnMut() -> Option<Vec<u8>> + Send + Unpin + 'static) -> Body {
    Body::new(Chunks(next))
}
