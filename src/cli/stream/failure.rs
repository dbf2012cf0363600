//! Why nothing, or not all, was done.

use std::io;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use super::caret;
use crate::stream::Error;

/// Why nothing, or not all, was done.
pub(super) enum Failure {
    /// Refused; the text is for people.
    Refused(String),
    /// The command line is wrong.
    Usage(String),
    /// There is nothing to read.
    NoSource,
    /// It was reported already.
    Reported(ExitCode),
    /// The output could not be written.
    Write(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::StdinTwice => Self::Usage(error.to_string()),
            Error::NoSource => Self::NoSource,
            _ => Self::Refused(explain(&error)),
        }
    }
}

/// Why a stream can't be built, with the place of a mistake in a filter.
pub(in crate::cli) fn explain(error: &Error) -> String {
    match error {
        Error::Filter(text, mistake) => caret::show(text, mistake),
        _ => error.to_string(),
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u32 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u32::try_from(since.as_secs()).ok())
        .unwrap_or_default()
}
