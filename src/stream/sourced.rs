//! Elems that know their record.

use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use super::Elem;
use super::address::ip_text;
use super::block::ElemKind;
use super::format::route;
use super::record::{Origin, Position, Record, RecordKind};

/// An elem with what pybgpstream's elems pass on of their records: what [`Stream::elems`](super::Stream::elems) gives.
///
/// It is an [`Elem`], too; [`into_elem`](Self::into_elem) gives that alone. `Display` is pybgpstream's `str(elem)`.
#[derive(Clone, Debug)]
pub struct SourcedElem {
    elem: Elem,
    /// Where the record comes from.
    pub source: Arc<Origin>,
    /// Whether the record is part of a table or of messages: pybgpstream's `record_type`.
    pub record_kind: RecordKind,
    /// Where in its dump the record stands: pybgpstream's `dump_position`.
    pub dump_position: Position,
}

impl SourcedElem {
    /// The elems of a record.
    pub fn of_record(record: Record) -> impl Iterator<Item = Self> {
        let (source, record_kind, dump_position) =
            (record.origin.clone(), record.kind, record.position);
        record.into_elems().into_iter().map(move |elem| Self {
            elem,
            source: source.clone(),
            record_kind,
            dump_position,
        })
    }

    /// Project: `ris`, `routeviews`; empty if unknown.
    pub fn project(&self) -> &str {
        &self.source.project
    }

    /// Collector: `rrc06`, `route-views.sg`; empty if unknown.
    pub fn collector(&self) -> &str {
        &self.source.collector
    }

    /// Router, which only BMP and OpenBMP tell; empty if unknown.
    pub fn router(&self) -> &str {
        &self.source.router
    }

    /// Address of the router.
    pub fn router_ip(&self) -> Option<IpAddr> {
        self.source.router_ip
    }

    /// When the dump was begun; 0 if unknown.
    pub fn dump_time(&self) -> u32 {
        self.source.dump_time
    }

    /// The elem alone.
    pub fn into_elem(self) -> Elem {
        self.elem
    }
}

impl Deref for SourcedElem {
    type Target = Elem;

    fn deref(&self) -> &Elem {
        &self.elem
    }
}

impl From<SourcedElem> for Elem {
    fn from(one: SourcedElem) -> Self {
        one.elem
    }
}

impl fmt::Display for SourcedElem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = Shown {
            elem: &self.elem,
            kind: self.record_kind,
            origin: &self.source,
        };
        shown.fmt(f)
    }
}

impl Record {
    /// The text of one of its elems as pybgpstream has it: `str(elem)`.
    pub fn display<'a>(&'a self, elem: &'a Elem) -> Shown<'a> {
        Shown {
            elem,
            kind: self.kind,
            origin: &self.origin,
        }
    }
}

/// An elem with its record, as pybgpstream prints it: see [`Record::display`].
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    elem: &'a Elem,
    kind: RecordKind,
    origin: &'a Origin,
}

impl fmt::Display for Shown<'_> {
    /// pybgpstream's `str(elem)`: 15 fields between bars, `None` where the elem has no such field. Communities are in the
    /// order of the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn named(text: &str) -> &str {
            if text.is_empty() { "None" } else { text }
        }
        let (elem, origin) = (self.elem, self.origin);
        let announced = matches!(elem.kind, ElemKind::Rib | ElemKind::Announcement);
        let field = |has: bool, text: Option<String>| match has {
            true => text.unwrap_or_default(),
            false => "None".to_owned(),
        };
        let is_state = elem.kind == ElemKind::PeerState;
        let prefix = elem.nlri.as_ref().map(|nlri| route::of(elem.kind, nlri));
        let communities: Vec<_> = elem.communities().iter().map(|one| one.numbers()).collect();
        write!(
            f,
            "{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
            self.kind.as_str(),
            elem.kind,
            elem.time,
            named(&origin.project),
            named(&origin.collector),
            named(&origin.router),
            field(origin.router_ip.is_some(), origin.router_ip.map(ip_text)),
            elem.peer_asn,
            field(true, elem.peer_address.map(ip_text)),
            field(prefix.is_some(), prefix),
            field(announced, elem.next_hop.address.map(ip_text)),
            field(announced, elem.as_path().map(|path| path.to_string())),
            field(announced, Some(communities.join(" "))),
            field(is_state, elem.old_state.map(|state| state.to_string())),
            field(is_state, elem.new_state.map(|state| state.to_string())),
        )
    }
}
