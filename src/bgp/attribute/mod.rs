//! Path attributes: the table of all that we know, and what is common to them.
//!
//! A row of `attributes!` makes the variant, the dispatch of decode, encode, parse, JSON and text, and the name; the
//! compiler then asks for the [`PathAttribute`] impl in that one file. Whatever is not in the table is kept byte for
//! byte as [`Generic`]. MP_REACH_NLRI and MP_UNREACH_NLRI are not attributes of a route but envelopes of NLRI: they live in
//! [`mp_reach`] and [`mp_unreach`], and [`decode`] steps over them.

use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError};
use crate::wire::{Reader, WireError, Writer};

use super::error::Severity;
use super::negotiated::Codec;

pub mod decode;
pub mod encode;
pub mod generic;
pub mod mp_reach;
pub mod mp_unreach;
pub mod set;
pub mod tunnel_encap;
pub mod walk;

pub use generic::Generic;
pub use set::AttributeSet;

/// Attribute flags (RFC 4271 section 4.3).
pub mod flags {
    /// Optional, not well-known.
    pub const OPTIONAL: u8 = 0x80;
    /// Passed on by those who do not know it.
    pub const TRANSITIVE: u8 = 0x40;
    /// Passed on by somebody who did not know it.
    pub const PARTIAL: u8 = 0x20;
    /// The length takes two bytes.
    pub const EXTENDED: u8 = 0x10;
    /// Flags of a well-known attribute.
    pub const WELL_KNOWN: u8 = TRANSITIVE;
    /// Flags of an optional transitive attribute.
    pub const OPTIONAL_TRANSITIVE: u8 = OPTIONAL | TRANSITIVE;
}

/// One path attribute: its facts, its wire form, its texts. One file, one impl, one row.
pub trait PathAttribute: Sized {
    /// Type code (IANA).
    const CODE: u8;
    /// The Optional and Transitive bits it must have.
    const FLAGS: u8;
    /// The key in JSON events and, if [`KEYWORDS`](Self::KEYWORDS) is not overridden, the word of configurations.
    const NAME: &'static str;
    /// The words that introduce it in configurations and commands.
    const KEYWORDS: &'static [&'static str] = &[Self::NAME];
    /// What a malformed one costs (RFC 7606 section 7).
    const MALFORMED: Severity;
    /// Whether a value without any byte can be right.
    const MAY_BE_EMPTY: bool = false;

    /// Reads the value; `r` holds exactly that.
    ///
    /// # Errors
    /// When it is malformed; what that costs is [`MALFORMED`](Self::MALFORMED).
    fn decode(r: &mut Reader<'_>, cx: &Codec) -> Result<Self, WireError>;

    /// Appends the value, without flags, code and length.
    fn encode(&self, w: &mut Writer<'_>, cx: &Codec);

    /// Reads the text after `keyword`, which is one of [`KEYWORDS`](Self::KEYWORDS).
    ///
    /// # Errors
    /// When the text is not such a value.
    fn parse(keyword: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError>;

    /// The key in JSON events, where it depends on the value.
    fn key(&self) -> &'static str {
        Self::NAME
    }

    /// Checks a value that could be read. Returns the severity and the text of what is wrong with it.
    ///
    /// # Errors
    /// When the session, or any session, must not be sent this value.
    fn check(&self, _: &Codec) -> Result<(), (Severity, &'static str)> {
        Ok(())
    }

    /// Appends the value of the JSON member.
    fn json(&self, w: &mut JsonWriter);

    /// Appends the text of events, name included: `med 50`. ExaBGP's form, to the byte.
    fn text(&self, out: &mut String);

    /// Appends the text that [`parse`](Self::parse) reads back, keyword included. The same as [`text`](Self::text), where
    /// ExaBGP's form can be read back.
    fn grammar(&self, out: &mut String) {
        self.text(out);
    }

    /// What a malformed one costs on this session, where that depends on it.
    fn malformed(_: &Codec) -> Severity {
        Self::MALFORMED
    }

    /// Whether sessions like this let it in; otherwise it is dropped without a word.
    fn is_accepted(_: &Codec) -> bool {
        true
    }

    /// Whether events show it.
    fn is_shown(&self) -> bool {
        true
    }

    /// Takes over a second one of the same route's text. The first wins, unless overridden.
    fn merge(&mut self, _later: Self) {}
}

/// What the decoder asks about an attribute before it looks at the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The Optional and Transitive bits it must have.
    pub flags: u8,
    /// What a malformed one costs.
    pub malformed: Severity,
    /// Whether a value without any byte can be right.
    pub may_be_empty: bool,
    /// Whether the session lets it in.
    pub accepted: bool,
}

