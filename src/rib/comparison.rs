//! Determines whether two sets of attributes are encoded alike for a peer, however they were written.

use crate::bgp::attribute::{Attribute, PathAttribute};
use crate::bgp::attribute::{aigp, as_path, local_pref, next_hop, origin};
use crate::bgp::next_hop_rule::resolve;
use crate::bgp::{AttributeSet, Family, Sender};

/// Attributes that a session may add, drop or resolve, so that different values may have the same encoding.
const DEPENDS_ON_SESSION: [u8; 5] = [
    origin::Origin::CODE,
    as_path::AsPath::CODE,
    next_hop::NextHopAttribute::CODE,
    local_pref::LocalPref::CODE,
    aigp::Aigp::CODE,
];

/// Compares encoded attributes, reusing its buffers.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    left: Vec<u8>,
    right: Vec<u8>,
}

impl Comparison {
    /// Returns `true` if both sets have the same encoding on the session of `sender`.
    pub(crate) fn is_same(
        &mut self,
        left: &AttributeSet,
        right: &AttributeSet,
        family: Family,
        sender: &Sender,
    ) -> bool {
        if left == right {
            return true;
        }
        if differ_everywhere(left, right) {
            return false;
        }
        self.left.clear();
        self.right.clear();
        write(left, family, sender, &mut self.left)
            && write(right, family, sender, &mut self.right)
            && self.left == self.right
    }
}

/// Returns `true` if the sets differ in an attribute that is independent of the session. Decides nearly all
/// comparisons without encoding.
fn differ_everywhere(left: &AttributeSet, right: &AttributeSet) -> bool {
    let differing = |one: &&Attribute| !DEPENDS_ON_SESSION.contains(&one.code()) && !is_empty(one);
    !left
        .list()
        .iter()
        .filter(differing)
        .eq(right.list().iter().filter(differing))
}

/// Returns `true` for an empty list of communities or clusters, which is not sent at all.
fn is_empty(attribute: &Attribute) -> bool {
    !attribute.is_shown()
}

/// Appends what distinguishes routes with these attributes on the session; returns `false` if the session cannot send
/// them.
fn write(attributes: &AttributeSet, family: Family, sender: &Sender, out: &mut Vec<u8>) -> bool {
    let Ok(hop) = resolve(family, attributes.next_hops(), sender) else {
        return false;
    };
    let field = hop.field.unwrap_or_default();
    out.extend_from_slice(&field);
    // A field of length 0 is that of a FlowSpec route, which is never sent in the body.
    out.extend_from_slice(&field.len().to_be_bytes());
    attributes.encode(out, sender, family).is_ok()
}
