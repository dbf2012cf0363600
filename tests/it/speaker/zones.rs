//! Link-local neighbors. A link-local address needs an interface of its own, and that needs root: skipped otherwise.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use oxabgp::bgp::{Asn, Zone};
use oxabgp::fsm::{Cease, ConnInfo};
use oxabgp::speaker::connect::scoped;
use oxabgp::speaker::{PeerConfig, Server, sockopt};

use super::{recorder, skip};

/// A dummy interface with two link-local addresses, removed when this is dropped.
struct Link(String);

impl Link {
    fn new(name: &str) -> Option<Self> {
        let ip = |arguments: &str| {
            let mut command = Command::new("ip");
            let done = command.args(arguments.split(' ')).output();
            done.is_ok_and(|done| done.status.success())
        };
        if !ip(&format!("link add {name} type dummy")) {
            return None;
        }
        let link = Self(name.to_owned());
        let ready = ip(&format!("link set {name} up"))
            && ip(&format!("addr add fe80::a1/64 dev {name} nodad"))
            && ip(&format!("addr add fe80::a2/64 dev {name} nodad"));
        ready.then_some(link)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut command = Command::new("ip");
        // Otherwise it is removed with the namespace.
        let _ = command.args(["link", "del", &self.0]).output();
    }
}

/// A neighbor on the link: its address, ours.
fn neighbor(remote: &str, local: &str, asn: u32, zone: Option<Zone>) -> PeerConfig {
    let address = |text: &str| -> IpAddr { text.parse().expect("an address") };
    let mut config = PeerConfig::new(address(remote), Asn(asn));
    config.local_address = Some(address(local));
    config.zone = zone;
    config
}

#[tokio::test(flavor = "local")]
async fn a_session_over_link_local_addresses_comes_up_on_its_link_only() {
    let name = format!("ox{}", std::process::id() % 1_000_000);
    let Some(link) = Link::new(&name) else {
        skip("no dummy interface can be made here: that needs root and `ip`");
        return;
    };
    let zone = Zone::new(&link.0);
    let server = Server::new(Ipv4Addr::new(10, 0, 0, 1));
    let ours: IpAddr = "fe80::a1".parse().expect("an address");
    let address = server.listen(scoped(ours, 0, zone)).expect("a port");
    server.start();
    // The first has the same addresses on another link.
    let (plugin, mut elsewhere) = recorder();
    let mut config = neighbor("fe80::a2", "fe80::a1", 65001, Zone::new("lo"));
    config.name = "elsewhere".to_owned();
    config.passive = true;
    server.add_peer(config, plugin).expect("a peer");
    let (plugin, mut here) = recorder();
    let mut config = neighbor("fe80::a2", "fe80::a1", 65001, zone);
    config.name = "here".to_owned();
    config.passive = true;
    let key = server.add_peer(config, plugin).expect("a peer");
    let other = Server::new(Ipv4Addr::new(10, 0, 0, 2));
    other.start();
    let (plugin, mut watch) = recorder();
    let mut config = neighbor("fe80::a1", "fe80::a2", 65002, zone);
    config.port = address.port();
    other.add_peer(config, plugin).expect("a peer");
    watch.established().await;
    here.established().await;
    let ends = server.peer(key).and_then(|status| status.ends);
    let scope = sockopt::interface_index(&link.0).expect("an interface");
    let Some(ConnInfo {
        remote: std::net::SocketAddr::V6(remote),
        ..
    }) = ends
    else {
        panic!("an IPv6 connection, not {ends:?}");
    };
    assert_eq!(remote.scope_id(), scope);
    assert!(elsewhere.seen.try_recv().is_err());
    server.shutdown(Cease::Removed).await;
    other.shutdown(Cease::Removed).await;
}
