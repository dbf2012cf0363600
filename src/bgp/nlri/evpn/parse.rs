//! Syntax for announcing EVPN routes. ExaBGP can only receive them, so this syntax follows that of its other
//! families:
//!
//! ```text
//! ethernet-ad      rd R esi E [ethernet-tag N] label L
//! mac              rd R [esi E] [ethernet-tag N] mac M [ip A] label L
//! multicast        rd R [ethernet-tag N] ip A
//! ethernet-segment rd R esi E ip A
//! prefix P/LEN     rd R [esi E] [ethernet-tag N] [gateway A] label L
//! ```
//!
//! The pairs may be in any order; `vni N` replaces `label` if the field holds a VNI; `label [ L1 L2 ]` gives both
//! labels of type 2. Attributes follow.

use std::net::IpAddr;

use super::{Esi, Mac, Route, Tail};
use crate::bgp::family::Family;
use crate::bgp::nlri::Nlri;
use crate::bgp::rd::RouteDistinguisher;
use crate::text::{Cursor, Span, SyntaxError, near_miss, value};

const HEADS: &[&str] = &[
    "ethernet-ad",
    "mac",
    "multicast",
    "ethernet-segment",
    "prefix",
];

/// The pairs of an announcement.
#[derive(Default)]
struct Pairs {
    rd: Option<RouteDistinguisher>,
    esi: Option<Esi>,
    tag: u32,
    mac: Option<Mac>,
    ip: Option<IpAddr>,
    gateway: Option<IpAddr>,
    labels: Vec<u32>,
}

/// Parses a route from its keyword on, and stops at the first word that does not belong to it.
///
/// # Errors
/// Returns an error if a value is invalid, or one that the type requires is missing.
pub fn parse(c: &mut Cursor<'_>) -> Result<Nlri, SyntaxError> {
    let span = c.span();
    let head = c.word("a type of EVPN route, like `mac` or `prefix`")?;
    if !HEADS.contains(&head) {
        let error = SyntaxError::expected(span, "a type of EVPN route", head);
        return Err(match near_miss(head, HEADS.iter().copied()) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error.with_help(format!("there are {}", HEADS.join(", "))),
        });
    }
    let prefix = if head == "prefix" {
        Some(c.value("a prefix", value::prefix)?)
    } else {
        None
    };
    let mut pairs = Pairs::default();
    while pairs.take(c)? {}
    let route = pairs.route(head, prefix, span.to(c.last_span()))?;
    Ok(Nlri {
        family: Family::EVPN,
        path_id: None,
        bytes: route.to_bytes(),
    })
}

