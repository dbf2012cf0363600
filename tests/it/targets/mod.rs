//! What is fuzzed: one function per target, which panics where something is wrong. The fuzzer in `tests/fuzz` runs them, and so does
//! `fuzz_corpus`, which replays the corpus.

mod bmp;
mod command;
#[cfg(feature = "daemon")]
mod config;
mod journal;
mod judge;
mod mrt;
mod open;
mod rislive;
mod session;
pub(crate) mod stream;
mod update;

/// A function that takes any bytes.
pub(crate) struct Target {
    /// Its name, which is that of the folder of its corpus.
    pub(crate) name: &'static str,
    /// Panics if one of the oracles is violated.
    pub(crate) check: fn(&[u8]),
}

/// All of them, the most important first.
pub(crate) const ALL: &[Target] = &[
    Target {
        name: "session",
        check: session::check,
    },
    Target {
        name: "update",
        check: update::check,
    },
    Target {
        name: "command",
        check: command::check,
    },
    Target {
        name: "open",
        check: open::check,
    },
    #[cfg(feature = "daemon")]
    Target {
        name: "config",
        check: config::check,
    },
    Target {
        name: "mrt",
        check: mrt::check,
    },
    Target {
        name: "bmp",
        check: bmp::check,
    },
    Target {
        name: "rislive",
        check: rislive::check,
    },
    Target {
        name: "journal",
        check: journal::check,
    },
];

/// Takes numbers and bytes from the front of an input; zeros when there is nothing left.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn u8(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    /// At most that many bytes.
    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        head
    }
}
