//! Applies sets: what was declared is compared with what there is, judged as a whole, and the difference is applied; all of it
//! in turns, between which no command is executed.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use smallvec::SmallVec;
use tracing::info;

use crate::api::changes::Changes;
use crate::api::command::{SetChanges, SetPlan};
use crate::bgp::AttributeSet;
use crate::bgp::nlri::NlriId;
use crate::rib::{Action, Change, Leased, Lifetime, PeerSet, Terms};

use super::authority::{Authority, Judging, may_declare, owner_of_set};
use super::backend::ApiBackend;
use super::core::Core;
use super::lease_table;
use super::sets::{owner_name, set_of};

/// Routes in one turn.
const STEP: usize = 4_096;

/// What applying a declared route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    New,
    Changed,
    Same,
    /// A later declaration applies instead, or there is no neighbor.
    Void,
}

/// The difference between what is declared and what there is.
struct Difference<'a> {
    plan: &'a SetPlan,
    declared: Declared,
    /// What is declared again for some of the neighbors, so that the selector does not select those that are left.
    narrowed: HashSet<usize>,
    /// The lifetime of what is declared without one.
    default: Lifetime,
    fates: Vec<Fate>,
    withdrawals: Vec<Change>,
    /// The epoch of the neighbors of the withdrawals.
    since: u64,
    /// Routes that there are, and those of them that go.
    before: usize,
    removed: usize,
}

/// Applies a set, or a key of it, of a helper in a run of it, or of an operator. No command may be executed meanwhile.
///
/// # Errors
/// Why nothing was changed.
pub(crate) async fn apply(
    core: &Rc<Core>,
    speaker: Option<(&str, u64)>,
    mut plan: SetPlan,
) -> Result<SetChanges, String> {
    let helper = speaker.map(|(name, _)| name);
    let applying = core.sets.applying(&plan.name);
    let _turn = applying.lock().await;
    may_declare(core, helper, &plan.name)?;
    if let Some(revision) = plan.revision
        && !plan.force
    {
        core.sets.check(&plan.name, revision)?;
    }
    let since = core.neighbors.epoch();
    let (declared, narrowed) = overlaid(&mut plan.changes.list).await;
    let mut difference = Difference::new(&plan, (declared, narrowed), since);
    difference.compare(core).await;
    let done = difference.counts();
    let mut own = Authority::new(core, helper);
    let most = match (plan.max_remove, own.max_remove()) {
        (Some(own), Some(guard)) => Some(own.min(guard)),
        (own, guard) => own.or(guard),
    };
    difference.check(most)?;
    let owner: Rc<str> = owner_name(&plan.name, plan.key.as_deref()).into();
    own.own_by(&plan.name, &owner);
    if let Some((_, run)) = speaker {
        own.terms.run = run;
    }
    difference.default = own.terms.default.map_or(Lifetime::Forever, Lifetime::For);
    let backend = ApiBackend::of_set(core, helper, own);
    difference.judge(core, &backend).await?;
    let owner = owner_of_set(core, helper, &plan.name);
    if plan.revision.is_some() && difference.takes_turns() {
        // After a crash in between, it must not be taken for either revision.
        core.sets.begin(&plan.name, &owner);
        core.journal.revision((&plan.name, &owner), None);
    }
    difference.carry_out(core, &backend).await;
    let revision = core.sets.declare(&plan.name, &owner, plan.revision);
    core.journal.revision((&plan.name, &owner), revision);
    core.journal.flush();
    core.wake_neighbors();
    difference.renew(core, &backend).await;
    let SetChanges {
        added,
        changed,
        removed,
    } = done;
    info!(
        set = plan.name,
        revision = plan.revision,
        added,
        changed,
        removed,
        "a set is applied"
    );
    Ok(done)
}

fn attributes_of(change: &Change) -> Option<&Rc<AttributeSet>> {
    match &change.action {
        Action::Announce(attributes) => Some(attributes),
        Action::Withdraw(_) => None,
    }
}

/// Where a route is declared.
type Declared = HashMap<NlriId, SmallVec<[usize; 1]>>;

