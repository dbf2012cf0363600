//! From what a helper prints to changes.

use std::fmt::Write as _;
use std::rc::Rc;

use criterion::{Criterion, Throughput};
use oxabgp::api::changes::Changes;
use oxabgp::api::control::{DaemonStatus, ListedRoute, NeighborStatus, NewPeer, RoutePlace};
use oxabgp::api::{Among, CommandError, Commands, Control, Request, RibSide, Source};
use oxabgp::bgp::message::operational::Operational;
use oxabgp::bgp::next_hop_rule::{NextHopError, NextHops};
use oxabgp::bgp::{AttributeSet, Family};
use oxabgp::grammar::{Selector, Verb};
use oxabgp::rib::{AdjRibOut, Interner, PeerId, PeerSet, Run};

use super::{ROUTES, all, drain, established};

/// A daemon with one neighbour.
#[derive(Default)]
pub(super) struct Daemon {
    interner: Interner,
    /// Where changes go; without it they are counted.
    pub(super) rib: Option<AdjRibOut>,
    changes: usize,
}

impl Daemon {
    pub(super) fn with_rib(rib: AdjRibOut) -> Self {
        Self {
            rib: Some(rib),
            ..Self::default()
        }
    }
}

impl Control for Daemon {
    fn epoch(&self) -> u64 {
        0
    }

    fn select(&mut self, _: &Selector, _: Among) -> PeerSet {
        all(1)
    }

    fn intern(&mut self, attributes: Rc<AttributeSet>) -> Rc<AttributeSet> {
        self.interner.intern_shared(attributes)
    }

    fn check_next_hop(&self, _: &PeerSet, _: Family, _: NextHops) -> Result<(), NextHopError> {
        Ok(())
    }

    fn apply(&mut self, changes: &mut Changes) -> Result<(), CommandError> {
        for change in changes.list.drain(..) {
            self.changes += 1;
            if let Some(rib) = &mut self.rib {
                rib.apply(&change);
            }
        }
        Ok(())
    }

    fn apply_run(&mut self, run: &Run<'_>) -> bool {
        self.changes += run.iter().count();
        self.rib.as_mut().is_none_or(|rib| rib.apply_run(run))
    }

    fn end_of_rib(&mut self, _: &PeerSet, _: Family) {}
    fn refresh(&mut self, _: &PeerSet, _: Family) {}
    fn operational(&mut self, _: &PeerSet, _: &Operational) {}
    fn watchdog(&mut self, _: &PeerSet, _: &str, _: Verb) -> Result<(), CommandError> {
        Ok(())
    }
    fn teardown(&mut self, _: &PeerSet, _: u8) {}
    fn flush(&mut self, _: &PeerSet) {}
    fn create(&mut self, _: &NewPeer) -> Result<(), CommandError> {
        Ok(())
    }
    fn delete(&mut self, _: &PeerSet) -> Result<(), CommandError> {
        Ok(())
    }
    fn clear(&mut self, _: &PeerSet, _: RibSide) {}
    fn neighbors(&self, _: &mut dyn FnMut(&NeighborStatus<'_>)) {}

    fn configuration(&self, _: PeerId) -> String {
        String::new()
    }

    fn routes(
        &self,
        _: RibSide,
        _: &PeerSet,
        _: RoutePlace,
        _: &mut dyn FnMut(&ListedRoute<'_>),
    ) -> Option<RoutePlace> {
        None
    }

    fn request(&mut self, _: Request) {}

    fn status(&self) -> DaemonStatus {
        DaemonStatus::default()
    }

    fn queues(&self, _: &mut dyn FnMut(&str, usize, usize)) {}
}

/// Lines whose tails are of `tails` kinds, as one text.
fn text(tails: u32) -> String {
    let mut text = String::new();
    for number in 0..ROUTES {
        let [_, _, b, c] = number.to_be_bytes();
        let a = 10 + (number >> 16);
        let tail = number % tails;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "announce route {a}.{b}.{c}.0/24 next-hop 192.0.2.1 med {tail} community [ 65000:1 65000:2 ] as-path [ 65000 65010 ]"
        );
    }
    text
}

fn run(commands: &mut Commands, source: &mut Source, daemon: &mut Daemon, text: &str) {
    let mut answers = String::new();
    for (count, line) in text.lines().enumerate() {
        commands.execute(line.as_bytes(), source, daemon, &mut answers);
        answers.clear();
        if count % 1_000 == 999
            && let Some(rib) = &mut daemon.rib
        {
            drain(rib, 1);
        }
    }
}

pub(super) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("line_to_change");
    group.throughput(Throughput::Elements(ROUTES.into()));
    for (name, tails) in [("memo_hit", 100), ("memo_miss", ROUTES)] {
        let text = text(tails);
        group.bench_function(name, |b| {
            let (mut commands, mut source) = (Commands::new(), Source::new("bench"));
            let mut daemon = Daemon::default();
            b.iter(|| run(&mut commands, &mut source, &mut daemon, &text));
            assert_eq!(daemon.changes % ROUTES as usize, 0, "a line was refused");
            assert!(daemon.changes > 0);
        });
    }
    group.finish();

    let mut group = c.benchmark_group("line_to_update");
    group.throughput(Throughput::Elements(ROUTES.into()));
    for (name, tails) in [("memo_hit", 100), ("memo_miss", ROUTES)] {
        let text = text(tails);
        group.bench_function(name, |b| {
            b.iter_batched(
                || Daemon {
                    rib: Some(established(1)),
                    ..Daemon::default()
                },
                |mut daemon| {
                    run(
                        &mut Commands::new(),
                        &mut Source::new("bench"),
                        &mut daemon,
                        &text,
                    );
                    daemon
                },
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}
