//! One check over time: what a result changes, and when the next check is due.
//!
//! Times are durations since an arbitrary start, and random numbers come from the caller: nothing here reads a clock.
//!
//! Three things keep a state although the results alone would change it: `rise` and `fall` (the state machine), `flap-hold` (a
//! service that went down stays down for a while), and `fail-static` (if all checks of a group fail at once, it is more
//! likely the checker that is cut off than every service that is down).

use std::time::Duration;

use super::state::{Finding, Machine, State};

/// The longest time over which the first checks are spread.
const SPREAD: Duration = Duration::from_secs(10);

/// How often a check runs, and how often its result must be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two checks.
    pub interval: Duration,
    /// Between two checks while a change of state is to be confirmed.
    pub fast_interval: Duration,
    /// After this time a check has failed.
    pub timeout: Duration,
    /// Good results in a row until the service is up.
    pub rise: u16,
    /// Bad results in a row until the service is down.
    pub fall: u16,
    /// How long a service that has gone down stays down at least.
    pub flap_hold: Duration,
}

/// What is announced because of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The service is up.
    Up,
    /// It is down, or disabled.
    Down,
}

/// Why a state is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The service went down too short a time ago to be up again.
    Flap,
    /// All checks of its group fail.
    Static,
    /// It is not known yet whether all checks of its group fail.
    Waiting,
}

/// What the other checks of a group report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// There are none.
    None,
    /// One of them has succeeded since.
    Working,
    /// All of them fail.
    Failing,
    /// Some of them have not been repeated since.
    Unknown,
}

/// What a result has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The new state, if it has changed.
    pub state: Option<State>,
    /// What is to be announced now, if that has changed.
    pub side: Option<Side>,
    /// What keeps a change back, if that was not so at the last result.
    pub held: Option<Hold>,
}

/// What the results of a check have shown so far, for another process that continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The state.
    pub state: State,
    /// How often in a row it was confirmed.
    pub count: u32,
    /// What is announced.
    pub side: Option<Side>,
    /// When the service went down.
    pub down_since: Option<Duration>,
    /// When the first of the last bad results was found.
    pub bad_since: Option<Duration>,
    /// The last result, and when it was found.
    pub last: Option<(Duration, Finding)>,
}

/// The state of one check.
#[derive(Clone, Debug)]
pub struct Watch {
    pace: Pace,
    machine: Machine,
    side: Option<Side>,
    /// When the service went down.
    down_since: Option<Duration>,
    /// When the first of the last bad results was found.
    bad_since: Option<Duration>,
    /// The last result.
    last: Option<(Duration, Finding)>,
    held: Option<Hold>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            fast_interval: Duration::from_secs(1),
            timeout: Duration::from_secs(5),
            rise: 3,
            fall: 3,
            flap_hold: Duration::ZERO,
        }
    }
}

impl Watch {
    /// A check without results.
    pub fn new(pace: Pace) -> Self {
        Self {
            machine: Machine::new(pace.rise.into(), pace.fall.into()),
            pace,
            side: None,
            down_since: None,
            bad_since: None,
            last: None,
            held: None,
        }
    }

    /// What its results have shown.
    pub fn seen(&self) -> Seen {
        let (state, count) = self.machine.parts();
        Seen {
            state,
            count,
            side: self.side,
            down_since: self.down_since,
            bad_since: self.bad_since,
            last: self.last,
        }
    }

    /// Continues from there.
    pub fn resume(&mut self, seen: Seen) {
        self.machine.resume(seen.state, seen.count);
        self.side = seen.side;
        self.down_since = seen.down_since;
        self.bad_since = seen.bad_since;
        self.last = seen.last;
        self.held = None;
    }

    /// Changes how often it runs. Its state stays.
    pub fn set_pace(&mut self, pace: Pace) {
        self.machine.set_counts(pace.rise.into(), pace.fall.into());
        self.pace = pace;
    }

    /// The state.
    pub fn state(&self) -> State {
        self.machine.state()
    }

    /// What is announced; `None` as long as nothing is known.
    pub const fn side(&self) -> Option<Side> {
        self.side
    }

    /// What keeps a change back.
    pub const fn held(&self) -> Option<Hold> {
        self.held
    }

    /// The last result, and when it was found.
    pub const fn last(&self) -> Option<(Duration, Finding)> {
        self.last
    }

