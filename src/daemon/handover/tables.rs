//! The tables on their way to the next process: a sequence of records, each with its kind first.
//!
//! Attribute sets, sets of neighbors and texts are written once and numbered in the order in which they come.

use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

use super::codec::{Blob, Field, get_length, put_length};
use crate::bgp::{AttributeSet, Family, NextHop, Nlri, NlriRef};
use crate::journal::{decode_attributes, encode_attributes};
use crate::rib::{PeerId, PeerSet};
use crate::wire::{Reader, WireError};

const ATTRIBUTES: u8 = 1;
const PEERS: u8 = 2;
const TEXT: u8 = 3;
const ROUTE: u8 = 4;
const WITHDRAWAL: u8 = 5;
const LEASE: u8 = 6;
const RECEIVED: u8 = 7;
/// In place of a number: there is none.
const NONE: u32 = u32::MAX;

/// Writes records.
#[derive(Default)]
pub(super) struct TableWriter {
    pub(super) out: Vec<u8>,
    /// The sets, which are kept so that no other set gets the address of one.
    attributes: HashMap<*const AttributeSet, (Rc<AttributeSet>, u32)>,
    peers: Memo<PeerSet>,
    texts: Memo<Rc<str>>,
    /// A route whose attributes can't be written.
    pub(super) unwritable: Option<Nlri>,
}

/// Numbered values, and the last one, which the next is usually equal to.
struct Memo<T> {
    known: HashMap<T, u32>,
    last: Option<(T, u32)>,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            last: None,
        }
    }
}

impl<T: Clone + Eq + Hash> Memo<T> {
    /// The number of a value, and whether it is new.
    fn number(&mut self, value: &T) -> (u32, bool) {
        if let Some((last, number)) = &self.last
            && last == value
        {
            return (*number, false);
        }
        let next = u32::try_from(self.known.len()).unwrap_or(NONE);
        let (number, is_new) = match self.known.get(value) {
            Some(number) => (*number, false),
            None => {
                self.known.insert(value.clone(), next);
                (next, true)
            }
        };
        self.last = Some((value.clone(), number));
        (number, is_new)
    }
}

impl TableWriter {
    fn attributes(&mut self, set: Option<&Rc<AttributeSet>>, nlri: &Nlri) -> u32 {
        let Some(set) = set else { return NONE };
        if let Some((_, number)) = self.attributes.get(&Rc::as_ptr(set)) {
            return *number;
        }
        let number = u32::try_from(self.attributes.len()).unwrap_or(NONE);
        let mut bytes = Vec::new();
        if !encode_attributes(set, &mut bytes) {
            self.unwritable.get_or_insert_with(|| nlri.clone());
        }
        ATTRIBUTES.put(&mut self.out);
        Blob(bytes).put(&mut self.out);
        self.attributes
            .insert(Rc::as_ptr(set), (Rc::clone(set), number));
        number
    }

    fn peers(&mut self, peers: &PeerSet) -> u32 {
        let (number, is_new) = self.peers.number(peers);
        if is_new {
            PEERS.put(&mut self.out);
            put_length(peers.len(), &mut self.out);
            peers.iter().for_each(|peer| peer.0.put(&mut self.out));
        }
        number
    }

    fn text(&mut self, text: Option<&Rc<str>>) -> u32 {
        let Some(text) = text else { return NONE };
        let (number, is_new) = self.texts.number(text);
        if is_new {
            TEXT.put(&mut self.out);
            text.as_ref().to_owned().put(&mut self.out);
        }
        number
    }

    fn nlri(&mut self, nlri: NlriRef<'_>) {
        nlri.family.put(&mut self.out);
        nlri.path_id.put(&mut self.out);
        put_length(nlri.bytes.len(), &mut self.out);
        self.out.extend_from_slice(nlri.bytes);
    }

    /// A route that is announced to neighbors, of which some were not sent it.
    pub(super) fn route(
        &mut self,
        nlri: &Nlri,
        attributes: &Rc<AttributeSet>,
        (peers, unsent): (&PeerSet, &PeerSet),
    ) {
        let attributes = self.attributes(Some(attributes), nlri);
        let peers = self.peers(peers);
        let unsent = match unsent.is_empty() {
            true => NONE,
            false => self.peers(unsent),
        };
        ROUTE.put(&mut self.out);
        self.nlri(nlri.as_ref());
        (attributes, peers, unsent).put(&mut self.out);
    }

