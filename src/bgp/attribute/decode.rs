//! The attributes of an UPDATE: one loop with the general rules of RFC 7606.
//!
//! Structure and meaning are two steps: this file frames attributes, checks flags and duplicates and decodes values;
//! what must be present for which routes is asked in [`message::update`](crate::bgp::message::update), which knows the routes.

use std::rc::Rc;

use super::as4_aggregator::As4Aggregator;
use super::{Attribute, AttributeSet, flags, mp_reach, mp_unreach};
use crate::bgp::asn::Asn;
use crate::bgp::error::{Severity, UpdateError};
use crate::bgp::negotiated::Codec;
use crate::wire::Reader;

/// The path attributes of an UPDATE, split into those of the routes and the envelopes of NLRI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelopes<'a> {
    /// Value of MP_REACH_NLRI.
    pub reach: Option<&'a [u8]>,
    /// Value of MP_UNREACH_NLRI.
    pub unreach: Option<&'a [u8]>,
}

/// One attribute as framed.
struct Framed<'a> {
    flags: u8,
    code: u8,
    value: &'a [u8],
    /// Header and value.
    whole: &'a [u8],
}

/// Takes the next attribute; `None` when its header or value runs past the end.
fn frame<'a>(r: &mut Reader<'a>) -> Option<Framed<'a>> {
    let all = r.peek();
    let before = r.remaining();
    let flags = r.u8("flags").ok()?;
    let code = r.u8("a type code").ok()?;
    let length = if flags & flags::EXTENDED == 0 {
        u16::from(r.u8("a length").ok()?)
    } else {
        r.u16("a length").ok()?
    };
    let value = r.take(length.into(), "a value").ok()?;
    Some(Framed {
        flags,
        code,
        value,
        whole: &all[..before - r.remaining()],
    })
}

/// Finds the envelopes in `raw` and appends all other attributes, as they are, to `rest`.
///
/// # Errors
/// A reset when an envelope comes twice (RFC 7606 3(g)) or has wrong flags.
pub fn split<'a>(raw: &'a [u8], rest: &mut Vec<u8>) -> Result<Envelopes<'a>, UpdateError> {
    let mut envelopes = Envelopes::default();
    let mut r = Reader::new(raw);
    while !r.is_empty() {
        let tail = r.peek();
        let Some(framed) = frame(&mut r) else {
            // The loop over the rest meets the same error and says what it costs.
            rest.extend_from_slice(tail);
            break;
        };
        let (slot, name) = match framed.code {
            mp_reach::CODE => (&mut envelopes.reach, "MP_REACH_NLRI"),
            mp_unreach::CODE => (&mut envelopes.unreach, "MP_UNREACH_NLRI"),
            _ => {
                rest.extend_from_slice(framed.whole);
                continue;
            }
        };
        if framed.flags & flags::OPTIONAL_TRANSITIVE != flags::OPTIONAL {
            return Err(UpdateError::reset(
                9,
                "an envelope of NLRI is optional and not transitive",
            ));
        }
        // RFC 7606 3(g): "If the MP_REACH_NLRI attribute or the MP_UNREACH_NLRI attribute appears more than once in the
        // UPDATE message, then a NOTIFICATION message MUST be sent with the Error Subcode 'Malformed Attribute List'."
        if slot.replace(framed.value).is_some() {
            let what = if name == "MP_REACH_NLRI" {
                "MP_REACH_NLRI appears twice"
            } else {
                "MP_UNREACH_NLRI appears twice"
            };
            return Err(UpdateError::reset(1, what));
        }
    }
    Ok(envelopes)
}

/// Decodes attributes without envelopes. The gravest error that keeps the session is kept in the set.
///
/// # Errors
/// Only [`Severity::Reset`].
pub fn attributes(raw: &[u8], cx: &Codec) -> Result<AttributeSet, UpdateError> {
    let mut list: Vec<Attribute> = Vec::with_capacity(8);
    let mut seen = [false; 256];
    let mut worst: Option<UpdateError> = None;
    let mut note = |error: UpdateError| {
        if worst
            .as_ref()
            .is_none_or(|known| known.severity < error.severity)
        {
            worst = Some(error);
        }
    };
    let mut r = Reader::new(raw);
    while !r.is_empty() {
        let head = r.peek();
        // RFC 7606 4: "when parsing the attributes […] the length of the last attribute causes the Total Attribute Length to be
        // exceeded", or too few bytes remain for a header: treat-as-withdraw.
        let Some(framed) = frame(&mut r) else {
            note(cut_short(head));
            break;
        };
        // RFC 7606 3(g): "all the occurrences of the attribute other than the first one SHALL be discarded".
        if std::mem::replace(&mut seen[usize::from(framed.code)], true) {
            continue;
        }
        match attribute(&framed, cx) {
            Ok(attribute) => list.extend(attribute),
            Err(error) => note(error),
        }
    }
    if !cx.asn4 {
        merge_as4(&mut list);
    }
    match worst {
        Some(error) if error.severity == Severity::Reset => Err(error),
        worst => Ok(AttributeSet::with_error(list, worst)),
    }
}

