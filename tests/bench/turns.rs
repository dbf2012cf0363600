//! The longest turns with two million routes: what a keepalive may have to wait for.

use std::time::{Duration, Instant};

use oxabgp::rib::{Action, Change, PeerId, PeerOptions, RouteFilter};

use super::{BUDGET, all, attributes, established, prefix, session};

const MANY: u32 = 2_000_000;

/// The longest of several turns, and how long all of them took.
#[derive(Default)]
struct Longest {
    longest: Duration,
    all: Duration,
}

impl Longest {
    fn time<T>(&mut self, turn: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = turn();
        let took = start.elapsed();
        self.longest = self.longest.max(took);
        self.all += took;
        result
    }

    fn show(&self, what: &str) {
        println!(
            "{what:<40} longest {:>10.1?}, all {:>10.1?}",
            self.longest, self.all
        );
    }
}

pub(super) fn run() {
    let mut rib = established(1);
    let set = attributes(1);
    let mut change = Change {
        nlri: prefix(0),
        action: Action::Announce(set),
        peers: all(1),
    };
    let (mut apply, mut fill) = (Longest::default(), Longest::default());
    for number in 0..MANY {
        change.nlri = prefix(number);
        apply.time(|| rib.apply(&change));
        if number % 4_096 == 0 {
            fill.time(|| rib.fill(PeerId(0), BUDGET, &mut |_| {}));
        }
    }
    while rib.has_work(PeerId(0)) {
        fill.time(|| rib.fill(PeerId(0), BUDGET, &mut |_| {}));
    }
    println!("{:?}", rib.counters());
    apply.show("apply one of 2,000,000 routes");
    fill.show("fill while they come in");

    let mut up = Longest::default();
    up.time(|| rib.up(PeerId(0), session()));
    while rib.has_work(PeerId(0)) {
        up.time(|| rib.fill(PeerId(0), BUDGET, &mut |_| {}));
    }
    up.show("fill of a session that came up");

    let mut show = Longest::default();
    let count = show.time(|| rib.routes(RouteFilter::default()).count());
    show.show(&format!("show {count} routes"));

    let options = PeerOptions {
        families: session().families,
        keep: true,
    };
    rib.add_peer(PeerId(1), options.clone());
    let mut copy = Longest::default();
    copy.time(|| rib.copy_routes(PeerId(0), PeerId(1)));
    copy.show("copy to a neighbour of a range");
    let mut fill = Longest::default();
    while rib.has_work(PeerId(0)) {
        fill.time(|| rib.fill(PeerId(0), BUDGET, &mut |_| {}));
    }
    fill.show("fill until that is done");
    let mut again = Longest::default();
    again.time(|| rib.remove_peer(PeerId(1)));
    again.time(|| rib.add_peer(PeerId(1), options));
    again.show("a number used again");
    let mut fill = Longest::default();
    while rib.has_work(PeerId(0)) {
        fill.time(|| rib.fill(PeerId(0), BUDGET, &mut |_| {}));
    }
    fill.show("fill until that is done");

    let mut clear = Longest::default();
    clear.time(|| rib.clear(&all(1)));
    clear.show("clear adj-rib out");
    let mut fill = Longest::default();
    while rib.has_work(PeerId(0)) {
        fill.time(|| rib.fill(PeerId(0), BUDGET, &mut |_| {}));
    }
    fill.show("fill of the withdrawals");
}
