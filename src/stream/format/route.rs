//! The text of a route, which the formats share.

use crate::bgp::NlriRef;
use crate::stream::address::{Dialect, prefix};
use crate::stream::block::{Block, Route, family_bits};

/// Appends the text of a route of a block.
pub(super) fn nlri(out: &mut Vec<u8>, block: &Block<'_>, route: &Route<'_>) {
    text(out, block.nlri(route));
}

/// Appends the text of a route: a prefix, or the sentence of a family of another form; without its path identifier.
pub(in crate::stream) fn text(out: &mut Vec<u8>, nlri: NlriRef<'_>) {
    if family_bits(nlri.family).is_some() {
        prefix(out, nlri.family.afi, nlri.bytes, Dialect::Inet);
        return;
    }
    let one = NlriRef {
        path_id: None,
        ..nlri
    };
    // A bar would end a column.
    out.extend(
        one.to_string()
            .bytes()
            .map(|byte| if byte == b'|' { b'/' } else { byte }),
    );
}