impl Pairs {
    /// Parses the next pair, if the next word starts one. Returns `true` if it does.
    fn take(&mut self, c: &mut Cursor<'_>) -> Result<bool, SyntaxError> {
        match c.peek() {
            "rd" | "route-distinguisher" => {
                c.next_token();
                self.rd = Some(c.value(RouteDistinguisher::EXPECTED, RouteDistinguisher::parse)?);
            }
            "esi" => {
                c.next_token();
                self.esi = Some(c.value("an ESI: ten octets in hexadecimal, or `-`", esi)?);
            }
            "ethernet-tag" => {
                c.next_token();
                self.tag = c.value("a number from 0 to 4294967295", value::u32)?;
            }
            "mac" => {
                c.next_token();
                let mac = |word: &str| octets(word).map(Mac);
                self.mac = Some(c.value("a MAC address like `00:11:22:33:44:55`", mac)?);
            }
            "ip" => {
                c.next_token();
                self.ip = Some(c.value("an IP address", value::ip)?);
            }
            "gateway" => {
                c.next_token();
                self.gateway = Some(c.value("an IP address", value::ip)?);
            }
            word @ ("label" | "vni") => {
                c.next_token();
                let (most, shift) = if word == "label" {
                    (0xF_FFFF, 4)
                } else {
                    (0xFF_FFFF, 0)
                };
                let bottom = u32::from(word == "label");
                self.labels = c.list(|c| {
                    c.value(&format!("a number from 0 to {most}"), |word| {
                        let number = u32::try_from(value::number(word, most)?).ok()?;
                        Some(number << shift | bottom)
                    })
                })?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn route(
        self,
        head: &str,
        prefix: Option<(IpAddr, u8)>,
        span: Span,
    ) -> Result<Route, SyntaxError> {
        let missing = |what: &str| SyntaxError::new(span, format!("`{head}` needs `{what}`"));
        let rd = self.rd.ok_or_else(|| missing("rd"))?;
        let label = || self.labels.first().copied().ok_or_else(|| missing("label"));
        let tag = self.tag;
        let esi = self.esi.unwrap_or_default();
        let tail = match (head, prefix) {
            ("ethernet-ad", _) => Tail::EthernetAd {
                esi: self.esi.ok_or_else(|| missing("esi"))?,
                tag,
                label: label()?,
            },
            ("mac", _) => Tail::MacIp {
                esi,
                tag,
                mac: self.mac.ok_or_else(|| missing("mac"))?,
                ip: self.ip,
                label: label()?,
                second: self.labels.get(1).copied(),
            },
            ("multicast", _) => Tail::Multicast {
                tag,
                ip: self.ip.ok_or_else(|| missing("ip"))?,
            },
            (_, Some((ip, bits))) => {
                let none: IpAddr = if ip.is_ipv4() {
                    [0; 4].into()
                } else {
                    [0; 16].into()
                };
                let gateway = self.gateway.unwrap_or(none);
                if gateway.is_ipv4() != ip.is_ipv4() {
                    let message = "`gateway` is of another family than the prefix";
                    return Err(SyntaxError::new(span, message));
                }
                Tail::Prefix {
                    esi,
                    tag,
                    ip,
                    bits,
                    gateway,
                    label: label()?,
                }
            }
            _ => Tail::Segment {
                esi: self.esi.ok_or_else(|| missing("esi"))?,
                ip: self.ip.ok_or_else(|| missing("ip"))?,
            },
        };
        Ok(Route { rd, tail })
    }
}

fn esi(word: &str) -> Option<Esi> {
    if matches!(word, "-" | "0") {
        return Some(Esi::default());
    }
    octets(word).map(Esi)
}

/// Octets in hexadecimal, separated by colons.
fn octets<const N: usize>(word: &str) -> Option<[u8; N]> {
    let list: Vec<u8> = word
        .split(':')
        .map(|part| {
            u8::from_str_radix(part, 16)
                .ok()
                .filter(|_| part.len() <= 2)
        })
        .collect::<Option<_>>()?;
    list.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokenize;

    fn read(text: &str) -> Result<Nlri, String> {
        let tokens = tokenize(text);
        let mut c = Cursor::new(&tokens, text.len());
        parse(&mut c).map_err(|error| error.to_string())
    }

    #[test]
    fn sentences_are_read_back() {
        for text in [
            "ethernet-ad rd 65000:1 esi 00:01:02:03:04:05:06:07:08:09 ethernet-tag 100 label 100",
            "mac rd 65000:1 esi - ethernet-tag 0 mac 00:11:22:AA:BB:CC label 100",
            "mac rd 65000:1 esi - ethernet-tag 5 mac 00:11:22:33:44:55 ip 2001:db8::1 label [ 100 200 ]",
            "mac rd 65000:1 esi - ethernet-tag 5 mac 00:11:22:33:44:55 ip 1.2.3.4 vni 10000",
            "multicast rd 10.0.0.9:7 ethernet-tag 10 ip 10.0.0.2",
            "ethernet-segment rd 65000:1 esi 00:01:02:03:04:05:06:07:08:09 ip 10.0.0.2",
            "prefix 10.1.2.0/24 rd 65000:1 esi - ethernet-tag 0 gateway 10.1.1.1 label 100",
            "prefix 2001:db8::/32 rd 65000:1 esi - ethernet-tag 0 gateway :: vni 5",
        ] {
            let nlri = read(text).expect(text);
            assert_eq!(nlri.to_string(), format!("evpn {text}"));
            let route = Route::of(&nlri.bytes).expect("a known type");
            assert_eq!(route.to_bytes(), nlri.bytes);
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (text, wanted) in [
            ("mac rd 1:1 label 5", "`mac` needs `mac`"),
            ("prefix 10.0.0.0/8 label 5", "`prefix` needs `rd`"),
            (
                "multicats rd 1:1",
                "expected a type of EVPN route, found `multicats` (did you mean `multicast`?)",
            ),
            (
                "mac rd 1:1 mac 00:11",
                "expected a MAC address like `00:11:22:33:44:55`, found `00:11`",
            ),
            (
                "prefix 10.0.0.0/8 rd 1:1 gateway ::1 label 5",
                "`gateway` is of another family than the prefix",
            ),
        ] {
            assert_eq!(
                read(text).map(|nlri| nlri.to_string()),
                Err(wanted.to_owned())
            );
        }
    }

    #[test]
    fn labels_and_segments_are_not_part_of_the_key() {
        let one =
            read("mac rd 1:1 esi 00:01:02:03:04:05:06:07:08:09 mac 00:11:22:33:44:55 label 5");
        let other = read("mac rd 1:1 mac 00:11:22:33:44:55 vni 7").expect("a route");
        assert!(one.expect("a route").same_route(other.as_ref()));
        let third = read("mac rd 1:1 mac 00:11:22:33:44:55 ip 1.2.3.4 vni 7").expect("a route");
        assert!(!third.same_route(other.as_ref()));
    }
}
