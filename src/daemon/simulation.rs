//! The daemon in virtual time against a naive model: random commands, faults, reloads, slow readers and restarts.
//!
//! The network and the clock are simulated, the rest is the daemon: command language, tables, sessions, events, leases.
//! After everything has calmed down, each peer holds what the model has, the helper knows what each peer announces and has
//! an answer to each command; no session was lost and no KEEPALIVE late without a reason. A failure names its seed, which
//! `tests/simulation 17 1 20000` repeats: the same faults and commands, in nearly the same order (the order of hash tables
//! and of `select!` differs between runs).

use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{Instant, sleep};

use crate::config::{Config, Env};
use crate::fsm::Cease;
use crate::speaker::Server;

use super::core::Core;
use super::executor::Executor;
use super::process::{Commands, Process};
use super::queue::Marks;
use super::reload;
use super::running::Running;

mod check;
mod helper;
mod model;
mod network;
mod peer;
mod steps;

use helper::Helper;
use model::{Expected, Section};
use network::{Line, Network, Random};
use peer::Peer;

/// Our AS, and our address.
const OURS: u32 = 65_000;
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);
/// Peers of a world.
const PEERS: usize = 6;
/// Prefixes of a zone that commands use.
const PREFIXES: u64 = 60;

/// A daemon that runs.
struct Daemon {
    core: Rc<Core>,
    executor: Rc<Executor>,
    server: Server,
    process: Rc<Process>,
    helper: Rc<Helper>,
    reader: AbortHandle,
}

/// Everything of one seed.
struct World {
    random: Random,
    network: Rc<Network>,
    peers: Vec<Rc<Peer>>,
    /// The neighbors that the configuration has.
    expected: Vec<Option<Expected>>,
    daemon: Daemon,
    /// The speaker that peers connect to.
    server: Rc<RefCell<Server>>,
    file: tempfile::TempDir,
    started: Instant,
    /// The last commands and faults, for a report.
    log: Vec<String>,
}

impl World {
    async fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let network = Rc::new(Network::default());
        let mut peers = Vec::new();
        for index in 0..PEERS {
            let address: IpAddr = format!("192.0.2.{}", index + 1)
                .parse()
                .expect("an address");
            let line = Line::new(Random::new(random.next()));
            network.add(address, &line);
            let asn = if index % 3 == 2 {
                OURS
            } else {
                64_512 + u32::try_from(index).expect("few")
            };
            peers.push(Peer::new(address, asn, index % 2 == 1, line));
        }
        let expected: Vec<Option<Expected>> = (0..PEERS)
            .map(|index| Some(Expected::new(Section::new(index, &mut random))))
            .collect();
        let file = tempfile::tempdir().expect("a directory");
        let text = render(&peers, &expected);
        let daemon = Daemon::start(&network, &text).await;
        let world = Self {
            random,
            network,
            peers,
            expected,
            server: Rc::new(RefCell::new(daemon.server.clone())),
            daemon,
            file,
            started: Instant::now(),
            log: Vec::new(),
        };
        for peer in &world.peers {
            if !peer.dials {
                let peer = Rc::clone(peer);
                spawn_local(async move {
                    loop {
                        let stream = peer.line.accept().await;
                        peer.serve(stream).await;
                    }
                });
            }
        }
        world.dial();
        world
    }

    /// Lets peers connect to the daemon that runs.
    fn dial(&self) {
        for peer in self.peers.iter().filter(|peer| peer.dials) {
            let (peer, network) = (Rc::clone(peer), Rc::clone(&self.network));
            let server = Rc::clone(&self.server);
            spawn_local(async move {
                loop {
                    let (server, us) = (server.borrow().clone(), IpAddr::V4(ADDRESS));
                    let stream = network.dial_daemon(peer.address, (&server, us)).await;
                    peer.serve(stream).await;
                    sleep(Duration::from_secs(2)).await;
                }
            });
        }
    }

    fn note(&mut self, what: String) {
        let at = Instant::now();
        self.log.push(format!("{:?} {what}", at - self.started));
        if self.log.len() > 400 {
            self.log.drain(..200);
        }
    }
}

