//! The daemon in virtual time against a naive model: random commands, faults, reloads, slow readers, restarts and
//! upgrades; graceful restart of some peers, one peer in a range.
//!
//! The network and the clock are simulated, the rest is the daemon: command language, tables, sessions, events, leases.
//! After everything has calmed down, each peer holds what the model has, the helper knows what each peer announces and has
//! an answer to each command; no session was lost and no KEEPALIVE late without a reason. A failure names its seed, which
//! `tests/simulation 17 1 20000` repeats exactly: that command also decides the order of hash tables and of `select!`. With
//! `OXABGP_TRACE=1` it prints the log of the daemon, too.

mod check;
mod held;
mod helper;
mod model;
mod network;
mod peer;
mod steps;
mod upgrade;
mod wire;
mod world;

use std::rc::Rc;
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::sleep;

use model::{Expected, Section, Zone, next_hop, route};
use peer::Pace;
use world::World;

async fn run(tasks: &Rc<LocalSet>, seed: u64, steps: usize) {
    let mut world = World::new(seed, tasks);
    for step in 0..steps {
        world.step().await;
        let compares = step % 2_000 == 1_999 || step == steps - 1;
        if compares && let Err(difference) = world.settle().await {
            let log = world.log.join("\n");
            let states = world.daemon.states()
                + &world.in_table(&difference)
                + &world.histories(&difference);
            panic!("seed {seed}, step {step}: {difference}\n{states}the last steps:\n{log}");
        }
    }
    world.daemon.stop().await;
    if let Some(path) = std::env::var_os("OXABGP_DIGEST") {
        let digests: Vec<u64> = world.peers.iter().map(|peer| peer.digest()).collect();
        std::fs::write(path, format!("{digests:x?}\n")).expect("a file");
    }
}

fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect("a number"))
}

fn in_virtual_time(run: impl AsyncFnOnce(&Rc<LocalSet>)) {
    if std::env::var_os("OXABGP_TRACE").is_some() {
        let log = tracing_subscriber::fmt().with_ansi(false);
        let log = log.with_max_level(tracing::Level::DEBUG);
        // Both tests may be in one process.
        let _ = log.try_init();
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let tasks = Rc::new(LocalSet::new());
    runtime.block_on(tasks.run_until(run(&tasks)));
}

#[test]
fn every_seed_ends_as_the_model() {
    let first = setting("OXABGP_SEED", 1);
    let steps = usize::try_from(setting("OXABGP_STEPS", 2_000)).expect("a size");
    for seed in first..first + setting("OXABGP_SEEDS", 4) {
        in_virtual_time(async |tasks| run(tasks, seed, steps).await);
    }
}

#[test]
fn a_neighbor_that_is_being_removed_is_not_handed_over() {
    in_virtual_time(async |tasks| {
        let mut world = World::new(1, tasks);
        world.settle().await.expect("everything as in the model");
        let peer = Rc::clone(&world.peers[0]);
        // It reads nothing, so that its session can't be closed with a NOTIFICATION, and the neighbor stays for a while.
        peer.excuse(Duration::from_secs(300));
        peer.read_at(Pace::Nothing, Duration::from_secs(20));
        let routes = (0..2_000).map(|at| {
            let prefix = route(Zone::Helper, at);
            let (name, hop) = (peer.address, next_hop(prefix));
            format!("neighbor {name} announce route {prefix} next-hop {hop} med {at}")
        });
        world.daemon.send_all(&routes.collect::<Vec<_>>());
        sleep(Duration::from_secs(1)).await;
        let neighbors = &Rc::clone(&world.daemon.core).neighbors;
        let old = Rc::clone(&neighbors.all()[0]);
        world.expected[0] = None;
        world.apply_file();
        let section = Section::new(0, &mut world.random);
        world.expected[0] = Some(Expected::new(section));
        world.apply_file();
        assert!(old.leaving.get() && neighbors.get(old.neighbor.id).is_some());
        world.upgrade_now().await.expect("it continues");
        world.settle().await.expect("everything as in the model");
    });
}
