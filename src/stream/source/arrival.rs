//! Records that are not MRT: one message of a router, a session or a feed, and the source that lends them.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use bytes::Bytes;

use crate::bgp::message::HEADER;
use crate::mrt::bgp4mp::{Direction, Message, Session, StateChange};
use crate::mrt::table_dump::PeerTable;
use crate::mrt::{Content, Header, Timestamp};
use crate::stream::attributes::Notes;
use crate::stream::block::View;
use crate::stream::decoder::{Decoder, Detection};
use crate::stream::record::{Origin, Reason, RecordKind, RecordRef, Status};

use super::contract::Source;

/// State of a session that is down (RFC 4271 section 8.2.2, numbered as in RFC 6396).
pub(super) const IDLE: u16 = 1;
/// State of a session that is up.
pub(super) const ESTABLISHED: u16 = 6;

/// Why a file counts as unreadable that ended without a single record, though it is not empty.
pub(super) const NO_RECORD: &str = "no record was found";

/// Records of several feeds that wait at most.
const JOINED: usize = 16;

/// A record that owns its bytes.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) origin: Arc<Origin>,
    pub(super) time: Timestamp,
    pub(super) status: Status,
    pub(super) damage: Option<String>,
    /// Offset and length in the file.
    pub(super) extent: Option<(u64, u64)>,
    pub(super) view: View,
    pub(super) payload: Payload,
    pub(super) notes: Notes,
    /// Whether every record counts as the first of its dump, as those of RIS Live do in bgpreader.
    pub(super) always_first: bool,
}

/// What a record that owns its bytes holds.
#[derive(Clone, Debug)]
pub(super) enum Payload {
    /// Neither routes nor states.
    Nothing,
    /// A change of a session's state.
    State(StateChange),
    /// A whole BGP message, header included, whose type and length were not checked.
    Message {
        session: Session,
        direction: Direction,
        asn4: bool,
        bytes: Bytes,
    },
    /// An MRT record that is not a peer table.
    Mrt {
        header: Header,
        /// What follows the header and the microseconds.
        body: Bytes,
        /// What a RIB record refers to.
        table: Option<Arc<PeerTable>>,
    },
}

impl Arrival {
    /// A valid record with nothing in it.
    pub(super) const fn new(origin: Arc<Origin>, time: Timestamp) -> Self {
        Self {
            origin,
            time,
            status: Status::Valid,
            damage: None,
            extent: None,
            view: View {
                rib: crate::stream::block::RibView::AdjInPre,
                distinguisher: None,
                originated: None,
                add_path: None,
            },
            payload: Payload::Nothing,
            notes: Notes::NONE,
            always_first: false,
        }
    }

    /// A record that cannot be read.
    pub(super) fn damaged(
        origin: Arc<Origin>,
        time: Timestamp,
        reason: impl Into<String>,
        extent: Option<(u64, u64)>,
    ) -> Self {
        Self {
            status: Status::CorruptedRecord,
            damage: Some(reason.into()),
            extent,
            ..Self::new(origin, time)
        }
    }

    /// The record, with its number and that among those that could be read.
    pub(super) fn as_record(&self, index: u64, parsed: u64) -> RecordRef<'_> {
        let (mut status, mut damage) = (self.status, self.damage.as_deref().map(Reason::Text));
        let (mut header, mut kind) = (None, RecordKind::Update);
        let mut notes = self.notes;
        let (body, content) = match &self.payload {
            Payload::Nothing => (&[][..], Content::Unsupported),
            Payload::State(change) => (&[][..], Content::State(*change)),
            Payload::Message {
                session,
                direction,
                asn4,
                bytes,
            } => {
                let (content, odd) = message(*session, *direction, *asn4, bytes);
                notes.add(odd);
                (&bytes[..], content)
            }
            Payload::Mrt {
                header: own, body, ..
            } => {
                (header, kind) = (Some(*own), RecordKind::of(own));
                let content = Content::parse(own, body).unwrap_or_else(|error| {
                    (status, damage) =
                        (Status::CorruptedRecord, Some(Reason::Expected(error.what)));
                    Content::Unsupported
                });
                if status == Status::Valid && matches!(content, Content::Unsupported) {
                    status = Status::UnsupportedRecord;
                }
                (&body[..], content)
            }
        };
        RecordRef {
            origin: &self.origin,
            kind,
            time: self.time,
            status,
            header,
            body,
            content,
            damage,
            view: self.view,
            index: if self.always_first { 0 } else { index },
            parsed,
            extent: self.extent,
            notes,
        }
    }

    const fn kind(&self) -> RecordKind {
        match &self.payload {
            Payload::Mrt { header, .. } => RecordKind::of(header),
            _ => RecordKind::Update,
        }
    }
}

