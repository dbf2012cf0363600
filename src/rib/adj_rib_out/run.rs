//! Applies runs: the fast path of [`apply`](AdjRibOut::apply).
//!
//! The peers are resolved and the size of the attributes is checked once for all prefixes. A prefix
//! that is not in the table yet, which is what an initial load consists of, has neither older versions nor pending
//! changes to compare with. All others take the steps of `apply`.

use std::rc::Rc;

use smallvec::SmallVec;

use super::fit::SURE;
use super::state::AdjRibOut;
use crate::bgp::AttributeSet;
use crate::bgp::NlriRef;
use crate::rib::entries::Entries;
use crate::rib::pending::Pending;
use crate::rib::route::Action;
use crate::rib::run::Run;
use crate::rib::slot::RouteKey;
use crate::rib::table::SlotId;

/// Number of routes whose places in the index are read ahead.
const PROBED: usize = 16;

impl AdjRibOut {
    /// Applies a change to all prefixes of a run. Returns `false`, with nothing changed, if they must be
    /// [checked](Self::check) and [applied](Self::apply) one by one: no peer accepts them, they might not fit in a
    /// message, or the cleanup after a removal, which is done in steps between changes, is in progress.
    pub fn apply_run(&mut self, run: &Run<'_>) -> bool {
        if !self.sweeps.is_empty() || self.pending.has_dead() {
            return false;
        }
        let target = self.target(run.peers, run.family);
        if self.targets[target].outcome.accepted == 0 {
            return false;
        }
        match run.action {
            Action::Announce(attributes) => {
                // The longest prefix takes 17 bytes.
                let fits = self.sizes.of(attributes, run.family) + 17 <= SURE;
                if fits {
                    self.announce_run(target, run, attributes);
                }
                fits
            }
            Action::Withdraw(attributes) => {
                for prefix in run.iter() {
                    let nlri = NlriRef {
                        family: run.family,
                        path_id: run.path_id,
                        bytes: prefix,
                        withdrawn: false,
                    };
                    self.withdraw(target, nlri, key(run, prefix), attributes.as_ref());
                }
                true
            }
        }
    }

    fn announce_run(&mut self, target: usize, run: &Run<'_>, attributes: &Rc<AttributeSet>) {
        let (mut rest, mut new) = (run.iter(), 0);
        let mut probed: SmallVec<[(u64, RouteKey<'_>); PROBED]> = SmallVec::new();
        loop {
            let next = rest.by_ref().take(PROBED).map(|prefix| key(run, prefix));
            probed.extend(next.map(|route| (self.table.probe(route), route)));
            if probed.is_empty() {
                let peers = &self.targets[target].taken;
                return self.tally.started(run.family, peers, new);
            }
            for (hash, route) in probed.drain(..) {
                let (id, is_new) = self.table.entry_at(hash, route, Entries::default);
                if is_new {
                    new += 1;
                    self.schedule_new(target, id, attributes);
                } else {
                    self.schedule_announcement(target, id, None, attributes);
                }
            }
        }
    }

    /// Schedules the announcement of a route that was not in the table.
    fn schedule_new(&mut self, target: usize, id: SlotId, attributes: &Rc<AttributeSet>) {
        let Self {
            table,
            pending,
            groups,
            targets,
            wakeups,
            ..
        } = self;
        let target = &targets[target];
        let Some(slot) = table.get_mut(id) else {
            return;
        };
        slot.value.start(attributes, &target.taken);
        for (group, members) in &target.shares {
            if let Some(group) = groups[*group].as_mut() {
                let announced = Pending {
                    announce: members.clone(),
                    ..Pending::default()
                };
                pending.push(&mut group.queue, id, slot.mark_mut(), announced);
                group.wake(wakeups);
            }
        }
    }
}

/// The key of a prefix of a run, which is the prefix itself.
fn key<'a>(run: &Run<'_>, prefix: &'a [u8]) -> RouteKey<'a> {
    RouteKey {
        family: run.family,
        path_id: run.path_id.unwrap_or_default(),
        key: prefix,
    }
}
