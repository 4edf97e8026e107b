//! Panics: one in a command, a job or a rendering is a failure of that alone, and what stands beside it goes on.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use stoa_ground::Error;

use crate::journal;

/// What comes of `work`; of a panic in it, an error that does not pass. Where it was and what it said stands on standard
/// error: it may quote people, so neither the log nor the error repeats it.
pub(crate) fn caught<T, E: From<Error>, W: Future<Output = Result<T, E>>>(
    part: &'static str,
    work: W,
) -> impl Future<Output = Result<T, E>> + use<T, E, W> {
    // What a panic leaves half done is what a failure leaves half done: transactions roll back, and rows have leases.
    // On the heap: this is where much is nested, and each layer around it would take its size from the stack once more.
    let work = AssertUnwindSafe(Box::pin(work)).catch_unwind();
    async move {
        work.await.unwrap_or_else(|_| {
            journal::broke_off(part);
            let why = "broke off with a panic: a fault of Stoa, of which standard error has the place";
            Err(Error::Io(format!("{part} {why}")).into())
        })
    }
}
