//! The journal of the daemon: what helpers and operators announce is recorded, so that a crash forgets nothing.
//!
//! The leases are the table of intent: with a journal they record every route of helpers and operators, with its attributes.
//! Each change is appended to the file, a frame a turn; once the file has more records of the past than of routes, it is
//! written anew from the table. `writer` has the thread that touches the disk, `fold` makes of the records of an earlier run
//! what is left of them, `restore` announces that at the start, `compact` writes the file anew, `answers` holds answers to
//! commands back until the file has their records.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::neighbors::Neighbors;
use super::queue::{Promise, Queue};
use super::watchdog::Switch;
use crate::bgp::{AttributeSet, Nlri};
use crate::config::StateConfig;
use crate::journal::{Announcement, FrameWriter, Lease, Selection};
use crate::rib::{Leased, PeerSet};

pub(crate) mod answers;
pub(crate) mod compact;
pub(crate) mod files;
pub(crate) mod fold;
pub(crate) mod restore;
pub(crate) mod writer;

use writer::{Job, Shared};

/// Bytes that wait for the disk, above which no more commands are read.
const HIGH: u64 = 16 << 20;
/// Size that a file may have however little of it is of use, in routes.
const SLACK: u64 = 4_096;
/// The part of the routes that a frame of a new file has at most, and the most that it has in any case.
const SHARE: u64 = 1_024;
const MOST: u64 = 256;
/// The run of an owner whose routes are not claimed. That of operators is the next.
pub(crate) const UNCLAIMED: u64 = 0;
/// How long the last records may take at the end of the daemon.
const END: Duration = Duration::from_secs(2);

/// The journal, if one is configured.
#[derive(Default)]
pub(crate) struct Journal {
    active: OnceCell<Active>,
    /// The file is being read.
    restoring: Cell<bool>,
}

/// A journal that is kept.
struct Active {
    config: StateConfig,
    shared: Arc<Shared>,
    frame: RefCell<FrameWriter>,
    numbers: RefCell<Numbers>,
    /// The wall clock of this turn.
    now: Cell<Option<u64>>,
    /// Routes in the file, announced and withdrawn.
    routes: Cell<u64>,
    records: Cell<u64>,
    /// Routes that were restored, and those that were not allowed.
    restored: Cell<(u64, u64)>,
    /// No commands are read before the file is written anew.
    is_outdated: Cell<bool>,
    /// Frames that were handed to the thread.
    appended: Cell<u64>,
    /// What comes before answers that wait until so many frames are recorded, in this order, with the queues.
    held: RefCell<VecDeque<(u64, Promise, Rc<Queue>)>>,
}

/// The numbers of selections in the file.
#[derive(Default)]
pub(crate) struct Numbers {
    /// Added to all of them.
    base: u32,
    next: u32,
    /// Of which neighbors: see [`Neighbors::epoch`].
    epoch: u64,
    known: HashMap<(Option<Rc<str>>, PeerSet), u32>,
    /// The last one, which the next is usually equal to.
    last: Option<(Option<Rc<str>>, PeerSet, u32)>,
}

/// Routes that are being copied to a new file.
pub(crate) struct Copy {
    pub(crate) frame: FrameWriter,
    /// Frames that are complete.
    frames: Vec<u8>,
    pub(crate) numbers: Numbers,
    pub(crate) routes: u64,
    /// Routes of the frame.
    in_frame: u64,
    /// The most routes of a frame: of a file that is cut short, no more than these are lost besides what is cut off.
    most: u64,
}

/// A route with its neighbors and what is known of it.
pub(crate) struct Recorded<'a> {
    pub(crate) nlri: &'a Nlri,
    pub(crate) attributes: &'a Rc<AttributeSet>,
    pub(crate) peers: &'a PeerSet,
    pub(crate) owner: &'a Rc<str>,
    pub(crate) selector: Option<&'a Rc<str>>,
    /// How long it stays, and how long still.
    pub(crate) lease: Option<(Duration, Duration)>,
}

/// What is shown of the journal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    pub(crate) errors: u64,
    pub(crate) lag: u64,
    pub(crate) restored: u64,
    pub(crate) compactions: u64,
    pub(crate) complete: bool,
}

impl Copy {
    /// A copy of about so many routes.
    pub(crate) fn of(routes: usize) -> Self {
        Self {
            frame: FrameWriter::default(),
            frames: Vec::new(),
            numbers: Numbers::of_copy(),
            routes: 0,
            in_frame: 0,
            // Routes of a frame share their owner and attributes, which matters for long files only.
            most: (routes as u64 / SHARE).clamp(1, MOST),
        }
    }

