//! NOTIFICATION (RFC 4271 section 4.5), with the shutdown communication of RFC 9003 and the hard reset of RFC 8538.
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | Error code    | Error subcode |   Data (variable)             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//!
//! Data of Cease 6/2 and 6/4 (RFC 9003 section 2):
//! +---------------+-----------------------------------------------+
//! | Length        | Shutdown Communication, UTF-8 (0 to 255 bytes)|
//! +---------------+-----------------------------------------------+
//! ```

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use super::{Direction, HEADER, MAX, MessageType, cut, encode};
use crate::bgp::iana::notification as codes;
use crate::json::{JsonWriter, hex};

/// Why a session is closed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Notification {
    /// Error code.
    pub code: u8,
    /// Error subcode.
    pub subcode: u8,
    /// Data, as on the wire.
    pub data: Vec<u8>,
}

impl Notification {
    /// Error code of a Cease (RFC 4486).
    pub const CEASE: u8 = codes::CEASE;
    /// Cease: administrative shutdown.
    pub const SHUTDOWN: u8 = codes::cease::ADMINISTRATIVE_SHUTDOWN;
    /// Cease: Maximum Number of Prefixes Reached.
    pub const MAXIMUM_PREFIXES: u8 = codes::cease::MAXIMUM_NUMBER_OF_PREFIXES;
    /// Cease: peer de-configured.
    pub const DE_CONFIGURED: u8 = codes::cease::PEER_DE_CONFIGURED;
    /// Cease: administrative reset.
    pub const RESET: u8 = codes::cease::ADMINISTRATIVE_RESET;
    /// Cease: connection rejected.
    pub const REJECTED: u8 = codes::cease::CONNECTION_REJECTED;
    /// Cease: other configuration change.
    pub const CONFIGURATION_CHANGE: u8 = codes::cease::OTHER_CONFIGURATION_CHANGE;
    /// Cease: connection collision resolution.
    pub const COLLISION: u8 = codes::cease::CONNECTION_COLLISION;
    /// Cease: out of resources.
    pub const OUT_OF_RESOURCES: u8 = codes::cease::OUT_OF_RESOURCES;
    /// Cease: hard reset (RFC 8538).
    pub const HARD_RESET: u8 = codes::cease::HARD_RESET;

    /// Creates a notification.
    pub const fn new(code: u8, subcode: u8, data: Vec<u8>) -> Self {
        Self {
            code,
            subcode,
            data,
        }
    }

    /// Creates a notification whose data is human-readable text.
    pub fn with_text(code: u8, subcode: u8, text: &str) -> Self {
        Self::new(code, subcode, text.as_bytes().to_vec())
    }

    /// Creates a Cease whose data is the name of its subcode, as ExaBGP sends it.
    pub fn cease(subcode: u8) -> Self {
        let name = subcode_name(Self::CEASE, subcode).unwrap_or("unknown notification type");
        if matches!(subcode, Self::SHUTDOWN | Self::RESET) {
            Self::shutdown(subcode, name)
        } else {
            Self::with_text(Self::CEASE, subcode, name)
        }
    }

    /// Creates a Cease with a shutdown communication, truncated to 255 bytes (RFC 9003 section 2). `subcode` is
    /// [`Self::SHUTDOWN`] or [`Self::RESET`].
    pub fn shutdown(subcode: u8, text: &str) -> Self {
        let text = cut(text, 255);
        let mut data = Vec::with_capacity(1 + text.len());
        // At most 255, see above.
        data.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        data.extend_from_slice(text.as_bytes());
        Self::new(Self::CEASE, subcode, data)
    }

    /// Wraps this notification in a hard reset, for a peer that would keep our routes after a plain NOTIFICATION (RFC
    /// 8538 section 3).
    pub fn into_hard_reset(self) -> Self {
        let mut data = vec![self.code, self.subcode];
        data.extend_from_slice(&self.data);
        Self::new(Self::CEASE, Self::HARD_RESET, data)
    }

    /// The notification inside a hard reset.
    pub fn enclosed(&self) -> Option<Self> {
        match (self.code, self.subcode, self.data.as_slice()) {
            (Self::CEASE, Self::HARD_RESET, [code, subcode, data @ ..]) => {
                Some(Self::new(*code, *subcode, data.to_vec()))
            }
            _ => None,
        }
    }

