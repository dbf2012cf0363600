//! Why a server refuses a call, and a session a message.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use super::status::PeerKey;
use crate::bgp::Family;
use crate::bgp::attribute::encode::EncodeError;
use crate::rib::Refusal;

/// Why a server could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No listening socket at that address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// The MD5 key or TTL of a peer could not be set on a listening socket.
    #[error("cannot protect connections from {peer}: {source}")]
    Guard {
        /// The peer.
        peer: IpAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// There is a neighbor of that name already.
    #[error("there is a neighbor `{0}` already")]
    Duplicate(String),
    /// A neighbor whose session could never come up.
    #[error("neighbor `{name}` can never come up: {field} {reason}")]
    Invalid {
        /// The name of the neighbor.
        name: String,
        /// The field of [`PeerConfig`](super::PeerConfig).
        field: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The neighbor has no session to write to.
    #[error("neighbor {0} has no session")]
    Down(PeerKey),
    /// A message was not taken.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// There is no such neighbor.
    #[error("there is no neighbor {0}")]
    Unknown(PeerKey),
    /// Too many commands wait for that neighbor.
    #[error("too many commands wait for neighbor {0}")]
    Busy(PeerKey),
    /// A call of another thread, or what made the plugin of a neighbor, panicked on the server's thread.
    #[error("the call panicked")]
    Panicked,
    /// The server has shut down.
    #[error("the server has shut down")]
    Stopped,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteError {
    /// There is no session: it has ended, or not come up.
    Closed,
    /// The message is longer than this session allows: 4,096 bytes, or 65,535 with extended messages (RFC 8654).
    TooLong,
    /// Too much waits already, because the peer is slow. Methods that wait never return this.
    Full,
    /// The session does not exchange routes of this family (RFC 4760 section 8).
    Family(Family),
    /// An IPv6 next hop of an IPv4 route, which the session did not negotiate (RFC 8950).
    NextHop(Family),
    /// The session cannot express a route.
    Encode(EncodeError),
    /// The peer did not offer route refresh (RFC 2918), or not the enhanced one (RFC 7313).
    Refresh,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "there is no session",
            Self::TooLong => "the message is longer than this session allows",
            Self::Full => "too much waits to be sent already",
            Self::Family(family) => return write!(f, "the session has no routes of {family}"),
            Self::NextHop(family) => {
                return write!(f, "an IPv6 next hop was not negotiated for {family}");
            }
            Self::Encode(error) => return error.fmt(f),
            Self::Refresh => "route refresh was not negotiated",
        })
    }
}

impl std::error::Error for WriteError {}

impl From<Refusal> for WriteError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooLong { .. } => Self::TooLong,
            Refusal::Encode(error) => Self::Encode(error),
        }
    }
}
