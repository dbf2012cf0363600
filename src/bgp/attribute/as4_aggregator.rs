//! AS4_AGGREGATOR (RFC 6793 section 3): the four-octet form next to a two-octet AGGREGATOR; see [`as4_path`](super::as4_path).

use super::aggregator::Aggregator;
use super::{PathAttribute, flags};
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError};
use crate::wire::{Reader, WireError, Writer};

/// The aggregator with its four-octet AS number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct As4Aggregator(pub Aggregator);

impl PathAttribute for As4Aggregator {
    const CODE: u8 = iana::attribute::AS4_AGGREGATOR;
    const FLAGS: u8 = flags::OPTIONAL_TRANSITIVE;
    const NAME: &'static str = Aggregator::NAME;
    const KEYWORDS: &'static [&'static str] = &[];
    // RFC 6793 6: "The AS4_AGGREGATOR attribute […] SHALL be considered malformed if the attribute length is not 8"; discard.
    const MALFORMED: Severity = Severity::Discard;
    const MAY_BE_EMPTY: bool = true;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        Aggregator::decode_octets(r, true).map(Self)
    }

    fn check(&self, cx: &Codec) -> Result<(), (Severity, &'static str)> {
        self.0.check(cx)
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        self.0.encode_octets(w, true);
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        Aggregator::parse(Aggregator::NAME, c).map(Self)
    }

    fn json(&self, w: &mut JsonWriter) {
        self.0.json(w);
    }

    fn text(&self, out: &mut String) {
        self.0.text(out);
    }

    fn is_accepted(cx: &Codec) -> bool {
        !cx.asn4
    }
}
