//! The seven messages.

use std::net::IpAddr;

use crate::bgp::Notification;
use crate::bgp::message;
use crate::wire::{Reader, WireError, Writer};

use super::peer::{PeerHeader, decode_address, encode_address};
use super::tlv::Tlvs;
use super::{MessageType, VERSION};

/// A message. BGP messages inside are whole, header included, and not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A route of the table that the peer header names.
    RouteMonitoring {
        /// The peer, and the table.
        peer: PeerHeader,
        /// One UPDATE; AS_PATH has two-octet AS numbers if [`PeerHeader::has_as2`].
        update: &'a [u8],
    },
    /// Counters and gauges of a peer.
    StatisticsReport {
        /// The peer.
        peer: PeerHeader,
        /// Each is read by [`Statistic::decode`](super::Statistic::decode).
        statistics: Tlvs<'a>,
    },
    /// A session ended.
    PeerDown {
        /// The peer.
        peer: PeerHeader,
        /// Why.
        reason: PeerDown<'a>,
    },
    /// A session came up.
    PeerUp {
        /// The peer.
        peer: PeerHeader,
        /// The session.
        up: PeerUp<'a>,
    },
    /// The router introduces itself.
    Initiation(Tlvs<'a>),
    /// The router ends the connection.
    Termination(Tlvs<'a>),
    /// Messages as they came, those in error too.
    RouteMirroring {
        /// The peer.
        peer: PeerHeader,
        /// Messages and what is known about them: see [`Mirrored`](super::Mirrored).
        values: Tlvs<'a>,
    },
    /// A type of a later document.
    Unknown {
        /// Its type.
        kind: MessageType,
        /// What follows the common header.
        body: &'a [u8],
    },
}

/// Why a session ended (RFC 7854 section 4.9, RFC 9069 section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerDown<'a> {
    /// 1: the router sent this NOTIFICATION, a whole message.
    LocalNotification(&'a [u8]),
    /// 2: an event of the router's state machine (RFC 4271 section 8.1), 0 when none is known; no NOTIFICATION was sent.
    LocalEvent(u16),
    /// 3: the peer sent this NOTIFICATION, a whole message.
    RemoteNotification(&'a [u8]),
    /// 4: the peer closed the connection without a NOTIFICATION.
    RemoteClosed,
    /// 5: the peer is no longer monitored; its session may go on.
    NotMonitored,
    /// 6: the router's own table is gone; with the information TLVs of its Peer Up.
    LocalSystemClosed(Tlvs<'a>),
    /// A reason of a later document.
    Other {
        /// Its number.
        reason: u8,
        /// What follows it.
        data: &'a [u8],
    },
}

impl<'a> PeerDown<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        let down = match reader.u8("a reason of Peer Down")? {
            1 => Self::LocalNotification(rest_of_message(reader, "a NOTIFICATION")?),
            2 => Self::LocalEvent(reader.u16("an event of the state machine")?),
            3 => Self::RemoteNotification(rest_of_message(reader, "a NOTIFICATION")?),
            4 => Self::RemoteClosed,
            5 => Self::NotMonitored,
            6 => Self::LocalSystemClosed(Tlvs::decode(reader)?),
            reason => Self::Other {
                reason,
                data: reader.rest(),
            },
        };
        reader.finish("the end of a Peer Down")?;
        Ok(down)
    }

    fn encode(&self, w: &mut Writer<'_>) {
        let (reason, data) = match self {
            Self::LocalNotification(message) => (1, *message),
            Self::LocalEvent(event) => {
                w.u8(2);
                w.u16(*event);
                return;
            }
            Self::RemoteNotification(message) => (3, *message),
            Self::RemoteClosed => (4, &[][..]),
            Self::NotMonitored => (5, &[][..]),
            Self::LocalSystemClosed(tlvs) => (6, tlvs.as_bytes()),
            Self::Other { reason, data } => (*reason, *data),
        };
        w.u8(reason);
        w.bytes(data);
    }

    /// The number of the reason.
    pub const fn reason(&self) -> u8 {
        match self {
            Self::LocalNotification(_) => 1,
            Self::LocalEvent(_) => 2,
            Self::RemoteNotification(_) => 3,
            Self::RemoteClosed => 4,
            Self::NotMonitored => 5,
            Self::LocalSystemClosed(_) => 6,
            Self::Other { reason, .. } => *reason,
        }
    }

    /// The NOTIFICATION that ended the session, of either side.
    pub fn notification(&self) -> Option<Notification> {
        match self {
            Self::LocalNotification(bytes) | Self::RemoteNotification(bytes) => bytes
                .get(message::HEADER..)
                .filter(|body| body.len() >= 2)
                .map(Notification::decode),
            _ => None,
        }
    }
}

/// A session that came up (RFC 7854 section 4.10, RFC 9736).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerUp<'a> {
    /// The router's address on the session; unspecified when it has none.
    pub local_address: IpAddr,
    /// The router's TCP port.
    pub local_port: u16,
    /// The peer's TCP port.
    pub remote_port: u16,
    /// The OPEN that the router sent, a whole message.
    pub sent_open: &'a [u8],
    /// The OPEN that it received, a whole message.
    pub received_open: &'a [u8],
    /// What else the router reports: see [`Information`](super::Information).
    pub information: Tlvs<'a>,
}

