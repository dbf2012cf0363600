//! Decodes attribute sets from the wire by collecting what [`walk`](super::walk) yields.
//!
//! Which attributes are mandatory for which routes is checked in [`message::update`](crate::bgp::message::update),
//! where the routes are known.

use std::borrow::Cow;
use std::rc::Rc;

use super::walk::{Seen, Walk};
use super::{Attribute, AttributeSet, mp_reach};
use crate::bgp::error::{Severity, UpdateError};
use crate::bgp::negotiated::Codec;

/// The path attributes of an UPDATE, split into the attributes of the routes and MP_REACH_NLRI and MP_UNREACH_NLRI,
/// which carry NLRI.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelopes<'a> {
    /// Value of MP_REACH_NLRI.
    pub reach: Option<&'a [u8]>,
    /// Value of MP_UNREACH_NLRI.
    pub unreach: Option<&'a [u8]>,
    /// All other attributes, unchanged.
    pub rest: Cow<'a, [u8]>,
    /// The type codes of all attributes.
    pub seen: Seen,
}

/// Splits `raw`.
///
/// # Errors
/// Returns a reset if MP_REACH_NLRI or MP_UNREACH_NLRI appears twice (RFC 7606 3(g)) or has invalid flags.
pub fn split<'a>(raw: &'a [u8], cx: &Codec) -> Result<Envelopes<'a>, UpdateError> {
    let (mut reach, mut unreach) = (None, None);
    let mut walk = Walk::new(raw, cx);
    // The attributes before `copied` are in `rest`, unless `rest` is still `raw` itself.
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
            // The walk over the rest reports the same error.
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

/// Decodes attributes other than MP_REACH_NLRI and MP_UNREACH_NLRI. The most severe error that does not reset the
/// session is kept in the set.
///
/// # Errors
/// Returns only errors of [`Severity::Reset`].
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

/// A source of decoded attributes for UPDATEs: decoded every time, or cached.
pub trait AttributeSource {
    /// The attribute set of `raw`, which excludes MP_REACH_NLRI and MP_UNREACH_NLRI.
    ///
    /// # Errors
    /// Returns only errors of [`Severity::Reset`].
    fn attributes(&mut self, raw: &[u8], cx: &Codec) -> Result<Rc<AttributeSet>, UpdateError>;
}

/// Decodes the attributes every time.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecodeEach;

impl AttributeSource for DecodeEach {
    fn attributes(&mut self, raw: &[u8], cx: &Codec) -> Result<Rc<AttributeSet>, UpdateError> {
        attributes(raw, cx).map(Rc::new)
    }
}
