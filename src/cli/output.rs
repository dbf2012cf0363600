//! Output of the commands. Unlike `println!`, these macros do not panic if the reader has closed its end.
//!
//! If the reader of a pipe has closed it (`| head -1`), the remaining output is dropped, and the exit code is that of
//! the command. Any other failure (a full disk) is reported once, and makes a successful command fail.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{REFUSED, log};

/// The reader of standard output has closed its end.
static CLOSED: AtomicBool = AtomicBool::new(false);
/// Standard output is incomplete for another reason.
static FAILED: AtomicBool = AtomicBool::new(false);
/// What is printed to standard error are lines of JSON.
static JSON: AtomicBool = AtomicBool::new(false);

/// Prints to standard output.
macro_rules! out {
    ($($words:tt)*) => { $crate::cli::output::print(format_args!($($words)*)) };
}

/// Prints a line to standard output.
macro_rules! outln {
    ($($words:tt)*) => { $crate::cli::output::print(format_args!("{}\n", format_args!($($words)*))) };
}

/// Prints to standard error.
macro_rules! err {
    ($($words:tt)*) => { $crate::cli::output::complain(format_args!($($words)*)) };
}

/// Prints a line to standard error.
macro_rules! errln {
    ($($words:tt)*) => { $crate::cli::output::complain(format_args!("{}\n", format_args!($($words)*))) };
}

/// Writes formatted text to standard output.
pub(crate) fn print(text: fmt::Arguments<'_>) {
    if is_open() {
        note(io::stdout().lock().write_fmt(text));
    }
}

/// Writes bytes to standard output.
pub(crate) fn write(bytes: &[u8]) {
    if is_open() {
        note(io::stdout().lock().write_all(bytes));
    }
}

/// Flushes standard output.
pub(crate) fn flush() {
    if is_open() {
        note(io::stdout().lock().flush());
    }
}

/// Returns `true` while standard output can be written to.
pub(crate) fn is_open() -> bool {
    !CLOSED.load(Ordering::Relaxed) && !FAILED.load(Ordering::Relaxed)
}

/// Writes formatted text to standard error. As JSON, each call is a line.
pub(crate) fn complain(text: fmt::Arguments<'_>) {
    // A failure cannot be reported anywhere else.
    let _ = match complains_in_json() {
        true => io::stderr()
            .lock()
            .write_all(log::complaint(&text.to_string()).as_bytes()),
        false => io::stderr().lock().write_fmt(text),
    };
}

/// Prints errors as lines of JSON from now on, as the log has them.
pub(crate) fn complain_in_json() {
    JSON.store(true, Ordering::Relaxed);
}

/// Returns `true` if errors are printed as lines of JSON.
pub(crate) fn complains_in_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

fn note(result: io::Result<()>) {
    match result {
        Ok(()) => {}
        Err(cause) if cause.kind() == ErrorKind::BrokenPipe => {
            CLOSED.store(true, Ordering::Relaxed);
        }
        Err(cause) => {
            FAILED.store(true, Ordering::Relaxed);
            errln!("error: standard output: {cause}");
        }
    }
}

/// The exit code of a command that would otherwise return `code`.
pub(crate) fn finish(code: ExitCode) -> ExitCode {
    flush();
    match FAILED.load(Ordering::Relaxed) {
        true if code == ExitCode::SUCCESS => ExitCode::from(REFUSED),
        _ => code,
    }
}
