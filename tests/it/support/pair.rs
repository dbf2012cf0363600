//! Two sans-IO peers, a network between them and a clock, all in memory: any order of events can be tested.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use oxabgp::bgp::message::{MessageType, RawMessage};
use oxabgp::bgp::negotiated::Negotiated;
use oxabgp::bgp::{Asn, Family};
use oxabgp::fsm::{
    CloseReason, Config, ConnId, ConnInfo, Direction, Initiator, Input, Output, Peer, State,
};

/// The configuration of a neighbor: AS, identifier, hold time 9, IPv4 unicast, four-octet AS numbers.
pub(crate) fn config(local_as: u32, router_id: [u8; 4]) -> Config {
    Config {
        hold_time: 9,
        ..Config::new(
            Asn(local_as),
            Ipv4Addr::from(router_id),
            vec![Family::IPV4_UNICAST],
        )
    }
}

/// The ends of a connection, whose values do not matter.
pub(crate) fn info() -> ConnInfo {
    let address = SocketAddr::from(([127, 0, 0, 1], 179));
    ConnInfo {
        local: address,
        remote: address,
    }
}

/// A peer and its outputs, for tests that act as the other end.
#[derive(Debug)]
pub(crate) struct Solo {
    pub(crate) peer: Peer,
    pub(crate) now: Instant,
    /// All outputs so far.
    pub(crate) outputs: Vec<Output>,
}

impl Solo {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            peer: Peer::new(config),
            now: Instant::now(),
            outputs: Vec::new(),
        }
    }

    /// Handles an input. Returns the outputs.
    pub(crate) fn handle(&mut self, input: Input<'_>) -> Vec<Output> {
        self.peer.handle(self.now, input);
        let outputs: Vec<Output> = std::iter::from_fn(|| self.peer.poll()).collect();
        self.outputs.extend(outputs.iter().cloned());
        outputs
    }

    /// Starts, and completes the dial. Returns the connection.
    pub(crate) fn dialed(&mut self) -> ConnId {
        let outputs = self.handle(Input::Start);
        self.answer(&outputs)
    }

    /// Completes the dial that is among `outputs`.
    pub(crate) fn answer(&mut self, outputs: &[Output]) -> ConnId {
        let id = outputs
            .iter()
            .find_map(|output| match output {
                Output::Connect(id) => Some(*id),
                _ => None,
            })
            .expect("a dial");
        self.handle(Input::Connected(id, info()));
        id
    }

    /// Accepts a connection.
    pub(crate) fn accepted(&mut self) -> (ConnId, Vec<Output>) {
        let id = self.peer.allot();
        (id, self.handle(Input::Incoming(id, info())))
    }

    /// Receives `bytes` from the other end.
    pub(crate) fn feed(&mut self, id: ConnId, bytes: &[u8]) -> Vec<Output> {
        let mut buffer = BytesMut::from(bytes);
        let mut outputs = Vec::new();
        loop {
            let before = buffer.len();
            outputs.extend(self.handle(Input::Received(id, &mut buffer)));
            if buffer.len() == before {
                return outputs;
            }
        }
    }

    /// Receives `bytes` from the other end, one at a time.
    pub(crate) fn feed_bytewise(&mut self, id: ConnId, bytes: &[u8]) -> Vec<Output> {
        let mut buffer = BytesMut::new();
        let mut outputs = Vec::new();
        for byte in bytes {
            buffer.extend_from_slice(&[*byte]);
            outputs.extend(self.handle(Input::Received(id, &mut buffer)));
        }
        outputs
    }

    /// Advances to the next deadline and handles it.
    pub(crate) fn expire(&mut self) -> (Duration, Vec<Output>) {
        let at = self.peer.timeout().expect("a deadline");
        let waited = at.saturating_duration_since(self.now);
        self.now = self.now.max(at);
        (waited, self.handle(Input::Timeout))
    }
}

/// The (code, subcode) of the NOTIFICATION that was sent, if any.
pub(crate) fn notification(outputs: &[Output]) -> Option<(u8, u8)> {
    messages(outputs, Direction::Send)
        .find(|message| message.kind == MessageType::NOTIFICATION)
        .map(|message| (message.body()[0], message.body()[1]))
}