    /// Notes a route that was added to the frame.
    pub(crate) fn added(&mut self) {
        self.routes += 1;
        self.in_frame += 1;
        if self.in_frame >= self.most {
            self.seal();
        }
    }

    /// Completes the frame.
    pub(crate) fn seal(&mut self) {
        self.frames.append(&mut self.frame.take());
        self.in_frame = 0;
    }
}

impl<'a> Recorded<'a> {
    /// What is recorded of a route at a time of the clock of leases; `None` without attributes.
    pub(crate) fn of(leased: &Leased<'a>, now: Duration) -> Option<Self> {
        let left = |deadline: Duration| deadline.saturating_sub(now);
        let lease = leased.length.zip(leased.deadline);
        Some(Self {
            nlri: leased.nlri,
            attributes: leased.attributes?,
            peers: leased.peers,
            owner: leased.owner,
            selector: leased.selector,
            lease: lease.map(|(length, deadline)| (length, left(deadline))),
        })
    }
}

impl Shown {
    /// The numbers with their names.
    pub(crate) const fn numbers(&self) -> [(&'static str, u64); 6] {
        [
            ("bytes", self.bytes),
            ("records", self.records),
            ("errors", self.errors),
            ("waiting-bytes", self.lag),
            ("restored-routes", self.restored),
            ("compactions", self.compactions),
        ]
    }
}

impl Numbers {
    /// Numbers that differ from those of records that are appended meanwhile.
    pub(crate) fn of_copy() -> Self {
        Self {
            base: 1 << 31,
            ..Self::default()
        }
    }

    /// The number of a selection, which is defined first if it is new.
    fn number(
        &mut self,
        (selector, peers): (Option<&Rc<str>>, &PeerSet),
        neighbors: &Neighbors,
        frame: &mut FrameWriter,
    ) -> u32 {
        if self.epoch != neighbors.epoch() {
            self.forget();
            self.epoch = neighbors.epoch();
        }
        if let Some((last, set, number)) = &self.last
            && last.as_ref() == selector
            && set == peers
        {
            return *number;
        }
        let key = (selector.cloned(), peers.clone());
        let number = match self.known.get(&key) {
            Some(number) => *number,
            None => {
                let number = self.base + self.next;
                self.next += 1;
                let listed = peers.iter().filter_map(|id| neighbors.get(id));
                let names: Vec<_> = listed.map(|listed| listed.neighbor.recorded()).collect();
                let selection = Selection {
                    selector: selector.map(|selector| &**selector),
                    names: names.iter().map(|name| &**name).collect(),
                };
                frame.select(number, &selection);
                self.known.insert(key.clone(), number);
                number
            }
        };
        self.last = Some((key.0, key.1, number));
        number
    }

    fn forget(&mut self) {
        self.known.clear();
        self.last = None;
    }
}

impl Journal {
    fn active(&self) -> Option<&Active> {
        self.active.get()
    }

    /// Returns `true` if there is a journal.
    pub(crate) fn is_kept(&self) -> bool {
        self.active().is_some()
    }

    /// How it is configured.
    pub(crate) fn config(&self) -> Option<&StateConfig> {
        self.active().map(|active| &active.config)
    }

    /// Returns `true` if it is not kept in the directory of that configuration.
    pub(crate) fn is_elsewhere(&self, config: &StateConfig) -> bool {
        let real = |config: &StateConfig| std::fs::canonicalize(&config.directory).ok();
        self.config().and_then(real) != real(config)
    }

    /// Adds what another process has counted: records, errors and compactions.
    pub(crate) fn resume_counts(&self, [records, errors, compactions]: [u64; 3]) {
        if let Some(active) = self.active() {
            active.records.update(|now| now + records);
            active.shared.errors.fetch_add(errors, Ordering::Relaxed);
            let replaced = &active.shared.replaced;
            replaced.fetch_add(compactions, Ordering::Relaxed);
        }
    }

    /// Returns `true` while the file is being read.
    pub(crate) const fn is_restoring(&self) -> bool {
        self.restoring.get()
    }

    /// Notes that the file is being read.
    pub(crate) fn begin_restoring(&self) {
        self.restoring.set(true);
    }

    /// Starts to record.
    pub(crate) fn start(&self, config: StateConfig, shared: Arc<Shared>) {
        let _ = self.active.set(Active {
            config,
            shared,
            frame: RefCell::default(),
            numbers: RefCell::default(),
            now: Cell::new(None),
            routes: Cell::new(0),
            records: Cell::new(0),
            restored: Cell::default(),
            is_outdated: Cell::new(false),
            appended: Cell::new(0),
            held: RefCell::default(),
        });
    }

