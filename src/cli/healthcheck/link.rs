//! The connection to the daemon: commands on standard output, answers on standard input.
//!
//! As in ExaBGP, each command waits for its answer before the next one is written, unless `--no-ack` is given or
//! standard input is a terminal. Unlike in ExaBGP, events between answers are recognized as such, answers are always
//! read (so that the daemon's pipe never fills up), and a daemon that never answers delays checks only once.

use std::cell::Cell;
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::{debug, warn};

/// How long to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Number of bytes of a line that are examined.
const LOOK: usize = 512;

/// What was received from the daemon so far.
#[derive(Debug, Default)]
struct Received {
    answers: AtomicU64,
    refusals: AtomicU64,
    ended: AtomicBool,
    news: Notify,
}

/// Both directions.
pub(super) struct Link {
    received: Arc<Received>,
    /// Number of commands written, minus those whose answers are no longer expected.
    sent: Cell<u64>,
    /// Whether to wait for answers.
    waits: Cell<Waits>,
    /// Notified once when the reader of our commands has closed its end.
    closed: Arc<Notify>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    Never,
    /// No answer arrived in time, or the daemon has closed: do not wait until the next answer arrives.
    NotNow,
    Yes,
}

impl Link {
    /// Starts reading. Must be called inside a runtime.
    pub(super) fn open(no_ack: bool) -> Self {
        let watched = io::stdout().is_terminal();
        let received = Arc::new(Received::default());
        // The commands of a user who runs this by hand go to a terminal, not to a daemon.
        let typed = no_ack && io::stdin().is_terminal();
        if !(watched || typed) {
            let received = Arc::clone(&received);
            // The thread ends with its input or with the process.
            std::thread::spawn(move || listen(&received));
        }
        let waits = match no_ack || watched {
            true => Waits::Never,
            false => Waits::Yes,
        };
        let closed = Arc::new(Notify::new());
        {
            let closed = Arc::clone(&closed);
            std::thread::spawn(move || {
                if outlive_reader() {
                    closed.notify_one();
                }
            });
        }
        Self {
            received,
            sent: Cell::new(0),
            waits: Cell::new(waits),
            closed,
        }
    }

    /// Writes one command and waits for its answer.
    ///
    /// # Errors
    /// Returns an error if the reader of our commands has closed its end.
    pub(super) async fn send(&self, command: String) -> io::Result<()> {
        debug!("to the daemon: {command}");
        let answers = self.received.answers.load(Ordering::Acquire);
        let refusals = self.received.refusals.load(Ordering::Acquire);
        if self.waits.get() == Waits::NotNow && answers > self.sent.get() {
            self.waits.set(Waits::Yes);
        }
        // An answer that came too late does not belong to this command.
        let wanted = match self.waits.get() {
            Waits::Yes => self.sent.get().max(answers) + 1,
            Waits::NotNow | Waits::Never => answers,
        };
        self.sent.set(wanted);
        let line = format!("{command}\n");
        // The pipe may be full. If we are terminated in the meantime, the next line waits for the lock of stdout.
        let write = tokio::task::spawn_blocking(move || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(line.as_bytes())?;
            stdout.flush()
        });
        write.await.map_err(io::Error::other)??;
        if self.waits.get() == Waits::Yes && timeout(PATIENCE, self.answered(wanted)).await.is_err()
        {
            warn!(
                "no answer from the daemon within {} s; continuing without (use `--no-ack` for a daemon that never answers)",
                PATIENCE.as_secs()
            );
            self.waits.set(Waits::NotNow);
            self.sent.set(self.received.answers.load(Ordering::Acquire));
        }
        if self.received.refusals.load(Ordering::Acquire) > refusals {
            warn!("the daemon refused: {command}");
        }
        Ok(())
    }

    /// Waits until that many answers have arrived, or none will.
    async fn answered(&self, wanted: u64) {
        loop {
            let news = self.received.news.notified();
            if self.received.ended.load(Ordering::Acquire)
                || self.received.answers.load(Ordering::Acquire) >= wanted
            {
                return;
            }
            news.await;
        }
    }

    /// Waits until the reader of our commands has closed its end; forever if that cannot be detected.
    pub(super) async fn closed(&self) {
        self.closed.notified().await;
    }
}

/// Waits until the other end of our standard output is closed. A file never is.
fn outlive_reader() -> bool {
    let stdout = io::stdout();
    loop {
        // No events are requested: errors are always reported.
        let mut watched = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) => return true,
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

/// Counts answers until the end of the input.
fn listen(received: &Received) {
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    let mut begins = true;
    loop {
        line.clear();
        // A line of any length takes no more memory than that.
        let read = io::Read::take(&mut input, LOOK as u64).read_until(b'\n', &mut line);
        if !matches!(read, Ok(count) if count > 0) {
            break;
        }
        if begins && is_answer(&line) {
            if line.trim_ascii() == b"error" {
                received.refusals.fetch_add(1, Ordering::AcqRel);
            }
            received.answers.fetch_add(1, Ordering::AcqRel);
            received.news.notify_one();
        }
        begins = line.ends_with(b"\n");
    }
    received.ended.store(true, Ordering::Release);
    received.news.notify_one();
}

/// Returns `true` if the line answers a command: every line that is not an event does.
fn is_answer(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let is_json_event =
        line.starts_with(b"{") && memchr::memmem::find(line, b"\"type\":").is_some();
    let is_text_event = line.starts_with(b"neighbor ") || line.starts_with(b"shutdown ");
    !line.is_empty() && !is_json_event && !is_text_event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_no_answers() {
        for (line, answer) in [
            ("done", true),
            ("error", true),
            (
                "{ \"answer\": \"done\", \"message\": \"command completed\" }",
                true,
            ),
            ("", false),
            ("neighbor 192.0.2.1 up", false),
            ("shutdown 12 1", false),
            (
                "{ \"exabgp\": \"5.0.0\", \"time\": 1.5, \"host\" : \"h\", \"pid\" : 1, \"ppid\" : 1, \"counter\": 1, \"type\": \"state\", ",
                false,
            ),
        ] {
            assert_eq!(is_answer(format!("{line}\n").as_bytes()), answer, "{line}");
        }
    }
}
