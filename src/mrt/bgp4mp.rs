//! BGP4MP (RFC 6396 section 4.4, RFC 8050 section 3): messages, state changes, and the deprecated ENTRY; also the shorter
//! forms that old Zebra wrote under the same type.
//!
//! ```text
//! +-------------------------------+-------------------------------+
//! |   Peer AS number (2 or 4)     |   Local AS number (2 or 4)    |
//! +-------------------------------+-------------------------------+
//! |        Interface index        |        Address family         |
//! +-------------------------------+-------------------------------+
//! |   Peer address (4 or 16)      |   Local address (4 or 16)     |
//! +-------------------------------+-------------------------------+
//! |   BGP message, or old state and new state (2 octets each)     |
//! +---------------------------------------------------------------+
//! ```

use std::net::IpAddr;

use crate::bgp::family::Family;
use crate::wire::{Reader, WireError};

/// Bytes of a BGP message's header.
const BGP_HEADER: usize = 19;

/// The session that a message or state change belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Session {
    /// AS number of the peer; 0 if unknown.
    pub peer_asn: u32,
    /// AS number of the collector.
    pub local_asn: u32,
    /// Interface index.
    pub interface: u16,
    /// Address of the peer; `None` where old Zebra left it out.
    pub peer: Option<IpAddr>,
    /// Address of the collector.
    pub local: Option<IpAddr>,
}

/// Whose message it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The collector received it from the peer.
    #[default]
    Received,
    /// The collector sent it (the LOCAL subtypes of RFC 6396).
    Sent,
    /// A router forwarded a copy of what it received (Route Mirroring, RFC 7854 section 4.7). MRT has no subtype for it.
    Mirrored,
}

/// A BGP message in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Between whom.
    pub session: Session,
    /// Whose message it is.
    pub direction: Direction,
    /// Whether the subtype promises four-octet AS numbers.
    pub asn4: bool,
    /// Whether the subtype promises path identifiers (RFC 8050).
    pub add_path: bool,
    /// BGP message type: 1 OPEN, 2 UPDATE, 3 NOTIFICATION, 4 KEEPALIVE, 5 ROUTE-REFRESH.
    pub message_type: u8,
    /// The message without its header.
    pub body: &'a [u8],
    /// Bytes of the record after the message; there should be none.
    pub trailing: usize,
}

/// A change of a session's state (RFC 6396 section 4.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// Of which session.
    pub session: Session,
    /// Old state: 1 Idle to 6 Established; Quagga also writes 7 Clearing and 8 Deleted.
    pub old: u16,
    /// New state.
    pub new: u16,
}

/// A route of a table written in the deprecated BGP4MP_ENTRY form, which OpenBGPD still offers as `table-mp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Between whom, in the order of the draft. OpenBGPD writes its own side first, where the peer should be.
    pub session: Session,
    /// When the route was received.
    pub originated: u32,
    /// Family of the route.
    pub family: Family,
    /// The next hop field.
    pub next_hop: &'a [u8],
    /// The NLRI: length and prefix.
    pub nlri: &'a [u8],
    /// The attributes.
    pub attributes: &'a [u8],
}

/// Reads AS numbers, interface and addresses.
fn session(r: &mut Reader<'_>, asn4: bool) -> Result<Session, WireError> {
    let mut asn = |what| {
        if asn4 {
            r.u32(what)
        } else {
            r.u16(what).map(u32::from)
        }
    };
    let peer_asn = asn("the peer's AS number")?;
    let local_asn = asn("the local AS number")?;
    let interface = r.u16("an interface index")?;
    let afi = r.u16("an address family")?;
    Ok(Session {
        peer_asn,
        local_asn,
        interface,
        peer: Some(address(r, afi)?),
        local: Some(address(r, afi)?),
    })
}

fn address(r: &mut Reader<'_>, afi: u16) -> Result<IpAddr, WireError> {
    match afi {
        1 => Ok(r.array::<4>("an IPv4 address")?.into()),
        2 => Ok(r.array::<16>("an IPv6 address")?.into()),
        _ => Err(r.error("address family 1 or 2")),
    }
}

/// Returns whether `subtype` has four-octet AS numbers.
const fn is_asn4(subtype: u16) -> bool {
    matches!(subtype, 4 | 5 | 7 | 9 | 11)
}

/// Reads a message record.
///
/// # Errors
/// When the addresses or the message run past the end of the record.
pub fn message(subtype: u16, body: &[u8]) -> Result<Message<'_>, WireError> {
    match quick_message(subtype, body) {
        Some(message) => Ok(message),
        None => slow_message(subtype, body),
    }
}

