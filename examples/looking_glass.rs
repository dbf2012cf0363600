//! A looking glass: keeps what its neighbors announce (Adj-RIB-In) and answers questions on its standard input.
//!
//! `cargo run --example looking_glass -- LISTEN LOCAL-AS PEER...`, then type `peers`, `routes`, or an address or prefix.
#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::BufRead;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use ipnet::IpNet;
use oxabgp::bgp::attribute::decode::DecodeEach;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{Asn, Codec, Negotiated, Notification};
use oxabgp::fsm::{Cease, CloseReason};
use oxabgp::rib::AdjRibIn;
use oxabgp::speaker::{PeerConfig, Plugin, Server, UpdateWriter};
use tokio::sync::mpsc;

/// The routes of all neighbors, by the neighbor's name.
type Ribs = Rc<RefCell<BTreeMap<String, AdjRibIn>>>;

/// Keeps the routes of one neighbor.
struct Keeper(Ribs, Codec);

impl Plugin for Keeper {
    fn on_established(&mut self, peer: &PeerConfig, session: &Rc<Negotiated>, _: UpdateWriter) {
        self.1 = session.codec;
        self.0
            .borrow_mut()
            .insert(peer.name.clone(), AdjRibIn::new());
    }

    fn on_update(&mut self, peer: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
        let content = update.content(&self.1, &mut DecodeEach);
        let content = content.map_err(|error| error.notification())?;
        if let Some(rib) = self.0.borrow_mut().get_mut(&peer.name) {
            rib.update(&content);
        }
        Ok(())
    }

    fn on_close(&mut self, peer: &PeerConfig, _: &CloseReason) {
        self.0.borrow_mut().remove(&peer.name);
    }
}

/// The lines that answer a question.
fn answer(question: &str, server: &Server, ribs: &Ribs) -> Vec<String> {
    let ribs = ribs.borrow();
    let wanted: Option<IpNet> = match question {
        "peers" => {
            let line = |peer: &oxabgp::speaker::PeerStatus| {
                let routes = ribs.get(&peer.name).map_or(0, AdjRibIn::len);
                format!("{} {} {routes} routes", peer.name, peer.state)
            };
            return server.peers().iter().map(line).collect();
        }
        "routes" => None,
        text => match text
            .parse()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        {
            Ok(wanted) => Some(wanted),
            Err(_) => return vec!["peers, routes, an address or a prefix".to_owned()],
        },
    };
    let mut lines = Vec::new();
    for (peer, rib) in &*ribs {
        for route in rib.routes(None) {
            let prefix = route.nlri.prefix();
            let covers = |wanted: IpNet| prefix.is_some_and(|prefix| prefix.contains(&wanted));
            if wanted.is_none_or(covers) {
                let hop = route.next_hop.map(|hop| format!(" next-hop {hop}"));
                let hop = hop.unwrap_or_default();
                lines.push(format!(
                    "{} from {peer}{hop}{}",
                    route.nlri,
                    route.attributes.text()
                ));
            }
        }
    }
    lines.sort();
    lines
}

/// Serves until there are no more questions.
pub(crate) async fn run(
    server: Server,
    peers: Vec<PeerConfig>,
    mut questions: mpsc::Receiver<String>,
    mut print: impl FnMut(&str),
) -> Result<(), Box<dyn Error>> {
    let ribs = Ribs::default();
    for peer in peers {
        server.add_peer(peer, Keeper(Rc::clone(&ribs), Codec::default()))?;
    }
    let answering = async {
        while let Some(question) = questions.recv().await {
            for line in answer(question.trim(), &server, &ribs) {
                print(&line);
            }
            print(".");
        }
        server.shutdown(Cease::Removed).await;
    };
    let (served, ()) = tokio::join!(server.serve(), answering);
    Ok(served?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, local_as, addresses @ ..] = &arguments[..] else {
        return Err("usage: looking_glass LISTEN LOCAL-AS PEER...".into());
    };
    let server = Server::new([192, 0, 2, 1].into());
    server.listen(listen.parse::<SocketAddr>()?)?;
    let mut peers = Vec::new();
    for address in addresses {
        let mut peer = PeerConfig::new(address.parse()?, Asn(local_as.parse()?));
        peer.passive = true;
        peers.push(peer);
    }
    let (sender, questions) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    run(server, peers, questions, |line| println!("{line}")).await
}
