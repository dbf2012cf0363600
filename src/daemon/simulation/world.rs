//! A network of peers around a daemon.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::{Instant, sleep};

use crate::config::{Config, Env};
use crate::daemon::core::Core;
use crate::daemon::dynamic::{self, is_range};
use crate::daemon::executor::Executor;
use crate::daemon::handover::inherit::Heritage;
use crate::daemon::neighbors::Listed;
use crate::daemon::process::{Commands, Process, take_lines};
use crate::daemon::queue::Marks;
use crate::daemon::running::Running;
use crate::daemon::{housekeep, reload};
use crate::fsm::Cease;
use crate::speaker::Server;

use super::helper::Helper;
use super::model::{ADDRESS, Expected, Facts, OURS, Restart, Section};
use super::network::{Door, Line, Network, Random, Wire};
use super::peer::Peer;

/// Peers of a world.
pub(super) const PEERS: usize = 6;
/// The file of the configuration.
const FILE: &str = "simulated.conf";
/// The process ID of the helper, which no process has.
const HELPER: i32 = i32::MAX;
/// Prefixes of a zone that commands use.
pub(super) const PREFIXES: u64 = 60;

/// A daemon that runs.
pub(super) struct Daemon {
    pub(super) core: Rc<Core>,
    pub(super) executor: Rc<Executor>,
    pub(super) server: Server,
    pub(super) process: Rc<Process>,
    pub(super) helper: Rc<Helper>,
    /// Its tasks, and the task that runs them.
    pub(super) local: Rc<LocalSet>,
    tasks: JoinHandle<()>,
}

/// Everything of one seed.
pub(super) struct World {
    pub(super) random: Random,
    pub(super) network: Rc<Network>,
    pub(super) peers: Vec<Rc<Peer>>,
    /// The neighbors that the configuration has.
    pub(super) expected: Vec<Option<Expected>>,
    pub(super) daemon: Daemon,
    /// The speaker that peers connect to, if a daemon runs.
    pub(super) door: Rc<RefCell<Option<Door>>>,
    /// What went wrong with upgrades.
    pub(super) faults: Vec<String>,
    /// Of the set that was declared last.
    pub(super) revision: u64,
    pub(super) file: tempfile::TempDir,
    pub(super) started: Instant,
    /// The last commands and faults, for a report.
    pub(super) log: Vec<String>,
}

impl World {
    pub(super) fn new(seed: u64, tasks: &Rc<LocalSet>) -> Self {
        let mut random = Random::new(seed);
        let network = Rc::new(Network::new(tasks));
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
            let facts = Facts {
                address,
                asn,
                dials: index % 2 == 1,
                takes_paths: index % 3 == 1,
                restart: [
                    Restart::Plain,
                    Restart::OverNotification,
                    Restart::None,
                    Restart::None,
                ][index % 4],
                in_range: index == PEERS - 1,
            };
            peers.push(Peer::new(facts, line));
        }
        let expected: Vec<Option<Expected>> = (0..PEERS)
            .map(|index| Some(Expected::new(Section::new(index, &mut random))))
            .collect();
        let file = tempfile::tempdir().expect("a directory");
        let path = file.path().join(FILE);
        std::fs::write(&path, render(&peers, &expected)).expect("a file");
        let daemon = Daemon::begin(&network, &path, None);
        let world = Self {
            random,
            network,
            peers,
            expected,
            door: Rc::new(RefCell::new(Some(daemon.door()))),
            faults: Vec::new(),
            revision: 0,
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
            let door = Rc::clone(&self.door);
            spawn_local(async move {
                loop {
                    let us = IpAddr::V4(ADDRESS);
                    let stream = network.dial_daemon(peer.address, (&door, us)).await;
                    peer.serve(stream).await;
                    sleep(Duration::from_secs(2)).await;
                }
            });
        }
    }

    /// The file of the configuration.
    pub(super) fn path(&self) -> PathBuf {
        self.file.path().join(FILE)
    }

    /// Writes it.
    pub(super) fn write(&self) {
        let text = render(&self.peers, &self.expected);
        std::fs::write(self.path(), text).expect("a file");
    }

    pub(super) fn note(&mut self, what: String) {
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
            expected.section.render(&peer.facts, &mut text);
        }
    }
    text
}

