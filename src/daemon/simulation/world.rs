//! A network of peers around a daemon.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{Instant, sleep};

use crate::config::{Config, Env};
use crate::daemon::core::Core;
use crate::daemon::executor::Executor;
use crate::daemon::process::{Commands, Process};
use crate::daemon::queue::Marks;
use crate::daemon::running::Running;
use crate::daemon::{housekeep, reload};
use crate::fsm::Cease;
use crate::speaker::Server;

use super::helper::Helper;
use super::model::{ADDRESS, Expected, OURS, Section};
use super::network::{Line, Network, Random};
use super::peer::Peer;

/// Peers of a world.
pub(super) const PEERS: usize = 6;
/// Prefixes of a zone that commands use.
pub(super) const PREFIXES: u64 = 60;

/// A daemon that runs.
pub(super) struct Daemon {
    pub(super) core: Rc<Core>,
    pub(super) executor: Rc<Executor>,
    pub(super) server: Server,
    pub(super) process: Rc<Process>,
    pub(super) helper: Rc<Helper>,
    reader: AbortHandle,
}

/// Everything of one seed.
pub(super) struct World {
    pub(super) random: Random,
    pub(super) network: Rc<Network>,
    pub(super) peers: Vec<Rc<Peer>>,
    /// The neighbors that the configuration has.
    pub(super) expected: Vec<Option<Expected>>,
    pub(super) daemon: Daemon,
    /// The speaker that peers connect to.
    pub(super) server: Rc<RefCell<Server>>,
    pub(super) file: tempfile::TempDir,
    pub(super) started: Instant,
    /// The last commands and faults, for a report.
    pub(super) log: Vec<String>,
}

impl World {
    pub(super) async fn new(seed: u64) -> Self {
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

    pub(super) fn note(&mut self, what: String) {
        let at = Instant::now();
        self.log.push(format!("{:?} {what}", at - self.started));
        if self.log.len() > 400 {
            self.log.drain(..200);
        }
    }
}

pub(super) fn render(peers: &[Rc<Peer>], expected: &[Option<Expected>]) -> String {
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
    pub(super) async fn start(network: &Rc<Network>, text: &str) -> Self {
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
        housekeep(&core, None);
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

    pub(super) fn all_established(&self) -> bool {
        let all = self.core.neighbors.all();
        all.iter().all(|listed| listed.neighbor.is_established())
    }

    /// The sessions as the daemon sees them.
    pub(super) fn states(&self) -> String {
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

    pub(super) async fn stop(&self) {
        self.server.shutdown(Cease::Shutdown(String::new())).await;
        self.reader.abort();
    }
}