impl<'a> PeerUp<'a> {
    fn decode(reader: &mut Reader<'a>, ipv6: bool) -> Result<Self, WireError> {
        Ok(Self {
            local_address: decode_address(reader, ipv6)?,
            local_port: reader.u16("a local port")?,
            remote_port: reader.u16("a remote port")?,
            sent_open: message(reader, "the OPEN that was sent")?,
            received_open: message(reader, "the OPEN that was received")?,
            information: Tlvs::decode(reader)?,
        })
    }

    fn encode(&self, w: &mut Writer<'_>) {
        encode_address(w, self.local_address);
        w.u16(self.local_port);
        w.u16(self.remote_port);
        w.bytes(self.sent_open);
        w.bytes(self.received_open);
        w.bytes(self.information.as_bytes());
    }
}

impl<'a> Message<'a> {
    /// Reads what follows the common header.
    pub(super) fn decode(kind: MessageType, mut reader: Reader<'a>) -> Result<Self, WireError> {
        Ok(match kind {
            MessageType::ROUTE_MONITORING => Self::RouteMonitoring {
                peer: PeerHeader::decode(&mut reader)?,
                update: rest_of_message(&mut reader, "an UPDATE")?,
            },
            MessageType::STATISTICS_REPORT => {
                let peer = PeerHeader::decode(&mut reader)?;
                // The number of values; what counts is what is there.
                reader.u32("the number of statistics")?;
                Self::StatisticsReport {
                    peer,
                    statistics: Tlvs::decode(&mut reader)?,
                }
            }
            MessageType::PEER_DOWN => Self::PeerDown {
                peer: PeerHeader::decode(&mut reader)?,
                reason: PeerDown::decode(&mut reader)?,
            },
            MessageType::PEER_UP => {
                let peer = PeerHeader::decode(&mut reader)?;
                let up = PeerUp::decode(&mut reader, peer.is_ipv6())?;
                Self::PeerUp { peer, up }
            }
            MessageType::INITIATION => Self::Initiation(Tlvs::decode(&mut reader)?),
            MessageType::TERMINATION => Self::Termination(Tlvs::decode(&mut reader)?),
            MessageType::ROUTE_MIRRORING => Self::RouteMirroring {
                peer: PeerHeader::decode(&mut reader)?,
                values: Tlvs::decode(&mut reader)?,
            },
            kind => Self::Unknown {
                kind,
                body: reader.rest(),
            },
        })
    }

    /// The type of the message.
    pub const fn kind(&self) -> MessageType {
        match self {
            Self::RouteMonitoring { .. } => MessageType::ROUTE_MONITORING,
            Self::StatisticsReport { .. } => MessageType::STATISTICS_REPORT,
            Self::PeerDown { .. } => MessageType::PEER_DOWN,
            Self::PeerUp { .. } => MessageType::PEER_UP,
            Self::Initiation(_) => MessageType::INITIATION,
            Self::Termination(_) => MessageType::TERMINATION,
            Self::RouteMirroring { .. } => MessageType::ROUTE_MIRRORING,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// The peer that the message is about.
    pub const fn peer(&self) -> Option<&PeerHeader> {
        match self {
            Self::RouteMonitoring { peer, .. }
            | Self::StatisticsReport { peer, .. }
            | Self::PeerDown { peer, .. }
            | Self::PeerUp { peer, .. }
            | Self::RouteMirroring { peer, .. } => Some(peer),
            Self::Initiation(_) | Self::Termination(_) | Self::Unknown { .. } => None,
        }
    }

    /// Appends the whole message.
    ///
    /// The V flag of the peer header must agree with its address, and with that of a Peer Up.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let mut w = Writer::new(out);
        w.u8(VERSION);
        w.u32(0);
        w.u8(self.kind().0);
        if let Some(peer) = self.peer() {
            peer.encode(&mut w);
        }
        match self {
            Self::RouteMonitoring { update, .. } => w.bytes(update),
            Self::StatisticsReport { statistics, .. } => {
                let count = statistics.iter().count();
                w.u32(u32::try_from(count).unwrap_or(u32::MAX));
                w.bytes(statistics.as_bytes());
            }
            Self::PeerDown { reason, .. } => reason.encode(&mut w),
            Self::PeerUp { up, .. } => up.encode(&mut w),
            Self::Initiation(tlvs) | Self::Termination(tlvs) => w.bytes(tlvs.as_bytes()),
            Self::RouteMirroring { values, .. } => w.bytes(values.as_bytes()),
            Self::Unknown { body, .. } => w.bytes(body),
        }
        let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
        out[start + 1..start + 5].copy_from_slice(&length.to_be_bytes());
    }
}

/// Takes one whole BGP message by its length field. Its marker and type are for the BGP decoder to judge.
fn message<'a>(reader: &mut Reader<'a>, what: &'static str) -> Result<&'a [u8], WireError> {
    let header = reader
        .peek()
        .first_chunk::<{ message::HEADER }>()
        .ok_or_else(|| reader.error(what))?;
    let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
    if length < message::HEADER {
        return Err(reader.error(what));
    }
    reader.take(length, what)
}

/// Takes one whole BGP message that must end where the reader ends.
fn rest_of_message<'a>(reader: &mut Reader<'a>, what: &'static str) -> Result<&'a [u8], WireError> {
    let message = message(reader, what)?;
    reader.finish("the end of the message")?;
    Ok(message)
}
