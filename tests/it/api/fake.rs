//! A daemon that only records what it is asked to do.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use oxabgp::api::changes::Changes;
use oxabgp::api::control::{
    DaemonStatus, ListedRoute, NeighborStatus, NewPeer, RoutePlace, Sending,
};
use oxabgp::api::{
    Among, CommandError, Commands, Control, ErrorKind, Outcome, ReloadStep, Request, RibSide,
    Source,
};
use oxabgp::bgp::message::operational::Operational;
use oxabgp::bgp::next_hop_rule::{NextHopError, NextHops, resolve};
use oxabgp::bgp::{Asn, AttributeSet, Codec, Family, Nlri, Sender};
use oxabgp::grammar::{Selector, Verb};
use oxabgp::rib::{Action, Change, PeerId, PeerSet, Run};

use super::state::Neighbor;

/// Three neighbors. The helper `healthcheck` may use the first two, of which the second is down.
pub(crate) struct Fake {
    pub(crate) names: Vec<String>,
    pub(crate) own: HashSet<u32>,
    pub(crate) up: HashSet<u32>,
    pub(crate) epoch: u64,
    pub(crate) calls: Vec<String>,
    /// The neighbors for `show neighbor`.
    pub(crate) neighbors: Vec<Neighbor>,
    /// The routes announced to every neighbor.
    pub(crate) routes: Vec<(Nlri, Rc<AttributeSet>)>,
    /// All sessions are over IPv4: `next-hop self` is invalid for IPv6 routes.
    pub(crate) ipv4_sessions: bool,
    /// The error of the next `apply`.
    pub(crate) refuse: Option<&'static str>,
    /// No session can send anything.
    pub(crate) carries_nothing: bool,
    /// Whether it takes runs, and how many it took.
    pub(crate) takes_runs: bool,
    pub(crate) runs: usize,
    /// The numbers of neighbors that were removed, with the epochs that began then.
    pub(crate) removed: Vec<(u32, u64)>,
}

impl Fake {
    pub(crate) fn new() -> Self {
        let name = |last: u8, asn: u32| {
            format!(
                "neighbor 127.0.0.{last} local-ip 127.0.0.1 local-as 65000 peer-as {asn} router-id 10.0.0.1 family-allowed in-open"
            )
        };
        Self {
            names: vec![name(2, 65001), name(3, 65001), name(20, 65002)],
            own: [0, 1].into(),
            up: [0, 2].into(),
            epoch: 0,
            calls: Vec::new(),
            neighbors: Vec::new(),
            routes: Vec::new(),
            ipv4_sessions: false,
            refuse: None,
            carries_nothing: false,
            takes_runs: false,
            runs: 0,
            removed: Vec::new(),
        }
    }

    /// Puts another neighbor of the helper in the place of one, as a reload does.
    pub(crate) fn replace(&mut self, number: u32, address: &str) {
        self.names[number as usize] = format!("neighbor {address} local-ip 127.0.0.1");
        self.own.insert(number);
        self.epoch += 1;
        self.removed.push((number, self.epoch));
    }

    fn sender(&self) -> Sender {
        let local_address = if self.ipv4_sessions {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        } else {
            IpAddr::V6(Ipv6Addr::LOCALHOST)
        };
        Sender {
            codec: Codec::default(),
            local_as: Asn(65000),
            local_address,
            router_id: Ipv4Addr::new(10, 0, 0, 1),
            group_updates: true,
        }
    }

    fn note(&mut self, call: String) {
        self.calls.push(call);
    }
}

fn list(peers: &PeerSet) -> String {
    let numbers: Vec<String> = peers.iter().map(|peer| peer.0.to_string()).collect();
    numbers.join(",")
}

fn show(change: &Change) -> String {
    let text = match &change.action {
        Action::Announce(attributes) => format!(
            "announce {} next-hop {}{}",
            change.nlri,
            attributes
                .next_hop()
                .map(|hop| hop.to_string())
                .unwrap_or_default(),
            attributes.text()
        ),
        Action::Withdraw(None) => format!("withdraw {}", change.nlri),
        Action::Withdraw(Some(attributes)) => {
            format!("withdraw {} with{}", change.nlri, attributes.text())
        }
    };
    format!("{text} to {}", list(&change.peers))
}

