//! An UPDATE, field by field, into a value of the caller's choice.
//!
//! A decoder is put together once from closures for the fields that matter, and costs nothing for the others. Each closure
//! returns the severity of an error in its field (RFC 7606: discard, treat as withdraw, disable the family, reset); all are
//! collected, decoding goes on while that makes sense, and the caller decides what to do about [`UpdateErrors`]. What RFC
//! 7606 asks of the message as a whole (duplicates, lengths, missing attributes) is the same [`Walk`] as everywhere else.
//!
//! ```
//! use oxabgp::bgp::{Codec, Family, FamilySet};
//! use oxabgp::speaker::UpdateDecoder;
//!
//! #[derive(Default)]
//! struct Seen { announced: Vec<String>, withdrawn: Vec<String> }
//!
//! let decoder = UpdateDecoder::<Seen>::new()
//!     .nlri(|seen, nlri| { seen.announced.push(nlri.to_string()); Ok(()) })
//!     .withdrawn(|seen, nlri| { seen.withdrawn.push(nlri.to_string()); Ok(()) });
//! let body = [
//!     0, 2,           // length of the withdrawn routes
//!     8, 10,          // 10.0.0.0/8
//!     0, 0,           // length of the path attributes
//! ];
//! let mut seen = Seen::default();
//! decoder.decode(&mut seen, &body, &Codec::default()).expect("a good UPDATE");
//! assert_eq!(seen.withdrawn, ["10.0.0.0/8"]);
//! ```

use std::fmt;

use crate::bgp::attribute::mp_reach::MpReach;
use crate::bgp::attribute::mp_unreach::MpUnreach;
use crate::bgp::attribute::walk::{Reachable, Walk};
use crate::bgp::attribute::{mp_reach, mp_unreach};
use crate::bgp::iana::notification::update::OPTIONAL_ATTRIBUTE_ERROR;
use crate::bgp::message::update::Update;
use crate::bgp::nlri::{self, Routes};
use crate::bgp::{Codec, Family, NextHop, NlriRef, Notification, Severity, UpdateError};

/// What a closure returns: an error has a severity.
pub type FieldResult = Result<(), UpdateError>;

