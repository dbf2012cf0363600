//! Configuration syntax of extended communities.
//!
//! These are ExaBGP's forms with its errors corrected: a four-octet AS gives the four-octet type instead of the IPv4
//! one. Additional names are those of EVPN and of RFC 9012, and shorter ones used by other daemons.

use std::net::Ipv4Addr;

use super::ExtCommunity;
use crate::text::{Cursor, SyntaxError, near_miss, value};

/// Tunnel types (IANA) with ExaBGP's names.
pub(super) const ENCAPSULATIONS: &[(u16, &str)] = &[
    (0, "Default"),
    (1, "L2TPv3"),
    (2, "GRE"),
    (7, "IP-in-IP"),
    (8, "VXLAN"),
    (9, "NVGRE"),
    (10, "MPLS"),
    (12, "VXLAN-GPE"),
    (13, "MPLS-in-UDP"),
];

/// The names that [`from_word`] accepts.
const NAMES: &[&str] = &[
    "target",
    "target4",
    "origin",
    "origin4",
    "rtrecord",
    "redirect",
    "redirect-to-nexthop",
    "copy-to-nexthop",
    "redirect-to-nexthop-ietf",
    "copy-to-nexthop-ietf",
    "l2info",
    "bandwidth",
    "mup",
    "encap",
    "color",
    "mac-mobility",
    "router-mac",
    "es-import",
    "esi-label",
    "default-gateway",
    "rate-limit",
    "mark",
    "e-tree",
    "interface-set",
    "consistentHashSortOrder",
];

/// An error message and a hint.
type Refusal = (String, Option<String>);

/// Parses a community.
pub(in crate::bgp) fn community(c: &mut Cursor<'_>) -> Result<ExtCommunity, SyntaxError> {
    let span = c.span();
    let word = c.word("an extended community: `target:AS:N`, `origin:AS:N`, `0x…`")?;
    if let Some(read) = spaced(word, c) {
        return read;
    }
    from_word(word).map_err(|(message, help)| {
        let error = SyntaxError::new(span, message);
        match help {
            Some(help) => error.with_help(help),
            None => error,
        }
    })
}

/// Parses the forms in events that contain a space: `mark 10`, `action sample`, `copy-to-nexthop-ietf 1.2.3.4 (with
/// copy)`.
fn spaced(word: &str, c: &mut Cursor<'_>) -> Option<Result<ExtCommunity, SyntaxError>> {
    Some(match word {
        "mark" => {
            let dscp = |word: &str| value::u8(word).filter(|dscp| *dscp <= 63);
            c.value("a DSCP from 0 to 63", dscp).map(ExtCommunity::mark)
        }
        "action" => {
            let flags = match c.peek() {
                "sample" => (true, false),
                "terminal" => (false, true),
                "sample-terminal" => (true, true),
                _ => return Some(Ok(ExtCommunity::traffic_action(false, false))),
            };
            c.next_token();
            Ok(ExtCommunity::traffic_action(flags.0, flags.1))
        }
        "redirect-to-nexthop-ietf" | "copy-to-nexthop-ietf" => {
            let copy = word.starts_with("copy");
            c.value("an IPv4 address", value::ipv4).and_then(|address| {
                with_copy(c)?;
                Ok(ExtCommunity::redirect_ipv4(address, copy))
            })
        }
        _ => return None,
    })
}

/// Skips the `(with copy)` of events.
pub(crate) fn with_copy(c: &mut Cursor<'_>) -> Result<(), SyntaxError> {
    if c.accept("(") {
        c.expect("with")?;
        c.expect("copy")?;
        c.expect(")")?;
    }
    Ok(())
}

/// Parses a community that is a single word.
pub(super) fn from_word(word: &str) -> Result<ExtCommunity, Refusal> {
    if let Some(digits) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"))
        && !word.contains(':')
    {
        let bytes =
            value::hex(digits).ok_or_else(|| (format!("`{word}` is not hexadecimal"), None))?;
        return <[u8; 8]>::try_from(&bytes[..])
            .map(ExtCommunity)
            .map_err(|_| {
                let message = format!(
                    "an extended community has 8 bytes, `{word}` has {}",
                    bytes.len()
                );
                (message, None)
            });
    }
    let parts: Vec<&str> = word.split(':').collect();
    let (name, values) = match &parts[..] {
        // Two numbers without a name are a route target.
        [first, _] if starts_like_number(first) => ("target", &parts[..]),
        [name, values @ ..] => (*name, values),
        [] => (word, &[][..]),
    };
    let fields = Fields { word, name, values };
    match name {
        "target" | "rt" | "target4" | "rt4" => fields.administered(0x00, 0x02),
        "origin" | "soo" | "origin4" | "soo4" => fields.administered(0x00, 0x03),
        "rtrecord" | "rtrecord4" => fields.administered(0x00, 0x13),
        "redirect" | "redirect4" => fields.administered(0x80, 0x08),
        "mup" => {
            let [high, low] = fields.take()?;
            let (high, low) = (fields.number(high, 0xFFFF)?, fields.number(low, U32)?);
            Ok(make(0x0C, 0x00, high << 32 | low))
        }
        "l2info" => {
            let [encapsulation, control, mtu, preference] = fields.take()?;
            let bytes = fields.number(encapsulation, 0xFF)? << 8 | fields.number(control, 0xFF)?;
            let tail = fields.number(mtu, 0xFFFF)? << 16 | fields.number(preference, 0xFFFF)?;
            Ok(make(0x80, 0x0A, bytes << 32 | tail))
        }
        _ => fields.single().unwrap_or_else(|| fields.unknown()),
    }
}

