//! OPERATIONAL (draft-ietf-idr-operational-message), message type 6, as implemented by ExaBGP.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |             Type              |            Length             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |             AFI               |     SAFI      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | advisory: UTF-8, at most 2,048 bytes
//! | query and counter: BGP identifier (4), sequence number (4); counter also: count (4)
//! ```

use std::net::Ipv4Addr;

use super::notification::Notification;
use super::{MessageType, encode};
use crate::bgp::family::Family;
use crate::bgp::iana::notification as codes;
use crate::json::JsonWriter;
use crate::wire::{Reader, WireError};

/// Maximum length of an advisory, in bytes.
const MAX_ADVISORY: usize = 2_048;

/// The type of an OPERATIONAL message. `name` is the name in events; its lower-case form is used in commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OperationalType(pub u16);

impl OperationalType {
    /// Advisory demand message.
    pub const ADM: Self = Self(1);
    /// Advisory static message.
    pub const ASM: Self = Self(2);
    /// Reachable prefix count query.
    pub const RPCQ: Self = Self(3);
    /// Reachable prefix count reply.
    pub const RPCP: Self = Self(4);
    /// Adj-RIB-Out prefix count query.
    pub const APCQ: Self = Self(5);
    /// Adj-RIB-Out prefix count reply.
    pub const APCP: Self = Self(6);
    /// Loc-RIB prefix count query.
    pub const LPCQ: Self = Self(7);
    /// Loc-RIB prefix count reply.
    pub const LPCP: Self = Self(8);

    /// The name in events, for a known type.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::ADM => "ADM",
            Self::ASM => "ASM",
            Self::RPCQ => "RPCQ",
            Self::RPCP => "RPCP",
            Self::APCQ => "APCQ",
            Self::APCP => "APCP",
            Self::LPCQ => "LPCQ",
            Self::LPCP => "LPCP",
            _ => return None,
        })
    }

    /// The type with that name, ignoring case.
    pub fn from_name(name: &str) -> Option<Self> {
        (1..=8).map(Self).find(|kind| {
            kind.name()
                .is_some_and(|own| own.eq_ignore_ascii_case(name))
        })
    }
}

/// The content of an OPERATIONAL message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Human-readable text.
    Advisory(Vec<u8>),
    /// A query.
    Query {
        /// BGP identifier of the requesting router.
        router_id: Ipv4Addr,
        /// Sequence number of the query.
        sequence: u32,
    },
    /// A reply.
    Counter {
        /// BGP identifier of the replying router.
        router_id: Ipv4Addr,
        /// Sequence number of the query.
        sequence: u32,
        /// The number of prefixes.
        counter: u32,
    },
}

/// An OPERATIONAL message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Operational {
    /// Its type.
    pub kind: OperationalType,
    /// The family that it is about.
    pub family: Family,
    /// Its content.
    pub content: Content,
}

impl Operational {
    /// Reads a body. Returns `None` for an unknown type, which must be ignored.
    ///
    /// # Errors
    /// Returns NOTIFICATION 5/0 if the body is too short.
    pub fn decode(body: &[u8]) -> Result<Option<Self>, Notification> {
        read(body).map_err(|error| {
            Notification::with_text(codes::STATE_MACHINE, codes::UNSPECIFIC, &error.to_string())
        })
    }

    /// Appends the whole message. An advisory is truncated to 2,048 bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        encode(out, MessageType::OPERATIONAL, |w| {
            w.u16(self.kind.0);
            w.len16(|w| {
                w.u16(self.family.afi.0);
                w.u8(self.family.safi.0);
                match &self.content {
                    Content::Advisory(text) if text.len() > MAX_ADVISORY => {
                        w.bytes(&text[..MAX_ADVISORY - 3]);
                        w.bytes(b"...");
                    }
                    Content::Advisory(text) => w.bytes(text),
                    Content::Query {
                        router_id,
                        sequence,
                    } => {
                        w.u32((*router_id).into());
                        w.u32(*sequence);
                    }
                    Content::Counter {
                        router_id,
                        sequence,
                        counter,
                    } => {
                        w.u32((*router_id).into());
                        w.u32(*sequence);
                        w.u32(*counter);
                    }
                }
            });
        });
    }

    /// Appends the value of an `operational` event.
    pub fn json(&self, w: &mut JsonWriter) {
        w.raw("{ \"name\": ")
            .string(self.kind.name().unwrap_or_default());
        w.raw(", \"afi\": ").display(self.family.afi);
        w.raw(", \"safi\": ").display(self.family.safi);
        match &self.content {
            Content::Advisory(text) => {
                w.raw(", \"advisory\": ")
                    .string(&String::from_utf8_lossy(text));
            }
            Content::Query { .. } => {}
            Content::Counter {
                router_id,
                sequence,
                counter,
            } => {
                w.raw(", \"router-id\": ").display(router_id);
                w.raw(", \"sequence\": ").number(*sequence);
                w.raw(", \"counter\": ").number(*counter);
            }
        }
        w.raw(" }");
    }

    /// Appends the text of an `operational` event: `operational ADM afi ipv4 safi unicast advisory "hello"`.
    pub fn text(&self, out: &mut String) {
        out.push_str(&format!(
            "operational {} afi {} safi {}",
            self.kind.name().unwrap_or_default(),
            self.family.afi,
            self.family.safi
        ));
        match &self.content {
            Content::Advisory(text) => {
                let text = String::from_utf8_lossy(text).replace(['\r', '\n'], " ");
                out.push_str(&format!(" advisory \"{text}\""));
            }
            Content::Query { .. } => {}
            Content::Counter {
                router_id,
                sequence,
                counter,
            } => out.push_str(&format!(
                " router-id {router_id} sequence {sequence} counter {counter}"
            )),
        }
    }
}

