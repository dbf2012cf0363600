//! Records of archives as changes of routes: what is left out, what is replaced, and when each is due.

use std::hash::BuildHasher;
use std::ops::ControlFlow;
use std::time::Duration;

use hashbrown::HashTable;

use super::memo::Memo;
use crate::bgp::attribute::as_path::{Segment, SegmentKind};
use crate::bgp::attribute::next_hop::NextHopAttribute;
use crate::bgp::next_hop_rule::is_unnegotiated_ipv6;
use crate::bgp::{
    Afi, Asn, Attribute, AttributeSet, Family, FamilySet, NextHop, Nlri, NlriRef, Severity,
};
use crate::cli::stream::Report;
use crate::mrt::Timestamp;
use crate::stream::attributes::{Attributes, Hop};
use crate::stream::{Block, ElemKind, Notes, Position, RecordRef, Route, Visitor};

/// Routes that are packed together: many, so that those with equal attributes share a message.
const BATCH: usize = 64 << 10;
/// Bytes of attributes that are remembered, in both forms. Neighboring routes of a table share theirs.
const REMEMBERED: usize = 8 << 20;
/// Messages within this time are sent together.
const TICK: u128 = 1;

/// How fast messages are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Speed {
    /// As fast as possible.
    Max,
    /// At this multiple.
    Times(f64),
}

/// What becomes of next hops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextHopRule {
    /// Nothing.
    Keep,
    /// This one, in routes of its address family; `self` in all.
    Set(NextHop),
}

/// What becomes of AS paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AsPathRule {
    /// Nothing.
    Keep,
    /// Our AS comes first.
    Prepend,
    /// Our AS takes the place of the first one, that of the collector's peer.
    Replace,
}

/// What becomes of routes.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) next_hop: NextHopRule,
    pub(super) as_path: AsPathRule,
    pub(super) local_as: Asn,
    pub(super) families: FamilySet,
    /// Path identifiers are kept.
    pub(super) path_ids: bool,
    /// IPv4 families whose routes may have IPv6 next hops (RFC 8950).
    pub(super) ipv6_hops: FamilySet,
    pub(super) speed: Speed,
}

/// A change of a route.
#[derive(Clone, Debug)]
pub(super) struct Planned<A> {
    pub(super) nlri: Nlri,
    /// Those of an announcement; `None` for a withdrawal.
    pub(super) attributes: Option<A>,
}

/// Takes changes of routes. Each batch has an NLRI once at most.
pub(super) trait Sink {
    /// Attributes in the form that the sink uses.
    type Attributes: Clone;

    /// The attributes of routes of a family in that form.
    ///
    /// # Errors
    /// Why routes with them can't be sent.
    fn make(&mut self, set: AttributeSet, family: Family) -> Result<Self::Attributes, String>;

    /// Bytes that all attributes of [`make`](Self::make) take.
    fn size(&self) -> usize;

    /// Drops them: none is used any more.
    fn forget(&mut self);

    /// Takes a batch that is due this long after the first message; `None` for at once. `Break` ends the replay.
    fn take(
        &mut self,
        due: Option<Duration>,
        changes: &[Planned<Self::Attributes>],
        counts: &mut Counts,
    ) -> ControlFlow<()>;
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) announced: u64,
    pub(super) withdrawn: u64,
    /// Routes of families that are not replayed, and further paths of a table.
    pub(super) left_out: u64,
    /// Routes that could not be sent, and why the first of them.
    pub(super) unusable: Option<(u64, String)>,
    /// What of the input could not be read.
    pub(super) input: Report,
    /// The replay ended before its end.
    pub(super) broken: bool,
}

impl Counts {
    /// Counts routes that can't be sent.
    pub(super) fn refuse(&mut self, count: usize, reason: impl FnOnce() -> String) {
        let (sum, _) = self.unusable.get_or_insert_with(|| (0, reason()));
        *sum += count as u64;
    }
}

/// Replays records into a sink.
pub(super) struct Replay<S: Sink> {
    rules: Rules,
    pub(super) sink: S,
    pub(super) counts: Counts,
    batch: Vec<Planned<S::Attributes>>,
    /// The routes of the batch, by their place in it; empty while they ascend, as those of a table do: then none is there twice.
    seen: HashTable<(u64, u32)>,
    state: foldhash::fast::RandomState,
    due: Option<Duration>,
    /// The time of the first message.
    first: Option<Timestamp>,
    known: Memo<Option<S::Attributes>>,
    /// What `known` is asked for.
    key: Vec<u8>,
    /// The last route of a table: further paths to it are left out.
    last: Option<Nlri>,
}

