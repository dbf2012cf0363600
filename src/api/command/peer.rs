//! `peer create …` and `peer delete`: neighbors that are created by commands (ExaBGP 6.0).
//!
//! The request is turned into statements of a configuration file, since that grammar has all defaults and rejects what
//! makes no sense; only single plain words are let through here.

use std::fmt::Write as _;

use super::call::{Call, Reply, Row};
use super::error::{CommandError, ErrorKind};
use super::words::word_at;
use crate::api::control::{Among, NewPeer};
use crate::bgp::{Afi, Safi};
use crate::text::{Span, SyntaxError, value};

/// The words that are followed by a value, and the statement that they become.
const STATEMENTS: [&str; 6] = [
    "local-address",
    "local-as",
    "peer-as",
    "router-id",
    "group-updates",
    "hold-time",
];

/// `peer create ADDRESS local-address A local-as N peer-as N [router-id R] [family-allowed ipv4-unicast/ipv6-unicast]
/// [graceful-restart SECONDS] [group-updates BOOLEAN] [hold-time SECONDS] [api HELPER]…`
pub(super) fn create(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let (start, word, mut at) = word_at(call.line, call.at);
    let address = value::ip(word)
        .ok_or_else(|| SyntaxError::expected(Span::new(start, at), "an address", word))?;
    let mut peer = NewPeer {
        address,
        statements: String::new(),
        helpers: Vec::new(),
    };
    loop {
        let (start, key, end) = word_at(call.line, at);
        if key.is_empty() {
            break;
        }
        let (value_start, word, value_end) = word_at(call.line, end);
        let span = Span::new(value_start, value_end);
        if word.is_empty()
            || word.contains(|c: char| !c.is_ascii_alphanumeric() && !"-_.:/".contains(c))
        {
            return Err(
                SyntaxError::expected(span, format_args!("a value of `{key}`"), word).into(),
            );
        }
        at = value_end;
        // Writing to a String cannot fail.
        let _ = match key {
            "api" => {
                peer.helpers.push(word.to_owned());
                Ok(())
            }
            "graceful-restart" => write!(
                peer.statements,
                "capability {{ graceful-restart {word}; }} "
            ),
            "family-allowed" if word == "in-open" => Ok(()),
            "family-allowed" => write!(peer.statements, "family {{ {} }} ", families(word, span)?),
            "local-ip" => write!(peer.statements, "local-address {word}; "),
            key if STATEMENTS.contains(&key) => write!(peer.statements, "{key} {word}; "),
            key => {
                let error =
                    SyntaxError::expected(Span::new(start, end), "a word of `peer create`", key);
                return Err(error.with_near_miss(key, STATEMENTS).into());
            }
        };
    }
    call.control.create(&peer)?;
    Ok(call.await_result())
}

/// `ipv4-unicast/ipv6-unicast` as statements.
fn families(word: &str, span: Span) -> Result<String, SyntaxError> {
    let mut out = String::new();
    for family in word.split('/') {
        let known = family
            .split_once('-')
            .and_then(|(afi, safi)| Some((Afi::from_name(afi)?, Safi::from_name(safi)?)));
        let (afi, safi) = known.ok_or_else(|| {
            SyntaxError::expected(span, "families such as `ipv4-unicast`", family)
        })?;
        out.push_str(&format!("{afi} {safi}; "));
    }
    Ok(out)
}

/// `peer SELECTOR delete`, `peer delete SELECTOR`: only neighbors that were created by a command.
pub(super) fn delete(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let text: String;
    let peers = if call.selector.is_empty() {
        let (rest, at) = call.arguments();
        text = format!("peer {rest}");
        let (selector, more) = crate::grammar::Selector::split(&text)?;
        if !more.is_empty() {
            return Err(
                SyntaxError::expected(Span::new(at, call.line.len()), "a selector", more).into(),
            );
        }
        call.control.select(&selector, Among::Own)
    } else {
        call.no_arguments()?;
        call.peers(Among::Own)?
    };
    if peers.is_empty() {
        return Err(CommandError::new(
            ErrorKind::NoNeighbor,
            "no neighbors match the selector",
        ));
    }
    call.control.delete(&peers)?;
    Ok(call.await_result())
}
