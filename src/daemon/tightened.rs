//! Routes that a guard refuses which a reload brings: they stay, but can't be renewed, and the next start does not announce them.
//!
//! A guard judges changes and never withdraws: a mistake in the file would take the service down. What it would refuse of the
//! routes that there are is counted instead, and said before and after the reload.

use std::collections::HashMap;
use std::rc::Rc;

use tracing::warn;

use crate::bgp::{AttributeSet, Nlri};
use crate::config::{Config, ConfigChange, GuardConfig};
use crate::journal::{OPERATOR, is_helper};
use crate::rib::{Action, Change, Leased, PeerSet};

use super::core::Core;
use super::guard;
use super::sets::set_of;

/// Routes in one turn.
const STEP: usize = 4_096;

/// A guard that is new or has changed, and the routes that it would refuse.
pub(crate) struct Tightened {
    /// Whose routes it judges; `None` for operators.
    helper: Option<String>,
    guard: GuardConfig,
    /// Routes that it allows, and those that it refuses.
    allowed: usize,
    refused: usize,
    first: Option<Nlri>,
}

impl Tightened {
    fn judge(&mut self, leased: &Leased<'_>) {
        // Without `state`, attributes are not recorded, and only the number of routes can be judged.
        let is_allowed = leased
            .attributes
            .is_none_or(|attributes| allows(&self.guard, leased.nlri, attributes))
            && self
                .guard
                .max_routes
                .is_none_or(|most| self.allowed < most as usize);
        if is_allowed {
            self.allowed += 1;
        } else {
            self.refused += 1;
            self.first.get_or_insert_with(|| leased.nlri.clone());
        }
    }
}

fn allows(guard: &GuardConfig, nlri: &Nlri, attributes: &Rc<AttributeSet>) -> bool {
    let change = Change {
        nlri: nlri.clone(),
        action: Action::Announce(Rc::clone(attributes)),
        peers: PeerSet::new(),
    };
    guard::judge(guard, &change).is_ok()
}

/// Guards by whose routes they judge.
struct Judges {
    all: Vec<Tightened>,
    /// Where those of each helper are, and those for operators.
    helpers: HashMap<String, Vec<usize>>,
    operators: Vec<usize>,
}

impl Judges {
    fn new(all: Vec<Tightened>) -> Self {
        let (mut helpers, mut operators) = (HashMap::<_, Vec<usize>>::new(), Vec::new());
        for (at, one) in all.iter().enumerate() {
            match &one.helper {
                Some(helper) => helpers.entry(helper.clone()).or_default().push(at),
                None => operators.push(at),
            }
        }
        Self {
            all,
            helpers,
            operators,
        }
    }

    /// Judges some of the routes that are recorded. Returns where to continue.
    fn step(&mut self, core: &Core, from: u32) -> Option<u32> {
        // All guards for operators judge the same routes.
        let most = STEP / self.operators.len().max(1);
        core.leases.visit(from, most.max(1), &mut |leased| {
            let speaker = speaker(core, leased.owner);
            let places = match is_helper(&speaker) {
                true => self.helpers.get(&*speaker).map(Vec::as_slice),
                false => Some(&*self.operators),
            };
            for at in places.unwrap_or_default() {
                self.all[*at].judge(&leased);
            }
        })
    }
}

/// The guards of a configuration that judge otherwise than those before.
pub(crate) fn tightened(old: &Config, new: &Config) -> Vec<Tightened> {
    let mut found = Vec::new();
    for process in &new.processes {
        let before = old.processes.iter().find(|one| one.name == process.name);
        let Some(guard) = &process.guard else {
            continue;
        };
        if before.is_some_and(|before| before.guard == process.guard) {
            continue;
        }
        let whose = [
            Some(Some(process.name.clone())),
            guard.operators.then_some(None),
        ];
        found.extend(whose.into_iter().flatten().map(|helper| Tightened {
            helper,
            guard: guard.clone(),
            allowed: 0,
            refused: 0,
            first: None,
        }));
    }
    found
}

/// Judges, in turns, all routes that are recorded.
async fn judged(core: &Core, all: Vec<Tightened>) -> Vec<Tightened> {
    let mut from = (!all.is_empty()).then_some(0);
    let mut judges = Judges::new(all);
    while let Some(at) = from {
        from = judges.step(core, at);
        tokio::task::yield_now().await;
    }
    judges.all
}

/// What a reload would change besides, for a preview.
pub(crate) async fn changes(core: &Core, all: Vec<Tightened>) -> Vec<ConfigChange> {
    let judged = judged(core, all).await;
    let refusing = judged.into_iter().filter(|one| one.refused > 0);
    let changes = refusing.map(|one| ConfigChange::RoutesRefused {
        process: one.helper,
        routes: one.refused,
    });
    changes.collect()
}

/// Logs, in turns, what was announced before and is not allowed any more.
pub(crate) async fn report(core: Rc<Core>, all: Vec<Tightened>) {
    for one in judged(&core, all).await {
        if let Some(first) = &one.first {
            let process = one.helper.as_deref().unwrap_or(OPERATOR);
            warn!(%process, routes = one.refused, %first, "the new guard refuses routes that are announced: they stay, but are not renewed, and the next start does not announce them");
        }
    }
}

/// Whose guards judge the routes of an owner: for a set, those of the one that declared it.
pub(crate) fn speaker(core: &Core, owner: &str) -> Rc<str> {
    let set = set_of(owner).map(|(set, _)| core.sets.speaker(set).unwrap_or_default());
    match set {
        // Operators.
        Some(speaker) if speaker.is_empty() => OPERATOR.into(),
        Some(speaker) => speaker,
        None => owner.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::bgp::Family;
    use crate::config::Env;
    use crate::daemon::authority::Authority;
    use crate::daemon::lease_table;
    use crate::rib::PeerId;

    #[test]
    fn a_preview_takes_turns_by_the_number_of_guards() {
        const ROUTES: usize = 4 * STEP;
        let core = Core::new(Env::default());
        let mut terms = Authority::new(&core, None).terms;
        terms.tracked = true;
        let peers: PeerSet = std::iter::once(PeerId(0)).collect();
        for number in 0..u32::try_from(ROUTES).expect("small") {
            let [_, a, b, c] = number.to_be_bytes();
            let nlri = Nlri::new(Family::IPV4_UNICAST, None, &[32, 10, a, b, c]);
            let at = (&terms, lease_table::now());
            core.leases.announce((&nlri, None), &peers, at);
        }
        for guards in [1, 4] {
            let one = || Tightened {
                helper: None,
                guard: GuardConfig {
                    max_routes: Some(1),
                    ..GuardConfig::default()
                },
                allowed: 0,
                refused: 0,
                first: None,
            };
            let all = (0..guards).map(|_| one()).collect();
            let mut task = pin!(changes(&core, all));
            let mut cx = Context::from_waker(Waker::noop());
            let mut turns = 0;
            while task.as_mut().poll(&mut cx).is_pending() {
                turns += 1;
            }
            assert_eq!(turns, 4 * guards);
        }
    }
}
