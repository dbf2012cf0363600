//! Route refresh: the normal one (RFC 2918), Cisco's earlier code for it, and enhanced (RFC 7313). None has a value.

use super::CapabilityCodec;
use crate::bgp::iana;
use crate::json::JsonWriter;
use crate::wire::{Reader, WireError, Writer};

/// ROUTE-REFRESH is supported (RFC 2918).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteRefresh;

/// The same with Cisco's code from before the RFC; only received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CiscoRouteRefresh;

/// BoRR and EoRR are supported (RFC 7313 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EnhancedRouteRefresh;

impl CapabilityCodec for RouteRefresh {
    const CODE: u8 = iana::capability::ROUTE_REFRESH;
    const NAME: &'static str = "route-refresh";

    fn decode(_: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self)
    }

    fn encode(&self, _: &mut Writer<'_>) {}

    fn json(_: &[&Self], w: &mut JsonWriter) {
        w.raw("{ \"name\": \"route-refresh\", \"variant\": \"RFC\" }");
    }

    fn text(_: &[&Self], out: &mut String) {
        out.push_str("route refresh");
    }
}

impl CapabilityCodec for CiscoRouteRefresh {
    const CODE: u8 = iana::capability::PRESTANDARD_ROUTE_REFRESH;
    const NAME: &'static str = "cisco-route-refresh";

    fn decode(_: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self)
    }

    fn encode(&self, _: &mut Writer<'_>) {}

    fn json(_: &[&Self], w: &mut JsonWriter) {
        w.raw("{ \"name\": \"route-refresh\", \"variant\": \"Cisco\" }");
    }

    fn text(_: &[&Self], out: &mut String) {
        out.push_str("cisco route refresh");
    }
}

impl CapabilityCodec for EnhancedRouteRefresh {
    const CODE: u8 = iana::capability::ENHANCED_ROUTE_REFRESH;
    const NAME: &'static str = "enhanced-route-refresh";

    fn decode(_: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self)
    }

    fn encode(&self, _: &mut Writer<'_>) {}

    fn json(_: &[&Self], w: &mut JsonWriter) {
        w.raw("{ \"name\": \"enhanced-route-refresh\" }");
    }

    fn text(_: &[&Self], out: &mut String) {
        out.push_str("enhanced route refresh");
    }
}
