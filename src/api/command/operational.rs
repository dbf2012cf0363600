//! `announce operational …`: messages for people and counters (draft-ietf-idr-operational-message).

use std::net::Ipv4Addr;

use super::call::{Call, Reply, Row};
use super::error::{CommandError, ErrorKind};
use crate::api::control::{Among, Sending};
use crate::bgp::message::operational::{Content, Operational, OperationalType};
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
    let message = message(operational::Operational::parse(&name, &mut c)?)?;
    c.finish()?;
    let peers = call.peers(Among::Own)?;
    call.no_effect_unless(&peers, Sending::Operational, || {
        "no selected neighbor has negotiated operational messages".to_owned()
    });
    call.control.operational(&peers, &message);
    Ok(Reply::Done)
}

/// The message that the text describes.
fn message(text: operational::Operational) -> Result<Operational, CommandError> {
    let router_id = text.router_id.unwrap_or(Ipv4Addr::UNSPECIFIED);
    let query = |sequence| Content::Query {
        router_id,
        sequence,
    };
    // The counter on the wire has four octets.
    let counter = |sequence, counter| match u32::try_from(counter) {
        Ok(counter) => Ok(Content::Counter {
            router_id,
            sequence,
            counter,
        }),
        Err(_) => Err(CommandError::new(
            ErrorKind::Syntax,
            "a counter is at most 4294967295",
        )),
    };
    let (kind, content) = match text.kind {
        Kind::Adm(text) => (OperationalType::ADM, Content::Advisory(text.into_bytes())),
        Kind::Asm(text) => (OperationalType::ASM, Content::Advisory(text.into_bytes())),
        Kind::Rpcq(sequence) => (OperationalType::RPCQ, query(sequence)),
        Kind::Rpcp(sequence, count) => (OperationalType::RPCP, counter(sequence, count)?),
        Kind::Apcq(sequence) => (OperationalType::APCQ, query(sequence)),
        Kind::Apcp(sequence, count) => (OperationalType::APCP, counter(sequence, count)?),
        Kind::Lpcq(sequence) => (OperationalType::LPCQ, query(sequence)),
        Kind::Lpcp(sequence, count) => (OperationalType::LPCP, counter(sequence, count)?),
    };
    Ok(Operational {
        kind,
        family: text.family,
        content,
    })
}
