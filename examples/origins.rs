//! Watches who originates a prefix: `origins PREFIX FILE…` prints a line whenever the set of origins changes.

#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::collections::{BTreeMap, BTreeSet};

use oxabgp::stream::{ElemKind, Stream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let prefix = arguments.next().ok_or("usage: origins PREFIX FILE…")?;
    let mut builder = Stream::builder().filter(&format!("prefix exact {prefix}"))?;
    for path in arguments {
        builder = builder.path(path)?;
    }
    let mut by_peer = BTreeMap::new();
    let mut before = BTreeSet::new();
    for elem in builder.build()?.elems() {
        let peer = (elem.peer_asn, elem.peer_address);
        match (elem.kind, elem.origin_asn()) {
            (ElemKind::Withdrawal, _) => by_peer.remove(&peer),
            (_, Some(origin)) => by_peer.insert(peer, origin),
            (_, None) => None,
        };
        let now: BTreeSet<_> = by_peer.values().copied().collect();
        if now != before {
            let names: Vec<_> = now.iter().map(|asn| format!("AS{asn}")).collect();
            println!("{} {prefix} {}", elem.time, names.join(" "));
            before = now;
        }
    }
    Ok(())
}
