//! The asynchronous runtime and the AWS clients, made when they are first needed.

use std::io;
use std::sync::{LazyLock, OnceLock};

use anyhow::{Result, anyhow};
use immuta_watch::aws::{self, S3Client, SdkConfig};
use tokio::runtime::{Builder, Runtime};

/// One runtime of several threads for all: while a thread reads an export from S3, others fetch it.
static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| Builder::new_multi_thread().enable_all().build());

fn runtime() -> Result<&'static Runtime> {
    RUNTIME.as_ref().map_err(|error| anyhow!("the asynchronous runtime does not start: {error}"))
}

/// Runs a future of the library's edges to its end, on the calling thread.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output> {
    Ok(runtime()?.block_on(future))
}

/// What AWS's clients are made of.
pub(crate) fn aws_settings() -> Result<&'static SdkConfig> {
    static SETTINGS: OnceLock<SdkConfig> = OnceLock::new();
    if SETTINGS.get().is_none() {
        let runtime = runtime()?;
        // On a thread of its own, since whoever asks may be within the runtime, where waiting for it is an error.
        let settings = std::thread::scope(|scope| scope.spawn(|| runtime.block_on(aws::settings())).join());
        let settings = settings.map_err(|_| anyhow!("the AWS settings cannot be read"))?;
        return Ok(SETTINGS.get_or_init(|| settings));
    }
    SETTINGS.get().ok_or_else(|| anyhow!("the AWS settings cannot be read"))
}

/// A client for S3. All share their connections.
pub(crate) fn s3() -> Result<S3Client> {
    static CLIENT: OnceLock<S3Client> = OnceLock::new();
    let settings = aws_settings()?;
    Ok(CLIENT.get_or_init(|| aws::s3(settings)).clone())
}
