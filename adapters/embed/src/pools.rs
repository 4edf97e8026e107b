//! Two sets of threads: one for the question that somebody waits for, one for the passages that nobody waits for. The
//! second runs at low priority, so that everything else on the machine comes first.

use std::num::NonZero;

use rayon::{ThreadPool, ThreadPoolBuilder};
use stoa_ground::{Error, Result};

/// How nice the threads for passages are, on Unix's scale to 19.
const NICE: i32 = 15;

pub(crate) struct Pools {
    pub question: ThreadPool,
    pub passages: ThreadPool,
}

impl Pools {
    pub fn new() -> Result<Self> {
        Ok(Self { question: question()?, passages: built(named("embed-slow").start_handler(|_| be_nice()))? })
    }
}

/// The threads for what somebody waits for.
pub(crate) fn question() -> Result<ThreadPool> {
    built(named("embed"))
}

fn named(name: &'static str) -> ThreadPoolBuilder {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    ThreadPoolBuilder::new().num_threads(threads).thread_name(move |n| format!("{name}-{n}"))
}

fn built(threads: ThreadPoolBuilder) -> Result<ThreadPool> {
    threads.build().map_err(|e| Error::Io(format!("the threads for embeddings cannot be started: {e}")))
}

/// On Linux a thread has a priority of its own; elsewhere the threads stay as they are.
fn be_nice() {
    #[cfg(target_os = "linux")]
    if let Err(e) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::debug!(error = %e, "the threads for embeddings keep the usual priority");
    }
}
