//! Announces the routes of the journal when the daemon starts, and withdraws later those that nobody announced again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tracing::{error, info, warn};

use super::files::{self, Opened};
use super::fold::Fold;
use super::{UNCLAIMED, now};
use crate::bgp::Nlri;
use crate::bgp::nlri::NlriId;
use crate::config::notation::Notations;
use crate::config::{GuardConfig, StateConfig, Unclaimed};
use crate::daemon::core::Core;
use crate::daemon::neighbors::Listed;
use crate::daemon::process::Process;
use crate::daemon::sets::{owner_name, set_of};
use crate::daemon::tightened::speaker;
use crate::daemon::watchdog::Switch;
use crate::daemon::{authority, checks, eor_deferral, guard, lease_table, leases, privilege};
use crate::grammar::Selector;
use crate::journal::is_helper;
use crate::rib::{Action, Change, Leased, Lifetime, PeerId, PeerSet, Terms};

/// Routes in one turn.
const STEP: usize = 4_096;

/// Reads the journal and announces its routes, in turns; then starts to record.
///
/// # Errors
/// Only when another daemon uses the directory.
pub(crate) async fn run(core: &Rc<Core>, config: StateConfig) -> io::Result<()> {
    let owner = privilege::successor(&core.env.daemon.user)
        .map(|user| (user.uid.as_raw(), user.gid.as_raw()));
    let mut opened = files::open(&config, owner)?;
    core.journal.begin_restoring();
    let are_others = read(core, &mut opened).await;
    let (restored, refused) = announce(core).await;
    core.journal.start(config, opened.start());
    if are_others {
        core.journal.renew_first();
    }
    core.journal.restored(restored, refused);
    eor_deferral::restored(core);
    core.wake_neighbors();
    if restored > 0 || refused > 0 {
        info!(
            routes = restored,
            refused, "routes of the journal are announced"
        );
    }
    Ok(())
}

/// Keeps the journal on in place of the process before: its routes are in the tables already, from which the file is written
/// anew.
///
/// # Errors
/// As [`run`].
pub(crate) fn resume(core: &Core, config: StateConfig) -> io::Result<()> {
    let mut opened = files::open(&config, None)?;
    opened.anew();
    core.journal.start(config, opened.start());
    Ok(())
}

/// Fills the table of leases: first the outcome of all records, so that peers are not sent what came before it. Returns `true`
/// if the neighbors of the routes are others than those in the file.
async fn read(core: &Core, opened: &mut Opened) -> bool {
    let Some(mut reader) = opened.reader.take() else {
        return false;
    };
    let mut fold = Fold::new(core, now());
    loop {
        let offset = reader.offset();
        // A slow disk delays nobody.
        let result = tokio::task::spawn_blocking(move || {
            let frame = reader.next_frame();
            (reader, frame)
        });
        let Ok((back, frame)) = result.await else {
            error!("the journal can't be read");
            break;
        };
        reader = back;
        match frame {
            Ok(Some(payload)) => fold.frame(&payload).await,
            Ok(None) => break,
            Err(damage) => {
                opened.damaged(&damage, offset);
                break;
            }
        }
    }
    let are_others = fill(core, &fold).await;
    switch(core, &fold);
    for (name, declared) in core.sets.declared() {
        // An abandoned one; operators who only put keys leave no revision either, but routes.
        let is_plain = declared.speaker.is_empty() && declared.revision.is_none();
        if is_plain && core.leases.owned_below(&owner_name(&name, None)) == 0 {
            core.sets.abandon(&name);
        }
    }
    if fold.unreadable > 0 {
        warn!(
            records = fold.unreadable,
            "records of the journal are not understood and are ignored"
        );
    }
    are_others
}

/// Fills the table of leases, in turns, with what is left of the records for the neighbors that there are now. Returns `true`
/// if these are others than those in the file.
async fn fill(core: &Core, fold: &Fold<'_>) -> bool {
    let mut heirs = Heirs {
        core,
        fold,
        notations: notations(core),
        known: HashMap::new(),
        longest: HashMap::new(),
        are_others: false,
    };
    let mut from = Some(0);
    while let Some(at) = from {
        let now = lease_table::now();
        from = fold.visit(at, &mut |leased| heirs.take(&leased, now));
        tokio::task::yield_now().await;
    }
    heirs.are_others
}

