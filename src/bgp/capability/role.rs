//! BGP role (RFC 9234 section 4): the speaker's role on the session.
//!
//! ```text
//! +---------------+
//! | Role (1 octet)|
//! +---------------+
//! ```

use std::fmt;

use super::CapabilityCodec;
use crate::bgp::iana;
use crate::wire::{Reader, WireError, Writer};

/// The role of the sender on this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BgpRole(pub u8);

impl BgpRole {
    /// The sender is a transit provider of the receiver.
    pub const PROVIDER: Self = Self(0);
    /// The sender is a transparent route server.
    pub const RS: Self = Self(1);
    /// The sender is a client of a route server.
    pub const RS_CLIENT: Self = Self(2);
    /// The sender is a customer of the receiver.
    pub const CUSTOMER: Self = Self(3);
    /// Sender and receiver are lateral peers.
    pub const PEER: Self = Self(4);

    const ALL: [Self; 5] = [
        Self::PROVIDER,
        Self::RS,
        Self::RS_CLIENT,
        Self::CUSTOMER,
        Self::PEER,
    ];

    /// The keyword in configurations, if it has one.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::PROVIDER => "provider",
            Self::RS => "rs",
            Self::RS_CLIENT => "rs-client",
            Self::CUSTOMER => "customer",
            Self::PEER => "peer",
            _ => return None,
        })
    }

    /// The role with that keyword.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == Some(name))
    }

    /// Returns `true` if the two ends of a session may have these roles (RFC 9234 table 2).
    pub const fn agrees(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::PROVIDER, Self::CUSTOMER)
                | (Self::CUSTOMER, Self::PROVIDER)
                | (Self::RS, Self::RS_CLIENT)
                | (Self::RS_CLIENT, Self::RS)
                | (Self::PEER, Self::PEER)
        )
    }
}

impl fmt::Display for BgpRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "role-{}", self.0),
        }
    }
}

impl CapabilityCodec for BgpRole {
    const CODE: u8 = iana::capability::BGP_ROLE;
    const NAME: &'static str = "role";

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        r.u8("a BGP role").map(Self)
    }

    fn encode(&self, w: &mut Writer<'_>) {
        w.u8(self.0);
    }
}
