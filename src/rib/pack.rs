//! Packs routes into UPDATE messages.
//!
//! Routes are collected in buckets of equal family, attributes and receivers, in the order of their first use. Each
//! bucket is then encoded as few messages as possible, withdrawals before announcements, never both in one (RFC 7606
//! section 5.1). ExaBGP packs only IPv4 unicast in this way; here it applies to every family, since all NLRI are
//! bytes. With `group-updates false` each route has its own message. Routes that do not fit in a message are rejected
//! and reported.

use std::ops::Range;
use std::rc::Rc;

use bytes::Bytes;
use hashbrown::HashTable;

use super::bucket::Bucket;
pub(crate) use super::bucket::{Item, Kind};
use super::peer_set_interner::PeerSetRef;
use super::route::{Action, Change};
use crate::bgp::attribute::encode::EncodeError;
use crate::bgp::attribute::{flags, mp_reach, mp_unreach};
use crate::bgp::message::{self, MessageType};
use crate::bgp::next_hop_rule::{NextHopError, resolve};
use crate::bgp::nlri::{is_known, labeled};
use crate::bgp::{AttributeSet, Family, Nlri, Safi, Sender, attribute};
use crate::wire::Writer;

/// Size of the header and the two length fields of an UPDATE.
const FRAME: usize = message::HEADER + 4;
/// Messages are passed on in chunks of about this many bytes.
const CHUNK: usize = 64 << 10;
/// A step stops collecting routes at about this many bytes of output...
const FULL: usize = 128 << 10;
/// ... of which each new bucket counts for as much as typical attributes.
const BUCKET_COST: usize = 64;
/// Number of buckets whose memory is kept for the next step...
const SPARE: usize = 1_024;
/// ... all but the first few of them only up to this size, in bytes of NLRI.
const SPARE_BYTES: usize = 4_096;
const SPARE_LARGE: usize = 16;

/// Why a route cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The route and its attributes do not fit in a message.
    #[error("the route needs a message of {size} bytes, and the session allows {limit}")]
    TooLong {
        /// Size in bytes of a message with this route alone.
        size: usize,
        /// Maximum message size of the session, in bytes.
        limit: usize,
    },
    /// The session cannot express it.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Receives packed messages and rejected routes.
pub(crate) trait Sink {
    /// Receives whole messages for `peers`.
    fn messages(&mut self, bytes: Bytes, peers: &PeerSetRef);
    /// Receives a route that cannot be sent.
    fn refused(&mut self, nlri: Nlri, peers: &PeerSetRef, refusal: Refusal);
}

/// Collects the routes of one step.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    buckets: Vec<Bucket>,
    /// Number of buckets in use; the others keep their memory.
    used: usize,
    index: HashTable<usize>,
    last: usize,
    cost: usize,
    attributes: Vec<u8>,
    scratch: Vec<u8>,
    parts: Vec<(u64, usize, usize)>,
    /// Messages that were not passed on yet.
    chunk: Vec<u8>,
    /// The receivers of `chunk`.
    receivers: PeerSetRef,
}

impl Packer {
    /// Returns `true` if enough routes are collected for one step.
    pub(crate) const fn is_full(&self) -> bool {
        self.cost >= FULL
    }

    /// Adds a route.
    pub(crate) fn add(&mut self, item: &Item<'_>) {
        if item.kind == Kind::Withdraw
            && let Some(bytes) = labeled::withdrawal(item.family, item.bytes)
        {
            let bytes = &bytes;
            return self.put(&Item { bytes, ..*item });
        }
        self.put(item);
    }

    fn put(&mut self, item: &Item<'_>) {
        let at = if self.buckets[..self.used]
            .get(self.last)
            .is_some_and(|bucket| bucket.takes(item))
        {
            self.last
        } else {
            self.bucket(item)
        };
        self.last = at;
        self.buckets[at].push(item);
        self.cost += item.bytes.len() + 4;
    }

