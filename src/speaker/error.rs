//! Why a server refuses a call.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::control::PeerKey;
use super::writer::WriteError;

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
    /// The server has shut down.
    #[error("the server has shut down")]
    Stopped,
}
