//! CLUSTER_LIST (RFC 4456 section 8).

use std::net::Ipv4Addr;

use super::{PathAttribute, flags};
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError, Writer};

/// The clusters that the route was reflected by, the nearest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClusterList(pub Box<[Ipv4Addr]>);

impl PathAttribute for ClusterList {
    const CODE: u8 = iana::attribute::CLUSTER_LIST;
    const FLAGS: u8 = flags::OPTIONAL;
    const NAME: &'static str = "cluster-list";
    // RFC 7606 7.10: "it SHALL be considered malformed if its length is not a non-zero multiple of 4. If malformed, the UPDATE
    // message SHALL be handled using the approach of 'treat-as-withdraw'."
    const MALFORMED: Severity = Severity::TreatAsWithdraw;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        let mut list = Vec::with_capacity(r.remaining() / 4);
        while !r.is_empty() {
            list.push(r.array::<4>("cluster identifiers of four bytes")?.into());
        }
        Ok(Self(list.into()))
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        for id in &self.0 {
            w.bytes(&id.octets());
        }
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        c.list(|c| c.value("an IPv4 address", value::ipv4))
            .map(|list| Self(list.into()))
    }

    fn json(&self, w: &mut JsonWriter) {
        w.raw("[ ");
        w.list(&self.0, |w, id| {
            w.display(id);
        });
        w.raw(" ]");
    }

    fn text(&self, out: &mut String) {
        out.push_str("cluster-list [");
        for id in &self.0 {
            out.push_str(&format!(" {id}"));
        }
        out.push_str(" ]");
    }

    fn is_shown(&self) -> bool {
        !self.0.is_empty()
    }

    fn malformed(cx: &Codec) -> Severity {
        super::internal_only(cx)
    }
}