/// Where the message of a record ends by its own length. All records are asked, so most take a quick way.
///
/// # Errors
/// As [`message`].
#[inline]
pub(super) fn message_end(subtype: u16, body: &[u8]) -> Result<usize, WireError> {
    let asns = if is_asn4(subtype) { 8 } else { 4 };
    let addresses = match body.get(asns + 2..) {
        Some([0, 1, ..]) => 8,
        Some([0, 2, ..]) => 32,
        _ => 0,
    };
    // The interface index and the address family precede the addresses, a marker the length.
    let at = asns + 4 + addresses;
    if addresses > 0
        && let Some([high, low, ..]) = body.get(at + 16..)
        && let length = usize::from(u16::from_be_bytes([*high, *low]))
        && length >= BGP_HEADER
        && at + length <= body.len()
    {
        return Ok(at + length);
    }
    slow_message(subtype, body).map(|message| body.len() - message.trailing)
}

/// Reads a message record that is whole: each fixed part in one piece, which takes a fraction of the time of reading field by
/// field. `None` if [`slow_message`] has to find out what is missing.
#[inline]
fn quick_message(subtype: u16, body: &[u8]) -> Option<Message<'_>> {
    let asn4 = is_asn4(subtype);
    let (peer_asn, local_asn, rest) = if asn4 {
        let ([a, b, c, d, e, f, g, h], rest) = body.split_first_chunk::<8>()?;
        let peer = u32::from_be_bytes([*a, *b, *c, *d]);
        (peer, u32::from_be_bytes([*e, *f, *g, *h]), rest)
    } else {
        let ([a, b, c, d], rest) = body.split_first_chunk::<4>()?;
        let peer = u16::from_be_bytes([*a, *b]);
        (peer.into(), u16::from_be_bytes([*c, *d]).into(), rest)
    };
    let ([i, j, k, l], rest) = rest.split_first_chunk::<4>()?;
    let (peer, local, rest): (IpAddr, IpAddr, _) = match u16::from_be_bytes([*k, *l]) {
        1 => {
            let (peer, rest) = rest.split_first_chunk::<4>()?;
            let (local, rest) = rest.split_first_chunk::<4>()?;
            ((*peer).into(), (*local).into(), rest)
        }
        2 => {
            let (peer, rest) = rest.split_first_chunk::<16>()?;
            let (local, rest) = rest.split_first_chunk::<16>()?;
            ((*peer).into(), (*local).into(), rest)
        }
        _ => return None,
    };
    // The marker is not looked at: some collectors write zeros.
    let (header, rest) = rest.split_first_chunk::<BGP_HEADER>()?;
    let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
    let (payload, trailing) = rest.split_at_checked(length.checked_sub(BGP_HEADER)?)?;
    Some(Message {
        session: Session {
            peer_asn,
            local_asn,
            interface: u16::from_be_bytes([*i, *j]),
            peer: Some(peer),
            local: Some(local),
        },
        direction: direction(subtype),
        asn4,
        add_path: subtype >= 8,
        message_type: header[18],
        body: payload,
        trailing: trailing.len(),
    })
}

const fn direction(subtype: u16) -> Direction {
    if matches!(subtype, 6 | 7 | 10 | 11) {
        Direction::Sent
    } else {
        Direction::Received
    }
}

#[cold]
fn slow_message(subtype: u16, body: &[u8]) -> Result<Message<'_>, WireError> {
    let asn4 = is_asn4(subtype);
    let mut r = Reader::new(body);
    let session = match session(&mut r, asn4) {
        Ok(session) => session,
        Err(error) => return message_without_addresses(body).ok_or(error),
    };
    let (message_type, payload) = bgp_message(&mut r)?;
    Ok(Message {
        session,
        direction: direction(subtype),
        asn4,
        add_path: subtype >= 8,
        message_type,
        body: payload,
        trailing: r.remaining(),
    })
}

/// A message whose record has two AS numbers and no addresses: old Zebra wrote an OPEN so. The marker stands where the
/// interface index should be.
fn message_without_addresses(body: &[u8]) -> Option<Message<'_>> {
    let mut r = Reader::new(body);
    let peer_asn = r.u16("the peer's AS number").ok()?.into();
    let local_asn = r.u16("the local AS number").ok()?.into();
    if !r.peek().starts_with(&[0xFF; 16]) {
        return None;
    }
    let (message_type, payload) = bgp_message(&mut r).ok()?;
    Some(Message {
        session: Session {
            peer_asn,
            local_asn,
            ..Session::default()
        },
        direction: Direction::Received,
        asn4: false,
        add_path: false,
        message_type,
        body: payload,
        trailing: r.remaining(),
    })
}

