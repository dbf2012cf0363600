//! Decoded EVPN routes.
//!
//! ```text
//! 1 Ethernet A-D:  RD (8)  ESI (10)  tag (4)  label (3)
//! 2 MAC/IP:        RD (8)  ESI (10)  tag (4)  48  MAC (6)  bits  IP (0, 4, 16)  label (3)  [label (3)]
//! 3 Multicast:     RD (8)  tag (4)  bits  IP (4, 16)
//! 4 Segment:       RD (8)  ESI (10)  bits  IP (4, 16)
//! 5 IP prefix:     RD (8)  ESI (10)  tag (4)  bits  prefix (4, 16)  gateway (4, 16)  label (3)
//! ```

use std::fmt;
use std::net::IpAddr;

use super::identifier::{Esi, Mac};
use super::{ADDRESS_LENGTH, PREFIX_LENGTH};
use crate::bgp::nlri::inet::mask;
use crate::bgp::nlri::{NlriBytes, NlriKey, typed};
use crate::bgp::rd::RouteDistinguisher;
use crate::json::JsonWriter;
use crate::wire::{Reader, WireError, Writer};

/// An EVPN route of a known type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    /// The route distinguisher.
    pub rd: RouteDistinguisher,
    /// The fields that depend on the type.
    pub tail: Tail,
}

/// The fields of each type after the route distinguisher. Labels are fields of 24 bits: a label in the upper 20, or a
/// VNI.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tail {
    /// Type 1.
    EthernetAd {
        /// Segment.
        esi: Esi,
        /// Ethernet tag.
        tag: u32,
        /// Label field.
        label: u32,
    },
    /// Type 2.
    MacIp {
        /// Segment.
        esi: Esi,
        /// Ethernet tag.
        tag: u32,
        /// MAC address.
        mac: Mac,
        /// IP address, if known.
        ip: Option<IpAddr>,
        /// Label field.
        label: u32,
        /// Second label, of the IP-VRF (RFC 9135).
        second: Option<u32>,
    },
    /// Type 3.
    Multicast {
        /// Ethernet tag.
        tag: u32,
        /// Originating router.
        ip: IpAddr,
    },
    /// Type 4.
    Segment {
        /// Segment.
        esi: Esi,
        /// Originating router.
        ip: IpAddr,
    },
    /// Type 5.
    Prefix {
        /// Segment.
        esi: Esi,
        /// Ethernet tag.
        tag: u32,
        /// Prefix.
        ip: IpAddr,
        /// Its length in bits.
        bits: u8,
        /// Gateway; all zeros if there is none.
        gateway: IpAddr,
        /// Label field.
        label: u32,
    },
}

const WHAT: &str = "an EVPN route of its type's length";
/// Octets of a MAC/IP advertisement before its IP address.
const SHORTEST_MAC: usize = 30;

/// An address whose length is given by the preceding field.
fn address(r: &mut Reader<'_>, bits: u8) -> Result<Option<IpAddr>, WireError> {
    Ok(match bits {
        0 => None,
        32 => Some(r.array::<4>(WHAT)?.into()),
        128 => Some(r.array::<16>(WHAT)?.into()),
        _ => return Err(r.error(ADDRESS_LENGTH)),
    })
}

fn originator(r: &mut Reader<'_>, wrong: &'static str) -> Result<IpAddr, WireError> {
    match r.u8(WHAT)? {
        bits @ (32 | 128) => address(r, bits)?.ok_or_else(|| r.error(wrong)),
        _ => Err(r.error(wrong)),
    }
}

