//! OPEN (RFC 4271 section 4.2) with the extended parameters of RFC 9072.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+
//! |    Version    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     My Autonomous System      |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |           Hold Time           |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         BGP Identifier                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | Opt Parm Len  | Optional Parameters (variable)
//! +-+-+-+-+-+-+-+-+
//!
//! RFC 9072, when the parameters do not fit in 255 octets:
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      255      |      255      |  Extended Opt. Parm. Length   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use std::net::Ipv4Addr;

use super::notification::Notification;
use super::{Direction, MessageType, encode};
use crate::bgp::asn::Asn;
use crate::bgp::capability::Capability;
use crate::bgp::iana::{capability, notification as codes};
use crate::json::JsonWriter;
use crate::wire::{Reader, WireError, Writer};

/// Optional parameter: capabilities (RFC 5492).
const CAPABILITIES: u8 = 2;
/// Optional parameter: authentication, deprecated by RFC 4271.
const AUTHENTICATION: u8 = 1;
/// Length and type that mark the extended form (RFC 9072 section 2).
const EXTENDED: u8 = 255;

/// An OPEN message.
///
/// ```
/// use oxabgp::bgp::Family;
/// use oxabgp::bgp::capability::Offer;
/// use oxabgp::bgp::message::HEADER;
/// use oxabgp::bgp::message::open::Open;
///
/// let offer = Offer {
///     families: vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
///     host_name: Some("edge-1".into()),
///     domain_name: Some("example.net".into()),
///     ..Offer::default()
/// };
/// let open = Open {
///     version: 4,
///     asn: 65001,
///     hold_time: 90,
///     router_id: [192, 0, 2, 1].into(),
///     capabilities: offer.capabilities(),
/// };
/// let message = open.encode().expect("it fits in 4,096 bytes");
/// assert_eq!(Open::decode(&message[HEADER..]), Ok(open));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Protocol version: 4.
    pub version: u8,
    /// The two-octet AS field; [`Asn::TRANS`] for a number that needs four.
    pub asn: u16,
    /// Proposed hold time, in seconds: 0 or at least 3.
    pub hold_time: u16,
    /// BGP identifier.
    pub router_id: Ipv4Addr,
    /// Capabilities in wire order; each multiprotocol family is a capability of its own.
    pub capabilities: Vec<Capability>,
}

impl Open {
    /// Reads the body of a message. Whether its values are acceptable is up to the state machine.
    ///
    /// # Errors
    /// Returns the NOTIFICATION to answer with (RFC 4271 section 6.2): 2/1 for the version, 2/4 for a parameter, 2/5
    /// for authentication, 2/0 for malformed content.
    pub fn decode(body: &[u8]) -> Result<Self, Notification> {
        let mut r = Reader::new(body);
        let version = r.u8("the version").map_err(malformed)?;
        if version != 4 {
            // RFC 4271 6.2: "The Data field is a 2-octet unsigned integer, which indicates the largest,
            // locally-supported version number"
            return Err(Notification::new(
                codes::OPEN_MESSAGE,
                codes::open::UNSUPPORTED_VERSION_NUMBER,
                vec![0, 4],
            ));
        }
        let mut fixed = || -> Result<_, WireError> {
            Ok((
                r.u16("the AS number")?,
                r.u16("the hold time")?,
                r.u32("the BGP identifier")?,
            ))
        };
        let (asn, hold_time, router_id) = fixed().map_err(malformed)?;
        let capabilities = parameters(&mut r)?;
        r.finish("the end of the OPEN").map_err(malformed)?;
        Ok(Self {
            version,
            asn,
            hold_time,
            router_id: Ipv4Addr::from(router_id),
            capabilities,
        })
    }

    /// The whole message.
    ///
    /// # Errors
    /// Returns an error if the capabilities do not fit in 4,096 bytes: an OPEN is never extended (RFC 8654 section
    /// 3).
    pub fn encode(&self) -> Result<Vec<u8>, WireError> {
        let mut out = Vec::with_capacity(128);
        let mut fits = Ok(());
        encode(&mut out, MessageType::OPEN, |w| {
            w.u8(self.version);
            w.u16(self.asn);
            w.u16(self.hold_time);
            w.u32(self.router_id.into());
            fits = self.encode_parameters(w);
        });
        if out.len() > super::MAX {
            fits = Err(WireError {
                what: "an OPEN of at most 4096 bytes",
                offset: super::MAX,
            });
        }
        fits.map(|()| out)
    }

