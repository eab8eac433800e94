//! What the process's exit code means.

use std::io;
use std::process::ExitCode;

/// The exit codes, as `--help` documents them. Clap ends a call with wrong arguments with 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and nothing is wrong.
    Done,
    /// Done, and something needs a look: an export that failed or ended early, a failed example, a damaged lake.
    LookNeeded,
    /// Could not be done.
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => ExitCode::SUCCESS,
            Exit::LookNeeded => ExitCode::from(1),
            Exit::Failed => ExitCode::from(3),
        }
    }
}

/// Whether whoever read the output (`| head`) has enough.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}