impl Route {
    /// Decodes the value of a route. Returns `None` for an unknown type.
    ///
    /// # Errors
    /// Returns an error if its length is wrong for its type, or an address has an invalid length.
    pub fn decode(code: u8, mut r: Reader<'_>) -> Result<Option<Self>, WireError> {
        if !(1..=5).contains(&code) {
            return Ok(None);
        }
        if code == 5 && r.remaining() < 8 {
            return Err(r.error(PREFIX_LENGTH));
        }
        let rd = RouteDistinguisher(r.array(WHAT)?);
        let tail = match code {
            1 => Tail::EthernetAd {
                esi: Esi(r.array(WHAT)?),
                tag: r.u32(WHAT)?,
                label: r.u24(WHAT)?,
            },
            2 => {
                let whole = r.remaining() + 8 >= SHORTEST_MAC;
                let tail = Self::decode_mac(&mut r).and_then(|tail| r.finish(WHAT).map(|()| tail));
                tail.map_err(|error| {
                    if whole {
                        r.error(ADDRESS_LENGTH)
                    } else {
                        error
                    }
                })?
            }
            3 => Tail::Multicast {
                tag: r.u32(WHAT)?,
                ip: originator(&mut r, WHAT)?,
            },
            4 => Tail::Segment {
                esi: Esi(r.array(WHAT)?),
                ip: originator(&mut r, ADDRESS_LENGTH)?,
            },
            _ if matches!(r.remaining() + 8, 34 | 58) => Self::decode_prefix(&mut r)?,
            _ => return Err(r.error(PREFIX_LENGTH)),
        };
        r.finish(WHAT)?;
        Ok(Some(Self { rd, tail }))
    }

    fn decode_mac(r: &mut Reader<'_>) -> Result<Tail, WireError> {
        let (esi, tag) = (Esi(r.array(WHAT)?), r.u32(WHAT)?);
        // RFC 7432 9.2.1: "The MAC Address Length field is in bits, and it is set to 48."
        if r.u8(WHAT)? != 48 {
            return Err(r.error(ADDRESS_LENGTH));
        }
        let mac = Mac(r.array(WHAT)?);
        let bits = r.u8(WHAT)?;
        let ip = address(r, bits)?;
        let label = r.u24(WHAT)?;
        let second = if r.is_empty() {
            None
        } else {
            Some(r.u24(WHAT)?)
        };
        Ok(Tail::MacIp {
            esi,
            tag,
            mac,
            ip,
            label,
            second,
        })
    }

    fn decode_prefix(r: &mut Reader<'_>) -> Result<Tail, WireError> {
        let (esi, tag, bits) = (Esi(r.array(WHAT)?), r.u32(WHAT)?, r.u8(WHAT)?);
        // RFC 9136 3.1: the total length distinguishes IPv4 from IPv6.
        let (ip, gateway, most): (IpAddr, IpAddr, u8) = if r.remaining() == 11 {
            (r.array::<4>(WHAT)?.into(), r.array::<4>(WHAT)?.into(), 32)
        } else {
            (
                r.array::<16>(WHAT)?.into(),
                r.array::<16>(WHAT)?.into(),
                128,
            )
        };
        if bits > most {
            return Err(r.error(WHAT));
        }
        let ip = mask(ip, bits);
        Ok(Tail::Prefix {
            esi,
            tag,
            ip,
            bits,
            gateway,
            label: r.u24(WHAT)?,
        })
    }

