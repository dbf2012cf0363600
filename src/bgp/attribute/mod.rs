//! Path attributes: the table of known attributes, and what they have in common.
//!
//! A row of `attributes!` generates the variant, its name, and the dispatch of decode, encode, parse, JSON and text;
//! the compiler then requires the [`PathAttribute`] impl in that file. Attributes that are not in the table are kept
//! byte for byte as [`Generic`]. MP_REACH_NLRI and MP_UNREACH_NLRI carry NLRI and are not attributes of a route: they
//! are implemented in [`mp_reach`] and [`mp_unreach`], and [`decode`] skips them.

use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError};
use crate::wire::{Reader, WireError, Writer};

use super::error::Severity;
use super::negotiated::Codec;

mod access;
pub mod decode;
pub mod encode;
pub mod flags;
pub mod generic;
pub mod mp_reach;
pub mod mp_unreach;
pub mod set;
pub mod tunnel_encap;
pub mod walk;

pub use flags::AttributeFlags;
pub use generic::Generic;
pub use set::AttributeSet;

/// A path attribute: its properties, wire form and text forms. Each is implemented in a file of its own and has a row
/// in the table.
pub trait PathAttribute: Sized {
    /// Type code (IANA).
    const CODE: u8;
    /// The Optional and Transitive bits it must have.
    const FLAGS: u8;
    /// The key in JSON events and, unless [`KEYWORDS`](Self::KEYWORDS) is overridden, the configuration keyword.
    const NAME: &'static str;
    /// The keywords in configurations and commands.
    const KEYWORDS: &'static [&'static str] = &[Self::NAME];
    /// How a malformed value is handled (RFC 7606 section 7).
    const MALFORMED: Severity;
    /// Whether an empty value is valid.
    const MAY_BE_EMPTY: bool = false;

    /// Reads the value, which is the whole of `r`.
    ///
    /// # Errors
    /// Returns an error if it is malformed; [`MALFORMED`](Self::MALFORMED) determines how that is handled.
    fn decode(r: &mut Reader<'_>, cx: &Codec) -> Result<Self, WireError>;

    /// Appends the value, without flags, code and length.
    fn encode(&self, w: &mut Writer<'_>, cx: &Codec);

    /// Parses the text after `keyword`, which is one of [`KEYWORDS`](Self::KEYWORDS).
    ///
    /// # Errors
    /// Returns an error if the text is not a valid value.
    fn parse(keyword: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError>;

    /// The key in JSON events, if it depends on the value.
    fn key(&self) -> &'static str {
        Self::NAME
    }

    /// Checks a decoded value.
    ///
    /// # Errors
    /// Returns the severity and a description of the problem if the value is not allowed on this session, or on any.
    fn check(&self, _: &Codec) -> Result<(), (Severity, &'static str)> {
        Ok(())
    }

    /// Appends the value of the JSON member.
    fn json(&self, w: &mut JsonWriter);

    /// Appends the text of events, including the name, in exactly ExaBGP's form: `med 50`.
    fn text(&self, out: &mut String);

    /// Appends the text that [`parse`](Self::parse) reads back, including the keyword. The same as
    /// [`text`](Self::text) if ExaBGP's form can be parsed.
    fn grammar(&self, out: &mut String) {
        self.text(out);
    }

    /// How a malformed value is handled on this session, if that depends on the session.
    fn malformed(_: &Codec) -> Severity {
        Self::MALFORMED
    }

    /// Returns `true` if a session with this codec accepts the attribute; otherwise it is silently dropped.
    fn is_accepted(_: &Codec) -> bool {
        true
    }

    /// Returns `true` if events show it.
    fn is_shown(&self) -> bool {
        true
    }

    /// Merges a second occurrence in the text of the same route. The first one wins unless this is overridden.
    fn merge(&mut self, _later: Self) {}
}

/// What the decoder needs to know about an attribute before it reads the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The Optional and Transitive bits it must have.
    pub flags: u8,
    /// How a malformed value is handled.
    pub malformed: Severity,
    /// Whether an empty value is valid.
    pub may_be_empty: bool,
    /// Whether the session accepts the attribute.
    pub accepted: bool,
}

