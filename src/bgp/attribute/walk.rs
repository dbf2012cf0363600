//! Iterates over the path attributes of an UPDATE and applies the general rules of RFC 7606.
//!
//! All code that reads attributes from the wire goes through here: the attribute sets of the daemon (via
//! [`decode`](super::decode)), `speaker::UpdateDecoder`, and readers of recorded messages.
//! Framing, flags, duplicates and empty attributes are checked in one place, so that all of them agree about a
//! message.

use super::as_path::AsPath;
use super::flags::AttributeFlags;
use super::{Attribute, Generic, flags, mp_reach, mp_unreach, tunnel_encap};
use crate::bgp::asn::Asn;
use crate::bgp::error::{Severity, UpdateError};
use crate::bgp::iana::attribute;
use crate::bgp::iana::notification::update;
use crate::bgp::negotiated::Codec;
use crate::wire::Reader;

/// A path attribute as received: framed, but not decoded.
#[derive(Clone, Copy, Debug)]
pub struct RawAttribute<'a, 'c> {
    /// Its flags.
    pub flags: u8,
    /// Its type code.
    pub code: u8,
    /// Its value.
    pub value: &'a [u8],
    /// Header and value.
    whole: &'a [u8],
    /// The attribute list that contains it.
    list: &'a [u8],
    codec: &'c Codec,
}

