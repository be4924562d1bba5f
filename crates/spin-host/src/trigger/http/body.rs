//! Bodies and bare answers.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response<WasiBody> {
    let mut response = Response::new(Empty::new().map_err(Error::from).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// An answer with a body of known length.
pub(super) fn full(status: StatusCode, bytes: Bytes) -> Response<WasiBody> {
    let mut response = Response::new(Full::new(bytes).map_err(Error::from).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// Takes in a body whose guest has finished, so that it gets a known length and one write.
/// `None` if the guest broke it off.
pub(super) fn collect_finished(mut body: WasiBody) -> Option<WasiBody> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut frames: Vec<Frame<Bytes>> = Vec::new();
    loop {
        match Pin::new(&mut body).poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => frames.push(frame),
            Poll::Ready(Some(Err(_))) => return None,
            Poll::Ready(None) => break,
            // Not a guest's own body, then: it goes on after what is already there.
            Poll::Pending => {
                let head = futures::stream::iter(frames.into_iter().map(Ok));
                let rest =
                    futures::stream::unfold(body, |mut body| async { body.frame().await.map(|frame| (frame, body)) });
                return Some(StreamBody::new(futures::StreamExt::chain(head, rest)).boxed_unsync());
            }
        }
    }
    if frames.iter().any(Frame::is_trailers) {
        let frames = futures::stream::iter(frames.into_iter().map(Ok));
        return Some(StreamBody::new(frames).boxed_unsync());
    }
    let mut pieces = frames.into_iter().filter_map(|frame| frame.into_data().ok());
    let bytes = match (pieces.next(), pieces.next()) {
        (None, _) => Bytes::new(),
        (Some(one), None) => one,
        (Some(one), Some(two)) => {
            let mut all = BytesMut::from(one);
            all.extend_from_slice(&two);
            pieces.for_each(|piece| all.extend_from_slice(&piece));
            all.freeze()
        }
    };
    Some(Full::new(bytes).map_err(Error::from).boxed_unsync())
}

/// A body whose guest still runs: it ends in an error when the guest fails before it has finished it.
pub(super) struct Running {
    pub(super) body: WasiBody,
    pub(super) failed: Arc<AtomicBool>,
}

impl Body for Running {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(None) if self.failed.load(Ordering::Acquire) => {
                Poll::Ready(Some(Err(Error::HttpResponseIncomplete)))
            }
            other => other,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use http::HeaderMap;

    fn body(frames: Vec<Result<Frame<Bytes>, Error>>) -> WasiBody {
        StreamBody::new(futures::stream::iter(frames)).boxed_unsync()
    }

    #[allow(clippy::unnecessary_wraps)] // a frame as bodies yield it
    fn data(text: &'static str) -> Result<Frame<Bytes>, Error> {
        Ok(Frame::data(Bytes::from_static(text.as_bytes())))
    }

    #[tokio::test]
    async fn finished_bodies_get_a_length() {
        for (frames, text) in [(vec![], ""), (vec![data("a")], "a"), (vec![data("a"), data("b"), data("c")], "abc")] {
            let collected = collect_finished(body(frames)).unwrap();
            assert_eq!(collected.size_hint().exact(), Some(text.len() as u64));
            assert_eq!(collected.collect().await.unwrap().to_bytes(), text);
        }
    }

    #[tokio::test]
    async fn trailers_are_kept() {
        let trailers = HeaderMap::from_iter([(http::header::ETAG, "x".try_into().unwrap())]);
        let collected = collect_finished(body(vec![data("a"), Ok(Frame::trailers(trailers.clone()))])).unwrap();
        assert_eq!(collected.collect().await.unwrap().trailers(), Some(&trailers));
    }

    #[tokio::test]
    async fn broken_bodies_are_no_answer() {
        assert!(collect_finished(body(vec![data("a"), Err(Error::HttpProtocolError)])).is_none());
        let failed = Arc::new(AtomicBool::new(true));
        let running = Running { body: body(vec![data("a")]), failed };
        assert!(running.collect().await.is_err());
    }
}