/// The types of the messages reported as sent.
pub(crate) fn sent(outputs: &[Output]) -> Vec<MessageType> {
    messages(outputs, Direction::Send)
        .map(|message| message.kind)
        .collect()
}

/// The reported reason of the close, if any.
pub(crate) fn down(outputs: &[Output]) -> Option<CloseReason> {
    outputs.iter().find_map(|output| match output {
        Output::Down(reason) => Some(reason.clone()),
        _ => None,
    })
}

/// Returns `true` if the session was established.
pub(crate) fn up(outputs: &[Output]) -> Option<Rc<Negotiated>> {
    outputs.iter().find_map(|output| match output {
        Output::Established(_, negotiated) => Some(Rc::clone(negotiated)),
        _ => None,
    })
}

/// What is reported of the neighbor as a whole, in order.
pub(crate) fn story(outputs: &[Output]) -> Vec<String> {
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Connect(_) => Some("connecting".to_owned()),
            Output::Connected(_, _, Initiator::Local) => Some("connected".to_owned()),
            Output::Connected(_, _, Initiator::Remote) => Some("accepted".to_owned()),
            Output::Message {
                direction: Direction::Send,
                message,
                ..
            } if message.kind == MessageType::OPEN => Some("OPEN".to_owned()),
            Output::Negotiated(..) => Some("negotiated".to_owned()),
            Output::Established(..) => Some("up".to_owned()),
            Output::Down(reason) => Some(format!("down - {reason}")),
            _ => None,
        })
        .collect()
}

fn messages(outputs: &[Output], wanted: Direction) -> impl Iterator<Item = &RawMessage> {
    outputs.iter().filter_map(move |output| match output {
        Output::Message {
            direction, message, ..
        } if *direction == wanted => Some(message),
        _ => None,
    })
}

/// Something in transit to one end of a connection.
#[derive(Debug)]
enum Item {
    Connected,
    Incoming,
    Refused,
    Data(Bytes),
    Fin,
}

/// What is in transit to one end of one connection, in order.
#[derive(Debug)]
struct Channel {
    wire: usize,
    to: usize,
    items: VecDeque<Item>,
}

/// One TCP connection: its id at both ends, and whether each end still has it open.
#[derive(Debug)]
struct Wire {
    ids: [Option<ConnId>; 2],
    open: [bool; 2],
}

/// Two peers with a network and a clock.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) peers: [Peer; 2],
    pub(crate) now: Instant,
    /// The outputs of each peer.
    pub(crate) outputs: [Vec<Output>; 2],
    /// Whether a dial by each peer succeeds.
    pub(crate) reachable: [bool; 2],
    wires: Vec<Wire>,
    channels: Vec<Channel>,
    buffers: Vec<[BytesMut; 2]>,
}

impl Pair {
    pub(crate) fn new(configs: [Config; 2]) -> Self {
        Self {
            peers: configs.map(Peer::new),
            now: Instant::now(),
            outputs: [Vec::new(), Vec::new()],
            reachable: [true; 2],
            wires: Vec::new(),
            channels: Vec::new(),
            buffers: Vec::new(),
        }
    }

    /// Both start; nothing is delivered yet.
    pub(crate) fn start(&mut self) {
        for side in 0..2 {
            self.handle(side, Input::Start);
        }
    }

    /// Passes an input to one side and performs its outputs.
    pub(crate) fn handle(&mut self, side: usize, input: Input<'_>) {
        self.peers[side].handle(self.now, input);
        while let Some(output) = self.peers[side].poll() {
            assert!(
                self.outputs[side].len() < 20_000,
                "the peers never come to rest"
            );
            self.perform(side, &output);
            self.outputs[side].push(output);
        }
    }

    /// The channels with something in transit.
    pub(crate) fn choices(&self) -> Vec<usize> {
        (0..self.channels.len())
            .filter(|at| !self.channels[*at].items.is_empty())
            .collect()
    }