const U32: u64 = 0xFFFF_FFFF;

/// The eight bytes with the low six of `value`.
fn make(high: u8, low: u8, value: u64) -> ExtCommunity {
    let [_, _, a, b, c, d, e, f] = value.to_be_bytes();
    ExtCommunity([high, low, a, b, c, d, e, f])
}

fn starts_like_number(part: &str) -> bool {
    part.starts_with(|first: char| first.is_ascii_digit())
}

/// A word split into its fields.
#[derive(Clone, Copy)]
struct Fields<'a> {
    word: &'a str,
    name: &'a str,
    values: &'a [&'a str],
}

impl<'a> Fields<'a> {
    /// The values, if there are exactly `N`.
    fn take<const N: usize>(self) -> Result<[&'a str; N], Refusal> {
        <[&str; N]>::try_from(self.values).map_err(|_| {
            let Self { word, name, values } = self;
            let plural = if N == 1 { "" } else { "s" };
            let message = format!(
                "`{name}` takes {N} value{plural}, not {}: `{word}`",
                values.len()
            );
            (message, None)
        })
    }

    /// A decimal or hexadecimal number up to `max`, or an IPv4 address as a number.
    fn number(self, part: &str, max: u64) -> Result<u64, Refusal> {
        let plain = part.strip_suffix('L').unwrap_or(part);
        let number = value::number_or_hex(plain, u64::MAX)
            .or_else(|| Some(u64::from(u32::from(part.parse::<Ipv4Addr>().ok()?))));
        match number {
            Some(number) if number <= max => Ok(number),
            Some(_) => Err((
                format!("`{part}` in `{}` must be from 0 to {max}", self.word),
                None,
            )),
            None => {
                let word = self.word;
                let message =
                    format!("`{part}` in `{word}` is neither a number nor an IPv4 address");
                Err((message, None))
            }
        }
    }

    /// `administrator:number`, the three types of RFC 4360 sections 3.1 and 3.2 and RFC 5668.
    fn administered(self, high: u8, low: u8) -> Result<ExtCommunity, Refusal> {
        let [administrator, number] = self.take()?;
        let long = self.name.ends_with('4') || administrator.ends_with('L');
        let kind = if administrator.contains('.') {
            1
        } else if long || self.number(administrator, U32)? > 0xFFFF {
            2
        } else {
            0
        };
        let high = high | kind;
        let value = if kind == 0 {
            self.number(administrator, 0xFFFF)? << 32 | self.number(number, U32)?
        } else {
            self.number(administrator, U32)? << 16 | self.number(number, 0xFFFF)?
        };
        Ok(make(high, low, value))
    }

