//! Configured routes with `watchdog NAME`: groups of routes that helpers announce and withdraw by name.
//!
//! Each neighbor has its own groups: a command switches only those of the neighbors that it selects. The state of a group
//! survives the end of a session; a group that is announced already is not announced again.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::bgp::{AttributeSet, Nlri, NlriRef};
use crate::grammar::{RouteText, Verb};
use crate::rib::{Action, Change, PeerId, PeerSet};

/// All groups of all neighbors.
#[derive(Debug, Default)]
pub(crate) struct Watchdogs {
    groups: BTreeMap<(PeerId, Box<str>), Vec<Guarded>>,
    /// What commands have made of them.
    switches: BTreeMap<(PeerId, Box<str>), Switch>,
}

/// What the last command has made of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Switch {
    /// Whether it is announced.
    pub(crate) announced: bool,
    /// The helper or operator that sent the command.
    pub(crate) owner: Rc<str>,
    /// The command was sent to this run of the daemon.
    pub(crate) is_claimed: bool,
}

/// A group, as another process has left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeftGroup {
    pub(crate) name: String,
    /// The routes that are announced.
    pub(crate) announced: Vec<Nlri>,
    /// What the last command has made of it.
    pub(crate) switch: Option<Switch>,
}

/// One route of a group.
#[derive(Debug)]
struct Guarded {
    nlri: Nlri,
    attributes: Rc<AttributeSet>,
    announced: bool,
    /// Whether the file has it with `withdraw`.
    withdraw: bool,
}

impl Watchdogs {
    /// Adds the routes of a statement to the group `name` of a neighbor. They start withdrawn if the statement has `withdraw`.
    pub(crate) fn add(
        &mut self,
        peer: PeerId,
        name: &str,
        route: &RouteText,
        attributes: &Rc<AttributeSet>,
    ) {
        let group = self.groups.entry((peer, name.into())).or_default();
        for nlri in &route.nlri {
            group.retain(|guarded| !guarded.nlri.same_route(nlri.as_ref()));
            group.push(Guarded {
                nlri: nlri.clone(),
                attributes: Rc::clone(attributes),
                announced: !route.withdraw,
                withdraw: route.withdraw,
            });
        }
    }

    /// Replaces the groups of a neighbor. Returns the changes to apply. A route that stays keeps its state; a new one takes
    /// that of its group, if the group existed.
    pub(crate) fn replace(&mut self, peer: PeerId, routes: &[RouteText]) -> Vec<Change> {
        let (old, kept) = std::mem::take(&mut self.groups)
            .into_iter()
            .partition(|((owner, _), _)| *owner == peer);
        self.groups = kept;
        let mut old: BTreeMap<(PeerId, Box<str>), Vec<Guarded>> = old;
        for route in routes {
            if let Some(name) = &route.watchdog {
                self.add(peer, name, route, &route.attributes);
            }
        }
        let peers: PeerSet = std::iter::once(peer).collect();
        let mut changes = Vec::new();
        for ((_, name), group) in self
            .groups
            .iter_mut()
            .filter(|((owner, _), _)| *owner == peer)
        {
            let mut before = old.remove(&(peer, name.clone())).unwrap_or_default();
            let state = before.first().map(|guarded| guarded.announced);
            for guarded in group {
                let at = before
                    .iter()
                    .position(|other| other.nlri.same_route(guarded.nlri.as_ref()));
                let known = at.map(|at| before.swap_remove(at));
                let shown = known.as_ref().is_some_and(|known| known.announced);
                guarded.announced = known
                    .as_ref()
                    .map(|known| known.announced)
                    .or(state)
                    .unwrap_or(guarded.announced);
                let same = known.is_some_and(|known| {
                    known.nlri == guarded.nlri && known.attributes == guarded.attributes
                });
                if guarded.announced && !(shown && same) {
                    let action = Action::Announce(Rc::clone(&guarded.attributes));
                    changes.push(Change {
                        nlri: guarded.nlri.clone(),
                        action,
                        peers: peers.clone(),
                    });
                }
            }
            changes.splice(0..0, gone(before, &peers));
        }
        for group in old.into_values() {
            changes.splice(0..0, gone(group, &peers));
        }
        let groups = &self.groups;
        self.switches.retain(|group, _| groups.contains_key(group));
        changes
    }

