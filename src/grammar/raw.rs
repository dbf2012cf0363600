//! `raw 0xHEX …`: the bytes of one NLRI of any family, the form of those that have no other syntax.

use super::builder::TailBuilder;
use super::route_text::{Place, RouteText, Verb};
use crate::bgp::nlri::{check, frame, malformed};
use crate::bgp::{Family, Nlri, NlriRef, Severity};
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError};

/// Reads the bytes, then attributes.
///
/// # Errors
/// When they are not one NLRI of `family`, or are followed by anything but attributes.
pub(super) fn route(
    c: &mut Cursor<'_>,
    family: Family,
    verb: Verb,
) -> Result<RouteText, SyntaxError> {
    let mut nlri = nlri(family, c)?;
    let mut tail = TailBuilder::new(Place::Family(family)).of_whole_nlri();
    while !c.is_empty() && !c.accept(";") {
        tail.keyword(c)?;
    }
    nlri.path_id = tail.path_id();
    Ok(tail.finish(verb, c.span())?.text(vec![nlri]))
}

fn nlri(family: Family, c: &mut Cursor<'_>) -> Result<Nlri, SyntaxError> {
    const EXPECTED: &str = "the bytes of one NLRI in hexadecimal, `0x…`";
    c.expect("raw")?;
    let span = c.span();
    let bytes = c.value(EXPECTED, |word| {
        value::hex(word).filter(|_| word.starts_with("0x"))
    })?;
    let mut r = Reader::new(&bytes);
    match frame(family, &mut r).and_then(|framed| sendable(family, framed)) {
        Ok(()) if r.is_empty() && !bytes.is_empty() => Ok(Nlri::new(family, None, &bytes)),
        Ok(_) => Err(SyntaxError::new(
            span,
            "these bytes are not exactly one NLRI",
        )),
        Err(error) => Err(SyntaxError::new(
            span,
            format!("this is not an NLRI of `{family}`: {error}"),
        )),
    }
}

/// Refuses an NLRI that peers would discard.
fn sendable(family: Family, bytes: &[u8]) -> Result<(), WireError> {
    let nlri = NlriRef {
        family,
        path_id: None,
        bytes,
        withdrawn: false,
    };
    match malformed(family) {
        Some(Severity::Discard) => check(nlri),
        _ => Ok(()),
    }
}