    /// The AS number in the four-octet AS capability, if present. If there are several, the last one is used.
    pub fn four_octet_as(&self) -> Option<Asn> {
        self.capabilities
            .iter()
            .rev()
            .find_map(|capability| match capability {
                Capability::Asn4(asn4) => Some(asn4.0),
                _ => None,
            })
    }

    /// The AS of the speaker.
    ///
    /// RFC 6793 4.1: the number of the four-octet AS capability is used "in lieu of the AS number in the 'My Autonomous
    /// System' field", whatever the field contains.
    pub fn speaker_as(&self) -> Asn {
        self.four_octet_as().unwrap_or_else(|| Asn::from(self.asn))
    }

    /// Appends the value of an `open` event. Capabilities are keyed by name in sent messages and by code in received
    /// ones. As in ExaBGP, sent messages show a host name even if none is sent.
    pub fn json(&self, direction: Direction, w: &mut JsonWriter) {
        self.json_with(direction, w, |capability, all, w| {
            capability.json_all(all, w);
        });
    }

    /// The same with other values of capabilities: `value` appends that of a capability, of which the second argument
    /// may have more instances.
    pub fn json_with(
        &self,
        direction: Direction,
        w: &mut JsonWriter,
        value: impl Fn(&Capability, &[Capability], &mut JsonWriter),
    ) {
        w.raw("{ \"version\": ").number(self.version);
        w.raw(", \"asn\": ").number(self.asn);
        w.raw(", \"hold_time\": ").number(self.hold_time);
        w.raw(", \"router_id\": ").display(self.router_id);
        w.raw(", \"capabilities\": { ");
        let list = self.distinct();
        let nameless =
            direction == Direction::Send && list.iter().all(|one| one.code() != capability::FQDN);
        // The host name precedes the software version and multi-session.
        let late = |one: &&Capability| {
            matches!(
                one.code(),
                capability::SOFTWARE_VERSION
                    | capability::MULTISESSION
                    | capability::PRESTANDARD_MULTISESSION
            )
        };
        let split = list
            .iter()
            .position(late)
            .filter(|_| nameless)
            .unwrap_or(list.len());
        let write = |w: &mut JsonWriter, capability: &Capability| {
            match (direction, capability) {
                (Direction::Receive, _) | (Direction::Send, Capability::Unknown { .. }) => {
                    w.display(capability.code())
                }
                (Direction::Send, _) => w.string(capability.name()),
            };
            w.raw(": ");
            value(capability, &self.capabilities, w);
        };
        w.list(&list[..split], |w, capability| write(w, capability));
        if nameless {
            w.raw(if split > 0 { ", " } else { "" });
            w.raw("\"hostname\": { \"host-name\": null, \"domain-name\": null }");
            w.raw(if split < list.len() { ", " } else { "" });
        }
        w.list(&list[split..], |w, capability| write(w, capability));
        w.raw(" } }");
    }

    /// Appends the text of an `open` event: `open version 4 asn …`. The host name is shown as in [`Open::json`].
    pub fn text(&self, direction: Direction, out: &mut String) {
        out.push_str(&format!(
            "open version {} asn {} hold_time {} router_id {} capabilities [",
            self.version, self.asn, self.hold_time, self.router_id
        ));
        let mut capabilities = self.distinct();
        capabilities.sort_by_key(|capability| capability.code());
        let mut texts: Vec<(u8, String)> = capabilities
            .into_iter()
            .map(|capability| {
                let mut text = String::new();
                capability.text_all(&self.capabilities, &mut text);
                (capability.code(), text)
            })
            .collect();
        if direction == Direction::Send && texts.iter().all(|(code, _)| *code != capability::FQDN) {
            let at = texts.partition_point(|(code, _)| *code < capability::FQDN);
            texts.insert(at, (capability::FQDN, "hostname(none none)".to_owned()));
        }
        let texts: Vec<&str> = texts.iter().map(|(_, text)| &**text).collect();
        out.push_str(&texts.join(", "));
        out.push(']');
    }

    /// A capability of each code, in the order of the first ones: the last one, as in ExaBGP.
    fn distinct(&self) -> Vec<&Capability> {
        let mut found: Vec<&Capability> = Vec::with_capacity(self.capabilities.len());
        let mut places = [None; 256];
        for one in &self.capabilities {
            let place = &mut places[usize::from(one.code())];
            match *place {
                Some(at) => found[at] = one,
                None => {
                    *place = Some(found.len());
                    found.push(one);
                }
            }
        }
        found
    }

