//! `announce operational …`: messages for people and counters (draft-ietf-idr-operational-message).

use std::net::Ipv4Addr;

use super::table::Row;
use super::{Call, CommandError, Reply};
use crate::api::control::Among;
use crate::bgp::message::operational::{Content, Operational, OperationalType};
use crate::bgp::{Afi, Family, Safi};
use crate::text::{Cursor, SyntaxError, cursor, value};

/// Longest advisory, in bytes.
const MAX_ADVISORY: usize = 2048;

/// `announce operational KIND afi AFI safi SAFI advisory "TEXT"`, `… [router-id ID] sequence N [counter C]`. A kind that is
/// not known is answered `done`, as ExaBGP does.
pub(super) fn announce(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let (text, at) = call.arguments();
    let mut tokens = Vec::with_capacity(16);
    cursor::tokenize_into(text, at, &mut tokens);
    let mut c = Cursor::new(&tokens, at + text.len());
    let Some(kind) = OperationalType::from_name(c.peek()) else {
        return Ok(Reply::Done);
    };
    c.next_token();
    let message = read(kind, &mut c)?;
    c.finish()?;
    let peers = call.peers(Among::Own)?;
    call.control.operational(&peers, &message);
    Ok(Reply::Done)
}

fn read(kind: OperationalType, c: &mut Cursor<'_>) -> Result<Operational, SyntaxError> {
    c.expect("afi")?;
    let afi = c.value("an AFI such as `ipv4`", Afi::from_name)?;
    c.expect("safi")?;
    let safi = c.value("a SAFI such as `unicast`", Safi::from_name)?;
    let mut router_id = Ipv4Addr::UNSPECIFIED;
    let content = if matches!(kind, OperationalType::ADM | OperationalType::ASM) {
        c.expect("advisory")?;
        Content::Advisory(c.value("a text of at most 2048 bytes", |text| {
            (text.len() <= MAX_ADVISORY).then(|| text.as_bytes().to_vec())
        })?)
    } else {
        if c.accept("router-id") {
            router_id = c.value("an IPv4 address", value::ipv4)?;
        }
        c.expect("sequence")?;
        let sequence = c.value("a number", value::u32)?;
        if matches!(
            kind,
            OperationalType::RPCQ | OperationalType::APCQ | OperationalType::LPCQ
        ) {
            Content::Query {
                router_id,
                sequence,
            }
        } else {
            c.expect("counter")?;
            Content::Counter {
                router_id,
                sequence,
                counter: c.value("a number", value::u32)?,
            }
        }
    };
    Ok(Operational {
        kind,
        family: Family { afi, safi },
        content,
    })
}
