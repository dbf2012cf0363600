//! What two versions of the program have to agree on.

use std::io::{self, Write};

use nix::sys::signal::{SigSet, Signal};

/// The versions of what is handed over that this program writes and reads, the newest first. A version changes with `state` or
/// `tables`. Version 3 has sections between the two, of which a reader skips those that it does not know: what may be missing
/// is added there. To a program that reads version 2 only, they are not handed over.
pub(crate) const FORMATS: [u8; 2] = [WITH_SECTIONS, 2];
/// The version from which on there are sections.
pub(super) const WITH_SECTIONS: u8 = 3;
/// The environment variable that has the descriptor of the state, or [`CHECK`].
pub(super) const VARIABLE: &str = "OXABGP_HANDOVER";
/// In place of a descriptor: only check the configuration.
pub(super) const CHECK: &str = "check";
/// What a program prints that can continue.
pub(super) const WORD: &str = "oxabgp-handover";

/// What a program prints before the reason why it does not accept the configuration.
const REFUSAL: &str = "oxabgp-handover-refused: ";

/// What the state begins with.
pub(super) const fn magic(format: u8) -> [u8; 8] {
    let mut magic = *b"oxabgpu\0";
    magic[7] = format;
    magic
}

/// What a program prints that is asked for the formats that it reads. Daemons that know only version 2 look at the first line.
pub(crate) fn formats() -> String {
    let lines: Vec<String> = FORMATS.iter().rev().map(|&format| line(format)).collect();
    lines.join("\n")
}

/// Prints the formats that this program reads, or why it does not accept the configuration.
pub(crate) fn report(refused: Option<String>) {
    let text = refused.map_or_else(formats, |reason| format!("{REFUSAL}{reason}"));
    // Without the line, the one that asks knows that something is wrong.
    let _ = writeln!(io::stdout(), "{text}");
}

/// Why a program that has printed this does not accept the configuration, if it said so.
pub(super) fn refusal(printed: &str) -> Option<&str> {
    printed.lines().find_map(|line| line.strip_prefix(REFUSAL))
}

/// The line of a format.
pub(super) fn line(format: u8) -> String {
    format!("{WORD} {format}")
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
        Signal::SIGXFSZ,
    ]
    .into_iter()
    .collect()
}