    /// Packs all collected routes.
    pub(crate) fn finish(&mut self, sender: &Sender, sink: &mut dyn Sink) {
        let mut buckets = std::mem::take(&mut self.buckets);
        let used = std::mem::replace(&mut self.used, 0);
        // ExaBGP sorts what it packs together; routes with messages of their own are sent in the order of their
        // announcement.
        if sender.group_updates {
            for bucket in &mut buckets[..used] {
                bucket.sort(&mut self.scratch, &mut self.parts);
            }
        }
        for kind in [Kind::Withdraw, Kind::Announce] {
            for bucket in buckets[..used].iter().filter(|bucket| bucket.kind == kind) {
                self.pack(bucket, sender, sink);
            }
        }
        self.flush(sink);
        self.receivers = PeerSetRef::EMPTY;
        self.index.clear();
        self.last = 0;
        self.cost = 0;
        buckets.truncate(SPARE);
        for (at, bucket) in buckets.iter_mut().enumerate().take(used) {
            bucket.attributes = None;
            bucket.peers = PeerSetRef::EMPTY;
            bucket.nlri.clear();
            bucket.ends.clear();
            if at >= SPARE_LARGE && bucket.nlri.capacity() > SPARE_BYTES {
                (bucket.nlri, bucket.ends) = (Vec::new(), Vec::new());
            }
        }
        self.buckets = buckets;
    }

    /// The bucket for a route, created if there is none.
    fn bucket(&mut self, item: &Item<'_>) -> usize {
        let hash = item.hash();
        let buckets = &self.buckets;
        if let Some(at) = self.index.find(hash, |at| buckets[*at].takes(item)) {
            return *at;
        }
        let at = self.used;
        self.used += 1;
        self.cost += BUCKET_COST;
        let spare = self.buckets.get_mut(at);
        let (nlri, ends) = spare
            .map(|bucket| {
                (
                    std::mem::take(&mut bucket.nlri),
                    std::mem::take(&mut bucket.ends),
                )
            })
            .unwrap_or_default();
        let new = Bucket {
            kind: item.kind,
            family: item.family,
            attributes: item.attributes.map(Rc::clone),
            peers: item.peers.clone(),
            add_path: item.path_id.is_some(),
            hash,
            nlri,
            ends,
            sorted: true,
            last_start: 0,
        };
        match self.buckets.get_mut(at) {
            Some(spare) => *spare = new,
            None => self.buckets.push(new),
        }
        let buckets = &self.buckets;
        self.index.insert_unique(hash, at, |at| buckets[*at].hash);
        at
    }

    fn pack(&mut self, bucket: &Bucket, sender: &Sender, sink: &mut dyn Sink) {
        let mut refused = Vec::new();
        // Messages for the same peers are passed on together.
        if !self.receivers.is(&bucket.peers) {
            self.flush(sink);
            self.receivers = bucket.peers.clone();
        }
        self.attributes.clear();
        let about = (bucket.family, sender);
        let made = match (bucket.kind, bucket.attributes.as_deref()) {
            (Kind::Announce, Some(set)) => Envelope::announce(set, about, &mut self.attributes),
            (Kind::Announce, None) => Err(NextHopError::Missing.into()),
            (Kind::Withdraw, set) => Ok(Envelope::withdraw(set, about, &mut self.attributes)),
        };
        match made {
            Ok(envelope) => {
                let around = (&envelope, self.attributes.len());
                let (attributes, chunk) = (&self.attributes, &mut self.chunk);
                let receivers = &self.receivers;
                let mut pieces = Pieces::new(&bucket.ends, about, around);
                while let Some(piece) = pieces.next_piece() {
                    match piece {
                        Ok(range) => {
                            envelope.message(chunk, attributes, &bucket.nlri[range]);
                            if chunk.len() >= CHUNK {
                                sink.messages(Bytes::copy_from_slice(chunk), receivers);
                                chunk.clear();
                            }
                        }
                        Err(refusal) => refused.push(refusal),
                    }
                }
            }
            Err(error) => {
                refused.extend((0..bucket.ends.len()).map(|at| (at, Refusal::Encode(error))));
            }
        }
        for (at, refusal) in refused {
            sink.refused(bucket.get(at), &bucket.peers, refusal);
        }
    }

    fn flush(&mut self, sink: &mut dyn Sink) {
        if !self.chunk.is_empty() {
            sink.messages(Bytes::copy_from_slice(&self.chunk), &self.receivers);
            self.chunk.clear();
        }
    }
}

