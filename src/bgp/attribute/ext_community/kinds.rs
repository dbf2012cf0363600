//! Names of extended communities.
//!
//! ExaBGP determines the name from the low half of the first byte and from the second byte, so that a non-transitive
//! route target is named like a transitive one, and a Source AS (RFC 6514) like a DSCP of FlowSpec. Here a name is that of
//! one type, which it is read back as. Communities that ExaBGP does not know have no name in JSON and are hexadecimal in
//! text; our events do the same, since scripts match on them. [`ExtCommunity::grammar`] knows more names.

use std::fmt;
use std::net::Ipv4Addr;

use super::parse::{ENCAPSULATIONS, from_word};
use super::{ExtCommunity, string_of_grammar};
use crate::json::hex;

/// The six value bytes, in their possible formats.
#[derive(Clone, Copy)]
struct Value([u8; 6]);

impl Value {
    fn u16_u32(self) -> (u16, u32) {
        let [a, b, c, d, e, f] = self.0;
        (u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f]))
    }

    fn u32_u16(self) -> (u32, u16) {
        let [a, b, c, d, e, f] = self.0;
        (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([e, f]))
    }

    fn ip_u16(self) -> (Ipv4Addr, u16) {
        let (high, low) = self.u32_u16();
        (high.into(), low)
    }

    fn rate(self) -> f32 {
        f32::from_bits(self.u16_u32().1)
    }
}

impl ExtCommunity {
    /// First byte, second byte, value.
    const fn parts(self) -> (u8, u8, Value) {
        let [high, low, a, b, c, d, e, f] = self.0;
        (high, low, Value([a, b, c, d, e, f]))
    }

    /// Returns `true` for a traffic rate (RFC 8955 section 7.1) that is infinite or NaN and so cannot be enforced.
    /// ExaBGP, too, treats such routes as withdrawn.
    pub(super) fn is_endless_rate(self) -> bool {
        let (high, low, value) = self.parts();
        high == 0x80 && matches!(low, 0x06 | 0x0C) && !value.rate().is_finite()
    }

    /// ExaBGP's text for it, if it has any.
    pub(super) fn words(self) -> Option<String> {
        let (high, low, value) = self.parts();
        let (narrow, wide) = value.u16_u32();
        let (four, two) = value.u32_u16();
        let (ip, number) = value.ip_u16();
        Some(match (high, low) {
            (0x00, 0x02) => format!("target:{narrow}:{wide}"),
            (0x01, 0x02) => format!("target:{ip}:{number}"),
            // ExaBGP drops the marker of a small four-octet AS, and puts the address of an origin second: both would
            // be parsed as different communities.
            (0x02, 0x02) => four_octet("target", four, two),
            (0x00, 0x03) => format!("origin:{narrow}:{}", Ipv4Addr::from(wide)),
            (0x01, 0x03) => format!("origin:{ip}:{number}"),
            (0x02, 0x03) => four_octet("origin", four, two),
            (0x00, 0x13) => format!("rtrecord:{narrow}:{wide}"),
            (0x01, 0x13) => format!("rtrecord:{ip}:{number}"),
            (0x02, 0x13) => four_octet("rtrecord", four, two),
            (0x80, 0x06) => format!("rate-limit:{}", rate(value.rate())),
            (0x80, 0x0C) => format!("rate-limit:{}:packets", rate(value.rate())),
            (0x80, 0x07) => {
                let names = ["", "terminal", "sample", "sample-terminal"];
                format!("action {}", names[usize::from(value.0[5] & 3)])
            }
            (0x80, 0x08) => format!("redirect:{narrow}:{wide}"),
            (0x80, 0x09) => format!("mark {}", value.0[5] & 0x3F),
            (0x80, 0x0A) => format!("l2info:{}:{}:{}:{two}", value.0[0], value.0[1], wide >> 16),
            (0x01, 0x0C) if number & 1 == 1 => format!("copy-to-nexthop-ietf {ip} (with copy)"),
            (0x01, 0x0C) => format!("redirect-to-nexthop-ietf {ip}"),
            (0x08, 0x00) if number & 1 == 1 => "copy-to-nexthop".to_owned(),
            (0x08, 0x00) => "redirect-to-nexthop".to_owned(),
            (0x81, 0x08) => format!("redirect:{ip}:{number}"),
            (0x82, 0x08) => four_octet("redirect", four, two),
            (0x03, 0x0C) => match encapsulation(two) {
                Some(name) => format!("encap:{name}"),
                None => format!("encap:encap:UNKNOWN-{two}"),
            },
            (0x03, 0x14) => format!("consistentHashSortOrder:{four}"),
            (0x06, 0x00) if value.0[0] == 1 => format!("mac-mobility:{wide}:sticky"),
            (0x06, 0x00) => format!("mac-mobility:{wide}"),
            (0x07 | 0x47, 0x02) => {
                let direction = match two >> 14 {
                    1 => "input",
                    2 => "output",
                    3 => "input-output",
                    _ => "0",
                };
                let kind = if high & 0x40 == 0 {
                    ""
                } else {
                    "non-transitive:"
                };
                format!("interface-set:{kind}{direction}:{four}:{}", two & 0x3FFF)
            }
            (0x0C, 0x00) => format!("mup:{narrow}:{wide}"),
            _ => return None,
        })
    }

