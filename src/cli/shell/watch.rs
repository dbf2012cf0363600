//! The events that follow the command `watch`.

use std::io::{self, BufRead, BufReader, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::link::Link;
use crate::cli::output;

/// Returns `true` for a command that events follow.
pub(super) fn is_watch(command: &str) -> bool {
    command.split_ascii_whitespace().next() == Some("watch")
}

/// Prints events until the reader of the output has closed its end, or ^C is pressed if that is caught.
///
/// # Errors
/// Returns an error when the daemon closes the connection: what happens from then on is not shown.
pub(super) fn follow(link: &mut Link, interrupts: Option<&Interrupts>) -> io::Result<()> {
    let Link::Socket { stream, .. } = link else {
        let message = "events can only be watched through the control socket";
        return Err(io::Error::new(ErrorKind::Unsupported, message));
    };
    let mut line = Vec::new();
    loop {
        if let Some(interrupts) = interrupts
            && stream.buffer().is_empty()
            && interrupts.come_first(stream)?
        {
            return Ok(());
        }
        let chunk = match stream.fill_buf() {
            Ok(chunk) if !chunk.is_empty() => chunk,
            Err(cause) if cause.kind() == ErrorKind::Interrupted => continue,
            Err(cause) if cause.kind() != ErrorKind::ConnectionReset => return Err(cause),
            _ => {
                let message =
                    "the daemon has closed the connection: it has stopped, or was upgraded";
                return Err(io::Error::new(ErrorKind::ConnectionAborted, message));
            }
        };
        let end = memchr::memchr(b'\n', chunk).map(|at| at + 1);
        let used = end.unwrap_or(chunk.len());
        line.extend_from_slice(&chunk[..used]);
        stream.consume(used);
        if end.is_some() {
            output::write(&line);
            output::flush();
            line.clear();
        }
        if !output::is_open() {
            return Ok(());
        }
    }
}

/// Catches ^C as long as it exists.
pub(super) struct Interrupts {
    signals: SigSet,
    caught: SignalFd,
}

impl Interrupts {
    /// Catches it from now on.
    ///
    /// # Errors
    /// Returns an error if the system does not allow it.
    pub(super) fn new() -> io::Result<Self> {
        let signals: SigSet = std::iter::once(Signal::SIGINT).collect();
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let caught = SignalFd::with_flags(&signals, flags)?;
        signals.thread_block()?;
        Ok(Self { signals, caught })
    }

    /// Waits for ^C or input. Returns `true` if it was ^C.
    fn come_first(&self, stream: &BufReader<UnixStream>) -> io::Result<bool> {
        let mut files = [
            PollFd::new(self.caught.as_fd(), PollFlags::POLLIN),
            PollFd::new(stream.get_ref().as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut files, PollTimeout::NONE) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(cause) => return Err(cause.into()),
        }
        Ok(matches!(self.caught.read_signal(), Ok(Some(_))))
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        // One that is pending would end the program.
        while let Ok(Some(_)) = self.caught.read_signal() {}
        let _ = self.signals.thread_unblock();
    }
}