impl<'a> RawAttribute<'a, '_> {
    /// Header and value as received.
    pub const fn bytes(&self) -> &'a [u8] {
        self.whole
    }

    /// Its flags by name.
    pub const fn attribute_flags(&self) -> AttributeFlags {
        AttributeFlags(self.flags)
    }

    /// Returns `true` for MP_REACH_NLRI and MP_UNREACH_NLRI.
    pub const fn is_envelope(&self) -> bool {
        matches!(self.code, mp_reach::CODE | mp_unreach::CODE)
    }

    /// Checks the flags and decodes the value. Returns `None` for an attribute that the session does not accept or
    /// that RFC 7606 discards because of its flags.
    ///
    /// On a session with two-octet AS numbers, AS4_PATH and AS4_AGGREGATOR are merged into the attributes that they
    /// extend (RFC 6793 section 4.2.3): AS_PATH is the whole path, AS4_PATH is `None`, and only one of AGGREGATOR and
    /// AS4_AGGREGATOR is `Some`.
    ///
    /// # Errors
    /// Returns an error with the severity that RFC 7606 section 7, or the specification of the attribute, defines.
    pub fn decode(&self) -> Result<Option<Attribute>, UpdateError> {
        let attribute = match self.decode_alone() {
            // ExaBGP shows the attributes that it does not know as they are sent.
            Err(_) if self.codec.sent && is_unknown_to_exabgp(self.code) => Some(self.generic()),
            decoded => decoded?,
        };
        Ok(match attribute {
            Some(attribute) if !self.codec.asn4 => self.merged(attribute),
            attribute => attribute,
        })
    }

    /// Decodes the value without considering other attributes.
    fn decode_alone(&self) -> Result<Option<Attribute>, UpdateError> {
        let code = self.code;
        let mut severity = Severity::TreatAsWithdraw;
        if let Some(facts) = Attribute::facts(code, self.codec) {
            severity = facts.malformed;
            if !facts.accepted {
                return Ok(None);
            }
            if self.flags & flags::OPTIONAL_TRANSITIVE != facts.flags {
                return self.wrong_flags(severity);
            }
            // RFC 7606 section 4: an empty attribute that requires a value is treat-as-withdraw.
            if self.value.is_empty() && !facts.may_be_empty {
                return Err(UpdateError {
                    empty: true,
                    ..self.error(Severity::TreatAsWithdraw, "an empty attribute")
                });
            }
        } else if code == tunnel_encap::CODE {
            return self.tunnel_encapsulation();
        }
        let decoded = Attribute::decode(code, self.flags, &mut Reader::new(self.value), self.codec)
            .map_err(|error| self.error(severity, error.what))?;
        decoded
            .check(self.codec)
            .map_err(|(severity, what)| self.error(severity, what))?;
        // RFC 7606 7.5, 7.9 and 7.10: "if […] received from an external neighbor, it SHALL be discarded using the approach of
        // 'attribute discard'". Only a malformed one is reported as an error.
        Ok((!self.is_internal_only() || !self.codec.external).then_some(decoded))
    }

    /// Returns `true` for attributes that are only valid within an AS.
    const fn is_internal_only(&self) -> bool {
        matches!(
            self.code,
            attribute::LOCAL_PREF | attribute::ORIGINATOR_ID | attribute::CLUSTER_LIST
        )
    }

    /// RFC 7606 3(c): "If the value of either the Optional or Transitive bits in the Attribute Flags is in conflict with
    /// their specified values, then the attribute MUST be treated as malformed and the 'treat-as-withdraw' approach used,
    /// unless the specification for the attribute mandates different handling for incorrect Attribute Flags." RFC 7311 3.2
    /// does, for a transitive AIGP, and 7.5, 7.9 and 7.10 for attributes of another AS; a rule for malformed values is not
    /// one for flags.
    fn wrong_flags(&self, malformed: Severity) -> Result<Option<Attribute>, UpdateError> {
        let aigp = self.code == attribute::AIGP && self.flags & flags::TRANSITIVE != 0;
        if malformed == Severity::Discard && (aigp || self.is_internal_only()) {
            return Ok(None);
        }
        Err(UpdateError {
            subcode: update::ATTRIBUTE_FLAGS_ERROR,
            ..self.error(Severity::TreatAsWithdraw, "wrong attribute flags")
        })
    }

    /// An error in this attribute, with the subcode and the data of the NOTIFICATION that RFC 4271 section 6.3 prescribes
    /// where it resets the session: "The Data field MUST contain the erroneous attribute (type, length, and value)."
    fn error(&self, severity: Severity, what: &'static str) -> UpdateError {
        UpdateError {
            subcode: self.subcode(),
            data: self.whole.to_vec(),
            ..UpdateError::attribute(severity, self.code, what)
        }
    }

    /// The subcode for a malformed value.
    const fn subcode(&self) -> u8 {
        match (self.code, self.value.len()) {
            (attribute::ORIGIN, 1) => update::INVALID_ORIGIN,
            (attribute::AS_PATH, 1..) => update::MALFORMED_AS_PATH,
            (attribute::NEXT_HOP, 4) => update::INVALID_NEXT_HOP,
            // "If an optional attribute is recognized, then the value of this attribute MUST be checked. If an error is
            // detected, the attribute MUST be discarded, and the Error Subcode MUST be set to Optional Attribute Error."
            (code, 1..) if !has_checked_length(code) => update::OPTIONAL_ATTRIBUTE_ERROR,
            // "If any recognized attribute has an Attribute Length that conflicts with the expected length (based on the
            // attribute type code), then the Error Subcode MUST be set to Attribute Length Error."
            _ => update::ATTRIBUTE_LENGTH_ERROR,
        }
    }

    /// RFC 9012 13: a TLV that does not end with its last sub-TLV is treat-as-withdraw; "If a Tunnel Encapsulation attribute does
    /// not have any valid TLVs, or it does not have the transitive bit set, the 'Attribute Discard' procedure […] is applied."
    fn tunnel_encapsulation(&self) -> Result<Option<Attribute>, UpdateError> {
        if self.flags & flags::TRANSITIVE == 0 || self.value.is_empty() {
            return Ok(None);
        }
        // RFC 9012 does not mention a wrong Optional bit: RFC 7606 3(c).
        if self.flags & flags::OPTIONAL == 0 {
            return Err(UpdateError {
                subcode: update::ATTRIBUTE_FLAGS_ERROR,
                ..self.error(Severity::TreatAsWithdraw, "wrong attribute flags")
            });
        }
        tunnel_encap::check(self.value)
            .map_err(|error| self.error(Severity::TreatAsWithdraw, error.what))?;
        Ok(Some(self.generic()))
    }

    /// The attribute as it is.
    fn generic(&self) -> Attribute {
        Attribute::Generic(Box::new(Generic {
            code: self.code,
            flags: self.flags,
            value: self.value.into(),
        }))
    }

    /// Applies RFC 6793 section 4.2.3 to an attribute of a session with two-octet AS numbers.
    fn merged(&self, attribute: Attribute) -> Option<Attribute> {
        match attribute {
            Attribute::As4Path(_) => None,
            Attribute::AsPath(path) => Some(Attribute::AsPath(self.whole_path(path))),
            // The four-octet form is kept as a separate attribute, because events show attributes in the order of
            // their codes.
            Attribute::Aggregator(aggregator) => {
                (aggregator.asn != Asn::TRANS || self.sibling(18).is_none()).then_some(attribute)
            }
            Attribute::As4Aggregator(_) => (!self.ignores_as4()).then_some(attribute),
            _ => Some(attribute),
        }
    }

    fn whole_path(&self, path: AsPath) -> AsPath {
        match self.sibling(17) {
            Some(Attribute::As4Path(four))
                if !self.sibling(18).is_some_and(|_| self.ignores_as4()) =>
            {
                path.merge_as4(*four.0)
            }
            _ => path,
        }
    }

    /// RFC 6793 4.2.3: "If the AGGREGATOR attribute carries an AS number other than AS_TRANS, […] both […] AS4_AGGREGATOR and
    /// AS4_PATH SHALL be ignored" (where AS4_AGGREGATOR is present).
    fn ignores_as4(&self) -> bool {
        matches!(self.sibling(7), Some(Attribute::Aggregator(old)) if old.asn != Asn::TRANS)
    }

    /// Another attribute of the same UPDATE, if it is present and well-formed.
    fn sibling(&self, code: u8) -> Option<Attribute> {
        let mut at = 0;
        while let Some(found) = frame(self.list, at, self.codec) {
            if found.code == code {
                return found.decode_alone().ok().flatten();
            }
            at += found.whole.len();
        }
        None
    }
}

