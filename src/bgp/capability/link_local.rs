//! Link-local next hop (draft-ietf-idr-linklocal-capability): a next hop that is a single link-local address. No
//! value.

use super::CapabilityCodec;
use crate::bgp::iana;
use crate::wire::{Reader, WireError, Writer};

/// A next hop that is only a link-local address is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkLocalNexthop;

impl CapabilityCodec for LinkLocalNexthop {
    const CODE: u8 = iana::capability::LINK_LOCAL_NEXT_HOP;
    const NAME: &'static str = "link-local-nexthop";

    fn decode(_: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self)
    }

    fn encode(&self, _: &mut Writer<'_>) {}
}