    /// Has commands wait until the file is written anew, or can't be: until then its routes are those of other neighbors, from
    /// which nothing could be withdrawn.
    pub(crate) fn renew_first(&self) {
        if let Some(active) = self.active() {
            active.is_outdated.set(true);
        }
    }

    /// Notes that the file has been read: how many routes were restored, and how many were not allowed.
    pub(crate) fn restored(&self, restored: u64, refused: u64) {
        self.restoring.set(false);
        if let Some(active) = self.active() {
            active.restored.set((restored, refused));
        }
    }

    /// Records that a route is announced.
    pub(crate) fn announce(&self, neighbors: &Neighbors, route: &Recorded<'_>) {
        let Some(active) = self.active() else { return };
        let frame = &mut *active.frame.borrow_mut();
        active
            .numbers
            .borrow_mut()
            .announce(neighbors, route, active.now(), frame);
        active.count(1);
    }

    /// Records that a route is withdrawn, or has ended.
    pub(crate) fn withdraw(
        &self,
        neighbors: &Neighbors,
        owner: &Rc<str>,
        (nlri, peers): (&Nlri, &PeerSet),
    ) {
        let Some(active) = self.active() else { return };
        let frame = &mut *active.frame.borrow_mut();
        let mut numbers = active.numbers.borrow_mut();
        let number = numbers.number((None, peers), neighbors, frame);
        frame.withdraw(owner, number, nlri.as_ref());
        active.count(1);
    }

    /// Records that neighbors have no routes any more.
    pub(crate) fn forget(&self, neighbors: &Neighbors, peers: &PeerSet) {
        let Some(active) = self.active() else { return };
        let frame = &mut *active.frame.borrow_mut();
        let number = active
            .numbers
            .borrow_mut()
            .number((None, peers), neighbors, frame);
        frame.forget(number);
        active.count(1);
    }

    /// Records that a helper, or with an empty name an operator, has declared a set.
    pub(crate) fn revision(&self, set: (&str, &str), revision: Option<u64>) {
        let Some(active) = self.active() else { return };
        active.frame.borrow_mut().revision(set, revision);
        active.count(1);
    }

    /// Records that a watchdog group of neighbors was switched.
    pub(crate) fn switch(
        &self,
        neighbors: &Neighbors,
        (peers, name): (&PeerSet, &str),
        switch: &Switch,
    ) {
        let Some(active) = self.active() else { return };
        let frame = &mut *active.frame.borrow_mut();
        let mut numbers = active.numbers.borrow_mut();
        numbers.switch(neighbors, (peers, name), switch, frame);
        active.count(1);
    }

    /// Hands what was recorded in this turn to the thread that writes it.
    pub(crate) fn flush(&self) {
        if let Some(active) = self.active() {
            active.now.set(None);
            let frame = active.frame.borrow_mut().take();
            // While nothing can be written, the new file will have it.
            let is_kept = !active.shared.failed.load(Ordering::Acquire)
                || !active.shared.stuck.load(Ordering::Acquire);
            if !frame.is_empty() && is_kept {
                active.appended.set(active.appended.get() + 1);
                active.shared.push(Job::Append(frame));
            }
        }
    }

    /// Waits until there is room for more records, in a file whose neighbors are those that there are.
    pub(crate) async fn room(&self) {
        let Some(active) = self.active() else { return };
        if active.is_outdated.get() {
            let shared = &active.shared;
            let is_over = || {
                shared.replaced.load(Ordering::Acquire) > 0 || shared.failed.load(Ordering::Acquire)
            };
            shared.until(is_over).await;
            active.is_outdated.set(false);
        }
        active.below(HIGH).await;
    }

    /// Waits until it is time to write the file anew, with `live` routes at the moment.
    pub(crate) async fn due(&self, live: impl Fn() -> usize) {
        let Some(active) = self.active() else {
            return std::future::pending().await;
        };
        let is_due = || {
            let live = live() as u64;
            let garbage = active.routes.get().saturating_sub(live);
            active.shared.failed.load(Ordering::Acquire) || garbage > SLACK.max(live)
        };
        active.shared.until(is_due).await;
    }