/// Where the NLRI are in a message.
#[derive(Clone, Debug)]
pub(crate) enum Envelope {
    /// Withdrawn routes of the body.
    Unreach,
    /// Announced routes of the body.
    Reach,
    /// In the attribute with that code, after these bytes.
    Mp(u8, Vec<u8>),
}

impl Envelope {
    /// That of announcements. Appends the other attributes, as they are encoded for the session.
    ///
    /// # Errors
    /// When the session cannot express them.
    pub(crate) fn announce(
        set: &AttributeSet,
        (family, sender): (Family, &Sender),
        attributes: &mut Vec<u8>,
    ) -> Result<Self, EncodeError> {
        let hop = resolve(family, set.next_hops(), sender).map_err(EncodeError::from)?;
        set.encode(attributes, sender, family)?;
        let Some(field) = hop.field else {
            return Ok(Self::Reach);
        };
        if set.generic(mp_reach::CODE).is_some() {
            return Err(EncodeError::TwoMpReach);
        }
        let mut start = family_bytes(family);
        start.push(u8::try_from(field.len()).unwrap_or(u8::MAX));
        start.extend_from_slice(&field);
        start.push(0);
        Ok(Self::Mp(mp_reach::CODE, start))
    }

    /// That of withdrawals. Appends the attributes that accompany them.
    pub(crate) fn withdraw(
        set: Option<&AttributeSet>,
        (family, sender): (Family, &Sender),
        attributes: &mut Vec<u8>,
    ) -> Self {
        if family == Family::IPV4_UNICAST {
            return Self::Unreach;
        }
        // RFC 4760 3: an UPDATE with MP_UNREACH_NLRI "is not required to carry any other path attributes"; ExaBGP adds those of
        // the route, except in unicast and multicast.
        let start = attributes.len();
        let none = AttributeSet::new(Vec::new());
        // RFC 7606 5.1: a message has no more than one of MP_REACH_NLRI and MP_UNREACH_NLRI. A withdrawal must not announce.
        let set = set.filter(|set| set.raw_reachability().is_none());
        if !matches!(family.safi, Safi::UNICAST | Safi::MULTICAST)
            && set
                .unwrap_or(&none)
                .encode(attributes, sender, family)
                .is_err()
        {
            attributes.truncate(start);
        }
        Self::Mp(mp_unreach::CODE, family_bytes(family))
    }

    /// Number of bytes besides attributes and NLRI, with the longer form of the attribute header.
    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::Unreach | Self::Reach => 0,
            Self::Mp(_, start) => 4 + start.len(),
        }
    }

    /// The most bytes of NLRI with which the header of the attribute is one byte shorter.
    pub(crate) const fn short(&self) -> usize {
        match self {
            Self::Unreach | Self::Reach => 0,
            Self::Mp(_, start) => 255_usize.saturating_sub(start.len()),
        }
    }

    /// Appends a message.
    pub(crate) fn message(&self, out: &mut Vec<u8>, attributes: &[u8], nlri: &[u8]) {
        message::encode(out, MessageType::UPDATE, |w| match self {
            Self::Unreach => {
                w.len16(|w| w.bytes(nlri));
                w.u16(0);
            }
            Self::Reach => {
                w.u16(0);
                w.len16(|w| w.bytes(attributes));
                w.bytes(nlri);
            }
            Self::Mp(code, start) => {
                w.u16(0);
                w.len16(|w| {
                    w.bytes(attributes);
                    attribute::encode(w, flags::OPTIONAL, *code, |w: &mut Writer<'_>| {
                        w.bytes(start);
                        w.bytes(nlri);
                    });
                });
            }
        });
    }
}

/// Splits NLRI into as few messages as possible.
pub(crate) struct Pieces<'a> {
    /// The end of each NLRI.
    ends: &'a [usize],
    fixed: usize,
    /// See [`Envelope::short`].
    short: usize,
    limit: usize,
    several: bool,
    at: usize,
}

