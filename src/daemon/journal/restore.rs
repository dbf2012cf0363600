//! Announces the routes of the journal when the daemon starts, and withdraws later those that nobody announced again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tracing::{error, info, warn};

use super::files::{self, Opened};
use super::now;
use crate::bgp::nlri::NlriId;
use crate::bgp::{AttributeSet, Nlri};
use crate::config::{GuardConfig, StateConfig, Unclaimed};
use crate::daemon::core::Core;
use crate::daemon::process::Process;
use crate::daemon::sets::{owner_name, set_of};
use crate::daemon::watchdog::Switch;
use crate::daemon::{checks, eor_deferral, guard, lease_table, leases, privilege};
use crate::grammar::Selector;
use crate::journal::{AttributeMemo, OPERATOR, Record, Records, Routes, Selection};
use crate::rib::{Action, Change, Lifetime, PeerId, PeerSet, Terms};

/// Routes in one turn.
const STEP: usize = 4_096;
/// The run of an owner whose routes are not claimed. That of operators is the next.
const UNCLAIMED: u64 = 0;

/// Reads the journal and announces its routes, in turns; then starts to record.
///
/// # Errors
/// Only when another daemon uses the directory.
pub(crate) async fn run(core: &Rc<Core>, config: StateConfig) -> io::Result<()> {
    let owner = privilege::successor(&core.env.daemon.user)
        .map(|user| (user.uid.as_raw(), user.gid.as_raw()));
    let mut opened = files::open(&config, owner)?;
    core.journal.begin_restoring();
    read(core, &mut opened).await;
    let (restored, refused) = announce(core).await;
    core.journal.start(config, opened.start());
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

/// Fills the table of leases: first the outcome of all records, so that peers are not sent what came before it.
async fn read(core: &Core, opened: &mut Opened) {
    let Some(mut reader) = opened.reader.take() else {
        return;
    };
    let mut fold = Fold {
        core,
        now: now(),
        selections: HashMap::new(),
        attributes: AttributeMemo::default(),
        owners: HashMap::new(),
        longest: HashMap::new(),
        switches: BTreeMap::new(),
        unreadable: 0,
    };
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
    for ((peer, name), switch) in &fold.switches {
        core.restore_switch(*peer, name, switch);
    }
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
}

/// The neighbors of a record.
struct Selected {
    selector: Option<Rc<str>>,
    parsed: Option<Selector>,
    names: Vec<String>,
}

/// What is known while the file is read.
struct Fold<'a> {
    core: &'a Core,
    now: u64,
    selections: HashMap<u32, Selected>,
    attributes: AttributeMemo,
    /// The owners, with the neighbors that each selection is for them.
    owners: HashMap<Rc<str>, HashMap<u32, PeerSet>>,
    /// The longest lifetime that their guards allow.
    longest: HashMap<Rc<str>, Option<Duration>>,
    /// The watchdog groups of neighbors that commands have switched.
    switches: BTreeMap<(PeerId, String), Switch>,
    unreadable: u64,
}

