//! What is handed over to a program that knows it: sections between the state and the tables, each with a number. Those with
//! other numbers are skipped, and one that is missing leaves the next process with what it would begin with.

use std::os::fd::RawFd;
use std::rc::Rc;
use std::time::Duration;

use super::codec::{Blob, Field};
use super::neighbors::Numbers;
use crate::bgp::Family;
use crate::daemon::checks::handover::drain;
use crate::daemon::checks::orphans::{Orphan, adopt};
use crate::daemon::clock;
use crate::daemon::core::Core;
use crate::daemon::guard::GuardState;
use crate::daemon::neighbor::Neighbor;
use crate::daemon::stats::CommandCounts;
use crate::probe::command::running;
use crate::speaker::Server;
use crate::speaker::sockopt::inherit;
use crate::wire::{Reader, WireError};

const RATES: u8 = 1;
const REFUSED: u8 = 2;
const ATTEMPTS: u8 = 3;
const DRAINS: u8 = 4;
const KILLED: u8 = 5;
const ORPHANS: u8 = 6;
const COUNTS: u8 = 7;
const METRICS: u8 = 8;
const AWAITED: u8 = 9;
const UNMARKED: u8 = 10;
const RECORDED: u8 = 11;
const EXITED: u8 = 12;

/// The sections.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Sections {
    /// For helpers with `max-rate`: the bits of the number of announcements that are allowed, and how long ago that was.
    rates: Vec<(String, u64, Duration)>,
    /// Refused commands by rule: those of helpers by name, of [`OPERATORS`] and of [`CONFIGURED`].
    refused: Vec<(String, String, u64)>,
    /// Connections of neighbors that were tried or accepted.
    attempts: Vec<(u32, u32)>,
    /// Health checks that were removed: names, commands, and how soon each command is run.
    drains: Vec<(String, String, Duration)>,
    /// Helpers that were killed because they did not read their events.
    killed: Vec<Killed>,
    /// Commands of health checks that run.
    orphans: Vec<Orphan>,
    /// What the daemon has counted as a whole, by name.
    counts: Vec<(String, Vec<u64>)>,
    /// Where metrics are served, and the sockets.
    metrics: Vec<(String, RawFd)>,
    /// Families whose End-of-RIB a neighbor has yet to send.
    awaited: Vec<(u32, Vec<Family>)>,
    /// Families whose refreshes for a neighbor have no marks before we send it End-of-RIB.
    unmarked: Vec<(u32, Vec<Family>)>,
    /// The names of neighbors in the journal, where they are in another notation.
    recorded: Vec<(u32, String)>,
    /// Helpers whose own process has ended, while what they have left in the background goes on.
    exited: Vec<String>,
}

/// A helper that was killed because it did not read its events: its name; how often in a row, and how soon it is started
/// again; its starts, and its commands that were carried out and refused.
type Killed = (String, (u32, Option<Duration>), (u64, u64, u64));

/// Who has counted refused commands, other than a helper: no name of a helper has a blank.
const OPERATORS: &str = "all operators";
const CONFIGURED: &str = "the configuration";
/// The count of leases that have ended.
const LEASES: &str = "leases-ended";
/// Records, errors and compactions of the journal.
const JOURNAL: &str = "journal";

impl Sections {
    /// Those of a daemon.
    pub(super) fn of(core: &Core) -> Self {
        let (now, helpers) = (clock::now(), core.events.helpers().active());
        let rates = helpers.iter().filter_map(|process| {
            let (left, age) = process.guarded.tokens(now)?;
            Some((process.name.to_string(), left.to_bits(), age))
        });
        let named = helpers
            .iter()
            .map(|process| (&*process.name, &process.guarded));
        let others = [
            (OPERATORS, &core.limits.operators),
            (CONFIGURED, &core.limits.configured),
        ];
        let refused = named.chain(others).flat_map(|(name, state)| {
            let counts = state.rejections().into_iter();
            counts.map(move |(rule, count)| (name.to_owned(), rule.to_owned(), count))
        });
        let neighbors = core.neighbors.all().into_iter();
        let attempts = neighbors.filter_map(|listed| {
            let id = listed.neighbor.id;
            Some((id.0, core.status(id)?.attempts))
        });
        let killed = helpers.iter().filter_map(|process| {
            let (waits, counts) = (process.endings.waits(), process.counts.get());
            let counts = (process.starts.get(), counts.done, counts.refused);
            (waits.0 > 0).then(|| (process.name.to_string(), waits, counts))
        });
        let exited = helpers
            .iter()
            .filter(|process| process.endings.has_exited.get());
        let counts = core.stats.numbers().into_iter();
        let counts = counts.chain([(LEASES, vec![core.leases.ended.get()])]);
        let journal = core.journal.shown();
        let counts = counts.chain(journal.map(|journal| {
            let numbers = [journal.records, journal.errors, journal.compactions];
            (JOURNAL, numbers.to_vec())
        }));
        let sockets = core.metrics.sockets.borrow();
        Self {
            counts: counts
                .map(|(name, numbers)| (name.to_owned(), numbers))
                .collect(),
            metrics: sockets
                .iter()
                .map(|(place, socket)| (place.to_string(), *socket))
                .collect(),
            killed: killed.collect(),
            exited: exited.map(|process| process.name.to_string()).collect(),
            rates: rates.collect(),
            refused: refused.collect(),
            attempts: attempts.collect(),
            awaited: waiting(core, |neighbor| neighbor.received.awaited()),
            unmarked: waiting(core, |neighbor| {
                core.routes.rib().unmarked(neighbor.id).to_vec()
            }),
            recorded: recorded(core),
            drains: core.checks.draining(),
            orphans: running(),
        }
    }

