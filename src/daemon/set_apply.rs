//! Applies sets: what was declared is compared with what there is, in turns, and the difference is applied as one step.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use smallvec::SmallVec;
use tracing::info;

use crate::api::command::{SetChanges, SetPlan};
use crate::api::control::Control;
use crate::bgp::nlri::NlriKey;
use crate::bgp::{AttributeSet, Family, NlriRef};
use crate::journal::encode_attributes;
use crate::rib::{Action, Change, Leased, Lifetime, Terms};

use super::backend::ApiBackend;
use super::core::Core;
use super::lease_table;
use super::queue::Make;
use super::sets::set_of;

/// Routes in one turn.
const STEP: usize = 4_096;

/// A route, whatever its attributes.
type Key = (Family, u32, NlriKey);

/// What applying a declared route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    New,
    Changed,
    Same,
}

/// The difference between what is declared and what there is.
struct Difference<'a> {
    plan: &'a SetPlan,
    declared: HashMap<Key, SmallVec<[usize; 1]>>,
    fates: Vec<Fate>,
    withdrawals: Vec<Change>,
    /// Routes that there are, and those of them that go.
    before: usize,
    removed: usize,
}

/// Applies a set, or a key of it.
///
/// # Errors
/// Why nothing was changed.
pub(crate) async fn apply(
    core: &Rc<Core>,
    helper: Option<&str>,
    plan: SetPlan,
) -> Result<SetChanges, String> {
    let applying = core.sets.applying(&plan.name);
    let _turn = applying.lock().await;
    if let Some(revision) = plan.revision
        && !plan.force
    {
        core.sets.check(&plan.name, revision)?;
    }
    let mut difference = Difference::new(&plan).await;
    difference.compare(core).await;
    let done = difference.counts();
    let mut backend = ApiBackend::new(core, helper);
    let most = match (plan.max_remove, backend.own().max_remove()) {
        (Some(own), Some(guard)) => Some(own.min(guard)),
        (own, guard) => own.or(guard),
    };
    difference.check(most)?;
    let owner: Rc<str> = owner(&plan.name, plan.key.as_deref()).into();
    backend.own_by(&owner, plan.changes.len())?;
    let (mut changes, lifetimes, selectors) = difference.changes();
    backend.set_lifetimes(lifetimes);
    backend.set_selectors(selectors);
    backend
        .apply(&mut changes)
        .map_err(|error| error.to_string())?;
    let speaker = helper.unwrap_or_default();
    let revision = core.sets.declare(&plan.name, speaker, plan.revision);
    core.journal.revision((&plan.name, speaker), revision);
    core.journal.flush();
    core.wake_neighbors();
    difference.renew(core, backend).await;
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

/// The owner of the routes of a set, or of a key of it.
fn owner(set: &str, key: Option<&str>) -> String {
    match key {
        None => format!("set {set}"),
        Some(key) => format!("set {set} {key}"),
    }
}

fn key(nlri: NlriRef<'_>) -> Key {
    (nlri.family, nlri.path_id.unwrap_or_default(), nlri.key())
}

fn attributes_of(change: &Change) -> Option<&Rc<AttributeSet>> {
    match &change.action {
        Action::Announce(attributes) => Some(attributes),
        Action::Withdraw(_) => None,
    }
}

impl<'a> Difference<'a> {
    async fn new(plan: &'a SetPlan) -> Self {
        let mut declared: HashMap<Key, SmallVec<[usize; 1]>> = HashMap::new();
        for (at, change) in plan.changes.iter().enumerate() {
            declared
                .entry(key(change.nlri.as_ref()))
                .or_default()
                .push(at);
            if at % STEP == STEP - 1 {
                tokio::task::yield_now().await;
            }
        }
        Self {
            plan,
            declared,
            fates: vec![Fate::New; plan.changes.len()],
            withdrawals: Vec::new(),
            before: 0,
            removed: 0,
        }
    }

    /// Walks over what there is.
    async fn compare(&mut self, core: &Core) {
        if let Some(key) = self.plan.key.as_deref() {
            let owner = owner(&self.plan.name, Some(key));
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
            tokio::task::yield_now().await;
        }
    }

    /// Compares one route with what is declared.
    fn meet(&mut self, leased: &Leased<'_>) {
        self.before += 1;
        let mut gone = leased.peers.clone();
        let places = self.declared.get(&key(leased.nlri.as_ref()));
        for at in places.into_iter().flatten() {
            let change = &self.plan.changes[*at];
            if !change.peers.intersects(leased.peers) {
                continue;
            }
            gone.subtract(&change.peers);
            // Of several declarations for one neighbor the last one applies: they are announced in order.
            let is_same = places.is_some_and(|places| places.len() == 1)
                && change.peers == *leased.peers
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

    /// Refuses to remove more than so many percent.
    fn check(&self, most: Option<u8>) -> Result<(), String> {
        match most.filter(|_| !self.plan.force) {
            Some(most) if self.removed * 100 > self.before * usize::from(most) => Err(format!(
                "{} of {} routes would be removed, more than {most}%",
                self.removed, self.before
            )),
            _ => Ok(()),
        }
    }

    /// The changes to apply, with the lifetimes and selectors up to each position.
    #[expect(clippy::type_complexity, reason = "three lists")]
    fn changes(&self) -> (Vec<Change>, Vec<(usize, Lifetime)>, Vec<(usize, Rc<str>)>) {
        let mut changes = self.withdrawals.clone();
        let mut lifetimes = vec![(changes.len(), Lifetime::Unchanged)];
        let mut selectors: Vec<(usize, Rc<str>)> = Vec::new();
        if !changes.is_empty() {
            selectors.push((changes.len(), Rc::from("")));
        }
        for (at, change) in self.plan.changes.iter().enumerate() {
            if self.fates[at] != Fate::Same {
                changes.push(change.clone());
                lifetimes.push((changes.len(), self.lifetime(at)));
                selectors.extend(self.selector(at).map(|selector| (changes.len(), selector)));
            }
        }
        (changes, lifetimes, selectors)
    }

    fn lifetime(&self, at: usize) -> Lifetime {
        let list = &self.plan.lifetimes;
        let place = list.partition_point(|(end, _)| *end <= at);
        match list.get(place) {
            // What is declared without a lifetime has none.
            None | Some((_, Lifetime::Unchanged)) => Lifetime::Forever,
            Some((_, lifetime)) => *lifetime,
        }
    }

    fn selector(&self, at: usize) -> Option<Rc<str>> {
        let list = &self.plan.selectors;
        let place = list.partition_point(|(end, _)| *end <= at);
        list.get(place).map(|(_, selector)| Rc::clone(selector))
    }

    /// Renews what stays as it is, and claims it.
    async fn renew(&self, core: &Core, mut backend: ApiBackend<'_>) {
        for (at, change) in self.plan.changes.iter().enumerate() {
            if self.fates[at] == Fate::Same {
                backend.renew(change, self.lifetime(at), self.selector(at));
            }
            if at % STEP == STEP - 1 {
                core.journal.flush();
                tokio::task::yield_now().await;
            }
        }
        core.journal.flush();
    }
}

/// How sets are announced.
impl ApiBackend<'_> {
    /// Announces for an owner that is not the helper itself: for a set of so many routes.
    ///
    /// # Errors
    /// When the guard of the helper does not allow so many.
    fn own_by(&mut self, owner: &Rc<str>, routes: usize) -> Result<(), String> {
        self.own();
        if let Some(own) = self.own.get_mut() {
            own.own_by(self.core, owner, routes)?;
        }
        self.is_set = true;
        Ok(())
    }

    /// Records again a route that is announced already.
    fn renew(&mut self, change: &Change, lifetime: Lifetime, selector: Option<Rc<str>>) {
        let Action::Announce(attributes) = &change.action else {
            return;
        };
        let terms = Terms {
            lifetime: self.own().allowed(lifetime),
            selector,
            ..self.own().terms.clone()
        };
        let leases = &self.core.leases;
        // A lifetime begins again; what was of a key is of the set now.
        let mut news = matches!(terms.lifetime, Lifetime::For(_));
        leases.visit_route(change.nlri.as_ref(), &change.peers, &mut |leased| {
            news |= *leased.owner != terms.owner;
        });
        let route = (&change.nlri, Some(attributes));
        leases.announce(route, &change.peers, (&terms, lease_table::now()));
        if news {
            self.core.record(&change.nlri, &change.peers);
        }
    }
}

/// A function that lists sets: revision, digest, number of routes.
pub(crate) fn listed(core: &Rc<Core>, wanted: Option<String>, end: String) -> Make {
    let core = Rc::downgrade(core);
    let mut found: BTreeMap<String, (u64, usize)> = BTreeMap::new();
    let mut from = Some(0);
    let mut bytes = Vec::new();
    Box::new(move |out| {
        let Some(core) = core.upgrade() else {
            return false;
        };
        if let Some(at) = from {
            from = core.leases.visit(at, STEP, &mut |leased| {
                if let Some((set, key)) = set_of(leased.owner) {
                    let set = found.entry(set.to_owned()).or_default();
                    set.0 = set.0.wrapping_add(hash(&leased, key, &mut bytes));
                    set.1 += 1;
                }
            });
            return true;
        }
        for (name, _) in core.sets.declared() {
            found.entry(name.to_string()).or_default();
        }
        if let Some(name) = &wanted {
            found.retain(|known, _| known == name);
            found.entry(name.clone()).or_default();
        }
        for (name, (digest, routes)) in &found {
            let revision = core.sets.revision(name);
            let revision = revision.map_or_else(|| "none".to_owned(), |number| number.to_string());
            out.push_str(&format!(
                "{name} revision {revision} digest {digest:016x} routes {routes}\n"
            ));
        }
        out.push_str(&end);
        false
    })
}

/// A hash of a route that is the same in all daemons. The digest of a set is the sum, so that the order does not matter; the
/// neighbors are not part of it, since they differ between daemons.
fn hash(leased: &Leased<'_>, key: Option<&str>, bytes: &mut Vec<u8>) -> u64 {
    bytes.clear();
    let nlri = leased.nlri;
    let (afi, safi) = (nlri.family.afi.0, nlri.family.safi.0);
    bytes.extend(afi.to_be_bytes());
    bytes.push(safi);
    bytes.extend(nlri.path_id.unwrap_or_default().to_be_bytes());
    for part in [&nlri.bytes[..], key.unwrap_or_default().as_bytes()] {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part);
    }
    let length = leased.length.map_or(0, |length| length.as_secs());
    bytes.extend(length.to_be_bytes());
    if let Some(attributes) = leased.attributes {
        encode_attributes(attributes, bytes);
    }
    // FNV-1a, then the finalizer of MurmurHash3: equal differences must not cancel out in a sum.
    let mut hash = bytes.iter().fold(0xCBF2_9CE4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    for factor in [0xFF51_AFD7_ED55_8CCD, 0xC4CE_B9FE_1A85_EC53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}
