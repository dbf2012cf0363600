//! Who sends commands, and what they may announce: the guard of a helper, or those that are for operators, too; the limits of
//! neighbors.

use std::rc::Rc;

use tracing::warn;

use crate::bgp::NlriRef;
use crate::config::GuardConfig;
use crate::journal::OPERATOR;
use crate::rib::{Action, Change, Lifetime, Terms};

use super::announce_limit::LimitJudging;
use super::clock;
use super::core::Core;
use super::guard::{self, Held, Rejection};
use super::process::Process;
use super::sets::{owner_name, set_of};

/// Changes that are judged in parts, and applied together.
pub(crate) struct Judging<'a> {
    own: &'a Authority,
    core: &'a Core,
    /// One of them is an announcement.
    announces: bool,
    /// How many announcements change something, if a guard limits their rate.
    news: Option<usize>,
    /// The routes of the owner, if a guard limits their number.
    held: Option<Held>,
    limits: Vec<LimitJudging>,
}

impl<'a> Judging<'a> {
    pub(crate) fn new(own: &'a Authority, core: &'a Core) -> Self {
        let limits_routes = own
            .guards
            .iter()
            .any(|(guard, _)| guard.max_routes.is_some());
        let limits_rate = own.guards.iter().any(|(guard, _)| guard.max_rate.is_some());
        Self {
            own,
            core,
            announces: false,
            news: limits_rate.then_some(0),
            held: limits_routes.then(Held::default),
            limits: core.limits.begin(&core.neighbors),
        }
    }

    /// Judges the contents of more changes.
    ///
    /// # Errors
    /// When a guard does not allow one of them. The rejection is counted.
    pub(crate) fn add(&mut self, changes: &[Change]) -> Result<(), Rejection> {
        for (guard, process) in &self.own.guards {
            changes
                .iter()
                .try_for_each(|change| guard::judge(guard, change))
                .inspect_err(|rejection| process.guarded.refuse(rejection.rule))?;
        }
        self.own.judge_recorded(self.core, changes)?;
        let announces = |change: &&Change| matches!(change.action, Action::Announce(_));
        self.announces |= changes.iter().any(|change| announces(&change));
        if let Some(news) = &mut self.news {
            // What only renews costs neighbors nothing.
            let is_new = |change: &&Change| !self.core.routes.is_announced(change);
            *news += changes.iter().filter(announces).filter(is_new).count();
        }
        if let Some(held) = &mut self.held {
            let is_own = |owner: &str| self.own.owns(self.core, owner);
            let peers = |nlri: NlriRef<'_>| self.core.leases.held(nlri, &is_own);
            held.add(changes, peers);
        }
        for limit in &mut self.limits {
            limit
                .add(&self.core.routes, changes)
                .inspect_err(|rejection| self.own.refuse(self.core, rejection))?;
        }
        Ok(())
    }

    /// Judges the whole.
    ///
    /// # Errors
    /// When there are too many announcements, or a neighbor would be sent too many routes. The rejection is counted.
    pub(crate) fn finish(self) -> Result<Toll<'a>, Rejection> {
        if !self.announces {
            return Ok(Toll::default());
        }
        for (guard, process) in &self.own.guards {
            self.count(guard, process)
                .inspect_err(|rejection| process.guarded.refuse(rejection.rule))?;
        }
        let mut limits = self.limits.iter();
        let judged = limits.try_for_each(|limit| limit.finish(&self.core.routes));
        judged.inspect_err(|rejection| self.own.refuse(self.core, rejection))?;
        Ok(Toll {
            guards: &self.own.guards,
            news: self.news.unwrap_or_default(),
        })
    }

    fn count(&self, guard: &GuardConfig, process: &Process) -> Result<(), Rejection> {
        if let (Some(most), Some(held)) = (guard.max_routes, &self.held) {
            let owner = &self.own.name;
            let before = self.own.routes(self.core);
            let after = held.after(before);
            if after > most as usize && after > before {
                return Err(guard::too_many(most));
            }
            if let Some(share) = guard.warn_at {
                let nearly = after as u64 * 100 >= u64::from(most) * u64::from(share);
                if process.guarded.is_news(nearly) {
                    warn!(process = %owner, routes = after, most, "`max-routes` is nearly reached");
                }
            }
        }
        match (guard.max_rate, self.news) {
            (Some(rate), Some(news @ 1..)) => process.guarded.admit(rate, news, clock::now()),
            _ => Ok(()),
        }
    }
}