/// Takes the neighbors off changes for which a route is declared again later. Returns where each route is declared, and which
/// changes have lost neighbors.
async fn overlaid(changes: &mut [Change]) -> (Declared, HashSet<usize>) {
    let declared = declared(changes).await;
    let (mut narrowed, mut visited) = (HashSet::new(), 0);
    for places in declared.values() {
        if places.len() > 1 {
            overlay(changes, places, &mut narrowed);
        }
        visited += places.len();
        if visited >= STEP {
            visited = 0;
            tokio::task::yield_now().await;
        }
    }
    (declared, narrowed)
}

async fn declared(changes: &[Change]) -> Declared {
    // It never grows, which would take a turn of its own.
    let mut declared = Declared::with_capacity(changes.len());
    for (at, change) in changes.iter().enumerate() {
        declared
            .entry(change.nlri.as_ref().id())
            .or_default()
            .push(at);
        if at % STEP == STEP - 1 {
            tokio::task::yield_now().await;
        }
    }
    declared
}

/// Of several declarations of a route for one neighbor, the last one applies: takes the neighbor off the others.
fn overlay(changes: &mut [Change], places: &[usize], narrowed: &mut HashSet<usize>) {
    let mut later = PeerSet::new();
    for at in places.iter().rev() {
        let peers = &mut changes[*at].peers;
        if peers.intersects(&later) {
            peers.subtract(&later);
            narrowed.insert(*at);
        }
        later.union(peers);
    }
}

impl<'a> Difference<'a> {
    fn new(
        plan: &'a SetPlan,
        (declared, narrowed): (Declared, HashSet<usize>),
        since: u64,
    ) -> Self {
        let fate = |change: &Change| match change.peers.is_empty() {
            true => Fate::Void,
            false => Fate::New,
        };
        Self {
            plan,
            declared,
            narrowed,
            default: Lifetime::Forever,
            fates: plan.changes.list.iter().map(fate).collect(),
            withdrawals: Vec::new(),
            since,
            before: 0,
            removed: 0,
        }
    }