    /// Continues with what was counted of the daemon, and of helpers and neighbors, which are known by now.
    pub(super) fn resume(&self, (core, server): (&Core, &Server), numbers: &Numbers) {
        let helper = |name: &str| {
            let found = core.events.helpers().find(name);
            found.map(|(_, process)| process)
        };
        for (name, numbers) in &self.counts {
            match (name.as_str(), &numbers[..]) {
                (LEASES, &[ended]) => core.leases.ended.update(|now| now + ended),
                (name, numbers) => core.stats.resume(name, numbers),
            }
        }
        let sockets = self.metrics.iter().filter_map(|(place, socket)| {
            // Without it, the place is bound again.
            Some((place.clone(), inherit(*socket).ok()?))
        });
        core.metrics.inherited.borrow_mut().extend(sockets);
        for (name, bits, age) in &self.rates {
            if let Some(process) = helper(name) {
                let left = f64::from_bits(*bits);
                process.guarded.resume_tokens((left, *age), clock::now());
            }
        }
        for (name, rule, count) in &self.refused {
            let resume = |state: &GuardState| state.resume_rejections(rule, *count);
            match name.as_str() {
                OPERATORS => resume(&core.limits.operators),
                CONFIGURED => resume(&core.limits.configured),
                name => {
                    if let Some(process) = helper(name) {
                        resume(&process.guarded);
                    }
                }
            }
        }
        for (name, waits, (starts, done, refused)) in &self.killed {
            if let Some(process) = helper(name) {
                process.endings.resume(*waits);
                process.starts.set(*starts);
                process.counts.set(CommandCounts {
                    done: *done,
                    refused: *refused,
                });
            }
        }
        for process in self.exited.iter().filter_map(|name| helper(name)) {
            process.endings.has_exited.set(true);
        }
        for (id, attempts) in &self.attempts {
            let listed = numbers.get(id).and_then(|id| core.neighbors.get(*id));
            if let Some(key) = listed.and_then(|listed| listed.key.get()) {
                server.resume_attempts(key, *attempts);
            }
        }
        self.resume_end_of_ribs(core, numbers);
        for (id, name) in &self.recorded {
            let listed = numbers.get(id).and_then(|id| core.neighbors.get(*id));
            if let Some(listed) = listed {
                listed.neighbor.record_as(name);
            }
        }
    }

    fn resume_end_of_ribs(&self, core: &Core, numbers: &Numbers) {
        for (id, families) in &self.awaited {
            let listed = numbers.get(id).and_then(|id| core.neighbors.get(*id));
            if let Some(listed) = listed {
                listed.neighbor.received.wait_for(families);
            }
        }
        for (id, families) in &self.unmarked {
            if let Some(id) = numbers.get(id) {
                core.routes.resume_unmarked(*id, families);
            }
        }
    }

    /// The descriptors that stay open.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let metrics = self.metrics.iter().map(|(_, socket)| *socket);
        self.orphans.iter().map(|(_, pipe, _)| *pipe).chain(metrics)
    }

    /// Continues with what was counted of the journal, which is kept by now if there is one.
    pub(super) fn resume_journal(&self, core: &Core) {
        for (name, numbers) in &self.counts {
            if let (JOURNAL, &[records, errors, compactions]) = (name.as_str(), &numbers[..]) {
                core.journal.resume_counts([records, errors, compactions]);
            }
        }
    }

    /// Continues with health checks that were removed, and with commands of checks.
    pub(super) fn resume_checks(&mut self, core: &Rc<Core>) {
        adopt(core, std::mem::take(&mut self.orphans));
        for removed in std::mem::take(&mut self.drains) {
            drain(core, removed);
        }
    }
}

