//! Messages: the header and the six message types (RFC 4271 section 4, RFC 2918, draft-ietf-idr-operational-message).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                           Marker (16 octets, all ones)        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |          Length               |      Type     |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use std::fmt;

use crate::bgp::iana::notification as codes;
use crate::wire::Writer;

pub mod notification;
pub mod open;
pub mod operational;
pub mod refresh;
pub mod update;

use notification::Notification;

/// Length of the header, in bytes.
pub const HEADER: usize = 19;
/// Maximum message size without RFC 8654, header included, in bytes.
pub const MAX: usize = 4_096;
/// Maximum message size with RFC 8654, header included, in bytes.
pub const MAX_EXTENDED: usize = 65_535;

/// The type of a message (IANA).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageType(pub u8);

impl MessageType {
    /// OPEN.
    pub const OPEN: Self = Self(1);
    /// UPDATE.
    pub const UPDATE: Self = Self(2);
    /// NOTIFICATION.
    pub const NOTIFICATION: Self = Self(3);
    /// KEEPALIVE.
    pub const KEEPALIVE: Self = Self(4);
    /// ROUTE-REFRESH (RFC 2918).
    pub const ROUTE_REFRESH: Self = Self(5);
    /// OPERATIONAL (draft-ietf-idr-operational-message).
    pub const OPERATIONAL: Self = Self(6);

    /// The name in events and configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OPEN => "open",
            Self::UPDATE => "update",
            Self::NOTIFICATION => "notification",
            Self::KEEPALIVE => "keepalive",
            Self::ROUTE_REFRESH => "route-refresh",
            Self::OPERATIONAL => "operational",
            _ => "unknown",
        }
    }

    /// Minimum size of a message of this type, header included, in bytes; `None` for an unknown type.
    const fn smallest(self) -> Option<usize> {
        Some(match self {
            Self::OPEN => 29,
            Self::UPDATE => 23,
            Self::NOTIFICATION => 21,
            Self::KEEPALIVE => 19,
            Self::ROUTE_REFRESH => 23,
            // A shorter body is an error in the message, 5/0.
            Self::OPERATIONAL => 19,
            _ => return None,
        })
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The direction of a message. `Display` is the name in events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From us to the peer.
    Send,
    /// From the peer to us.
    Receive,
}

impl Direction {
    /// The name in events: `send` or `receive`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Receive => "receive",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A received message with a valid header and an unparsed body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawMessage {
    /// Its type.
    pub kind: MessageType,
    /// The whole message, header included.
    pub bytes: bytes::Bytes,
}

impl RawMessage {
    /// The bytes after the header.
    pub fn body(&self) -> &[u8] {
        self.bytes.get(HEADER..).unwrap_or_default()
    }

    /// The bytes after the header, sharing the buffer.
    pub fn body_bytes(&self) -> bytes::Bytes {
        self.bytes.slice(HEADER.min(self.bytes.len())..)
    }
}

/// The header of a message with a body of `body` bytes.
pub fn header(kind: MessageType, body: usize) -> [u8; HEADER] {
    let mut header = [0xFF; HEADER];
    // A body comes from a message or fits in one: at most 65,516 bytes (RFC 8654).
    let length = u16::try_from(HEADER + body).unwrap_or(u16::MAX);
    header[16..18].copy_from_slice(&length.to_be_bytes());
    header[18] = kind.0;
    header
}

/// Splits the next complete message off `buffer`. Returns `None` if more bytes are needed.
///
/// # Errors
/// Returns the NOTIFICATION to answer with if the header is malformed (RFC 4271 section 6.1): 1/1 marker, 1/2 length,
/// 1/3 type.
pub fn frame(buffer: &mut bytes::BytesMut, max: usize) -> Result<Option<RawMessage>, Notification> {
    let Some(header) = buffer.first_chunk::<HEADER>() else {
        return Ok(None);
    };
    if header[..16] != [0xFF; 16] {
        return Err(Notification::new(
            1,
            1,
            b"The packet received does not contain a BGP marker".to_vec(),
        ));
    }
    let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
    let kind = MessageType(header[18]);
    let bad_length = || {
        Notification::new(
            codes::MESSAGE_HEADER,
            codes::header::BAD_MESSAGE_LENGTH,
            header[16..18].to_vec(),
        )
    };
    // RFC 8654 section 4: OPEN and KEEPALIVE never exceed 4,096 bytes.
    let max = if matches!(kind, MessageType::OPEN | MessageType::KEEPALIVE) {
        MAX
    } else {
        max
    };
    if length < HEADER || length > max {
        return Err(bad_length());
    }
    match kind.smallest() {
        // RFC 4271 6.1: "The Data field MUST contain the erroneous Type field."
        None => {
            return Err(Notification::new(
                codes::MESSAGE_HEADER,
                codes::header::BAD_MESSAGE_TYPE,
                vec![kind.0],
            ));
        }
        Some(smallest) if length < smallest => return Err(bad_length()),
        Some(exact) if kind == MessageType::KEEPALIVE && length != exact => {
            return Err(bad_length());
        }
        Some(_) => {}
    }
    if buffer.len() < length {
        return Ok(None);
    }
    Ok(Some(RawMessage {
        kind,
        bytes: buffer.split_to(length).freeze(),
    }))
}

/// Appends a message whose body `body` writes. The caller keeps it within the size limit of the session.
pub fn encode(out: &mut Vec<u8>, kind: MessageType, body: impl FnOnce(&mut Writer<'_>)) {
    let start = out.len();
    out.extend_from_slice(&[0xFF; 16]);
    out.extend_from_slice(&[0, 0, kind.0]);
    body(&mut Writer::new(out));
    let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
    out[start + 16..start + 18].copy_from_slice(&length.to_be_bytes());
}

/// A KEEPALIVE, which consists of a header only.
pub fn keepalive() -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER);
    encode(&mut out, MessageType::KEEPALIVE, |_| {});
    out
}

/// The longest prefix of `text` that has at most `max` bytes.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;

    #[test]
    fn whole_messages_are_taken_and_parts_are_left() {
        let mut buffer = BytesMut::from(&keepalive()[..]);
        buffer.extend_from_slice(&[0xFF; 10]);
        assert_eq!(
            frame(&mut buffer, MAX).map(|message| message.map(|message| message.kind)),
            Ok(Some(MessageType::KEEPALIVE))
        );
        assert_eq!(frame(&mut buffer, MAX), Ok(None));
        assert_eq!(buffer.len(), 10);
    }

    #[test]
    fn wrong_headers_name_their_notification() {
        let mut good = keepalive();
        good[0] = 0;
        let code = |bytes: &[u8]| {
            frame(&mut BytesMut::from(bytes), MAX).map_err(|error| (error.code, error.subcode))
        };
        assert_eq!(code(&good), Err((1, 1)));
        for (length, kind, wanted) in [
            (18, 4, (1, 2)),
            (20, 4, (1, 2)),
            (4097, 2, (1, 2)),
            (22, 2, (1, 2)),
            (19, 7, (1, 3)),
            (19, 0, (1, 3)),
        ] {
            let mut bytes = keepalive();
            bytes[16..18].copy_from_slice(&u16::to_be_bytes(length));
            bytes[18] = kind;
            assert_eq!(code(&bytes), Err(wanted), "{length} {kind}");
        }
    }
}