    /// Appends the parameters in the first of these forms that fits:
    ///
    /// 1. one parameter for each capability, as ExaBGP does;
    /// 2. all capabilities in one parameter (RFC 5492 4), which saves two octets for each of them;
    /// 3. the extended form, which peers without RFC 9072 reject.
    fn encode_parameters(&self, w: &mut Writer<'_>) -> Result<(), WireError> {
        let mut values = Vec::new();
        for capability in &self.capabilities {
            let code = capability.code();
            values.extend(capability.values().into_iter().map(|value| (code, value)));
        }
        let capability = |w: &mut Writer<'_>, (code, value): &(u8, Vec<u8>)| {
            w.u8(*code);
            w.len8(|w| w.bytes(value));
        };
        // Capability code and length, then the value.
        let packed: usize = values.iter().map(|(_, value)| 2 + value.len()).sum();
        let single = packed + 2 * values.len();
        // ExaBGP writes at most 254 octets in the classic form.
        if single < usize::from(EXTENDED) {
            w.len8(|w| {
                for value in &values {
                    w.u8(CAPABILITIES);
                    w.len8(|w| capability(w, value));
                }
            });
        } else if packed + 2 <= usize::from(u8::MAX) {
            w.len8(|w| {
                w.u8(CAPABILITIES);
                w.len8(|w| values.iter().for_each(|value| capability(w, value)));
            });
        } else {
            w.bytes(&[EXTENDED, EXTENDED]);
            w.len16(|w| {
                for value in &values {
                    w.u8(CAPABILITIES);
                    w.len16(|w| capability(w, value));
                }
            });
        }
        w.finish()
    }
}

/// Returns `true` if an OPEN on the wire, header included, uses the extended parameters of RFC 9072.
pub(crate) fn is_extended(message: &[u8]) -> bool {
    let parameters = message.get(super::HEADER + 9..).unwrap_or_default();
    matches!(parameters, [1..=u8::MAX, EXTENDED, ..])
}

/// Reads the parameters in either form.
fn parameters(r: &mut Reader<'_>) -> Result<Vec<Capability>, Notification> {
    let length = r.u8("the length of the parameters").map_err(malformed)?;
    // RFC 9072 2: "the value of the Non-Ext OP Len. field is not 0 and the Non-Ext OP Type is 255"
    let extended = length != 0 && r.peek().first() == Some(&EXTENDED);
    let mut r = if extended {
        r.u8("the extended marker").map_err(malformed)?;
        let length = r.u16("the extended length").map_err(malformed)?;
        r.sub(length.into(), "the parameters").map_err(malformed)?
    } else {
        r.sub(length.into(), "the parameters").map_err(malformed)?
    };
    let mut capabilities = Vec::new();
    while !r.is_empty() {
        let kind = r.u8("a parameter").map_err(malformed)?;
        let length = if extended {
            r.u16("the length of a parameter")
        } else {
            r.u8("the length of a parameter").map(u16::from)
        };
        let mut value = length
            .and_then(|length| r.sub(length.into(), "a parameter"))
            .map_err(malformed)?;
        match kind {
            CAPABILITIES => {
                while !value.is_empty() {
                    capabilities.push(capability(&mut value).map_err(malformed)?);
                }
            }
            // RFC 4271 appendix A deprecates authentication, but subcode 2/5 remains.
            AUTHENTICATION => {
                return Err(Notification::new(
                    codes::OPEN_MESSAGE,
                    codes::open::AUTHENTICATION_FAILURE,
                    Vec::new(),
                ));
            }
            _ => {
                return Err(Notification::new(
                    codes::OPEN_MESSAGE,
                    codes::open::UNSUPPORTED_OPTIONAL_PARAMETER,
                    vec![kind],
                ));
            }
        }
    }
    Ok(capabilities)
}

fn capability(r: &mut Reader<'_>) -> Result<Capability, WireError> {
    let code = r.u8("a capability code")?;
    let length = r.u8("the length of a capability")?;
    Capability::decode(code, &mut r.sub(length.into(), "a capability")?)
}

/// RFC 4271 6.2: "If one of the Optional Parameters in the OPEN message is recognized, but is malformed, then the Error
/// Subcode MUST be set to 0 (Unspecific)."
fn malformed(error: WireError) -> Notification {
    Notification::new(
        codes::OPEN_MESSAGE,
        codes::UNSPECIFIC,
        error.to_string().into_bytes(),
    )
}
