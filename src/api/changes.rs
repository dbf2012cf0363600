//! Changes of routes, and what the commands that make them say besides.

use std::rc::Rc;

use crate::rib::{Change, Lifetime, PeerSet};

/// Changes in the order of their commands. For runs of them, it is known how long they are to stay and which selector has
/// selected their peers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The changes.
    pub list: Vec<Change>,
    /// The lifetimes of the changes up to these positions; of those after the last one nothing is said.
    lifetimes: Vec<(usize, Lifetime)>,
    /// The selectors of the changes up to these positions.
    selectors: Vec<(usize, Option<Rc<str>>)>,
    /// The number of changes at the last call of `describe`.
    described: usize,
}

impl Changes {
    /// Sets how long the changes since the last call are to stay, and the selector as it was written, if it is to be kept.
    pub fn describe(&mut self, lifetime: Lifetime, selector: Option<&Rc<str>>) {
        let (start, end) = (self.described, self.list.len());
        if start == end {
            return;
        }
        self.described = end;
        match self.lifetimes.last_mut() {
            None if lifetime == Lifetime::Unchanged => {}
            None => {
                if start > 0 {
                    self.lifetimes.push((start, Lifetime::Unchanged));
                }
                self.lifetimes.push((end, lifetime));
            }
            Some((last, same)) if *same == lifetime => *last = end,
            Some(_) => self.lifetimes.push((end, lifetime)),
        }
        match self.selectors.last_mut() {
            None if selector.is_none() => {}
            Some((last, same)) if same.as_ref() == selector && *last == start => *last = end,
            last => {
                let known = last.map_or(0, |(last, _)| *last);
                if known < start {
                    self.selectors.push((start, None));
                }
                self.selectors.push((end, selector.cloned()));
            }
        }
    }

    /// Determines the peers of each change again: `select` gets the position, the change with the peers that it has, and the
    /// selector. Changes that are left without peers are dropped.
    pub fn select(&mut self, mut select: impl FnMut(usize, &Change, Option<&Rc<str>>) -> PeerSet) {
        let mut old = std::mem::take(self);
        for (at, mut change) in std::mem::take(&mut old.list).into_iter().enumerate() {
            let selector = old.selector(at);
            change.peers = select(at, &change, selector);
            if !change.peers.is_empty() {
                self.list.push(change);
                self.describe(old.lifetime(at), selector);
            }
        }
    }

    /// Moves all changes of `other`, which were described, to the end.
    pub fn append(&mut self, other: &mut Self) {
        let mut start = 0;
        let mut changes = other.list.drain(..);
        while changes.len() > 0 {
            // Up to where the next lifetime or selector begins.
            let end = |ends: Option<usize>| ends.unwrap_or(usize::MAX);
            let lifetime = other.lifetimes.get(place(&other.lifetimes, start));
            let selector = other.selectors.get(place(&other.selectors, start));
            let until = end(lifetime.map(|(end, _)| *end)).min(end(selector.map(|(end, _)| *end)));
            self.list.extend(changes.by_ref().take(until - start));
            self.describe(
                lifetime.map_or(Lifetime::Unchanged, |(_, lifetime)| *lifetime),
                selector.and_then(|(_, selector)| selector.as_ref()),
            );
            start = until;
        }
        drop(changes);
        other.clear();
    }

    /// Removes all changes.
    pub fn clear(&mut self) {
        self.list.clear();
        self.lifetimes.clear();
        self.selectors.clear();
        self.described = 0;
    }

    /// Number of changes.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns `true` if there are no changes.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns `true` if a lifetime was given for one of the changes.
    pub fn has_lifetimes(&self) -> bool {
        let mut lifetimes = self.lifetimes.iter();
        lifetimes.any(|(_, lifetime)| *lifetime != Lifetime::Unchanged)
    }

    /// How long the change at that position is to stay.
    pub fn lifetime(&self, at: usize) -> Lifetime {
        let run = self.lifetimes.get(place(&self.lifetimes, at));
        run.map_or(Lifetime::Unchanged, |(_, lifetime)| *lifetime)
    }

    /// The selector of the change at that position, if it is kept.
    pub fn selector(&self, at: usize) -> Option<&Rc<str>> {
        let run = self.selectors.get(place(&self.selectors, at));
        run.and_then(|(_, selector)| selector.as_ref())
    }
}

impl From<Vec<Change>> for Changes {
    fn from(list: Vec<Change>) -> Self {
        let described = list.len();
        Self {
            list,
            described,
            ..Self::default()
        }
    }
}

/// The run that a position belongs to.
fn place<T>(runs: &[(usize, T)], at: usize) -> usize {
    runs.partition_point(|(end, _)| *end <= at)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bgp::{Family, Nlri};
    use crate::rib::{Action, PeerId};

    fn change(number: u8) -> Change {
        Change {
            nlri: Nlri::new(Family::IPV4_UNICAST, None, &[8, number]),
            action: Action::Withdraw(None),
            peers: PeerSet::new(),
        }
    }

    #[test]
    fn what_is_said_stays_with_its_changes() {
        let hour = Lifetime::For(Duration::from_secs(3_600));
        let (all, one): (Rc<str>, Rc<str>) = ("neighbor *".into(), "neighbor 192.0.2.1".into());
        let said = [
            (Lifetime::Unchanged, &all),
            (Lifetime::Unchanged, &one),
            (hour, &one),
            (hour, &all),
            (Lifetime::Unchanged, &all),
            (Lifetime::Forever, &all),
        ];
        let mut batch = Changes::default();
        let mut command = Changes::default();
        for (number, (lifetime, selector)) in (0u8..).zip(said) {
            command.list.extend([change(number), change(number)]);
            command.describe(lifetime, Some(selector));
            if number % 2 == 1 {
                batch.append(&mut command);
                assert!(command.is_empty());
            }
        }
        assert_eq!(batch.len(), 2 * said.len());
        assert!(batch.has_lifetimes());
        for (at, (lifetime, selector)) in said.into_iter().enumerate() {
            for at in [2 * at, 2 * at + 1] {
                assert_eq!(batch.lifetime(at), lifetime, "{at}");
                assert_eq!(batch.selector(at), Some(selector), "{at}");
            }
        }
        assert!(!Changes::from(vec![change(1)]).has_lifetimes());
    }

    #[test]
    fn selectors_are_not_those_of_changes_without() {
        let (one, two): (Rc<str>, Rc<str>) = ("neighbor 192.0.2.1".into(), "".into());
        let said = [None, Some(&one), None, None, Some(&one), Some(&two), None];
        let mut changes = Changes::default();
        for (number, selector) in (0u8..).zip(said) {
            changes.list.push(change(number));
            changes.describe(Lifetime::Unchanged, selector);
        }
        let shown = |changes: &Changes| -> Vec<Option<Rc<str>>> {
            (0..changes.len())
                .map(|at| changes.selector(at).cloned())
                .collect()
        };
        assert_eq!(shown(&changes), said.map(Option::<&Rc<str>>::cloned));
        // Every other one has peers.
        changes.select(|at, _, selector| {
            assert_eq!(selector, said[at]);
            let peers = (at % 2 == 1).then_some(PeerId(7));
            peers.into_iter().collect()
        });
        assert_eq!(changes.len(), 3);
        assert_eq!(shown(&changes), [Some(one), None, Some(two)]);
    }
}
