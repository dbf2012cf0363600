//! What a Kafka message holds: BMP, with or without OpenBMP headers, MRT records, or a message of RIS Live.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::{Buf as _, Bytes};

use crate::bmp::VERSION;
use crate::mrt::sniff::Peeked;
use crate::mrt::table_dump::PeerTable;
use crate::mrt::{Header, Timestamp, kind};
use crate::stream::record::{Origin, Status};

use super::super::arrival::{Arrival, Payload};
use super::super::bmp::Routers;
use super::super::bmp_file::{Unit, is_bmp, unit};
use super::super::rislive::RisLive;

/// Returns `true` if the bytes begin like JSON or BMP.
fn is_other(bytes: &[u8]) -> bool {
    matches!(
        bytes.first(),
        Some(&VERSION | b'{' | b' ' | b'\n' | b'\r' | b'\t')
    ) || is_bmp(bytes)
}

/// Reads messages. What is remembered is routers with their peers, and tables of peers.
pub(super) struct Contents {
    origin: Arc<Origin>,
    routers: Routers,
    ris_live: RisLive,
    /// What RIB records refer to, by partition.
    tables: HashMap<usize, Arc<PeerTable>>,
    /// What is left of the message.
    rest: Bytes,
    partition: usize,
    topic: Arc<str>,
    /// When the message was stored.
    stored: Timestamp,
    last: Timestamp,
}

impl Contents {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            routers: Routers::new(origin.clone()),
            ris_live: RisLive::new(origin.clone()),
            origin: Arc::new(origin),
            tables: HashMap::new(),
            rest: Bytes::new(),
            partition: 0,
            topic: Arc::default(),
            stored: Timestamp::default(),
            last: Timestamp::default(),
        }
    }

    /// The time of the last record, in seconds; `None` if that is only when it was stored.
    pub(super) fn own_time(&self) -> Option<u32> {
        (self.last != self.stored).then_some(self.last.seconds)
    }

    /// Returns `true` if nothing is left of the message.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Begins a message, stored at this time in milliseconds.
    pub(super) fn begin(
        &mut self,
        (partition, topic): (usize, Arc<str>),
        stored: i64,
        value: Bytes,
    ) {
        (self.partition, self.topic, self.rest) = (partition, topic, value);
        self.stored = match u64::try_from(stored) {
            Ok(ms @ 1..) => {
                let seconds = u32::try_from(ms / 1_000).unwrap_or(u32::MAX);
                let micros = u32::try_from(ms % 1_000 * 1_000).unwrap_or_default();
                Timestamp::new(seconds, micros)
            }
            _ => self.last,
        };
    }

    /// Reads the next part of the message.
    pub(super) fn step(&mut self, ready: &mut VecDeque<Arrival>) {
        match self.rest.first() {
            None => {}
            // The letters that other forms begin with may be the time of an MRT record.
            Some(_) if is_other(&self.rest) && Peeked::new(&self.rest[..]).is_mrt() => {
                self.archived(ready);
            }
            Some(b'{' | b' ' | b'\n' | b'\r' | b'\t') => {
                let line = std::mem::take(&mut self.rest);
                if let Some(arrival) = self.ris_live.read(&line) {
                    self.last = arrival.time;
                    ready.push_back(arrival);
                }
            }
            // As the time of an MRT record this would be in 1971.
            Some(&VERSION) => self.bmp(ready),
            Some(_) if is_bmp(&self.rest) => self.bmp(ready),
            Some(_) => self.archived(ready),
        }
    }

    fn archived(&mut self, ready: &mut VecDeque<Arrival>) {
        match self.mrt() {
            Ok(arrival) => ready.extend(arrival),
            Err(reason) => self.lost(reason, ready),
        }
    }

    fn bmp(&mut self, ready: &mut VecDeque<Arrival>) {
        match unit(&self.rest) {
            Unit::Whole {
                skip,
                header,
                total,
            } => {
                let message = self.rest.split_to(total);
                let time = (header, self.stored);
                self.last =
                    self.routers
                        .take(&self.topic, time, &message[skip..], &mut |arrival| {
                            ready.push_back(arrival);
                        });
            }
            Unit::Partial => self.lost("a BMP message that is cut short", ready),
            Unit::Bad(reason) => self.lost(reason, ready),
        }
    }

    /// An MRT record; `None` for a table of peers.
    fn mrt(&mut self) -> Result<Option<Arrival>, &'static str> {
        const NEITHER: &str = "expected BMP, MRT or a message of RIS Live";
        let head = self.rest.first_chunk().ok_or(NEITHER)?;
        let header = Header::parse(*head);
        if header.length > header.most() {
            return Err(NEITHER);
        }
        let end = usize::try_from(header.length).map_or(usize::MAX, |length| length + head.len());
        if self.rest.len() < end {
            return Err("an MRT record that is cut short");
        }
        let mut body = self.rest.split_to(end);
        body.advance(Header::SIZE);
        let mut micros = 0;
        if header.kind == kind::BGP4MP_ET && body.len() >= 4 {
            micros = body.get_u32();
        }
        let time = Timestamp::new(header.seconds, micros);
        self.last = time;
        if (header.kind, header.subtype) == (kind::TABLE_DUMP_V2, 1)
            && let Ok(table) = PeerTable::parse(&body)
        {
            self.tables.insert(self.partition, Arc::new(table));
            return Ok(None);
        }
        Ok(Some(Arrival {
            payload: Payload::Mrt {
                header,
                body,
                table: self.tables.get(&self.partition).cloned(),
            },
            ..Arrival::new(self.origin.clone(), time)
        }))
    }

    /// Reports that the rest of the message can't be read.
    fn lost(&mut self, reason: impl Into<String>, ready: &mut VecDeque<Arrival>) {
        let length = self.rest.len();
        self.rest.clear();
        let reason = format!("{} ({length} bytes are lost)", reason.into());
        ready.push_back(self.damaged(reason));
    }

    /// A record that reports damage.
    pub(super) fn damaged(&self, reason: impl Into<String>) -> Arrival {
        let time = if self.stored.seconds == 0 {
            self.last
        } else {
            self.stored
        };
        Arrival::damaged(self.origin.clone(), time, reason, None)
    }

    /// A record that reports that the brokers can't be read any further.
    pub(super) fn unreadable(&self, reason: impl Into<String>) -> Arrival {
        Arrival {
            status: Status::CorruptedSource,
            ..self.damaged(reason)
        }
    }
}