/// A message with the length of its header; bytes after that are trailing. If there are fewer, or if the header's length is
/// impossible, all of them are the message, with a note.
fn message(
    session: Session,
    direction: Direction,
    asn4: bool,
    bytes: &[u8],
) -> (Content<'_>, Notes) {
    let Some((header, body)) = bytes.split_first_chunk::<HEADER>() else {
        return (Content::Unsupported, Notes::MESSAGE_CUT);
    };
    let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
    let whole = length.checked_sub(HEADER).and_then(|end| body.get(..end));
    let notes = match whole {
        Some(_) => Notes::NONE,
        None => Notes::MESSAGE_CUT,
    };
    let whole = whole.unwrap_or(body);
    let message = Message {
        session,
        direction,
        asn4,
        add_path: false,
        message_type: header[18],
        body: whole,
        trailing: body.len() - whole.len(),
    };
    (Content::Message(message), notes)
}

/// A session with nothing but its addresses and AS numbers.
pub(super) const fn session(peer: (Option<IpAddr>, u32), local: (Option<IpAddr>, u32)) -> Session {
    Session {
        peer_asn: peer.1,
        local_asn: local.1,
        interface: 0,
        peer: peer.0,
        local: local.0,
    }
}

/// What makes records one after the other.
pub(super) trait Produce: Send {
    /// The next record; `None` at the end. May wait.
    fn produce(&mut self) -> Option<Arrival>;

    /// Whether looking for a following record never waits for anything but a file.
    fn is_file(&self) -> bool {
        false
    }
}

impl Produce for Box<dyn Produce> {
    fn produce(&mut self) -> Option<Arrival> {
        (**self).produce()
    }

    fn is_file(&self) -> bool {
        (**self).is_file()
    }
}

impl Produce for Receiver<Arrival> {
    fn produce(&mut self) -> Option<Arrival> {
        self.recv().ok()
    }
}

/// A feed that never ends by itself, started and waiting to be read.
///
/// Feeds are read as their records come, after all files, and none waits for another.
pub struct Live {
    producer: Box<dyn Produce>,
    detection: Detection,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

impl Live {
    pub(super) fn new(producer: impl Produce + 'static, detection: Detection) -> Self {
        Self {
            producer: Box::new(producer),
            detection,
        }
    }

    /// Several feeds as one source; `None` if there is none.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(crate) fn join(mut feeds: Vec<Self>) -> io::Result<Option<Box<dyn Source>>> {
        let Some(last) = feeds.pop() else {
            return Ok(None);
        };
        if feeds.is_empty() {
            return Ok(Some(Box::new(Arrivals::new(last.producer, last.detection))));
        }
        let detection = last.detection;
        feeds.push(last);
        let (sender, receiver) = sync_channel(JOINED);
        for mut feed in feeds {
            let sender = sender.clone();
            std::thread::Builder::new()
                .name("feed".into())
                .spawn(move || {
                    while let Some(arrival) = feed.producer.produce() {
                        if sender.send(arrival).is_err() {
                            return;
                        }
                    }
                })?;
        }
        Ok(Some(Box::new(Arrivals::new(receiver, detection))))
    }
}

/// A source of records that own their bytes.
pub(super) struct Arrivals<P> {
    producer: P,
    current: Option<Arrival>,
    /// The record after the current one, if it was looked for.
    following: Option<Option<Arrival>>,
    decoder: Decoder,
    index: u64,
    /// Number of the records before the current one that could be read.
    parsed: u64,
    is_parsed: bool,
    started: bool,
}

impl<P: Produce> Arrivals<P> {
    pub(super) fn new(producer: P, detection: Detection) -> Self {
        Self {
            producer,
            current: None,
            following: None,
            decoder: Decoder::new(detection),
            index: 0,
            parsed: 0,
            is_parsed: false,
            started: false,
        }
    }
}

impl<P: Produce> Source for Arrivals<P> {
    fn advance(&mut self) -> bool {
        if self.started {
            self.index += 1;
            self.parsed += u64::from(std::mem::take(&mut self.is_parsed));
        }
        self.started = true;
        self.current = match self.following.take() {
            Some(known) => known,
            None => self.producer.produce(),
        };
        self.current.is_some()
    }

    fn time(&self) -> Option<(Timestamp, RecordKind)> {
        let current = self.current.as_ref()?;
        Some((current.time, current.kind()))
    }

    fn current(&mut self) -> Option<(RecordRef<'_>, &mut Decoder)> {
        let current = self.current.as_ref()?;
        if let Payload::Mrt { table, .. } = &current.payload {
            self.decoder.set_peers(table.clone());
        }
        let record = current.as_record(self.index, self.parsed);
        self.is_parsed = record.is_parsed();
        Some((record, &mut self.decoder))
    }

    fn is_last(&mut self) -> bool {
        let first = self.current.as_ref().is_some_and(|one| one.always_first);
        if first || !self.producer.is_file() {
            return false;
        }
        if self.following.is_none() {
            self.following = Some(self.producer.produce());
        }
        matches!(self.following, Some(None))
    }
}