/// What changes that all guards and limits admit take off the rates of the guards.
#[derive(Default)]
#[must_use]
pub(crate) struct Toll<'a> {
    guards: &'a [(GuardConfig, Rc<Process>)],
    news: usize,
}

impl Toll<'_> {
    /// Takes it off, once nothing can refuse the changes any more.
    pub(crate) fn pay(self) {
        for (guard, process) in self.guards {
            if let Some(rate) = guard.max_rate {
                process.guarded.spend(rate, self.news, clock::now());
            }
        }
    }
}

/// What is known of a helper or operator.
pub(crate) struct Authority {
    /// The owner of what is announced, and how long it stays.
    pub(crate) terms: Terms,
    /// The helper's name, or that of operators.
    name: Rc<str>,
    /// The helper's name; empty for operators.
    speaker: Rc<str>,
    /// The set that is applied.
    set: Option<Rc<str>>,
    process: Option<Rc<Process>>,
    /// The guards that apply, with the processes that have them: that of the helper itself, or those that are for
    /// operators, too.
    guards: Vec<(GuardConfig, Rc<Process>)>,
}

impl Authority {
    /// Looks a helper up; `None` for an operator.
    pub(crate) fn new(core: &Core, helper: Option<&str>) -> Self {
        let helpers = core.events.helpers();
        let process = helper.and_then(|name| helpers.find(name));
        let process = process.map(|(_, process)| process);
        let guards = guards(core, helper);
        let counted = guards.iter().any(|(guard, _)| guard.max_routes.is_some());
        let dies = |process: &Rc<Process>| process.withdraw_after().is_some();
        let terms = Terms {
            owner: helper.unwrap_or(OPERATOR).into(),
            run: process.as_ref().map_or(1, |process| process.starts.get()),
            tracked: counted || process.as_ref().is_some_and(dies) || core.journal.is_kept(),
            lifetime: Lifetime::Unchanged,
            default: guards
                .iter()
                .filter_map(|(guard, _)| guard.lifetime.or(guard.max_lifetime))
                .min(),
            longest: guards
                .iter()
                .filter_map(|(guard, _)| guard.max_lifetime)
                .min(),
            left: None,
            selector: None,
            indexed: false,
        };
        Self {
            name: Rc::clone(&terms.owner),
            speaker: helper.unwrap_or_default().into(),
            set: None,
            terms,
            process,
            guards,
        }
    }

    /// The owner of the routes of a health check, which are the operator's as much as the configuration is.
    pub(crate) fn of_check(core: &Core, owner: &Rc<str>) -> Self {
        let mut own = Self::new(core, None);
        own.name = Rc::clone(owner);
        own.speaker = Rc::clone(owner);
        own.terms.owner = Rc::clone(owner);
        own
    }

    /// Returns `true` if changes must be judged or recorded one by one.
    pub(crate) fn is_limited(&self) -> bool {
        !self.guards.is_empty() || self.is_recorded()
    }

    /// Returns `true` if routes are recorded with their owner, so that they can be counted, withdrawn or restored.
    fn is_recorded(&self) -> bool {
        self.terms.tracked || self.terms.default.is_some()
    }

    /// Counts a rejection that is not that of a guard.
    fn refuse(&self, core: &Core, rejection: &Rejection) {
        match &self.process {
            Some(process) => process.guarded.refuse(rejection.rule),
            None => core.limits.operators.refuse(rejection.rule),
        }
    }

