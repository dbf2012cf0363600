//! The address of a peer, or a range of addresses: `192.0.2.1`, `192.0.2.0/24`, `fe80::1%eth0`.

use std::net::IpAddr;

use super::diagnostic::{Diagnostic, Report};
use crate::bgp::spelling::{self, Word};
use crate::bgp::zone::{self, Zone};
use crate::text::{Cursor, SyntaxError, value};

/// A peer's address, or range of addresses.
pub(crate) struct Peer {
    /// The first address.
    pub(crate) address: IpAddr,
    /// Length of the prefix.
    pub(crate) bits: u8,
    pub(crate) zone: Option<Zone>,
    /// How the address is written, if it is one.
    pub(crate) word: Option<Word>,
}

/// Returns `true` if `address` may have that zone.
pub(crate) const fn may_have(address: IpAddr, zone: Option<Zone>) -> bool {
    zone.is_none() || zone::is_link_local(address)
}

/// Reads the address, or range of addresses, of a peer.
pub(crate) fn read(c: &mut Cursor<'_>, report: &mut Report) -> Result<Peer, SyntaxError> {
    let span = c.span();
    let what = "the peer's address, or a range of addresses";
    let (address, bits, zone, word) = c.value(what, |word| {
        let (text, zone) = zone::split(word)?;
        let (address, bits) = value::prefix(text)?;
        let text = text.split('/').next().unwrap_or_default();
        let word = spelling::word(address, text);
        may_have(address, zone).then_some((address, bits, zone, word))
    })?;
    let network = crate::grammar::prefix::mask(address, bits);
    if network != address {
        report.add(
            Diagnostic::warning(
                span,
                "the range has bits set beyond its length: the network is used",
            )
            .with_help(format!("write `{network}/{bits}`")),
        );
    }
    let width = if address.is_ipv4() { 32 } else { 128 };
    Ok(Peer {
        address: network,
        bits,
        zone,
        word: word.filter(|_| bits == width),
    })
}
