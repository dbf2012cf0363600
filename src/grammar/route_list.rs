//! Many routes as written, in little memory.
//!
//! The routes of a file come in runs that have everything in common but the bytes of their NLRI. A route of such a run takes
//! these bytes and one more, where a [`RouteText`] takes more than a hundred.

use std::rc::Rc;

use super::route_text::RouteText;
use crate::bgp::{AttributeSet, Family, Nlri, NlriRef};

/// How many of the last [`Common`]s are compared with a new route.
const RECENT: usize = 32;

/// A sequence of [`RouteText`]s.
#[derive(Clone, Debug, Default)]
pub struct RouteList {
    len: usize,
    /// `None` if there are none: most of thousands of neighbors have no routes of their own.
    parts: Option<Box<Parts>>,
}

#[derive(Clone, Debug, Default)]
struct Parts {
    runs: Vec<Run>,
    commons: Vec<Common>,
    /// For each route of a [`Run::Many`]: the length of its NLRI, and its bytes.
    bytes: Vec<u8>,
    others: Vec<RouteText>,
}

impl Parts {
    const NONE: &Self = &Self {
        runs: Vec::new(),
        commons: Vec::new(),
        bytes: Vec::new(),
        others: Vec::new(),
    };
}

#[derive(Clone, Copy, Debug)]
enum Run {
    /// So many sentences with one NLRI each that have one of the `commons` in common.
    Many { common: usize, count: usize },
    /// One of the `others`: a sentence with several NLRI, without one, or with one that is longer than 255 bytes.
    Other(usize),
}

/// What the sentences of a run have in common.
#[derive(Clone, Debug)]
struct Common {
    family: Family,
    path_id: Option<u32>,
    attributes: Rc<AttributeSet>,
    watchdog: Option<Box<str>>,
    withdraw: bool,
    name: Option<Box<str>>,
}

impl Common {
    fn is_of(&self, route: &RouteText, nlri: &Nlri) -> bool {
        (self.family, self.path_id, self.withdraw) == (nlri.family, nlri.path_id, route.withdraw)
            && Rc::ptr_eq(&self.attributes, &route.attributes)
            && (&self.watchdog, &self.name) == (&route.watchdog, &route.name)
    }

    fn route(&self, bytes: &[u8]) -> RouteText {
        RouteText {
            nlri: vec![Nlri::new(self.family, self.path_id, bytes)],
            attributes: Rc::clone(&self.attributes),
            watchdog: self.watchdog.clone(),
            withdraw: self.withdraw,
            name: self.name.clone(),
        }
    }
}

impl RouteList {
    /// The number of routes as written; one may have several NLRI.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns `true` if there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a route.
    pub fn push(&mut self, route: RouteText) {
        self.len += 1;
        let parts = self.parts.get_or_insert_default();
        let ([nlri], Ok(length)) = (
            route.nlri.as_slice(),
            u8::try_from(route.nlri.first().map_or(0, |nlri| nlri.bytes.len())),
        ) else {
            parts.runs.push(Run::Other(parts.others.len()));
            parts.others.push(route);
            return;
        };
        parts.bytes.push(length);
        parts.bytes.extend_from_slice(&nlri.bytes);
        let mut recent = parts.commons.iter().enumerate().rev().take(RECENT);
        let known = recent.find(|(_, common)| common.is_of(&route, nlri));
        let common = known.map_or(parts.commons.len(), |(index, _)| index);
        if common == parts.commons.len() {
            parts.commons.push(Common {
                family: nlri.family,
                path_id: nlri.path_id,
                attributes: route.attributes,
                watchdog: route.watchdog,
                withdraw: route.withdraw,
                name: route.name,
            });
        }
        match parts.runs.last_mut() {
            Some(Run::Many {
                common: last,
                count,
            }) if *last == common => *count += 1,
            _ => parts.runs.push(Run::Many { common, count: 1 }),
        }
    }