    /// Decodes a framed NLRI, if its type is known.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let (code, r) = typed::parts(bytes)?;
        Self::decode(code, r).ok()?
    }

    /// The route type (IANA).
    pub const fn code(&self) -> u8 {
        match self.tail {
            Tail::EthernetAd { .. } => 1,
            Tail::MacIp { .. } => 2,
            Tail::Multicast { .. } => 3,
            Tail::Segment { .. } => 4,
            Tail::Prefix { .. } => 5,
        }
    }

    /// The NLRI, type and length included.
    pub fn to_bytes(&self) -> NlriBytes {
        let mut out = vec![self.code()];
        Writer::new(&mut out).len8(|w| self.write(w));
        NlriBytes::from_vec(out)
    }

    fn write(&self, w: &mut Writer<'_>) {
        let ip = |w: &mut Writer<'_>, address: &IpAddr| match address {
            IpAddr::V4(address) => w.bytes(&address.octets()),
            IpAddr::V6(address) => w.bytes(&address.octets()),
        };
        let sized = |w: &mut Writer<'_>, address: &IpAddr| {
            w.u8(if address.is_ipv4() { 32 } else { 128 });
            ip(w, address);
        };
        w.bytes(&self.rd.0);
        match &self.tail {
            Tail::EthernetAd { esi, tag, label } => {
                w.bytes(&esi.0);
                w.u32(*tag);
                w.u24(*label);
            }
            Tail::MacIp {
                esi,
                tag,
                mac,
                ip,
                label,
                second,
            } => {
                w.bytes(&esi.0);
                w.u32(*tag);
                w.u8(48);
                w.bytes(&mac.0);
                match ip {
                    Some(address) => sized(w, address),
                    None => w.u8(0),
                }
                w.u24(*label);
                if let Some(second) = second {
                    w.u24(*second);
                }
            }
            Tail::Multicast { tag, ip } => {
                w.u32(*tag);
                sized(w, ip);
            }
            Tail::Segment { esi, ip } => {
                w.bytes(&esi.0);
                sized(w, ip);
            }
            Tail::Prefix {
                esi,
                tag,
                ip: prefix,
                bits,
                gateway,
                label,
            } => {
                w.bytes(&esi.0);
                w.u32(*tag);
                w.u8(*bits);
                ip(w, prefix);
                ip(w, gateway);
                w.u24(*label);
            }
        }
    }

    /// Appends the fields that RFC 7432 sections 7.1 to 7.4 and RFC 9136 section 3.1 make the route key.
    pub(super) fn key(&self, key: &mut NlriKey) {
        let mut same = self.clone();
        match &mut same.tail {
            Tail::EthernetAd { label, .. } => *label = 0,
            Tail::MacIp {
                esi, label, second, ..
            } => {
                *esi = Esi::default();
                *label = 0;
                *second = None;
            }
            Tail::Prefix {
                esi,
                gateway,
                label,
                ..
            } => {
                *esi = Esi::default();
                *gateway = if gateway.is_ipv4() {
                    [0; 4].into()
                } else {
                    [0; 16].into()
                };
                *label = 0;
            }
            Tail::Multicast { .. } | Tail::Segment { .. } => {}
        }
        key.extend_from_slice(&same.to_bytes());
    }

    const fn name(&self) -> &'static str {
        match self.tail {
            Tail::EthernetAd { .. } => "Ethernet Auto-Discovery",
            Tail::MacIp { .. } => "MAC/IP advertisement",
            Tail::Multicast { .. } => "Inclusive Multicast Ethernet Tag",
            Tail::Segment { .. } => "Ethernet Segment",
            Tail::Prefix { .. } => "IP Prefix Advertisement",
        }
    }

    /// Appends the JSON members from `name` on.
    pub(super) fn json(&self, w: &mut JsonWriter) {
        w.key("name").string(self.name()).raw(", ");
        w.key("rd").display(self.rd);
        let tail = &self.tail;
        if let Some(esi) = tail.esi() {
            w.raw(", \"esi\": ").display(esi);
        }
        if let Some(tag) = tail.tag() {
            w.raw(", \"ethernet-tag\": ").number(tag);
        }
        if let Tail::MacIp { mac, .. } = tail {
            w.raw(", \"mac\": ").display(mac);
        }
        if let Some((label, _)) = tail.labels() {
            w.raw(", \"label\": [ [").number(label >> 4);
            // ExaBGP omits the field if it is zero.
            if label != 0 {
                w.raw(", ").number(label);
            }
            w.raw("] ]");
        }
        if let Some(ip) = tail.ip() {
            w.raw(", \"ip\": ").display(ip);
        }
        if let Tail::Prefix { bits, gateway, .. } = tail {
            w.raw(", \"iplen\": ").number(*bits);
            w.raw(", \"gateway\": ").display(gateway);
        }
    }

    /// ExaBGP's form of a route in tables: `evpn:multicast::65000:1:10:10.0.0.2`.
    pub(super) fn listing(&self, out: &mut String) {
        let rd = self.rd;
        let label = |field: u32| match field {
            0 => " label 0".to_owned(),
            _ => format!(" label {} ({field})", field >> 4),
        };
        out.push_str("evpn:");
        out.push_str(&match &self.tail {
            Tail::EthernetAd {
                esi,
                tag,
                label: field,
            } => {
                format!("ethernetad::{rd}:{esi}:{tag}:{}", label(*field))
            }
            Tail::MacIp {
                esi,
                tag,
                mac,
                ip,
                label: field,
                ..
            } => {
                let ip = ip.map_or_else(String::new, |ip| ip.to_string());
                // The length of the MAC address is always 48 bits (RFC 7432 section 7.2).
                format!("macadv::{rd}:{esi}:{tag}:{mac}/48:{ip}:{}", label(*field))
            }
            Tail::Multicast { tag, ip } => format!("multicast::{rd}:{tag}:{ip}"),
            Tail::Segment { esi, ip } => format!("segment::{rd}:{esi}:{ip}"),
            Tail::Prefix {
                esi,
                tag,
                ip,
                bits,
                gateway,
                label: field,
            } => {
                format!(
                    "prfxadv::{rd}:{esi}:{tag}:{ip}/{bits}:{gateway}:{}",
                    label(*field)
                )
            }
        });
    }

    /// The text that [`parse`](super::parse()) reads back.
    pub(super) fn words(&self) -> String {
        let tail = &self.tail;
        let mut out = match tail {
            Tail::EthernetAd { .. } => "ethernet-ad".to_owned(),
            Tail::MacIp { .. } => "mac".to_owned(),
            Tail::Multicast { .. } => "multicast".to_owned(),
            Tail::Segment { .. } => "ethernet-segment".to_owned(),
            Tail::Prefix { ip, bits, .. } => format!("prefix {ip}/{bits}"),
        };
        let mut add = |word: &str, value: &dyn fmt::Display| {
            out.push_str(&format!(" {word} {value}"));
        };
        add("rd", &self.rd.word());
        if let Some(esi) = tail.esi() {
            add("esi", &esi);
        }
        if let Some(tag) = tail.tag() {
            add("ethernet-tag", &tag);
        }
        match tail {
            Tail::MacIp { mac, .. } => add("mac", mac),
            Tail::Prefix { gateway, .. } => add("gateway", gateway),
            _ => {}
        }
        if let (Some(ip), false) = (tail.ip(), matches!(tail, Tail::Prefix { .. })) {
            add("ip", &ip);
        }
        if let Some((label, second)) = tail.labels() {
            out.push_str(&label_text(label, second));
        }
        out
    }
}

