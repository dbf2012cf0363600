//! An UPDATE, field by field, into a value of the caller's choice.
//!
//! A decoder is put together once from closures for the fields that matter, and costs nothing for the others. Each closure
//! returns the severity of an error in its field (RFC 7606: discard, treat as withdraw, disable the family, reset); all are
//! collected, decoding goes on while that makes sense, and the caller decides what to do about [`UpdateErrors`]. What RFC
//! 7606 asks of the message as a whole (duplicates, lengths, missing attributes, next hops) is the same as for
//! [`Update::content`], and so are the routes: those of families that the session does not exchange are passed over, and a
//! route that an UPDATE withdraws and announces is announced only.
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

use std::collections::HashSet;
use std::fmt;

use ipnet::IpNet;

use crate::bgp::attribute::mp_reach::MpReach;
use crate::bgp::attribute::mp_unreach::MpUnreach;
use crate::bgp::attribute::walk::{Reachable, Walk};
use crate::bgp::attribute::{mp_reach, mp_unreach, tunnel_encap};
use crate::bgp::iana::attribute as codes;
use crate::bgp::message::update::{self, Update, is_exchanged};
use crate::bgp::nlri::{self, NlriId, Routes};
use crate::bgp::{
    Attribute, AttributeSet, Codec, Family, NextHop, NlriRef, Notification, Safi, Severity,
    UpdateError,
};
use crate::wire::WireError;

/// The family of the routes in the body itself.
const NATIVE: Family = Family::IPV4_UNICAST;

/// What a closure returns: an error has a severity.
pub type FieldResult = Result<(), UpdateError>;

