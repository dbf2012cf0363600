//! Messages and states of sessions as MRT records (RFC 6396 section 4.4, RFC 8050 section 3).

use std::cell::RefCell;
use std::io;
use std::thread::JoinHandle;

use tracing::info;

use crate::bgp::attribute::{mp_reach, mp_unreach};
use crate::bgp::message::update::Update;
use crate::bgp::message::{Direction, MessageType, RawMessage};
use crate::bgp::{Family, FamilySet};
use crate::config::MrtUpdates;
use crate::mrt::bgp4mp::{self, Session};
use crate::mrt::content::attribute;
use crate::mrt::writer::{Portability, Records, Sent};
use crate::wire::Reader;

use super::archive::{Archive, Naming, Shown, now};
use crate::daemon::neighbor::Neighbor;
use crate::daemon::phase::Phase;

/// An archive of messages and states.
pub(crate) struct UpdatesTap {
    pub(crate) config: MrtUpdates,
    archive: RefCell<Archive>,
    records: RefCell<Records>,
}

impl UpdatesTap {
    /// Opens the archive. It begins once `before`, which wrote the same files, has ended.
    ///
    /// # Errors
    /// When the system has no thread.
    pub(crate) fn open(config: MrtUpdates, before: Option<JoinHandle<()>>) -> io::Result<Self> {
        let naming = Naming {
            file: config.file.clone(),
            rotate: config.rotate,
            gzip: config.gzip,
        };
        let limit = (config.buffer as usize) << 20;
        Ok(Self {
            archive: RefCell::new(Archive::start(naming, limit, before)?),
            records: RefCell::new(Records::new(portability(config.portable))),
            config,
        })
    }

    /// Closes the archive. Returns its thread.
    pub(crate) fn close(&self) -> Option<JoinHandle<()>> {
        let left_out = self.records.borrow().left_out();
        if left_out > 0 {
            info!(
                archive = self.config.file.pattern(),
                left_out, "messages were left out that other readers cannot take"
            );
        }
        self.archive.borrow_mut().close()
    }

    /// What operators see.
    pub(crate) fn shown(&self) -> Shown {
        self.archive.borrow().shown()
    }

    /// Returns `true` if UPDATEs that are sent to a neighbor are written.
    pub(crate) fn wants_sent_updates(&self, neighbor: &Neighbor) -> bool {
        self.config.sent
            && self.config.types.contains(&MessageType::UPDATE)
            && self.config.neighbors.selects(neighbor.address())
    }

    /// Writes a message.
    pub(crate) fn message(&self, neighbor: &Neighbor, direction: Direction, message: &RawMessage) {
        let config = &self.config;
        let wanted = match direction {
            Direction::Send => config.sent,
            Direction::Receive => config.received,
        };
        if !wanted
            || !config.types.contains(&message.kind)
            || !config.neighbors.selects(neighbor.address())
        {
            return;
        }
        let (session, what) = described(neighbor, direction, message);
        let time = now();
        let mut records = self.records.borrow_mut();
        let before = records.left_out();
        self.archive.borrow().append(config.rotate, time, |out| {
            let empty = out.len();
            // A message always fits a record.
            let _ = records.message(out, time, &session, what);
            u64::from(out.len() > empty)
        });
        if before == 0 && records.left_out() > 0 {
            info!(
                archive = config.file.pattern(),
                "messages are left out that other readers cannot take"
            );
        }
    }

    /// Writes a change of a neighbor's state.
    pub(crate) fn state(&self, neighbor: &Neighbor, (old, new): (Phase, Phase)) {
        let config = &self.config;
        if old == new || !config.states || !config.neighbors.selects(neighbor.address()) {
            return;
        }
        let session = session(neighbor);
        let time = now();
        let mut records = self.records.borrow_mut();
        self.archive.borrow().append(config.rotate, time, |out| {
            records
                .state(out, time, &session, (number(old), number(new)))
                .map_or(0, |()| 1)
        });
    }
}

/// A message with what a record says besides its bytes.
pub(super) fn described<'a>(
    neighbor: &Neighbor,
    direction: Direction,
    message: &'a RawMessage,
) -> (Session, Sent<'a>) {
    let negotiated = neighbor.negotiated();
    let codec = negotiated.as_ref().map(|session| session.codec);
    let ids = codec.map_or(FamilySet::EMPTY, |codec| match direction {
        Direction::Send => codec.add_path_send,
        Direction::Receive => codec.add_path_receive,
    });
    let what = Sent {
        direction: match direction {
            Direction::Send => bgp4mp::Direction::Sent,
            Direction::Receive => bgp4mp::Direction::Received,
        },
        add_path: message.kind == MessageType::UPDATE && carries_ids(message.body(), ids),
        asn4: codec.is_none_or(|codec| codec.asn4),
        message: &message.bytes,
    };
    (session(neighbor), what)
}

/// What other readers can take.
pub(crate) const fn portability(portable: bool) -> Portability {
    if portable {
        Portability::Portable
    } else {
        Portability::Full
    }
}

/// The number of a state (RFC 6396 section 4.4.1).
pub(super) const fn number(phase: Phase) -> u16 {
    match phase {
        Phase::Idle => 1,
        Phase::Connect => 2,
        Phase::Active => 3,
        Phase::OpenSent => 4,
        Phase::OpenConfirm => 5,
        Phase::Established => 6,
    }
}

/// The session of a neighbor, as far as it is known.
pub(super) fn session(neighbor: &Neighbor) -> Session {
    let config = neighbor.config.borrow();
    let negotiated = neighbor.negotiated();
    let asn = |negotiated: Option<crate::bgp::Asn>, configured: Option<crate::bgp::Asn>| {
        negotiated.or(configured).map_or(0, |asn| asn.0)
    };
    let negotiated = negotiated.as_deref();
    Session {
        peer_asn: asn(
            negotiated.map(|session| session.peer_as),
            config.session.peer_as,
        ),
        local_asn: asn(
            negotiated.map(|session| session.local_as),
            config.session.local_as,
        ),
        interface: 0,
        peer: Some(config.session.peer_address),
        local: neighbor.local_address(),
    }
}

/// Returns `true` if NLRI in the body of an UPDATE carry path identifiers, where those of `families` do. RFC 8050 has one subtype
/// for the whole message.
fn carries_ids(body: &[u8], families: FamilySet) -> bool {
    if families.is_empty() {
        return false;
    }
    let Ok(update) = Update::new(body) else {
        return false;
    };
    let in_body = !update.withdrawn.is_empty() || !update.nlri.is_empty();
    if in_body && families.contains(Family::IPV4_UNICAST) {
        return true;
    }
    let mut r = Reader::new(update.attributes);
    while let Ok(one) = attribute(&mut r) {
        if matches!(one.code, mp_reach::CODE | mp_unreach::CODE)
            && let [a, b, safi, ..] = *one.value
            && families.contains(Family::new(u16::from_be_bytes([a, b]), safi))
        {
            return true;
        }
    }
    false
}
