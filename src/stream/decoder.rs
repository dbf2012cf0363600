//! From the content of a record to its blocks, with what is remembered of a source: the peer table, and who sends path
//! identifiers.

use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::bgp::attribute::{mp_reach, mp_unreach};
use crate::bgp::capability::Capability;
use crate::bgp::family::{Family, FamilySet};
use crate::bgp::message::open::Open;
use crate::bgp::message::update::Update;
use crate::mrt::bgp4mp::{Direction, Entry, Message, Session, StateChange};
use crate::mrt::content::attribute;
use crate::mrt::detect::{self, Certainty, Evidence};
use crate::mrt::table_dump::{PeerTable, Rib, TableDump};
use crate::mrt::{Content, Timestamp};
use crate::wire::Reader;

use super::attributes::{Attributes, Hop, Notes, Reach};
use super::block::{Block, ElemKind, RibView, Route, Routes, State, View, nlri_of, unreach};

/// Sessions that are remembered at most; beyond, detection works without memory.
const MOST_SESSIONS: usize = 65_536;

/// The view of a table of routes that were sent.
const SENT: &str = "adj-rib-out";

/// Whether path identifiers are looked for where the subtype promises none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detection {
    /// By the form of each field, by what the peer sent before, and by the OPENs in the archive.
    #[default]
    On,
    /// The subtype is believed.
    Off,
}

/// What is known of a session.
#[derive(Clone, Debug, Default)]
struct Facts {
    /// How sure it is that each side sends path identifiers, by family.
    seen: [SmallVec<[(Family, Certainty); 2]>; 2],
    /// The ADD-PATH families that each side's OPEN offers to send and to receive.
    offers: [Option<[FamilySet; 2]>; 2],
}

/// Makes blocks of contents.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    detection: Detection,
    peers: Option<Arc<PeerTable>>,
    sessions: HashMap<(Option<IpAddr>, Option<IpAddr>), Facts, foldhash::fast::RandomState>,
    /// What is known of the message besides its bytes.
    pub view: View,
}

impl Decoder {
    /// A decoder that knows no peer.
    pub fn new(detection: Detection) -> Self {
        Self {
            detection,
            ..Self::default()
        }
    }

    /// The peer table that RIB records refer to now.
    pub const fn peers(&self) -> Option<&Arc<PeerTable>> {
        self.peers.as_ref()
    }

    /// Uses this peer table for the RIB records that follow.
    pub fn set_peers(&mut self, peers: Option<Arc<PeerTable>>) {
        self.peers = peers;
    }

