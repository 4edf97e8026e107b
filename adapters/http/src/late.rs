//! A request that must not leave after an instant. Its connection is served by a task of its own: when a server hung, that
//! task may wake up with a request that was handed to it long ago, before anybody can take it back. So the body itself
//! looks at the clock when it is about to be written, and a request without its body is none.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use stoa_ground::clock::monotonic;

/// A body that is not written after `until`.
pub(crate) struct InTime {
    left: Option<Bytes>,
    until: Option<Instant>,
}

impl InTime {
    pub(crate) fn new(body: String, until: Option<Instant>) -> Self {
        Self { left: Some(body.into()), until }
    }
}

impl HttpBody for InTime {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(body) = self.left.take() else { return Poll::Ready(None) };
        Poll::Ready(Some(match self.until {
            Some(until) if monotonic() >= until => Err(std::io::Error::other("it is too late to send this")),
            _ => Ok(Frame::data(body)),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.as_ref().map_or(0, |body| body.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use std::time::Duration;

    #[tokio::test]
    async fn a_body_is_written_in_time_or_not_at_all() {
        let in_time = Body::new(InTime::new("hello".into(), Some(monotonic() + Duration::from_secs(3_600))));
        assert_eq!(to_bytes(in_time, 100).await.unwrap(), "hello");
        assert_eq!(to_bytes(Body::new(InTime::new("hello".into(), None)), 100).await.unwrap(), "hello");
        assert!(to_bytes(Body::new(InTime::new("hello".into(), Some(monotonic()))), 100).await.is_err());
    }
}
