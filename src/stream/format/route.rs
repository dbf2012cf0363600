//! The text of a route, which the formats share.

use crate::bgp::NlriRef;
use crate::stream::address::{Dialect, prefix};
use crate::stream::block::{Block, Route, family_bits};

/// Appends the text of a route: a prefix, or the sentence of a family of another form.
pub(crate) fn nlri(out: &mut Vec<u8>, block: &Block<'_>, route: &Route<'_>) {
    if family_bits(block.family).is_some() {
        prefix(out, block.family.afi, route.nlri, Dialect::Inet);
        return;
    }
    let one = NlriRef {
        family: block.family,
        path_id: None,
        bytes: route.nlri,
    };
    // A bar would end a column.
    out.extend(
        one.to_string()
            .bytes()
            .map(|byte| if byte == b'|' { b'/' } else { byte }),
    );
}