/// The error of an attribute that runs past the end; `head` is where it starts.
fn cut_short(head: &[u8]) -> UpdateError {
    // ExaBGP names the attribute if all that is missing is the length.
    let no_length = match head {
        [flags, _] => Some(flags),
        [flags, _, _] => (flags & flags::EXTENDED != 0).then_some(flags),
        _ => None,
    };
    UpdateError {
        attribute: head.get(1).copied(),
        empty: no_length.is_some(),
        ..UpdateError::attribute(
            Severity::TreatAsWithdraw,
            0,
            "an attribute runs past the end",
        )
    }
}

/// Decodes one attribute; `None` for one that the session does not let in.
fn attribute(framed: &Framed<'_>, cx: &Codec) -> Result<Option<Attribute>, UpdateError> {
    let code = framed.code;
    let mut severity = Severity::TreatAsWithdraw;
    if let Some(facts) = Attribute::facts(code, cx) {
        severity = facts.malformed;
        if !facts.accepted {
            return Ok(None);
        }
        // RFC 7606 3(c): "If the value of either the Optional or Transitive bits in the Attribute Flags is in conflict with
        // their specified values, then the attribute MUST be treated as malformed and the 'treat-as-withdraw' approach used,
        // unless the specification for the attribute mandates different handling". Where it does, ExaBGP drops the attribute
        // without a word.
        if framed.flags & flags::OPTIONAL_TRANSITIVE != facts.flags {
            return match severity {
                Severity::Discard => Ok(None),
                _ => Err(UpdateError::attribute(
                    Severity::TreatAsWithdraw,
                    code,
                    "wrong attribute flags",
                )),
            };
        }
        // RFC 7606 5.2 and section 7: an attribute without a value, where one is needed, hides which routes it is about.
        if framed.value.is_empty() && !facts.may_be_empty {
            return Err(UpdateError {
                empty: true,
                ..UpdateError::attribute(Severity::TreatAsWithdraw, code, "an empty attribute")
            });
        }
    }
    Attribute::decode(code, framed.flags, &mut Reader::new(framed.value), cx)
        .map(Some)
        .map_err(|error| UpdateError::attribute(severity, code, error.what))
}

/// Puts AS4_PATH and AS4_AGGREGATOR in the place of what they extend (RFC 6793 section 4.2.3).
fn merge_as4(list: &mut Vec<Attribute>) {
    let mut path = None;
    let mut aggregator = None;
    list.retain(|attribute| match attribute {
        Attribute::As4Path(found) => {
            path = Some(found.0.clone());
            false
        }
        Attribute::As4Aggregator(found) => {
            aggregator = Some(found.0);
            false
        }
        _ => true,
    });
    if path.is_none() && aggregator.is_none() {
        return;
    }
    let old = list
        .iter()
        .position(|one| matches!(one, Attribute::Aggregator(_)));
    if let Some(Attribute::Aggregator(old)) = old.and_then(|at| list.get(at))
        && aggregator.is_some()
        && old.asn != Asn::TRANS
    {
        // "If the AGGREGATOR attribute carries an AS number other than AS_TRANS, […] both […] AS4_AGGREGATOR and AS4_PATH SHALL be
        // ignored."
        return;
    }
    if let Some(aggregator) = aggregator {
        // It stays what it was, and not in the place of the other: events show attributes in the order of their codes.
        list.retain(|one| !matches!(one, Attribute::Aggregator(_)));
        list.push(Attribute::As4Aggregator(As4Aggregator(aggregator)));
    }
    let Some(path) = path else {
        return;
    };
    for attribute in list {
        if let Attribute::AsPath(old) = attribute {
            *old = std::mem::take(old).merge_as4(path.clone());
        }
    }
}

/// Where an UPDATE's attributes come from: decoded anew, or remembered.
pub trait AttributeSource {
    /// The set that `raw`, attributes without envelopes, stands for.
    ///
    /// # Errors
    /// Only [`Severity::Reset`].
    fn attributes(&mut self, raw: &[u8], cx: &Codec) -> Result<Rc<AttributeSet>, UpdateError>;
}

/// Decodes each time.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecodeEach;

impl AttributeSource for DecodeEach {
    fn attributes(&mut self, raw: &[u8], cx: &Codec) -> Result<Rc<AttributeSet>, UpdateError> {
        attributes(raw, cx).map(Rc::new)
    }
}
