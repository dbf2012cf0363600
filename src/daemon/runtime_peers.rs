//! Neighbours that commands made (`peer create`), beside those of the configuration file.
//!
//! Their words are read as a configuration, so that defaults and checks are the same. They come and go between two
//! requests, not inside a command: whoever adds to the speaker must not be called from one of its callbacks. A reload
//! leaves them alone.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;

use tracing::{error, info};

use crate::api::command::{CommandError, ErrorKind};
use crate::api::control::NewPeer;
use crate::bgp::fsm::Cease;
use crate::config::{Config, NeighborConfig};
use crate::rib::{PeerId, PeerSet};
use crate::speaker::Server;

use super::core::Core;
use super::reload;
use super::signal::Request;

/// What was made, and what is about to be.
#[derive(Default)]
pub(crate) struct RuntimePeers {
    names: RefCell<BTreeSet<String>>,
    arriving: RefCell<Vec<NeighborConfig>>,
    leaving: RefCell<Vec<PeerId>>,
}

impl RuntimePeers {
    /// Whether a command made the neighbour of that name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.names.borrow().contains(name)
    }
}

/// Reads the words and asks for the neighbour to be added.
pub(crate) fn create(core: &Core, peer: &NewPeer) -> Result<(), CommandError> {
    let refused = |message: String| CommandError::new(ErrorKind::Refused, message);
    let mut text = String::new();
    for helper in core.events.helpers().active() {
        // Only its name counts here; its program was looked up when it was configured.
        text.push_str(&format!(
            "process {} {{ run /bin/sh; encoder json; }}\n",
            helper.name
        ));
    }
    let helpers = peer.helpers.join(" ");
    let statements = &peer.statements;
    text.push_str(&format!(
        "neighbor {} {{ {statements} api {{ processes [ {helpers} ]; }} }}\n",
        peer.address
    ));
    let env = Rc::clone(&core.env.borrow());
    let config = Config::parse("peer create", &text, Path::new("/"), &env).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.lines().collect();
        refused(lines.join("; "))
    })?;
    let Some(neighbor) = config.0.neighbors.into_iter().next() else {
        return Err(refused("that makes no neighbour".to_owned()));
    };
    let name = neighbor.name();
    let known = core
        .all()
        .iter()
        .any(|listed| *listed.neighbor.name == *name);
    if known || core.runtime_peers.contains(&name) {
        return Err(refused(format!("there is a neighbour `{name}` already")));
    }
    core.runtime_peers.names.borrow_mut().insert(name);
    core.runtime_peers.arriving.borrow_mut().push(neighbor);
    core.request(Request::Neighbors);
    Ok(())
}

/// Asks for neighbours to be removed.
pub(crate) fn delete(core: &Core, peers: &PeerSet) -> Result<(), CommandError> {
    for listed in peers.iter().filter_map(|id| core.neighbor(id)) {
        let name = &listed.neighbor.name;
        if !core.runtime_peers.contains(name) {
            let message = format!("`{name}` is a neighbour of the configuration file");
            return Err(CommandError::new(ErrorKind::Refused, message));
        }
    }
    core.runtime_peers.leaving.borrow_mut().extend(peers.iter());
    core.request(Request::Neighbors);
    Ok(())
}

/// Adds and removes what was asked for.
pub(crate) fn settle(core: &Rc<Core>, server: &Server) {
    for config in core.runtime_peers.arriving.take() {
        let name = config.name();
        info!(neighbor = %name, "a command adds the neighbor");
        if let Err(cause) = reload::add(core, server, Rc::new(config)) {
            error!(neighbor = %name, %cause, "the neighbor could not be added");
            core.runtime_peers.names.borrow_mut().remove(&name);
        }
    }
    for listed in core
        .runtime_peers
        .leaving
        .take()
        .into_iter()
        .filter_map(|id| core.neighbor(id))
    {
        core.runtime_peers
            .names
            .borrow_mut()
            .remove(&*listed.neighbor.name);
        reload::remove(core, server, &listed, Cease::Removed);
    }
    core.wake_neighbors();
}