impl<'a> Pieces<'a> {
    /// Those for a session, in that envelope beside so many bytes of attributes.
    pub(crate) fn new(
        ends: &'a [usize],
        (family, sender): (Family, &Sender),
        (envelope, attributes): (&Envelope, usize),
    ) -> Self {
        Self {
            ends,
            fixed: FRAME + attributes + envelope.len(),
            short: envelope.short(),
            limit: sender.codec.message_size(),
            // NLRI of an unknown family cannot be distinguished.
            several: sender.group_updates && is_known(family),
            at: 0,
        }
    }

    /// The bytes of the next message's NLRI, or the index of an NLRI that does not fit one and why.
    pub(crate) fn next_piece(&mut self) -> Option<Result<Range<usize>, (usize, Refusal)>> {
        let (at, ends) = (self.at, self.ends);
        let end = *ends.get(at)?;
        let start = if at == 0 { 0 } else { ends[at - 1] };
        let size = |nlri: usize| self.fixed + nlri - usize::from(nlri <= self.short && nlri > 0);
        let fits = |end: &usize| size(end - start) <= self.limit;
        let fit = if self.several {
            at + ends[at..].partition_point(fits)
        } else {
            at + usize::from(fits(&end))
        };
        if fit == at {
            self.at += 1;
            let (size, limit) = (size(end - start), self.limit);
            return Some(Err((at, Refusal::TooLong { size, limit })));
        }
        self.at = fit;
        Some(Ok(start..ends[fit - 1]))
    }
}

/// The messages that announce these changes to a peer, independent of any table.
///
/// # Errors
/// Returns an error for the first route that cannot be sent to this peer, or does not fit in a message.
pub fn messages(sender: &Sender, changes: &[Change]) -> Result<Vec<Bytes>, (Nlri, Refusal)> {
    struct Collect {
        messages: Vec<Bytes>,
        refused: Option<(Nlri, Refusal)>,
    }
    impl Sink for Collect {
        fn messages(&mut self, bytes: Bytes, _: &PeerSetRef) {
            self.messages.push(bytes);
        }

        fn refused(&mut self, nlri: Nlri, _: &PeerSetRef, refusal: Refusal) {
            self.refused.get_or_insert((nlri, refusal));
        }
    }
    let mut packer = Packer::default();
    for change in changes {
        let nlri = &change.nlri;
        let add_path = sender.codec.add_path_send.contains(nlri.family);
        let (kind, attributes) = match &change.action {
            Action::Announce(attributes) => (Kind::Announce, Some(attributes)),
            Action::Withdraw(attributes) => (Kind::Withdraw, attributes.as_ref()),
        };
        packer.add(&Item {
            kind,
            family: nlri.family,
            path_id: add_path.then_some(nlri.path_id.unwrap_or(0)),
            bytes: &nlri.bytes,
            attributes,
            peers: &PeerSetRef::EMPTY,
        });
    }
    let mut out = Collect {
        messages: Vec::new(),
        refused: None,
    };
    packer.finish(sender, &mut out);
    match out.refused {
        Some(refused) => Err(refused),
        None => Ok(out.messages),
    }
}

/// The End-of-RIB marker of a family (RFC 4724 section 2).
pub fn end_of_rib(family: Family) -> Bytes {
    let mut out = Vec::with_capacity(30);
    message::encode(&mut out, MessageType::UPDATE, |w| {
        w.u16(0);
        if family == Family::IPV4_UNICAST {
            w.u16(0);
        } else {
            // ExaBGP always uses the extended length here.
            w.len16(|w| {
                attribute::encode(
                    w,
                    flags::OPTIONAL | flags::EXTENDED,
                    mp_unreach::CODE,
                    |w| {
                        w.bytes(&family_bytes(family));
                    },
                );
            });
        }
    });
    out.into()
}

/// BoRR (subtype 1) or EoRR (subtype 2) of a family (RFC 7313 section 4).
pub(crate) fn refresh_mark(family: Family, subtype: u8) -> Bytes {
    let mut out = Vec::with_capacity(message::HEADER + 4);
    message::encode(&mut out, MessageType::ROUTE_REFRESH, |w| {
        w.u16(family.afi.0);
        w.u8(subtype);
        w.u8(family.safi.0);
    });
    out.into()
}

fn family_bytes(family: Family) -> Vec<u8> {
    let [high, low] = family.afi.0.to_be_bytes();
    vec![high, low, family.safi.0]
}