    /// Visits the blocks of a record in the order of its bytes: of an UPDATE withdrawn routes, MP_UNREACH_NLRI, NLRI,
    /// MP_REACH_NLRI. Returns what is odd about the record.
    pub fn blocks(&mut self, content: &Content<'_>, visit: &mut dyn FnMut(&Block<'_>)) -> Notes {
        match content {
            Content::PeerTable(body) => {
                self.peers = PeerTable::parse(body).ok().map(Arc::new);
                Notes::NONE
            }
            Content::Rib(rib) => self.rib(rib, visit),
            Content::TableDump(dump) => self.table_dump(*dump, visit),
            Content::Entry(entry) => self.entry(entry, visit),
            Content::Message(message) => self.message(message, visit),
            Content::State(change) => {
                self.state(change, visit);
                Notes::NONE
            }
            Content::Unsupported => Notes::NONE,
        }
    }

    /// Learns what [`blocks`](Self::blocks) would learn from a message whose blocks are not needed: OPENs, and who sends path
    /// identifiers.
    pub fn observe(&mut self, message: &Message<'_>) {
        match message.message_type {
            1 => return self.open(message),
            2 if !message.add_path && self.view.add_path.is_none() => {}
            _ => return,
        }
        if self.detection == Detection::Off {
            return;
        }
        let (update, _) = fields(message.body);
        // In the order of `update`: fields that contradict each other teach what the last one shows.
        let native = Family::IPV4_UNICAST;
        self.suspect(message, native, update.withdrawn);
        let mut has_reach = false;
        let mut r = Reader::new(update.attributes);
        while let Ok(one) = attribute(&mut r) {
            has_reach |= one.code == mp_reach::CODE;
            if one.code == mp_unreach::CODE
                && let Some((family, bytes)) = unreach(one.value)
            {
                self.suspect(message, family, bytes);
            }
        }
        self.suspect(message, native, update.nlri);
        let mut r = Reader::new(if has_reach { update.attributes } else { &[] });
        while let Ok(one) = attribute(&mut r) {
            if one.code == mp_reach::CODE
                && let Some(reach) = Reach::whole(one.value)
                && let Some(family) = reach.family
            {
                self.suspect(message, family, reach.nlri);
            }
        }
    }

    /// Looks for path identifiers in a field if it can have some.
    fn suspect(&mut self, message: &Message<'_>, family: Family, bytes: &[u8]) {
        // What can only be prefixes matters where path identifiers were seen.
        if !bytes.is_empty() && (!self.sessions.is_empty() || detect::may_have_ids(family, bytes)) {
            self.routes(message, family, bytes);
        }
    }

    fn block<'a>(&self, kind: ElemKind, family: Family, routes: Routes<'a>) -> Block<'a> {
        Block {
            kind,
            peer_asn: 0,
            peer: None,
            originated: self.view.originated,
            multiprotocol: false,
            family,
            routes,
            next_hop: Hop::default(),
            attributes: None,
            states: None,
            direction: Direction::Received,
            rib: self.view.rib,
            distinguisher: self.view.distinguisher,
            notes: Notes::NONE,
        }
    }

    fn rib(&self, rib: &Rib<'_>, visit: &mut dyn FnMut(&Block<'_>)) -> Notes {
        let mut notes = Notes::NONE;
        let peers = self.peers.as_ref().map_or(&[][..], |table| &table.peers);
        // The name that our daemon gives to tables of what it has sent.
        let sent = self.peers.as_ref().is_some_and(|table| table.view == SENT);
        let view = if sent {
            RibView::AdjOutPost
        } else {
            self.view.rib
        };
        let mut entries = rib.entries;
        for entry in &mut entries {
            let Ok(entry) = entry else {
                notes.add(Notes::ENTRIES_CUT);
                break;
            };
            let Some(peer) = peers.get(usize::from(entry.peer)) else {
                notes.add(Notes::UNKNOWN_PEER);
                continue;
            };
            let attributes = Attributes::new(entry.attributes, true);
            let route = Route {
                path_id: entry.path_id,
                nlri: rib.nlri,
            };
            let mut block = Block {
                peer_asn: peer.asn,
                peer: Some(peer.address),
                originated: Some(Timestamp::from_seconds(entry.originated)),
                rib: view,
                ..self.block(ElemKind::Rib, rib.family, Routes::One(route))
            };
            table_route(&mut block, &attributes);
            notes.add(block.notes);
            visit(&block);
        }
        if entries.remaining() > 0 && !notes.contains(Notes::ENTRIES_CUT) {
            notes.add(Notes::TRAILING_BYTES);
        }
        notes
    }

    fn table_dump(&self, dump: TableDump<'_>, visit: &mut dyn FnMut(&Block<'_>)) -> Notes {
        let mut notes = Notes::NONE;
        let asn4 = dump.asn4();
        for entry in dump {
            let Ok(entry) = entry else {
                notes.add(Notes::ENTRIES_CUT);
                break;
            };
            let attributes = Attributes::new(entry.attributes, asn4);
            let mut room = [0; 17];
            let length = nlri_of(entry.address, entry.length, &mut room);
            let route = Route {
                path_id: None,
                nlri: &room[..length],
            };
            let mut block = Block {
                peer_asn: entry.peer_asn,
                peer: Some(entry.peer),
                originated: Some(Timestamp::from_seconds(entry.originated)),
                ..self.block(ElemKind::Rib, entry.family, Routes::One(route))
            };
            table_route(&mut block, &attributes);
            notes.add(block.notes);
            visit(&block);
        }
        notes
    }

    fn entry(&self, entry: &Entry<'_>, visit: &mut dyn FnMut(&Block<'_>)) -> Notes {
        let attributes = Attributes::new(entry.attributes, false);
        let route = Route {
            path_id: None,
            nlri: entry.nlri,
        };
        let (peer_asn, peer) = neighbor(&entry.session, &attributes);
        let mut block = Block {
            peer_asn,
            peer,
            originated: Some(Timestamp::from_seconds(entry.originated)),
            ..self.block(ElemKind::Rib, entry.family, Routes::One(route))
        };
        table_route(&mut block, &attributes);
        match Hop::parse(entry.next_hop) {
            Some(hop) if hop.address.is_some() => block.next_hop = hop,
            Some(_) => {}
            None => block.notes.add(Notes::BAD_NEXT_HOP),
        }
        visit(&block);
        block.notes
    }

    fn state(&self, change: &StateChange, visit: &mut dyn FnMut(&Block<'_>)) {
        visit(&Block {
            peer_asn: change.session.peer_asn,
            peer: change.session.peer,
            states: Some((State(change.old), State(change.new))),
            ..self.block(ElemKind::PeerState, Family::IPV4_UNICAST, Routes::Empty)
        });
    }

    fn message(&mut self, message: &Message<'_>, visit: &mut dyn FnMut(&Block<'_>)) -> Notes {
        let mut notes = Notes::NONE;
        if message.trailing > 0 {
            notes.add(Notes::TRAILING_BYTES);
        }
        match message.message_type {
            1 => self.open(message),
            2 => notes.add(self.update(message, visit)),
            _ => {}
        }
        notes
    }

    fn update(&mut self, message: &Message<'_>, visit: &mut dyn FnMut(&Block<'_>)) -> Notes {
        let (update, cut) = fields(message.body);
        let attributes = Attributes::new(update.attributes, message.asn4);
        let mut notes = attributes.notes;
        if cut {
            notes.add(Notes::ATTRIBUTES_CUT);
        }
        notes.add(multiprotocol_notes(&attributes));
        let native = Family::IPV4_UNICAST;
        let mut give = |this: &mut Self, kind, family, bytes, hop: Option<Option<Hop>>| {
            let (routes, mut odd) = this.routes(message, family, bytes);
            let announced = kind == ElemKind::Announcement;
            let next_hop = match hop {
                Some(Some(hop)) => hop,
                Some(None) => {
                    odd.add(Notes::BAD_NEXT_HOP);
                    Hop::default()
                }
                None if announced => attributes.next_hop(),
                None => Hop::default(),
            };
            notes.add(odd);
            visit(&Block {
                peer_asn: message.session.peer_asn,
                peer: message.session.peer,
                multiprotocol: hop.is_some(),
                next_hop,
                attributes: announced.then_some(&attributes),
                direction: message.direction,
                notes,
                ..this.block(kind, family, routes)
            });
        };
        if !update.withdrawn.is_empty() {
            give(self, ElemKind::Withdrawal, native, update.withdrawn, None);
        }
        for (family, bytes) in attributes.unreaches().filter_map(unreach) {
            if !bytes.is_empty() {
                give(
                    self,
                    ElemKind::Withdrawal,
                    family,
                    bytes,
                    Some(Some(Hop::default())),
                );
            }
        }
        if !update.nlri.is_empty() {
            give(self, ElemKind::Announcement, native, update.nlri, None);
        }
        for reach in attributes.reaches().filter_map(Reach::whole) {
            if let Some(family) = reach.family
                && !reach.nlri.is_empty()
            {
                let hop = Hop::parse(reach.next_hop);
                give(self, ElemKind::Announcement, family, reach.nlri, Some(hop));
            }
        }
        notes
    }

    /// The routes in a field, with or without path identifiers.
    fn routes<'a>(
        &mut self,
        message: &Message<'_>,
        family: Family,
        bytes: &'a [u8],
    ) -> (Routes<'a>, Notes) {
        let mut notes = Notes::NONE;
        let mut add_path = message.add_path;
        if let Some(families) = &self.view.add_path {
            add_path = families.contains(family);
        } else if !add_path && self.detection == Detection::On {
            let evidence = detect::evidence(family, bytes);
            add_path = self.has_ids(message, family, bytes, evidence);
            if !add_path && evidence == Evidence::Plain && family.prefix_bits().is_some() {
                // The field was walked to its end.
                return (Routes::new(family, false, bytes), notes);
            }
            if add_path {
                notes.add(Notes::ADD_PATH_FOUND);
            }
        }
        let routes = Routes::new(family, add_path, bytes);
        if !routes.is_whole() {
            notes.add(Notes::BAD_PREFIX);
        }
        (routes, notes)
    }

    /// Whether a field under a subtype without path identifiers has some, by the OPENs or by its form; what the form shows is
    /// remembered.
    fn has_ids(
        &mut self,
        message: &Message<'_>,
        family: Family,
        bytes: &[u8],
        evidence: Evidence,
    ) -> bool {
        let side = usize::from(message.direction == Direction::Sent);
        let facts = self.facts(&message.session);
        if let Some(decided) = facts.and_then(|facts| facts.add_path(side, family)) {
            return decided;
        }
        let known = facts.map_or_else(Certainty::default, |facts| facts.certainty(side, family));
        let next = known.after(evidence);
        if next != known
            && let Some(facts) = self.facts_mut(&message.session)
        {
            facts.set_certainty(side, family, next);
        }
        detect::add_path(family, bytes, evidence, known)
    }

    fn facts(&self, session: &Session) -> Option<&Facts> {
        if self.sessions.is_empty() {
            return None;
        }
        self.sessions.get(&(session.peer, session.local))
    }

    fn facts_mut(&mut self, session: &Session) -> Option<&mut Facts> {
        let key = (session.peer, session.local);
        if self.sessions.len() >= MOST_SESSIONS && !self.sessions.contains_key(&key) {
            return None;
        }
        Some(self.sessions.entry(key).or_default())
    }

    fn open(&mut self, message: &Message<'_>) {
        if self.detection == Detection::Off {
            return;
        }
        let Ok(open) = Open::decode(message.body) else {
            return;
        };
        let mut offer = [FamilySet::EMPTY; 2];
        for capability in &open.capabilities {
            let Capability::AddPath(add_path) = capability else {
                continue;
            };
            for (family, mode) in &add_path.0 {
                if mode.0 & 2 != 0 {
                    offer[0].insert(*family);
                }
                if mode.0 & 1 != 0 {
                    offer[1].insert(*family);
                }
            }
        }
        // BIRD writes both OPENs as received; the peer's has the peer's AS.
        let own = open.speaker_as().0 == message.session.local_asn
            && message.session.local_asn != message.session.peer_asn;
        let side = usize::from(message.direction == Direction::Sent || own);
        if let Some(facts) = self.facts_mut(&message.session) {
            facts.offers[side] = Some(offer);
            facts.seen = Default::default();
        }
    }
}