    /// Processes a result. `others` reports about the other checks of a group with `fail-static` since a time.
    pub fn found(
        &mut self,
        now: Duration,
        finding: Finding,
        others: impl FnOnce(Duration) -> Others,
    ) -> Verdict {
        self.last = Some((now, finding));
        let bad_since = match finding {
            Finding::Bad => Some(*self.bad_since.get_or_insert(now)),
            Finding::Good | Finding::Disabled => None,
        };
        self.bad_since = bad_since;
        let mut next = self.machine.clone();
        let changed = next.step(finding);
        let was_held = self.held.take();
        self.held = match changed {
            Some(State::Down) if self.side != Some(Side::Down) => {
                match others(bad_since.unwrap_or(now)) {
                    Others::None | Others::Working => None,
                    Others::Failing => Some(Hold::Static),
                    Others::Unknown => Some(Hold::Waiting),
                }
            }
            Some(State::Up)
                if self
                    .down_since
                    .is_some_and(|since| now < since + self.pace.flap_hold) =>
            {
                Some(Hold::Flap)
            }
            _ => None,
        };
        if self.held.is_some() {
            return Verdict {
                state: None,
                side: None,
                held: self.held.filter(|_| was_held != self.held),
            };
        }
        self.machine = next;
        let side = match changed {
            Some(State::Up) => Some(Side::Up),
            Some(State::Down | State::Disabled) => Some(Side::Down),
            _ => None,
        };
        let side = side.filter(|side| self.side.replace(*side) != Some(*side));
        match changed {
            Some(State::Up) => self.down_since = None,
            Some(State::Down) if side.is_some() || self.down_since.is_none() => {
                self.down_since = Some(now);
            }
            _ => {}
        }
        Verdict {
            state: changed,
            side,
            held: None,
        }
    }

    /// How long to wait for the next check. `random` varies it by a twentieth, so that checks with the same interval do not
    /// stay together.
    pub fn wait(&self, random: u64) -> Duration {
        let is_fast = match self.held {
            None => self.state().is_moving(),
            Some(Hold::Waiting) => true,
            Some(Hold::Flap | Hold::Static) => false,
        };
        let interval = match is_fast {
            true => self.pace.fast_interval.min(self.pace.interval),
            false => self.pace.interval,
        };
        let part = u32::try_from(random % 1_001).unwrap_or_default();
        interval - interval / 40 + interval / 20 * part / 1_000
    }

    /// How long to wait for the first check.
    pub fn first_wait(&self, random: u64) -> Duration {
        let part = u32::try_from(random % 1_000).unwrap_or_default();
        self.pace.interval.min(SPREAD) * part / 1_000
    }
}