    /// The routes in their order.
    pub fn iter(&self) -> Iter<'_> {
        let parts = self.parts();
        Iter {
            parts,
            runs: parts.runs.iter(),
            current: None,
            bytes: &parts.bytes,
        }
    }

    /// The routes in their order, those of a run together.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let parts = self.parts();
        let mut rest = &parts.bytes[..];
        parts.runs.iter().filter_map(move |run| match *run {
            Run::Other(index) => parts.others.get(index).map(Piece::One),
            Run::Many { common, count } => {
                let mut run = RunOfRoutes {
                    common: parts.commons.get(common)?,
                    count,
                    bytes: rest,
                };
                rest = run.split(count);
                Some(Piece::Run(run))
            }
        })
    }

    /// The families of the routes, in any order; most of them several times.
    #[cfg(any(test, feature = "daemon"))]
    pub(crate) fn families(&self) -> impl Iterator<Item = Family> {
        let parts = self.parts();
        let common = parts.commons.iter().map(|common| common.family);
        let others = parts.others.iter().flat_map(|route| &route.nlri);
        common.chain(others.map(|nlri| nlri.family))
    }

    /// Gives back memory that was allocated ahead.
    #[cfg(feature = "daemon")]
    pub(crate) fn shrink_to_fit(&mut self) {
        if let Some(parts) = &mut self.parts {
            parts.runs.shrink_to_fit();
            parts.commons.shrink_to_fit();
            parts.others.shrink_to_fit();
            parts.bytes.shrink_to_fit();
        }
    }

    fn parts(&self) -> &Parts {
        self.parts.as_deref().unwrap_or(Parts::NONE)
    }
}

/// Routes of a [`RouteList`] that follow each other.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// Routes that have everything in common but the bytes of their NLRI.
    Run(RunOfRoutes<'a>),
    /// A route of its own.
    One(&'a RouteText),
}

/// Routes with one NLRI each, that have everything in common but its bytes.
#[derive(Clone, Copy, Debug)]
pub struct RunOfRoutes<'a> {
    common: &'a Common,
    count: usize,
    /// The length of each NLRI, and its bytes.
    bytes: &'a [u8],
}

impl<'a> RunOfRoutes<'a> {
    /// The number of routes, which is not 0.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The family of the routes.
    pub const fn family(&self) -> Family {
        self.common.family
    }

    /// The path identifier of the routes.
    pub const fn path_id(&self) -> Option<u32> {
        self.common.path_id
    }

    /// The attributes of the routes.
    pub const fn attributes(&self) -> &'a Rc<AttributeSet> {
        &self.common.attributes
    }

    /// Returns `true` if the routes are announced whatever watchdogs do.
    pub const fn is_announced(&self) -> bool {
        self.common.watchdog.is_none() && !self.common.withdraw
    }

    /// The bytes of the NLRI, in order.
    pub fn nlri(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || take(&mut rest))
    }

    /// The routes, in order.
    pub fn routes(&self) -> impl Iterator<Item = RouteText> + use<'a> {
        let common = self.common;
        self.nlri().map(|bytes| common.route(bytes))
    }

    /// Cuts its bytes off after so many NLRI. Returns the rest.
    fn split(&mut self, count: usize) -> &'a [u8] {
        let all = self.bytes;
        let mut rest = all;
        for _ in 0..count {
            take(&mut rest);
        }
        self.bytes = &all[..all.len() - rest.len()];
        rest
    }
}

impl Piece<'_> {
    /// Calls `visit` for each NLRI.
    pub fn each_nlri(&self, mut visit: impl FnMut(NlriRef<'_>)) {
        match self {
            Self::One(route) => route.nlri.iter().for_each(|nlri| visit(nlri.as_ref())),
            Self::Run(run) => run.nlri().for_each(|bytes| {
                visit(NlriRef {
                    family: run.family(),
                    path_id: run.path_id(),
                    bytes,
                    withdrawn: false,
                });
            }),
        }
    }
}

