//! The BGP Monitoring Protocol, version 3: what a router reports of its sessions, read and written.
//!
//! A pure codec: bytes in, values that borrow from them out, and the same back to the byte. The BGP messages inside stay
//! raw, because how they decode depends on the two OPENs that the Peer Up carried; [`Peers`] keeps that per peer.
//! A connection is a sequence of messages without padding, so damage to a length cannot be skipped: the caller closes it.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+
//! |    Version    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                        Message Length                         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   Msg. Type   |
//! +-+-+-+-+-+-+-+-+
//! ```
//!
//! RFC 7854 (BMP), RFC 8671 (Adj-RIB-Out), RFC 9069 (Loc-RIB), RFC 9736 (TLVs of Peer Up).
//!
//! ```
//! use oxabgp::bmp::{Message, MessageType, decode, frame};
//!
//! # fn main() -> Result<(), oxabgp::wire::WireError> {
//! // An Initiation with the name of the router (sysName), and the start of the next message.
//! let stream = [3, 0, 0, 0, 12, 4, 0, 2, 0, 2, b'r', b'1', 3, 0];
//! let length = frame(&stream)?.expect("a whole message");
//! let message = decode(&stream[..length])?;
//! assert_eq!(message.kind(), MessageType::INITIATION);
//! if let Message::Initiation(information) = message {
//!     assert_eq!(information.iter().count(), 1);
//! }
//! assert_eq!(frame(&stream[length..])?, None, "more bytes are needed");
//! # Ok(())
//! # }
//! ```

mod message;
mod openbmp;
mod peer;
mod peers;
mod tlv;

pub use message::{Message, PeerDown, PeerUp};
pub use openbmp::{OpenBmp, Unwrapped};
pub use peer::{PeerHeader, PeerType, Rib};
pub use peers::{MAX_PEERS, Peers};
pub use tlv::{Information, Mirrored, Statistic, Tlv, Tlvs};

use crate::wire::{Reader, WireError};

/// The version that this codec reads and writes.
pub const VERSION: u8 = 3;
/// Bytes of the common header.
pub const HEADER: usize = 6;
/// Largest message that is read, in bytes. A Peer Up with two OPENs of 64 KiB and its TLVs stays below it.
pub const MAX: usize = 1 << 18;

/// The type of a message (IANA registry "BMP Message Types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageType(pub u8);

impl MessageType {
    /// Route Monitoring (RFC 7854 section 4.6).
    pub const ROUTE_MONITORING: Self = Self(0);
    /// Statistics Report (section 4.8).
    pub const STATISTICS_REPORT: Self = Self(1);
    /// Peer Down Notification (section 4.9).
    pub const PEER_DOWN: Self = Self(2);
    /// Peer Up Notification (section 4.10).
    pub const PEER_UP: Self = Self(3);
    /// Initiation (section 4.3).
    pub const INITIATION: Self = Self(4);
    /// Termination (section 4.5).
    pub const TERMINATION: Self = Self(5);
    /// Route Mirroring (section 4.7).
    pub const ROUTE_MIRRORING: Self = Self(6);
}

/// Finds the first whole message of `buffer`: its length in bytes, header included, or `None` when more bytes are needed.
///
/// # Errors
/// A version other than 3, or a length below that of the header or above [`MAX`]: the stream cannot be followed any further.
pub fn frame(buffer: &[u8]) -> Result<Option<usize>, WireError> {
    if buffer.first().is_some_and(|version| *version != VERSION) {
        return Err(WireError {
            what: "BMP version 3",
            offset: 0,
        });
    }
    let Some(header) = buffer.first_chunk::<HEADER>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
    match usize::try_from(length) {
        Ok(length) if (HEADER..=MAX).contains(&length) => {
            Ok((length <= buffer.len()).then_some(length))
        }
        _ => Err(WireError {
            what: "a message length from 6 to 262,144",
            offset: 1,
        }),
    }
}

/// The peer and the UPDATE of a Route Monitoring message that [`decode`] refuses because its UPDATE, by the length of its own
/// header, ends before or after the message. `None` if that is not what is wrong with `message`.
pub fn misfit(message: &[u8]) -> Option<(PeerHeader, &[u8])> {
    let (header, body) = message.split_first_chunk::<HEADER>()?;
    if header[0] != VERSION || MessageType(header[5]) != MessageType::ROUTE_MONITORING {
        return None;
    }
    let mut reader = Reader::new(body);
    let peer = PeerHeader::decode(&mut reader).ok()?;
    let update = reader.rest();
    let [.., high, low, kind] = update.first_chunk::<{ crate::bgp::message::HEADER }>()?;
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let is_update = *kind == 2 && length >= crate::bgp::message::HEADER;
    (is_update && length != update.len()).then_some((peer, update))
}

/// Reads one whole message, header included.
///
/// # Errors
/// The place and what was expected there. Bytes behind the last field of a Peer Down without data are refused as well.
pub fn decode(message: &[u8]) -> Result<Message<'_>, WireError> {
    match frame(message)? {
        Some(length) if length == message.len() => {}
        _ => {
            return Err(WireError {
                what: "exactly one message",
                offset: 1,
            });
        }
    }
    let mut reader = Reader::new(message);
    reader.take(HEADER - 1, "a common header")?;
    let kind = MessageType(reader.u8("a message type")?);
    Message::decode(kind, reader)
}