/// How the names of the neighbors write their addresses.
fn notations(core: &Core) -> Notations {
    let neighbors = core.neighbors.all().into_iter();
    Notations::of(neighbors.map(|listed| listed.neighbor.name().to_string()))
}

/// Gives watchdog groups the state that they had. Their neighbors are those with the same names, in whatever notation.
fn switch(core: &Core, fold: &Fold<'_>) {
    let notations = notations(core);
    for ((peer, group), switch) in &fold.switches {
        // What was withdrawn stays so without the helper that has done it.
        if switch.announced && !is_known(core, &switch.owner) {
            continue;
        }
        let Some(name) = notations.find(fold.name(*peer)) else {
            continue;
        };
        let named = |listed: &Listed| *listed.neighbor.name() == *name;
        for peer in core.neighbors.select::<Vec<PeerId>>(named) {
            core.restore_switch(peer, group, switch);
        }
    }
}

/// What neighbors are looked up for: the owner, the selector, and the neighbors in the file.
type Wanted = (Rc<str>, Option<Rc<str>>, PeerSet);

/// The neighbors that there are now of those in the file.
struct Heirs<'a> {
    core: &'a Core,
    fold: &'a Fold<'a>,
    notations: Notations,
    /// With the selector, if it is understood.
    known: HashMap<Wanted, (PeerSet, Option<Rc<str>>)>,
    /// The longest lifetime that guards allow, by owner.
    longest: HashMap<Rc<str>, Option<Duration>>,
    /// They differ for a route.
    are_others: bool,
}

impl Heirs<'_> {
    /// Takes a route over.
    fn take(&mut self, leased: &Leased<'_>, now: Duration) {
        let left = leased.deadline.map(|at| at.saturating_sub(now));
        if left.is_some_and(|left| left.is_zero()) {
            return;
        }
        let (mut peers, mut selector) = self.peers(leased);
        if selector.is_some() {
            // Those that have another version of it keep that one, whatever the selector selects by now.
            let others = self.named(&self.fold.others(leased));
            if peers.intersects(&others) {
                peers.subtract(&others);
                selector = None;
            }
        }
        if peers.is_empty() {
            return;
        }
        let length = match self.longest(leased.owner) {
            Some(most) => Some(leased.length.map_or(most, |length| length.min(most))),
            None => leased.length,
        };
        let terms = Terms {
            indexed: set_of(leased.owner).is_some_and(|(_, key)| key.is_some()),
            owner: Rc::clone(leased.owner),
            run: UNCLAIMED,
            tracked: true,
            lifetime: length.map_or(Lifetime::Forever, Lifetime::For),
            default: None,
            longest: None,
            left,
            selector,
        };
        let route = (leased.nlri, leased.attributes);
        self.core.leases.announce(route, &peers, (&terms, now));
    }

    /// The neighbors of a route, by its selector if it has one, otherwise by name; and that selector.
    fn peers(&mut self, leased: &Leased<'_>) -> (PeerSet, Option<Rc<str>>) {
        let key = (
            Rc::clone(leased.owner),
            leased.selector.cloned(),
            leased.peers.clone(),
        );
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let selector = leased.selector.and_then(|text| {
            let (selector, _) = Selector::split(text).ok()?;
            Some((selector, Rc::clone(text)))
        });
        let named = self.named(leased.peers);
        let (core, owner) = (self.core, leased.owner);
        let is_heir = |listed: &Listed| {
            let neighbor = &listed.neighbor;
            !listed.leaving.get()
                && (!is_helper(owner) || neighbor.is_open_to(owner))
                && match &selector {
                    Some((selector, _)) => neighbor.is_selected(selector),
                    None => named.contains(neighbor.id),
                }
        };
        let peers: PeerSet = match is_known(core, owner) {
            true => core.neighbors.select(is_heir),
            false => PeerSet::new(),
        };
        let mut names = leased.peers.iter().map(|peer| self.fold.name(peer));
        let is_respelled = names.any(|name| self.notations.find(name) != Some(name));
        self.are_others |= peers != named || named.len() != leased.peers.len() || is_respelled;
        let found = (peers, selector.map(|(_, text)| text));
        self.known.insert(key, found.clone());
        found
    }

    /// The neighbors with the names of these, in whatever notation.
    fn named(&self, peers: &PeerSet) -> PeerSet {
        if peers.is_empty() {
            return PeerSet::new();
        }
        let names = peers.iter().map(|peer| self.fold.name(peer));
        let names: HashSet<&str> = names.filter_map(|name| self.notations.find(name)).collect();
        let neighbors = &self.core.neighbors;
        neighbors.select(|listed| names.contains(&*listed.neighbor.name()))
    }

    /// The longest lifetime that guards allow an owner.
    fn longest(&mut self, owner: &Rc<str>) -> Option<Duration> {
        if let Some(known) = self.longest.get(owner) {
            return *known;
        }
        let guards = guards_of(self.core, &speaker(self.core, owner));
        let most = guards.iter().filter_map(|(guard, _)| guard.max_lifetime);
        let most = most.min();
        self.longest.insert(Rc::clone(owner), most);
        most
    }
}

