//! What two versions of the program have to agree on.

use nix::sys::signal::{SigSet, Signal};

/// The version of what is handed over: it grows with every change of `state` or `tables`.
pub(super) const FORMAT: u32 = 2;
/// What the state begins with.
pub(super) const MAGIC: [u8; 8] = *b"oxabgpu\x02";
/// The environment variable that has the descriptor of the state, or [`CHECK`].
pub(super) const VARIABLE: &str = "OXABGP_HANDOVER";
/// In place of a descriptor: only check the configuration.
pub(super) const CHECK: &str = "check";
/// What a program prints that can continue.
pub(super) const WORD: &str = "oxabgp-handover";

/// What a program prints that is asked for the format that it reads.
pub(crate) fn format() -> String {
    format!("{WORD} {FORMAT}")
}

/// Signals that arrive between two processes wait for the second one.
pub(super) fn signals() -> SigSet {
    [
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGALRM,
    ]
    .into_iter()
    .collect()
}
