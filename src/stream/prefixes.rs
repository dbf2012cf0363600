//! Sets of prefixes, asked whether they hold a prefix, a less specific or a more specific one.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

/// How prefixes of a filter match prefixes of routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Match(u8);

impl Match {
    /// The same prefix only.
    pub const EXACT: Self = Self(0);
    /// The same and more specific ones.
    pub const MORE: Self = Self(1);
    /// The same and less specific ones.
    pub const LESS: Self = Self(2);
    /// All of them.
    pub const ANY: Self = Self(3);

    const fn more(self) -> bool {
        self.0 & 1 != 0
    }

    const fn less(self) -> bool {
        self.0 & 2 != 0
    }
}

/// A set of prefixes. Adding one again with another match widens it.
#[derive(Clone, Debug, Default)]
pub struct PrefixSet {
    v4: PrefixMap<Ipv4Net, Match>,
    v6: PrefixMap<Ipv6Net, Match>,
    /// All prefixes as numbers, while they are few: then comparing each is faster than walking a trie.
    few: Vec<(u128, u8, bool, Match)>,
    /// Whether one of them matches less specific ones.
    any_less: bool,
}

/// Prefixes that are compared one by one at most.
const FEW: usize = 8;

impl PrefixSet {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a prefix; host bits are cleared.
    pub fn insert(&mut self, prefix: IpNet, how: Match) {
        self.any_less |= how.less();
        let prefix = prefix.trunc();
        match prefix {
            IpNet::V4(prefix) => self.v4.entry(prefix).or_default().0 |= how.0,
            IpNet::V6(prefix) => self.v6.entry(prefix).or_default().0 |= how.0,
        }
        if self.len() <= FEW {
            let (key, v6) = key(prefix);
            self.few.push((key, prefix.prefix_len(), v6, how));
        }
    }

    /// Adds all prefixes of another set.
    pub(super) fn extend(&mut self, other: Self) {
        for (prefix, how) in other.v4 {
            self.insert(prefix.into(), how);
        }
        for (prefix, how) in other.v6 {
            self.insert(prefix.into(), how);
        }
    }

    /// Removes a prefix, whatever it matches. Returns `true` if the set had it.
    pub fn remove(&mut self, prefix: IpNet) -> bool {
        let had = match prefix.trunc() {
            IpNet::V4(one) => self.v4.remove(&one).is_some(),
            IpNet::V6(one) => self.v6.remove(&one).is_some(),
        };
        if had && self.len() <= FEW {
            let v4 = self.v4.iter().map(|(own, how)| (IpNet::V4(own), *how));
            let v6 = self.v6.iter().map(|(own, how)| (IpNet::V6(own), *how));
            self.few = v4
                .chain(v6)
                .map(|(own, how)| {
                    let (key, v6) = key(own);
                    (key, own.prefix_len(), v6, how)
                })
                .collect();
        }
        had
    }

