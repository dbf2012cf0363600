//! ROUTE-REFRESH (RFC 2918) with the subtypes of RFC 7313.
//!
//! ```text
//!  0       7      15      23      31
//! +-------+-------+-------+-------+
//! |      AFI      |Subtype| SAFI  |
//! +-------+-------+-------+-------+
//! ```

use super::notification::Notification;
use super::{MessageType, RawMessage, encode};
use crate::bgp::family::Family;
use crate::bgp::iana::notification as codes;
use crate::json::JsonWriter;
use crate::wire::Reader;

/// A request for routes, or a marker of the beginning or the end of the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteRefresh {
    /// The family that it is about.
    pub family: Family,
    /// 0 request, 1 beginning of the reply (BoRR), 2 end of the reply (EoRR). Any other subtype must be ignored (RFC
    /// 7313 section 5).
    pub subtype: u8,
}

impl RouteRefresh {
    /// Subtype of a request.
    pub const REQUEST: u8 = 0;
    /// Subtype of the beginning of the reply.
    pub const BEGIN: u8 = 1;
    /// Subtype of the end of the reply.
    pub const END: u8 = 2;

    /// Reads a message.
    ///
    /// # Errors
    /// Returns the NOTIFICATION to answer with if the length is wrong: 7/1 for BoRR and EoRR, otherwise 1/2.
    pub fn decode(message: &RawMessage) -> Result<Self, Notification> {
        let body = message.body();
        let mut r = Reader::new(body);
        let bad_length = || {
            Notification::new(
                codes::MESSAGE_HEADER,
                codes::header::BAD_MESSAGE_LENGTH,
                message.bytes.get(16..18).unwrap_or_default().to_vec(),
            )
        };
        let afi = r.u16("an AFI").map_err(|_| bad_length())?;
        let subtype = r.u8("a subtype").map_err(|_| bad_length())?;
        let safi = r.u8("a SAFI").map_err(|_| bad_length())?;
        if !r.is_empty() {
            // RFC 7313 5: "If the length, excluding the fixed-size message header, of the received ROUTE-REFRESH message
            // with Message Subtype 1 and 2 is not 4 […] The Data field of the NOTIFICATION message MUST contain the
            // complete ROUTE-REFRESH message."
            return Err(match subtype {
                Self::BEGIN | Self::END => Notification::new(
                    codes::ROUTE_REFRESH_MESSAGE,
                    codes::route_refresh::INVALID_MESSAGE_LENGTH,
                    message.bytes.to_vec(),
                ),
                _ => bad_length(),
            });
        }
        Ok(Self {
            family: Family::new(afi, safi),
            subtype,
        })
    }

    /// Appends the whole message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        encode(out, MessageType::ROUTE_REFRESH, |w| {
            w.u16(self.family.afi.0);
            w.u8(self.subtype);
            w.u8(self.family.safi.0);
        });
    }

    /// The name in events: `query`, `begin`, `end`.
    pub const fn name(&self) -> &'static str {
        match self.subtype {
            Self::REQUEST => "query",
            Self::BEGIN => "begin",
            Self::END => "end",
            _ => "invalid",
        }
    }

    /// Appends the value of a `refresh` event.
    pub fn json(&self, w: &mut JsonWriter) {
        w.raw("{ \"afi\": ").display(self.family.afi);
        w.raw(", \"safi\": ").display(self.family.safi);
        w.raw(", \"subtype\": ").string(self.name()).raw(" }");
    }

    /// Appends the text of a `refresh` event: `route-refresh afi ipv4 safi unicast query`.
    pub fn text(&self, out: &mut String) {
        out.push_str(&format!(
            "route-refresh afi {} safi {} {}",
            self.family.afi,
            self.family.safi,
            self.name()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_decides_which_error_it_is() {
        let mut out = Vec::new();
        let sent = RouteRefresh {
            family: Family::IPV6_UNICAST,
            subtype: 1,
        };
        sent.encode(&mut out);
        let raw = |bytes: &[u8]| RawMessage {
            kind: MessageType::ROUTE_REFRESH,
            bytes: bytes.to_vec().into(),
        };
        assert_eq!(RouteRefresh::decode(&raw(&out)), Ok(sent));
        out.push(0);
        let error = |out: &[u8]| RouteRefresh::decode(&raw(out)).map_err(|n| (n.code, n.subcode));
        assert_eq!(error(&out), Err((7, 1)));
        out[21] = 0;
        assert_eq!(error(&out), Err((1, 2)));
        assert_eq!(error(&out[..21]), Err((1, 2)));
    }
}
