//! Multi-session (draft-ietf-idr-bgp-multisession-07 section 4), and Cisco's code for it.
//!
//! ```text
//! +---------------------------------+
//! | Flags (1 octet)                 |
//! +---------------------------------+
//! | Session Id: capability codes    |
//! | (1 octet each)                  |
//! ```
//!
//! The wire form is that of ExaBGP 5.0: a capability with only the flags, then one for each code that contains only
//! that octet. A receiver that uses the first instance, as the draft requires, reads an empty Session Id, which means
//! multiprotocol.

use super::CapabilityCodec;
use crate::bgp::iana;
use crate::json::JsonWriter;
use crate::wire::{Reader, WireError, Writer};

/// Several sessions are supported, distinguished by these capability codes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Multisession(pub Vec<u8>);

/// The same with Cisco's code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CiscoMultisession(pub Vec<u8>);

impl CapabilityCodec for Multisession {
    const CODE: u8 = iana::capability::MULTISESSION;
    const NAME: &'static str = "multi-session";

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self(session_id(r)))
    }

    fn encode(&self, w: &mut Writer<'_>) {
        w.u8(0);
        w.bytes(&self.0);
    }

    fn values(&self) -> Vec<Vec<u8>> {
        values(&self.0)
    }

    fn json(all: &[&Self], w: &mut JsonWriter) {
        if let Some(first) = all.first() {
            json("RFC", &first.0, w);
        }
    }

    fn text(all: &[&Self], out: &mut String) {
        if let Some(first) = all.first() {
            out.push_str("multisession (rfc) ");
            out.push_str(&names(&first.0).join(" "));
        }
    }
}

impl CapabilityCodec for CiscoMultisession {
    const CODE: u8 = iana::capability::PRESTANDARD_MULTISESSION;
    /// ExaBGP's spelling.
    const NAME: &'static str = "cisco-multi-sesion";

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self(session_id(r)))
    }

    fn encode(&self, w: &mut Writer<'_>) {
        w.u8(0);
        w.bytes(&self.0);
    }

    fn values(&self) -> Vec<Vec<u8>> {
        values(&self.0)
    }

    fn json(all: &[&Self], w: &mut JsonWriter) {
        if let Some(first) = all.first() {
            json("Cisco", &first.0, w);
        }
    }

    fn text(all: &[&Self], out: &mut String) {
        if let Some(first) = all.first() {
            out.push_str("multisession ");
            out.push_str(&names(&first.0).join(" "));
        }
    }
}

/// Reads flags and Session Id.
fn session_id(r: &mut Reader<'_>) -> Vec<u8> {
    // The flags octet is reserved; without it the Session Id is empty.
    let codes = r.rest().get(1..).unwrap_or_default();
    // Section 4: "The Multisession capability code itself MUST NOT be listed; if listed it MUST be ignored upon receipt."
    codes
        .iter()
        .copied()
        .filter(|code| ![Multisession::CODE, CiscoMultisession::CODE].contains(code))
        .collect()
}

fn values(codes: &[u8]) -> Vec<Vec<u8>> {
    let codes = codes.iter().map(|code| vec![*code]);
    std::iter::once(vec![0]).chain(codes).collect()
}

fn json(variant: &str, codes: &[u8], w: &mut JsonWriter) {
    w.raw("{ \"name\": \"multisession\", \"variant\": ")
        .string(variant)
        .raw(", \"capabilities\": [");
    for (index, name) in names(codes).iter().enumerate() {
        w.raw(if index > 0 { ", " } else { " " }).string(name);
    }
    w.raw(" ] }");
}

fn names(codes: &[u8]) -> Vec<String> {
    codes.iter().map(|code| name(*code)).collect()
}

/// ExaBGP's name for a capability code.
fn name(code: u8) -> String {
    let name = match code {
        0 => "reserved",
        iana::capability::MULTIPROTOCOL => "multiprotocol",
        iana::capability::ROUTE_REFRESH => "route-refresh",
        iana::capability::OUTBOUND_ROUTE_FILTERING => "outbound-route-filtering",
        iana::capability::MULTIPLE_ROUTES => "multiple-routes",
        iana::capability::EXTENDED_NEXT_HOP => "nexthop",
        iana::capability::EXTENDED_MESSAGE => "extended-message",
        iana::capability::GRACEFUL_RESTART => "graceful-restart",
        iana::capability::FOUR_OCTET_AS => "asn4",
        iana::capability::DYNAMIC_CAPABILITY => "dynamic-capability",
        iana::capability::MULTISESSION => "multi-session",
        iana::capability::ADD_PATH => "add-path",
        iana::capability::ENHANCED_ROUTE_REFRESH => "enhanced-route-refresh",
        iana::capability::FQDN => "hostname",
        iana::capability::SOFTWARE_VERSION => "software-version",
        iana::capability::PRESTANDARD_ROUTE_REFRESH => "cisco-route-refresh",
        iana::capability::PRESTANDARD_MULTISESSION => "cisco-multi-sesion",
        iana::capability::PRESTANDARD_OPERATIONAL => "operational",
        71..=127 => return format!("unassigned-{code:#x}"),
        129.. => return format!("reserved-{code:#x}"),
        _ => return format!("capability-{code:#x}"),
    };
    name.to_owned()
}
