//! Multicast VPN (RFC 6514 section 4): route types 5, 6 and 7. Others are opaque.
//!
//! ```text
//! +-----------------------------------+
//! |    Route Type (1 octet)           |
//! |    Length (1 octet)               |
//! +-----------------------------------+
//! |    Route Distinguisher (8 octets) |
//! |    Source AS (4 octets)           |   types 6 and 7 only
//! |    Source Length (1 octet)        |   in bits
//! |    Source (4 or 16 octets)        |   the rendezvous point in type 6
//! |    Group Length (1 octet)         |
//! |    Group (4 or 16 octets)         |
//! +-----------------------------------+
//! ```

use std::net::IpAddr;

use super::inet::address_word;
use super::{Nlri, NlriBytes, NlriCodec, NlriRef, push_family_sentence, push_sentence, typed};
use crate::bgp::family::{Afi, Family, Safi};
use crate::bgp::nexthop::NextHop;
use crate::bgp::rd::RouteDistinguisher;
use crate::json::{JsonWriter, hex};
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError, Writer};

/// Routes of multicast VPNs.
#[derive(Clone, Copy, Debug)]
pub struct Mvpn;

/// A decoded route of a known type.
struct Route {
    code: u8,
    rd: RouteDistinguisher,
    source_as: Option<u32>,
    source: IpAddr,
    group: IpAddr,
}

pub(super) const WHAT: &str =
    "a multicast VPN route of its type's length, with addresses of 32 or 128 bits";
const SOURCE_ACTIVE: u8 = 5;
const SHARED_JOIN: u8 = 6;
const SOURCE_JOIN: u8 = 7;

impl Route {
    fn decode(code: u8, mut r: Reader<'_>) -> Result<Option<Self>, WireError> {
        if !(SOURCE_ACTIVE..=SOURCE_JOIN).contains(&code) {
            return Ok(None);
        }
        let address = |r: &mut Reader<'_>| match r.u8(WHAT)? {
            32 => Ok(r.array::<4>(WHAT)?.into()),
            128 => Ok(r.array::<16>(WHAT)?.into()),
            _ => Err(r.error(WHAT)),
        };
        let route = Self {
            code,
            rd: RouteDistinguisher(r.array(WHAT)?),
            source_as: if code == SOURCE_ACTIVE {
                None
            } else {
                Some(r.u32(WHAT)?)
            },
            source: address(&mut r)?,
            group: address(&mut r)?,
        };
        r.finish(WHAT)?;
        Ok(Some(route))
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let (code, r) = typed::parts(bytes)?;
        Self::decode(code, r).ok()?
    }

    /// The text that [`parse`] reads back.
    fn words(&self) -> String {
        let Self { source, group, .. } = self;
        let (head, word) = match self.code {
            SOURCE_ACTIVE => ("source-ad", "source"),
            SHARED_JOIN => ("shared-join", "rp"),
            _ => ("source-join", "source"),
        };
        let source_as = self
            .source_as
            .map_or_else(String::new, |asn| format!(" source-as {asn}"));
        format!(
            "{head} {word} {source} group {group} rd {}{source_as}",
            self.rd.word()
        )
    }

    fn to_bytes(&self) -> NlriBytes {
        let mut out = vec![self.code];
        Writer::new(&mut out).len8(|w| {
            w.bytes(&self.rd.0);
            if let Some(source_as) = self.source_as {
                w.u32(source_as);
            }
            for address in [self.source, self.group] {
                match address {
                    IpAddr::V4(address) => {
                        w.u8(32);
                        w.bytes(&address.octets());
                    }
                    IpAddr::V6(address) => {
                        w.u8(128);
                        w.bytes(&address.octets());
                    }
                }
            }
        });
        NlriBytes::from_vec(out)
    }
}

impl NlriCodec for Mvpn {
    const FAMILIES: &'static [Family] = &[Family::IPV4_MCAST_VPN, Family::IPV6_MCAST_VPN];

