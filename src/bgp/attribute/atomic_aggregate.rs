//! ATOMIC_AGGREGATE (RFC 4271 section 5.1.6): a flag without a value.

use super::{PathAttribute, flags};
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError};
use crate::wire::{Reader, WireError, Writer};

/// Part of the path was lost in an aggregation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AtomicAggregate;

impl PathAttribute for AtomicAggregate {
    const CODE: u8 = iana::attribute::ATOMIC_AGGREGATE;
    const FLAGS: u8 = flags::WELL_KNOWN;
    const NAME: &'static str = "atomic-aggregate";
    // RFC 7606 7.6: "An UPDATE message with a malformed ATOMIC_AGGREGATE attribute SHALL be handled using 'attribute discard'."
    const MALFORMED: Severity = Severity::Discard;
    const MAY_BE_EMPTY: bool = true;

    fn decode(_: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        Ok(Self)
    }

    fn encode(&self, _: &mut Writer<'_>, _: &Codec) {}

    fn parse(_: &str, _: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        Ok(Self)
    }

    fn json(&self, w: &mut JsonWriter) {
        w.boolean(true);
    }

    fn text(&self, out: &mut String) {
        out.push_str(Self::NAME);
    }
}
