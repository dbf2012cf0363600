//! The records of a frame, decoded in place.

use std::time::Duration;

use crate::bgp::{Family, NlriRef};
use crate::wire::{Reader, WireError, Writer};

pub(super) const SELECT: u8 = 1;
pub(super) const ANNOUNCE: u8 = 2;
pub(super) const WITHDRAW: u8 = 3;
pub(super) const FORGET: u8 = 4;
pub(super) const REVISION: u8 = 5;
pub(super) const SWITCH: u8 = 6;

/// Which neighbors a route is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selection<'a> {
    /// The selector as it was written, empty if there was none; `None` if the neighbors are no longer exactly those that it
    /// selects.
    pub selector: Option<&'a str>,
    /// The names of the neighbors.
    pub names: Vec<&'a str>,
}

/// How long a route is to stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// When this was written, by the wall clock, in seconds since 1970.
    pub at: u64,
    /// How long the route stays when it is announced.
    pub length: Duration,
    /// How much of that was left.
    pub left: Duration,
}

impl Lease {
    /// How much is left at a later time. A clock that was set back never gives more than there was.
    pub fn left_at(&self, now: u64) -> Duration {
        let passed = Duration::from_secs(now.saturating_sub(self.at));
        self.left.min(self.length).saturating_sub(passed)
    }

    pub(super) fn encode(lease: Option<Self>, w: &mut Writer<'_>) {
        w.u8(u8::from(lease.is_some()));
        if let Some(lease) = lease {
            let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            w.u64(lease.at);
            w.u64(millis(lease.length));
            w.u64(millis(lease.left));
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Option<Self>, WireError> {
        if r.u8("whether there is a lease")? == 0 {
            return Ok(None);
        }
        Ok(Some(Self {
            at: r.u64("a time")?,
            length: Duration::from_millis(r.u64("a length")?),
            left: Duration::from_millis(r.u64("a length")?),
        }))
    }
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// Gives a number to neighbors, for the records that follow.
    Select {
        /// The number.
        id: u32,
        /// The neighbors.
        selection: Selection<'a>,
    },
    /// Routes were announced.
    Announce {
        /// Who announced them.
        owner: &'a str,
        /// The number of the neighbors.
        selection: u32,
        /// The lease of each.
        lease: Option<Lease>,
        /// Their attributes: see [`decode_attributes`](super::decode_attributes).
        attributes: &'a [u8],
        /// The routes.
        routes: Routes<'a>,
    },
    /// Routes were withdrawn, or have ended.
    Withdraw {
        /// Who withdrew them.
        owner: &'a str,
        /// The number of the neighbors.
        selection: u32,
        /// The routes.
        routes: Routes<'a>,
    },
    /// All routes of neighbors are gone.
    Forget {
        /// The number of the neighbors.
        selection: u32,
    },
    /// A set was declared.
    Revision {
        /// The name of the set.
        set: &'a str,
        /// The helper that declared it; empty for an operator.
        speaker: &'a str,
        /// Its revision, if it has one.
        revision: Option<u64>,
    },
    /// A watchdog group of the configuration was announced or withdrawn.
    Switch {
        /// Who did that.
        owner: &'a str,
        /// The number of the neighbors.
        selection: u32,
        /// Whether it was announced.
        announced: bool,
        /// The name of the group.
        name: &'a str,
    },
    /// A kind that this version does not know.
    Unknown(u8),
}

/// The routes of a record, of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes<'a> {
    /// Their family.
    pub family: Family,
    bytes: &'a [u8],
}

impl<'a> Iterator for Routes<'a> {
    type Item = Result<NlriRef<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let mut r = Reader::new(self.bytes);
        let route = route(self.family, &mut r);
        // After an error nothing can be found any more.
        self.bytes = if route.is_ok() { r.rest() } else { &[] };
        Some(route)
    }
}

fn route<'a>(family: Family, r: &mut Reader<'a>) -> Result<NlriRef<'a>, WireError> {
    let path_id = match r.u8("whether there is a path identifier")? {
        0 => None,
        _ => Some(r.u32("a path identifier")?),
    };
    let length = r.u16("the length of a route")?;
    NlriRef::whole(family, path_id, r.take(length.into(), "a route")?)
}

/// The records of a frame's payload.
#[derive(Clone, Debug)]
pub struct Records<'a>(&'a [u8]);

impl<'a> Records<'a> {
    /// Those of `payload`.
    pub const fn new(payload: &'a [u8]) -> Self {
        Self(payload)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let mut r = Reader::new(self.0);
        match body(&mut r) {
            Ok((kind, mut body)) => {
                self.0 = r.rest();
                Some(record(kind, &mut body))
            }
            Err(error) => {
                self.0 = &[];
                Some(Err(error))
            }
        }
    }
}

fn body<'a>(r: &mut Reader<'a>) -> Result<(u8, Reader<'a>), WireError> {
    let kind = r.u8("the kind of a record")?;
    let length = usize::try_from(r.u32("the length of a record")?).unwrap_or(usize::MAX);
    Ok((kind, r.sub(length, "a record")?))
}

fn record<'a>(kind: u8, r: &mut Reader<'a>) -> Result<Record<'a>, WireError> {
    Ok(match kind {
        SELECT => Record::Select {
            id: r.u32("a number")?,
            selection: selection(r)?,
        },
        ANNOUNCE => Record::Announce {
            owner: text(r)?,
            selection: r.u32("a number")?,
            lease: Lease::decode(r)?,
            attributes: {
                let length = usize::try_from(r.u32("a length")?).unwrap_or(usize::MAX);
                r.take(length, "attributes")?
            },
            routes: routes(r)?,
        },
        WITHDRAW => Record::Withdraw {
            owner: text(r)?,
            selection: r.u32("a number")?,
            routes: routes(r)?,
        },
        FORGET => Record::Forget {
            selection: r.u32("a number")?,
        },
        REVISION => Record::Revision {
            set: text(r)?,
            speaker: text(r)?,
            revision: match r.u8("whether there is a revision")? {
                0 => None,
                _ => Some(r.u64("a revision")?),
            },
        },
        SWITCH => Record::Switch {
            owner: text(r)?,
            selection: r.u32("a number")?,
            announced: r.u8("whether it is announced")? != 0,
            name: text(r)?,
        },
        kind => Record::Unknown(kind),
    })
}

fn selection<'a>(r: &mut Reader<'a>) -> Result<Selection<'a>, WireError> {
    let selector = match r.u8("whether there is a selector")? {
        0 => None,
        _ => Some(text(r)?),
    };
    let mut names = Vec::new();
    while !r.is_empty() {
        names.push(text(r)?);
    }
    Ok(Selection { selector, names })
}

fn routes<'a>(r: &mut Reader<'a>) -> Result<Routes<'a>, WireError> {
    Ok(Routes {
        family: Family::new(r.u16("an AFI")?, r.u8("a SAFI")?),
        bytes: r.rest(),
    })
}

fn text<'a>(r: &mut Reader<'a>) -> Result<&'a str, WireError> {
    let length = usize::try_from(r.u32("the length of a text")?).unwrap_or(usize::MAX);
    let bytes = r.take(length, "a text")?;
    str::from_utf8(bytes).map_err(|_| r.error("a text in UTF-8"))
}
