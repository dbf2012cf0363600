//! What a filter can rule out by the bytes of a record, before anything of it is decoded.
//!
//! A route inside `192.0.2.0/24` has the bytes `c0 00 02` somewhere in its record, whatever the record's type, family and form; a path with
//! AS 3356 the bytes `0d 1c`. Searching them is many times as fast as decoding. What is found may still not match: the filter decides
//! then.

use memchr::memmem::Finder;

/// Most byte strings of one test; with more, decoding is as fast.
const MOST: usize = 4;

/// Byte strings of which a record must contain one of each list.
#[derive(Clone, Debug, Default)]
pub(super) struct Needles(Vec<Vec<Finder<'static>>>);

impl Needles {
    /// Returns `true` if nothing can be ruled out.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Demands one of these; nothing is demanded if one of them is too short to be rare, or they are many.
    pub(super) fn demand(&mut self, any: &[Vec<u8>]) {
        if any.is_empty() || any.len() > MOST || any.iter().any(|one| one.len() < 2) {
            return;
        }
        self.0.push(
            any.iter()
                .map(|one| Finder::new(one).into_owned())
                .collect(),
        );
    }

    /// Returns `false` if no route of a record with these bytes can pass.
    #[inline]
    pub(super) fn may_be_in(&self, bytes: &[u8]) -> bool {
        self.0
            .iter()
            .all(|any| any.iter().any(|one| one.find(bytes).is_some()))
    }
}

/// The bytes that an AS number has in each form of a path: two octets, which end the four of a small one, or all four.
pub(super) fn asn(asn: u32) -> Vec<u8> {
    match u16::try_from(asn) {
        Ok(small) => small.to_be_bytes().to_vec(),
        Err(_) => asn.to_be_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_each_list_is_demanded() {
        let mut needles = Needles::default();
        needles.demand(&[vec![1, 2], vec![3, 4, 5]]);
        needles.demand(&[asn(3356)]);
        assert!(needles.may_be_in(&[9, 3, 4, 5, 0x0D, 0x1C]));
        assert!(!needles.may_be_in(&[9, 3, 4, 5]));
        assert!(!needles.may_be_in(&[0x0D, 0x1C]));
        let mut short = Needles::default();
        short.demand(&[vec![1]]);
        assert!(short.is_empty() && short.may_be_in(&[]));
    }
}