/// The neighbors with families for which an End-of-RIB is outstanding.
fn waiting(core: &Core, families: impl Fn(&Neighbor) -> Vec<Family>) -> Vec<(u32, Vec<Family>)> {
    let neighbors = core.neighbors.all().into_iter();
    let waiting = neighbors.filter_map(|listed| {
        let families = families(&listed.neighbor);
        (!families.is_empty()).then_some((listed.neighbor.id.0, families))
    });
    waiting.collect()
}

/// The names of neighbors in the journal that they do not have otherwise.
fn recorded(core: &Core) -> Vec<(u32, String)> {
    let neighbors = core.neighbors.all().into_iter();
    let recorded = neighbors.filter_map(|listed| {
        let neighbor = &listed.neighbor;
        let name = neighbor.recorded();
        (name != neighbor.name()).then(|| (neighbor.id.0, name.to_string()))
    });
    recorded.collect()
}

impl Field for Sections {
    fn put(&self, out: &mut Vec<u8>) {
        fn section(number: u8, content: &impl Field) -> (u8, Blob) {
            let mut bytes = Vec::new();
            content.put(&mut bytes);
            (number, Blob(bytes))
        }
        let sections = vec![
            section(RATES, &self.rates),
            section(REFUSED, &self.refused),
            section(ATTEMPTS, &self.attempts),
            section(DRAINS, &self.drains),
            section(KILLED, &self.killed),
            section(ORPHANS, &self.orphans),
            section(COUNTS, &self.counts),
            section(METRICS, &self.metrics),
            section(AWAITED, &self.awaited),
            section(UNMARKED, &self.unmarked),
            section(RECORDED, &self.recorded),
            section(EXITED, &self.exited),
        ];
        sections.put(out);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut all = Self::default();
        for (number, Blob(bytes)) in Vec::<(u8, Blob)>::get(r)? {
            let r = &mut Reader::new(&bytes);
            match number {
                RATES => all.rates = Field::get(r)?,
                REFUSED => all.refused = Field::get(r)?,
                ATTEMPTS => all.attempts = Field::get(r)?,
                DRAINS => all.drains = Field::get(r)?,
                KILLED => all.killed = Field::get(r)?,
                ORPHANS => all.orphans = Field::get(r)?,
                COUNTS => all.counts = Field::get(r)?,
                METRICS => all.metrics = Field::get(r)?,
                AWAITED => all.awaited = Field::get(r)?,
                UNMARKED => all.unmarked = Field::get(r)?,
                RECORDED => all.recorded = Field::get(r)?,
                EXITED => all.exited = Field::get(r)?,
                _ => {}
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_that_are_not_known_are_skipped() {
        let all = Sections {
            rates: vec![(
                "helper".to_owned(),
                1.5f64.to_bits(),
                Duration::from_secs(1),
            )],
            refused: vec![(OPERATORS.to_owned(), "prefix".to_owned(), 7)],
            attempts: vec![(3, 2)],
            drains: vec![("web".to_owned(), "stop it".to_owned(), Duration::ZERO)],
            killed: vec![(
                "helper".to_owned(),
                (3, Some(Duration::from_secs(2))),
                (4, 10, 1),
            )],
            orphans: vec![(7, 5, Duration::from_secs(2))],
            counts: vec![(LEASES.to_owned(), vec![3])],
            metrics: vec![("unix /run/metrics.sock".to_owned(), 9)],
            awaited: vec![(3, vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST])],
            unmarked: vec![(4, vec![Family::IPV6_UNICAST])],
            recorded: vec![(5, "neighbor ::1".to_owned())],
            exited: vec!["helper".to_owned()],
        };
        let mut bytes = Vec::new();
        all.put(&mut bytes);
        assert_eq!(Sections::get(&mut Reader::new(&bytes)), Ok(all));
        let mut bytes = Vec::new();
        let other = vec![(200u8, Blob(vec![1, 2, 3])), (ATTEMPTS, Blob(vec![0; 4]))];
        other.put(&mut bytes);
        let mut r = Reader::new(&bytes);
        assert_eq!(Sections::get(&mut r), Ok(Sections::default()));
        assert!(r.is_empty());
    }
}
