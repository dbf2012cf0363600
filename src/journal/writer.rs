//! Records → frames. Routes that follow each other and differ in nothing else share a record.

use std::rc::Rc;

use super::attributes::encode_attributes;
use super::frame::checksum;
use super::record::{ANNOUNCE, FORGET, Lease, REVISION, SELECT, SWITCH, Selection, WITHDRAW};
use crate::bgp::{AttributeSet, Family, NlriRef};
use crate::wire::Writer;

/// The bytes in front of the payload.
const HEAD: usize = 8;

/// What the routes of one record have in common.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// Who announces them.
    pub owner: Rc<str>,
    /// The number of the neighbors: see [`FrameWriter::select`].
    pub selection: u32,
    /// The lease of each.
    pub lease: Option<Lease>,
    /// Their attributes.
    pub attributes: Rc<AttributeSet>,
}

/// The record that is being written.
#[derive(Debug)]
enum Open {
    Announce(Announcement, Family),
    Withdraw(Rc<str>, u32, Family),
}

/// Collects records, and makes a frame of them.
#[derive(Debug, Default)]
pub struct FrameWriter {
    out: Vec<u8>,
    open: Option<Open>,
    /// Where the length of the open record is.
    length_at: usize,
}

impl FrameWriter {
    /// Returns `true` if there is nothing to write.
    pub const fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Gives a number to neighbors.
    pub fn select(&mut self, id: u32, selection: &Selection<'_>) {
        self.record(SELECT, |w| {
            w.u32(id);
            w.u8(u8::from(selection.selector.is_some()));
            selection.selector.iter().for_each(|one| text(one, w));
            selection.names.iter().for_each(|name| text(name, w));
        });
        self.close();
    }

    /// Adds an announced route. Returns `false`, with nothing added, if the attributes have no form in a journal.
    pub fn announce(&mut self, what: &Announcement, nlri: NlriRef<'_>) -> bool {
        let continues = matches!(&self.open, Some(Open::Announce(last, family))
            if *family == nlri.family
                && Rc::ptr_eq(&last.attributes, &what.attributes)
                && last.selection == what.selection
                && last.lease == what.lease
                && last.owner == what.owner);
        if !continues {
            let mut attributes = Vec::new();
            if !encode_attributes(&what.attributes, &mut attributes) {
                return false;
            }
            self.record(ANNOUNCE, |w| {
                text(&what.owner, w);
                w.u32(what.selection);
                Lease::encode(what.lease, w);
                w.u32(u32::try_from(attributes.len()).unwrap_or(u32::MAX));
                w.bytes(&attributes);
                family(nlri.family, w);
            });
            self.open = Some(Open::Announce(what.clone(), nlri.family));
        }
        self.route(nlri);
        true
    }

    /// Adds a withdrawn route.
    pub fn withdraw(&mut self, owner: &Rc<str>, selection: u32, nlri: NlriRef<'_>) {
        let continues = matches!(&self.open, Some(Open::Withdraw(last, number, family))
            if *family == nlri.family && *number == selection && last == owner);
        if !continues {
            self.record(WITHDRAW, |w| {
                text(owner, w);
                w.u32(selection);
                family(nlri.family, w);
            });
            self.open = Some(Open::Withdraw(Rc::clone(owner), selection, nlri.family));
        }
        self.route(nlri);
    }

    /// Adds that all routes of neighbors are gone.
    pub fn forget(&mut self, selection: u32) {
        self.record(FORGET, |w| w.u32(selection));
        self.close();
    }

    /// Adds that a helper, or with an empty name an operator, has declared a set.
    pub fn revision(&mut self, (set, speaker): (&str, &str), revision: Option<u64>) {
        self.record(REVISION, |w| {
            text(set, w);
            text(speaker, w);
            w.u8(u8::from(revision.is_some()));
            revision.iter().for_each(|number| w.u64(*number));
        });
        self.close();
    }

    /// Adds that a watchdog group of neighbors was announced or withdrawn.
    pub fn switch(&mut self, owner: &str, selection: u32, (name, announced): (&str, bool)) {
        self.record(SWITCH, |w| {
            text(owner, w);
            w.u32(selection);
            w.u8(u8::from(announced));
            text(name, w);
        });
        self.close();
    }

    /// Takes the frame of all records since the last call; empty if there are none.
    pub fn take(&mut self) -> Vec<u8> {
        self.close();
        let mut out = std::mem::take(&mut self.out);
        if let Some((head, payload)) = out.split_at_mut_checked(HEAD) {
            let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            let length = length.to_be_bytes();
            head[..4].copy_from_slice(&length);
            head[4..].copy_from_slice(&checksum(&[&length, payload]).to_be_bytes());
        }
        out
    }

    fn record(&mut self, kind: u8, body: impl FnOnce(&mut Writer<'_>)) {
        self.close();
        if self.out.is_empty() {
            self.out.resize(HEAD, 0);
        }
        self.out.push(kind);
        self.length_at = self.out.len();
        self.out.extend([0; 4]);
        body(&mut Writer::new(&mut self.out));
        self.put_length();
    }

    fn route(&mut self, nlri: NlriRef<'_>) {
        let mut w = Writer::new(&mut self.out);
        w.u8(u8::from(nlri.path_id.is_some()));
        nlri.path_id.iter().for_each(|path| w.u32(*path));
        w.len16(|w| w.bytes(nlri.bytes));
    }

    /// Ends the open record.
    fn close(&mut self) {
        if self.open.take().is_some() {
            self.put_length();
        }
    }

    fn put_length(&mut self) {
        let body = self.length_at + 4;
        let length = u32::try_from(self.out.len() - body).unwrap_or(u32::MAX);
        self.out[self.length_at..body].copy_from_slice(&length.to_be_bytes());
    }
}

fn text(text: &str, w: &mut Writer<'_>) {
    w.u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
    w.bytes(text.as_bytes());
}

fn family(family: Family, w: &mut Writer<'_>) {
    w.u16(family.afi.0);
    w.u8(family.safi.0);
}
