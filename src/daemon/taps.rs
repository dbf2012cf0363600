//! Archives, monitoring stations and readers of records, as the sessions see them: where messages and states go besides helpers and tables.
//!
//! Nothing here waits, fails or ends a session.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::bgp::Severity;
use crate::bgp::message::update::Content;
use crate::bgp::message::{Direction, MessageType, RawMessage};
use crate::config::MrtTable;
use crate::fsm::CloseReason;
use crate::rib::{Action, Change, PeerId, PeerSet, pack};

use super::bmp::link::split;
use super::bmp::peer::Table;
use super::bmp::station::{self, Station};
use super::mrt::archive;
use super::mrt::live::LiveTap;
use super::mrt::updates::UpdatesTap;
use super::neighbor::Neighbor;
use super::phase::Phase;
use super::reencode;

/// The archives of messages and the monitoring stations.
#[derive(Default)]
pub(crate) struct Taps {
    archives: RefCell<Vec<Rc<UpdatesTap>>>,
    stations: RefCell<Vec<Rc<Station>>>,
    readers: RefCell<Vec<Rc<LiveTap>>>,
    /// Notified when a reader of records has left.
    pub(super) reader_left: Notify,
    /// What runs for them, to be ended with them.
    pub(super) tasks: RefCell<Tasks>,
}

/// Tasks of archives and stations.
#[derive(Default)]
pub(super) struct Tasks {
    /// Archives of tables; those without interval have no task.
    pub(super) tables: Vec<(MrtTable, Option<JoinHandle<()>>)>,
    /// Stations by their place.
    pub(super) stations: Vec<(Rc<Station>, JoinHandle<()>)>,
}

impl Taps {
    /// The archives of messages.
    pub(crate) fn archives(&self) -> Vec<Rc<UpdatesTap>> {
        self.archives.borrow().clone()
    }

    /// The archives of messages, as operators see them.
    pub(crate) fn shown_archives(&self) -> Vec<archive::Shown> {
        let archives = self.archives.borrow();
        archives.iter().map(|archive| archive.shown()).collect()
    }

    /// The monitoring stations, as operators see them.
    pub(crate) fn shown_stations(&self) -> Vec<station::Shown> {
        let stations = self.stations.borrow();
        stations.iter().map(|station| station.shown()).collect()
    }

    /// Replaces the archives of messages.
    pub(crate) fn set_archives(&self, archives: Vec<Rc<UpdatesTap>>) {
        self.archives.replace(archives);
    }

    /// Replaces the monitoring stations.
    pub(crate) fn set_stations(&self, stations: Vec<Rc<Station>>) {
        self.stations.replace(stations);
    }

    /// Adds a client that reads records. Returns `false` if there are `most` already.
    pub(crate) fn add_reader(&self, reader: &Rc<LiveTap>, most: usize) -> bool {
        let mut readers = self.readers.borrow_mut();
        let room = readers.len() < most;
        if room {
            readers.push(Rc::clone(reader));
        }
        room
    }

    /// Removes a client that has read records.
    pub(crate) fn remove_reader(&self, reader: &Rc<LiveTap>) {
        let mut readers = self.readers.borrow_mut();
        readers.retain(|other| !Rc::ptr_eq(other, reader));
        self.reader_left.notify_one();
    }

    /// The clients that read records.
    pub(super) fn readers(&self) -> Vec<Rc<LiveTap>> {
        self.readers.borrow().clone()
    }

    /// Returns `true` if UPDATEs that are sent to a neighbor are to be passed to [`message`](Self::message).
    pub(crate) fn wants_sent_updates(&self, neighbor: &Neighbor) -> bool {
        let archives = self.archives.borrow();
        let mut archives = archives.iter();
        let stations = self.stations.borrow();
        let readers = self.readers.borrow();
        archives.any(|archive| archive.wants_sent_updates(neighbor))
            || readers
                .iter()
                .any(|reader| reader.wants_sent_updates(neighbor))
            || stations
                .iter()
                .any(|station| station.wants_sent_updates(neighbor))
    }