type RouteFn<T> = Box<dyn Fn(&mut T, NlriRef<'_>) -> FieldResult>;
type ReachFn<T> = Box<dyn Fn(&mut T, Option<NextHop>, NlriRef<'_>) -> FieldResult>;
type AttributeFn<T> = Box<dyn Fn(&mut T, RawAttribute<'_, '_>) -> FieldResult>;

/// Decodes UPDATEs into a `T`.
pub struct UpdateDecoder<T> {
    withdrawn: Option<RouteFn<T>>,
    nlri: Option<RouteFn<T>>,
    attributes: Vec<(Option<u8>, AttributeFn<T>)>,
    reach: Vec<(Family, ReachFn<T>)>,
    unreach: Vec<(Family, RouteFn<T>)>,
}

pub use crate::bgp::attribute::walk::RawAttribute;

/// All that was wrong with an UPDATE, in the order of its fields; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateErrors(Vec<UpdateError>);

impl UpdateErrors {
    /// The errors.
    pub fn all(&self) -> &[UpdateError] {
        &self.0
    }

    /// The gravest; of several equal ones, the first.
    pub fn gravest(&self) -> &UpdateError {
        let mut gravest = &self.0[0];
        for error in &self.0 {
            if error.severity > gravest.severity {
                gravest = error;
            }
        }
        gravest
    }

    /// What to do about the UPDATE as a whole.
    pub fn severity(&self) -> Severity {
        self.gravest().severity
    }

    /// The NOTIFICATION to end the session with, if it must end.
    pub fn notification(&self) -> Option<Notification> {
        let gravest = self.gravest();
        (gravest.severity == Severity::Reset).then(|| gravest.notification())
    }
}

impl fmt::Display for UpdateErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for UpdateErrors {}

impl<T> Default for UpdateDecoder<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> UpdateDecoder<T> {
    /// A decoder that looks at nothing yet.
    pub const fn new() -> Self {
        Self {
            withdrawn: None,
            nlri: None,
            attributes: Vec::new(),
            reach: Vec::new(),
            unreach: Vec::new(),
        }
    }

    /// Each IPv4 unicast route of the field Withdrawn Routes.
    #[must_use]
    pub fn withdrawn(
        mut self,
        decode: impl Fn(&mut T, NlriRef<'_>) -> FieldResult + 'static,
    ) -> Self {
        self.withdrawn = Some(Box::new(decode));
        self
    }

    /// Each IPv4 unicast route of the field NLRI.
    #[must_use]
    pub fn nlri(mut self, decode: impl Fn(&mut T, NlriRef<'_>) -> FieldResult + 'static) -> Self {
        self.nlri = Some(Box::new(decode));
        self
    }

    /// The attribute with that type code.
    #[must_use]
    pub fn attribute(
        mut self,
        code: u8,
        decode: impl Fn(&mut T, RawAttribute<'_, '_>) -> FieldResult + 'static,
    ) -> Self {
        self.attributes.push((Some(code), Box::new(decode)));
        self
    }

    /// Every attribute that no closure of its own takes, but for MP_REACH_NLRI and MP_UNREACH_NLRI.
    #[must_use]
    pub fn attributes(
        mut self,
        decode: impl Fn(&mut T, RawAttribute<'_, '_>) -> FieldResult + 'static,
    ) -> Self {
        self.attributes.push((None, Box::new(decode)));
        self
    }

    /// Each route of MP_REACH_NLRI in that family, with its next hop.
    #[must_use]
    pub fn reach(
        mut self,
        family: Family,
        decode: impl Fn(&mut T, Option<NextHop>, NlriRef<'_>) -> FieldResult + 'static,
    ) -> Self {
        self.reach.push((family, Box::new(decode)));
        self
    }

    /// Each route of MP_UNREACH_NLRI in that family.
    #[must_use]
    pub fn unreach(
        mut self,
        family: Family,
        decode: impl Fn(&mut T, NlriRef<'_>) -> FieldResult + 'static,
    ) -> Self {
        self.unreach.push((family, Box::new(decode)));
        self
    }

    /// Decodes the body of an UPDATE (all after the header) into `target`, with the facts of the session.
    ///
    /// # Errors
    /// What was wrong; what could be decoded is in `target` anyway.
    pub fn decode(&self, target: &mut T, body: &[u8], cx: &Codec) -> Result<(), UpdateErrors> {
        let update = Update::new(body).map_err(|error| UpdateErrors(vec![error]))?;
        self.decode_update(target, update, cx)
    }

    /// The same for an UPDATE whose fields are known, such as [`Plugin::on_update`](super::Plugin::on_update) gets.
    ///
    /// # Errors
    /// Those of [`UpdateDecoder::decode`].
    pub fn decode_update(
        &self,
        target: &mut T,
        update: Update<'_>,
        cx: &Codec,
    ) -> Result<(), UpdateErrors> {
        let mut errors = Vec::new();
        if let Some(decode) = &self.withdrawn {
            let routes = ipv4(update.withdrawn, cx);
            errors.extend(each(routes, 10, |nlri| decode(target, nlri)).err());
        }
        self.walk(target, &update, cx, &mut errors);
        if let Some(decode) = &self.nlri {
            let routes = ipv4(update.nlri, cx);
            errors.extend(each(routes, 10, |nlri| decode(target, nlri)).err());
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(UpdateErrors(errors))
        }
    }

    /// Goes through the attributes.
    fn walk(&self, target: &mut T, update: &Update<'_>, cx: &Codec, errors: &mut Vec<UpdateError>) {
        let first = errors.len();
        let mut walk = Walk::new(update.attributes, cx);
        for next in walk.by_ref() {
            let result = next.and_then(|raw| self.attribute_or_envelope(target, raw, cx));
            errors.extend(result.err());
        }
        let reachable = Reachable::new(update.nlri, walk.seen());
        errors.extend(reachable.missing(walk.seen()));
        for error in &mut errors[first..] {
            error.severity = reachable.escalate(error.severity);
        }
    }

    fn attribute_or_envelope(
        &self,
        target: &mut T,
        raw: RawAttribute<'_, '_>,
        cx: &Codec,
    ) -> FieldResult {
        match raw.code {
            mp_reach::CODE => {
                let reach = MpReach::decode(raw.value)?;
                let Some((family, decode)) = find(&self.reach, reach.family) else {
                    return Ok(());
                };
                let next_hop = NextHop::decode(reach.next_hop, family)
                    .map_err(|error| UpdateError::reset(OPTIONAL_ATTRIBUTE_ERROR, error.what))?;
                let add_path = cx.add_path_receive.contains(family);
                each(Routes::new(family, add_path, reach.nlri), 9, |nlri| {
                    decode(target, next_hop, nlri)
                })
            }
            mp_unreach::CODE => {
                let unreach = MpUnreach::decode(raw.value)?;
                let Some((family, decode)) = find(&self.unreach, unreach.family) else {
                    return Ok(());
                };
                let add_path = cx.add_path_receive.contains(family);
                each(Routes::new(family, add_path, unreach.nlri), 9, |nlri| {
                    decode(target, nlri)
                })
            }
            code => {
                let mut own = self.attributes.iter();
                let decode = own.find(|(wanted, _)| *wanted == Some(code)).or_else(|| {
                    let mut rest = self.attributes.iter();
                    rest.find(|(wanted, _)| wanted.is_none())
                });
                decode.map_or(Ok(()), |(_, decode)| decode(target, raw))
            }
        }
    }
}

fn find<F>(decoders: &[(Family, F)], family: Family) -> Option<(Family, &F)> {
    let mut matching = decoders.iter().filter(|(wanted, _)| *wanted == family);
    matching.next().map(|(family, decode)| (*family, decode))
}

fn ipv4<'a>(bytes: &'a [u8], cx: &Codec) -> Routes<'a> {
    let add_path = cx.add_path_receive.contains(Family::IPV4_UNICAST);
    Routes::new(Family::IPV4_UNICAST, add_path, bytes)
}

/// Gives each route to `decode`. RFC 7606 5.3: NLRI that cannot be framed end the session, with `subcode`; 5.4: malformed ones of some
/// families are passed over, and reported as discarded.
fn each(
    routes: Routes<'_>,
    subcode: u8,
    mut decode: impl FnMut(NlriRef<'_>) -> FieldResult,
) -> FieldResult {
    let discards = nlri::malformed(routes.family) == Some(Severity::Discard);
    let mut discarded = None;
    for nlri in routes {
        let nlri = nlri.map_err(|error| UpdateError::reset(subcode, error.what))?;
        match nlri::check(nlri) {
            Err(error) if discards => {
                discarded.get_or_insert_with(|| UpdateError {
                    attribute: None,
                    ..UpdateError::attribute(Severity::Discard, 0, error.what)
                });
            }
            _ => decode(nlri)?,
        }
    }
    discarded.map_or(Ok(()), Err)
}
