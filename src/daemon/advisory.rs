//! The messages of a neighbor's `operational` section and of commands that wait for its sessions: the last ASM of each family
//! goes out whenever a session is established, the others once (draft-ietf-idr-operational-message, and as in ExaBGP).

use std::cell::RefCell;
use std::net::Ipv4Addr;

use crate::bgp::Family;
use crate::bgp::message::operational::{Content, Operational as Message, OperationalType};
use crate::grammar::Operational;

/// The messages of one neighbor.
#[derive(Debug, Default)]
pub(crate) struct Advisories {
    /// Whole messages for every session; at most one for each family.
    standing: RefCell<Vec<(Family, Vec<u8>)>>,
    /// Those for the next session alone.
    waiting: RefCell<Vec<Message>>,
}

impl Advisories {
    /// The messages of a configuration.
    pub(crate) fn new(configured: &[Operational]) -> Self {
        let advisories = Self::default();
        advisories.wait(advisories.configure(&[], configured));
        advisories
    }

    /// Applies another configuration, and returns the messages that are new in it. What a command has put in place of a
    /// configured message stays, unless that message has changed.
    pub(crate) fn configure(&self, old: &[Operational], new: &[Operational]) -> Vec<Message> {
        let mut added = Vec::new();
        for one in old.iter().filter(|one| !new.contains(one)) {
            let gone = one.clone().message();
            self.waiting.borrow_mut().retain(|other| *other != gone);
            let gone = (gone.family, encoded(&gone));
            self.standing.borrow_mut().retain(|other| *other != gone);
        }
        for one in new.iter().filter(|one| !old.contains(one)) {
            let message = one.clone().message();
            if is_standing(&message) {
                self.keep(message.family, encoded(&message));
            }
            added.push(message);
        }
        added
    }

    /// Has these messages sent in the next session; an ASM is kept for every session already.
    pub(crate) fn wait(&self, messages: Vec<Message>) {
        let once = messages.into_iter().filter(|one| !is_standing(one));
        self.waiting.borrow_mut().extend(once);
    }

    /// Keeps a message in place of the last one of its family.
    pub(crate) fn keep(&self, family: Family, message: Vec<u8>) {
        let mut standing = self.standing.borrow_mut();
        match standing.iter_mut().find(|(known, _)| *known == family) {
            Some(known) => known.1 = message,
            None => standing.push((family, message)),
        }
    }

    /// The neighbor had a session before: none of its messages waits any more.
    pub(crate) fn were_sent(&self) {
        self.waiting.take();
    }

    /// The messages for every session.
    pub(crate) fn standing(&self) -> Vec<(Family, Vec<u8>)> {
        self.standing.borrow().clone()
    }

    /// The messages with which a session with these families starts: the family that was used last first, as in ExaBGP.
    pub(crate) fn start(&self, families: &[Family], router_id: Ipv4Addr) -> Vec<Vec<u8>> {
        let standing = self.standing.borrow();
        let wanted = standing
            .iter()
            .rev()
            .filter(|(family, _)| families.contains(family));
        let mut messages: Vec<Vec<u8>> = wanted.map(|(_, message)| message.clone()).collect();
        for mut message in self.waiting.take() {
            identify(&mut message, router_id);
            messages.push(encoded(&message));
        }
        messages
    }
}

/// Gives a message without a router identifier ours.
pub(crate) fn identify(message: &mut Message, ours: Ipv4Addr) {
    if let Content::Query { router_id, .. } | Content::Counter { router_id, .. } =
        &mut message.content
        && router_id.is_unspecified()
    {
        *router_id = ours;
    }
}

/// The whole message.
pub(crate) fn encoded(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

/// Returns `true` if it goes out in every session.
pub(crate) fn is_standing(message: &Message) -> bool {
    message.kind == OperationalType::ASM
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTER_ID: Ipv4Addr = Ipv4Addr::LOCALHOST;

    #[test]
    fn the_last_message_of_each_family_is_kept() {
        let advisories = Advisories::default();
        advisories.keep(Family::IPV4_UNICAST, vec![1]);
        advisories.keep(Family::IPV6_UNICAST, vec![2]);
        advisories.keep(Family::IPV4_UNICAST, vec![3]);
        assert_eq!(
            advisories.start(&[Family::IPV6_UNICAST, Family::IPV4_UNICAST], ROUTER_ID),
            [vec![2], vec![3]]
        );
        assert_eq!(
            advisories.start(&[Family::IPV6_UNICAST], ROUTER_ID),
            [vec![2]]
        );
    }
}
