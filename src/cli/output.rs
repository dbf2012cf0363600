//! What commands print. Unlike `println!`, these macros do not panic when nobody reads.
//!
//! A reader that has closed the pipe (`| head -1`) has seen enough: the rest is dropped, and the exit code is that of the
//! command. Any other failure (a full disk) is reported once, and makes a successful command fail.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use super::REFUSED;

/// Nobody reads standard output any more.
static CLOSED: AtomicBool = AtomicBool::new(false);
/// Standard output is incomplete for another reason.
static FAILED: AtomicBool = AtomicBool::new(false);

/// Prints on standard output.
macro_rules! out {
    ($($words:tt)*) => { $crate::cli::output::print(format_args!($($words)*)) };
}

/// Prints a line on standard output.
macro_rules! outln {
    ($($words:tt)*) => { $crate::cli::output::print(format_args!("{}\n", format_args!($($words)*))) };
}

/// Prints on standard error.
macro_rules! err {
    ($($words:tt)*) => { $crate::cli::output::complain(format_args!($($words)*)) };
}

/// Prints a line on standard error.
macro_rules! errln {
    ($($words:tt)*) => { $crate::cli::output::complain(format_args!("{}\n", format_args!($($words)*))) };
}

/// Writes to standard output what a macro has formatted.
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

/// Hands what was written so far to the reader.
pub(crate) fn flush() {
    if is_open() {
        note(io::stdout().lock().flush());
    }
}

/// Returns `true` while standard output takes what is written.
pub(crate) fn is_open() -> bool {
    !CLOSED.load(Ordering::Relaxed) && !FAILED.load(Ordering::Relaxed)
}

/// Writes to standard error what a macro has formatted.
pub(crate) fn complain(text: fmt::Arguments<'_>) {
    // There is no other place to report that to.
    let _ = io::stderr().lock().write_fmt(text);
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

/// The exit code of a command that would return `code`.
pub(crate) fn finish(code: ExitCode) -> ExitCode {
    flush();
    match FAILED.load(Ordering::Relaxed) {
        true if code == ExitCode::SUCCESS => ExitCode::from(REFUSED),
        _ => code,
    }
}
