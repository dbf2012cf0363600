//! Standing advisories: the last ASM of each family is sent again whenever a session is established
//! (draft-ietf-idr-operational-message, and as in ExaBGP).

use std::cell::RefCell;

use crate::bgp::Family;

/// The messages of one neighbor, whole; at most one for each family.
#[derive(Debug, Default)]
pub(crate) struct Advisories(RefCell<Vec<(Family, Vec<u8>)>>);

impl Advisories {
    /// Keeps a message in place of the last one of its family.
    pub(crate) fn keep(&self, family: Family, message: Vec<u8>) {
        let mut kept = self.0.borrow_mut();
        match kept.iter_mut().find(|(known, _)| *known == family) {
            Some(known) => known.1 = message,
            None => kept.push((family, message)),
        }
    }

    /// All messages.
    pub(crate) fn all(&self) -> Vec<(Family, Vec<u8>)> {
        self.0.borrow().clone()
    }

    /// The messages of these families, in the order in which the families were first used.
    pub(crate) fn of(&self, families: &[Family]) -> Vec<Vec<u8>> {
        let kept = self.0.borrow();
        let wanted = kept.iter().filter(|(family, _)| families.contains(family));
        wanted.map(|(_, message)| message.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_message_of_each_family_is_kept() {
        let advisories = Advisories::default();
        advisories.keep(Family::IPV4_UNICAST, vec![1]);
        advisories.keep(Family::IPV6_UNICAST, vec![2]);
        advisories.keep(Family::IPV4_UNICAST, vec![3]);
        assert_eq!(
            advisories.of(&[Family::IPV6_UNICAST, Family::IPV4_UNICAST]),
            [vec![3], vec![2]]
        );
        assert_eq!(advisories.of(&[Family::IPV6_UNICAST]), [vec![2]]);
    }
}
