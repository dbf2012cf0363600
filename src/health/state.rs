//! ExaBGP's state machine for the results of checks, without clock and side effects.
//!
//! ```text
//!            good             `rise` in a row
//!   INIT ───────────► RISING ─────────────────► UP
//!    │ │                ▲ │ bad           good   │ bad
//!    │ └──────┐    good │ ▼          ┌──────────┐│
//!    │        └──────► FALLING ◄─────┼──────────┼┘
//!    │  bad               │ `fall`   │          │
//!    ▼                    └────────► DOWN ──────┘ to RISING
//!   DISABLED, from any state while the file exists, and back to INIT
//! ```
//!
//! RISING with `rise` up to 1 becomes UP immediately, FALLING with `fall` up to 1 becomes DOWN immediately.

use std::fmt;

/// The state of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not known yet.
    Init,
    /// The file of `--disable` exists.
    Disabled,
    /// Checks have started to succeed.
    Rising,
    /// Checks have started to fail.
    Falling,
    /// The service works.
    Up,
    /// It does not.
    Down,
}

impl State {
    /// Returns `true` while a change is pending, so that the next check comes sooner.
    pub fn is_moving(self) -> bool {
        matches!(self, Self::Rising | Self::Falling)
    }
}

/// The name that is passed to hooks in `STATE`.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Init => "INIT",
            Self::Disabled => "DISABLED",
            Self::Rising => "RISING",
            Self::Falling => "FALLING",
            Self::Up => "UP",
            Self::Down => "DOWN",
        })
    }
}

/// The result of one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The file of `--disable` exists; nothing was checked.
    Disabled,
    /// The check succeeded.
    Good,
    /// It failed.
    Bad,
}

/// The state, and how often in a row it was confirmed.
#[derive(Clone, Debug)]
pub struct Machine {
    state: State,
    count: i64,
    rise: i64,
    fall: i64,
}

impl Machine {
    /// A machine in the state INIT that needs so many results in a row.
    pub fn new(rise: i64, fall: i64) -> Self {
        Self {
            state: State::Init,
            count: 0,
            rise,
            fall,
        }
    }

    /// Changes how many results in a row are needed. The state stays.
    pub fn set_counts(&mut self, rise: i64, fall: i64) {
        (self.rise, self.fall) = (rise, fall);
    }

    /// The current state.
    pub fn state(&self) -> State {
        self.state
    }

    /// The current state, and how often in a row it was confirmed.
    pub(super) fn parts(&self) -> (State, u32) {
        (self.state, u32::try_from(self.count).unwrap_or(u32::MAX))
    }

    /// Continues in that state.
    pub(super) fn resume(&mut self, state: State, count: u32) {
        (self.state, self.count) = (state, count.into());
    }

    /// Processes one finding. Returns the new state if it changed.
    pub fn step(&mut self, found: Finding) -> Option<State> {
        let next = self.next(found)?;
        let next = match next {
            State::Rising if self.rise <= 1 => State::Up,
            State::Falling if self.fall <= 1 => State::Down,
            next => next,
        };
        self.state = next;
        Some(next)
    }

    fn next(&mut self, found: Finding) -> Option<State> {
        match (self.state, found) {
            (State::Disabled, Finding::Disabled) => None,
            (_, Finding::Disabled) => Some(State::Disabled),
            (State::Disabled, _) => Some(State::Init),
            (State::Rising, Finding::Good) => self.confirm(self.rise, State::Up),
            (State::Falling, Finding::Bad) => self.confirm(self.fall, State::Down),
            (State::Up, Finding::Good) | (State::Down, Finding::Bad) => None,
            (State::Init | State::Falling | State::Down, Finding::Good) => {
                self.count = 1;
                Some(State::Rising)
            }
            (State::Init | State::Rising | State::Up, Finding::Bad) => {
                self.count = 1;
                Some(State::Falling)
            }
        }
    }

    fn confirm(&mut self, wanted: i64, then: State) -> Option<State> {
        self.count = self.count.saturating_add(1);
        (self.count >= wanted).then_some(then)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Findings as letters (`g`ood, `b`ad, `d`isabled), states by their first letters.
    fn walk(rise: i64, fall: i64, findings: &str) -> String {
        let mut machine = Machine::new(rise, fall);
        let walked = findings.bytes().map(|letter| {
            let before = machine.state();
            let changed = machine.step(match letter {
                b'g' => Finding::Good,
                b'b' => Finding::Bad,
                _ => Finding::Disabled,
            });
            assert_eq!(changed.is_some(), machine.state() != before);
            match machine.state() {
                State::Init => 'I',
                State::Disabled => 'X',
                State::Rising => 'R',
                State::Falling => 'F',
                State::Up => 'U',
                State::Down => 'D',
            }
        });
        walked.collect()
    }

    #[test]
    fn a_change_has_to_be_confirmed() {
        for (rise, fall, findings, wanted) in [
            (3, 3, "gggggbbbbggg", "RRUUUFFDDRRU"),
            (3, 3, "bbbb", "FFDD"),
            (3, 3, "ggbgg", "RRFRR"),
            (3, 3, "gggbg", "RRUFR"),
            (3, 3, "bbbgb", "FFDRF"),
            (2, 4, "ggbbbb", "RUFFFD"),
            (1, 1, "gbgb", "UDUD"),
            (0, -1, "gbg", "UDU"),
            (1, 3, "gbgbbb", "UFUFFD"),
            (3, 1, "gbggg", "RDRRU"),
        ] {
            assert_eq!(
                walk(rise, fall, findings),
                wanted,
                "{rise} {fall} {findings}"
            );
        }
    }

    #[test]
    fn the_file_disables_in_any_state() {
        for (rise, fall, findings, wanted) in [
            (3, 3, "dddgggg", "XXXIRRU"),
            (3, 3, "gdgg", "RXIR"),
            (3, 3, "gggdbbbb", "RRUXIFFD"),
            (3, 3, "bbbdd", "FFDXX"),
            (1, 1, "dgg", "XIU"),
            (1, 1, "dbb", "XID"),
        ] {
            assert_eq!(walk(rise, fall, findings), wanted, "{findings}");
        }
    }
}
