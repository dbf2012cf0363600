//! Two peers in memory: the state machine without sockets, clock or tokio. Each is driven by the same loop; the network is a
//! queue of what was sent, and time passes only when nothing else is left to do.
//!
//! `cargo run --no-default-features --example sans_io`
#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::{Asn, Family};
use oxabgp::fsm::{Cease, Config, ConnId, ConnInfo, Direction, Input, Output, Peer};
use oxabgp::rib::pack::end_of_rib;

fn config(local_as: u32, passive: bool) -> Config {
    Config {
        hold_time: 9,
        passive,
        ..Config::new(
            Asn(local_as),
            Ipv4Addr::from(local_as),
            vec![Family::IPV4_UNICAST],
        )
    }
}

/// On its way to one of the two.
enum Item {
    Connection,
    Bytes(Bytes),
    End,
}

/// One peer, its connection, and what was received of a message.
struct Side {
    name: &'static str,
    peer: Peer,
    connection: Option<ConnId>,
    input: BytesMut,
}

struct Network<'a> {
    sides: [Side; 2],
    /// In order: to whom, and what.
    wire: VecDeque<(usize, Item)>,
    now: Instant,
    print: &'a mut dyn FnMut(&str),
}

impl Network<'_> {
    /// Gives an input to a peer, and does what it asks for.
    fn handle(&mut self, at: usize, input: Input<'_>) {
        self.sides[at].peer.handle(self.now, input);
        while let Some(output) = self.sides[at].peer.poll() {
            self.perform(at, output);
        }
    }

    fn perform(&mut self, at: usize, output: Output) {
        let (name, other) = (self.sides[at].name, 1 - at);
        match output {
            Output::Connect(id) => {
                self.sides[at].connection = Some(id);
                self.wire.push_back((other, Item::Connection));
                self.wire.push_back((at, Item::Connection));
            }
            Output::Transmit(_, bytes) => self.wire.push_back((other, Item::Bytes(bytes))),
            Output::Close(_) => self.wire.push_back((other, Item::End)),
            Output::State {
                from, to, event, ..
            } => {
                (self.print)(&format!("{name}: {event}: {from} -> {to}"));
            }
            Output::Established(_, session) => {
                (self.print)(&format!("{name}: up with AS {}", session.peer_as));
                // UPDATEs are the owner's own: they are written beside the state machine.
                let update = end_of_rib(Family::IPV4_UNICAST);
                self.wire.push_back((other, Item::Bytes(update)));
            }
            Output::Message {
                direction: Direction::Receive,
                message,
                ..
            } if message.kind == MessageType::UPDATE => {
                (self.print)(&format!(
                    "{name}: UPDATE of {} octets",
                    message.body().len()
                ));
            }
            Output::Down(reason) => (self.print)(&format!("{name}: down: {reason}")),
            _ => {}
        }
    }

    fn deliver(&mut self, to: usize, item: Item) {
        let address = SocketAddr::from(([127, 0, 0, 1], 179));
        let ends = ConnInfo {
            local: address,
            remote: address,
        };
        match (item, self.sides[to].connection) {
            (Item::Connection, Some(id)) => self.handle(to, Input::Connected(id, ends)),
            (Item::Connection, None) => {
                let id = self.sides[to].peer.allot();
                self.sides[to].connection = Some(id);
                self.handle(to, Input::Incoming(id, ends));
            }
            (Item::Bytes(bytes), Some(id)) => {
                let mut input = std::mem::take(&mut self.sides[to].input);
                input.extend_from_slice(&bytes);
                loop {
                    let before = input.len();
                    self.handle(to, Input::Received(id, &mut input));
                    if input.len() == before {
                        break;
                    }
                }
                self.sides[to].input = input;
                // What has arrived is no longer in the sender's socket.
                if let Some(id) = self.sides[1 - to].connection {
                    self.handle(1 - to, Input::Written(id));
                }
            }
            (Item::End, Some(id)) => self.handle(to, Input::Eof(id)),
            (_, None) => {}
        }
    }

    /// Delivers what is on its way; then lets time pass up to the next timer, at most until `end`.
    fn run(&mut self, end: Instant) {
        loop {
            while let Some((to, item)) = self.wire.pop_front() {
                self.deliver(to, item);
            }
            let due = |side: &Side| side.peer.timeout();
            let next = self.sides.iter().filter_map(due).min();
            let Some(next) = next.filter(|at| *at <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            for at in 0..2 {
                if due(&self.sides[at]).is_some_and(|at| at <= self.now) {
                    self.handle(at, Input::Timeout);
                }
            }
        }
    }
}

/// Runs the example; `print` gets each line.
pub(crate) fn run(print: &mut dyn FnMut(&str)) {
    let side = |name, config| Side {
        name,
        peer: Peer::new(config),
        connection: None,
        input: BytesMut::new(),
    };
    let start = Instant::now();
    let mut network = Network {
        sides: [
            side("left", config(65001, true)),
            side("right", config(65002, false)),
        ],
        wire: VecDeque::new(),
        now: start,
        print,
    };
    network.handle(0, Input::Start);
    network.handle(1, Input::Start);
    // KEEPALIVEs keep the session up for an hour, which takes no time.
    network.run(start + Duration::from_secs(3600));
    network.handle(
        1,
        Input::Stop(Cease::Shutdown("an hour is enough".to_owned())),
    );
    network.run(start + Duration::from_secs(3601));
}

fn main() {
    run(&mut |line| println!("{line}"));
}