/// Iterates over the attributes of an UPDATE, yielding each code once.
///
/// The first of several attributes with the same code is used (RFC 7606 section 3(g)). An attribute that runs past
/// the end is a treat-as-withdraw error and ends the iteration. A duplicate MP_REACH_NLRI or MP_UNREACH_NLRI, one that
/// runs past the end or has invalid flags, and an unrecognized well-known attribute reset the session.
#[derive(Clone, Debug)]
pub struct Walk<'a, 'c> {
    list: &'a [u8],
    at: usize,
    seen: Seen,
    codec: &'c Codec,
}

impl<'a, 'c> Walk<'a, 'c> {
    /// Iterates over `list`, the Path Attributes field of an UPDATE or of a route in an MRT file.
    pub const fn new(list: &'a [u8], codec: &'c Codec) -> Self {
        Self {
            list,
            at: 0,
            seen: Seen([0; 4]),
            codec,
        }
    }

    /// Number of octets consumed so far.
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// The type codes encountered so far.
    pub const fn seen(&self) -> Seen {
        self.seen
    }
}

impl<'a, 'c> Iterator for Walk<'a, 'c> {
    type Item = Result<RawAttribute<'a, 'c>, UpdateError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.at >= self.list.len() {
                return None;
            }
            let Some(raw) = frame(self.list, self.at, self.codec) else {
                let head = &self.list[self.at..];
                self.at = self.list.len();
                return Some(Err(cut_short(head)));
            };
            self.at += raw.whole.len();
            if raw.is_envelope() {
                let first = self.seen.insert(raw.code);
                return Some(check_envelope(&raw, first).map(|()| raw));
            }
            if raw.flags & flags::OPTIONAL == 0 && !is_recognized(raw.code) && !self.codec.sent {
                return Some(Err(unrecognized(&raw)));
            }
            // RFC 7606 3(g): "all the occurrences of the attribute other than the first one SHALL be discarded".
            if self.seen.insert(raw.code) {
                return Some(Ok(raw));
            }
        }
    }
}

