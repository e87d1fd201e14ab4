//! Refusals that reach a client which is still sending.
//!
//! A connection that is closed while bytes arrive is reset, and takes the answer with it: the client would not learn that
//! its object is there already, or that its token is over, and would try again.

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{Stream, StreamExt};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use strongroom::account::wire::MAX_OBJECT_PART;

/// How long a body is read that nobody wants.
const LONGEST: Duration = Duration::from_secs(30);

/// A body that is read to its end, also when it is dropped before.
struct Draining(Option<BodyDataStream>);

impl Stream for Draining {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let polled = body.poll_next_unpin(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.0 = None;
        }
        polled
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        let (Some(mut body), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) else { return };
        runtime.spawn(tokio::time::timeout(LONGEST, async move {
            let mut left = MAX_OBJECT_PART;
            while let Some(Ok(bytes)) = body.next().await {
                let Some(now) = left.checked_sub(bytes.len() as u64) else { return };
                left = now;
            }
        }));
    }
}

/// Lets every request have a body that is read to its end.
pub(super) async fn layer(request: Request, next: Next) -> Response {
    next.run(request.map(|body| Body::from_stream(Draining(Some(body.into_data_stream()))))).await
}
