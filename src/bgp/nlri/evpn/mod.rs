//! EVPN routes (RFC 7432 section 7, RFC 9136): types 1 to 5. Later types are opaque.
//!
//! ```text
//! +-----------------------------------+
//! |    Route Type (1 octet)           |
//! +-----------------------------------+
//! |     Length (1 octet)              |
//! +-----------------------------------+
//! | Route Type specific (variable)    |
//! +-----------------------------------+
//! ```
//!
//! [`Route`] is a decoded route; [`parse`] reads the syntax for announcing one, which ExaBGP does not have.

use super::{NlriCodec, NlriKey, NlriRef, push_family_sentence, push_sentence, typed};
use crate::bgp::family::Family;
use crate::bgp::nexthop::NextHop;
use crate::json::{JsonWriter, hex};
use crate::wire::{Reader, WireError};

mod identifier;
mod parse;
mod route;

pub use identifier::{Esi, Mac};
pub use parse::parse;
pub use route::{Route, Tail};

/// ExaBGP answers these errors with 3/5 instead of 3/10.
pub(super) const ADDRESS_LENGTH: &str =
    "a MAC address of 48 bits and an IP address of 0, 32 or 128";
pub(super) const PREFIX_LENGTH: &str = "an IP prefix route of 34 or 58 octets";

/// Routes of layer-2 networks.
#[derive(Clone, Copy, Debug)]
pub struct Evpn;

impl NlriCodec for Evpn {
    const FAMILIES: &'static [Family] = &[Family::EVPN];

    fn frame<'a>(_: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
        typed::frame(r, Route::decode)
    }

    fn key(_: Family, bytes: &[u8], key: &mut NlriKey) {
        match Route::of(bytes) {
            Some(route) => route.key(key),
            None => key.extend_from_slice(bytes),
        }
    }

    fn json(nlri: NlriRef<'_>, _: Option<NextHop>, w: &mut JsonWriter) {
        let code = nlri.bytes.first().copied().unwrap_or_default();
        w.raw("{ \"code\": ").number(code).raw(", \"parsed\": ");
        let route = Route::of(nlri.bytes);
        w.boolean(route.is_some())
            .raw(", \"raw\": ")
            .string(&hex(nlri.bytes));
        if let Some(route) = route {
            w.raw(", ");
            route.json(w);
        }
        w.raw(" }");
    }

    fn text(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        push_family_sentence(nlri, next_hop, out);
    }

    fn show(nlri: NlriRef<'_>, _: Option<NextHop>, out: &mut String) {
        match Route::of(nlri.bytes) {
            Some(route) => route.listing(out),
            // Without type and length, as in ExaBGP.
            None => out.push_str(&format!(
                "evpn:unknown:0x{}",
                hex(nlri.bytes.get(2..).unwrap_or_default()).to_lowercase()
            )),
        }
    }

    fn grammar(nlri: NlriRef<'_>, out: &mut String) {
        let words = Route::of(nlri.bytes).map(|route| route.words());
        push_sentence(nlri, "evpn", words, parse, out);
    }
}
