//! AS4_PATH (RFC 6793 section 3): the four-octet path next to a two-octet AS_PATH.
//!
//! It is only used on the wire: on a two-octet session it is merged into AS_PATH when received and generated when
//! sent (see [`encode`](super::encode())); on a four-octet session it is discarded.

use super::as_path::AsPath;
use super::{PathAttribute, flags};
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError};
use crate::wire::{Reader, WireError, Writer};

/// The path with all its four-octet AS numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct As4Path(pub Box<AsPath>);

impl PathAttribute for As4Path {
    const CODE: u8 = iana::attribute::AS4_PATH;
    const FLAGS: u8 = flags::OPTIONAL_TRANSITIVE;
    const NAME: &'static str = "as4-path";
    const KEYWORDS: &'static [&'static str] = &[];
    // RFC 6793 6: "A NEW BGP speaker that receives a malformed AS4_PATH attribute in an UPDATE message from an OLD BGP
    // speaker MUST discard the attribute and continue processing the UPDATE message."
    const MALFORMED: Severity = Severity::Discard;
    const MAY_BE_EMPTY: bool = true;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        // RFC 6793 6: confederation segments in AS4_PATH "MUST be discarded".
        let path = AsPath::decode_octets(r, true)?;
        Ok(Self(Box::new(path.without_confederations())))
    }

    fn check(&self, _: &Codec) -> Result<(), (Severity, &'static str)> {
        // RFC 7607 2 makes it malformed. It is not merely discarded like other errors here, since the path would then
        // go through AS_TRANS.
        if self.0.has_as_zero() {
            return Err((Severity::TreatAsWithdraw, "AS 0 in a path"));
        }
        Ok(())
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        self.0.encode_octets(w, true);
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        AsPath::parse(AsPath::NAME, c).map(|path| Self(Box::new(path)))
    }

    fn json(&self, w: &mut JsonWriter) {
        self.0.json(w);
    }

    fn text(&self, out: &mut String) {
        self.0.text(out);
    }

    fn is_accepted(cx: &Codec) -> bool {
        // RFC 6793 4.1: from a speaker with four-octet AS numbers it "MUST be discarded".
        !cx.asn4
    }
}