    fn frame<'a>(_: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
        typed::frame(r, Route::decode)
    }

    fn json(nlri: NlriRef<'_>, _: Option<NextHop>, w: &mut JsonWriter) {
        let code = nlri.bytes.first().copied().unwrap_or_default();
        let route = Route::of(nlri.bytes);
        w.raw("{ \"code\": ")
            .number(code)
            .raw(", \"parsed\": ")
            .boolean(route.is_some());
        w.raw(", \"raw\": ").string(&hex(nlri.bytes));
        let Some(route) = route else {
            w.raw(" }");
            return;
        };
        w.raw(", \"name\": ").string(match route.code {
            SOURCE_ACTIVE => "Source Active A-D Route",
            SHARED_JOIN => "C-Multicast Shared Tree Join route",
            _ => "C-Multicast Source Tree Join route",
        });
        w.raw(", \"rd\": ").display(route.rd);
        if let Some(source_as) = route.source_as {
            w.raw(", \"source-as\": ").display(source_as);
        }
        w.raw(", \"source\": ").display(route.source);
        // ExaBGP writes no space before the brace.
        w.raw(", \"group\": ").display(route.group).raw("}");
    }

    fn text(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        push_family_sentence(nlri, next_hop, out);
    }

    fn show(nlri: NlriRef<'_>, _: Option<NextHop>, out: &mut String) {
        let Some(route) = Route::of(nlri.bytes) else {
            out.push_str(&format!(
                "mvpn:unknown:0x{}",
                hex(nlri.bytes).to_lowercase()
            ));
            return;
        };
        let Route {
            rd, source, group, ..
        } = route;
        let source_as = route
            .source_as
            .map_or_else(String::new, |number| format!(":{number}"));
        let name = match route.code {
            SOURCE_ACTIVE => "sourcead",
            SHARED_JOIN => "shared-join",
            _ => "source-join",
        };
        out.push_str(&format!("mvpn:{name}::{rd}{source_as}:{source}:{group}"));
    }

    fn grammar(nlri: NlriRef<'_>, out: &mut String) {
        let words = Route::of(nlri.bytes).map(|route| route.words());
        push_sentence(nlri, "mcast-vpn", words, |c| parse(nlri.family.afi, c), out);
    }
}

/// Parses `source-ad source A group A rd R`, `shared-join rp A group A rd R source-as N` or `source-join source A
/// group A rd R source-as N`. Attributes follow.
///
/// # Errors
/// Returns an error if the text is none of these, or an address is not of `afi`.
pub fn parse(afi: Afi, c: &mut Cursor<'_>) -> Result<Nlri, SyntaxError> {
    const EXPECTED: &str = "`source-ad`, `shared-join` or `source-join`";
    const HEADS: [&str; 3] = ["source-ad", "shared-join", "source-join"];
    let span = c.span();
    let head = c.word(EXPECTED)?;
    let code = match head {
        "source-ad" => SOURCE_ACTIVE,
        "shared-join" => SHARED_JOIN,
        "source-join" => SOURCE_JOIN,
        _ => {
            return Err(SyntaxError::expected(span, EXPECTED, head).with_near_miss(head, HEADS));
        }
    };
    c.expect(if code == SHARED_JOIN { "rp" } else { "source" })?;
    let source = address_word(afi, c)?;
    c.expect("group")?;
    let group = address_word(afi, c)?;
    c.expect("rd")?;
    let rd = c.value(RouteDistinguisher::EXPECTED, RouteDistinguisher::parse)?;
    let source_as = if code == SOURCE_ACTIVE {
        None
    } else {
        c.expect("source-as")?;
        Some(c.value("an AS number", value::asn)?)
    };
    let route = Route {
        code,
        rd,
        source_as,
        source,
        group,
    };
    let family = Family {
        afi,
        safi: Safi::MCAST_VPN,
    };
    Ok(Nlri {
        family,
        path_id: None,
        bytes: route.to_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokenize;

    fn read(afi: Afi, text: &str) -> Result<Nlri, String> {
        let tokens = tokenize(text);
        parse(afi, &mut Cursor::new(&tokens, text.len())).map_err(|error| error.to_string())
    }

    #[test]
    fn sentences_are_read_back() {
        for (afi, text) in [
            (
                Afi::IPV4,
                "source-ad source 10.99.12.4 group 239.251.255.228 rd 65000:99999",
            ),
            (
                Afi::IPV4,
                "shared-join rp 10.99.199.1 group 239.251.255.228 rd 65000:99999 source-as 65000",
            ),
            (
                Afi::IPV6,
                "source-join source fd12::2 group ff0e::1 rd 65000:99999 source-as 65000",
            ),
        ] {
            let nlri = read(afi, text).expect(text);
            assert_eq!(nlri.to_string(), format!("mcast-vpn {text}"));
        }
        for (text, wanted) in [
            (
                "source-ad group 1.2.3.4",
                "expected `source`, found `group`",
            ),
            (
                "source-dd source",
                "expected `source-ad`, `shared-join` or `source-join`, found `source-dd` (did you mean `source-ad`?)",
            ),
            (
                "source-ad source ff0e::1",
                "expected an IPv4 address, found `ff0e::1`",
            ),
        ] {
            assert_eq!(
                read(Afi::IPV4, text).map(|nlri| nlri.to_string()),
                Err(wanted.to_owned())
            );
        }
    }
}