/// Generates [`Attribute`] and its dispatch from rows `Variant(module::Type)`.
macro_rules! attributes {
    ($($variant:ident($module:ident::$type:ident),)*) => {
        $(pub mod $module;)*

        /// A path attribute of a route. Variants are in the order of their type codes.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Attribute {
            $(#[doc = concat!("See [`", stringify!($module), "`].")] $variant($module::$type),)*
            /// An attribute without a row in the table, kept byte for byte.
            Generic(Box<Generic>),
        }

        impl Attribute {
            /// The keywords in configurations and commands, in the order of the table.
            pub const KEYWORDS: &'static [&'static [&'static str]] =
                &[$(<$module::$type as PathAttribute>::KEYWORDS,)* Generic::KEYWORDS];

            /// The properties of attribute `code` on a session.
            pub fn facts(code: u8, cx: &Codec) -> Option<Facts> {
                $(if code == <$module::$type as PathAttribute>::CODE {
                    return Some(Facts {
                        flags: <$module::$type as PathAttribute>::FLAGS,
                        malformed: <$module::$type as PathAttribute>::malformed(cx),
                        may_be_empty: <$module::$type as PathAttribute>::MAY_BE_EMPTY,
                        accepted: <$module::$type as PathAttribute>::is_accepted(cx),
                    });
                })*
                None
            }

            /// The name of attribute `code` in texts and events, if it is in the table.
            pub const fn name_of(code: u8) -> Option<&'static str> {
                $(if code == <$module::$type as PathAttribute>::CODE {
                    return Some(<$module::$type as PathAttribute>::NAME);
                })*
                None
            }

            /// Reads the value of attribute `code`. One without a row becomes [`Generic`].
            ///
            /// # Errors
            /// Returns an error if the value is malformed.
            pub fn decode(code: u8, flags: u8, r: &mut Reader<'_>, cx: &Codec) -> Result<Self, WireError> {
                $(if code == <$module::$type as PathAttribute>::CODE {
                    let value = <$module::$type as PathAttribute>::decode(r, cx)?;
                    r.finish("the end of the attribute")?;
                    return Ok(Self::$variant(value));
                })*
                let value = r.rest().into();
                Ok(Self::Generic(Box::new(Generic { code, flags, value })))
            }

            /// Checks a decoded value as received on a session.
            ///
            /// # Errors
            /// Returns the severity and a description of the problem.
            pub fn check(&self, cx: &Codec) -> Result<(), (Severity, &'static str)> {
                match self {
                    $(Self::$variant(value) => value.check(cx),)*
                    Self::Generic(_) => Ok(()),
                }
            }

            /// Parses the text after `keyword`. Returns `None` if that is not the keyword of an attribute.
            ///
            /// # Errors
            /// Returns an error if the text is not a valid value of that attribute.
            pub fn parse(keyword: &str, c: &mut Cursor<'_>) -> Option<Result<Self, SyntaxError>> {
                $(if <$module::$type as PathAttribute>::KEYWORDS.contains(&keyword) {
                    return Some(<$module::$type as PathAttribute>::parse(keyword, c).map(Self::$variant));
                })*
                Generic::KEYWORDS.contains(&keyword).then(|| Generic::parse(c).map(|one| Self::Generic(Box::new(one))))
            }

            /// Type code.
            pub const fn code(&self) -> u8 {
                match self {
                    $(Self::$variant(_) => <$module::$type as PathAttribute>::CODE,)*
                    Self::Generic(generic) => generic.code,
                }
            }

            /// Flags as we send them, without the extended-length bit.
            pub const fn flags(&self) -> u8 {
                match self {
                    $(Self::$variant(_) => <$module::$type as PathAttribute>::FLAGS,)*
                    Self::Generic(generic) => generic.flags,
                }
            }

            /// Appends the value, without flags, code and length.
            pub fn encode_value(&self, w: &mut Writer<'_>, cx: &Codec) {
                match self {
                    $(Self::$variant(value) => value.encode(w, cx),)*
                    Self::Generic(generic) => w.bytes(&generic.value),
                }
            }

            /// Appends `"name": value`.
            pub fn json(&self, w: &mut JsonWriter) {
                match self {
                    $(Self::$variant(value) => {
                        w.key(value.key());
                        value.json(w);
                    })*
                    Self::Generic(generic) => generic.json(w),
                }
            }

            /// Appends the text of events, name included.
            pub fn text(&self, out: &mut String) {
                match self {
                    $(Self::$variant(value) => value.text(out),)*
                    Self::Generic(generic) => generic.text(out),
                }
            }

            /// Appends the text that [`Attribute::parse`] reads back, keyword included.
            pub fn grammar(&self, out: &mut String) {
                match self {
                    $(Self::$variant(value) => value.grammar(out),)*
                    Self::Generic(generic) => generic.grammar(out),
                }
            }

            /// Returns `true` if events show it among the attributes.
            pub fn is_shown(&self) -> bool {
                match self {
                    $(Self::$variant(value) => value.is_shown(),)*
                    Self::Generic(generic) => generic.shown(),
                }
            }

            /// Merges a second attribute with the same code from the text of the same route.
            pub fn merge(&mut self, later: Self) {
                match (self, later) {
                    $((Self::$variant(value), Self::$variant(later)) => value.merge(later),)*
                    _ => {}
                }
            }
        }
    };
}

