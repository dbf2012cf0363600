//! Floods a peer with routes, as fast as the peer takes them.
//!
//! `cargo run --release --example injector -- 1000000` sends a million host routes to a speaker in the same program that
//! counts them. `... -- 1000000 192.0.2.1:179 65000 65001 60` sends them to a router of AS 65000 as AS 65001 and keeps the
//! session for 60 seconds. Ends by itself.
//!
//! Routes are made in [`Plugin::fill`], which is asked only when the socket has room: a million routes need no more memory
//! than a thousand.
#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::cell::Cell;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::message::{self, HEADER, MessageType};
use oxabgp::bgp::nlri::Routes;
use oxabgp::bgp::{Asn, Family, Negotiated, Notification};
use oxabgp::fsm::{Cease, CloseReason};
use oxabgp::speaker::{Outbox, PeerConfig, Plugin, Server, UpdateWriter};
use tokio::sync::Notify;

/// Bytes of a host route in an UPDATE: its length and four octets.
const ROUTE: usize = 5;

/// Sends `count` host routes from 10.0.0.0 upwards.
struct Injector {
    count: u32,
    sent: u32,
    /// Withdrawn routes (none), then the attributes of all routes.
    head: Vec<u8>,
    message_size: usize,
    writer: Option<UpdateWriter>,
    done: Rc<Notify>,
}

impl Injector {
    fn new(count: u32, done: &Rc<Notify>) -> Self {
        Self {
            count,
            sent: 0,
            head: Vec::new(),
            message_size: message::MAX,
            writer: None,
            done: Rc::clone(done),
        }
    }

    /// The next UPDATE, as full as may be.
    fn next(&mut self) -> Option<Vec<u8>> {
        if self.sent == self.count {
            return None;
        }
        let fits = (self.message_size - HEADER - self.head.len()) / ROUTE;
        let routes = u32::try_from(fits)
            .unwrap_or(u32::MAX)
            .min(self.count - self.sent);
        let mut out = Vec::with_capacity(self.message_size);
        message::encode(&mut out, MessageType::UPDATE, |w| {
            w.bytes(&self.head);
            for route in self.sent..self.sent + routes {
                w.u8(32);
                w.u32(0x0A00_0000_u32.wrapping_add(route));
            }
        });
        self.sent += routes;
        Some(out)
    }
}

impl Plugin for Injector {
    fn on_established(&mut self, _: &PeerConfig, session: &Rc<Negotiated>, writer: UpdateWriter) {
        self.message_size = session.codec.message_size();
        // Four-octet AS numbers were offered; a peer without them gets two octets.
        let asn = session.local_as;
        let path = if session.codec.asn4 {
            asn.0.to_be_bytes().to_vec()
        } else {
            asn.to_u16().to_be_bytes().to_vec()
        };
        let path_length = u8::try_from(2 + path.len()).unwrap_or(u8::MAX);
        let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, path_length, 2, 1];
        attributes.extend(path);
        attributes.extend([0x40, 3, 4, 192, 0, 2, 1]);
        let length = u8::try_from(attributes.len()).unwrap_or(u8::MAX);
        self.head = [&[0, 0, 0, length], &attributes[..]].concat();
        self.writer = Some(writer);
    }

    fn on_update(&mut self, _: &PeerConfig, _: Update<'_>) -> Result<(), Notification> {
        Ok(())
    }

    fn on_close(&mut self, peer: &PeerConfig, reason: &CloseReason) {
        println!("{}: {reason}", peer.name);
        self.done.notify_one();
    }

    fn fill(&mut self, _: &PeerConfig, outbox: &mut Outbox) {
        while outbox.has_room()
            && let Some(update) = self.next()
        {
            outbox.push(update.into());
        }
        if self.sent == self.count
            && let Some(writer) = self.writer.take()
        {
            let done = Rc::clone(&self.done);
            tokio::task::spawn_local(async move {
                // An error means that the session has ended, which `on_close` reports.
                if writer.flush().await.is_ok() {
                    done.notify_one();
                }
            });
        }
    }
}

