//! All neighbors of the daemon, by number and in the order in which they are shown.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::rib::{PeerId, PeerSet};
use crate::speaker::PeerKey;

use super::neighbor::Neighbor;
use super::process::Process;

/// A neighbor with its key in the speaker.
pub(crate) struct Listed {
    pub(crate) neighbor: Rc<Neighbor>,
    /// `None` for a range, which has no session of its own, and for a dynamic neighbor that has not connected yet.
    pub(crate) key: Cell<Option<PeerKey>>,
    /// The range that a dynamic neighbor was created from.
    pub(crate) template: Option<PeerId>,
    /// It is no longer configured and its session is being closed: no selector matches it, and another neighbor of the same
    /// name may be added before the session has ended.
    pub(crate) leaving: Cell<bool>,
    /// It is removed, but may return: a reload waits for its confirmation. Its routes, leases and watchdog groups stay, and
    /// commands go on changing them.
    pub(crate) aside: Cell<bool>,
}

/// Neighbors that were removed or created in the meantime.
pub(crate) struct Moves {
    gone: PeerSet,
    /// The ranges and their neighbors.
    instances: Vec<(PeerId, PeerId)>,
}

impl Moves {
    /// The neighbors that are selected now, of a selection that was made before: without those that were removed, and with the
    /// neighbors of ranges.
    pub(crate) fn applied(&self, before: &PeerSet) -> PeerSet {
        let mut peers = before.clone();
        peers.subtract(&self.gone);
        for (range, instance) in &self.instances {
            if peers.contains(*range) {
                peers.insert(*instance);
            }
        }
        peers
    }
}

/// The list of neighbors.
#[derive(Default)]
pub(crate) struct Neighbors {
    list: RefCell<List>,
    epoch: Cell<u64>,
    /// The epochs that began when neighbors of these numbers were removed, the last one of each number.
    removed: RefCell<BTreeMap<PeerId, u64>>,
}

#[derive(Default)]
struct List {
    /// By number; numbers of removed neighbors are used again.
    by_id: BTreeMap<PeerId, Rc<Listed>>,
    /// The order in which they are shown.
    order: Vec<PeerId>,
    /// No smaller number is free.
    free: u32,
}

impl List {
    /// The first number that no neighbor has.
    fn free_id(&mut self) -> PeerId {
        let mut candidates = (self.free..).map(PeerId);
        let free = candidates.find(|id| !self.by_id.contains_key(id));
        // There are more numbers than neighbors fit into memory.
        let id = free.unwrap_or(PeerId(u32::MAX));
        self.free = id.0;
        id
    }

    /// Where a new neighbor is shown: a dynamic one after its template and the other neighbors of that template.
    fn place(&self, template: Option<PeerId>) -> usize {
        let after = template.and_then(|template| {
            self.order.iter().rposition(|other| {
                let listed = self.by_id.get(other);
                *other == template || listed.is_some_and(|other| other.template == Some(template))
            })
        });
        after.map_or(self.order.len(), |last| last + 1)
    }
}