    /// Judges changes by the guards that apply, and by the limits of neighbors. A rejection is counted.
    pub(crate) fn judge<'a>(
        &'a self,
        core: &'a Core,
        changes: &[Change],
    ) -> Result<Toll<'a>, Rejection> {
        if self.guards.is_empty() && !core.limits.may_refuse(changes) {
            self.judge_recorded(core, changes)?;
            return Ok(Toll::default());
        }
        let mut judging = Judging::new(self, core);
        judging.add(changes)?;
        judging.finish()
    }

    /// Refuses routes that come in attributes where routes are recorded. A rejection is counted.
    fn judge_recorded(&self, core: &Core, changes: &[Change]) -> Result<(), Rejection> {
        match self.is_recorded() {
            true => self.judge_raw(core, changes),
            false => Ok(()),
        }
    }

    /// Refuses routes that come in attributes. A rejection is counted.
    pub(crate) fn judge_raw(&self, core: &Core, changes: &[Change]) -> Result<(), Rejection> {
        let mut changes = changes.iter();
        changes
            .try_for_each(guard::judge_raw)
            .inspect_err(|rejection| self.refuse(core, rejection))
    }

    /// The lifetime that the guards allow.
    pub(crate) fn allowed(&self, lifetime: Lifetime) -> Lifetime {
        match (lifetime, self.terms.longest) {
            (Lifetime::For(length), Some(most)) => Lifetime::For(length.min(most)),
            (Lifetime::Forever, Some(most)) => Lifetime::For(most),
            (lifetime, _) => lifetime,
        }
    }

    /// Announces for a set, or a key of it.
    pub(crate) fn own_by(&mut self, set: &str, owner: &Rc<str>) {
        self.set = Some(set.into());
        self.terms.owner = Rc::clone(owner);
        self.terms.tracked = true;
        self.terms.indexed = set_of(owner).is_some_and(|(_, key)| key.is_some());
    }

    /// Returns `true` for an owner whose routes count as those of the helper: itself, and the sets that it has declared.
    fn owns(&self, core: &Core, owner: &str) -> bool {
        let is_own = |set: &str| {
            self.set.as_deref() == Some(set) || core.sets.is_declared_by(set, &self.speaker)
        };
        *owner == *self.name || set_of(owner).is_some_and(|(set, _)| is_own(set))
    }

    /// How many routes it has.
    fn routes(&self, core: &Core) -> usize {
        let mut sets = core.sets.declared_by(&self.speaker);
        sets.extend(self.set.clone());
        let sets = sets.iter().map(|set| owner_name(set, None));
        let of_sets: usize = sets.map(|first| core.leases.owned_below(&first)).sum();
        core.leases.owned(&self.name) + of_sets
    }

    /// The most routes that a set may lose at once, in percent.
    pub(crate) fn max_remove(&self) -> Option<u8> {
        let guards = self.guards.iter();
        guards.filter_map(|(guard, _)| guard.max_remove).min()
    }
}

/// The guards that apply to a helper, or with `None` to operators, with the processes that have them.
pub(crate) fn guards(core: &Core, helper: Option<&str>) -> Vec<(GuardConfig, Rc<Process>)> {
    let helpers = core.events.helpers();
    let candidates = match helper {
        Some(name) => helpers
            .find(name)
            .map(|(_, process)| process)
            .into_iter()
            .collect(),
        None => helpers.active(),
    };
    let applies = |guard: &GuardConfig| helper.is_some() || guard.operators;
    let with_guard = |process: Rc<Process>| Some((process.guard().filter(applies)?, process));
    candidates.into_iter().filter_map(with_guard).collect()
}

/// Checks that a helper, or with `None` an operator, may declare a set. A set belongs to the helper that has declared it, as long
/// as that one runs; a set that operators have declared belongs to them as long as it has routes. Operators may change all sets.
///
/// # Errors
/// Whose it is.
pub(crate) fn may_declare(core: &Core, helper: Option<&str>, set: &str) -> Result<(), String> {
    let (Some(helper), Some(owner)) = (helper, core.sets.speaker(set)) else {
        return Ok(());
    };
    if *owner == *helper {
        return Ok(());
    }
    if owner.is_empty() {
        return match core.leases.owned_below(&owner_name(set, None)) {
            0 => Ok(()),
            _ => Err(format!("the set `{set}` belongs to operators")),
        };
    }
    match is_alive(core, &owner) {
        true => Err(format!("the set `{set}` belongs to the process `{owner}`")),
        false => Ok(()),
    }
}

/// Whose a set is that a helper, or with `None` an operator, has declared.
pub(crate) fn owner_of_set(core: &Core, helper: Option<&str>, set: &str) -> Rc<str> {
    if let Some(helper) = helper {
        return helper.into();
    }
    let known = core.sets.speaker(set);
    known
        .filter(|owner| is_alive(core, owner))
        .unwrap_or_default()
}

/// Returns `true` if a helper runs, or will run again.
fn is_alive(core: &Core, helper: &str) -> bool {
    let process = core.events.helpers().find(helper);
    process.is_some_and(|(_, process)| process.is_alive())
}