    /// Delivers the next item of a channel.
    pub(crate) fn deliver(&mut self, channel: usize) {
        let Channel { wire, to, items } = &mut self.channels[channel];
        let (wire, to) = (*wire, *to);
        let Some(item) = items.pop_front() else {
            return;
        };
        if let Item::Incoming = item {
            let id = self.peers[to].allot();
            self.wires[wire].ids[to] = Some(id);
            return self.handle(to, Input::Incoming(id, info()));
        }
        let (Some(id), true) = (self.wires[wire].ids[to], self.wires[wire].open[to]) else {
            return;
        };
        match item {
            Item::Connected => self.handle(to, Input::Connected(id, info())),
            Item::Refused => self.handle(to, Input::ConnectFailed(id)),
            Item::Fin => self.handle(to, Input::Eof(id)),
            Item::Incoming => {}
            Item::Data(bytes) => {
                let mut buffer = std::mem::take(&mut self.buffers[wire][to]);
                buffer.extend_from_slice(&bytes);
                loop {
                    let before = buffer.len();
                    self.handle(to, Input::Received(id, &mut buffer));
                    if buffer.len() == before {
                        break;
                    }
                }
                self.buffers[wire][to] = buffer;
                // What has arrived is no longer in the sender's socket.
                let from = 1 - to;
                if let (Some(id), true) = (self.wires[wire].ids[from], self.wires[wire].open[from])
                {
                    self.handle(from, Input::Written(id));
                }
            }
        }
    }

    /// Delivers everything, in order, until nothing is in transit.
    pub(crate) fn pump(&mut self) {
        while let Some(channel) = self.choices().first().copied() {
            self.deliver(channel);
        }
    }

    /// Advances the time: every timer is handled when it expires, and its outputs are delivered immediately.
    pub(crate) fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        self.pump();
        while let Some(at) = (0..2)
            .filter_map(|side| self.peers[side].timeout())
            .min()
            .filter(|at| *at <= end)
        {
            self.now = self.now.max(at);
            for side in 0..2 {
                if self.peers[side].timeout().is_some_and(|at| at <= self.now) {
                    self.handle(side, Input::Timeout);
                }
            }
            self.pump();
        }
        self.now = end;
    }

    /// The states of both.
    pub(crate) fn states(&self) -> [State; 2] {
        [self.peers[0].state(), self.peers[1].state()]
    }

    /// The number of connections that both ends have open.
    pub(crate) fn session_wires(&self) -> usize {
        self.wires
            .iter()
            .filter(|wire| wire.open == [true; 2])
            .count()
    }

    /// Cuts every connection; both ends will notice.
    pub(crate) fn cut(&mut self) {
        for at in 0..self.wires.len() {
            for to in 0..2 {
                if self.wires[at].open[to] {
                    self.send(at, to, Item::Fin);
                }
            }
        }
    }

    fn perform(&mut self, side: usize, output: &Output) {
        let other = 1 - side;
        match output {
            Output::Connect(id) => {
                let mut ids = [None, None];
                ids[side] = Some(*id);
                let wire = self.wires.len();
                self.wires.push(Wire {
                    ids,
                    open: [true; 2],
                });
                self.buffers.push([BytesMut::new(), BytesMut::new()]);
                for to in 0..2 {
                    self.channels.push(Channel {
                        wire,
                        to,
                        items: VecDeque::new(),
                    });
                }
                if self.reachable[side] {
                    self.send(wire, side, Item::Connected);
                    self.send(wire, other, Item::Incoming);
                } else {
                    self.send(wire, side, Item::Refused);
                }
            }
            Output::Transmit(id, bytes) => {
                let wire = self.wire(side, *id);
                assert!(self.wires[wire].open[side], "transmit after close");
                self.send(wire, other, Item::Data(bytes.clone()));
            }
            Output::Close(id) => {
                let wire = self.wire(side, *id);
                if std::mem::replace(&mut self.wires[wire].open[side], false) {
                    self.send(wire, other, Item::Fin);
                }
            }
            _ => {}
        }
    }

    fn wire(&self, side: usize, id: ConnId) -> usize {
        self.wires
            .iter()
            .position(|wire| wire.ids[side] == Some(id))
            .expect("a connection that this side was shown_now of")
    }

    fn send(&mut self, wire: usize, to: usize, item: Item) {
        let channel = self
            .channels
            .iter_mut()
            .find(|channel| channel.wire == wire && channel.to == to)
            .expect("both channels are made with the wire");
        channel.items.push_back(item);
    }
}
