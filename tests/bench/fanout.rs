//! From changes to UPDATE bytes.

use criterion::{BatchSize, Criterion, Throughput};
use oxabgp::rib::{Action, AdjRibOut, Change, PeerId};

use super::{BUDGET, ROUTES, all, attributes, drain, established, prefix, session};

/// Applies `changes` as a helper's reader does, and hands out after each batch.
fn run(rib: &mut AdjRibOut, changes: &[Change], peers: u32) {
    for batch in changes.chunks(1_000) {
        for change in batch {
            rib.apply(change);
        }
        rib.take_wakeups(&mut |_| {});
        drain(rib, peers);
    }
}

fn changes(peers: u32, sets: u32) -> Vec<Change> {
    let sets: Vec<_> = (0..sets).map(attributes).collect();
    let routes = (0..ROUTES).zip(sets.iter().cycle());
    routes
        .map(|(number, set)| Change {
            nlri: prefix(number),
            action: Action::Announce(set.clone()),
            peers: all(peers),
        })
        .collect()
}

pub(super) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("change_to_update");
    group.throughput(Throughput::Elements(ROUTES.into()));
    for (name, sets) in [
        ("new_routes_one_set", 1),
        ("new_routes_100_sets", 100),
        ("new_routes_distinct_sets", ROUTES),
    ] {
        let changes = changes(1, sets);
        group.bench_function(name, |b| {
            b.iter_batched(
                || established(1),
                |mut rib| {
                    run(&mut rib, &changes, 1);
                    rib
                },
                BatchSize::PerIteration,
            );
        });
    }
    let first = changes(1, 1);
    let mut second = changes(1, 2);
    second.rotate_left(1);
    group.bench_function("changed_routes", |b| {
        let mut rib = established(1);
        run(&mut rib, &first, 1);
        let mut flip = false;
        b.iter(|| {
            flip = !flip;
            run(&mut rib, if flip { &second } else { &first }, 1);
        });
    });
    group.bench_function("equal_routes", |b| {
        let mut rib = established(1);
        run(&mut rib, &first, 1);
        b.iter(|| run(&mut rib, &first, 1));
    });
    let gone: Vec<Change> = first
        .iter()
        .map(|change| Change {
            action: Action::Withdraw(None),
            ..change.clone()
        })
        .collect();
    group.bench_function("announced_and_withdrawn", |b| {
        let mut rib = established(1);
        b.iter(|| {
            run(&mut rib, &first, 1);
            run(&mut rib, &gone, 1);
        });
    });
    group.finish();
    fan_out(c);
}

fn fan_out(c: &mut Criterion) {
    let mut group = c.benchmark_group("fan_out");
    for peers in [1, 10, 100] {
        let changes = changes(peers, 100);
        group.throughput(Throughput::Elements(u64::from(ROUTES) * u64::from(peers)));
        group.bench_function(format!("{peers}_peers"), |b| {
            b.iter_batched(
                || established(peers),
                |mut rib| {
                    run(&mut rib, &changes, peers);
                    rib
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.throughput(Throughput::Elements(ROUTES.into()));
    let changes = changes(1, 100);
    group.bench_function("session_up", |b| {
        let mut rib = established(1);
        run(&mut rib, &changes, 1);
        b.iter(|| {
            rib.up(PeerId(0), session());
            while rib.has_work(PeerId(0)) {
                rib.fill(PeerId(0), BUDGET, &mut |_| {});
            }
        });
    });
    group.finish();
}