/// Counts routes.
struct Sink {
    wanted: u32,
    seen: Rc<Cell<u32>>,
    done: Rc<Notify>,
}

impl Plugin for Sink {
    fn on_established(&mut self, _: &PeerConfig, _: &Rc<Negotiated>, _: UpdateWriter) {}

    fn on_update(&mut self, _: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
        let routes = Routes::new(Family::IPV4_UNICAST, false, update.nlri).flatten();
        let count = u32::try_from(routes.count()).unwrap_or(u32::MAX);
        self.seen.set(self.seen.get() + count);
        if self.seen.get() >= self.wanted {
            self.done.notify_one();
        }
        Ok(())
    }

    fn on_close(&mut self, _: &PeerConfig, _: &CloseReason) {}
}

/// Floods a sink in the same program; how many routes it saw.
async fn flood_sink(count: u32) -> Result<u32, Box<dyn Error>> {
    let seen = Rc::new(Cell::new(0));
    let all_seen = Rc::new(Notify::new());
    let sink = Server::new(Ipv4Addr::new(192, 0, 2, 1));
    let address = sink.listen("127.0.0.1:0".parse()?)?;
    let mut config = PeerConfig::new(address.ip(), Asn(65000));
    config.passive = true;
    let plugin = Sink {
        wanted: count,
        seen: Rc::clone(&seen),
        done: Rc::clone(&all_seen),
    };
    sink.add_peer(config, plugin)?;
    sink.start();

    let server = Server::new(Ipv4Addr::new(192, 0, 2, 2));
    let all_sent = Rc::new(Notify::new());
    let config = target(address, Asn(65000), Asn(65001));
    server.add_peer(config, Injector::new(count, &all_sent))?;
    server.start();
    all_seen.notified().await;
    server.shutdown(Cease::Removed).await;
    sink.shutdown(Cease::Removed).await;
    Ok(seen.get())
}

/// Floods a router and keeps the session for a while.
async fn flood_router(
    count: u32,
    config: PeerConfig,
    keep: Duration,
) -> Result<u32, Box<dyn Error>> {
    let server = Server::new(Ipv4Addr::new(192, 0, 2, 2));
    let done = Rc::new(Notify::new());
    server.add_peer(config, Injector::new(count, &done))?;
    server.start();
    done.notified().await;
    tokio::time::sleep(keep).await;
    server.shutdown(Cease::Removed).await;
    Ok(count)
}

fn target(address: SocketAddr, peer_as: Asn, local_as: Asn) -> PeerConfig {
    let address_ip: IpAddr = address.ip();
    let mut config = PeerConfig::new(address_ip, local_as);
    config.port = address.port();
    config.peer_as = Some(peer_as);
    config
}

/// Runs the example; how many routes were sent, and how long that took.
pub(crate) fn run(arguments: &[String]) -> Result<(u32, Duration), Box<dyn Error>> {
    let count = match arguments.first() {
        Some(count) => count.parse()?,
        None => 100_000,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())?;
    let begin = Instant::now();
    let routes = match arguments.get(1..).unwrap_or_default() {
        [] => runtime.block_on(flood_sink(count))?,
        [address, peer_as, local_as, keep @ ..] => {
            let config = target(
                address.parse()?,
                Asn(peer_as.parse()?),
                Asn(local_as.parse()?),
            );
            let keep = keep.first().map_or(Ok(0), |seconds| seconds.parse())?;
            runtime.block_on(flood_router(count, config, Duration::from_secs(keep)))?
        }
        _ => {
            return Err("usage: injector [COUNT [ADDRESS:PORT PEER-AS LOCAL-AS [SECONDS]]]".into());
        }
    };
    Ok((routes, begin.elapsed()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (routes, time) = run(&arguments)?;
    let rate = f64::from(routes) / time.as_secs_f64();
    println!("{routes} routes in {time:.2?}: {rate:.0} a second");
    Ok(())
}
