//! `peer create` and `peer delete`: neighbors that commands add and remove.
//!
//! The statements of `peer create` are read as a configuration, so that defaults and checks are the same.

use std::path::Path;

use crate::api::command::{CommandError, ErrorKind};
use crate::api::control::NewPeer;
use crate::config::Config;
use crate::rib::PeerSet;

use super::core::Core;
use super::signal::Request;

/// Parses the statements and requests that the neighbor be added. `creator` is the helper that creates it; `None` for an
/// operator.
///
/// # Errors
/// When the statements are not a valid neighbor, or the neighbor exists already.
pub(crate) fn create(
    core: &Core,
    creator: Option<&str>,
    peer: &NewPeer,
) -> Result<(), CommandError> {
    let refused = |message: String| CommandError::new(ErrorKind::Refused, message);
    let mut text = String::new();
    for helper in core.events.helpers().active() {
        // Only its name counts here; its program was looked up when it was configured.
        text.push_str(&format!(
            "process {} {{ run /bin/sh; encoder json; }}\n",
            helper.name
        ));
    }
    let helpers = match (peer.helpers.join(" "), creator) {
        (none, Some(creator)) if none.is_empty() => creator.to_owned(),
        (named, _) => named,
    };
    let statements = &peer.statements;
    text.push_str(&format!("neighbor {} {{ {statements} ", peer.address));
    if !helpers.is_empty() {
        text.push_str(&format!("api {{ processes [ {helpers} ]; }} "));
    }
    text.push_str("}\n");
    let config =
        Config::parse("peer create", &text, Path::new("/"), &core.env).map_err(|errors| {
            let lines: Vec<String> = errors.lines().collect();
            refused(lines.join("; "))
        })?;
    let Some(neighbor) = config.0.neighbors.into_iter().next() else {
        return Err(refused("the statements define no neighbor".to_owned()));
    };
    let name = neighbor.name();
    let mut listed = core.neighbors.all();
    listed.extend(core.neighbors.aside());
    let known = listed.iter().any(|listed| *listed.neighbor.name() == *name);
    if known || core.runtime_peers.contains(&name) {
        return Err(refused(format!("neighbor `{name}` exists already")));
    }
    core.runtime_peers.add(name, neighbor);
    core.request(Request::Neighbors);
    Ok(())
}

/// Requests that neighbors be removed.
///
/// # Errors
/// When one of them belongs to the configuration file.
pub(crate) fn delete(core: &Core, peers: &PeerSet) -> Result<(), CommandError> {
    for listed in peers.iter().filter_map(|id| core.neighbors.get(id)) {
        let name = &listed.neighbor.name();
        if !core.runtime_peers.contains(name) {
            let message = format!("`{name}` is configured in the configuration file");
            return Err(CommandError::new(ErrorKind::Refused, message));
        }
    }
    core.runtime_peers.remove(peers);
    core.request(Request::Neighbors);
    Ok(())
}