    /// All groups, as another process needs to know them.
    pub(crate) fn left(&self) -> Vec<(PeerId, LeftGroup)> {
        let groups = self.groups.iter().map(|(key, group)| {
            let announced = group.iter().filter(|guarded| guarded.announced);
            let left = LeftGroup {
                name: key.1.to_string(),
                announced: announced.map(|guarded| guarded.nlri.clone()).collect(),
                switch: self.switches.get(key).cloned(),
            };
            (key.0, left)
        });
        groups.collect()
    }

    /// Continues with a group as another process has left it. Nothing is announced or withdrawn.
    pub(crate) fn resume(&mut self, peer: PeerId, left: LeftGroup) {
        let LeftGroup {
            name,
            announced,
            switch,
        } = left;
        let key: (PeerId, Box<str>) = (peer, name.into());
        let Some(group) = self.groups.get_mut(&key) else {
            return;
        };
        for guarded in &mut *group {
            let mut announced = announced.iter();
            guarded.announced = announced.any(|nlri| guarded.nlri.same_route(nlri.as_ref()));
        }
        if let Some(switch) = switch {
            self.switches.insert(key, switch);
        }
    }

    /// Calls `visit` for each group that a command has switched.
    pub(crate) fn switches(&self, visit: &mut dyn FnMut(PeerId, &str, &Switch)) {
        for ((peer, name), switch) in &self.switches {
            visit(*peer, name, switch);
        }
    }

    /// Forgets what was made of a group before this run of the daemon. Returns the withdrawals of routes that the file has
    /// with `withdraw`.
    pub(crate) fn abandon(&mut self, peer: PeerId, name: &str) -> Vec<Change> {
        let key: (PeerId, Box<str>) = (peer, name.into());
        self.switches.remove(&key);
        let routes = self.groups.get_mut(&key).into_iter().flatten();
        let held_back = routes.filter(|route| route.withdraw && route.announced);
        held_back
            .map(|route| {
                route.announced = false;
                Change {
                    nlri: route.nlri.clone(),
                    action: Action::Withdraw(Some(Rc::clone(&route.attributes))),
                    peers: std::iter::once(peer).collect(),
                }
            })
            .collect()
    }

    /// Notes that a route of a neighbor's groups is not announced.
    pub(crate) fn hold_back(&mut self, peer: PeerId, nlri: NlriRef<'_>) {
        let groups = self
            .groups
            .iter_mut()
            .filter(|((owner, _), _)| *owner == peer);
        for guarded in groups.flat_map(|(_, group)| group) {
            if guarded.nlri.same_route(nlri) {
                guarded.announced = false;
            }
        }
    }

    /// Calls `visit` for each route that the groups of a neighbor announce.
    pub(crate) fn announced(&self, peer: PeerId, visit: &mut dyn FnMut(&Nlri, &Rc<AttributeSet>)) {
        let first = (peer, Box::from(""));
        let own = self.groups.range(first..);
        let own = own.take_while(|((owner, _), _)| *owner == peer);
        for route in own.flat_map(|(_, routes)| routes) {
            if route.announced {
                visit(&route.nlri, &route.attributes);
            }
        }
    }

    /// Removes the groups of a neighbor.
    pub(crate) fn forget(&mut self, peer: PeerId) {
        self.groups.retain(|(owner, _), _| *owner != peer);
        self.switches.retain(|(owner, _), _| *owner != peer);
    }

    /// Returns `true` if one of these neighbors has a route in a group of that name.
    pub(crate) fn has(&self, peers: &PeerSet, name: &str) -> bool {
        let mut groups = self.groups.iter();
        groups.any(|((owner, group), routes)| {
            **group == *name && peers.contains(*owner) && !routes.is_empty()
        })
    }

