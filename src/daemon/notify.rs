//! What systemd is told: readiness, signs of life, reloads, the end. Without systemd (no `NOTIFY_SOCKET`) nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::debug;

fn tell(states: &[NotifyState<'_>]) {
    if let Err(cause) = sd_notify::notify(states) {
        debug!(%cause, "systemd could not be told");
    }
}

/// The daemon serves.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The daemon reads its configuration again; [`ready`] ends that.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// Tells systemd again and again that the one thread that does everything is alive, if it wants to know (`WatchdogSec=`).
pub(crate) async fn live() {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    // Twice within the limit, as sd_watchdog_enabled(3) recommends.
    let mut pulse = tokio::time::interval((limit / 2).max(Duration::from_millis(1)));
    loop {
        pulse.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

/// The daemon ends.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}
