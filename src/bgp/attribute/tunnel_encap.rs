//! Tunnel encapsulation (RFC 9012) as used by SR policies (RFC 9830 section 2.4, RFC 9831): the candidate path.
//!
//! ```text
//! +---------------------------+---------------------------+
//! | Tunnel Type (2): 15       | Length (2)                |
//! +---------------------------+---------------------------+
//! | sub-TLVs: type (1), length (1, or 2 from type 128 on)   …
//! +-------------------------------------------------------+
//!   12 preference      flags (1) reserved (1) preference (4)
//!   13 binding SID     flags (1) reserved (1) [label in the upper 20 of 32 bits]
//!   15 priority        priority (1) reserved (1)
//!   20 SRv6 binding    flags (1) reserved (1) SID (16)
//!  128 segment list    reserved (1), then 9 weight, 1 segment type A (label), 13 segment type B (SRv6 SID)
//!  129 candidate path name, 130 policy name: reserved (1) text
//! ```
//!
//! ExaBGP 5.0 shows this attribute as an unknown one, and so do our events: it is decoded as a [`Generic`]. Only its
//! construction is implemented here; a row in the table would change what scripts receive.

use super::community::Community;
use super::ext_community::ExtCommunity;
use super::{Attribute, AttributeSet, Generic, flags};
use crate::bgp::error::{Severity, UpdateError};
use crate::bgp::iana;
use crate::text::{Cursor, SyntaxError, near_miss, value};
use crate::wire::{Reader, WireError, Writer};

/// Type code.
pub const CODE: u8 = iana::attribute::TUNNEL_ENCAPSULATION;
const SR_POLICY: u16 = 15;

/// Checks that TLVs fill `value`, and that sub-TLVs fill each of them (RFC 9012 section 13).
pub(crate) fn check(value: &[u8]) -> Result<(), WireError> {
    let mut r = Reader::new(value);
    while !r.is_empty() {
        r.u16("a type of tunnel")?;
        let length = usize::from(r.u16("a length of tunnel")?);
        let mut subs = r.sub(length, "a tunnel of its declared length")?;
        while !subs.is_empty() {
            sub_tlv(&mut subs)?;
        }
    }
    Ok(())
}

/// Type and value of a sub-TLV (RFC 9012 section 2): types from 128 on have a length of two octets.
fn sub_tlv<'a>(r: &mut Reader<'a>) -> Result<(u8, &'a [u8]), WireError> {
    let kind = r.u8("a type of sub-TLV")?;
    let length = match kind {
        0..128 => usize::from(r.u8("a length of sub-TLV")?),
        128.. => usize::from(r.u16("a length of sub-TLV")?),
    };
    Ok((kind, r.take(length, "a sub-TLV of its declared length")?))
}

/// Returns `true` for the codes of the attributes that [`check_policy`] looks at.
#[cfg(feature = "speaker")]
pub(crate) const fn is_of_policies(code: u8) -> bool {
    use iana::attribute::{COMMUNITIES, EXTENDED_COMMUNITIES};
    matches!(code, COMMUNITIES | EXTENDED_COMMUNITIES | CODE)
}

/// Checks that an update of SR policies has all that RFC 9830 section 4.2.1 requires. The meaning of the fields is not the
/// business of BGP (section 5).
///
/// # Errors
/// Returns an error if it has not: section 5 asks for treat-as-withdraw.
pub(crate) fn check_policy(attributes: &AttributeSet) -> Result<(), UpdateError> {
    let error = |code, what| UpdateError::attribute(Severity::TreatAsWithdraw, code, what);
    if !is_addressed(attributes) {
        let what = "an SR policy without NO_ADVERTISE and a route target with an address";
        return Err(error(iana::attribute::COMMUNITIES, what));
    }
    let value = attributes.tunnel_encapsulation().unwrap_or_default();
    match policies(value) {
        Ok(1) => Ok(()),
        Ok(0) => Err(error(CODE, "an SR policy without its path")),
        // Section 2.2: "MUST NOT contain more than one TLV of type 'SR Policy'".
        Ok(_) => Err(error(CODE, "two paths of an SR policy")),
        Err(malformed) => Err(error(CODE, malformed.what)),
    }
}

/// RFC 9830 4.2.1: "The SR Policy update MUST have either the NO_ADVERTISE community, at least one Route Target extended
/// community in IPv4-address format, or both."
pub(crate) fn is_addressed(attributes: &AttributeSet) -> bool {
    let is_target = |one: &ExtCommunity| one.0.starts_with(&[1, 2]);
    attributes.communities().contains(&Community::NO_ADVERTISE)
        || attributes.ext_communities().iter().any(is_target)
}