    /// The changes that announcing or withdrawing a group for these neighbors makes. The group is not switched: the changes
    /// may be refused.
    pub(crate) fn changes(&self, peers: &PeerSet, name: &str, verb: Verb) -> Vec<Change> {
        let announce = verb == Verb::Announce;
        let mut changes = Vec::new();
        for ((owner, group), routes) in &self.groups {
            if **group != *name || !peers.contains(*owner) {
                continue;
            }
            for route in routes.iter().filter(|route| route.announced != announce) {
                changes.push(Change {
                    nlri: route.nlri.clone(),
                    action: if announce {
                        Action::Announce(Rc::clone(&route.attributes))
                    } else {
                        Action::Withdraw(Some(Rc::clone(&route.attributes)))
                    },
                    peers: std::iter::once(*owner).collect(),
                });
            }
        }
        changes
    }

    /// Notes that a group is announced or withdrawn for these neighbors. Returns those for which the last command was another.
    pub(crate) fn switch(&mut self, peers: &PeerSet, name: &str, switch: &Switch) -> PeerSet {
        let mut news = PeerSet::new();
        for ((owner, group), routes) in &mut self.groups {
            if **group != *name || !peers.contains(*owner) {
                continue;
            }
            for route in routes {
                route.announced = switch.announced;
            }
            let key = (*owner, group.clone());
            let before = self.switches.insert(key, switch.clone());
            let is_same = before.is_some_and(|before| {
                before.announced == switch.announced && before.owner == switch.owner
            });
            if !is_same {
                news.insert(*owner);
            }
        }
        news
    }
}

/// The withdrawals of routes that are no longer configured.
fn gone(routes: Vec<Guarded>, peers: &PeerSet) -> Vec<Change> {
    let announced = routes.into_iter().filter(|guarded| guarded.announced);
    announced
        .map(|guarded| Change {
            nlri: guarded.nlri,
            action: Action::Withdraw(Some(guarded.attributes)),
            peers: peers.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::Family;

    fn route(octet: u8, withdraw: bool) -> RouteText {
        RouteText {
            nlri: vec![Nlri::new(Family::IPV4_UNICAST, None, &[8, octet])],
            attributes: Rc::new(AttributeSet::new(Vec::new())),
            watchdog: Some("dnsr".into()),
            withdraw,
            name: None,
        }
    }

    #[test]
    fn a_group_is_switched_once_and_only_for_those_selected() {
        let mut watchdogs = Watchdogs::default();
        let attributes = Rc::new(AttributeSet::new(Vec::new()));
        for peer in [PeerId(1), PeerId(2)] {
            watchdogs.add(peer, "dnsr", &route(10, false), &attributes);
            watchdogs.add(peer, "dnsr", &route(20, true), &attributes);
        }
        let on = Switch {
            announced: true,
            owner: "helper".into(),
            is_claimed: true,
        };
        let both: PeerSet = [PeerId(1), PeerId(2)].into_iter().collect();
        let first: PeerSet = std::iter::once(PeerId(1)).collect();
        let announced = watchdogs.changes(&first, "dnsr", Verb::Announce);
        assert_eq!(announced.len(), 1, "one of the two was held back");
        assert_eq!(
            watchdogs.changes(&first, "dnsr", Verb::Announce),
            announced,
            "asking changes nothing"
        );
        assert_eq!(watchdogs.switch(&first, "dnsr", &on), first);
        assert!(watchdogs.switch(&first, "dnsr", &on).is_empty(), "no news");
        assert_eq!(
            (&announced[0].peers, announced[0].nlri.to_string()),
            (&first, "20.0.0.0/8".to_owned())
        );
        assert!(watchdogs.changes(&first, "dnsr", Verb::Announce).is_empty());
        assert!(watchdogs.changes(&both, "other", Verb::Withdraw).is_empty());
        assert_eq!(watchdogs.changes(&both, "dnsr", Verb::Withdraw).len(), 3);
        let off = Switch {
            announced: false,
            ..on.clone()
        };
        assert_eq!(watchdogs.switch(&both, "dnsr", &off), both);
        watchdogs.switch(&first, "dnsr", &on);
        // Only what the file holds back is withdrawn.
        assert_eq!(watchdogs.abandon(PeerId(1), "dnsr").len(), 1);
        watchdogs.forget(PeerId(1));
        assert_eq!(watchdogs.changes(&both, "dnsr", Verb::Announce).len(), 2);
    }
}
