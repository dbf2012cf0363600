//! The daemon in virtual time against a naive model: random commands, faults, reloads, slow readers, restarts and
//! upgrades.
//!
//! The network and the clock are simulated, the rest is the daemon: command language, tables, sessions, events, leases.
//! After everything has calmed down, each peer holds what the model has, the helper knows what each peer announces and has
//! an answer to each command; no session was lost and no KEEPALIVE late without a reason. A failure names its seed, which
//! `tests/simulation 17 1 20000` repeats exactly: that command also decides the order of hash tables and of `select!`.

mod check;
mod helper;
mod model;
mod network;
mod peer;
mod steps;
mod upgrade;
mod world;

use std::rc::Rc;

use tokio::task::LocalSet;

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

#[test]
fn every_seed_ends_as_the_model() {
    let first = setting("OXABGP_SEED", 1);
    let steps = usize::try_from(setting("OXABGP_STEPS", 2_000)).expect("a size");
    for seed in first..first + setting("OXABGP_SEEDS", 4) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let tasks = Rc::new(LocalSet::new());
        runtime.block_on(tasks.run_until(run(&tasks, seed, steps)));
    }
}