    /// Number of prefixes.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Returns `true` if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All prefixes, in the order of addresses, less specific ones first.
    pub fn iter(&self) -> impl Iterator<Item = IpNet> + '_ {
        let v4 = self.v4.keys().map(IpNet::V4);
        v4.chain(self.v6.keys().map(IpNet::V6))
    }

    /// Returns `true` if the set has this very prefix.
    pub fn contains(&self, prefix: IpNet) -> bool {
        match prefix.trunc() {
            IpNet::V4(one) => self.v4.contains_key(&one),
            IpNet::V6(one) => self.v6.contains_key(&one),
        }
    }

    /// Prefixes of the set inside `prefix`, itself included.
    pub fn more_specific(&self, prefix: IpNet) -> Vec<IpNet> {
        match prefix.trunc() {
            IpNet::V4(one) => self.v4.children(&one).map(|(own, _)| own.into()).collect(),
            IpNet::V6(one) => self.v6.children(&one).map(|(own, _)| own.into()).collect(),
        }
    }

    /// Prefixes of the set that contain `prefix`, itself included, the least specific first.
    pub fn less_specific(&self, prefix: IpNet) -> Vec<IpNet> {
        match prefix.trunc() {
            IpNet::V4(one) => self.v4.cover(&one).map(|(own, _)| own.into()).collect(),
            IpNet::V6(one) => self.v6.cover(&one).map(|(own, _)| own.into()).collect(),
        }
    }

    /// Returns `true` if a prefix of the set and `prefix` have an address in common.
    pub fn overlaps(&self, prefix: IpNet) -> bool {
        !self.less_specific(prefix).is_empty() || !self.more_specific(prefix).is_empty()
    }

    /// The fewest prefixes of the set that have all of its addresses: those inside of no other.
    pub fn minimum_coverage(&self) -> Vec<IpNet> {
        outermost(self.iter())
    }

    /// How many IPv4 addresses the prefixes have, and how many IPv6 networks of 64 bits, each counted once. A longer IPv6 prefix
    /// counts as one.
    pub fn size(&self) -> (u64, u128) {
        let mut size = (0, 0);
        for prefix in outermost(self.iter().map(network)) {
            match prefix {
                IpNet::V4(one) => size.0 += 1u64 << (32 - one.prefix_len()),
                IpNet::V6(_) => size.1 += extent(prefix),
            }
        }
        size
    }

    /// How many addresses or networks of `prefix` the prefixes have, counted as by [`size`](Self::size).
    pub fn overlap(&self, prefix: IpNet) -> u128 {
        if !self.less_specific(prefix).is_empty() {
            return extent(prefix);
        }
        let inside = outermost(self.more_specific(prefix).into_iter().map(network));
        inside.into_iter().map(extent).sum()
    }

    /// The bytes that begin the address of every prefix that matches one of the set, for each of the set. `None` if it is large, or
    /// a match says little about the bytes.
    pub(crate) fn leading_bytes(&self) -> Option<Vec<Vec<u8>>> {
        if self.len() > FEW {
            return None;
        }
        self.few
            .iter()
            .map(|(address, length, _, how)| {
                let bytes = address.to_be_bytes();
                (!how.less()).then(|| bytes[..usize::from(length / 8)].to_vec())
            })
            .collect()
    }

    /// Returns `true` if a prefix of the set matches `prefix`.
    pub fn matches(&self, prefix: IpNet) -> bool {
        match prefix {
            IpNet::V4(one) => self.matches_bits(
                u128::from(one.addr().to_bits()) << 96,
                one.prefix_len(),
                false,
            ),
            IpNet::V6(one) => self.matches_bits(one.addr().to_bits(), one.prefix_len(), true),
        }
    }

    /// The same for an address as a number whose highest bit is the first.
    #[inline]
    pub(crate) fn matches_bits(&self, address: u128, length: u8, v6: bool) -> bool {
        if self.len() <= FEW {
            return self.few.iter().any(|(own, own_length, own_v6, how)| {
                let shared = length.min(*own_length);
                *own_v6 == v6
                    && (shared == 0 || (address ^ own) >> (128 - u32::from(shared)) == 0)
                    && (length == *own_length
                        || length > *own_length && how.more()
                        || length < *own_length && how.less())
            });
        }
        if v6 {
            Ipv6Net::new(address.into(), length).is_ok_and(|prefix| {
                self.v6
                    .cover(&prefix)
                    .any(|(own, how)| own == prefix || how.more())
                    || self.any_less && self.v6.children(&prefix).any(|(_, how)| how.less())
            })
        } else {
            let address = u32::try_from(address >> 96).unwrap_or_default();
            Ipv4Net::new(address.into(), length).is_ok_and(|prefix| {
                self.v4
                    .cover(&prefix)
                    .any(|(own, how)| own == prefix || how.more())
                    || self.any_less && self.v4.children(&prefix).any(|(_, how)| how.less())
            })
        }
    }
}

/// The address of a prefix as a number whose highest bit is the first, and whether it is one of IPv6.
fn key(prefix: IpNet) -> (u128, bool) {
    match prefix {
        IpNet::V4(prefix) => (u128::from(prefix.addr().to_bits()) << 96, false),
        IpNet::V6(prefix) => (prefix.addr().to_bits(), true),
    }
}

/// The prefixes inside of no other, of some in the order of addresses.
fn outermost(prefixes: impl Iterator<Item = IpNet>) -> Vec<IpNet> {
    let mut found: Vec<IpNet> = Vec::new();
    for prefix in prefixes {
        if !found.last().is_some_and(|last| last.contains(&prefix)) {
            found.push(prefix);
        }
    }
    found
}

/// The network that a prefix is counted as: an IPv6 prefix longer than 64 bits as that of 64.
fn network(prefix: IpNet) -> IpNet {
    match prefix {
        IpNet::V6(one) if one.prefix_len() > 64 => {
            Ipv6Net::new_assert(one.addr(), 64).trunc().into()
        }
        _ => prefix,
    }
}