/// Returns `false` for a helper or a health check that the configuration does not have any more.
fn is_known(core: &Core, owner: &str) -> bool {
    if checks::is_owner(owner) {
        return core.checks.has_owner(owner);
    }
    !is_helper(owner) || core.events.helpers().find(owner).is_some()
}

/// Announces what is in the table of leases, as far as guards allow it. Returns how many routes, and how many are refused.
async fn announce(core: &Core) -> (u64, u64) {
    let mut judges: HashMap<Rc<str>, Judge> = HashMap::new();
    let (mut restored, mut from) = (0, Some(0));
    let mut refused: Vec<(Nlri, PeerSet, Rc<str>, String)> = Vec::new();
    while let Some(at) = from {
        from = core.leases.visit(at, STEP, &mut |leased| {
            let Some(attributes) = leased.attributes else {
                return;
            };
            let change = Change {
                nlri: leased.nlri.clone(),
                action: Action::Announce(Rc::clone(attributes)),
                peers: leased.peers.clone(),
            };
            let speaker = speaker(core, leased.owner);
            let judge = judges.entry(speaker).or_insert_with_key(|speaker| Judge {
                guards: guards_of(core, speaker),
                known: HashSet::new(),
            });
            match judge.judge(core, &change) {
                Ok(()) => {
                    restored += 1;
                    core.routes.apply_quietly(&change);
                }
                Err(reason) => {
                    let owner = Rc::clone(leased.owner);
                    refused.push((change.nlri, change.peers, owner, reason));
                }
            }
        });
        core.wake_neighbors();
        tokio::task::yield_now().await;
    }
    if let Some((nlri, _, owner, reason)) = refused.first() {
        warn!(process = %owner, first = %nlri, routes = refused.len(), "routes of the journal are not allowed: {reason}");
    }
    for (nlri, peers, owner, _) in &refused {
        core.leases.withdraw(nlri.as_ref(), peers);
        if let Some((set, _)) = set_of(owner) {
            core.sets.lose_revision(set);
        }
    }
    (restored, refused.len() as u64)
}

/// The guards that apply to a helper, or to any other owner, which is an operator's.
fn guards_of(core: &Core, speaker: &str) -> Vec<(GuardConfig, Rc<Process>)> {
    authority::guards(core, Some(speaker).filter(|speaker| is_helper(speaker)))
}

/// The guards that apply to the routes of a helper or of operators, and those of its routes that were announced, if their number
/// is limited.
struct Judge {
    guards: Vec<(GuardConfig, Rc<Process>)>,
    known: HashSet<NlriId>,
}

