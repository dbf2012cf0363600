//! The text of a route, which the formats share.

use crate::bgp::{Family, NlriRef};
use crate::stream::address::{Dialect, prefix};
use crate::stream::block::{Block, ElemKind, Route, family_bits};

/// Appends the text of a route of a block.
pub(super) fn nlri(out: &mut Vec<u8>, block: &Block<'_>, route: &Route<'_>) {
    let withdrawn = block.kind == ElemKind::Withdrawal;
    text(out, (block.family, withdrawn), route.nlri);
}

/// Appends the text of a route of a family, withdrawn or not: a prefix, or the sentence of a family of another form.
pub(in crate::stream) fn text(out: &mut Vec<u8>, (family, withdrawn): (Family, bool), nlri: &[u8]) {
    if family_bits(family).is_some() {
        prefix(out, family.afi, nlri, Dialect::Inet);
        return;
    }
    let one = NlriRef {
        family,
        path_id: None,
        bytes: nlri,
        withdrawn,
    };
    // A bar would end a column.
    out.extend(
        one.to_string()
            .bytes()
            .map(|byte| if byte == b'|' { b'/' } else { byte }),
    );
}
