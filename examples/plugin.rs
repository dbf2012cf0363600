//! A plugin that reports what happens to its session.
//!
//! `cargo run --example plugin` brings up two speakers on loopback, one of which announces a route, and ends by itself.
//! `cargo run --example plugin -- 192.0.2.1:179 65000 65001` connects to a router of AS 65000 as AS 65001 and prints what it
//! sends, until the session ends.
#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{Asn, Codec, Family, Negotiated, Notification};
use oxabgp::fsm::{Cease, CloseReason};
use oxabgp::speaker::{PeerConfig, Plugin, Server, SessionEvent, UpdateDecoder, UpdateWriter};
use tokio::sync::Notify;

/// Where the lines go.
pub(crate) type Print = Rc<dyn Fn(&str)>;

/// A plugin that reports everything.
struct Reporter {
    print: Print,
    /// The body of an UPDATE to send once the session is up.
    announcement: Option<Vec<u8>>,
    /// To be notified when an UPDATE came or the session ended.
    done: Rc<Notify>,
    codec: Codec,
}

impl Reporter {
    fn print(&self, peer: &PeerConfig, what: &str) {
        (self.print)(&format!("{}: {what}", peer.name));
    }
}

impl Plugin for Reporter {
    fn on_established(
        &mut self,
        peer: &PeerConfig,
        session: &Rc<Negotiated>,
        writer: UpdateWriter,
    ) {
        self.codec = session.codec;
        self.print(
            peer,
            &format!(
                "established with AS {}, hold time {} s",
                session.peer_as, session.hold_time
            ),
        );
        if let Some(body) = self.announcement.take() {
            // Writing may wait for the peer, so it is a task of its own.
            tokio::task::spawn_local(async move {
                if let Err(error) = writer.write(&body).await {
                    println!("the announcement was not sent: {error}");
                }
            });
        }
    }

    fn on_update(&mut self, peer: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
        let decoder = UpdateDecoder::<Vec<String>>::new()
            .nlri(|lines, nlri| {
                lines.push(format!("announced {nlri}"));
                Ok(())
            })
            .withdrawn(|lines, nlri| {
                lines.push(format!("withdrawn {nlri}"));
                Ok(())
            })
            .reach(Family::IPV6_UNICAST, |lines, _, nlri| {
                lines.push(format!("announced {nlri}"));
                Ok(())
            })
            .unreach(Family::IPV6_UNICAST, |lines, nlri| {
                lines.push(format!("withdrawn {nlri}"));
                Ok(())
            })
            .attributes(|lines, raw| {
                lines.extend(raw.decode()?.map(|attribute| attribute.to_string()));
                Ok(())
            });
        let mut lines = Vec::new();
        let result = decoder.decode_update(&mut lines, update, &self.codec);
        for line in lines {
            self.print(peer, &line);
        }
        self.done.notify_one();
        match result {
            Ok(()) => Ok(()),
            Err(errors) => {
                self.print(peer, &format!("wrong: {errors}"));
                errors.notification().map_or(Ok(()), Err)
            }
        }
    }

    fn on_close(&mut self, peer: &PeerConfig, reason: &CloseReason) {
        self.print(peer, &format!("closed: {reason}"));
        self.done.notify_one();
    }

    fn on_event(&mut self, peer: &PeerConfig, event: &SessionEvent<'_>) {
        match event {
            SessionEvent::Connected(ends, _) => {
                self.print(
                    peer,
                    &format!("connected {} to {}", ends.local, ends.remote),
                );
            }
            SessionEvent::Transition { from, to, event } => {
                self.print(peer, &format!("{from} -> {to} ({event})"));
            }
            _ => {}
        }
    }
}

/// The body of an UPDATE: 203.0.113.0/24, AS path 65002, next hop 192.0.2.2.
const ANNOUNCEMENT: &[u8] = &[
    0, 0, // length of the withdrawn routes
    0, 20, // length of the attributes
    0x40, 1, 1, 0, // ORIGIN: IGP
    0x40, 2, 6, 2, 1, 0, 0, 0xFD, 0xEA, // AS_PATH: 65002
    0x40, 3, 4, 192, 0, 2, 2, // NEXT_HOP
    24, 203, 0, 113, // NLRI
];

/// Two speakers on loopback: one waits, the other connects and announces.
async fn two_speakers(print: Print) -> Result<(), Box<dyn Error>> {
    let done = Rc::new(Notify::new());
    let reporter = |announcement: Option<&[u8]>, done: &Rc<Notify>| Reporter {
        print: Rc::clone(&print),
        announcement: announcement.map(<[u8]>::to_vec),
        done: Rc::clone(done),
        codec: Codec::default(),
    };
    let waiting = Server::new(Ipv4Addr::new(192, 0, 2, 1));
    let address = waiting.listen("127.0.0.1:0".parse()?)?;
    let mut config = PeerConfig::new(address.ip(), Asn(65001));
    config.name = "waiting".to_owned();
    config.passive = true;
    waiting.add_peer(config, reporter(None, &done))?;
    waiting.start();

    let connecting = Server::new(Ipv4Addr::new(192, 0, 2, 2));
    let mut config = PeerConfig::new(address.ip(), Asn(65002));
    config.name = "connecting".to_owned();
    config.port = address.port();
    config.peer_as = Some(Asn(65001));
    let unused = Rc::new(Notify::new());
    connecting.add_peer(config, reporter(Some(ANNOUNCEMENT), &unused))?;
    connecting.start();

    done.notified().await;
    connecting
        .shutdown(Cease::Shutdown("that was all".to_owned()))
        .await;
    waiting.shutdown(Cease::Removed).await;
    Ok(())
}

/// One session with a router.
async fn one_session(print: Print, arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [address, peer_as, local_as] = arguments else {
        return Err("usage: plugin [ADDRESS:PORT PEER-AS LOCAL-AS]".into());
    };
    let address: SocketAddr = address.parse()?;
    let mut config = PeerConfig::new(address.ip(), Asn(local_as.parse()?));
    config.port = address.port();
    config.peer_as = Some(Asn(peer_as.parse()?));
    config.families = vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST];
    let server = Server::new(Ipv4Addr::new(192, 0, 2, 1));
    let done = Rc::new(Notify::new());
    let key = server.add_peer(
        config,
        Reporter {
            print,
            announcement: None,
            done: Rc::clone(&done),
            codec: Codec::default(),
        },
    )?;
    server.start();
    while server
        .peer(key)
        .is_some_and(|peer| peer.last_close.is_none())
    {
        done.notified().await;
    }
    server.shutdown(Cease::Removed).await;
    Ok(())
}

/// Runs the example.
pub(crate) fn run(arguments: &[String], print: Print) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())?;
    runtime.block_on(async {
        if arguments.is_empty() {
            two_speakers(print).await
        } else {
            one_session(print, arguments).await
        }
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    run(&arguments, Rc::new(|line| println!("{line}")))
}
