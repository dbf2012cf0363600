//! MRT type 5 of 1999, written before RFC 6396: messages without their header.

use crate::wire::{Reader, WireError};

use super::bgp4mp::{Direction, Message, Session, StateChange};

/// Subtype of a state change.
pub(super) const STATE_CHANGE: u16 = 3;

/// The BGP message type of a subtype that holds a message: UPDATE, OPEN, NOTIFICATION, KEEPALIVE.
pub(super) const fn message_type(subtype: u16) -> Option<u8> {
    match subtype {
        1 => Some(2),
        5 => Some(1),
        6 => Some(3),
        7 => Some(4),
        _ => None,
    }
}

/// Reads a message: peer AS and address, local AS and address, then the message without its header.
///
/// # Errors
/// When the addresses run past the end of the record.
pub fn message(message_type: u8, body: &[u8]) -> Result<Message<'_>, WireError> {
    let mut r = Reader::new(body);
    let peer = peer(&mut r)?;
    let session = Session {
        local_asn: r.u16("the local AS number")?.into(),
        local: Some(r.array::<4>("the local address")?.into()),
        ..peer
    };
    Ok(Message {
        session,
        direction: Direction::Received,
        asn4: false,
        add_path: false,
        message_type,
        body: r.rest(),
        trailing: 0,
    })
}

/// Reads a state change: peer AS and address, old and new state.
///
/// # Errors
/// When it does not have the length of one.
pub fn state_change(body: &[u8]) -> Result<StateChange, WireError> {
    let mut r = Reader::new(body);
    let session = peer(&mut r)?;
    let (old, new) = (r.u16("the old state")?, r.u16("the new state")?);
    r.finish("the end of a state change")?;
    Ok(StateChange { session, old, new })
}

fn peer(r: &mut Reader<'_>) -> Result<Session, WireError> {
    Ok(Session {
        peer_asn: r.u16("the peer's AS number")?.into(),
        peer: Some(r.array::<4>("the peer's address")?.into()),
        ..Session::default()
    })
}