    /// A withdrawal that was not sent.
    pub(super) fn withdrawal(
        &mut self,
        nlri: &Nlri,
        attributes: Option<&Rc<AttributeSet>>,
        peers: &PeerSet,
    ) {
        let attributes = self.attributes(attributes, nlri);
        let peers = self.peers(peers);
        WITHDRAWAL.put(&mut self.out);
        self.nlri(nlri.as_ref());
        (attributes, peers).put(&mut self.out);
    }

    /// A recorded route.
    pub(super) fn lease(&mut self, leased: &crate::rib::Leased<'_>) {
        let attributes = self.attributes(leased.attributes, leased.nlri);
        let peers = self.peers(leased.peers);
        let owner = self.text(Some(leased.owner));
        let selector = self.text(leased.selector);
        LEASE.put(&mut self.out);
        self.nlri(leased.nlri.as_ref());
        (attributes, peers).put(&mut self.out);
        (owner, selector, leased.run).put(&mut self.out);
        (leased.length, leased.deadline).put(&mut self.out);
    }

    /// A received route.
    pub(super) fn received(&mut self, peer: PeerId, route: &crate::rib::ReceivedRoute<'_>) {
        let attributes = self.attributes(Some(route.attributes), &route.nlri);
        RECEIVED.put(&mut self.out);
        self.nlri(route.nlri.as_ref());
        (attributes, peer.0).put(&mut self.out);
        put_hop(route.next_hop, &mut self.out);
        (route.stale, route.since).put(&mut self.out);
    }
}

fn put_hop(hop: Option<NextHop>, out: &mut Vec<u8>) {
    match hop {
        None => 0u8.put(out),
        Some(NextHop::SelfAddress) => 1u8.put(out),
        Some(NextHop::V4(address)) => (2u8, std::net::IpAddr::from(address)).put(out),
        Some(NextHop::V6(address)) => (3u8, std::net::IpAddr::from(address)).put(out),
        Some(NextHop::V6LinkLocal(global, local)) => {
            let pair = (
                std::net::IpAddr::from(global),
                std::net::IpAddr::from(local),
            );
            (4u8, pair).put(out);
        }
    }
}

fn get_hop(r: &mut Reader<'_>) -> Result<Option<NextHop>, WireError> {
    use std::net::IpAddr::{self, V4, V6};
    Ok(Some(match u8::get(r)? {
        0 => return Ok(None),
        1 => NextHop::SelfAddress,
        4 => match <(IpAddr, IpAddr)>::get(r)? {
            (V6(global), V6(local)) => NextHop::V6LinkLocal(global, local),
            _ => return Err(r.error("a next hop")),
        },
        _ => match IpAddr::get(r)? {
            V4(address) => NextHop::V4(address),
            V6(address) => NextHop::V6(address),
        },
    }))
}

/// A record.
pub(super) enum Row<'a> {
    /// See [`TableWriter::route`].
    Route {
        nlri: NlriRef<'a>,
        attributes: Rc<AttributeSet>,
        peers: PeerSet,
        unsent: PeerSet,
    },
    /// See [`TableWriter::withdrawal`].
    Withdrawal {
        nlri: NlriRef<'a>,
        attributes: Option<Rc<AttributeSet>>,
        peers: PeerSet,
    },
    /// See [`TableWriter::lease`].
    Lease {
        nlri: NlriRef<'a>,
        attributes: Option<Rc<AttributeSet>>,
        peers: PeerSet,
        owner: Rc<str>,
        selector: Option<Rc<str>>,
        run: u64,
        length: Option<std::time::Duration>,
        deadline: Option<std::time::Duration>,
    },
    /// See [`TableWriter::received`].
    Received {
        nlri: NlriRef<'a>,
        attributes: Rc<AttributeSet>,
        peer: u32,
        next_hop: Option<NextHop>,
        stale: bool,
        since: u32,
    },
}