impl Neighbors {
    fn list_mut(&self) -> RefMut<'_, List> {
        self.list.borrow_mut()
    }

    /// The neighbor with that number.
    pub(crate) fn get(&self, id: PeerId) -> Option<Rc<Listed>> {
        self.list.borrow().by_id.get(&id).cloned()
    }

    /// All neighbors that are not being removed, in the order in which they are shown.
    pub(crate) fn all(&self) -> Vec<Rc<Listed>> {
        let list = self.list.borrow();
        let ordered = list.order.iter().filter_map(|id| list.by_id.get(id));
        ordered
            .filter(|listed| !listed.leaving.get())
            .cloned()
            .collect()
    }

    /// Adds a neighbor, which is created with its number.
    pub(crate) fn add(
        &self,
        template: Option<PeerId>,
        create: impl FnOnce(PeerId) -> Neighbor,
    ) -> Rc<Listed> {
        let mut list = self.list_mut();
        let id = list.free_id();
        let listed = Rc::new(Listed {
            neighbor: Rc::new(create(id)),
            key: Cell::new(None),
            template,
            leaving: Cell::new(false),
            aside: Cell::new(false),
        });
        let place = list.place(template);
        list.order.insert(place, id);
        list.by_id.insert(id, Rc::clone(&listed));
        listed
    }

    /// Those that are removed, but may return, in the order in which they were shown.
    pub(crate) fn aside(&self) -> Vec<Rc<Listed>> {
        let list = self.list.borrow();
        let all = list.order.iter().filter_map(|id| list.by_id.get(id));
        all.filter(|listed| listed.aside.get()).cloned().collect()
    }

    /// Puts a neighbor in the place of one that was removed, with its number and so with its routes.
    pub(crate) fn take_up(&self, neighbor: Neighbor) -> Rc<Listed> {
        let id = neighbor.id;
        let listed = Rc::new(Listed {
            neighbor: Rc::new(neighbor),
            key: Cell::new(None),
            template: None,
            leaving: Cell::new(false),
            aside: Cell::new(false),
        });
        self.list_mut().by_id.insert(id, Rc::clone(&listed));
        listed
    }

    /// Removes a neighbor; its number may be used again.
    pub(crate) fn remove(&self, id: PeerId) {
        let mut list = self.list_mut();
        list.free = list.free.min(id.0);
        list.by_id.remove(&id);
        list.order.retain(|other| *other != id);
        self.changed();
        self.removed.borrow_mut().insert(id, self.epoch());
    }

    /// The numbers of neighbors that were removed after an [epoch](Self::epoch). Others may have them by now.
    pub(crate) fn removed_since(&self, epoch: u64) -> PeerSet {
        let removed = self.removed.borrow();
        let later = removed.iter().filter(|(_, removed)| **removed > epoch);
        later.map(|(id, _)| *id).collect()
    }

    /// What has become of neighbors since an [epoch](Self::epoch); `None` if nothing has.
    pub(crate) fn moves(&self, since: u64) -> Option<Moves> {
        (self.epoch() != since).then(|| Moves {
            gone: self.removed_since(since),
            instances: self.instances(),
        })
    }

    /// The ranges and their neighbors that are not being removed.
    pub(crate) fn instances(&self) -> Vec<(PeerId, PeerId)> {
        let list = self.list.borrow();
        let staying = list
            .by_id
            .iter()
            .filter(|(_, listed)| !listed.leaving.get());
        let instances = staying.filter_map(|(id, listed)| Some((listed.template?, *id)));
        instances.collect()
    }

    /// The numbers of the neighbors that are selected, in ascending order.
    pub(crate) fn select<T: FromIterator<PeerId>>(&self, select: impl Fn(&Listed) -> bool) -> T {
        let list = self.list.borrow();
        let selected = list.by_id.iter().filter(|(_, listed)| select(listed));
        selected.map(|(id, _)| *id).collect()
    }

    /// Orders the neighbors by these names; dynamic neighbors stay behind their ranges.
    pub(crate) fn sort(&self, names: &[String]) {
        let mut list = self.list_mut();
        let List { by_id, order, .. } = &mut *list;
        let places: HashMap<&str, usize> = names.iter().map(String::as_str).zip(0..).collect();
        let place = |id: &PeerId| {
            let listed = by_id.get(id);
            let owner = listed.and_then(|listed| listed.template).unwrap_or(*id);
            let owner = by_id.get(&owner)?;
            places.get(&*owner.neighbor.name()).copied()
        };
        order.sort_by_cached_key(|id| place(id).unwrap_or(usize::MAX));
    }

    /// Wakes the task of a neighbor.
    pub(crate) fn wake(&self, id: PeerId) {
        if let Some(listed) = self.list.borrow().by_id.get(&id) {
            listed.neighbor.wake.notify_one();
        }
    }

    /// Wakes the neighbors whose events go to a helper: its queue has room again.
    pub(crate) fn wake_sources_of(&self, process: &Process) {
        for listed in self.list.borrow().by_id.values() {
            if listed.neighbor.feeds(process) {
                listed.neighbor.wake.notify_one();
            }
        }
    }

    /// Returns `true` if every configured neighbor with a session has used up its connection attempts.
    pub(crate) fn have_all_given_up(&self) -> bool {
        let with_session = |listed: &&Rc<Listed>| {
            listed.key.get().is_some() && listed.template.is_none() && !listed.leaving.get()
        };
        let list = self.list.borrow();
        let mut listed = list.by_id.values().filter(with_session);
        listed.all(|listed| listed.neighbor.gave_up.get())
    }

    /// Notes that selectors may select other neighbors than before.
    pub(crate) fn changed(&self) {
        self.epoch.set(self.epoch.get() + 1);
    }

    /// A number that grows with each call of [`changed`](Self::changed).
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch.get()
    }
}