/// What the members of a group report, to one that has failed since a time. A member that has not been checked again is waited
/// for, but no longer than `patience` after that time.
pub fn others(
    members: impl Iterator<Item = Option<(Duration, Finding)>>,
    (since, now): (Duration, Duration),
    patience: Duration,
) -> Others {
    let is_late = now > since + patience;
    let mut all = Others::None;
    for member in members {
        let one = match member {
            Some((_, Finding::Disabled)) => continue,
            Some((_, Finding::Bad)) => Others::Failing,
            Some((at, Finding::Good)) if at >= since || is_late => return Others::Working,
            None if is_late => continue,
            Some((_, Finding::Good)) | None => Others::Unknown,
        };
        if all != Others::Unknown {
            all = one;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace {
            rise: 2,
            fall: 2,
            ..Pace::default()
        }
    }

    /// Feeds one result a second; returns a letter for each: what is announced after it, or `-`.
    fn walk(watch: &mut Watch, from: u64, findings: &str, others: Others) -> String {
        let one = |(at, finding): (u64, char)| {
            let finding = match finding {
                'g' => Finding::Good,
                'b' => Finding::Bad,
                _ => Finding::Disabled,
            };
            watch.found(Duration::from_secs(from + at), finding, |_| others);
            match (watch.held(), watch.side()) {
                (Some(Hold::Flap), _) => 'f',
                (Some(Hold::Static), _) => 's',
                (Some(Hold::Waiting), _) => 'w',
                (None, None) => '-',
                (None, Some(Side::Up)) => 'U',
                (None, Some(Side::Down)) => 'D',
            }
        };
        (0..).zip(findings.chars()).map(one).collect()
    }

    #[test]
    fn nothing_is_announced_or_withdrawn_before_results_are_confirmed() {
        for (findings, wanted) in [
            ("gg", "-U"),
            ("gbgg", "---U"),
            ("bb", "-D"),
            ("bgbb", "---D"),
            ("ggbbgg", "-UUDDU"),
            ("ggbg", "-UUU"),
            ("d", "D"),
            ("ggdggg", "-UDDDU"),
        ] {
            let mut watch = Watch::new(pace());
            assert_eq!(
                walk(&mut watch, 0, findings, Others::None),
                wanted,
                "{findings}"
            );
        }
    }

    #[test]
    fn a_service_that_went_down_stays_down_for_the_flap_hold() {
        let mut watch = Watch::new(Pace {
            flap_hold: Duration::from_secs(10),
            ..pace()
        });
        // The first time it comes up nothing is held back.
        assert_eq!(walk(&mut watch, 0, "gg", Others::None), "-U");
        // It is down at 3 s; a failure meanwhile does not make that longer.
        assert_eq!(
            walk(&mut watch, 2, "bbggbbgggggggg", Others::None),
            "UDDfDDDffffUUU"
        );
    }

    #[test]
    fn a_group_that_fails_as_a_whole_keeps_its_state() {
        let mut watch = Watch::new(pace());
        walk(&mut watch, 0, "gg", Others::None);
        assert_eq!(walk(&mut watch, 2, "bbb", Others::Failing), "Uss");
        assert_eq!(walk(&mut watch, 5, "b", Others::Unknown), "w");
        // It recovers, without ever having been down.
        assert_eq!(walk(&mut watch, 6, "gg", Others::Failing), "UU");
        assert_eq!(walk(&mut watch, 8, "bbb", Others::Working), "UDD");
        // What is down already is not kept.
        assert_eq!(walk(&mut watch, 11, "bgb", Others::Failing), "DDD");
        let verdict = watch.found(Duration::from_secs(20), Finding::Bad, |_| unreachable!());
        assert_eq!(verdict.held, None);
    }

    #[test]
    fn holds_are_reported_once() {
        let mut watch = Watch::new(Pace { fall: 1, ..pace() });
        let bad = |watch: &mut Watch, at| {
            watch.found(Duration::from_secs(at), Finding::Bad, |_| Others::Failing)
        };
        assert_eq!(bad(&mut watch, 1).held, Some(Hold::Static));
        assert_eq!(bad(&mut watch, 2).held, None);
        assert_eq!((watch.held(), watch.side()), (Some(Hold::Static), None));
    }

    #[test]
    fn the_other_checks_of_a_group_are_waited_for_only_as_long_as_they_may_take() {
        let at = |seconds, finding| Some((Duration::from_secs(seconds), finding));
        let ask = |members: &[Option<(Duration, Finding)>], now| {
            let times = (Duration::from_secs(10), Duration::from_secs(now));
            others(members.iter().copied(), times, Duration::from_secs(5))
        };
        use Finding::{Bad, Disabled, Good};
        assert_eq!(ask(&[], 10), Others::None);
        assert_eq!(ask(&[at(1, Disabled)], 10), Others::None);
        assert_eq!(ask(&[at(11, Bad), at(2, Bad)], 12), Others::Failing);
        assert_eq!(ask(&[at(11, Bad), at(11, Good)], 12), Others::Working);
        assert_eq!(ask(&[at(9, Good), at(11, Bad)], 12), Others::Unknown);
        assert_eq!(ask(&[at(11, Bad), None], 12), Others::Unknown);
        assert_eq!(ask(&[at(9, Good), at(11, Bad)], 16), Others::Working);
        assert_eq!(ask(&[at(11, Bad), None], 16), Others::Failing);
    }

    #[test]
    fn checks_are_spread() {
        let watch = Watch::new(pace());
        let first: Vec<_> = (0..1_000).map(|random| watch.first_wait(random)).collect();
        assert_eq!(first[0], Duration::ZERO);
        assert_eq!(first[999], Duration::from_millis(4_995));
        let next: Vec<_> = (0..=1_000).map(|random| watch.wait(random)).collect();
        assert_eq!(next[0], Duration::from_millis(4_875));
        assert_eq!(next[1_000], Duration::from_millis(5_125));
    }
}
