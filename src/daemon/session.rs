//! Converts the configuration of a neighbor to that of the speaker.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::bgp::capability::add_path::AddPathMode;
use crate::bgp::capability::hostname::Hostname;
use crate::bgp::capability::{BgpRole, Offer};
use crate::bgp::message::open::Open;
use crate::bgp::role::LocalRole;
use crate::bgp::{Asn, Capability, Codec, Family, Negotiated, Sender};
use crate::config::{self, Env, NeighborConfig, SessionConfig};
use crate::speaker::{PeerConfig, TcpAoAlgorithm, TcpAoKey};

/// The software version to advertise: that of oxabgp, or of ExaBGP if `exabgp_version` is set.
fn software() -> String {
    match std::env::var("exabgp_version") {
        Ok(version) if !version.is_empty() => format!("ExaBGP/{version}"),
        _ => concat!("oxabgp/", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

/// The name of a neighbor in the log: its address, or its full name if another neighbor has the same address, with a number if
/// another one has that name.
pub(crate) fn log_name(
    name: &str,
    session: &SessionConfig,
    taken: impl Fn(&str) -> bool,
) -> String {
    let address = session.shown_peer().to_string();
    if !taken(&address) {
        return address;
    }
    unique(name, taken)
}

/// The full name of a neighbor, with a number if another one has that name.
pub(crate) fn unique(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{name} #{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names
        .find(|name| !taken(name))
        .unwrap_or_else(|| name.to_owned())
}

/// The local BGP identifier of a session: configured, or the local address, or, for a dynamic neighbor, the remote address.
pub(crate) fn router_id(session: &SessionConfig) -> Option<Ipv4Addr> {
    session
        .router_id
        .or(match (session.local_address, session.peer_address) {
            (Some(IpAddr::V4(address)), _) | (None, IpAddr::V4(address)) => Some(address),
            _ => None,
        })
}

/// The capabilities of the OPEN.
pub(crate) fn capabilities(session: &SessionConfig) -> Vec<Capability> {
    offer(session).capabilities()
}

/// The capabilities of the OPEN without defaults that were not configured: extended messages, and families other than unicast
/// and those of configured routes. `None` if there are no such defaults.
pub(crate) fn reduced_capabilities(config: &NeighborConfig) -> Option<Vec<Capability>> {
    let session = &config.session;
    let needed = |family| {
        let mut families = config.routes.families();
        families.any(|other| other == family)
    };
    let unwritten = session.unwritten;
    if !unwritten.families && !unwritten.extended_message {
        return None;
    }
    let mut offer = offer(session);
    if unwritten.families {
        let plain = [Family::IPV4_UNICAST, Family::IPV6_UNICAST];
        offer
            .families
            .retain(|family| plain.contains(family) || needed(*family));
        let kept = offer.families.clone();
        if let Some((_, families)) = &mut offer.add_path {
            families.retain(|family| kept.contains(family));
        }
    }
    offer.extended_message &= !unwritten.extended_message;
    Some(offer.capabilities())
}

fn offer(session: &SessionConfig) -> Offer {
    let wanted = &session.capabilities;
    let mode = match (wanted.add_path.receive, wanted.add_path.send) {
        (false, false) => None,
        (true, false) => Some(AddPathMode::RECEIVE),
        (false, true) => Some(AddPathMode::SEND),
        (true, true) => Some(AddPathMode::BOTH),
    };
    Offer {
        families: session.families.clone(),
        asn4: wanted.asn4.then(|| session.local_as.unwrap_or(Asn(0))),
        nexthop: wanted.nexthop.clone(),
        add_path: mode.map(|mode| (mode, wanted.add_path_families.clone())),
        paths_limit: (!wanted.paths_limit.is_empty()).then(|| wanted.paths_limit.clone()),
        graceful_restart: wanted.graceful_restart,
        restart_notification: wanted.graceful_restart_notification,
        long_lived: wanted
            .long_lived_graceful_restart
            .filter(|_| wanted.graceful_restart.is_some()),
        route_refresh: wanted.route_refresh,
        operational: wanted.operational,
        extended_message: wanted.extended_message,
        host_name: session.host_name.clone(),
        domain_name: session.domain_name.clone(),
        software_version: wanted.software_version.then(software),
        link_local_nexthop: wanted.link_local_nexthop,
        role: wanted.role.map(BgpRole),
        multi_session: wanted.multi_session,
    }
}

/// The local link-local address, if it is to be sent with global next hops: the peer has the capability, and is on the same
/// link as far as the TTL shows.
pub(crate) fn link_local(config: &SessionConfig, session: &Negotiated) -> Option<Ipv6Addr> {
    let near = config.outgoing_ttl.is_none_or(|ttl| ttl <= 1);
    config
        .local_link_local
        .filter(|_| near && session.link_local_nexthop())
}

/// How routes are encoded on a session.
pub(crate) fn sender(
    config: &SessionConfig,
    session: &Negotiated,
    local_address: IpAddr,
) -> Sender {
    Sender {
        codec: Codec {
            link_local: link_local(config, session),
            role: session.codec.role.map(LocalRole::on_egress),
            ..session.codec
        },
        local_as: session.local_as,
        local_address,
        router_id: session.local.router_id,
        group_updates: config.group_updates,
    }
}

/// Inserts an empty host name capability where ExaBGP shows it in its own OPEN, also if none was sent.
pub(crate) fn show_hostname(open: &mut Open) {
    let code = Capability::Hostname(Hostname::default()).code();
    if open.capabilities.iter().any(|shown| shown.code() == code) {
        return;
    }
    let after = |capability: &Capability| {
        matches!(
            capability,
            Capability::SoftwareVersion(_)
                | Capability::LinkLocalNexthop(_)
                | Capability::BgpRole(_)
                | Capability::Multisession(_)
                | Capability::CiscoMultisession(_)
        )
    };
    let at = open.capabilities.iter().position(after);
    let at = at.unwrap_or(open.capabilities.len());
    let unnamed = Capability::Hostname(Hostname::default());
    open.capabilities.insert(at, unnamed);
}

/// The OPEN that would be sent to a neighbor now.
pub(crate) fn open(session: &SessionConfig) -> Open {
    Open {
        version: 4,
        asn: session.local_as.unwrap_or_default().to_u16(),
        hold_time: session.hold_time,
        router_id: router_id(session).unwrap_or(Ipv4Addr::UNSPECIFIED),
        capabilities: capabilities(session),
    }
}

/// The speaker's configuration of a neighbor.
pub(crate) fn peer(name: &str, session: &SessionConfig, env: &Env) -> PeerConfig {
    let mut peer = PeerConfig::new(session.peer_address, session.local_as.unwrap_or_default());
    name.clone_into(&mut peer.name);
    peer.port = session.connect.unwrap_or(env.tcp.connect_port);
    peer.local_address = session.local_address;
    peer.zone = session.zone;
    peer.source_address = session.md5_ip;
    peer.local_as = session.local_as;
    peer.peer_as = session.peer_as;
    peer.router_id = router_id(session);
    peer.passive = session.passive || env.bgp.passive;
    peer.families.clone_from(&session.families);
    peer.aigp = session.capabilities.aigp;
    peer.strict_role = session.capabilities.role_strict;
    peer.hold_time = session.hold_time;
    peer.open_wait = Duration::from_secs(env.bgp.openwait.into());
    peer.connect_attempts = (env.tcp.attempts > 0).then_some(env.tcp.attempts);
    peer.ttl = session.outgoing_ttl;
    peer.min_ttl = session.incoming_ttl;
    peer.md5_key.clone_from(&session.md5_password);
    peer.tcp_ao = session.tcp_ao.as_deref().map(tcp_ao);
    let next = session.tcp_ao.iter().flat_map(|key| &key.next);
    peer.tcp_ao_next = next.map(tcp_ao).collect();
    peer.interface.clone_from(&session.source_interface);
    peer
}

fn tcp_ao(key: &config::TcpAo) -> TcpAoKey {
    TcpAoKey {
        key_id: key.key_id,
        algorithm: match key.algorithm {
            config::TcpAoAlgorithm::HmacSha1 => TcpAoAlgorithm::HmacSha1,
            config::TcpAoAlgorithm::Aes128Cmac => TcpAoAlgorithm::Aes128Cmac,
            config::TcpAoAlgorithm::HmacSha256 => TcpAoAlgorithm::HmacSha256,
        },
        key: key.password.clone(),
    }
}