/// The number of paths, each well-formed (RFC 9830 section 2.4).
fn policies(value: &[u8]) -> Result<usize, WireError> {
    let mut r = Reader::new(value);
    let mut count = 0;
    while !r.is_empty() {
        let kind = r.u16("a type of tunnel")?;
        let length = usize::from(r.u16("a length of tunnel")?);
        let mut subs = r.sub(length, "a tunnel of its declared length")?;
        if kind == SR_POLICY {
            count += 1;
            check_sub_tlvs(&mut subs, |kind, value| match (kind, value.len()) {
                (12, 6) | (13, 2 | 6 | 18) | (14, 3) | (15, 2) | (129 | 130, 1..) => {
                    Some(Times::Once)
                }
                (20, 18 | 26) => Some(Times::Any),
                (12..=15 | 20 | 129 | 130, _) | (128, 0) => None,
                (128, _) => is_segment_list(&value[1..]).then_some(Times::Any),
                _ => Some(Times::Any),
            })?;
        }
    }
    Ok(count)
}

fn is_segment_list(value: &[u8]) -> bool {
    let found = check_sub_tlvs(&mut Reader::new(value), |kind, value| {
        match (kind, value.len()) {
            (9, 6) => Some(Times::Once),
            (1, 6) | (13, 18 | 26) => Some(Times::Any),
            (1 | 9 | 13, _) => None,
            _ => Some(Times::Any),
        }
    });
    found.is_ok()
}

/// How often a sub-TLV may occur.
#[derive(PartialEq, Eq)]
enum Times {
    Once,
    Any,
}

/// Checks sub-TLVs by `times`, which is `None` for a malformed one.
fn check_sub_tlvs(
    r: &mut Reader<'_>,
    times: impl Fn(u8, &[u8]) -> Option<Times>,
) -> Result<(), WireError> {
    let mut seen = Vec::new();
    while !r.is_empty() {
        let (kind, value) = sub_tlv(r)?;
        match times(kind, value) {
            None => return Err(r.error("a sub-TLV of the length of its type")),
            Some(Times::Once) if seen.contains(&kind) => {
                return Err(r.error("one sub-TLV of its type"));
            }
            Some(Times::Once) => seen.push(kind),
            Some(Times::Any) => {}
        }
    }
    Ok(())
}

/// Builds a candidate path from configuration keywords.
#[derive(Clone, Debug, Default)]
pub struct PathBuilder {
    /// The sub-TLVs so far.
    value: Vec<u8>,
    /// The keywords of those that a path has only once.
    seen: Vec<&'static str>,
}

