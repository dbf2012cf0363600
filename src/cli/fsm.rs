//! `oxabgp fsm`: the state machine as a table, or two state machines that bring a session up in memory, step by step.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use clap::Args;

use crate::bgp::message::MessageType;
use crate::bgp::{Asn, Family};
use crate::fsm::{Cease, Config, ConnId, ConnInfo, Direction, Input, Output, Peer, table};

// Options of `fsm`.
#[derive(Args, Debug)]
pub(crate) struct FsmArgs {
    /// Show how a session comes up and ends instead: two state machines in memory, with the reason for each step.
    #[arg(long)]
    live: bool,
}

pub(super) fn run(args: &FsmArgs) -> ExitCode {
    if args.live {
        Live::new().play();
    } else {
        out!("{}", table::markdown());
    }
    ExitCode::SUCCESS
}

/// Two neighbors and the connection between them.
struct Live {
    sides: [Side; 2],
    now: Instant,
    begun: Instant,
}

/// One of them.
struct Side {
    name: &'static str,
    peer: Peer,
    connection: Option<ConnId>,
    /// What the other side has sent.
    input: BytesMut,
}

impl Live {
    fn new() -> Self {
        let now = Instant::now();
        let side = |name, local: u32, peer: u32, router_id, passive| Side {
            name,
            peer: Peer::new(Config {
                peer_as: Some(Asn(peer)),
                hold_time: 9,
                passive,
                ..Config::new(
                    Asn(local),
                    Ipv4Addr::from(router_id),
                    vec![Family::IPV4_UNICAST],
                )
            }),
            connection: None,
            input: BytesMut::new(),
        };
        Self {
            sides: [
                side("left ", 65001, 65002, [192, 0, 2, 1], false),
                side("right", 65002, 65001, [192, 0, 2, 2], true),
            ],
            now,
            begun: now,
        }
    }

    fn play(&mut self) {
        outln!(
            "left is AS 65001 and dials; right is AS 65002 and waits; hold time 9 s; the clock is simulated\n"
        );
        self.give(1, Input::Start);
        self.give(0, Input::Start);
        self.exchange();
        // Long enough for a few KEEPALIVEs.
        let end = self.now + Duration::from_secs(7);
        while let Some(at) = self.deadline().filter(|at| *at <= end) {
            self.now = at;
            self.give(0, Input::Timeout);
            self.give(1, Input::Timeout);
            self.exchange();
        }
        self.give(
            0,
            Input::Stop(Cease::Shutdown("end of the demo".to_owned())),
        );
        self.exchange();
        self.give(1, Input::Stop(Cease::Removed));
    }

    fn deadline(&self) -> Option<Instant> {
        let deadlines = self.sides.iter().filter_map(|side| side.peer.timeout());
        deadlines.min()
    }

    /// Delivers what was sent until both are silent.
    fn exchange(&mut self) {
        loop {
            let mut moved = false;
            for side in 0..2 {
                let Some(id) = self.sides[side].connection else {
                    continue;
                };
                let mut input = std::mem::take(&mut self.sides[side].input);
                let before = input.len();
                self.give(side, Input::Received(id, &mut input));
                moved |= input.len() != before;
                self.sides[side].input = input;
            }
            if !moved {
                return;
            }
        }
    }

    fn give(&mut self, side: usize, input: Input<'_>) {
        self.sides[side].peer.handle(self.now, input);
        while let Some(output) = self.sides[side].peer.poll() {
            self.perform(side, output);
        }
    }

    fn perform(&mut self, side: usize, output: Output) {
        let other = 1 - side;
        match output {
            Output::Connect(id) => self.connect(side, id),
            Output::Transmit(_, bytes) => self.sides[other].input.extend_from_slice(&bytes),
            Output::Close(_) => self.sides[side].connection = None,
            Output::State {
                from, to, event, ..
            } => {
                let why = table::find(from, event, to).map_or("", |row| row.why);
                let counter = self.sides[side].peer.connect_retry_counter();
                self.line(
                    side,
                    &format!("event={event} from={from} to={to} ({}): {why}; ConnectRetryCounter {counter}", event.number()),
                );
            }
            Output::Message {
                direction: Direction::Send,
                message,
                ..
            } => self.line(side, &format!("  sends {}", name(message.kind))),
            Output::Negotiated(_, both) => {
                let text = format!(
                    "  both OPENs agree: peer AS {}, hold time {} s",
                    both.peer_as, both.hold_time
                );
                self.line(side, &text);
            }
            Output::Down(reason) => self.line(side, &format!("  the session has ended: {reason}")),
            _ => {}
        }
    }

    /// The dial of one side is the accepted connection of the other.
    fn connect(&mut self, side: usize, id: ConnId) {
        let other = 1 - side;
        let local = SocketAddr::from(([192, 0, 2, 1], 50_000));
        let remote = SocketAddr::from(([192, 0, 2, 2], 179));
        self.sides[side].connection = Some(id);
        let accepted = self.sides[other].peer.allot();
        self.sides[other].connection = Some(accepted);
        self.give(side, Input::Connected(id, ConnInfo { local, remote }));
        let ends = ConnInfo {
            local: remote,
            remote: local,
        };
        self.give(other, Input::Incoming(accepted, ends));
    }

    fn line(&self, side: usize, text: &str) {
        let at = self.now.saturating_duration_since(self.begun);
        outln!("{:>3} s  {}  {text}", at.as_secs(), self.sides[side].name);
    }
}

/// A message's name.
fn name(kind: MessageType) -> &'static str {
    match kind {
        MessageType::OPEN => "OPEN",
        MessageType::KEEPALIVE => "KEEPALIVE",
        MessageType::NOTIFICATION => "NOTIFICATION",
        _ => "a message",
    }
}
