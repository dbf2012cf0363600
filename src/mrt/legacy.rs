//! What was written before RFC 6396: MRT type 5 of 1999, and the short forms of old Zebra under type 16.

use crate::wire::{Reader, WireError};

use super::bgp4mp::{Direction, Message, Session, StateChange, bgp_message};
use super::content::Content;

/// Subtypes of type 5.
const UPDATE: u16 = 1;
const STATE_CHANGE: u16 = 3;
const OPEN: u16 = 5;
const NOTIFY: u16 = 6;
const KEEPALIVE: u16 = 7;

/// Reads a record of type 5: peer AS and address, local AS and address, then a message without its header.
///
/// # Errors
/// When the addresses run past the end of the record.
pub fn record(subtype: u16, body: &[u8]) -> Result<Content<'_>, WireError> {
    let message_type = match subtype {
        UPDATE => 2,
        OPEN => 1,
        NOTIFY => 3,
        KEEPALIVE => 4,
        STATE_CHANGE => 0,
        _ => return Ok(Content::Unsupported),
    };
    let mut r = Reader::new(body);
    let mut session = Session {
        peer_asn: r.u16("the peer's AS number")?.into(),
        peer: Some(r.array::<4>("the peer's address")?.into()),
        ..Session::default()
    };
    if subtype == STATE_CHANGE {
        let (old, new) = (r.u16("the old state")?, r.u16("the new state")?);
        r.finish("the end of a state change")?;
        return Ok(Content::State(StateChange { session, old, new }));
    }
    session.local_asn = r.u16("the local AS number")?.into();
    session.local = Some(r.array::<4>("the local address")?.into());
    Ok(Content::Message(Message {
        session,
        direction: Direction::Received,
        asn4: false,
        add_path: false,
        message_type,
        body: r.rest(),
        trailing: 0,
    }))
}

/// A message whose record has two AS numbers and no addresses: old Zebra wrote an OPEN so. The marker stands where the
/// interface index should be.
pub(super) fn headless(body: &[u8]) -> Option<Message<'_>> {
    let mut r = Reader::new(body);
    r.u32("two AS numbers").ok()?;
    if !r.peek().starts_with(&[0xFF; 16]) {
        return None;
    }
    let (message_type, payload) = bgp_message(&mut r).ok()?;
    Some(Message {
        session: Session::default(),
        direction: Direction::Received,
        asn4: false,
        add_path: false,
        message_type,
        body: payload,
        trailing: r.remaining(),
    })
}

/// A state change of eight octets: two AS numbers and two states.
pub(super) fn short_state_change(r: &mut Reader<'_>) -> Result<StateChange, WireError> {
    r.u32("two AS numbers")?;
    Ok(StateChange {
        session: Session::default(),
        old: r.u16("the old state")?,
        new: r.u16("the new state")?,
    })
}