    /// Reads the body of a message. A body too short for code and subcode gives 0/0: RFC 4271 section 6.4 forbids an
    /// answer, so the session can only be closed.
    pub fn decode(body: &[u8]) -> Self {
        match body {
            [code, subcode, data @ ..] => Self::new(*code, *subcode, data.to_vec()),
            _ => Self::with_text(0, 0, "a NOTIFICATION too short to carry a code"),
        }
    }

    /// The whole message. Data is truncated to fit in 4,096 bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + 2 + self.data.len());
        let fits = self.data.len().min(MAX - HEADER - 2);
        encode(&mut out, MessageType::NOTIFICATION, |w| {
            w.u8(self.code);
            w.u8(self.subcode);
            w.bytes(&self.data[..fits]);
        });
        out
    }

    /// The name of the code.
    pub const fn code_name(&self) -> Option<&'static str> {
        code_name(self.code)
    }

    /// The name of the subcode.
    pub const fn subcode_name(&self) -> Option<&'static str> {
        subcode_name(self.code, self.subcode)
    }

    /// Returns `true` if its data is a Shutdown Communication (RFC 9003).
    const fn has_text(&self) -> bool {
        self.code == Self::CEASE && matches!(self.subcode, Self::SHUTDOWN | Self::RESET)
    }

    /// The data as shown in events: for a received 6/2 or 6/4 the decoded text, otherwise the bytes on the wire.
    pub fn shown(&self, direction: Direction) -> Cow<'_, [u8]> {
        match self.data.split_first() {
            Some((length, text)) if self.has_text() && direction == Direction::Receive => {
                communication(*length, text).into_bytes().into()
            }
            _ => Cow::Borrowed(&self.data),
        }
    }

    /// Appends the value of a `notification` event.
    pub fn json(&self, direction: Direction, w: &mut JsonWriter) {
        let data = self.shown(direction);
        w.raw("{ \"code\": ").number(self.code);
        w.raw(", \"subcode\": ").number(self.subcode);
        w.raw(", \"data\": \"0x").hex(&data);
        w.raw("\", \"message\": ")
            .string(&String::from_utf8_lossy(&data))
            .raw(" }");
    }

    /// Appends the text of a `notification` event: `notification code 6 subcode 2 data 0x…`.
    pub fn text(&self, direction: Direction, out: &mut String) {
        out.push_str(&format!(
            "notification code {} subcode {} data 0x{}",
            self.code,
            self.subcode,
            hex(&self.shown(direction))
        ));
    }
}

/// Human-readable form: `Cease / Administrative Shutdown / …`.
impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code_name().unwrap_or("unknown error"))?;
        f.write_str(" / ")?;
        f.write_str(self.subcode_name().unwrap_or("unknown reason"))?;
        let data = self.shown(Direction::Receive);
        match std::str::from_utf8(&data) {
            Ok("") => Ok(()),
            Ok(text) if !text.contains(char::is_control) => write!(f, " / {text}"),
            // Escaped as in JSON: they must not reach a terminal (RFC 9003 section 5).
            Ok(text) if self.has_text() => {
                f.write_str(" / ")?;
                text.chars()
                    .try_for_each(|character| match character.is_control() {
                        true => write!(f, "\\u{:04x}", u32::from(character)),
                        false => f.write_char(character),
                    })
            }
            _ => write!(f, " / 0x{}", hex(&data)),
        }
    }
}

impl std::error::Error for Notification {}

/// Decodes a shutdown communication. `text` is what follows its length.
fn communication(length: u8, text: &[u8]) -> String {
    if length == 0 {
        return "empty Shutdown Communication.".to_owned();
    }
    let wrong = |why: &str| {
        format!(
            "invalid Shutdown Communication ({why}) length : {length} [0x{}]",
            hex(text)
        )
    };
    let Some((words, trailer)) = text.split_at_checked(length.into()) else {
        return wrong("buffer underrun");
    };
    let Ok(words) = std::str::from_utf8(words) else {
        return wrong("invalid UTF-8");
    };
    let words = words.replace(['\r', '\n'], " ");
    let mut out = format!("Shutdown Communication: \"{words}\"");
    if !trailer.is_empty() {
        out.push_str(&format!(", trailing data: 0x{}", hex(trailer)));
    }
    out
}

const fn code_name(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "Message header error",
        2 => "OPEN message error",
        3 => "UPDATE message error",
        4 => "Hold timer expired",
        5 => "State machine error",
        6 => "Cease",
        7 => "ROUTE-REFRESH message error",
        8 => "Send hold timer expired",
        _ => return None,
    })
}

