//! Packs changes of routes into UPDATEs on the thread that reads the archive.
//!
//! Attributes are encoded once for the session, and sorted by number, so that no attribute set outlives its encoding. The queue to
//! the session holds pieces of some tens of kilobytes, whatever the size of a batch.

use std::ops::{ControlFlow, Range};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::routes::{Counts, Planned, Sink};
use crate::bgp::nlri::labeled;
use crate::bgp::{AttributeSet, Family, Nlri, Sender};
use crate::rib::pack::{Envelope, Pieces};

/// Bytes of messages that are passed on together.
const CHUNK: usize = 64 << 10;

/// Whole messages, and when they are due after the first.
pub(super) struct Batch {
    pub(super) due: Option<Duration>,
    pub(super) messages: Bytes,
}

/// Attributes that are encoded for the session.
struct Encoded {
    family: Family,
    bytes: Range<usize>,
    envelope: Envelope,
}

/// Packs changes for a session.
pub(super) struct Packer {
    sender: Sender,
    batches: mpsc::Sender<Batch>,
    /// The bytes of `sets`.
    bytes: Vec<u8>,
    sets: Vec<Encoded>,
    /// The changes of a batch, sorted: number of the set, place in the batch.
    order: Vec<(u32, u32)>,
    /// Routes of one set.
    nlri: Vec<u8>,
    ends: Vec<usize>,
    chunk: Vec<u8>,
}

impl Packer {
    pub(super) const fn new(sender: Sender, batches: mpsc::Sender<Batch>) -> Self {
        Self {
            sender,
            batches,
            bytes: Vec::new(),
            sets: Vec::new(),
            order: Vec::new(),
            nlri: Vec::new(),
            ends: Vec::new(),
            chunk: Vec::new(),
        }
    }

    /// Adds a route to those of a set, with these wire bytes.
    fn collect(&mut self, nlri: &Nlri, bytes: &[u8]) {
        if self.sender.codec.add_path_send.contains(nlri.family) {
            let id = nlri.path_id.unwrap_or(0);
            self.nlri.extend_from_slice(&id.to_be_bytes());
        }
        self.nlri.extend_from_slice(bytes);
        self.ends.push(self.nlri.len());
    }

    /// Writes messages with the routes that are collected.
    fn write(
        &mut self,
        set: &Encoded,
        due: Option<Duration>,
        counts: &mut Counts,
    ) -> ControlFlow<()> {
        let ends = std::mem::take(&mut self.ends);
        let around = (&set.envelope, set.bytes.len());
        let mut pieces = Pieces::new(&ends, (set.family, &self.sender), around);
        let mut flow = ControlFlow::Continue(());
        while let Some(piece) = pieces.next_piece() {
            match piece {
                Ok(range) => {
                    let attributes = &self.bytes[set.bytes.clone()];
                    set.envelope
                        .message(&mut self.chunk, attributes, &self.nlri[range]);
                    if self.chunk.len() >= CHUNK {
                        flow = Self::pass(&mut self.chunk, due, &self.batches);
                        if flow.is_break() {
                            break;
                        }
                    }
                }
                Err((_, refusal)) => {
                    counts.announced = counts.announced.saturating_sub(1);
                    counts.refuse(1, || refusal.to_string());
                }
            }
        }
        self.ends = ends;
        self.ends.clear();
        self.nlri.clear();
        flow
    }

    /// Passes on the messages that are written.
    fn pass(
        chunk: &mut Vec<u8>,
        due: Option<Duration>,
        batches: &mpsc::Sender<Batch>,
    ) -> ControlFlow<()> {
        let messages = Bytes::copy_from_slice(chunk);
        chunk.clear();
        match batches.blocking_send(Batch { due, messages }) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// Writes withdrawals, which precede announcements.
    fn withdraw(
        &mut self,
        due: Option<Duration>,
        changes: &[Planned<u32>],
        counts: &mut Counts,
    ) -> ControlFlow<()> {
        let gone = || changes.iter().filter(|change| change.attributes.is_none());
        let mut families: Vec<Family> = Vec::new();
        for change in gone() {
            if !families.contains(&change.nlri.family) {
                families.push(change.nlri.family);
            }
        }
        for family in families {
            for change in gone().filter(|change| change.nlri.family == family) {
                let nlri = &change.nlri;
                let written = labeled::withdrawal(family, &nlri.bytes);
                self.collect(nlri, written.as_ref().unwrap_or(&nlri.bytes));
            }
            let start = self.bytes.len();
            let envelope = Envelope::withdraw(None, (family, &self.sender), &mut self.bytes);
            let bytes = start..self.bytes.len();
            let set = Encoded {
                family,
                bytes,
                envelope,
            };
            let flow = self.write(&set, due, counts);
            self.bytes.truncate(start);
            flow?;
        }
        ControlFlow::Continue(())
    }

    /// Writes announcements, those with equal attributes together.
    fn announce(
        &mut self,
        due: Option<Duration>,
        changes: &[Planned<u32>],
        counts: &mut Counts,
    ) -> ControlFlow<()> {
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        for (at, change) in (0..).zip(changes) {
            order.extend(change.attributes.map(|set| (set, at)));
        }
        // Routes of a table come nearly in this order.
        order.sort_unstable();
        let sets = std::mem::take(&mut self.sets);
        let mut flow = ControlFlow::Continue(());
        for group in order.chunk_by(|left, right| left.0 == right.0) {
            for (_, at) in group {
                let nlri = &changes[*at as usize].nlri;
                self.collect(nlri, &nlri.bytes);
            }
            flow = self.write(&sets[group[0].0 as usize], due, counts);
            if flow.is_break() {
                break;
            }
        }
        (self.sets, self.order) = (sets, order);
        flow
    }
}

impl Sink for Packer {
    type Attributes = u32;

    fn make(&mut self, set: AttributeSet, family: Family) -> Result<u32, String> {
        let number = u32::try_from(self.sets.len()).map_err(|error| error.to_string())?;
        let start = self.bytes.len();
        match Envelope::announce(&set, (family, &self.sender), &mut self.bytes) {
            Ok(envelope) => {
                self.sets.push(Encoded {
                    family,
                    bytes: start..self.bytes.len(),
                    envelope,
                });
                Ok(number)
            }
            Err(error) => {
                self.bytes.truncate(start);
                Err(error.to_string())
            }
        }
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.sets.len() * size_of::<Encoded>()
    }

    fn forget(&mut self) {
        self.bytes.clear();
        self.sets.clear();
    }

    fn take(
        &mut self,
        due: Option<Duration>,
        changes: &[Planned<u32>],
        counts: &mut Counts,
    ) -> ControlFlow<()> {
        self.withdraw(due, changes, counts)?;
        self.announce(due, changes, counts)?;
        match self.chunk.is_empty() {
            true => ControlFlow::Continue(()),
            false => Self::pass(&mut self.chunk, due, &self.batches),
        }
    }
}