/// Takes the next NLRI, which follows its length.
fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first()?;
    let (nlri, rest) = rest.split_at_checked(usize::from(*length))?;
    *bytes = rest;
    Some(nlri)
}

/// The routes of a [`RouteList`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    parts: &'a Parts,
    runs: std::slice::Iter<'a, Run>,
    /// The run that is being read, and how many of its routes are left.
    current: Option<(&'a Common, usize)>,
    /// The NLRI that are left.
    bytes: &'a [u8],
}

impl Iterator for Iter<'_> {
    type Item = RouteText;

    fn next(&mut self) -> Option<RouteText> {
        let (common, left) = match self.current {
            Some((common, left)) if left > 0 => (common, left),
            _ => match self.runs.next()? {
                Run::Other(index) => return self.parts.others.get(*index).cloned(),
                Run::Many { common, count } => (self.parts.commons.get(*common)?, *count),
            },
        };
        self.current = Some((common, left - 1));
        take(&mut self.bytes).map(|nlri| common.route(nlri))
    }
}

impl PartialEq for RouteList {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl Eq for RouteList {}

impl<'a> IntoIterator for &'a RouteList {
    type Item = RouteText;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl FromIterator<RouteText> for RouteList {
    fn from_iter<T: IntoIterator<Item = RouteText>>(routes: T) -> Self {
        let mut list = Self::default();
        routes.into_iter().for_each(|route| list.push(route));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::attribute::med::Med;
    use crate::bgp::{Attribute, Safi};

    fn route(nlri: &[Nlri], med: u32) -> RouteText {
        RouteText {
            nlri: nlri.to_vec(),
            attributes: Rc::new(AttributeSet::new(vec![Attribute::Med(Med(med))])),
            watchdog: None,
            withdraw: false,
            name: None,
        }
    }

    #[test]
    fn routes_come_back_as_they_were() {
        let prefix = |octet| Nlri::new(Family::IPV4_UNICAST, None, &[8, octet]);
        let flow = Family::new(1, Safi::FLOW.0);
        let routes = [
            route(&[prefix(1)], 1),
            route(&[prefix(2)], 1),
            route(&[], 1),
            route(&[prefix(3), prefix(4)], 1),
            route(&[prefix(5)], 2),
            route(&[Nlri::new(Family::IPV4_UNICAST, Some(7), &[0])], 2),
            route(&[Nlri::new(flow, None, &[0; 300])], 2),
            RouteText {
                watchdog: Some("dog".into()),
                ..route(&[prefix(6)], 2)
            },
            RouteText {
                withdraw: true,
                ..route(&[prefix(6)], 2)
            },
            RouteText {
                name: Some("name".into()),
                ..route(&[prefix(6)], 2)
            },
        ];
        let list: RouteList = routes.iter().cloned().collect();
        assert_eq!(list.iter().collect::<Vec<_>>(), routes);
        assert_eq!(list.len(), routes.len());
        let families: Vec<Family> = list.families().collect();
        assert!(families.contains(&flow) && families.contains(&Family::IPV4_UNICAST));
        let pieces = list.pieces().flat_map(|piece| match piece {
            Piece::Run(run) => run.routes().collect::<Vec<_>>(),
            Piece::One(route) => vec![route.clone()],
        });
        assert_eq!(pieces.collect::<Vec<_>>(), routes);
        let (mut seen, mut counted) = (Vec::new(), 0);
        for piece in list.pieces() {
            piece.each_nlri(|nlri| seen.push(nlri.to_nlri()));
            counted += match piece {
                Piece::Run(run) => run.count(),
                Piece::One(_) => 1,
            };
        }
        let all: Vec<Nlri> = routes.iter().flat_map(|route| route.nlri.clone()).collect();
        assert_eq!((seen, counted), (all, routes.len()));
        // The same routes, with attributes that are not shared.
        let other: RouteList = list.iter().collect();
        assert_eq!(list, other);
    }
}