/// Takes one BGP message with its header off the front of `r`: its type and its body.
fn bgp_message<'a>(r: &mut Reader<'a>) -> Result<(u8, &'a [u8]), WireError> {
    // The marker is not looked at: some collectors write zeros.
    r.take(16, "the marker of a BGP message")?;
    let length = usize::from(r.u16("the length of a BGP message")?);
    let message_type = r.u8("the type of a BGP message")?;
    let Some(length) = length.checked_sub(BGP_HEADER) else {
        return Err(r.error("a BGP message of at least 19 octets"));
    };
    Ok((message_type, r.take(length, "a whole BGP message")?))
}

/// Reads a state change.
///
/// # Errors
/// When it does not have the length of one.
pub fn state_change(subtype: u16, body: &[u8]) -> Result<StateChange, WireError> {
    let mut r = Reader::new(body);
    if body.len() == 8 {
        return short_state_change(&mut r);
    }
    let session = session(&mut r, is_asn4(subtype))?;
    let change = StateChange {
        session,
        old: r.u16("the old state")?,
        new: r.u16("the new state")?,
    };
    r.finish("the end of a state change")?;
    Ok(change)
}

/// Where a state change ends.
///
/// # Errors
/// When a field runs past the end of the record.
pub(super) fn state_end(subtype: u16, body: &[u8]) -> Result<usize, WireError> {
    let mut r = Reader::new(body);
    if body.len() != 8 {
        session(&mut r, is_asn4(subtype))?;
        r.take(4, "two states")?;
        return Ok(r.offset());
    }
    Ok(body.len())
}

/// A state change of eight octets, as old Zebra wrote it: two AS numbers and two states.
fn short_state_change(r: &mut Reader<'_>) -> Result<StateChange, WireError> {
    let peer_asn = r.u16("the peer's AS number")?.into();
    let local_asn = r.u16("the local AS number")?.into();
    Ok(StateChange {
        session: Session {
            peer_asn,
            local_asn,
            ..Session::default()
        },
        old: r.u16("the old state")?,
        new: r.u16("the new state")?,
    })
}

/// The fields of a BGP4MP_ENTRY up to its family.
fn entry_head(r: &mut Reader<'_>) -> Result<(Session, u32, Family), WireError> {
    let session = session(r, false)?;
    r.u16("a view number")?;
    r.u16("a status")?;
    let originated = r.u32("a time")?;
    let afi = r.u16("an address family")?;
    let family = Family::new(afi, r.u8("a subsequent address family")?);
    Ok((session, originated, family))
}

/// Returns `false` if a BGP4MP_ENTRY is about a family without a codec, whose NLRI cannot be framed.
pub(super) fn is_family_known(body: &[u8]) -> bool {
    entry_head(&mut Reader::new(body))
        .map_or(true, |(_, _, family)| crate::bgp::nlri::is_known(family))
}

/// Reads a BGP4MP_ENTRY.
///
/// # Errors
/// When a field runs past the end of the record.
pub fn entry(body: &[u8]) -> Result<Entry<'_>, WireError> {
    read_entry(&mut Reader::new(body))
}

/// Where the attributes of a BGP4MP_ENTRY end.
///
/// # Errors
/// As [`entry`].
pub(super) fn entry_end(body: &[u8]) -> Result<usize, WireError> {
    let mut r = Reader::new(body);
    read_entry(&mut r).map(|_| r.offset())
}

fn read_entry<'a>(r: &mut Reader<'a>) -> Result<Entry<'a>, WireError> {
    let (session, originated, family) = entry_head(r)?;
    let length = r.u8("the length of the next hop")?;
    let next_hop = r.take(length.into(), "a next hop")?;
    let nlri = crate::bgp::nlri::frame(family, r)?;
    let length = r.u16("the length of the attributes")?;
    Ok(Entry {
        session,
        originated,
        family,
        next_hop,
        nlri,
        attributes: r.take(length.into(), "the attributes")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_messages_are_read_the_same_in_both_ways() {
        let message = [&[0xFF; 16][..], &[0, 21, 2, 7, 8, 9]].concat();
        for subtype in [1, 4, 6, 7, 8, 9, 10, 11] {
            for (afi, octets) in [(1u16, 4), (2, 16), (3, 4)] {
                let asns = if is_asn4(subtype) { 8 } else { 4 };
                let mut body: Vec<u8> = (1..=asns + 2).collect();
                body.extend(afi.to_be_bytes());
                body.extend(1..=2 * octets);
                body.extend(&message);
                for length in 0..=body.len() {
                    let body = &body[..length];
                    let slow = slow_message(subtype, body);
                    assert_eq!(quick_message(subtype, body), slow.ok());
                    let end = slow.map(|message| body.len() - message.trailing);
                    assert_eq!(message_end(subtype, body), end);
                }
            }
        }
    }
}