impl Control for Fake {
    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn removed_since(&self, epoch: u64) -> PeerSet {
        let removed = self.removed.iter().filter(|(_, at)| *at > epoch);
        removed.map(|(number, _)| PeerId(*number)).collect()
    }

    fn select(&mut self, selector: &Selector, among: Among) -> PeerSet {
        let peers = self.names.iter().zip(0u32..).filter(|(name, number)| {
            let reach = match among {
                Among::Own | Among::OwnRoutes => self.own.contains(number),
                Among::OwnAside => false,
                Among::OwnEstablished => self.own.contains(number) && self.up.contains(number),
                Among::All => true,
            };
            reach && selector.matches(name)
        });
        peers.map(|(_, number)| PeerId(number)).collect()
    }

    fn check_next_hop(
        &self,
        _: &PeerSet,
        family: Family,
        hops: NextHops,
    ) -> Result<(), NextHopError> {
        resolve(family, hops, &self.sender()).map(drop)
    }

    fn apply(&mut self, changes: &mut Changes) -> Result<(), CommandError> {
        if let Some(why) = self.refuse.take() {
            return Err(CommandError::new(ErrorKind::Refused, why));
        }
        let sender = self.sender();
        let unfit = |change: &Change| match &change.action {
            Action::Announce(attributes) => {
                let hops = attributes.next_hops();
                resolve(change.nlri.family, hops, &sender) == Err(NextHopError::NoSelf)
            }
            Action::Withdraw(_) => false,
        };
        if changes.list.iter().any(unfit) {
            return Err(CommandError::new(
                ErrorKind::Refused,
                "`next-hop self` is an IPv4 address",
            ));
        }
        for change in changes.list.drain(..) {
            self.calls.push(show(&change));
            if let Action::Announce(attributes) = change.action {
                self.routes.push((change.nlri, attributes));
            }
        }
        Ok(())
    }

    fn apply_run(&mut self, run: &Run<'_>) -> bool {
        let changes: Vec<Change> = run
            .routes()
            .map(|nlri| Change {
                nlri,
                action: run.action.clone(),
                peers: run.peers.clone(),
            })
            .collect();
        let applied = self.takes_runs && self.apply(&mut changes.into()).is_ok();
        self.runs += usize::from(applied);
        applied
    }

    fn end_of_rib(&mut self, peers: &PeerSet, family: Family) {
        self.note(format!("eor {family} to {}", list(peers)));
    }

    fn can_send(&self, _: &PeerSet, _: Sending<'_>) -> bool {
        !self.carries_nothing
    }

    fn refresh(&mut self, peers: &PeerSet, family: Family) {
        self.note(format!("refresh {family} to {}", list(peers)));
    }

    fn operational(&mut self, peers: &PeerSet, message: &Operational) {
        let mut text = String::new();
        message.text(&mut text);
        self.note(format!("{text} to {}", list(peers)));
    }

    fn watchdog(&mut self, peers: &PeerSet, name: &str, verb: Verb) -> Result<(), CommandError> {
        self.note(format!("{verb:?} watchdog {name} to {}", list(peers)));
        Ok(())
    }

    fn teardown(&mut self, peers: &PeerSet, subcode: u8) {
        self.note(format!("teardown {subcode} to {}", list(peers)));
    }

    fn create(&mut self, peer: &NewPeer) -> Result<(), CommandError> {
        self.note(format!(
            "create {} {}for {}",
            peer.address,
            peer.statements,
            peer.helpers.join(",")
        ));
        Ok(())
    }

    fn delete(&mut self, peers: &PeerSet) -> Result<(), CommandError> {
        self.note(format!("delete {}", list(peers)));
        Ok(())
    }

    fn flush(&mut self, peers: &PeerSet) {
        self.note(format!("flush {}", list(peers)));
    }

