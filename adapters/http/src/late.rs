//! A request that must not leave after an instant. Its connection is served by a task of its own: when a server hung, that
//! task may wake up with a request that was handed to it long ago, before anybody can take it back. So the body itself
//! looks at the clock when it is about to be written, and a request without its body is none.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use stoa_ground::clock::monotonic;

/// The body of a request that is not written after `until`.
#[must_use]
pub fn body(text: String, until: Option<Instant>) -> reqwest::Body {
    reqwest::Body::wrap(InTime { left: Some(text.into()), until })
}

struct InTime {
    left: Option<Bytes>,
    until: Option<Instant>,
}

impl Body for InTime {
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
    use http_body_util::BodyExt as _;
    use std::time::Duration;

    #[tokio::test]
    async fn a_body_is_written_in_time_or_not_at_all() {
        let written =
            async |until| body("hello".into(), until).collect().await.map(http_body_util::Collected::to_bytes);
        assert_eq!(written(Some(monotonic() + Duration::from_secs(3_600))).await.unwrap(), "hello");
        assert_eq!(written(None).await.unwrap(), "hello");
        assert!(written(Some(monotonic())).await.is_err());
    }
}