/// A set of type codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen([u64; 4]);

impl Seen {
    /// Returns `true` if `code` is in the set.
    pub const fn contains(self, code: u8) -> bool {
        self.0[(code >> 6) as usize] >> (code & 63) & 1 != 0
    }

    /// Adds `code`. Returns `true` if it was not in the set.
    const fn insert(&mut self, code: u8) -> bool {
        let new = !self.contains(code);
        self.0[(code >> 6) as usize] |= 1 << (code & 63);
        new
    }
}

/// The attribute at offset `at`, or `None` if its header or value runs past the end.
fn frame<'a, 'c>(list: &'a [u8], at: usize, codec: &'c Codec) -> Option<RawAttribute<'a, 'c>> {
    let rest = list.get(at..)?;
    let (flags, code, length, head) = match *rest {
        [flags, code, high, low, ..] if flags & flags::EXTENDED != 0 => {
            (flags, code, u16::from_be_bytes([high, low]), 4)
        }
        [flags, code, length, ..] if flags & flags::EXTENDED == 0 => {
            (flags, code, length.into(), 3)
        }
        _ => return None,
    };
    let whole = rest.get(..head + usize::from(length))?;
    Some(RawAttribute {
        flags,
        code,
        value: &whole[head..],
        whole,
        list,
        codec,
    })
}

/// The error for an attribute that runs past the end; `head` is the rest of the list from its start.
///
/// RFC 7606 4: "when parsing the attributes […] the length of the last attribute causes the Total Attribute Length to be
/// exceeded", or too few octets remain for a header: treat-as-withdraw. That needs all routes to be known, so 3(j) asks for
/// more if MP_REACH_NLRI or MP_UNREACH_NLRI is cut.
fn cut_short(head: &[u8]) -> UpdateError {
    if matches!(head, [_, mp_reach::CODE | mp_unreach::CODE, ..]) {
        return UpdateError::reset(
            update::OPTIONAL_ATTRIBUTE_ERROR,
            "MP_REACH_NLRI or MP_UNREACH_NLRI runs past the end",
        );
    }
    // ExaBGP names the attribute if only the length is missing.
    let no_length = match head {
        [_, _] => true,
        [flags, _, _] => flags & flags::EXTENDED != 0,
        _ => false,
    };
    UpdateError {
        attribute: head.get(1).copied(),
        empty: no_length,
        ..UpdateError::attribute(
            Severity::TreatAsWithdraw,
            0,
            "an attribute runs past the end",
        )
    }
}

/// Returns `true` for attributes that can only be malformed by their length.
const fn has_checked_length(code: u8) -> bool {
    matches!(
        code,
        attribute::ORIGIN
            | attribute::NEXT_HOP
            | attribute::MULTI_EXIT_DISC
            | attribute::LOCAL_PREF
            | attribute::ATOMIC_AGGREGATE
            | attribute::AGGREGATOR
            | attribute::COMMUNITIES
            | attribute::ORIGINATOR_ID
            | attribute::CLUSTER_LIST
            | attribute::EXTENDED_COMMUNITIES
            | attribute::AS4_AGGREGATOR
            | attribute::IPV6_EXTENDED_COMMUNITIES
            | attribute::LARGE_COMMUNITY
    )
}

const fn is_unknown_to_exabgp(code: u8) -> bool {
    matches!(code, tunnel_encap::CODE | attribute::ONLY_TO_CUSTOMER)
}

fn is_recognized(code: u8) -> bool {
    Attribute::name_of(code).is_some() || code == tunnel_encap::CODE
}

