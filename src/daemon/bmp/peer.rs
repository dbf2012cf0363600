//! What a station is told of a neighbor besides its routes: the per-peer header, Peer Up and Peer Down.
//!
//! Peer Up has both OPENs as they were on the wire: an OPEN made up later would promise other capabilities than the messages
//! after it use.

use bytes::Bytes;

use crate::bgp::RouteDistinguisher;
use crate::bgp::message::Direction;
use crate::bmp::{Information, Message, PeerDown, PeerHeader, PeerType, PeerUp, Tlvs};
use crate::daemon::mrt::archive::{ago, now};
use crate::daemon::neighbor::Neighbor;
use crate::fsm::CloseReason;
use crate::mrt::Timestamp;

/// Bytes of a Route Monitoring message before the UPDATE.
pub(super) const HEAD: usize = crate::bmp::HEADER + PeerHeader::SIZE;

/// The table of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// Adj-RIB-In before policy.
    In,
    /// Adj-RIB-Out after policy (RFC 8671). There is no policy, so that it is the same before.
    Out,
}

/// The header of a neighbor's messages, without table and time. `twin` if another monitored neighbor has its address.
pub(super) fn header(neighbor: &Neighbor, twin: bool) -> Option<PeerHeader> {
    let session = neighbor.negotiated()?;
    let address = neighbor.address();
    let mut flags = 0;
    if address.is_ipv6() {
        flags |= PeerHeader::IPV6;
    }
    if !session.codec.asn4 {
        flags |= PeerHeader::AS2;
    }
    let (kind, distinguisher) = if twin {
        // RFC 7854 section 4.2: "a unique, locally defined value".
        (
            PeerType::LOCAL,
            (u64::from(neighbor.id.0) + 1).to_be_bytes(),
        )
    } else {
        (PeerType::GLOBAL, [0; 8])
    };
    Some(PeerHeader {
        kind,
        flags,
        distinguisher: RouteDistinguisher(distinguisher),
        address,
        asn: session.peer_as,
        bgp_id: session.remote.router_id,
        seconds: 0,
        microseconds: 0,
    })
}

/// The same for a message of a table, with a time.
pub(super) fn stamped(header: &PeerHeader, table: Option<Table>, time: Timestamp) -> PeerHeader {
    let flags = match table {
        Some(Table::Out) => PeerHeader::ADJ_RIB_OUT | PeerHeader::POST_POLICY,
        Some(Table::In) | None => 0,
    };
    PeerHeader {
        flags: header.flags | flags,
        seconds: time.seconds,
        microseconds: time.micros,
        ..*header
    }
}

/// The Peer Up of a neighbor whose session is established, with the time when that was.
pub(super) fn up(neighbor: &Neighbor, header: &PeerHeader) -> Option<Bytes> {
    let connection = neighbor.connection();
    let connection = connection.as_ref()?;
    let mut information = Vec::new();
    let description = neighbor.config.borrow().description.clone();
    if !description.is_empty() {
        // RFC 9736 section 3.2
        Tlvs::write(
            &mut information,
            Information::ADMIN_LABEL,
            description.as_bytes(),
        );
    }
    let ends = connection.ends;
    let up = PeerUp {
        local_address: ends.local.ip(),
        local_port: ends.local.port(),
        remote_port: ends.remote.port(),
        sent_open: connection.raw_open(Direction::Send)?,
        received_open: connection.raw_open(Direction::Receive)?,
        information: Tlvs::new(&information).ok()?,
    };
    let peer = stamped(header, None, ago(neighbor.age()));
    Some(encoded(&Message::PeerUp { peer, up }))
}

/// The Peer Down of a neighbor whose session has just ended.
pub(super) fn down(neighbor: &Neighbor, header: &PeerHeader, reason: &CloseReason) -> Bytes {
    let connection = neighbor.connection();
    let last = connection
        .as_ref()
        .and_then(|connection| connection.notification());
    let reason = match (last, reason) {
        (Some((Direction::Send, message)), _) => PeerDown::LocalNotification(message),
        (Some((Direction::Receive, message)), _) => PeerDown::RemoteNotification(message),
        (None, CloseReason::ConnectionLost) => PeerDown::RemoteClosed,
        // ManualStop (2): only a stop or a restart closes without a NOTIFICATION.
        (None, _) => PeerDown::LocalEvent(2),
    };
    let peer = stamped(header, None, now());
    encoded(&Message::PeerDown { peer, reason })
}

/// The Peer Down of a neighbor that is no longer reported.
pub(super) fn not_monitored(header: &PeerHeader) -> Bytes {
    let peer = stamped(header, None, now());
    let reason = PeerDown::NotMonitored;
    encoded(&Message::PeerDown { peer, reason })
}

/// The beginning of a Route Monitoring message with an UPDATE of that length.
pub(super) fn head(
    header: &PeerHeader,
    (table, time): (Table, Timestamp),
    update: usize,
) -> [u8; HEAD] {
    let peer = stamped(header, Some(table), time);
    let mut out = Vec::with_capacity(HEAD);
    Message::RouteMonitoring { peer, update: &[] }.encode(&mut out);
    let mut head = [0; HEAD];
    head.copy_from_slice(&out);
    let length = u32::try_from(HEAD + update).unwrap_or(u32::MAX);
    head[1..5].copy_from_slice(&length.to_be_bytes());
    head
}

/// A whole message.
pub(super) fn encoded(message: &Message<'_>) -> Bytes {
    let mut out = Vec::new();
    message.encode(&mut out);
    out.into()
}