/// Fields that several types have.
impl Tail {
    const fn esi(&self) -> Option<Esi> {
        match self {
            Self::EthernetAd { esi, .. }
            | Self::MacIp { esi, .. }
            | Self::Segment { esi, .. }
            | Self::Prefix { esi, .. } => Some(*esi),
            Self::Multicast { .. } => None,
        }
    }

    const fn tag(&self) -> Option<u32> {
        match self {
            Self::EthernetAd { tag, .. }
            | Self::MacIp { tag, .. }
            | Self::Multicast { tag, .. }
            | Self::Prefix { tag, .. } => Some(*tag),
            Self::Segment { .. } => None,
        }
    }

    const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::EthernetAd { .. } => None,
            Self::MacIp { ip, .. } => *ip,
            Self::Multicast { ip, .. } | Self::Segment { ip, .. } | Self::Prefix { ip, .. } => {
                Some(*ip)
            }
        }
    }

    /// The label field, and the second one.
    const fn labels(&self) -> Option<(u32, Option<u32>)> {
        match self {
            Self::MacIp { label, second, .. } => Some((*label, *second)),
            Self::EthernetAd { label, .. } | Self::Prefix { label, .. } => Some((*label, None)),
            Self::Multicast { .. } | Self::Segment { .. } => None,
        }
    }
}

/// ` label 100`, ` label [ 100 200 ]`, or ` vni …` if a field is not a label with the bottom-of-stack bit.
fn label_text(label: u32, second: Option<u32>) -> String {
    let fields: Vec<u32> = std::iter::once(label).chain(second).collect();
    let plain = fields.iter().all(|field| field & 0xF == 1);
    let (word, shift) = if plain { ("label", 4) } else { ("vni", 0) };
    let list: Vec<String> = fields
        .iter()
        .map(|field| (field >> shift).to_string())
        .collect();
    match second {
        None => format!(" {word} {}", list.join(" ")),
        Some(_) => format!(" {word} [ {} ]", list.join(" ")),
    }
}
