//! Panics: one in a command, a job or a rendering is a failure of that alone, and what stands beside it goes on.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use stoa_ground::Error;

use crate::journal;

/// What comes of `work`; of a panic in it, an error that does not pass. Where it was and what it said stands on standard
/// error: it may quote people, so neither the log nor the error repeats it.
pub(crate) async fn caught<T, E: From<Error>>(
    part: &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    // What a panic leaves half done is what a failure leaves half done: transactions roll back, and rows have leases.
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
        journal::broke_off(part);
        Err(Error::Io(format!("{part} broke off with a panic: a fault of Stoa, of which standard error has the place"))
            .into())
    })
}