impl Daemon {
    /// Starts one, which may continue with what another has left.
    pub(super) fn begin(
        network: &Rc<Network>,
        path: &Path,
        heritage: Option<(Heritage, Rc<Helper>)>,
    ) -> Self {
        let local = Rc::new(LocalSet::new());
        let entered = local.enter();
        let (mut heritage, helper) = match heritage {
            Some((heritage, helper)) => (Some(heritage), helper),
            None => (None, Rc::default()),
        };
        let env = Env::default();
        let (config, _) = Config::load(path, &env).expect("a valid configuration");
        let age = heritage.as_ref().map(Heritage::age);
        let core = Core::since(env, age.unwrap_or_default());
        core.handover.is_resuming.set(heritage.is_some());
        let executor = Executor::new(Rc::clone(&core));
        let wire = Rc::new(Wire(Rc::clone(network)));
        let server = Server::with_transport(ADDRESS, wire);
        core.attach(server.clone());
        dynamic::install(&core, &server);
        // Low marks, so that a slow helper pauses sessions.
        let marks = Marks {
            high: 8_192,
            low: 2_048,
            replies: 4_096,
        };
        let process = Rc::new(Process::new(config.processes[0].clone(), marks));
        core.events.helpers().add(Rc::clone(&process));
        process.begin();
        let running = Running::new(config);
        for neighbor in &running.neighbors {
            let added = reload::add(&core, &server, Rc::clone(neighbor));
            added.expect("a neighbor");
        }
        core.reloads.set_path(path);
        core.reloads.replace(running);
        match &mut heritage {
            Some(heritage) => {
                let filled = heritage.fill(&executor, &core, &server);
                filled.expect("tables that can be read");
            }
            None => {
                process.pretend(HELPER, [-1; 3]);
                process.queue.open();
                executor.started(&process);
            }
        }
        housekeep(&core, None);
        server.start();
        spawn_local({
            let (executor, process) = (Rc::clone(&executor), Rc::clone(&process));
            let helper = Rc::clone(&helper);
            async move { helper.read(&executor, &process).await }
        });
        drop(entered);
        let set = Rc::clone(&local);
        let tasks = spawn_local(async move { set.run_until(std::future::pending()).await });
        Self {
            core,
            executor,
            server,
            process,
            helper,
            local,
            tasks,
        }
    }

    /// Where peers connect to it.
    pub(super) fn door(&self) -> Door {
        (self.server.clone(), Rc::clone(&self.local))
    }

    /// Sends a command.
    pub(super) fn send(&self, line: String) {
        self.send_all(&[line]);
    }

    /// Sends commands.
    pub(super) fn send_all(&self, lines: &[String]) {
        self.read_on(&self.helper.text(lines));
    }

    /// Executes what was read and not executed, and what follows it.
    pub(super) fn read_on(&self, rest: &str) {
        let _entered = self.local.enter();
        self.process.hold_back(rest.as_bytes());
        while take_lines(&self.executor, &self.process) {}
    }

    /// How many routes it knows of a peer.
    pub(super) fn received(&self, address: IpAddr) -> usize {
        let all = self.core.neighbors.all();
        let of_peer = all.iter().map(|listed| &listed.neighbor);
        of_peer
            .filter(|neighbor| neighbor.config.borrow().session.peer_address == address)
            .filter_map(|neighbor| Some(neighbor.received.rib()?.routes(None).count()))
            .sum()
    }

    /// Returns `true` if every neighbor has a session, also that of the range.
    pub(super) fn all_established(&self) -> bool {
        let all = self.core.neighbors.all();
        let is_up = |listed: &Rc<Listed>| match is_range(&listed.neighbor.config.borrow().session) {
            true => !dynamic::instances(&self.core, listed).is_empty(),
            false => listed.neighbor.is_established(),
        };
        all.iter().all(is_up)
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
                neighbor.name()
            );
        }
        text
    }

    /// Ends it as its administrator does.
    pub(super) async fn stop(&mut self) {
        let server = self.server.clone();
        let stopped = self.local.spawn_local(async move {
            server.shutdown(Cease::Shutdown(String::new())).await;
        });
        stopped.await.expect("it does not panic");
        self.kill().await;
    }

    /// Ends all of its tasks.
    pub(super) async fn kill(&mut self) {
        self.tasks.abort();
        // Aborted, as it has to be.
        let _ = (&mut self.tasks).await;
    }
}
