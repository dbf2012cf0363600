//! The text of a route, which the formats share.

use crate::bgp::NlriRef;
use crate::bgp::nlri::Nlri;
use crate::stream::address::{self, Dialect, prefix};
use crate::stream::block::{Block, ElemKind, Route, family_bits};

/// Appends the text of a route of a block.
pub(super) fn nlri(out: &mut Vec<u8>, block: &Block<'_>, route: &Route<'_>) {
    text(out, block.nlri(route));
}

/// The text of the route of an elem of this kind.
pub(in crate::stream) fn of(kind: ElemKind, nlri: &Nlri) -> String {
    let shown = NlriRef {
        withdrawn: kind == ElemKind::Withdrawal,
        ..nlri.as_ref()
    };
    address::text(|out| text(out, shown))
}

/// Appends the text of a route: a prefix, or the sentence of a family of another form; without its path identifier.
fn text(out: &mut Vec<u8>, nlri: NlriRef<'_>) {
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
