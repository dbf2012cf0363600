//! The link to the daemon: commands on standard output, answers on standard input.
//!
//! One command waits for its answer before the next is written, as in ExaBGP, unless `--no-ack` is given or a person
//! watches. Other than there, events between the answers are told apart, answers are read even when nobody waits for
//! them (so that the daemon's pipe never fills), and a daemon that never answers delays checks once, not for ever.

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

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of a line is looked at, in bytes.
const LOOK: usize = 512;

/// What came from the daemon so far.
#[derive(Debug, Default)]
struct Heard {
    answers: AtomicU64,
    refusals: AtomicU64,
    ended: AtomicBool,
    news: Notify,
}

/// Both directions.
pub(super) struct Link {
    heard: Arc<Heard>,
    /// Commands written, less those whose answers were given up.
    sent: Cell<u64>,
    /// Whether answers are waited for.
    waits: Cell<Waits>,
    /// Told once, when nobody reads our commands any more.
    closed: Arc<Notify>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    Never,
    /// No answer came in time, or the daemon has closed: not before the next answer.
    NotNow,
    Yes,
}

impl Link {
    /// Begins to listen; must be called inside of a runtime.
    pub(super) fn open(no_ack: bool) -> Self {
        let watched = io::stdout().is_terminal();
        let heard = Arc::new(Heard::default());
        // Who runs us by hand types for somebody else.
        let typed = no_ack && io::stdin().is_terminal();
        if !(watched || typed) {
            let heard = Arc::clone(&heard);
            // The thread ends with its input or with the process.
            std::thread::spawn(move || listen(&heard));
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
            heard,
            sent: Cell::new(0),
            waits: Cell::new(waits),
            closed,
        }
    }

    /// Writes one command and waits for its answer.
    ///
    /// # Errors
    /// When nobody reads our commands any more.
    pub(super) async fn say(&self, command: String) -> io::Result<()> {
        debug!("to the daemon: {command}");
        let answers = self.heard.answers.load(Ordering::Acquire);
        let refusals = self.heard.refusals.load(Ordering::Acquire);
        if self.waits.get() == Waits::NotNow && answers > self.sent.get() {
            self.waits.set(Waits::Yes);
        }
        // An answer that came too late is not this command's.
        let wanted = match self.waits.get() {
            Waits::Yes => self.sent.get().max(answers) + 1,
            Waits::NotNow | Waits::Never => answers,
        };
        self.sent.set(wanted);
        let line = format!("{command}\n");
        // The pipe may be full. If we are told to end meanwhile, the next line waits for the lock of stdout.
        let write = tokio::task::spawn_blocking(move || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(line.as_bytes())?;
            stdout.flush()
        });
        write.await.map_err(io::Error::other)??;
        if self.waits.get() == Waits::Yes && timeout(PATIENCE, self.answered(wanted)).await.is_err()
        {
            warn!(
                "the daemon gave no answer within {} s; going on without (`--no-ack` is for a daemon that never answers)",
                PATIENCE.as_secs()
            );
            self.waits.set(Waits::NotNow);
            self.sent.set(self.heard.answers.load(Ordering::Acquire));
        }
        if self.heard.refusals.load(Ordering::Acquire) > refusals {
            warn!("the daemon refused: {command}");
        }
        Ok(())
    }

    /// Until so many answers have come, or none will.
    async fn answered(&self, wanted: u64) {
        loop {
            let news = self.heard.news.notified();
            if self.heard.ended.load(Ordering::Acquire)
                || self.heard.answers.load(Ordering::Acquire) >= wanted
            {
                return;
            }
            news.await;
        }
    }

    /// Until nobody reads our commands any more; for ever if that can't be found out.
    pub(super) async fn closed(&self) {
        self.closed.notified().await;
    }
}

/// Waits until the other end of our standard output is closed. A file never is.
fn outlive_reader() -> bool {
    let stdout = io::stdout();
    loop {
        // No event is asked for: errors are told anyway.
        let mut watched = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) => return true,
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

/// Counts answers until the input ends.
fn listen(heard: &Heard) {
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
                heard.refusals.fetch_add(1, Ordering::AcqRel);
            }
            heard.answers.fetch_add(1, Ordering::AcqRel);
            heard.news.notify_one();
        }
        begins = line.ends_with(b"\n");
    }
    heard.ended.store(true, Ordering::Release);
    heard.news.notify_one();
}

/// Whether the line answers a command; everything is taken for an answer that is no event.
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