impl Facts {
    fn certainty(&self, side: usize, family: Family) -> Certainty {
        let known = self.seen[side].iter().find(|(known, _)| *known == family);
        known.map_or_else(Certainty::default, |(_, certainty)| *certainty)
    }

    fn set_certainty(&mut self, side: usize, family: Family, certainty: Certainty) {
        match self.seen[side]
            .iter_mut()
            .find(|(known, _)| *known == family)
        {
            Some((_, known)) => *known = certainty,
            None => self.seen[side].push((family, certainty)),
        }
    }

    /// Whether the OPENs say that messages of `side` carry path identifiers; `None` if not both are known.
    fn add_path(&self, side: usize, family: Family) -> Option<bool> {
        let [sent, _] = self.offers[side]?;
        let [_, received] = self.offers[1 - side]?;
        Some(sent.contains(family) && received.contains(family))
    }
}

/// The neighbor of a BGP4MP_ENTRY. OpenBGPD, of which alone such tables are known, writes its own side first, against
/// the draft; a path that begins with the AS that stands first tells of another writer.
fn neighbor(session: &Session, attributes: &Attributes<'_>) -> (u32, Option<IpAddr>) {
    let first = attributes.path().and_then(|path| {
        let segment = path.segments().next()?;
        segment.asns().next()
    });
    let is_other = session.peer_asn != session.local_asn && first == Some(session.peer_asn);
    match is_other {
        true => (session.peer_asn, session.peer),
        false => (session.local_asn, session.local),
    }
}