    /// Returns `true` if the content of a neighbor's UPDATEs is to be passed to [`received`](Self::received).
    pub(crate) fn wants_received_updates(&self, neighbor: &Neighbor) -> bool {
        let stations = self.stations.borrow();
        stations
            .iter()
            .any(|station| station.wants_received_updates(neighbor))
    }

    /// Notes a message as it was on the wire.
    pub(crate) fn message(&self, neighbor: &Neighbor, direction: Direction, message: &RawMessage) {
        for archive in &*self.archives.borrow() {
            archive.message(neighbor, direction, message);
        }
        for reader in &*self.readers.borrow() {
            reader.message(neighbor, direction, message);
        }
        if (message.kind, direction) != (MessageType::UPDATE, Direction::Send) {
            return;
        }
        for station in &*self.stations.borrow() {
            if station.wants_sent_updates(neighbor) {
                station.update(neighbor.id, Table::Out, &message.bytes);
            }
        }
    }

    /// Notes a received UPDATE that was decoded: its bytes, header included.
    pub(crate) fn received(&self, neighbor: &Neighbor, update: &[&[u8]], content: &Content<'_>) {
        if !self.wants_received_updates(neighbor) {
            return;
        }
        let withdrawn = content
            .attributes
            .error()
            .is_some_and(|error| error.severity >= Severity::TreatAsWithdraw);
        let messages = if withdrawn {
            withdrawals(neighbor, content)
        } else {
            vec![Bytes::from(update.concat())]
        };
        self.report(neighbor, &messages);
    }

    /// Notes a received End-of-RIB marker: its bytes, header included.
    pub(crate) fn end_of_rib(&self, neighbor: &Neighbor, update: &[&[u8]]) {
        if self.wants_received_updates(neighbor) {
            self.report(neighbor, &[Bytes::from(update.concat())]);
        }
    }

    fn report(&self, neighbor: &Neighbor, messages: &[Bytes]) {
        for station in &*self.stations.borrow() {
            if station.wants_received_updates(neighbor) {
                for message in messages {
                    station.update(neighbor.id, Table::In, message);
                }
            }
        }
    }

    /// Notes a change of a neighbor's state.
    pub(crate) fn state(&self, neighbor: &Neighbor, change: (Phase, Phase)) {
        for archive in &*self.archives.borrow() {
            archive.state(neighbor, change);
        }
        for reader in &*self.readers.borrow() {
            reader.state(neighbor, change);
        }
    }

    /// Notes an established session.
    pub(crate) fn up(&self, neighbor: &Neighbor) {
        for station in &*self.stations.borrow() {
            station.up(neighbor);
        }
    }

    /// Notes the end of a session. Its connection is still there.
    pub(crate) fn down(&self, neighbor: &Neighbor, reason: &CloseReason) {
        for station in &*self.stations.borrow() {
            station.down(neighbor, reason);
        }
    }

    /// Notes that a neighbor is gone.
    pub(crate) fn forget(&self, peer: PeerId) {
        for station in &*self.stations.borrow() {
            station.forget(peer);
        }
    }
}

/// The withdrawals that an UPDATE with an error amounts to (RFC 7606 section 2): a station must not see its routes as announced.
fn withdrawals(neighbor: &Neighbor, content: &Content<'_>) -> Vec<Bytes> {
    let routes = content.withdrawn().flat_map(|field| field.routes.flatten());
    let changes: Vec<Change> = routes
        .map(|nlri| Change {
            nlri: nlri.to_nlri(),
            action: Action::Withdraw(None),
            peers: PeerSet::new(),
        })
        .collect();
    let sender = reencode::received(neighbor);
    let chunks = pack::messages(&sender, &changes).unwrap_or_default();
    chunks.into_iter().flat_map(split).collect()
}
