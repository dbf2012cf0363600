//! Signals that end a command in an orderly way. Those that it was started to ignore stay ignored: shells without job control
//! start background jobs without SIGINT and SIGQUIT, and `nohup` starts its command without SIGHUP.

use std::io;

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::daemon::is_ignored;

/// Waits for any of some signals.
pub(super) struct Ends(Vec<tokio::signal::unix::Signal>);

impl Ends {
    /// Handles SIGTERM, and those of `others` that are not ignored.
    ///
    /// # Errors
    /// Returns an error if the system does not allow it.
    pub(super) fn new(others: &[Signal]) -> io::Result<Self> {
        let others = others.iter().copied();
        let wanted = others.filter(|other| !is_ignored(*other as i32));
        std::iter::once(Signal::SIGTERM)
            .chain(wanted)
            .map(|one| signal(SignalKind::from_raw(one as i32)))
            .collect::<io::Result<_>>()
            .map(Self)
    }

    /// Waits for one of the signals.
    pub(super) async fn next(&mut self) {
        std::future::poll_fn(|cx| {
            let any = self.0.iter_mut().any(|one| one.poll_recv(cx).is_ready());
            match any {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
    }
}
