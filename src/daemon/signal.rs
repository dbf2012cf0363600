//! Signals, with ExaBGP's meanings. None is lost: each kind is reported at least once after it arrived.
//!
//! | signal | meaning |
//! |---|---|
//! | TERM, HUP, INT | shutdown (HUP does not reload, as in ExaBGP) |
//! | USR1 | reload the configuration |
//! | USR2 | reload the configuration and restart all helpers |
//! | ALRM | reload the configuration, reset all sessions, restart all helpers |
//!
//! XFSZ, of a file that has reached the limit of its size, is handled and means nothing: the write fails, as on a full disk.
//! It is not ignored, which helpers would inherit.
//!
//! INT stays ignored if the daemon was started so, as by a shell that starts it in the background; so does ExaBGP's interpreter.

use std::io;

use nix::sys::signal::{SigSet, Signal as Number};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal or a command requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Stop the daemon.
    Shutdown,
    /// Read the configuration again.
    Reload,
    /// The same, and return to the configuration in force unless that is confirmed within this many seconds.
    ReloadWithin(u32),
    /// Return to the configuration before a reload that is not confirmed.
    Return,
    /// Read the configuration again, and restart all helpers.
    FullReload,
    /// The same, and reset all sessions.
    Restart,
    /// Report the command that follows to helpers, as a signal would be.
    Report,
    /// Continue as another process of this program. No signal requests that.
    Upgrade,
    /// Add and remove the neighbors that commands created and deleted. No signal requests that.
    Neighbors,
}

/// A signal that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// What it requests.
    pub(crate) request: Request,
    /// Its number, as `signal` events show it.
    pub(crate) number: i32,
    /// Its name, as `signal` events show it.
    pub(crate) name: &'static str,
}

/// The signals that the daemon handles.
pub(crate) struct Signals {
    streams: Vec<(Signal, Received)>,
}

/// Keeps the log from ending the process before there is a handler. Children inherit that until then.
pub(crate) fn hold_file_limit() {
    // Without it, the default action stays.
    let _ = file_limit().thread_block();
}

fn file_limit() -> SigSet {
    std::iter::once(Number::SIGXFSZ).collect()
}

impl Signals {
    /// Handles them from now on.
    ///
    /// # Errors
    /// When the kernel refuses a handler.
    pub(crate) fn new() -> io::Result<Self> {
        let wanted = [
            (SignalKind::terminate(), Request::Shutdown, "SIGTERM"),
            (SignalKind::hangup(), Request::Shutdown, "SIGHUP"),
            (SignalKind::interrupt(), Request::Shutdown, "SIGINT"),
            (SignalKind::user_defined1(), Request::Reload, "SIGUSR1"),
            (SignalKind::user_defined2(), Request::FullReload, "SIGUSR2"),
            (SignalKind::alarm(), Request::Restart, "SIGALRM"),
        ];
        let streams = wanted
            .into_iter()
            .filter(|(kind, ..)| {
                *kind != SignalKind::interrupt() || !is_ignored(kind.as_raw_value())
            })
            .map(|(kind, request, name)| {
                let number = kind.as_raw_value();
                Ok((
                    signal(kind)?,
                    Received {
                        request,
                        number,
                        name,
                    },
                ))
            })
            .collect::<io::Result<_>>()?;
        // The handler stays without its stream.
        drop(signal(SignalKind::from_raw(Number::SIGXFSZ as i32))?);
        file_limit().thread_unblock()?;
        Ok(Self { streams })
    }

    /// Waits for the next signal. It is safe to cancel.
    pub(crate) async fn next(&mut self) -> Received {
        std::future::poll_fn(|context| {
            for (stream, received) in &mut self.streams {
                if stream.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(*received);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

/// Returns `true` if this process ignores the signal with that number; `false` if that cannot be determined.
pub(crate) fn is_ignored(number: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let bit = u32::try_from(number - 1).ok();
    mask.zip(bit)
        .is_some_and(|(mask, bit)| mask.checked_shr(bit).unwrap_or_default() & 1 == 1)
}