impl<S: Sink> Replay<S> {
    pub(super) fn new(rules: Rules, sink: S) -> Self {
        Self {
            rules,
            sink,
            counts: Counts::default(),
            batch: Vec::new(),
            seen: HashTable::new(),
            state: foldhash::fast::RandomState::default(),
            due: None,
            first: None,
            known: Memo::new(),
            key: Vec::new(),
            last: None,
        }
    }

    /// Passes on what is collected.
    pub(super) fn flush(&mut self) {
        if !self.batch.is_empty() && !self.counts.broken {
            let flow = self.sink.take(self.due, &self.batch, &mut self.counts);
            self.counts.broken = flow.is_break();
        }
        self.batch.clear();
        self.seen.clear();
    }

    /// Sets when the next changes are due.
    fn at(&mut self, time: Timestamp, kind: ElemKind) {
        let due = match self.rules.speed {
            _ if kind == ElemKind::Rib => None,
            Speed::Max => None,
            Speed::Times(factor) => {
                let first = *self.first.get_or_insert(time);
                let passed = (time.as_f64() - first.as_f64()).max(0.0) / factor;
                Duration::try_from_secs_f64(passed).ok()
            }
        };
        let tick = |due: Option<Duration>| due.map(|due| due.as_millis() / TICK);
        if tick(due) != tick(self.due) {
            self.flush();
            self.due = due;
        }
    }

    fn push(&mut self, change: Planned<S::Attributes>) {
        // A route that changes twice changes twice for the peer, too.
        if self.batch.len() >= BATCH || self.is_in_batch(&change.nlri) {
            self.flush();
        }
        if !self.seen.is_empty() {
            self.see(&change.nlri, self.batch.len());
        }
        self.batch.push(change);
    }

    /// Returns `true` if the batch has a change of this route.
    fn is_in_batch(&mut self, nlri: &Nlri) -> bool {
        let Some(last) = self.batch.last() else {
            return false;
        };
        if self.seen.is_empty() {
            if place(&last.nlri) < place(nlri) {
                return false;
            }
            let batch = std::mem::take(&mut self.batch);
            for (at, change) in batch.iter().enumerate() {
                self.see(&change.nlri, at);
            }
            self.batch = batch;
        }
        let (hash, batch) = (self.hash(nlri), &self.batch);
        let is = |(_, at): &(u64, u32)| batch[*at as usize].nlri == *nlri;
        self.seen.find(hash, is).is_some()
    }

    fn hash(&self, nlri: &Nlri) -> u64 {
        let fields = (nlri.family, nlri.path_id, &nlri.bytes[..]);
        self.state.hash_one(fields)
    }

    fn see(&mut self, nlri: &Nlri, at: usize) {
        let hash = self.hash(nlri);
        if let Ok(at) = u32::try_from(at) {
            self.seen.insert_unique(hash, (hash, at), |(hash, _)| *hash);
        }
    }

    /// The attributes as they are sent; `None` if they can't be.
    fn attributes(
        &mut self,
        attributes: &Attributes<'_>,
        (family, hop): (Family, Hop),
    ) -> Option<S::Attributes> {
        let key = &mut self.key;
        key.clear();
        key.extend_from_slice(attributes.raw);
        key.push(u8::from(attributes.asn4));
        key.extend_from_slice(&family.afi.0.to_be_bytes());
        key.push(family.safi.0);
        match hop.address {
            Some(std::net::IpAddr::V4(address)) => key.extend_from_slice(&address.octets()),
            Some(std::net::IpAddr::V6(address)) => key.extend_from_slice(&address.octets()),
            None => {}
        }
        if let Some(local) = hop.link_local {
            key.extend_from_slice(&local.octets());
        }
        let hash = match self.known.get(key) {
            Ok(known) => {
                if known.is_none() {
                    self.counts.refuse(1, String::new);
                }
                return known;
            }
            Err(hash) => hash,
        };
        if self.known.size() + self.sink.size() >= REMEMBERED {
            // What is collected refers to what is dropped.
            self.flush();
            self.known.clear();
            self.sink.forget();
        }
        let made = make(&self.rules, attributes, (family, hop))
            .map_err(str::to_owned)
            .and_then(|set| self.sink.make(set, family));
        let made = match made {
            Ok(made) => Some(made),
            Err(reason) => {
                self.counts.refuse(1, || reason);
                None
            }
        };
        self.known.insert(hash, &self.key, made.clone());
        made
    }

    fn announce(&mut self, block: &Block<'_>, route: Route<'_>) {
        let path_id = route.path_id.filter(|_| self.rules.path_ids);
        let nlri = Nlri::new(block.family, path_id, route.nlri);
        if block.kind == ElemKind::Rib {
            if self.last.as_ref() == Some(&nlri) {
                self.counts.left_out += 1;
                return;
            }
            self.last = Some(nlri.clone());
        }
        let Some(attributes) = block.attributes else {
            self.counts
                .refuse(1, || "they have no attributes".to_owned());
            return;
        };
        let Some(attributes) = self.attributes(attributes, (block.family, block.next_hop)) else {
            return;
        };
        self.counts.announced += 1;
        self.push(Planned {
            nlri,
            attributes: Some(attributes),
        });
    }
}

