//! `show set`: the sets with their revisions, and a digest of each; after a start, how many routes nobody has declared again.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::api::command::SetListing;
use crate::journal::encode_attributes;
use crate::json::JsonWriter;
use crate::rib::Leased;

use super::core::Core;
use super::journal::UNCLAIMED;
use super::queue::Make;
use super::sets::set_of;

/// Routes in one turn.
const STEP: usize = 4_096;

/// A function that lists sets: revision, digest, number of routes.
pub(crate) fn listed(core: &Rc<Core>, listing: SetListing, end: String) -> Make {
    let core = Rc::downgrade(core);
    let mut found = Found::new();
    let mut from = Some(0);
    let mut bytes = Vec::new();
    Box::new(move |out| {
        let Some(core) = core.upgrade() else {
            return false;
        };
        if let Some(at) = from {
            from = core.leases.visit(at, STEP, &mut |leased| {
                if let Some((set, key)) = set_of(leased.owner) {
                    let set = found.entry(set.to_owned()).or_default();
                    set.digest = set.digest.wrapping_add(hash(&leased, key, &mut bytes));
                    set.routes += 1;
                    set.unclaimed += usize::from(leased.run == UNCLAIMED);
                }
            });
            return true;
        }
        for (name, declared) in core.sets.declared() {
            let set = found.entry(name.to_string()).or_default();
            set.is_restored = !declared.is_claimed;
        }
        if let Some(name) = &listing.name {
            found.retain(|known, _| known == name);
            found.entry(name.clone()).or_default();
        }
        match listing.json {
            true => json(&core, &found, out),
            false => text(&core, &found, out),
        }
        out.push_str(&end);
        false
    })
}

/// Sets by name.
type Found = BTreeMap<String, Shown>;

/// What is shown of a set.
#[derive(Default)]
struct Shown {
    digest: u64,
    routes: usize,
    /// Routes that nobody has announced since the start.
    unclaimed: usize,
    /// Nobody has declared it since the start.
    is_restored: bool,
}

impl Shown {
    /// The number of routes that are withdrawn at the end of the claim-time unless they are declared again, if it is to be
    /// shown: equal digests alone would say that all is well.
    fn unclaimed(&self) -> Option<usize> {
        (self.is_restored || self.unclaimed > 0).then_some(self.unclaimed)
    }
}

fn text(core: &Core, found: &Found, out: &mut String) {
    for (name, set) in found {
        let revision = core.sets.revision(name);
        let revision = revision.map_or_else(|| "none".to_owned(), |number| number.to_string());
        let Shown { digest, routes, .. } = set;
        out.push_str(&format!(
            "{name} revision {revision} digest {digest:016x} routes {routes}"
        ));
        if let Some(unclaimed) = set.unclaimed() {
            out.push_str(&format!(" unclaimed {unclaimed}"));
        }
        out.push('\n');
    }
}

/// Writes an array on one line. A set that was only changed by keys has no revision.
fn json(core: &Core, found: &Found, out: &mut String) {
    let mut w = JsonWriter::new();
    w.raw("[ ");
    w.list(found, |w, (name, set)| {
        w.raw("{ ");
        w.key("name").string(name);
        if let Some(revision) = core.sets.revision(name) {
            w.raw(", ");
            w.key("revision").number(revision);
        }
        w.raw(", ");
        w.key("digest").display(format_args!("{:016x}", set.digest));
        w.raw(", ");
        w.key("routes").number(set.routes);
        if let Some(unclaimed) = set.unclaimed() {
            w.raw(", ");
            w.key("unclaimed").number(unclaimed);
        }
        w.raw(" }");
    });
    w.raw(" ]\n");
    out.push_str(w.as_str());
}

/// A hash of a route that is the same in all daemons. The digest of a set is the sum, so that the order does not matter; the
/// neighbors are not part of it, since they differ between daemons.
fn hash(leased: &Leased<'_>, key: Option<&str>, bytes: &mut Vec<u8>) -> u64 {
    bytes.clear();
    let nlri = leased.nlri;
    let (afi, safi) = (nlri.family.afi.0, nlri.family.safi.0);
    bytes.extend(afi.to_be_bytes());
    bytes.push(safi);
    bytes.extend(nlri.path_id.unwrap_or_default().to_be_bytes());
    for part in [&nlri.bytes[..], key.unwrap_or_default().as_bytes()] {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part);
    }
    let length = leased.length.map_or(0, |length| length.as_secs());
    bytes.extend(length.to_be_bytes());
    if let Some(attributes) = leased.attributes {
        encode_attributes(attributes, bytes);
    }
    // FNV-1a, then the finalizer of MurmurHash3: equal differences must not cancel out in a sum.
    let mut hash = bytes.iter().fold(0xCBF2_9CE4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    for factor in [0xFF51_AFD7_ED55_8CCD, 0xC4CE_B9FE_1A85_EC53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}