    /// The value of the member `string` in JSON events: ExaBGP's text, otherwise the configuration syntax.
    pub(crate) fn named(self) -> String {
        self.words()
            .unwrap_or_else(|| string_of_grammar(self.grammar()))
    }

    /// The text that [`parse`](super::parse) reads back as the same bytes; hexadecimal digits if there is none.
    pub(crate) fn grammar(self) -> String {
        let (high, low, value) = self.parts();
        let (narrow, wide) = value.u16_u32();
        let (four, two) = value.u32_u16();
        let (ip, number) = value.ip_u16();
        let long = |name: &str| four_octet(name, four, two);
        let mac = |name: &str| {
            let [a, b, c, d, e, f] = value.0;
            format!("{name}:{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
        };
        let word = match (high, low) {
            (0x00, 0x02) => format!("target:{narrow}:{wide}"),
            (0x01, 0x02) => format!("target:{ip}:{number}"),
            (0x02, 0x02) => long("target"),
            (0x00, 0x03) => format!("origin:{narrow}:{wide}"),
            (0x01, 0x03) => format!("origin:{ip}:{number}"),
            (0x02, 0x03) => long("origin"),
            (0x00, 0x13) => format!("rtrecord:{narrow}:{wide}"),
            (0x01, 0x13) => format!("rtrecord:{ip}:{number}"),
            (0x02, 0x13) => long("rtrecord"),
            (0x80, 0x08) => format!("redirect:{narrow}:{wide}"),
            (0x81, 0x08) => format!("redirect:{ip}:{number}"),
            (0x82, 0x08) => long("redirect"),
            (0x80, 0x0A) => format!("l2info:{}:{}:{}:{two}", value.0[0], value.0[1], wide >> 16),
            (0x40, 0x04) => format!("bandwidth:{narrow}:{}", value.rate()),
            (0x80, 0x06) if narrow == 0 => format!("rate-limit:{}", value.rate()),
            (0x80, 0x0C) if narrow == 0 => format!("rate-limit:{}:packets", value.rate()),
            (0x80, 0x09) => format!("mark:{}", value.0[5]),
            (0x0C, 0x00) => format!("mup:{narrow}:{wide}"),
            (0x03, 0x0B) if narrow == 0 => format!("color:{wide}"),
            (0x03, 0x0B) => format!("color:{narrow}:{wide}"),
            (0x03, 0x0C) => format!("encap:{}", encapsulation(two).unwrap_or_default()),
            (0x03, 0x0D) => "default-gateway".to_owned(),
            (0x01, 0x0C) if number == 1 => format!("copy-to-nexthop-ietf:{ip}"),
            (0x01, 0x0C) => format!("redirect-to-nexthop-ietf:{ip}"),
            (0x03, 0x14) => format!("consistentHashSortOrder:{four}"),
            (0x07 | 0x47, 0x02) => self.words().unwrap_or_default(),
            (0x06, 0x00) if value.0[0] == 1 => format!("mac-mobility:{wide}:sticky"),
            (0x06, 0x00) => format!("mac-mobility:{wide}"),
            (0x06, 0x01) => label(value, "esi-label"),
            (0x06, 0x05) => label(value, "e-tree"),
            (0x06, 0x02) => mac("es-import"),
            (0x06, 0x03) => mac("router-mac"),
            (0x08, 0x00) if number == 1 => "copy-to-nexthop".to_owned(),
            (0x08, 0x00) => "redirect-to-nexthop".to_owned(),
            _ => String::new(),
        };
        // Reserved bits and NaN rates are lost in the text.
        match from_word(&word) {
            Ok(read) if read == self => word,
            _ => format!("0x{}", hex(&self.0)),
        }
    }
}

/// `target:70000:5`; with an AS number that fits in two octets, `target4:1:5`.
fn four_octet(name: &str, asn: u32, number: u16) -> String {
    let mark = if asn > 0xFFFF { "" } else { "4" };
    format!("{name}{mark}:{asn}:{number}")
}

/// `esi-label:100:1`: the label, then the flags (RFC 7432 section 7.5, RFC 8317 section 5.1).
fn label(value: Value, name: &str) -> String {
    let [flags, _, _, high, middle, low] = value.0;
    let label = u32::from_be_bytes([0, high, middle, low]) >> 4;
    format!("{name}:{label}:{flags}")
}

pub(super) fn encapsulation(tunnel_type: u16) -> Option<&'static str> {
    ENCAPSULATIONS
        .iter()
        .find(|(code, _)| *code == tunnel_type)
        .map(|(_, name)| *name)
}

/// A rate without its fraction, as ExaBGP shows it. RFC 8955 7.1: "negative values MUST be treated as zero".
fn rate(value: f32) -> String {
    if value.is_finite() {
        format!("{:.0}", f64::from(value).max(0.0).trunc())
    } else {
        value.to_string().to_ascii_lowercase()
    }
}

impl fmt::Display for ExtCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words() {
            Some(words) => f.write_str(&words),
            None => write!(f, "0x{}", hex(&self.0)),
        }
    }
}