    /// Types with a format of their own. Returns `None` if the name is unknown.
    fn single(self) -> Option<Result<ExtCommunity, Refusal>> {
        Some(match (self.name, self.values) {
            ("redirect-to-nexthop", []) => Ok(make(0x08, 0x00, 0)),
            ("copy-to-nexthop", []) => Ok(make(0x08, 0x00, 1)),
            ("redirect-to-nexthop-ietf", [ip]) => {
                self.number(ip, U32).map(|ip| make(0x01, 0x0C, ip << 16))
            }
            ("copy-to-nexthop-ietf", [ip]) => self
                .number(ip, U32)
                .map(|ip| make(0x01, 0x0C, ip << 16 | 1)),
            ("default-gateway", []) => Ok(make(0x03, 0x0D, 0)),
            ("color", [color]) => self.number(color, U32).map(|color| make(0x03, 0x0B, color)),
            ("color", [flags, color]) => self
                .number(flags, 0xFFFF)
                .and_then(|flags| Ok(make(0x03, 0x0B, flags << 32 | self.number(color, U32)?))),
            ("e-tree", [label, flags]) => self.number(flags, 0xFF).and_then(|flags| {
                let label = self.number(label, 0xF_FFFF)?;
                // RFC 8317 5.1: without a label the field is zero.
                let field = if label == 0 { 0 } else { label << 4 | 1 };
                Ok(make(0x06, 0x05, flags << 40 | field))
            }),
            ("consistentHashSortOrder", [order]) => self
                .number(order, U32)
                .map(|order| make(0x03, 0x14, order << 16)),
            ("interface-set", ["non-transitive", direction, asn, group]) => {
                self.interface_set(0x47, [direction, asn, group])
            }
            ("interface-set", [direction, asn, group]) => {
                self.interface_set(0x07, [direction, asn, group])
            }
            ("encap", ["encap", unknown]) => match unknown.strip_prefix("UNKNOWN-") {
                Some(kind) => self.number(kind, 0xFFFF).map(|kind| make(0x03, 0x0C, kind)),
                None => return None,
            },
            ("encap", [kind]) => self.encapsulation(kind).map(|kind| make(0x03, 0x0C, kind)),
            ("mac-mobility", [sequence]) => self
                .number(sequence, U32)
                .map(|sequence| make(0x06, 0x00, sequence)),
            ("mac-mobility", [sequence, "sticky"]) => self
                .number(sequence, U32)
                .map(|sequence| make(0x06, 0x00, 1 << 40 | sequence)),
            ("router-mac", mac) => self.mac(mac).map(|mac| make(0x06, 0x03, mac)),
            ("es-import", mac) => self.mac(mac).map(|mac| make(0x06, 0x02, mac)),
            ("esi-label", [label]) => self
                .number(label, 0xF_FFFF)
                .map(|label| make(0x06, 0x01, label << 4 | 1)),
            // RFC 7432 7.5: the flag means single-active.
            ("esi-label", [label, flags]) => self.number(flags, 0xFF).and_then(|flags| {
                let label = self.number(label, 0xF_FFFF)?;
                Ok(make(0x06, 0x01, flags << 40 | label << 4 | 1))
            }),
            ("bandwidth", [asn, rate]) => self.number(asn, 0xFFFF).and_then(|asn| {
                Ok(make(
                    0x40,
                    0x04,
                    asn << 32 | u64::from(self.float(rate)?.to_bits()),
                ))
            }),
            ("rate-limit", [rate]) => self
                .float(rate)
                .map(|rate| make(0x80, 0x06, rate.to_bits().into())),
            ("rate-limit", [rate, "packets"]) => self
                .float(rate)
                .map(|rate| make(0x80, 0x0C, rate.to_bits().into())),
            ("mark", [dscp]) => self.number(dscp, 63).map(|dscp| make(0x80, 0x09, dscp)),
            _ => return None,
        })
    }

    fn interface_set(self, high: u8, parts: [&str; 3]) -> Result<ExtCommunity, Refusal> {
        let [direction, asn, group] = parts;
        let bits = match direction {
            "0" => 0,
            "input" => 0x4000,
            "output" => 0x8000,
            "input-output" => 0xC000,
            _ => {
                return Err((
                    format!("`{direction}` in `{}` is no direction", self.word),
                    None,
                ));
            }
        };
        let (asn, group) = (self.number(asn, U32)?, self.number(group, 0x3FFF)?);
        Ok(make(high, 0x02, asn << 16 | bits | group))
    }

    fn encapsulation(self, kind: &str) -> Result<u64, Refusal> {
        ENCAPSULATIONS
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(kind))
            .map_or_else(|| self.number(kind, 0xFFFF), |(code, _)| Ok((*code).into()))
    }

    fn mac(self, parts: &[&str]) -> Result<u64, Refusal> {
        let octets: Option<Vec<u8>> = parts
            .iter()
            .map(|part| {
                u8::from_str_radix(part, 16)
                    .ok()
                    .filter(|_| part.len() <= 2)
            })
            .collect();
        match octets {
            Some(octets) if octets.len() == 6 => Ok(octets
                .iter()
                .fold(0, |sum, octet| sum << 8 | u64::from(*octet))),
            _ => Err((
                format!(
                    "`{}` needs a MAC address: `{}:00:11:22:33:44:55`",
                    self.word, self.name
                ),
                None,
            )),
        }
    }

    fn float(self, part: &str) -> Result<f32, Refusal> {
        match part.parse::<f32>() {
            Ok(rate) if rate.is_finite() && rate >= 0.0 => Ok(rate),
            _ => Err((format!("`{part}` in `{}` is not a rate", self.word), None)),
        }
    }

    fn unknown(self) -> Result<ExtCommunity, Refusal> {
        let name = self.name;
        if NAMES.contains(&name) {
            let message = format!("`{}` has a wrong number of values", self.word);
            return Err((message, None));
        }
        let help =
            near_miss(name, NAMES.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        Err((format!("unknown extended community `{name}`"), help))
    }
}