impl Fold<'_> {
    async fn frame(&mut self, payload: &[u8]) {
        let mut turn = 0;
        for record in Records::new(payload) {
            turn += match record {
                Ok(record) => self.record(record),
                Err(_) => {
                    self.unreadable += 1;
                    1
                }
            };
            // One after the other, however many a long journal has.
            if self.core.leases.is_sweeping() {
                self.core.leases.finish_sweeps().await;
            }
            if turn >= STEP {
                turn = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Returns how many routes the record has.
    fn record(&mut self, record: Record<'_>) -> usize {
        let leases = &self.core.leases;
        match record {
            Record::Select { id, selection } => self.select(id, &selection),
            Record::Announce {
                owner,
                selection,
                lease,
                attributes,
                routes,
            } => {
                let left = lease.map(|lease| lease.left_at(self.now));
                let (owner, peers) = self.peers(owner, selection);
                let Some(attributes) = self.attributes(attributes).filter(|_| !peers.is_empty())
                else {
                    return 1;
                };
                if left.is_some_and(|left| left.is_zero()) {
                    return self.each(routes, |nlri| leases.withdraw(nlri.as_ref(), &peers));
                }
                let length = lease.map(|lease| lease.length);
                let length = match self.longest(&owner) {
                    Some(most) => Some(length.map_or(most, |length| length.min(most))),
                    None => length,
                };
                let terms = Terms {
                    indexed: set_of(&owner).is_some_and(|(_, key)| key.is_some()),
                    owner,
                    run: UNCLAIMED,
                    tracked: true,
                    lifetime: length.map_or(Lifetime::Forever, Lifetime::For),
                    default: None,
                    longest: None,
                    left,
                    selector: self.selector(selection),
                };
                let at = lease_table::now();
                return self.each(routes, |nlri| {
                    leases.announce((nlri, Some(&attributes)), &peers, (&terms, at));
                });
            }
            Record::Withdraw {
                owner,
                selection,
                routes,
            } => {
                let (_, peers) = self.peers(owner, selection);
                return self.each(routes, |nlri| leases.withdraw(nlri.as_ref(), &peers));
            }
            Record::Forget { selection } => {
                let (_, peers) = self.peers(OPERATOR, selection);
                leases.forget(&peers);
            }
            Record::Revision {
                set,
                speaker,
                revision,
            } => {
                self.core.sets.restore(set, speaker, revision);
            }
            Record::Switch {
                owner,
                selection,
                announced,
                name,
            } => self.switch(owner, selection, (name, announced)),
            Record::Unknown(_) => self.unreadable += 1,
        }
        1
    }

    fn select(&mut self, id: u32, selection: &Selection<'_>) {
        let parsed = selection
            .selector
            .and_then(|text| Selector::split(text).ok())
            .map(|(selector, _)| selector);
        let selected = Selected {
            selector: selection.selector.map(Rc::from),
            parsed,
            names: selection
                .names
                .iter()
                .map(|&name| name.to_owned())
                .collect(),
        };
        self.selections.insert(id, selected);
        self.owners.values_mut().for_each(|known| {
            known.remove(&id);
        });
    }

    /// Notes what became of a watchdog group. Its neighbors are those with the same names.
    fn switch(&mut self, owner: &str, selection: u32, (name, announced): (&str, bool)) {
        let Some(selected) = self.selections.get(&selection) else {
            return;
        };
        if !is_known(self.core, owner) {
            return;
        }
        let switch = Switch {
            announced,
            owner: owner.into(),
            is_claimed: false,
        };
        let peers: PeerSet = self.core.neighbors.select(|listed| {
            let mut names = selected.names.iter();
            names.any(|name| **name == *listed.neighbor.name)
        });
        for peer in peers.iter() {
            self.switches
                .insert((peer, name.to_owned()), switch.clone());
        }
    }

    /// The longest lifetime that the guard of an owner allows.
    fn longest(&mut self, owner: &Rc<str>) -> Option<Duration> {
        if let Some(known) = self.longest.get(owner) {
            return *known;
        }
        let process = self.core.events.helpers().find(&speaker(self.core, owner));
        let guard = process.and_then(|(_, process)| process.guard());
        let most = guard.and_then(|guard| guard.max_lifetime);
        self.longest.insert(Rc::clone(owner), most);
        most
    }

    fn selector(&self, id: u32) -> Option<Rc<str>> {
        let selected = self.selections.get(&id)?;
        selected.parsed.as_ref()?;
        selected.selector.clone()
    }

    /// The neighbors that there are now of a selection: by the selector if there is one, otherwise by name.
    fn peers(&mut self, owner: &str, id: u32) -> (Rc<str>, PeerSet) {
        let core = self.core;
        let owner: Rc<str> = match self.owners.get_key_value(owner) {
            Some((known, _)) => Rc::clone(known),
            None => owner.into(),
        };
        let known = self.owners.entry(Rc::clone(&owner)).or_default();
        let selections = &self.selections;
        let peers = known.entry(id).or_insert_with(|| {
            let Some(selected) = selections.get(&id) else {
                return PeerSet::new();
            };
            core.neighbors.select(|listed| {
                let neighbor = &listed.neighbor;
                is_known(core, &owner)
                    && !listed.leaving.get()
                    && (!is_helper(&owner) || neighbor.is_open_to(&owner))
                    && match &selected.parsed {
                        Some(selector) => neighbor.is_selected(selector),
                        None => selected.names.iter().any(|name| *name == *neighbor.name),
                    }
            })
        });
        (Rc::clone(&owner), peers.clone())
    }

    fn attributes(&mut self, bytes: &[u8]) -> Option<Rc<AttributeSet>> {
        let share = |set| self.core.routes.intern(set);
        let set = self.attributes.decode(bytes, share);
        self.unreadable += u64::from(set.is_err());
        set.ok()
    }

    fn each(&mut self, routes: Routes<'_>, mut act: impl FnMut(&Nlri)) -> usize {
        let mut count = 1;
        for route in routes {
            match route {
                Ok(nlri) => act(&nlri.to_nlri()),
                Err(_) => self.unreadable += 1,
            }
            count += 1;
        }
        count
    }
}

/// Returns `true` for the name of a helper.
fn is_helper(owner: &str) -> bool {
    owner != OPERATOR && set_of(owner).is_none() && !checks::is_owner(owner)
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
    let mut guards: HashMap<Rc<str>, Judge> = HashMap::new();
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
            let (process, guard, known) = guards.entry(speaker).or_insert_with_key(|speaker| {
                let process = core.events.helpers().find(speaker);
                let process = process.map(|(_, process)| process);
                let guard = process.as_ref().and_then(|process| process.guard());
                (process, guard, HashSet::new())
            });
            match judge(core, guard.as_ref(), known, &change) {
                Ok(()) => {
                    if guard
                        .as_ref()
                        .is_some_and(|guard| guard.max_routes.is_some())
                    {
                        known.insert(change.nlri.as_ref().id());
                    }
                    restored += 1;
                    core.routes.apply_quietly(&change);
                }
                Err((rule, reason)) => {
                    if let (Some(process), Some(rule)) = (process, rule) {
                        process.guarded.refuse(rule);
                    }
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

/// The helper whose guard judges the routes of an owner: for a set, the one that declared it.
fn speaker(core: &Core, owner: &str) -> Rc<str> {
    let set = set_of(owner).and_then(|(set, _)| core.sets.speaker(set));
    set.unwrap_or_else(|| owner.into())
}

/// A helper with its guard, and those of its routes that were announced, if their number is limited.
type Judge = (Option<Rc<Process>>, Option<GuardConfig>, HashSet<NlriId>);

/// Why a route is not announced, and by which rule of a guard.
type Refused = (Option<&'static str>, String);

fn judge(
    core: &Core,
    guard: Option<&GuardConfig>,
    known: &HashSet<NlriId>,
    change: &Change,
) -> Result<(), Refused> {
    guard::judge_raw(change).map_err(|rejection| (None, rejection.message))?;
    if let Some(guard) = guard {
        guard::judge(guard, change)
            .map_err(|rejection| (Some(rejection.rule), rejection.message))?;
        if let Some(most) = guard.max_routes
            && known.len() >= most as usize
            && !known.contains(&change.nlri.as_ref().id())
        {
            let rejection = guard::too_many(most);
            return Err((Some(rejection.rule), rejection.message));
        }
    }
    if !core.admits(change) {
        return Err((None, "a neighbor's `announce-limit` is reached".to_owned()));
    }
    core.routes
        .check(change)
        .map_err(|refusal| (None, refusal.to_string()))
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