impl<S: Sink> Visitor for Replay<S> {
    fn record(&mut self, record: &RecordRef<'_>, _: Position) -> ControlFlow<()> {
        self.counts.input.note(record);
        if self.counts.broken {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn block<'b>(
        &mut self,
        record: &RecordRef<'_>,
        block: &Block<'_>,
        routes: impl Iterator<Item = Route<'b>>,
    ) {
        if block.kind == ElemKind::PeerState {
            return;
        }
        if !self.rules.families.contains(block.family) {
            self.counts.left_out += routes.count() as u64;
            return;
        }
        self.at(record.time, block.kind);
        for route in routes {
            if block.kind == ElemKind::Withdrawal {
                self.counts.withdrawn += 1;
                let path_id = route.path_id.filter(|_| self.rules.path_ids);
                let nlri = NlriRef {
                    path_id,
                    ..block.nlri(&route)
                };
                self.push(Planned {
                    nlri: nlri.to_nlri(),
                    attributes: None,
                });
            } else {
                self.announce(block, route);
            }
        }
    }

    fn end(&mut self, record: &RecordRef<'_>, notes: Notes) -> ControlFlow<()> {
        if notes.is_malformed() {
            self.counts.input.note_part(record, notes);
        }
        match self.counts.broken {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

/// Where a route is in the order of a table: by address, then by length.
fn place(nlri: &Nlri) -> (Family, &[u8], Option<&u8>, Option<u32>) {
    let (length, address) = nlri.bytes.split_first().unzip();
    (
        nlri.family,
        address.unwrap_or_default(),
        length,
        nlri.path_id,
    )
}

/// Applies the rules to attributes.
///
/// # Errors
/// Why routes can't be sent with them.
fn make(
    rules: &Rules,
    attributes: &Attributes<'_>,
    (family, hop): (Family, Hop),
) -> Result<AttributeSet, &'static str> {
    let decoded = attributes.decode().ok().filter(|set| {
        let error = set.error();
        error.is_none_or(|error| error.severity < Severity::TreatAsWithdraw)
    });
    let set = decoded.ok_or("their attributes are not valid")?;
    let mut list = set.into_list();
    list.retain(|attribute| !matches!(attribute, Attribute::NextHop(_)));
    for attribute in &mut list {
        if let Attribute::AsPath(path) = attribute {
            let mut segments = std::mem::take(path).into_segments();
            match (rules.as_path, segments.first_mut()) {
                (AsPathRule::Keep, _) => {}
                (AsPathRule::Replace, Some(first))
                    if first.kind == SegmentKind::Sequence && !first.asns.is_empty() =>
                {
                    first.asns[0] = rules.local_as;
                }
                _ => prepend(&mut segments, rules.local_as),
            }
            *path = segments.into_iter().collect();
        }
    }
    let kept = match (hop.address, hop.link_local) {
        (Some(std::net::IpAddr::V6(global)), Some(local)) => {
            Some(NextHop::V6LinkLocal(global, local))
        }
        (address, _) => address.map(NextHop::from),
    };
    let hop = match rules.next_hop {
        NextHopRule::Keep => kept,
        NextHopRule::Set(NextHop::SelfAddress) => Some(NextHop::SelfAddress),
        NextHopRule::Set(hop) => {
            let ipv6 = hop.address().is_some_and(|address| address.is_ipv6());
            match ipv6 == (family.afi == Afi::IPV6) {
                true => Some(hop),
                false => kept,
            }
        }
    };
    // Other families have theirs in MP_REACH_NLRI, and some need none.
    if hop.is_none() && family == Family::IPV4_UNICAST {
        return Err("they have no next hop");
    }
    if hop.is_some_and(|hop| is_unnegotiated_ipv6(family, hop, rules.ipv6_hops)) {
        return Err("the peer does not accept IPv6 next hops of IPv4 routes (RFC 8950)");
    }
    list.extend(hop.map(|hop| Attribute::NextHop(NextHopAttribute::new(hop))));
    Ok(AttributeSet::new(list))
}

fn prepend(path: &mut Vec<Segment>, asn: Asn) {
    match path.first_mut() {
        // RFC 4271 section 5.1.2: a segment has at most 255 AS numbers.
        Some(first) if first.kind == SegmentKind::Sequence && first.asns.len() < 255 => {
            first.asns = std::iter::once(asn)
                .chain(first.asns.iter().copied())
                .collect();
        }
        _ => path.insert(
            0,
            Segment {
                kind: SegmentKind::Sequence,
                asns: [asn].into(),
            },
        ),
    }
}