impl PathBuilder {
    /// The keywords that [`keyword`](Self::keyword) accepts.
    pub const KEYWORDS: &'static [&'static str] = &[
        "preference",
        "priority",
        "binding-sid",
        "srv6-binding-sid",
        "segment-list",
        "policy-name",
        "candidate-path-name",
    ];

    /// Parses the value of `keyword`. Returns `None` if that is not a keyword of candidate paths.
    ///
    /// # Errors
    /// Returns an error if the text is not a valid value for that keyword.
    pub fn keyword(
        &mut self,
        keyword: &str,
        c: &mut Cursor<'_>,
    ) -> Option<Result<(), SyntaxError>> {
        // RFC 9830 2.4: all but segment lists and SRv6 binding SIDs "MUST NOT appear more than once".
        let repeatable = ["segment-list", "srv6-binding-sid"];
        let mut known = Self::KEYWORDS
            .iter()
            .filter(|word| !repeatable.contains(word));
        if let Some(word) = known.find(|word| **word == keyword) {
            if self.seen.contains(word) {
                let message = format!("`{keyword}` is given twice: a path has one");
                return Some(Err(SyntaxError::new(c.last_span(), message)));
            }
            self.seen.push(word);
        }
        Some(match keyword {
            "preference" => {
                c.value("a number from 0 to 4294967295", value::u32)
                    .map(|preference| {
                        self.short(12, |w| {
                            w.u16(0);
                            w.u32(preference);
                        });
                    })
            }
            "priority" => c
                .value("a number from 0 to 255", value::u8)
                .map(|priority| {
                    self.short(15, |w| {
                        w.u8(priority);
                        w.u8(0);
                    });
                }),
            "binding-sid" => self.binding_sid(c),
            "srv6-binding-sid" => c.value("a SID, an IPv6 address", value::ipv6).map(|sid| {
                self.short(20, |w| {
                    w.u16(0);
                    w.bytes(&sid.octets());
                });
            }),
            "segment-list" => self.segment_list(c),
            "policy-name" => self.name(130, c),
            "candidate-path-name" => self.name(129, c),
            _ => return None,
        })
    }

    /// The attribute, if any keyword of a path was given.
    pub fn attribute(self) -> Option<Attribute> {
        if self.value.is_empty() {
            return None;
        }
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        w.u16(SR_POLICY);
        w.len16(|w| w.bytes(&self.value));
        Some(Attribute::Generic(Box::new(Generic {
            code: CODE,
            flags: flags::OPTIONAL_TRANSITIVE,
            value: out.into(),
        })))
    }

    fn short(&mut self, kind: u8, body: impl FnOnce(&mut Writer<'_>)) {
        let mut w = Writer::new(&mut self.value);
        w.u8(kind);
        w.len8(body);
    }

    fn long(&mut self, kind: u8, body: impl FnOnce(&mut Writer<'_>)) {
        let mut w = Writer::new(&mut self.value);
        w.u8(kind);
        w.len16(body);
    }

    fn binding_sid(&mut self, c: &mut Cursor<'_>) -> Result<(), SyntaxError> {
        let sid = if c.accept("null") {
            None
        } else {
            c.expect("mpls")?;
            Some(c.value("a label from 16 to 1048575", |word| {
                value::u32(word).filter(|label| (16..1 << 20).contains(label))
            })?)
        };
        self.short(13, |w| {
            w.u16(0);
            if let Some(label) = sid {
                w.u32(label << 12);
            }
        });
        Ok(())
    }

    fn name(&mut self, kind: u8, c: &mut Cursor<'_>) -> Result<(), SyntaxError> {
        let name = c.value("a name of at most 255 octets", |word| {
            (word.len() <= 255).then(|| word.to_owned())
        })?;
        self.long(kind, |w| {
            w.u8(0);
            w.bytes(name.as_bytes());
        });
        Ok(())
    }

    /// `[weight N] segment type-a mpls N | segment type-b srv6 SID [endpoint-behavior N LB LN FUN ARG] …`.
    fn segment_list(&mut self, c: &mut Cursor<'_>) -> Result<(), SyntaxError> {
        let mut list = Self::default();
        if c.accept("weight") {
            let weight = c.value("a number from 0 to 4294967295", value::u32)?;
            list.short(9, |w| {
                w.u16(0);
                w.u32(weight);
            });
        }
        let mut any = false;
        while c.accept("segment") {
            any = true;
            let span = c.span();
            match c.word("`type-a` or `type-b`")? {
                "type-a" => {
                    c.expect("mpls")?;
                    let label = label(c)?;
                    list.short(1, |w| {
                        w.u16(0);
                        w.u32(label << 12);
                    });
                }
                "type-b" => list.srv6_segment(c)?,
                other => {
                    let error = SyntaxError::expected(span, "`type-a` or `type-b`", other);
                    return Err(match near_miss(other, ["type-a", "type-b"]) {
                        Some(near) => error.with_help(format!("did you mean `{near}`?")),
                        None => error,
                    });
                }
            }
        }
        if !any {
            return Err(c.error("`segment`"));
        }
        self.long(128, |w| {
            w.u8(0);
            w.bytes(&list.value);
        });
        Ok(())
    }

    fn srv6_segment(&mut self, c: &mut Cursor<'_>) -> Result<(), SyntaxError> {
        /// RFC 9831 2.10: the B-flag indicates that behavior and structure are present.
        const BEHAVIOR: u8 = 0x10;
        c.expect("srv6")?;
        let sid = c.value("a SID, an IPv6 address", value::ipv6)?;
        let mut structure = None;
        if c.accept("endpoint-behavior") {
            let behavior = c.value("an endpoint behavior, decimal or `0x…`", |word| {
                u16::try_from(value::number_or_hex(word, 0xFFFF)?).ok()
            })?;
            let (mut lengths, mut left) = ([0; 4], 128);
            for length in &mut lengths {
                *length = c.value(&format!("a length in bits from 0 to {left}"), |word| {
                    value::u8(word).filter(|length| *length <= left)
                })?;
                left -= *length;
            }
            structure = Some((behavior, lengths));
        }
        self.short(13, |w| {
            w.u8(if structure.is_some() { BEHAVIOR } else { 0 });
            w.u8(0);
            w.bytes(&sid.octets());
            if let Some((behavior, lengths)) = structure {
                w.u16(behavior);
                w.u16(0);
                w.bytes(&lengths);
            }
        });
        Ok(())
    }
}

fn label(c: &mut Cursor<'_>) -> Result<u32, SyntaxError> {
    c.value("a label from 0 to 1048575", |word| {
        value::u32(word).filter(|label| *label < 1 << 20)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::attribute::community::Communities;
    use crate::bgp::attribute::ext_community::ExtCommunities;
    use crate::json::hex;
    use crate::text::tokenize;

    fn build(text: &str) -> Result<String, String> {
        let tokens = tokenize(text);
        let mut c = Cursor::new(&tokens, text.len());
        let mut builder = PathBuilder::default();
        while let Some(token) = c.next_token() {
            let read = builder
                .keyword(&token.text, &mut c)
                .ok_or_else(|| token.text.to_string())?;
            read.map_err(|error| error.to_string())?;
        }
        match builder.attribute() {
            Some(Attribute::Generic(generic)) => Ok(hex(&generic.value)),
            _ => Ok(String::new()),
        }
    }

    #[test]
    fn paths_become_sub_tlvs() {
        for (text, bytes) in [
            ("", ""),
            ("preference 100", "000F00080C06000000000064"),
            ("binding-sid mpls 24000", "000F00080D06000005DC0000"),
            ("binding-sid null priority 10", "000F00080D0200000F020A00"),
            (
                "segment-list weight 1 segment type-a mpls 16001 segment type-a mpls 16002",
                "000F001C8000190009060000000000010106000003E810000106000003E82000",
            ),
            ("policy-name \"p1\"", "000F000682000300703 1"),
        ] {
            assert_eq!(build(text), Ok(bytes.replace(' ', "")), "{text}");
        }
        let long = build("segment-list segment type-b srv6 fc00::1 endpoint-behavior 65 32 0 16 0")
            .expect("a path");
        assert_eq!(
            long,
            "000F002080001D000D1A1000FC00000000000000000000000000000100410000200010 00"
                .replace(' ', "")
        );
    }

    #[test]
    fn updates_of_policies_need_a_path_and_an_addressee() {
        let find = |value: &[u8], others: &[Attribute]| {
            let tunnel = Generic {
                code: CODE,
                flags: flags::OPTIONAL_TRANSITIVE,
                value: value.into(),
            };
            let own = [Attribute::Generic(Box::new(tunnel))];
            let list = own.iter().filter(|_| !value.is_empty()).chain(others);
            check_policy(&AttributeSet::new(list.cloned().collect())).is_ok()
        };
        let local = Attribute::Communities(Communities::new(vec![Community::NO_ADVERTISE]));
        let local = std::slice::from_ref(&local);
        let target = |high| {
            let target = ExtCommunity([high, 2, 192, 0, 2, 1, 0, 0]);
            Attribute::ExtCommunities(ExtCommunities::new(vec![target]))
        };
        let path =
            |subs: &[u8]| [&[0, 15, 0, u8::try_from(subs.len()).expect("short")], subs].concat();
        let preference = [12, 6, 0, 0, 0, 0, 0, 100];
        let good = path(&preference);
        assert!(find(&good, local));
        assert!(find(&good, &[target(1)]));
        assert!(!find(&good, &[target(0)]));
        assert!(!find(&good, &[]));
        assert!(!find(&[], local));
        let foreign = [0, 8, 0, 0];
        assert!(!find(&foreign, local));
        assert!(find(&[&foreign, &good[..]].concat(), local));
        assert!(!find(&[&good[..], &good].concat(), local));
        // What a field means is not looked at, and neither are unknown ones.
        for subs in [
            &[13, 6, 0, 0, 0, 0, 0x30, 0][..],
            &[77, 1, 0],
            &[128, 0, 9, 0, 1, 6, 0, 0, 0, 0, 0, 0],
        ] {
            assert!(find(&path(subs), local), "{subs:?}");
        }
        for subs in [
            &[preference, preference].concat()[..],
            &[12, 2, 0, 0],
            &[13, 3, 0, 0, 0],
            &[20, 2, 0, 0],
            &[128, 0, 0],
            &[128, 0, 3, 0, 1, 0],
            &[
                128, 0, 17, 0, 9, 6, 0, 0, 0, 0, 0, 1, 9, 6, 0, 0, 0, 0, 0, 1,
            ],
            &[130, 0, 0],
        ] {
            assert!(!find(&path(subs), local), "{subs:?}");
        }
    }

    #[test]
    fn errors_are_refused() {
        for text in [
            "binding-sid mpls 1048576",
            "segment-list weight 1",
            "segment-list segment type-x mpls 1",
            "preference x",
            "preference 1 priority 2 preference 1",
            "binding-sid mpls 3",
            "segment-list segment type-b srv6 fc00::1 endpoint-behavior 65 32 64 32 1",
            "srv6-binding-sid 1.2.3.4",
        ] {
            assert!(build(text).is_err(), "{text}");
        }
    }
}