/// Reads records.
pub(super) struct TableReader<'a, F, G> {
    r: Reader<'a>,
    attributes: Vec<Rc<AttributeSet>>,
    peers: Vec<PeerSet>,
    texts: Vec<Rc<str>>,
    /// Keeps a set, and returns the one that equal sets share.
    share: F,
    /// The number that a neighbor has now.
    renumber: G,
}

impl<'a, F, G> TableReader<'a, F, G>
where
    F: FnMut(Rc<AttributeSet>) -> Rc<AttributeSet>,
    G: Fn(u32) -> Option<PeerId>,
{
    pub(super) const fn new(r: Reader<'a>, share: F, renumber: G) -> Self {
        Self {
            r,
            attributes: Vec::new(),
            peers: Vec::new(),
            texts: Vec::new(),
            share,
            renumber,
        }
    }

    /// The next record; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Row<'a>>, WireError> {
        while !self.r.is_empty() {
            match u8::get(&mut self.r)? {
                ATTRIBUTES => {
                    let length = get_length(&mut self.r)?;
                    let bytes = self.r.take(length, "attributes")?;
                    let set = (self.share)(Rc::new(decode_attributes(bytes)?));
                    self.attributes.push(set);
                }
                PEERS => {
                    let peers = Vec::<u32>::get(&mut self.r)?;
                    let now = peers.into_iter().filter_map(&self.renumber);
                    self.peers.push(now.collect());
                }
                TEXT => self.texts.push(String::get(&mut self.r)?.into()),
                kind => return self.row(kind).map(Some),
            }
        }
        Ok(None)
    }

    fn row(&mut self, kind: u8) -> Result<Row<'a>, WireError> {
        let nlri = self.nlri()?;
        Ok(match kind {
            ROUTE => Row::Route {
                nlri,
                attributes: self.some_attributes()?,
                peers: self.set()?.unwrap_or_default(),
                unsent: self.set()?.unwrap_or_default(),
            },
            WITHDRAWAL => Row::Withdrawal {
                nlri,
                attributes: self.set_of_attributes()?,
                peers: self.set()?.unwrap_or_default(),
            },
            LEASE => Row::Lease {
                nlri,
                attributes: self.set_of_attributes()?,
                peers: self.set()?.unwrap_or_default(),
                owner: self.text()?.ok_or_else(|| self.r.error("an owner"))?,
                selector: self.text()?,
                run: u64::get(&mut self.r)?,
                length: Field::get(&mut self.r)?,
                deadline: Field::get(&mut self.r)?,
            },
            RECEIVED => Row::Received {
                nlri,
                attributes: self.some_attributes()?,
                peer: u32::get(&mut self.r)?,
                next_hop: get_hop(&mut self.r)?,
                stale: bool::get(&mut self.r)?,
                since: u32::get(&mut self.r)?,
            },
            _ => return Err(self.r.error("a record of a known kind")),
        })
    }

    fn nlri(&mut self) -> Result<NlriRef<'a>, WireError> {
        let family = Family::get(&mut self.r)?;
        let path_id = Field::get(&mut self.r)?;
        let length = get_length(&mut self.r)?;
        NlriRef::whole(family, path_id, self.r.take(length, "a route")?)
    }

    fn index(&mut self) -> Result<Option<usize>, WireError> {
        let number = u32::get(&mut self.r)?;
        Ok((number != NONE).then_some(number as usize))
    }

    fn set_of_attributes(&mut self) -> Result<Option<Rc<AttributeSet>>, WireError> {
        let at = self.index()?;
        Ok(at.and_then(|at| self.attributes.get(at).cloned()))
    }

    fn some_attributes(&mut self) -> Result<Rc<AttributeSet>, WireError> {
        let set = self.set_of_attributes()?;
        set.ok_or_else(|| self.r.error("attributes"))
    }

    fn set(&mut self) -> Result<Option<PeerSet>, WireError> {
        let at = self.index()?;
        Ok(at.and_then(|at| self.peers.get(at).cloned()))
    }

    fn text(&mut self) -> Result<Option<Rc<str>>, WireError> {
        let at = self.index()?;
        Ok(at.and_then(|at| self.texts.get(at).cloned()))
    }
}