/// How many IPv4 addresses a prefix has, or IPv6 networks of 64 bits.
fn extent(prefix: IpNet) -> u128 {
    match prefix {
        IpNet::V4(one) => 1 << (32 - one.prefix_len()),
        IpNet::V6(one) => 1 << (64 - one.prefix_len().min(64)),
    }
}

/// Values by prefix: a patricia tree with the user's data.
#[derive(Clone, Debug)]
pub struct PrefixTree<T> {
    v4: PrefixMap<Ipv4Net, T>,
    v6: PrefixMap<Ipv6Net, T>,
}

impl<T> Default for PrefixTree<T> {
    fn default() -> Self {
        Self {
            v4: PrefixMap::new(),
            v6: PrefixMap::new(),
        }
    }
}

impl<T> PrefixTree<T> {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a prefix, or replaces its value, which is returned then. Here as everywhere host bits are cleared.
    pub fn insert(&mut self, prefix: IpNet, value: T) -> Option<T> {
        match prefix.trunc() {
            IpNet::V4(one) => self.v4.insert(one, value),
            IpNet::V6(one) => self.v6.insert(one, value),
        }
    }

    /// Removes a prefix, and returns its value.
    pub fn remove(&mut self, prefix: IpNet) -> Option<T> {
        match prefix.trunc() {
            IpNet::V4(one) => self.v4.remove(&one),
            IpNet::V6(one) => self.v6.remove(&one),
        }
    }

    /// The value of this very prefix.
    pub fn get(&self, prefix: IpNet) -> Option<&T> {
        match prefix.trunc() {
            IpNet::V4(one) => self.v4.get(&one),
            IpNet::V6(one) => self.v6.get(&one),
        }
    }

    /// The value of this very prefix, to be changed.
    pub fn get_mut(&mut self, prefix: IpNet) -> Option<&mut T> {
        match prefix.trunc() {
            IpNet::V4(one) => self.v4.get_mut(&one),
            IpNet::V6(one) => self.v6.get_mut(&one),
        }
    }

    /// The most specific prefix that contains `prefix`, itself included.
    pub fn longest_match(&self, prefix: IpNet) -> Option<(IpNet, &T)> {
        match prefix.trunc() {
            IpNet::V4(one) => self.v4.get_lpm(&one).map(owned),
            IpNet::V6(one) => self.v6.get_lpm(&one).map(owned),
        }
    }

    /// Those inside `prefix`, itself included.
    pub fn more_specific(&self, prefix: IpNet) -> Vec<(IpNet, &T)> {
        match prefix.trunc() {
            IpNet::V4(one) => self.v4.children(&one).map(owned).collect(),
            IpNet::V6(one) => self.v6.children(&one).map(owned).collect(),
        }
    }

    /// Those that contain `prefix`, itself included, the least specific first.
    pub fn less_specific(&self, prefix: IpNet) -> Vec<(IpNet, &T)> {
        match prefix.trunc() {
            IpNet::V4(one) => self.v4.cover(&one).map(owned).collect(),
            IpNet::V6(one) => self.v6.cover(&one).map(owned).collect(),
        }
    }

    /// All, in the order of addresses, less specific ones first.
    pub fn iter(&self) -> impl Iterator<Item = (IpNet, &T)> {
        self.v4.iter().map(owned).chain(self.v6.iter().map(owned))
    }

