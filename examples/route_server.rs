//! A route server (RFC 7947): what one client announces goes to all others, paths and next hops unchanged.
//!
//! `cargo run --example route_server -- LISTEN LOCAL-AS CLIENT=AS...`, such as
//! `route_server 192.0.2.1:179 65000 192.0.2.11=65011 192.0.2.12=65012`.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;

use oxabgp::bgp::message::update::Direction;
use oxabgp::bgp::{Asn, Nlri, Notification};
use oxabgp::speaker::{
    Attributes, ChannelPlugin, Handle, PeerConfig, PeerEvent, RouteUpdate, Server, UpdateWriter,
};
use tokio::sync::mpsc;

/// For each prefix, the path of each client that announces it.
type Routes = HashMap<Nlri, BTreeMap<usize, Attributes>>;

/// Sends what has become of some prefixes: to each client but the one that changed them, a path that is not its own. A slow
/// client slows all down.
async fn send(
    routes: &Routes,
    changed: &[Nlri],
    by: Option<usize>,
    to: &HashMap<usize, UpdateWriter>,
) {
    for (client, writer) in to.iter().filter(|(client, _)| Some(**client) != by) {
        let paths = |nlri| routes.get(nlri).into_iter().flatten();
        let update = changed.iter().fold(RouteUpdate::new(), |update, nlri| {
            match paths(nlri).find(|(from, _)| *from != client) {
                Some((_, attributes)) => update.announce(nlri.clone(), attributes),
                None => update.withdraw(nlri.clone()),
            }
        });
        // If the session has ended, `Closed` follows.
        let _ = writer.write(&update).await;
    }
}

pub(crate) async fn run(server: Handle, clients: Vec<PeerConfig>) -> Result<(), Box<dyn Error>> {
    let (sender, mut events) = mpsc::channel(64);
    let mut keys = Vec::new();
    for (client, config) in clients.into_iter().enumerate() {
        let (plugin, mut own, _) = ChannelPlugin::new(64);
        keys.push(server.add_peer(config, move || plugin).await?);
        let sender = sender.clone();
        tokio::spawn(async move {
            while let Some(event) = own.next().await
                && sender.send((client, event)).await.is_ok()
            {}
        });
    }
    let (mut routes, mut sessions) = (Routes::new(), HashMap::new());
    while let Some((client, event)) = events.recv().await {
        let mut changed = Vec::new();
        match event {
            PeerEvent::Established(_, writer) => {
                let all: Vec<Nlri> = routes.keys().cloned().collect();
                send(
                    &routes,
                    &all,
                    None,
                    &HashMap::from([(client, writer.clone())]),
                )
                .await;
                sessions.insert(client, writer);
            }
            PeerEvent::Update(update) => {
                let Ok(content) = update.content() else {
                    // Malformed beyond RFC 7606: the session ends.
                    let notification = Notification::new(3, 1, Vec::new());
                    server.reset_peer(keys[client], notification).await?;
                    continue;
                };
                for field in &content.fields {
                    for nlri in field.routes.flatten().map(|nlri| nlri.to_nlri()) {
                        let paths = routes.entry(nlri.clone()).or_default();
                        match (field.direction, field.next_hop) {
                            (Direction::Announce, Some(hop)) => {
                                let attributes = Attributes::from(&*content.attributes);
                                paths.insert(client, attributes.next_hop(hop));
                            }
                            _ => drop(paths.remove(&client)),
                        }
                        changed.push(nlri);
                    }
                }
            }
            PeerEvent::Closed(_) => {
                sessions.remove(&client);
                changed.extend(routes.iter_mut().filter_map(|(nlri, paths)| {
                    paths.remove(&client)?;
                    Some(nlri.clone())
                }));
            }
            _ => {}
        }
        send(&routes, &changed, Some(client), &sessions).await;
        for nlri in changed {
            if routes.get(&nlri).is_some_and(BTreeMap::is_empty) {
                routes.remove(&nlri);
            }
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, local_as, clients @ ..] = &arguments[..] else {
        return Err("usage: route_server LISTEN LOCAL-AS CLIENT=AS...".into());
    };
    let server = Server::spawn([192, 0, 2, 1].into())?;
    server.listen(listen.parse()?).await?;
    let mut configs = Vec::new();
    for client in clients {
        let (address, asn) = client.split_once('=').ok_or("no AS of a client")?;
        let mut config = PeerConfig::new(address.parse()?, Asn(local_as.parse()?));
        config.peer_as = Some(Asn(asn.parse()?));
        config.passive = true;
        configs.push(config);
    }
    run(server, configs).await
}