/// Completes a route of a table by its attributes.
fn table_route<'a>(block: &mut Block<'a>, attributes: &'a Attributes<'a>) {
    block.notes = attributes.notes;
    block.next_hop = attributes.next_hop();
    if let Some(value) = attributes.reach {
        // An entry may have both: IPv6 counts MP_REACH_NLRI only, IPv4 with an IPv6 next hop does as well (RFC 8950).
        match Reach::of_table(value).map(|reach| Hop::parse(reach.next_hop)) {
            Some(Some(hop)) if hop.address.is_some() => block.next_hop = hop,
            Some(Some(_)) => {}
            _ => block.notes.add(Notes::BAD_NEXT_HOP),
        }
    }
    block.attributes = Some(attributes);
}

/// Whether an MP attribute of an UPDATE ends before its routes begin.
fn multiprotocol_notes(attributes: &Attributes<'_>) -> Notes {
    if attributes.reach.is_none() && attributes.unreach.is_none() {
        return Notes::NONE;
    }
    let bad_reach = attributes.reaches().any(|one| Reach::whole(one).is_none());
    if bad_reach || attributes.unreaches().any(|one| unreach(one).is_none()) {
        Notes::BAD_MP
    } else {
        Notes::NONE
    }
}

/// The fields of an UPDATE as far as they are whole, and whether one runs past the end.
fn fields(body: &[u8]) -> (Update<'_>, bool) {
    if let Ok(update) = Update::new(body) {
        return (update, false);
    }
    let take = |at: usize| -> (&[u8], usize) {
        let Some(length) = body.get(at..).and_then(<[u8]>::first_chunk) else {
            return (&[], body.len());
        };
        let from = at + 2;
        let to = (from + usize::from(u16::from_be_bytes(*length))).min(body.len());
        (body.get(from..to).unwrap_or_default(), to)
    };
    let (withdrawn, at) = take(0);
    let (attributes, _) = take(at);
    let update = Update {
        withdrawn,
        attributes,
        nlri: &[],
        body,
    };
    (update, true)
}
