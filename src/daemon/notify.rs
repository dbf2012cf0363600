//! Notifies systemd of readiness, reloads and the end, and of its watchdog. Does nothing without `NOTIFY_SOCKET`.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::debug;

fn notify(states: &[NotifyState<'_>]) {
    if let Err(cause) = sd_notify::notify(states) {
        debug!(%cause, "systemd could not be notified");
    }
}

/// The daemon is ready.
pub(crate) fn ready() {
    notify(&[NotifyState::Ready]);
}

/// The daemon reloads its configuration, until [`ready`] is called.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(_) => notify(&[NotifyState::Reloading]),
    }
}

/// Notifies the watchdog of systemd (`WatchdogSec=`) periodically, if it is enabled.
pub(crate) async fn live() {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    // Twice within the limit, as sd_watchdog_enabled(3) recommends.
    let mut pulse = tokio::time::interval((limit / 2).max(Duration::from_millis(1)));
    loop {
        pulse.tick().await;
        notify(&[NotifyState::Watchdog]);
    }
}

/// The daemon stops.
pub(crate) fn stopping() {
    notify(&[NotifyState::Stopping]);
}