    /// Number of prefixes.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Returns `true` if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn owned<T>((prefix, value): (impl Into<IpNet>, T)) -> (IpNet, T) {
    (prefix.into(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_of_a_patricia_tree() {
        let net = |text: &str| text.parse::<IpNet>().expect("a prefix");
        let mut set = PrefixSet::new();
        for text in [
            "10.1.0.0/16",
            "10.0.0.0/8",
            "10.1.2.0/24",
            "192.0.2.0/24",
            "2001:db8::/32",
            "2001:db8:1::/48",
        ] {
            set.insert(net(text), Match::EXACT);
        }
        let texts = |list: Vec<IpNet>| {
            let texts: Vec<_> = list.iter().map(ToString::to_string).collect();
            texts.join(" ")
        };
        assert_eq!(
            texts(set.more_specific(net("10.1.0.0/16"))),
            "10.1.0.0/16 10.1.2.0/24"
        );
        assert_eq!(
            texts(set.less_specific(net("10.1.0.0/16"))),
            "10.0.0.0/8 10.1.0.0/16"
        );
        assert_eq!(
            texts(set.minimum_coverage()),
            "10.0.0.0/8 192.0.2.0/24 2001:db8::/32"
        );
        assert_eq!(set.size(), ((1 << 24) + 256, 1 << 32));
        assert!(set.contains(net("10.1.2.3/24")) && !set.contains(net("10.1.3.0/24")));
        assert!(set.overlaps(net("10.9.0.0/16")) && set.overlaps(net("0.0.0.0/0")));
        assert!(!set.overlaps(net("11.0.0.0/8")));
        for (text, wanted) in [
            ("10.9.0.0/16", 1 << 16),
            ("192.0.0.0/16", 256),
            ("0.0.0.0/0", (1 << 24) + 256),
            ("11.0.0.0/8", 0),
            ("2001:db8:1::/56", 256),
        ] {
            assert_eq!(set.overlap(net(text)), wanted, "{text}");
        }
        // A network of 64 bits counts once, however many longer prefixes are in it.
        let mut hosts = PrefixSet::default();
        for text in ["2001:db8::1/128", "2001:db8::2/128", "2001:db8:0:1::/80"] {
            hosts.insert(net(text), Match::EXACT);
        }
        assert_eq!(hosts.size(), (0, 2));
        assert_eq!(hosts.overlap(net("2001:db8::/64")), 1);
        assert!(set.remove(net("10.0.0.0/8")) && !set.remove(net("10.0.0.0/8")));
        assert_eq!(set.overlap(net("10.0.0.0/8")), 1 << 16);
        assert!(!set.matches(net("10.0.0.0/8")) && set.matches(net("10.1.0.0/16")));
    }

    #[test]
    fn a_tree_has_values() {
        let net = |text: &str| text.parse::<IpNet>().expect("a prefix");
        let mut tree = PrefixTree::new();
        for (value, text) in ["10.0.0.0/8", "10.1.2.3/16", "2001:db8::/32"]
            .iter()
            .enumerate()
        {
            assert_eq!(tree.insert(net(text), value), None);
        }
        assert_eq!(tree.insert(net("10.0.0.0/8"), 7), Some(0));
        *tree.get_mut(net("2001:db8::/32")).expect("a value") += 1;
        let all: Vec<_> = tree.iter().map(|(_, value)| *value).collect();
        assert_eq!(all, [7, 1, 3]);
        let inside = net("10.1.2.0/24");
        assert_eq!(tree.longest_match(inside), Some((net("10.1.0.0/16"), &1)));
        assert_eq!(tree.less_specific(inside).len(), 2);
        assert_eq!(tree.more_specific(net("10.0.0.0/8")).len(), 2);
        assert_eq!(tree.remove(net("10.1.0.0/16")), Some(1));
        assert_eq!(tree.get(net("10.1.0.0/16")), None);
        assert_eq!((tree.len(), tree.is_empty()), (2, false));
    }

    #[test]
    fn a_set_from_which_many_were_removed_matches_what_is_left() {
        let net = |third: u8| {
            format!("192.0.{third}.0/24")
                .parse::<IpNet>()
                .expect("a prefix")
        };
        let mut set = PrefixSet::new();
        for third in 0..20 {
            set.insert(net(third), Match::EXACT);
        }
        for third in 1..20 {
            assert!(set.remove(net(third)));
        }
        assert!(set.matches(net(0)) && !set.matches(net(1)) && !set.matches(net(19)));
    }

    #[test]
    fn few_and_many_agree() {
        let net = |text: &str| text.parse::<IpNet>().expect("a prefix");
        let kinds = [Match::EXACT, Match::MORE, Match::LESS, Match::ANY];
        for how in kinds {
            let mut few = PrefixSet::new();
            few.insert(net("10.1.0.0/16"), how);
            few.insert(net("2001:db8::/32"), how);
            let mut many = few.clone();
            for third in 0..20u8 {
                many.insert(net(&format!("192.0.{third}.0/24")), Match::EXACT);
            }
            for (text, exact, more, less) in [
                ("10.1.0.0/16", true, true, true),
                ("10.1.2.0/24", false, true, false),
                ("10.0.0.0/8", false, false, true),
                ("10.2.0.0/16", false, false, false),
                ("0.0.0.0/0", false, false, true),
                ("2001:db8:1::/48", false, true, false),
                ("::/0", false, false, true),
                ("2001:db9::/32", false, false, false),
            ] {
                let wanted = match how {
                    Match::EXACT => exact,
                    Match::MORE => more,
                    Match::LESS => less,
                    _ => exact || more || less,
                };
                assert_eq!(few.matches(net(text)), wanted, "{text} {how:?}");
                assert_eq!(many.matches(net(text)), wanted, "{text} {how:?} many");
            }
        }
    }
}