/// RFC 4271 6.3: "If any of the well-known mandatory attributes are not recognized, then the Error Subcode MUST be set to
/// Unrecognized Well-known Attribute. The Data field MUST contain the unrecognized attribute (type, length, and value)."
fn unrecognized(raw: &RawAttribute<'_, '_>) -> UpdateError {
    UpdateError {
        attribute: Some(raw.code),
        data: raw.whole.to_vec(),
        ..UpdateError::reset(
            update::UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE,
            "an unrecognized well-known attribute",
        )
    }
}

fn check_envelope(raw: &RawAttribute<'_, '_>, first: bool) -> Result<(), UpdateError> {
    if raw.flags & flags::OPTIONAL_TRANSITIVE != flags::OPTIONAL {
        return Err(UpdateError::reset(
            update::OPTIONAL_ATTRIBUTE_ERROR,
            "MP_REACH_NLRI and MP_UNREACH_NLRI must be optional and not transitive",
        ));
    }
    // RFC 7606 3(g): "If the MP_REACH_NLRI attribute or the MP_UNREACH_NLRI attribute appears more than once in the UPDATE
    // message, then a NOTIFICATION message MUST be sent with the Error Subcode 'Malformed Attribute List'."
    match (first, raw.code) {
        (true, _) => Ok(()),
        (false, mp_reach::CODE) => Err(UpdateError::reset(
            update::MALFORMED_ATTRIBUTE_LIST,
            "MP_REACH_NLRI appears twice",
        )),
        (false, _) => Err(UpdateError::reset(
            update::MALFORMED_ATTRIBUTE_LIST,
            "MP_UNREACH_NLRI appears twice",
        )),
    }
}

/// Where an UPDATE announces routes, as far as the rules about its attributes depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachable {
    /// In the NLRI field, and possibly in MP_REACH_NLRI.
    InBody,
    /// In MP_REACH_NLRI only.
    InEnvelope,
    /// None.
    Nothing,
}

impl Reachable {
    /// For an UPDATE with `nlri` in the NLRI field and the attributes in `seen`.
    pub const fn new(nlri: &[u8], seen: Seen) -> Self {
        match (nlri.is_empty(), seen.contains(mp_reach::CODE)) {
            (false, _) => Self::InBody,
            (true, true) => Self::InEnvelope,
            (true, false) => Self::Nothing,
        }
    }

    /// Checks for the first mandatory attribute of these routes that is not in `seen`.
    ///
    /// RFC 7606 3(d): "If any of the well-known mandatory attributes are not present in an UPDATE message, then
    /// 'treat-as-withdraw' MUST be used."
    pub fn missing(self, seen: Seen) -> Option<UpdateError> {
        let mandatory: &[(u8, &'static str)] = &[
            (attribute::ORIGIN, "ORIGIN is missing"),
            (attribute::AS_PATH, "AS_PATH is missing"),
            (attribute::NEXT_HOP, "NEXT_HOP is missing"),
        ];
        let mandatory = match self {
            Self::InBody => mandatory,
            Self::InEnvelope => &mandatory[..2],
            Self::Nothing => &[],
        };
        let (code, what) = mandatory.iter().find(|(code, _)| !seen.contains(*code))?;
        Some(UpdateError {
            subcode: update::MISSING_WELL_KNOWN_ATTRIBUTE,
            data: vec![*code],
            ..UpdateError::attribute(Severity::TreatAsWithdraw, *code, what)
        })
    }

    /// The severity of an attribute error in an UPDATE with these routes.
    ///
    /// RFC 7606 5.2: an UPDATE with attributes but without reachable NLRI, in which "any encountered error specifies
    /// an error-handling approach other than 'attribute discard'", resets the session: the NLRI may be what was
    /// misread.
    pub fn escalate(self, severity: Severity) -> Severity {
        match self {
            Self::Nothing if severity > Severity::Discard => Severity::Reset,
            _ => severity,
        }
    }
}
