//! Names of neighbors that differ only in the notation of addresses.
//!
//! A name has the addresses as the file writes them: `neighbor 2001:DB8:0::1 local-ip …`. If the next file writes them otherwise,
//! it is still the same neighbor. Neighbors of one file whose names differ in nothing else are several, and are known by their
//! notation: so it decides wherever there are more than one.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use crate::bgp::zone::{self, Zoned};

/// The notations of some names.
pub(crate) struct Notations {
    names: HashSet<String>,
    /// By the name in the usual notation; `None` if there are several.
    only: HashMap<String, Option<String>>,
}

impl Notations {
    /// Those of all these names.
    pub(crate) fn of(names: impl Iterator<Item = String>) -> Self {
        let names: HashSet<String> = names.collect();
        let mut only: HashMap<String, Option<String>> = HashMap::new();
        for name in &names {
            let first = only.entry(usual(name));
            first
                .and_modify(|only| *only = None)
                .or_insert_with(|| Some(name.clone()));
        }
        Self { names, only }
    }

    /// The one of the names that is this one in the same or, if there is only one such name, in another notation.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        if let Some(same) = self.names.get(name) {
            return Some(same);
        }
        self.only.get(&usual(name))?.as_deref()
    }

    fn is_only(&self, name: &str) -> bool {
        matches!(self.only.get(&usual(name)), Some(Some(_)))
    }
}

/// The names of neighbors of a file, with those that an earlier one writes in another notation as they were there.
pub(crate) fn as_before(old: &[String], new: &[String]) -> Vec<String> {
    let old = Notations::of(old.iter().cloned());
    let now = Notations::of(new.iter().cloned());
    let before = |name: &String| {
        let found = old.find(name).filter(|_| now.is_only(name));
        found.map_or_else(|| name.clone(), str::to_owned)
    };
    new.iter()
        .map(|name| match old.names.contains(name) {
            true => name.clone(),
            false => before(name),
        })
        .collect()
}

/// A name with the addresses as they are displayed.
fn usual(name: &str) -> String {
    let words = name.split(' ').map(|word| {
        let address = zone::split(word).and_then(|(address, zone)| {
            let address: IpAddr = address.parse().ok()?;
            Some(Zoned(address, zone).to_string())
        });
        address.unwrap_or_else(|| word.to_owned())
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(addresses: &[&str]) -> Vec<String> {
        let name = |address: &&str| format!("neighbor {address} local-ip auto peer-as 65001");
        addresses.iter().map(name).collect()
    }

    fn check(old: &[&str], new: &[&str], before: &[&str]) {
        let found = as_before(&names(old), &names(new));
        assert_eq!(found, names(before), "{old:?} {new:?}");
    }

    #[test]
    fn a_neighbor_is_known_in_another_notation_unless_there_are_several() {
        let (short, long, capital) = ("2001:db8::1", "2001:0db8:0:0::1", "2001:DB8::1");
        check(&[short], &[long], &[short]);
        check(&[capital], &[short], &[capital]);
        check(&["fe80::1%eth0"], &["FE80::1%eth0"], &["fe80::1%eth0"]);
        check(&["fe80::1%eth0"], &["FE80::1%eth1"], &["FE80::1%eth1"]);
        check(&[short], &["2001:db8::2"], &["2001:db8::2"]);
        // Several neighbors that differ in something else, such as their ports.
        check(&[short, short], &[long, long], &[short, short]);
        // Several that are known by their notation.
        check(&[short, long], &[long, short], &[long, short]);
        check(&[short, long], &[capital, long], &[capital, long]);
        check(&[short], &[long, short], &[long, short]);
        check(&[short], &[long, capital], &[long, capital]);
        check(&[short, long], &[capital], &[capital]);
    }
}