    /// Walks over what there is.
    async fn compare(&mut self, core: &Core) {
        if let Some(key) = self.plan.key.as_deref() {
            let owner = owner_name(&self.plan.name, Some(key));
            return core
                .leases
                .visit_owner(&owner, &mut |leased| self.meet(&leased));
        }
        let mut from = Some(0);
        while let Some(at) = from {
            from = core.leases.visit(at, STEP, &mut |leased| {
                if set_of(leased.owner).is_some_and(|(set, _)| set == self.plan.name) {
                    self.meet(&leased);
                }
            });
            if from.is_some() {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Compares one route with what is declared.
    fn meet(&mut self, leased: &Leased<'_>) {
        self.before += 1;
        let mut gone = leased.peers.clone();
        let places = self.declared.get(&leased.nlri.as_ref().id());
        for at in places.into_iter().flatten() {
            let change = &self.plan.changes.list[*at];
            if !change.peers.intersects(leased.peers) {
                continue;
            }
            gone.subtract(&change.peers);
            let is_same = change.peers == *leased.peers
                && change.nlri == *leased.nlri
                && attributes_of(change) == leased.attributes;
            self.fates[*at] = match is_same {
                true => Fate::Same,
                false => Fate::Changed,
            };
        }
        if gone == *leased.peers {
            self.removed += 1;
        }
        if !gone.is_empty() {
            self.withdrawals.push(Change {
                nlri: leased.nlri.clone(),
                action: Action::Withdraw(None),
                peers: gone,
            });
        }
    }

    fn counts(&self) -> SetChanges {
        let count = |wanted: Fate| self.fates.iter().filter(|fate| **fate == wanted).count();
        SetChanges {
            added: count(Fate::New),
            changed: count(Fate::Changed),
            removed: self.removed,
        }
    }

    /// Refuses to remove more than so many percent. What a key has may go: who names it means it.
    fn check(&self, most: Option<u8>) -> Result<(), String> {
        match most.filter(|_| !self.plan.force && self.plan.key.is_none()) {
            Some(most) if self.removed * 100 > self.before * usize::from(most) => Err(format!(
                "{} of {} routes would be removed, more than {most}%",
                self.removed, self.before
            )),
            _ => Ok(()),
        }
    }

    /// Judges the changes, a part in each turn, before any of them is applied.
    async fn judge(&self, core: &Core, backend: &ApiBackend<'_>) -> Result<(), String> {
        let mut judging = Judging::new(backend.own(), core);
        let mut next = Some(0);
        while let Some(at) = next {
            let (part, rest) = self.part(at, core);
            judging.add(&part.list).map_err(|no| no.message)?;
            let checked = backend.check(&part.list);
            checked.map_err(|error| error.to_string())?;
            next = rest;
            if next.is_some() {
                tokio::task::yield_now().await;
            }
        }
        judging.finish().map_err(|no| no.message)?.pay();
        Ok(())
    }

    /// Returns `true` if something is changed, and not all of it in one turn.
    fn takes_turns(&self) -> bool {
        let is_new = |fate: &Fate| matches!(fate, Fate::New | Fate::Changed);
        let changes = !self.withdrawals.is_empty() || self.fates.iter().any(is_new);
        changes && self.withdrawals.len() + self.fates.len() > STEP
    }

    /// Applies the changes, a part in each turn. The records of the last part are left for the frame of the revision.
    async fn carry_out(&self, core: &Core, backend: &ApiBackend<'_>) {
        let mut next = Some(0);
        while let Some(at) = next {
            let (part, rest) = self.part(at, core);
            backend.carry_out(&part);
            core.wake_neighbors();
            next = rest;
            if next.is_some() {
                core.journal.flush();
                tokio::task::yield_now().await;
                core.journal.room().await;
            }
        }
    }

    /// Some of the changes, from a position among the withdrawals and then what is declared, and where the rest begins.
    /// Withdrawals are first, so that no neighbor has more routes in between than before or afterwards.
    fn part(&self, from: usize, core: &Core) -> (Changes, Option<usize>) {
        let (first, declared) = (self.withdrawals.len(), &self.plan.changes);
        let end = (from + STEP).min(first + declared.len());
        let mut part = Changes::default();
        let gone = &self.withdrawals[from.min(first)..end.min(first)];
        part.list.extend_from_slice(gone);
        part.describe(Lifetime::Unchanged, Some(&Rc::from("")));
        for at in from.max(first) - first..end.max(first) - first {
            if matches!(self.fates[at], Fate::New | Fate::Changed) {
                part.list.push(declared.list[at].clone());
                part.describe(self.lifetime(at), self.selector(at));
            }
        }
        // Between two turns, neighbors may be added and removed.
        if let Some(of_declared) = core.neighbors.moves(self.plan.epoch) {
            let of_withdrawn = core.neighbors.moves(self.since);
            let withdrawn = gone.len();
            part.select(|at, change, _| match at < withdrawn {
                false => of_declared.applied(&change.peers),
                true => match &of_withdrawn {
                    Some(moves) => moves.applied(&change.peers),
                    None => change.peers.clone(),
                },
            });
        }
        (part, (end < first + declared.len()).then_some(end))
    }

    fn lifetime(&self, at: usize) -> Lifetime {
        match self.plan.changes.lifetime(at) {
            // It is not that of an earlier declaration.
            Lifetime::Unchanged => self.default,
            lifetime => lifetime,
        }
    }

    fn selector(&self, at: usize) -> Option<&Rc<str>> {
        let selector = self.plan.changes.selector(at);
        selector.filter(|_| !self.narrowed.contains(&at))
    }

    /// Renews what stays as it is, and claims it.
    async fn renew(&self, core: &Core, backend: &ApiBackend<'_>) {
        let mut moves = core.neighbors.moves(self.plan.epoch);
        let mut reached = PeerSet::new();
        for (at, change) in self.plan.changes.list.iter().enumerate() {
            let peers = match &moves {
                Some(moves) => moves.applied(&change.peers),
                None => change.peers.clone(),
            };
            if !peers.is_subset(&reached) {
                reached.union(&peers);
            }
            if self.fates[at] == Fate::Same {
                let change = Change {
                    peers,
                    ..change.clone()
                };
                backend.renew(&change, self.lifetime(at), self.selector(at));
            }
            if at % STEP == STEP - 1 {
                core.journal.flush();
                tokio::task::yield_now().await;
                moves = core.neighbors.moves(self.plan.epoch);
            }
        }
        core.leases.declared(&backend.own().terms.owner, reached);
        core.journal.flush();
    }
}

impl ApiBackend<'_> {
    /// Records again a route that is announced already.
    fn renew(&self, change: &Change, lifetime: Lifetime, selector: Option<&Rc<str>>) {
        let Action::Announce(attributes) = &change.action else {
            return;
        };
        let terms = Terms {
            lifetime: self.own().allowed(lifetime),
            selector: selector.cloned(),
            ..self.own().terms.clone()
        };
        let leases = &self.core.leases;
        // A lifetime begins again; what was of a key is of the set now.
        let mut news = matches!(terms.lifetime, Lifetime::For(_));
        let mut missing = change.peers.clone();
        leases.visit_route(change.nlri.as_ref(), &change.peers, &mut |leased| {
            news |= *leased.owner != terms.owner;
            missing.subtract(leased.peers);
        });
        if !missing.is_empty() {
            // Its lifetime has ended since it was compared.
            self.core.routes.apply_quietly(change);
            news = true;
        }
        let route = (&change.nlri, Some(attributes));
        leases.announce(route, &change.peers, (&terms, lease_table::now()));
        if news {
            self.core.record(&change.nlri, &change.peers);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::bgp::{Family, Nlri};
    use crate::config::Env;
    use crate::rib::PeerId;

    fn plan(count: u32) -> SetPlan {
        let peers: PeerSet = std::iter::once(PeerId(0)).collect();
        let attributes = Rc::new(AttributeSet::new(Vec::new()));
        let changes = (0..count).map(|number| {
            let [_, a, b, c] = number.to_be_bytes();
            Change {
                nlri: Nlri::new(Family::IPV4_UNICAST, None, &[32, 10, a, b, c]),
                action: Action::Announce(Rc::clone(&attributes)),
                peers: peers.clone(),
            }
        });
        let mut plan = SetPlan::empty("edge");
        plan.changes = changes.collect::<Vec<Change>>().into();
        plan
    }

    /// Applies a set, and returns how many routes each turn has recorded.
    fn turns(core: &Rc<Core>, plan: SetPlan) -> (SetChanges, Vec<usize>) {
        let mut task = pin!(apply(core, None, plan));
        let (mut turns, mut before) = (Vec::new(), core.leases.recorded());
        loop {
            let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            let now = core.leases.recorded();
            turns.push(now.abs_diff(before));
            before = now;
            if let Poll::Ready(done) = polled {
                return (done.expect("nothing refuses it"), turns);
            }
        }
    }

    #[test]
    fn a_large_set_is_applied_in_turns() {
        let core = Core::new(Env::default());
        let most = 4 * u32::try_from(STEP).expect("small");
        for (count, added, removed) in [(most, most, 0), (0, 0, most)] {
            let (done, turns) = turns(&core, plan(count));
            assert_eq!(
                (done.added, done.removed),
                (added as usize, removed as usize)
            );
            assert_eq!(turns.iter().sum::<usize>(), 4 * STEP);
            assert!(turns.iter().all(|recorded| *recorded <= STEP), "{turns:?}");
            // Those that judge the routes record none.
            assert!(turns.iter().filter(|recorded| **recorded == 0).count() >= 3);
        }
    }

    #[test]
    fn a_neighbor_that_is_removed_between_two_turns_gets_nothing_more() {
        let core = Core::new(Env::default());
        let most = 4 * u32::try_from(STEP).expect("small");
        let mut task = pin!(apply(&core, None, plan(most)));
        let mut poll = || {
            let mut cx = Context::from_waker(Waker::noop());
            task.as_mut().poll(&mut cx)
        };
        while core.leases.recorded() == 0 {
            assert!(poll().is_pending());
        }
        assert_eq!(core.leases.recorded(), STEP);
        core.neighbors.remove(PeerId(0));
        while poll().is_pending() {}
        // Another neighbor may have its number by now.
        assert_eq!(core.leases.recorded(), STEP);
    }
}