attributes! {
    Origin(origin::Origin),
    AsPath(as_path::AsPath),
    NextHop(next_hop::NextHopAttribute),
    Med(med::Med),
    LocalPref(local_pref::LocalPref),
    AtomicAggregate(atomic_aggregate::AtomicAggregate),
    Aggregator(aggregator::Aggregator),
    Communities(community::Communities),
    OriginatorId(originator_id::OriginatorId),
    ClusterList(cluster_list::ClusterList),
    ExtCommunities(ext_community::ExtCommunities),
    As4Path(as4_path::As4Path),
    As4Aggregator(as4_aggregator::As4Aggregator),
    Pmsi(pmsi::Pmsi),
    ExtCommunitiesIpv6(ext_community_ipv6::ExtCommunitiesIpv6),
    Aigp(aigp::Aigp),
    BgpLs(bgp_ls::BgpLsAttribute),
    LargeCommunities(large_community::LargeCommunities),
    Otc(otc::Otc),
    PrefixSid(prefix_sid::PrefixSid),
}

/// How an attribute that is only used inside an AS is handled when malformed: RFC 7606 sections 7.5, 7.9 and 7.10
/// discard it if it comes from an external neighbor.
const fn internal_only(cx: &Codec) -> Severity {
    if cx.ibgp {
        Severity::TreatAsWithdraw
    } else {
        Severity::Discard
    }
}

/// Appends a single item bare, several as `[ a b ]`.
fn push_list<T: std::fmt::Display>(items: &[T], out: &mut String) {
    if let [item] = items {
        out.push_str(&item.to_string());
        return;
    }
    out.push('[');
    for item in items {
        out.push_str(&format!(" {item}"));
    }
    out.push_str(" ]");
}

impl std::fmt::Display for Attribute {
    /// The text that [`Attribute::parse`] reads back.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = String::new();
        self.grammar(&mut out);
        f.write_str(&out)
    }
}

impl Attribute {
    /// Appends the whole attribute: flags, code, length, value.
    pub fn encode(&self, w: &mut Writer<'_>, cx: &Codec) {
        encode(w, self.flags(), self.code(), |w| self.encode_value(w, cx));
    }
}

/// Appends one attribute; the extended length is used when the value needs it.
pub fn encode(w: &mut Writer<'_>, flags: u8, code: u8, value: impl FnOnce(&mut Writer<'_>)) {
    let start = w.len();
    w.u8(flags & !flags::EXTENDED);
    w.u8(code);
    w.len16(value);
    let out = w.buffer();
    let length = out.len() - start - 4;
    if let Ok(short) = u8::try_from(length)
        && flags & flags::EXTENDED == 0
    {
        // Close the gap: most attributes are short, and moving a few bytes is cheaper than encoding twice.
        out[start + 2] = short;
        out.remove(start + 3);
    } else {
        out[start] |= flags::EXTENDED;
    }
}

/// The decimal digits of a big-endian number.
fn decimal(bytes: &[u8]) -> String {
    let mut digits = vec![0u8];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            // A remainder of ten fits.
            *digit = u8::try_from(carry % 10).unwrap_or_default();
            carry /= 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or_default());
            carry /= 10;
        }
    }
    digits
        .iter()
        .rev()
        .map(|digit| char::from(b'0' + digit))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_takes_three_words() {
        // The discriminant is in the niche of `AsPath`; every other type has at most two words.
        assert_eq!(size_of::<Attribute>(), 24);
    }
}
