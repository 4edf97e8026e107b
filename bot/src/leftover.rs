//! What a client still sends when its request is already answered is read to its end, within bounds: a connection that is closed
//! on unread bytes is reset, and the client sees "broken pipe" in place of the sentence that says what is wrong.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{Stream, StreamExt as _};

/// Bodies up to this many bytes are within every route's limit.
const SMALL: u64 = 16 * 1024;
/// The most that is read and thrown away, in bytes, and for how long.
const MOST: usize = 32 * 1024 * 1024;
const LONGEST: Duration = Duration::from_secs(10);

/// Hands the request on with a body that is read to its end even when nobody wants the rest.
pub async fn read(request: Request, next: Next) -> Response {
    if request.body().size_hint().upper().is_some_and(|bytes| bytes <= SMALL) {
        return next.run(request).await;
    }
    next.run(request.map(|body| Body::from_stream(Leftover(Some(body.into_data_stream()))))).await
}

struct Leftover(Option<BodyDataStream>);

impl Stream for Leftover {
    type Item = <BodyDataStream as Stream>::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = self.0.as_mut() else { return Poll::Ready(None) };
        let polled = body.poll_next_unpin(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.0 = None;
        }
        polled
    }
}

impl Drop for Leftover {
    fn drop(&mut self) {
        let (Some(mut body), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) else { return };
        runtime.spawn(tokio::time::timeout(LONGEST, async move {
            let mut read = 0;
            while let Some(Ok(piece)) = body.next().await {
                read += piece.len();
                if read > MOST {
                    break;
                }
            }
        }));
    }
}
