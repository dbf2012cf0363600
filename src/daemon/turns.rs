//! The turns of the only thread: how long they take, and what the longest of them did.
//!
//! The parts of the daemon [note](Turns::note) what they begin to do. When a turn ends, the notes since its start describe
//! it, and the longest turns are kept for the status. A note is a store to a cell, since most turns are short.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use super::histogram::Histogram;

/// How many of the longest turns are kept.
const KEPT: usize = 8;
/// How many notes of one turn are kept.
const NOTES: usize = 4;
/// From this duration on, the text of a command is kept as well.
const SLOW_COMMAND: Duration = Duration::from_millis(1);
/// How much of it.
const COMMAND: usize = 64;

/// A long turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LongTurn {
    pub(crate) took: Duration,
    /// What it did: `commands: show adj-rib out`.
    pub(crate) work: String,
    /// When it ended.
    pub(crate) at: Instant,
}

/// What is known of the turns so far.
pub(crate) struct Turns {
    pub(crate) durations: Histogram,
    /// The longest turns, the longest first.
    longest: RefCell<Vec<LongTurn>>,
    notes: Cell<[&'static str; NOTES]>,
    /// The slowest command of this turn.
    command: RefCell<Option<(Duration, String)>>,
}

impl Turns {
    pub(crate) fn new(bounds: &'static [f64]) -> Self {
        Self {
            durations: Histogram::new(bounds),
            longest: RefCell::default(),
            notes: Cell::default(),
            command: RefCell::default(),
        }
    }

    /// Notes what the current turn does.
    pub(crate) fn note(&self, work: &'static str) {
        let mut notes = self.notes.get();
        for place in &mut notes {
            if *place == work {
                return;
            }
            if place.is_empty() {
                *place = work;
                return self.notes.set(notes);
            }
        }
    }

    /// Notes how long a command of the current turn took.
    pub(crate) fn command(&self, line: &[u8], took: Duration) {
        let mut slowest = self.command.borrow_mut();
        if took >= SLOW_COMMAND && slowest.as_ref().is_none_or(|(most, _)| *most < took) {
            let text = String::from_utf8_lossy(&line[..line.len().min(COMMAND)]);
            *slowest = Some((took, text.into_owned()));
        }
    }

    /// Notes that a turn has ended.
    pub(crate) fn observe(&self, took: Duration) {
        self.durations.observe(took);
        let notes = self.notes.take();
        let command = self.command.borrow_mut().take();
        let mut longest = self.longest.borrow_mut();
        if longest.len() >= KEPT && longest.last().is_some_and(|least| least.took >= took) {
            return;
        }
        let notes: Vec<&str> = notes.into_iter().filter(|note| !note.is_empty()).collect();
        let mut work = notes.join(", ");
        if let Some((_, command)) = command {
            work.push_str(": ");
            work.push_str(&command);
        }
        if work.is_empty() {
            work.push_str("other work");
        }
        let place = longest.partition_point(|other| other.took >= took);
        longest.truncate(KEPT - 1);
        let at = Instant::now();
        longest.insert(place, LongTurn { took, work, at });
    }

    /// The longest turns, the longest first.
    pub(crate) fn longest(&self) -> Vec<LongTurn> {
        self.longest.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_turns_are_kept_with_what_they_did() {
        let turns = Turns::new(&[1.0]);
        for millis in 0..100 {
            turns.note("commands");
            turns.note("messages to a peer");
            turns.note("commands");
            let took = Duration::from_millis(millis);
            turns.command(b"show adj-rib out", took / 2);
            turns.command(b"version", took / 4);
            turns.observe(took);
        }
        turns.observe(Duration::from_millis(95));
        let longest = turns.longest();
        let millis: Vec<_> = longest.iter().map(|turn| turn.took.as_millis()).collect();
        assert_eq!(millis, [99, 98, 97, 96, 95, 95, 94, 93]);
        let work = "commands, messages to a peer: show adj-rib out";
        assert_eq!((&*longest[0].work, &*longest[5].work), (work, "other work"));
    }

    #[test]
    fn quick_commands_are_not_named() {
        let turns = Turns::new(&[1.0]);
        turns.note("commands");
        turns.command(b"version", Duration::from_micros(3));
        turns.observe(Duration::from_millis(2));
        assert_eq!(turns.longest()[0].work, "commands");
    }
}
