//! Addresses of a neighbor as its configuration writes them.
//!
//! An IPv6 address has many notations: `2001:DB8:0:0::1` is displayed as `2001:db8::1`. ExaBGP keeps that of the configuration
//! in events and tables, and helpers compare it. It is not part of [`IpAddr`], so it is kept beside the addresses.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::zone::{Zone, Zoned};

/// How a configuration writes the addresses of a neighbor that are displayed otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spelling(Option<Arc<Both>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Both {
    peer: Option<Word>,
    local: Option<Word>,
}

/// An address, and its unusual notation.
pub(crate) type Word = (IpAddr, Box<str>);

/// An address as it is shown: as it is written, and with the zone of its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<'a> {
    written: Option<&'a str>,
    address: Zoned,
}

impl Spelling {
    /// Both addresses are written as they are displayed.
    pub const USUAL: Self = Self(None);

    /// The peer's address and ours, with their [notations](word).
    #[cfg(feature = "daemon")]
    pub(crate) fn new(peer: Option<Word>, local: Option<Word>) -> Self {
        let is_usual = peer.is_none() && local.is_none();
        Self((!is_usual).then(|| Arc::new(Both { peer, local })))
    }

    /// The peer's address as it is shown. One that is not that of the configuration has no other notation.
    pub fn peer(&self, address: IpAddr, zone: Option<Zone>) -> Shown<'_> {
        self.shown(|both| both.peer.as_ref(), Zoned(address, zone))
    }

    /// Our address as it is shown.
    pub fn local(&self, address: IpAddr, zone: Option<Zone>) -> Shown<'_> {
        self.shown(|both| both.local.as_ref(), Zoned(address, zone))
    }

    fn shown(&self, side: impl FnOnce(&Both) -> Option<&Word>, address: Zoned) -> Shown<'_> {
        let word = self.0.as_deref().and_then(side);
        let word = word.filter(|(written, _)| *written == address.0);
        Shown {
            written: word.map(|(_, text)| &**text),
            address,
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.written {
            Some(text) => {
                f.write_str(text)?;
                self.address.write_zone(f)
            }
            None => self.address.fmt(f),
        }
    }
}

/// An address that is written as `text`, if it is displayed otherwise.
#[cfg(feature = "daemon")]
pub(crate) fn word(address: IpAddr, text: &str) -> Option<Word> {
    (address.to_string() != text).then(|| (address, text.into()))
}

#[cfg(all(test, feature = "daemon"))]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_as_it_is_written() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let (peer, local) = ("2001:DB8:0:0::1", "FE80::1");
        let spelling = Spelling::new(word(address(peer), peer), word(address(local), local));
        let zone = Zone::new("eth0");
        assert_eq!(spelling.peer(address(peer), None).to_string(), peer);
        assert_eq!(
            spelling.local(address(local), zone).to_string(),
            "FE80::1%eth0"
        );
        assert_eq!(
            spelling.local(address(peer), zone).to_string(),
            "2001:db8::1"
        );
        assert_eq!(
            Spelling::USUAL.peer(address(local), zone).to_string(),
            "fe80::1%eth0"
        );
        assert_eq!(word(address("::1"), "::1"), None);
        assert_eq!(Spelling::new(None, None), Spelling::USUAL);
    }
}
