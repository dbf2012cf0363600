//! The sockets on which peers may connect.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tracing::{error, info};

use crate::config::Env;
use crate::speaker::{Server, connect};

use super::core::Core;

/// The addresses to listen on: `tcp.bind` × `tcp.port`, and `listen` of neighbors.
pub(super) fn wanted(core: &Core, env: &Env) -> Vec<SocketAddr> {
    let mut wanted: Vec<SocketAddr> = env
        .tcp
        .bind
        .iter()
        .map(|address| SocketAddr::new(*address, env.tcp.port))
        .collect();
    for listed in core.neighbors.all() {
        let config = listed.neighbor.config.borrow();
        let session = &config.session;
        let address =
            session
                .md5_ip
                .or(session.local_address)
                .unwrap_or(match session.peer_address {
                    IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                    IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                });
        if session.listen > 0 && listed.template.is_none() {
            let zone = session.zone;
            wanted.push(connect::scoped(address, session.listen, zone));
        }
    }
    wanted.sort();
    wanted.dedup();
    wanted
}

/// Opens and closes listening sockets to match the neighbors and settings.
pub(super) fn apply(core: &Core, server: &Server, env: &Env) {
    let wanted = wanted(core, env);
    for address in server.listening() {
        if !wanted.contains(&address) {
            server.unlisten(address);
            info!(%address, "stopped listening");
        }
    }
    for address in wanted {
        if !server.listening().contains(&address) {
            match server.listen(address) {
                Ok(address) => info!(%address, "listening"),
                Err(cause) => {
                    error!(%cause, "could not listen");
                    core.reloads.fail(cause.to_string());
                }
            }
        }
    }
}