fn render(peers: &[Rc<Peer>], expected: &[Option<Expected>]) -> String {
    let mut text = "process helper { run /bin/false; encoder json; }\n".to_owned();
    for (peer, expected) in peers.iter().zip(expected) {
        if let Some(expected) = expected {
            let facts = (peer.asn, peer.dials);
            expected.section.render(peer.address, facts, &mut text);
        }
    }
    text
}

impl Daemon {
    async fn start(network: &Rc<Network>, text: &str) -> Self {
        let env = Env::default();
        let parsed = Config::parse("simulated", text, &PathBuf::new(), &env);
        let (config, _) = parsed.unwrap_or_else(|errors| panic!("{errors}\n{text}"));
        let core = Core::new(env);
        let executor = Executor::new(Rc::clone(&core));
        let server = Server::with_transport(ADDRESS, Rc::clone(network) as _);
        core.attach(server.clone());
        // Low marks, so that a slow helper pauses sessions.
        let marks = Marks {
            high: 8_192,
            low: 2_048,
            replies: 4_096,
        };
        let process = Rc::new(Process::new(config.processes[0].clone(), marks));
        core.events.helpers().add(Rc::clone(&process));
        process.begin();
        process.queue.open();
        executor.started(&process);
        let running = Running::new(config);
        for neighbor in &running.neighbors {
            let added = reload::add(&core, &server, Rc::clone(neighbor));
            added.expect("a neighbor");
        }
        core.reloads.replace(running);
        super::housekeep(&core, None);
        server.start();
        let helper = Rc::new(Helper::default());
        let reader = {
            let (executor, process, helper) = (
                Rc::clone(&executor),
                Rc::clone(&process),
                Rc::clone(&helper),
            );
            spawn_local(async move { helper.read(&executor, &process).await })
        };
        Self {
            core,
            executor,
            server,
            process,
            helper,
            reader: reader.abort_handle(),
        }
    }

    fn all_established(&self) -> bool {
        let all = self.core.neighbors.all();
        all.iter().all(|listed| listed.neighbor.is_established())
    }

    /// The sessions as the daemon sees them.
    fn states(&self) -> String {
        let queue = &self.process.queue;
        let mut text = format!(
            "queue: {} octets, room: {}\n",
            queue.bytes(),
            queue.has_room()
        );
        for listed in self.core.neighbors.all() {
            let neighbor = &listed.neighbor;
            let status = self.core.status(neighbor.id);
            let state = status.map(|status| {
                (
                    status.state,
                    status.last_close.map(|reason| reason.to_string()),
                    status.retry_at,
                )
            });
            let (work, room) = (
                self.core.routes.rib().has_work(neighbor.id),
                neighbor.has_room(),
            );
            let _ = writeln!(
                text,
                "{}: {state:?}, work: {work}, room: {room}",
                neighbor.name
            );
        }
        text
    }

    async fn stop(&self) {
        self.server.shutdown(Cease::Shutdown(String::new())).await;
        self.reader.abort();
    }
}

async fn run(seed: u64, steps: usize) {
    let mut world = World::new(seed).await;
    for step in 0..steps {
        world.step().await;
        if step % 2_000 == 1_999 || step == steps - 1 {
            if let Err(difference) = world.settle().await {
                let log = world.log.join("\n");
                let states = world.daemon.states() + &world.histories(&difference);
                panic!("seed {seed}, step {step}: {difference}\n{states}the last steps:\n{log}");
            }
        }
    }
    world.daemon.stop().await;
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
            .build_local(tokio::runtime::LocalOptions::default())
            .expect("a runtime");
        runtime.block_on(run(seed, steps));
    }
}