/// Makes [`Attribute`] and its dispatch from rows `Variant(module::Type)`.
macro_rules! attributes {
    ($($variant:ident($module:ident::$type:ident),)*) => {
        $(pub mod $module;)*

        /// A path attribute of a route. Variants are in the order of their type codes.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Attribute {
            $(#[doc = concat!("See [`", stringify!($module), "`].")] $variant($module::$type),)*
            /// One without a row in the table, kept byte for byte.
            Generic(Generic),
        }

        impl Attribute {
            /// The words of configurations and commands, in the order of the table.
            pub const KEYWORDS: &'static [&'static [&'static str]] =
                &[$(<$module::$type as PathAttribute>::KEYWORDS,)* Generic::KEYWORDS];

            /// The facts about `code` on a session.
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

            /// The name of `code` in texts and events, if it is in the table.
            pub const fn name_of(code: u8) -> Option<&'static str> {
                $(if code == <$module::$type as PathAttribute>::CODE {
                    return Some(<$module::$type as PathAttribute>::NAME);
                })*
                None
            }

            /// Reads the value of the attribute `code`; one without a row becomes [`Generic`].
            ///
            /// # Errors
            /// When the value is malformed.
            pub fn decode(code: u8, flags: u8, r: &mut Reader<'_>, cx: &Codec) -> Result<Self, WireError> {
                $(if code == <$module::$type as PathAttribute>::CODE {
                    let value = <$module::$type as PathAttribute>::decode(r, cx)?;
                    r.finish("the end of the attribute")?;
                    return Ok(Self::$variant(value));
                })*
                Ok(Self::Generic(Generic { code, flags, value: r.rest().into() }))
            }

            /// Checks a value that could be read, as received on a session.
            ///
            /// # Errors
            /// The severity and the text of what is wrong.
            pub fn check(&self, cx: &Codec) -> Result<(), (Severity, &'static str)> {
                match self {
                    $(Self::$variant(value) => value.check(cx),)*
                    Self::Generic(_) => Ok(()),
                }
            }

            /// Reads the text after `keyword`; `None` when that introduces no attribute.
            ///
            /// # Errors
            /// When the text is not a value of that attribute.
            pub fn parse(keyword: &str, c: &mut Cursor<'_>) -> Option<Result<Self, SyntaxError>> {
                $(if <$module::$type as PathAttribute>::KEYWORDS.contains(&keyword) {
                    return Some(<$module::$type as PathAttribute>::parse(keyword, c).map(Self::$variant));
                })*
                Generic::KEYWORDS.contains(&keyword).then(|| Generic::parse(c).map(Self::Generic))
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

            /// Whether events show it among the attributes.
            pub fn is_shown(&self) -> bool {
                match self {
                    $(Self::$variant(value) => value.is_shown(),)*
                    Self::Generic(generic) => generic.shown(),
                }
            }

            /// Takes over a second attribute of the same code from the same route's text.
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

/// What a malformed attribute costs that only means something inside an AS: RFC 7606 sections 7.5, 7.9 and 7.10 discard it
/// when it comes from an external neighbor.
const fn internal_only(cx: &Codec) -> Severity {
    if cx.ibgp {
        Severity::TreatAsWithdraw
    } else {
        Severity::Discard
    }
}

/// Appends one item as it is, several as `[ a b ]`.
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