impl Judge {
    /// Judges an announcement. A rejection by a guard is counted.
    fn judge(&mut self, core: &Core, change: &Change) -> Result<(), String> {
        guard::judge_raw(change).map_err(|rejection| rejection.message)?;
        let id = change.nlri.as_ref().id();
        let others = self.known.len() - usize::from(self.known.contains(&id));
        for (guard, process) in &self.guards {
            let within = match guard.max_routes {
                Some(most) if others >= most as usize => Err(guard::too_many(most)),
                _ => Ok(()),
            };
            guard::judge(guard, change)
                .and(within)
                .map_err(|rejection| {
                    process.guarded.refuse(rejection.rule);
                    rejection.message
                })?;
        }
        if !core.admits(change) {
            return Err("a neighbor's `announce-limit` is reached".to_owned());
        }
        let checked = core.routes.check(change);
        checked.map_err(|refusal| refusal.to_string())?;
        if self
            .guards
            .iter()
            .any(|(guard, _)| guard.max_routes.is_some())
        {
            self.known.insert(id);
        }
        Ok(())
    }
}

/// Withdraws, some time after the start, what nobody has announced again.
pub(crate) async fn sweep(core: Rc<Core>) {
    let Some(config) = core.journal.config().cloned() else {
        return;
    };
    // Another process may have begun to wait.
    let waited = core.started.0.elapsed();
    tokio::time::sleep(config.claim_time.saturating_sub(waited)).await;
    let policy_of = |owner: &str| {
        let process = core.events.helpers().find(&speaker(&core, owner));
        let own = process.and_then(|(_, process)| process.config().unclaimed);
        own.unwrap_or(config.unclaimed)
    };
    abandon_switches(&core, policy_of);
    let mut owners: BTreeMap<Rc<str>, (u64, Unclaimed)> = BTreeMap::new();
    let mut claimed: HashSet<String> = HashSet::new();
    let mut from = Some(0);
    while let Some(at) = from {
        from = core.leases.visit(at, STEP, &mut |leased| {
            if leased.run == UNCLAIMED {
                let owner = Rc::clone(leased.owner);
                let policy = || (0, policy_of(leased.owner));
                owners.entry(owner).or_insert_with(policy).0 += 1;
            } else if let Some((set, _)) = set_of(leased.owner) {
                claimed.insert(set.to_owned());
            }
        });
        tokio::task::yield_now().await;
    }
    for (owner, (routes, policy)) in owners {
        match policy {
            Unclaimed::Keep => {
                info!(process = %owner, routes, "routes of the journal were not announced again, and stay");
            }
            Unclaimed::Withdraw => {
                warn!(process = %owner, routes, "routes of the journal were not announced again, and are withdrawn");
                let is_own = move |_: &Core, other: &str| *other == *owner;
                leases::doom(Rc::clone(&core), (is_own, UNCLAIMED), Duration::ZERO).await;
            }
        }
    }
    abandon_sets(&core, &claimed, policy_of);
}

/// Forgets the sets that nobody has declared again: a revision must not outlive the routes.
fn abandon_sets(core: &Core, claimed: &HashSet<String>, policy_of: impl Fn(&str) -> Unclaimed) {
    for (name, declared) in core.sets.declared() {
        let owner = owner_name(&name, None);
        let is_claimed = declared.is_claimed || claimed.contains(&*name);
        if !is_claimed && policy_of(&owner) == Unclaimed::Withdraw {
            core.sets.abandon(&name);
            core.journal.revision((&name, ""), None);
        }
    }
    core.journal.flush();
}

/// Withdraws what nobody has announced again of the watchdog groups that the file holds back.
fn abandon_switches(core: &Core, policy_of: impl Fn(&str) -> Unclaimed) {
    let mut found: Vec<(PeerId, String, Switch)> = Vec::new();
    core.routes.switches(&mut |peer, name, switch| {
        if !switch.is_claimed && switch.announced {
            found.push((peer, name.to_owned(), switch.clone()));
        }
    });
    for (peer, name, switch) in found {
        if policy_of(&switch.owner) == Unclaimed::Keep {
            continue;
        }
        let mut changes = core.routes.abandon_group(peer, &name);
        if changes.is_empty() {
            continue;
        }
        warn!(process = %switch.owner, watchdog = name, routes = changes.len(), "a watchdog of the journal was not announced again, and is withdrawn");
        core.include_instances(&mut changes, &core.neighbors.select(|_| true));
        for change in &changes {
            core.routes.apply_quietly(change);
        }
        let peers = std::iter::once(peer).collect();
        let off = Switch {
            announced: false,
            ..switch
        };
        core.record_switch((&peers, &name), &off);
    }
    core.journal.flush();
    core.wake_neighbors();
}
