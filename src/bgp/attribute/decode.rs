//! Attribute sets from the wire: the walk of [`walk`](super::walk), collected.
//!
//! What must be present for which routes is checked in [`message::update`](crate::bgp::message::update), which knows the routes.

use std::borrow::Cow;
use std::rc::Rc;

use super::walk::{Seen, Walk};
use super::{Attribute, AttributeSet, mp_reach};
use crate::bgp::error::{Severity, UpdateError};
use crate::bgp::negotiated::Codec;

/// The path attributes of an UPDATE, split into those of the routes and the envelopes of NLRI.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelopes<'a> {
    /// Value of MP_REACH_NLRI.
    pub reach: Option<&'a [u8]>,
    /// Value of MP_UNREACH_NLRI.
    pub unreach: Option<&'a [u8]>,
    /// All other attributes, as they are.
    pub rest: Cow<'a, [u8]>,
    /// The type codes of all attributes.
    pub seen: Seen,
}

/// Finds the envelopes in `raw`.
///
/// # Errors
/// A reset when an envelope appears twice (RFC 7606 3(g)) or has wrong flags.
pub fn split<'a>(raw: &'a [u8], cx: &Codec) -> Result<Envelopes<'a>, UpdateError> {
    let (mut reach, mut unreach) = (None, None);
    let mut walk = Walk::new(raw, cx);
    // The attributes before `copied` are in `rest`, unless that is still `raw` itself.
    let (mut rest, mut copied) = (None, 0);
    while let Some(next) = walk.next() {
        match next {
            Ok(found) if found.is_envelope() => {
                let end = walk.offset();
                let start = end - found.bytes().len();
                let rest = rest.get_or_insert_with(|| Vec::with_capacity(raw.len()));
                rest.extend_from_slice(&raw[copied..start]);
                copied = end;
                let slot = match found.code {
                    mp_reach::CODE => &mut reach,
                    _ => &mut unreach,
                };
                *slot = Some(found.value);
            }
            Err(error) if error.severity == Severity::Reset => return Err(error),
            // The walk over the rest meets the same error.
            _ => {}
        }
    }
    let rest = match rest {
        Some(mut rest) => {
            rest.extend_from_slice(&raw[copied..]);
            Cow::Owned(rest)
        }
        None => Cow::Borrowed(raw),
    };
    Ok(Envelopes {
        reach,
        unreach,
        rest,
        seen: walk.seen(),
    })
}

/// Decodes attributes without envelopes. The gravest error that keeps the session is kept in the set.
///
/// # Errors
/// Only [`Severity::Reset`].
pub fn attributes(raw: &[u8], cx: &Codec) -> Result<AttributeSet, UpdateError> {
    let mut list: Vec<Attribute> = Vec::with_capacity(8);
    let mut worst: Option<UpdateError> = None;
    for next in Walk::new(raw, cx) {
        match next.and_then(|found| found.decode()) {
            Ok(attribute) => list.extend(attribute),
            Err(error) if error.severity == Severity::Reset => return Err(error),
            Err(error) => {
                if worst
                    .as_ref()
                    .is_none_or(|known| known.severity < error.severity)
                {
                    worst = Some(error);
                }
            }
        }
    }
    if let Some(role) = cx.role
        && let Err(error) = role.receive(&mut list)
    {
        worst = worst
            .filter(|worst| worst.severity >= error.severity)
            .or(Some(error));
    }
    Ok(AttributeSet::with_error(list, worst))
}

/// Where an UPDATE's attributes come from: decoded each time, or remembered.
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