    /// Begins a new file. Returns `false` if none can be written.
    pub(crate) async fn begin(&self) -> bool {
        let Some(active) = self.active() else {
            return false;
        };
        let shared = &active.shared;
        if shared.ended.load(Ordering::Acquire) {
            return false;
        }
        self.flush();
        // The new file has selections of its own.
        active.numbers.borrow_mut().forget();
        active.routes.set(0);
        active.shared.stuck.store(false, Ordering::Release);
        let before = active.shared.begun.load(Ordering::Acquire);
        active.shared.push(Job::Begin);
        shared
            .until(|| shared.begun.load(Ordering::Acquire) > before)
            .await;
        !active.shared.stuck.load(Ordering::Acquire)
    }

    /// Appends to the new file. Returns `false` if it can't be written.
    pub(crate) async fn copy(&self, copy: &mut Copy) -> bool {
        let Some(active) = self.active() else {
            return false;
        };
        copy.seal();
        let frames = std::mem::take(&mut copy.frames);
        active.shared.push(Job::Copy(frames));
        active.below(HIGH / 4).await;
        !active.shared.stuck.load(Ordering::Acquire)
    }

    /// Replaces the file by the new one. Returns `false` if that is not possible.
    pub(crate) async fn replace(&self, copy: &Copy) -> bool {
        let Some(active) = self.active() else {
            return false;
        };
        active.routes.set(active.routes.get() + copy.routes);
        let shared = &active.shared;
        shared.replacing.store(true, Ordering::Release);
        shared.push(Job::Replace);
        shared
            .until(|| !shared.replacing.load(Ordering::Acquire))
            .await;
        !shared.failed.load(Ordering::Acquire)
    }

    /// Waits until everything that was recorded is written, or for a while.
    pub(crate) async fn settle(&self) {
        self.flush();
        if let Some(active) = self.active() {
            let shared = &active.shared;
            // A process whose thread waits for the disk is not replaced before that has ended.
            let settled = async {
                active.below(1).await;
                shared
                    .until(|| {
                        !shared.syncing.load(Ordering::Acquire)
                            && !shared.replacing.load(Ordering::Acquire)
                    })
                    .await;
            };
            let _ = tokio::time::timeout(END, settled).await;
        }
    }

    /// Ends: what was recorded is written.
    pub(crate) async fn end(&self) {
        let Some(active) = self.active() else { return };
        self.flush();
        active.shared.push(Job::End);
        let shared = &active.shared;
        let ended = shared.until(|| shared.ended.load(Ordering::Acquire));
        let _ = tokio::time::timeout(END, ended).await;
    }

    /// What is shown of it.
    pub(crate) fn shown(&self) -> Option<Shown> {
        let active = self.active()?;
        let shared = &active.shared;
        Some(Shown {
            bytes: shared.bytes.load(Ordering::Relaxed),
            records: active.records.get(),
            errors: shared.errors.load(Ordering::Relaxed),
            lag: shared.waiting.load(Ordering::Relaxed),
            restored: active.restored.get().0,
            compactions: shared.replaced.load(Ordering::Relaxed),
            complete: !shared.failed.load(Ordering::Relaxed),
        })
    }
}

impl Active {
    /// The wall clock, the same for all records of a turn.
    fn now(&self) -> u64 {
        self.now.get().unwrap_or_else(|| {
            let now = now();
            self.now.set(Some(now));
            now
        })
    }

    fn count(&self, routes: u64) {
        self.routes.set(self.routes.get() + routes);
        self.records.set(self.records.get() + routes);
    }

    /// Waits until less than so many bytes wait for the disk.
    async fn below(&self, most: u64) {
        let is_below = || self.shared.waiting.load(Ordering::Relaxed) < most;
        self.shared.until(is_below).await;
    }
}

impl Numbers {
    /// Adds a watchdog group that was switched to a frame.
    pub(crate) fn switch(
        &mut self,
        neighbors: &Neighbors,
        (peers, name): (&PeerSet, &str),
        switch: &Switch,
        frame: &mut FrameWriter,
    ) {
        let number = self.number((None, peers), neighbors, frame);
        frame.switch(&switch.owner, number, (name, switch.announced));
    }

    /// Adds an announced route to a frame.
    pub(crate) fn announce(
        &mut self,
        neighbors: &Neighbors,
        route: &Recorded<'_>,
        now: u64,
        frame: &mut FrameWriter,
    ) {
        let selection = self.number((route.selector, route.peers), neighbors, frame);
        let what = Announcement {
            owner: Rc::clone(route.owner),
            selection,
            lease: route.lease.map(|(length, left)| Lease {
                at: now,
                length,
                left,
            }),
            attributes: Rc::clone(route.attributes),
        };
        if !frame.announce(&what, route.nlri.as_ref()) {
            tracing::warn!(route = %route.nlri, "the route can't be recorded in the journal");
        }
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
