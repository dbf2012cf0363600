//! `announce operational …`: messages for people and counters (draft-ietf-idr-operational-message).

use super::call::{Call, Reply, Row};
use super::error::CommandError;
use crate::api::control::{Among, Sending};
use crate::grammar::operational::{self, Kind};
use crate::text::{Cursor, cursor};

/// `announce operational KIND afi AFI safi SAFI advisory "TEXT"`, `… [router-id ID] sequence N [counter C]`. A kind that is
/// not known is answered `done`, as ExaBGP does.
pub(super) fn announce(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let (text, at) = call.arguments();
    let mut tokens = Vec::with_capacity(16);
    cursor::tokenize_into(text, at, &mut tokens);
    let mut c = Cursor::new(&tokens, at + text.len());
    let name = c.peek().to_ascii_lowercase();
    if !Kind::NAMES.contains(&&*name) {
        call.no_effect(format!("there is no operational message `{name}`"));
        return Ok(Reply::Done);
    }
    c.next_token();
    let message = operational::Operational::parse(&name, &mut c)?.message();
    c.finish()?;
    let peers = call.peers(Among::Own)?;
    call.no_effect_unless(&peers, Sending::Operational, || {
        "no selected neighbor has negotiated operational messages".to_owned()
    });
    call.control.operational(&peers, &message);
    Ok(Reply::Done)
}