    fn clear(&mut self, peers: &PeerSet, side: RibSide) {
        self.note(format!("clear {side:?} {}", list(peers)));
    }

    fn neighbors(&self, out: &mut dyn FnMut(&NeighborStatus<'_>)) {
        for (neighbor, number) in self.neighbors.iter().zip(0..) {
            out(&neighbor.status(number));
        }
    }

    fn configuration(&self, peer: PeerId) -> String {
        format!("neighbor {} {{\n}}\n", peer.0)
    }

    /// One route in each call, so that every answer is sent in parts.
    fn routes(
        &self,
        side: RibSide,
        peers: &PeerSet,
        from: RoutePlace,
        out: &mut dyn FnMut(&ListedRoute<'_>),
    ) -> Option<RoutePlace> {
        let all = peers
            .iter()
            .flat_map(|peer| self.routes.iter().map(move |route| (peer, route)));
        let mut rest = all
            .skip(from.slot as usize)
            .filter(|_| side == RibSide::Out);
        let (peer, (nlri, attributes)) = rest.next()?;
        out(&ListedRoute {
            peer,
            nlri: nlri.as_ref(),
            next_hop: attributes.next_hop(),
            attributes,
            stale: false,
        });
        let slot = from.slot + 1;
        rest.next().map(|_| RoutePlace { slot, ..from })
    }

    fn request(&mut self, request: Request) {
        self.note(format!("{request:?}"));
    }

    fn reload_step(&mut self, step: ReloadStep) -> Result<String, CommandError> {
        self.note(format!("{step:?}"));
        Ok(String::new())
    }

    fn status(&self) -> DaemonStatus {
        DaemonStatus::default()
    }

    fn queues(&self, out: &mut dyn FnMut(&str, usize, usize)) {
        out("healthcheck", 0, 0);
    }
}

/// One client and one fake daemon.
pub(crate) struct Talk {
    pub(crate) commands: Commands,
    pub(crate) source: Source,
    pub(crate) fake: Fake,
    pub(crate) last: Outcome,
}

impl Talk {
    pub(crate) fn new() -> Self {
        Self {
            commands: Commands::new(),
            source: Source::new("healthcheck"),
            fake: Fake::new(),
            last: Outcome::Done,
        }
    }

    /// The answer to a line.
    pub(crate) fn submit(&mut self, line: impl AsRef<[u8]>) -> String {
        let mut out = String::new();
        self.last =
            self.commands
                .execute(line.as_ref(), &mut self.source, &mut self.fake, &mut out);
        if let Outcome::Listed(listing) = &mut self.last {
            while listing.next(&self.fake, &mut out) {}
            self.last = Outcome::Done;
        }
        out
    }

    /// The calls to the daemon since the last time.
    pub(crate) fn calls(&mut self) -> Vec<String> {
        std::mem::take(&mut self.fake.calls)
    }
}

/// Executes lines as a daemon does: in runs where possible. Returns the answers and errors.
pub(crate) fn execute(talk: &mut Talk, text: &str) -> Vec<String> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let (mut answers, mut start) = (Vec::new(), 0);
    while start <= text.len() {
        let rest = &text[start..];
        let mut out = String::new();
        let run =
            talk.commands
                .execute_run(rest.as_bytes(), &mut talk.source, &mut talk.fake, &mut out);
        if run.lines > 0 {
            start += run.bytes;
            answers.extend((0..run.lines).map(|_| out.clone()));
            continue;
        }
        assert_eq!((run.bytes, out.as_str()), (0, ""));
        let line = rest.split('\n').next().unwrap_or_default();
        start += line.len() + 1;
        answers.push(say(talk, line));
    }
    answers
}

/// Executes a line. Returns its answer and error.
pub(crate) fn say(talk: &mut Talk, line: &str) -> String {
    let answer = talk.submit(line);
    match &talk.last {
        Outcome::Failed(error) => format!("{answer}{error}"),
        Outcome::Synced(_) => format!("{answer}(later)"),
        _ => answer,
    }
}
