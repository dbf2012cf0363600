//! The signals that terminate a health check: SIGTERM and SIGINT as in ExaBGP, and SIGHUP and SIGQUIT, which would
//! otherwise kill it without removing its addresses.

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// Waits for any of the signals.
pub(super) struct Ends(Vec<tokio::signal::unix::Signal>);

impl Ends {
    /// Handles the signals, except those that we were started to ignore (`nohup`).
    ///
    /// # Errors
    /// Returns an error if the system does not allow it.
    pub(super) fn new() -> Result<Self, String> {
        let ignored = ignored();
        let mut signals = Vec::new();
        for one in [
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGHUP,
            Signal::SIGQUIT,
        ] {
            let number = one as i32;
            let optional = matches!(one, Signal::SIGHUP | Signal::SIGQUIT);
            if optional && ignored >> (number - 1) & 1 == 1 {
                continue;
            }
            signals.push(signal(SignalKind::from_raw(number)).map_err(|cause| cause.to_string())?);
        }
        Ok(Self(signals))
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

/// The mask of signals that this process ignores; empty if it cannot be determined.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .map(str::trim);
    mask.and_then(|mask| u64::from_str_radix(mask, 16).ok())
        .unwrap_or_default()
}