fn read(body: &[u8]) -> Result<Option<Operational>, WireError> {
    let mut r = Reader::new(body);
    let kind = OperationalType(r.u16("the type of an operational message")?);
    let length = r.u16("the length of an operational message")?;
    if kind.name().is_none() {
        return Ok(None);
    }
    // A length that exceeds the message is cut to its end, as ExaBGP does.
    let length = usize::from(length).min(r.remaining());
    let mut r = r.sub(length, "an operational message")?;
    let afi = r.u16("the AFI of an operational message")?;
    let family = Family::new(afi, r.u8("the SAFI of an operational message")?);
    let content = if matches!(kind, OperationalType::ADM | OperationalType::ASM) {
        Content::Advisory(r.rest().to_vec())
    } else {
        let router_id = Ipv4Addr::from(r.u32("a BGP identifier")?);
        let sequence = r.u32("a sequence number")?;
        match kind {
            OperationalType::RPCQ | OperationalType::APCQ | OperationalType::LPCQ => {
                Content::Query {
                    router_id,
                    sequence,
                }
            }
            _ => Content::Counter {
                router_id,
                sequence,
                counter: r.u32("a counter")?,
            },
        }
    };
    Ok(Some(Operational {
        kind,
        family,
        content,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::message::HEADER;

    fn events(message: &Operational) -> (String, String) {
        let (mut w, mut out) = (JsonWriter::new(), String::new());
        message.json(&mut w);
        message.text(&mut out);
        (w.into_string(), out)
    }

    #[test]
    fn each_form_reads_back_and_prints_as_exabgp_does() {
        let family = Family::IPV4_UNICAST;
        let router_id = Ipv4Addr::new(1, 2, 3, 4);
        let (sequence, counter) = (77, 99);
        for (kind, content, json, text) in [
            (
                OperationalType::ADM,
                Content::Advisory(b"hello".to_vec()),
                r#"{ "name": "ADM", "afi": "ipv4", "safi": "unicast", "advisory": "hello" }"#,
                r#"operational ADM afi ipv4 safi unicast advisory "hello""#,
            ),
            (
                OperationalType::RPCQ,
                Content::Query {
                    router_id,
                    sequence,
                },
                r#"{ "name": "RPCQ", "afi": "ipv4", "safi": "unicast" }"#,
                "operational RPCQ afi ipv4 safi unicast",
            ),
            (
                OperationalType::RPCP,
                Content::Counter {
                    router_id,
                    sequence,
                    counter,
                },
                r#"{ "name": "RPCP", "afi": "ipv4", "safi": "unicast", "router-id": "1.2.3.4", "sequence": 77, "counter": 99 }"#,
                "operational RPCP afi ipv4 safi unicast router-id 1.2.3.4 sequence 77 counter 99",
            ),
        ] {
            let message = Operational {
                kind,
                family,
                content,
            };
            let mut out = Vec::new();
            message.encode(&mut out);
            assert_eq!(
                Operational::decode(&out[HEADER..]),
                Ok(Some(message.clone()))
            );
            assert_eq!(events(&message), (json.to_owned(), text.to_owned()));
        }
    }

    #[test]
    fn short_ones_are_refused_and_unknown_ones_ignored() {
        assert_eq!(Operational::decode(&[0, 9, 0, 0]), Ok(None));
        for body in [
            &[0, 1, 0][..],
            &[0, 1, 0, 2, 0, 1],
            &[0, 3, 0, 7, 0, 1, 1, 1, 2, 3, 4],
        ] {
            let error = Operational::decode(body).map_err(|n| (n.code, n.subcode));
            assert_eq!(error, Err((5, 0)));
        }
    }

    #[test]
    fn a_long_advisory_is_cut() {
        let mut out = Vec::new();
        Operational {
            kind: OperationalType::ASM,
            family: Family::IPV4_UNICAST,
            content: Content::Advisory(vec![b'a'; 3000]),
        }
        .encode(&mut out);
        assert_eq!(out.len(), HEADER + 4 + 3 + 2048);
        assert!(out.ends_with(b"a..."));
    }
}