type RouteFn<T> = Box<dyn Fn(&mut T, NlriRef<'_>) -> FieldResult + Send + Sync>;
type ReachFn<T> = Box<dyn Fn(&mut T, Option<NextHop>, NlriRef<'_>) -> FieldResult + Send + Sync>;
type UnicastFn<T> = Box<dyn Fn(&mut T, UnicastRoute) -> FieldResult + Send + Sync>;
type AttributeFn<T> = Box<dyn Fn(&mut T, RawAttribute<'_, '_>) -> FieldResult + Send + Sync>;

/// Decodes UPDATEs into a `T`. It can be used in any thread.
pub struct UpdateDecoder<T> {
    withdrawn: Option<RouteFn<T>>,
    nlri: Option<RouteFn<T>>,
    attributes: Vec<(Option<u8>, AttributeFn<T>)>,
    reach: Vec<(Family, ReachFn<T>)>,
    unreach: Vec<(Family, RouteFn<T>)>,
    announced_unicast: Option<UnicastFn<T>>,
    withdrawn_unicast: Option<UnicastFn<T>>,
}

/// A route of IPv4 or IPv6 unicast in an UPDATE, wherever in the message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnicastRoute {
    /// The prefix, host bits cleared.
    pub prefix: IpNet,
    /// The path identifier, on a session with ADD-PATH (RFC 7911).
    pub path_id: Option<u32>,
    /// Its next hop: from NEXT_HOP, or from MP_REACH_NLRI. `None` if it is withdrawn, or if NEXT_HOP is missing or malformed.
    pub next_hop: Option<NextHop>,
}

impl UnicastRoute {
    fn new(nlri: NlriRef<'_>, next_hop: Option<NextHop>) -> Option<Self> {
        is_unicast(nlri.family).then_some(())?;
        Some(Self {
            prefix: nlri.prefix()?,
            path_id: nlri.path_id,
            next_hop,
        })
    }
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

    /// The NOTIFICATION to end the session with, for a speaker that resets it for every error as RFC 4271 section 6.3 does:
    /// 3/6 for an undefined ORIGIN, 3/4 for flags, 3/5 for lengths, 3/11 for AS_PATH, 3/3 for a missing attribute, and so
    /// on, with the attribute as data. It is that of the [gravest](Self::gravest) error.
    ///
    /// ```
    /// use oxabgp::bgp::Codec;
    /// use oxabgp::speaker::UpdateDecoder;
    ///
    /// let decoder = UpdateDecoder::<()>::new().attributes(|(), raw| raw.decode().map(drop));
    /// let body = [0, 0, 0, 4, 0x40, 1, 1, 7]; // ORIGIN 7
    /// let errors = decoder.decode(&mut (), &body, &Codec::default()).expect_err("no such ORIGIN");
    /// let notification = errors.as_reset();
    /// assert_eq!((notification.code, notification.subcode), (3, 6));
    /// assert_eq!(notification.data, [0x40, 1, 1, 7]);
    /// ```
    pub fn as_reset(&self) -> Notification {
        self.gravest().notification()
    }

    /// The NOTIFICATION to end the session with, if it must end by RFC 7606.
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
            announced_unicast: None,
            withdrawn_unicast: None,
        }
    }

    /// Each IPv4 unicast route of the field Withdrawn Routes.
    #[must_use]
    pub fn withdrawn(
        mut self,
        decode: impl Fn(&mut T, NlriRef<'_>) -> FieldResult + Send + Sync + 'static,
    ) -> Self {
        self.withdrawn = Some(Box::new(decode));
        self
    }

    /// Each IPv4 unicast route of the field NLRI.
    #[must_use]
    pub fn nlri(
        mut self,
        decode: impl Fn(&mut T, NlriRef<'_>) -> FieldResult + Send + Sync + 'static,
    ) -> Self {
        self.nlri = Some(Box::new(decode));
        self
    }

    /// The attribute with that type code.
    #[must_use]
    pub fn attribute(
        mut self,
        code: u8,
        decode: impl Fn(&mut T, RawAttribute<'_, '_>) -> FieldResult + Send + Sync + 'static,
    ) -> Self {
        self.attributes.push((Some(code), Box::new(decode)));
        self
    }

    /// Every attribute that no closure of its own takes, but for MP_REACH_NLRI and MP_UNREACH_NLRI.
    #[must_use]
    pub fn attributes(
        mut self,
        decode: impl Fn(&mut T, RawAttribute<'_, '_>) -> FieldResult + Send + Sync + 'static,
    ) -> Self {
        self.attributes.push((None, Box::new(decode)));
        self
    }

    /// Each route of MP_REACH_NLRI in that family, with its next hop. A malformed FlowSpec rule counts as withdrawn.
    #[must_use]
    pub fn reach(
        mut self,
        family: Family,
        decode: impl Fn(&mut T, Option<NextHop>, NlriRef<'_>) -> FieldResult + Send + Sync + 'static,
    ) -> Self {
        self.reach.push((family, Box::new(decode)));
        self
    }

    /// Each route of MP_UNREACH_NLRI in that family.
    #[must_use]
    pub fn unreach(
        mut self,
        family: Family,
        decode: impl Fn(&mut T, NlriRef<'_>) -> FieldResult + Send + Sync + 'static,
    ) -> Self {
        self.unreach.push((family, Box::new(decode)));
        self
    }

    /// Each announced route of IPv4 and IPv6 unicast, in the body or in MP_REACH_NLRI.
    ///
    /// ```
    /// use oxabgp::bgp::Codec;
    /// use oxabgp::speaker::UpdateDecoder;
    ///
    /// let decoder = UpdateDecoder::<Vec<ipnet::IpNet>>::new()
    ///     .withdrawn_unicast(|gone, route| { gone.push(route.prefix); Ok(()) });
    /// let mut gone = Vec::new();
    /// decoder.decode(&mut gone, &[0, 2, 8, 10, 0, 0], &Codec::default()).expect("a good UPDATE");
    /// assert_eq!(gone, ["10.0.0.0/8".parse().expect("a prefix")]);
    /// ```
    #[must_use]
    pub fn announced_unicast(
        mut self,
        decode: impl Fn(&mut T, UnicastRoute) -> FieldResult + Send + Sync + 'static,
    ) -> Self {
        self.announced_unicast = Some(Box::new(decode));
        self
    }

    /// Each withdrawn route of IPv4 and IPv6 unicast, in the body or in MP_UNREACH_NLRI.
    #[must_use]
    pub fn withdrawn_unicast(
        mut self,
        decode: impl Fn(&mut T, UnicastRoute) -> FieldResult + Send + Sync + 'static,
    ) -> Self {
        self.withdrawn_unicast = Some(Box::new(decode));
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
        let stand = match self.withdraws() {
            true => both(&update, cx),
            false => HashSet::new(),
        };
        if self.withdrawn.is_some() || self.withdrawn_unicast.is_some() {
            let result = each(routes(NATIVE, update.withdrawn, cx), |nlri, _| {
                if is_in(&stand, nlri) {
                    return Ok(());
                }
                self.withdraw(target, self.withdrawn.as_ref(), nlri)
            });
            errors.extend(result.err());
        }
        let (next_hop, policy) = self.walk(target, &update, (cx, &stand), &mut errors);
        if self.nlri.is_some() || self.announced_unicast.is_some() {
            let result = each(routes(NATIVE, update.nlri, cx), |nlri, _| {
                if let Some(decode) = &self.nlri {
                    decode(target, nlri)?;
                }
                self.announce(target, nlri, next_hop)
            });
            errors.extend(result.err());
        }
        errors.extend(policy);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(UpdateErrors(errors))
        }
    }

    /// Returns `true` if withdrawn routes of any field matter.
    const fn withdraws(&self) -> bool {
        self.withdrawn.is_some() || self.withdrawn_unicast.is_some() || !self.unreach.is_empty()
    }

    /// Gives an announced route to the closure for unicast.
    fn announce(
        &self,
        target: &mut T,
        nlri: NlriRef<'_>,
        next_hop: Option<NextHop>,
    ) -> FieldResult {
        match (&self.announced_unicast, UnicastRoute::new(nlri, next_hop)) {
            (Some(decode), Some(route)) => decode(target, route),
            _ => Ok(()),
        }
    }

    /// Gives a withdrawn route to the closure of its field, and to the one for unicast.
    fn withdraw(&self, target: &mut T, own: Option<&RouteFn<T>>, nlri: NlriRef<'_>) -> FieldResult {
        if let Some(decode) = own {
            decode(target, nlri)?;
        }
        match (&self.withdrawn_unicast, UnicastRoute::new(nlri, None)) {
            (Some(decode), Some(route)) => decode(target, route),
            _ => Ok(()),
        }
    }

    /// Goes through the attributes; the routes in `stand` are not withdrawn. Returns the value of NEXT_HOP, and what SR policies
    /// lack (RFC 9830 section 4.2.1).
    fn walk(
        &self,
        target: &mut T,
        update: &Update<'_>,
        (cx, stand): (&Codec, &HashSet<NlriId>),
        errors: &mut Vec<UpdateError>,
    ) -> (Option<NextHop>, Option<UpdateError>) {
        let first = errors.len();
        let mut next_hop = None;
        let reads_policies = self.reach.iter().any(|(family, _)| is_policy(*family));
        let (mut has_policies, mut of_policies) = (false, Vec::new());
        let mut walk = Walk::new(update.attributes, cx);
        for next in walk.by_ref() {
            if let Ok(raw) = &next {
                match raw.code {
                    codes::NEXT_HOP if self.announced_unicast.is_some() => {
                        if let Ok(Some(Attribute::NextHop(hop))) = raw.decode() {
                            next_hop = Some(hop.get());
                        }
                    }
                    mp_reach::CODE if reads_policies => {
                        has_policies = announces_policies(raw.value, cx);
                    }
                    code if reads_policies && tunnel_encap::is_of_policies(code) => {
                        of_policies.extend(raw.decode().ok().flatten());
                    }
                    _ => {}
                }
            }
            let result = next.and_then(|raw| self.attribute_or_envelope(target, raw, (cx, stand)));
            errors.extend(result.err());
        }
        let reachable = Reachable::new(update.nlri, walk.seen());
        errors.extend(reachable.missing(walk.seen()));
        for error in &mut errors[first..] {
            error.severity = reachable.escalate(error.severity);
        }
        let policy = has_policies
            .then(|| tunnel_encap::check_policy(&AttributeSet::new(of_policies)).err())
            .flatten();
        (next_hop, policy)
    }

    fn attribute_or_envelope(
        &self,
        target: &mut T,
        raw: RawAttribute<'_, '_>,
        (cx, stand): (&Codec, &HashSet<NlriId>),
    ) -> FieldResult {
        match raw.code {
            mp_reach::CODE => {
                let (reach, next_hop) = update::reach(raw.value, cx)?;
                let family = reach.family;
                let own = find(&self.reach, family);
                let unicast = self.announced_unicast.is_some() && is_unicast(family);
                if own.is_none() && !unicast {
                    return Ok(());
                }
                let mut spoiled = None;
                each(routes(family, reach.nlri, cx), |nlri, checked| {
                    // RFC 8955 10: a malformed rule is treated as withdrawn.
                    if let Err(error) = checked {
                        spoiled.get_or_insert_with(|| malformed(Severity::TreatAsWithdraw, &error));
                        return self.withdraw(target, find(&self.unreach, family), nlri);
                    }
                    if let Some(decode) = own {
                        decode(target, next_hop, nlri)?;
                    }
                    self.announce(target, nlri, next_hop)
                })?;
                spoiled.map_or(Ok(()), Err)
            }
            mp_unreach::CODE => {
                let unreach = MpUnreach::decode(raw.value)?;
                let family = unreach.family;
                let own = find(&self.unreach, family);
                let unicast = self.withdrawn_unicast.is_some() && is_unicast(family);
                if own.is_none() && !unicast {
                    return Ok(());
                }
                let withdrawn = routes(family, unreach.nlri, cx).withdrawn();
                each(withdrawn, |nlri, _| {
                    if is_in(stand, nlri) {
                        return Ok(());
                    }
                    self.withdraw(target, own, nlri)
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

fn find<F>(decoders: &[(Family, F)], family: Family) -> Option<&F> {
    let mut matching = decoders.iter().filter(|(wanted, _)| *wanted == family);
    matching.next().map(|(_, decode)| decode)
}

fn is_unicast(family: Family) -> bool {
    matches!(family, Family::IPV4_UNICAST | Family::IPV6_UNICAST)
}

/// The routes of a field; none if the session does not exchange the family.
fn routes<'a>(family: Family, bytes: &'a [u8], cx: &Codec) -> Routes<'a> {
    let bytes = if is_exchanged(family, cx) { bytes } else { &[] };
    Routes::new(family, cx.add_path_receive.contains(family), bytes)
}

/// The routes that an UPDATE announces, if it also withdraws routes of their family: RFC 4271 4.3 and RFC 7606 5.1 let it
/// count as though it did not withdraw them.
fn both(update: &Update<'_>, cx: &Codec) -> HashSet<NlriId> {
    let (mut reach, mut unreach) = (None, None);
    for raw in Walk::new(update.attributes, cx).flatten() {
        match raw.code {
            mp_reach::CODE => reach = MpReach::decode(raw.value).ok(),
            mp_unreach::CODE => unreach = MpUnreach::decode(raw.value).ok(),
            _ => {}
        }
    }
    let withdraws = |family| {
        let native = family == NATIVE && !update.withdrawn.is_empty();
        native || unreach.is_some_and(|unreach| unreach.family == family)
    };
    let reach = reach.map(|reach| (reach.family, reach.nlri));
    let fields = [Some((NATIVE, update.nlri)), reach];
    let fields = fields.into_iter().flatten();
    fields
        .filter(|(family, _)| withdraws(*family))
        .flat_map(|(family, bytes)| routes(family, bytes, cx).flatten())
        .map(|nlri| nlri.id())
        .collect()
}

const fn is_policy(family: Family) -> bool {
    family.safi.0 == Safi::SR_POLICY.0
}

/// Returns `true` if an MP_REACH_NLRI announces SR policies, which need certain attributes.
fn announces_policies(reach: &[u8], cx: &Codec) -> bool {
    MpReach::decode(reach)
        .is_ok_and(|reach| is_policy(reach.family) && is_exchanged(reach.family, cx))
}

fn is_in(routes: &HashSet<NlriId>, nlri: NlriRef<'_>) -> bool {
    !routes.is_empty() && routes.contains(&nlri.id())
}

/// Gives each route to `decode`. RFC 7606 5.3: NLRI that cannot be framed end the session; 5.4: malformed ones of some families
/// are passed over, and reported as discarded.
fn each(
    routes: Routes<'_>,
    mut decode: impl FnMut(NlriRef<'_>, Result<(), WireError>) -> FieldResult,
) -> FieldResult {
    let discards = nlri::malformed(routes.family) == Some(Severity::Discard);
    let mut discarded = None;
    for nlri in routes {
        let nlri = nlri.map_err(|error| UpdateError::reset(nlri::subcode(&error), error.what))?;
        match nlri::check(nlri) {
            Err(error) if discards => {
                discarded.get_or_insert_with(|| malformed(Severity::Discard, &error));
            }
            checked => decode(nlri, checked)?,
        }
    }
    discarded.map_or(Ok(()), Err)
}

fn malformed(severity: Severity, error: &WireError) -> UpdateError {
    UpdateError {
        attribute: None,
        ..UpdateError::attribute(severity, 0, error.what)
    }
}