const fn subcode_name(code: u8, subcode: u8) -> Option<&'static str> {
    Some(match (code, subcode) {
        (1..=8, 0) => "Unspecific",
        (1, 1) => "Connection Not Synchronized",
        (1, 2) => "Bad Message Length",
        (1, 3) => "Bad Message Type",
        (2, 1) => "Unsupported Version Number",
        (2, 2) => "Bad Peer AS",
        (2, 3) => "Bad BGP Identifier",
        (2, 4) => "Unsupported Optional Parameter",
        (2, 5) => "Authentication Notification (Deprecated)",
        (2, 6) => "Unacceptable Hold Time",
        (2, 7) => "Unsupported Capability",
        (2, 8) => "Grouping Conflict",
        (2, 9) => "Grouping Required",
        (2, 10) => "Capability Value Mismatch",
        (2, 11) => "Role Mismatch",
        (3, 1) => "Malformed Attribute List",
        (3, 2) => "Unrecognized Well-known Attribute",
        (3, 3) => "Missing Well-known Attribute",
        (3, 4) => "Attribute Flags Error",
        (3, 5) => "Attribute Length Error",
        (3, 6) => "Invalid ORIGIN Attribute",
        (3, 7) => "AS Routing Loop",
        (3, 8) => "Invalid NEXT_HOP Attribute",
        (3, 9) => "Optional Attribute Error",
        (3, 10) => "Invalid Network Field",
        (3, 11) => "Malformed AS_PATH",
        (5, 1) => "Receive Unexpected Message in OpenSent State",
        (5, 2) => "Receive Unexpected Message in OpenConfirm State",
        (5, 3) => "Receive Unexpected Message in Established State",
        (6, 1) => "Maximum Number of Prefixes Reached",
        (6, 2) => "Administrative Shutdown",
        (6, 3) => "Peer De-configured",
        (6, 4) => "Administrative Reset",
        (6, 5) => "Connection Rejected",
        (6, 6) => "Other Configuration Change",
        (6, 7) => "Connection Collision Resolution",
        (6, 8) => "Out of Resources",
        (6, 9) => "Hard Reset",
        (6, 10) => "BFD Down",
        (7, 1) => "Invalid Message Length",
        (7, 2) => "Malformed Message Subtype",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_teardown_names_its_subcode_and_prefixes_the_shutdown_text() {
        assert_eq!(Notification::cease(3).data, b"Peer De-configured");
        assert_eq!(Notification::cease(2).data, b"\x17Administrative Shutdown");
        assert_eq!(Notification::cease(200).data, b"unknown notification type");
        let long = "é".repeat(200);
        let data = Notification::shutdown(4, &long).data;
        assert_eq!((data.len(), data[0]), (255, 254));
    }

    #[test]
    fn a_hard_reset_encloses_the_reason() {
        let reason = Notification::cease(3);
        let hard = reason.clone().into_hard_reset();
        assert_eq!((hard.code, hard.subcode), (6, 9));
        assert_eq!(hard.enclosed(), Some(reason));
        assert_eq!(Notification::new(6, 9, vec![6]).enclosed(), None);
    }

    #[test]
    fn people_read_names() {
        assert_eq!(
            Notification::new(6, 2, b"\x03bye".to_vec()).to_string(),
            "Cease / Administrative Shutdown / Shutdown Communication: \"bye\""
        );
        assert_eq!(
            Notification::new(6, 4, b"\x09\x1b[31mred\x7f".to_vec()).to_string(),
            "Cease / Administrative Reset / Shutdown Communication: \"\\u001b[31mred\\u007f\""
        );
        assert_eq!(
            Notification::new(1, 2, vec![0, 18]).to_string(),
            "Message header error / Bad Message Length / 0x0012"
        );
        assert_eq!(
            Notification::new(99, 1, Vec::new()).to_string(),
            "unknown error / unknown reason"
        );
    }

    #[test]
    fn what_is_encoded_is_decoded_and_long_data_is_cut() {
        let sent = Notification::new(6, 3, vec![7; 5000]);
        let wire = sent.encode();
        assert_eq!(wire.len(), MAX);
        let back = Notification::decode(&wire[HEADER..]);
        assert_eq!((back.code, back.subcode, back.data.len()), (6, 3, 4075));
        assert_eq!(Notification::decode(&[6]).code, 0);
    }
}
