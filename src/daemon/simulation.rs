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

use tokio::task::{AbortHandle, spawn_local, yield_now};
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
use super::signal::Request;
use super::startup::Origin;

mod helper;
mod model;
mod network;
mod peer;

use helper::Helper;
use model::{Expected, Section, Stay, Zone, med, next_hop, route};
use network::{Line, Network, Random};
use peer::{Pace, Peer};

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

/// What a step does.
impl World {
    async fn step(&mut self) {
        match self.random.below(1_000) {
            0..420 => self.announce(),
            420..640 => self.withdraw(),
            640..700 => self.batch(),
            700..720 => self.watchdog(),
            720..730 => self.clear(),
            730..745 if self.daemon.all_established() => {
                self.command("flush adj-rib out", |_| {});
            }
            745..835 => self.receive(),
            835..870 => self.fault(),
            870..876 => self.teardown(),
            876..886 => self.reload(),
            886..887 => self.restart().await,
            _ => {
                let time = self.random.millis(600);
                sleep(time).await;
            }
        }
        if self.random.chance(300) {
            yield_now().await;
        }
        for expected in self.expected.iter_mut().flatten() {
            expected.expire();
        }
    }

    /// The command with a selector of one neighbor, or of all, and what it changes.
    fn command(&mut self, command: &str, mut change: impl FnMut(&mut Expected)) {
        let there: Vec<usize> = (0..PEERS)
            .filter(|at| self.expected[*at].is_some())
            .collect();
        let one = self.random.chance(400) && !there.is_empty();
        let at = there.get(usize::try_from(self.random.below(there.len() as u64)).expect("small"));
        let line = match at.filter(|_| one) {
            Some(at) => format!("neighbor {} {command}", self.peers[*at].address),
            None => command.to_owned(),
        };
        for index in there.iter().filter(|index| !one || Some(*index) == at) {
            let expected = self.expected[*index].as_mut().expect("it is there");
            expected.expire();
            change(expected);
        }
        if there.is_empty() {
            return;
        }
        self.note(line.clone());
        let daemon = &self.daemon;
        daemon
            .helper
            .send(&daemon.executor, &daemon.process, &[line]);
    }

    fn prefix(&mut self) -> ipnet::IpNet {
        match self.random.chance(150) {
            true => route(Zone::Shared, med(&mut self.random, 4)),
            false => route(Zone::Helper, med(&mut self.random, PREFIXES)),
        }
    }

    fn announce(&mut self) {
        let prefix = self.prefix();
        let value = med(&mut self.random, 1 << 20);
        let mut there = self.expected.iter().flatten();
        let ending = there.any(|expected| expected.is_ending(prefix));
        let stay = match self.random.below(10) {
            0..2 => Stay::For(Duration::from_secs(1 + self.random.below(60))),
            _ if ending => Stay::Forever,
            2 => Stay::Forever,
            _ => Stay::Unchanged,
        };
        let mut line = format!(
            "announce route {prefix} next-hop {} med {value}",
            next_hop(prefix)
        );
        match stay {
            Stay::Unchanged => {}
            Stay::Forever => line.push_str(" lifetime forever"),
            Stay::For(length) => line.push_str(&format!(" lifetime {}s", length.as_secs())),
        }
        self.command(&line, |expected| expected.announce(prefix, value, stay));
    }

    fn withdraw(&mut self) {
        let prefix = self.prefix();
        let line = format!("withdraw route {prefix} next-hop {}", next_hop(prefix));
        self.command(&line, |expected| expected.withdraw(prefix));
    }

    /// Several prefixes with the same attributes.
    fn batch(&mut self) {
        let value = med(&mut self.random, 1 << 20);
        let first = med(&mut self.random, PREFIXES);
        let list: Vec<_> = (first..first + 10)
            .map(|at| route(Zone::Helper, at))
            .filter(|prefix| matches!(prefix, ipnet::IpNet::V4(_)))
            .filter(|prefix| {
                let mut there = self.expected.iter().flatten();
                !there.any(|expected| expected.is_ending(*prefix))
            })
            .collect();
        if list.is_empty() {
            return;
        }
        let mut line = format!("announce attributes next-hop 192.0.2.1 med {value} nlri");
        for prefix in &list {
            line.push_str(&format!(" {prefix}"));
        }
        self.command(&line, |expected| {
            for prefix in &list {
                expected.announce(*prefix, value, Stay::Unchanged);
            }
        });
    }

    fn watchdog(&mut self) {
        let on = self.random.chance(500);
        let verb = if on { "announce" } else { "withdraw" };
        let line = format!("{verb} watchdog dog");
        self.command(&line, |expected| expected.watchdog(on));
    }

    fn clear(&mut self) {
        // As in ExaBGP it is refused without a session.
        if self.daemon.all_established() {
            self.command("clear adj-rib out", Expected::clear);
        }
    }

    /// A peer announces or withdraws a route.
    fn receive(&mut self) {
        let at = usize::try_from(self.random.below(PEERS as u64)).expect("small");
        let prefix = route(Zone::Received, med(&mut self.random, PREFIXES));
        let peer = Rc::clone(&self.peers[at]);
        if self.random.chance(650) {
            peer.announce(prefix, med(&mut self.random, 1 << 20));
        } else {
            peer.withdraw(prefix);
        }
    }

    fn fault(&mut self) {
        let at = usize::try_from(self.random.below(PEERS as u64)).expect("small");
        let peer = Rc::clone(&self.peers[at]);
        let long = Duration::from_millis(500 + self.random.below(50_000));
        let kind = self.random.below(20);
        self.note(format!("fault {kind} at {} for {long:?}", peer.address));
        match kind {
            0 => {
                peer.excuse(Duration::from_secs(5));
                peer.line.cut();
            }
            1 => {
                // Hold times are at most 30 s; both ends notice the silence, and what was under way arrives late.
                peer.excuse(long + Duration::from_secs(40));
                peer.line.stall(long);
            }
            2 => {
                // Not longer than any hold time allows.
                let short = long.min(Duration::from_secs(2));
                peer.disturb(short + Duration::from_secs(10));
                peer.line.stall(short);
            }
            3 => {
                peer.excuse(Duration::from_secs(5));
                peer.cease();
            }
            4 => {
                peer.excuse(Duration::from_secs(5));
                peer.hang_up();
            }
            5..9 => peer.read_at(Pace::Slow, long),
            9..12 => peer.read_at(Pace::Nothing, long),
            12..16 => peer.refresh(1 + u8::try_from(kind % 2).expect("one or two")),
            _ => {
                let until = Instant::now() + long;
                self.daemon.helper.busy_until.set(Some(until));
            }
        }
    }

    fn teardown(&mut self) {
        let at = usize::try_from(self.random.below(PEERS as u64)).expect("small");
        let peer = Rc::clone(&self.peers[at]);
        peer.excuse(Duration::from_secs(120));
        if self.expected[at].is_some() {
            let line = format!("neighbor {} teardown 4", peer.address);
            self.note(line.clone());
            let daemon = &self.daemon;
            daemon
                .helper
                .send(&daemon.executor, &daemon.process, &[line]);
        }
    }

    /// A new configuration: neighbors come and go, routes change.
    fn reload(&mut self) {
        self.note("reload".to_owned());
        for at in 0..PEERS {
            let peer = Rc::clone(&self.peers[at]);
            match (&mut self.expected[at], self.random.below(20)) {
                (gone @ Some(_), 0) => {
                    self.log.push(format!("  without {}", peer.address));
                    // A neighbor that reads nothing learns of it late.
                    peer.excuse(Duration::from_secs(120));
                    *gone = None;
                }
                (new @ None, 0..10) => {
                    self.log.push(format!("  with {}", peer.address));
                    *new = Some(Expected::new(Section::new(at, &mut self.random)));
                }
                (Some(expected), kind) => {
                    expected.expire();
                    let mut section = expected.section.clone();
                    section.change(&mut self.random);
                    if kind == 1 {
                        self.log
                            .push(format!("  another hold time of {}", peer.address));
                        peer.excuse(Duration::from_secs(120));
                        section.hold_time = if section.hold_time == 9 { 30 } else { 9 };
                    }
                    expected.reload(&section);
                }
                _ => {}
            }
        }
        let text = render(&self.peers, &self.expected);
        let path = self.file.path().join("simulated.conf");
        std::fs::write(&path, text).expect("a file");
        let origin = Origin {
            path,
            reload_after: None,
        };
        let daemon = &self.daemon;
        reload::reload(&daemon.executor, &daemon.server, &origin, Request::Reload);
    }

    /// The daemon ends and starts again; routes of the helper are gone.
    async fn restart(&mut self) {
        self.note("restart".to_owned());
        for peer in &self.peers {
            peer.excuse(Duration::from_secs(120));
        }
        self.daemon.stop().await;
        for expected in self.expected.iter_mut().flatten() {
            *expected = Expected::new(expected.section.clone());
        }
        let text = render(&self.peers, &self.expected);
        self.daemon = Daemon::start(&self.network, &text).await;
        self.server.replace(self.daemon.server.clone());
    }
}

/// What must be true.
impl World {
    /// Ends all faults, waits, and compares everything.
    async fn settle(&mut self) -> Result<(), String> {
        let limit = Instant::now() + Duration::from_secs(1_200);
        self.daemon.helper.busy_until.set(None);
        for peer in &self.peers {
            peer.read_at(Pace::Full, Duration::ZERO);
        }
        // The longest lifetime is 60 s.
        sleep(Duration::from_secs(70)).await;
        loop {
            for expected in self.expected.iter_mut().flatten() {
                expected.expire();
            }
            let Err(difference) = self.compare() else {
                break;
            };
            if Instant::now() > limit {
                return Err(difference);
            }
            sleep(Duration::from_secs(5)).await;
        }
        let faults: Vec<String> = self
            .peers
            .iter()
            .flat_map(|peer| peer.faults.borrow().clone())
            .collect();
        if !faults.is_empty() {
            return Err(faults.join("\n"));
        }
        let refused = self.daemon.helper.refused.borrow();
        match refused.first() {
            Some(line) => Err(format!("refused: {line}")),
            None => Ok(()),
        }
    }

    fn compare(&self) -> Result<(), String> {
        let helper = &self.daemon.helper;
        for (peer, expected) in self.peers.iter().zip(&self.expected) {
            let Some(expected) = expected else {
                if peer.established.get() {
                    return Err(format!("{} is established", peer.address));
                }
                continue;
            };
            if !peer.established.get() {
                return Err(format!("{} is not established", peer.address));
            }
            let about = |what| format!("{}: {what}: ", peer.address);
            same(
                &expected.routes,
                &peer.table.borrow(),
                &about("at the peer"),
            )?;
            let known = helper.tables.borrow().get(&peer.address).cloned();
            let known = known.unwrap_or_default();
            same(&peer.own.borrow(), &known, &about("at the helper"))?;
        }
        match (helper.sent.get(), helper.answered.get()) {
            (sent, answered) if sent != answered => {
                Err(format!("{sent} commands, {answered} answers"))
            }
            _ => Ok(()),
        }
    }
}

/// For a report.
impl World {
    /// What the peers received of the prefix in a difference, and where their sessions began and ended.
    fn histories(&self, difference: &str) -> String {
        let mut text = String::new();
        for peer in &self.peers {
            if !difference.starts_with(&format!("{}:", peer.address)) {
                continue;
            }
            let prefix = difference
                .split_whitespace()
                .find(|word| word.contains('/'));
            for (at, what) in &*peer.history.borrow() {
                let of_prefix = prefix.is_some_and(|prefix| what.contains(&format!(" {prefix}")));
                if of_prefix || what.starts_with("e") || what.starts_with("c") {
                    let _ = writeln!(text, "{:?} at {}: {what}", *at - self.started, peer.address);
                }
            }
        }
        text
    }
}

fn same(wanted: &peer::Table, found: &peer::Table, about: &str) -> Result<(), String> {
    for (prefix, med) in wanted {
        match found.get(prefix) {
            Some(known) if known == med => {}
            other => return Err(format!("{about}{prefix} med {other:?} instead of {med}")),
        }
    }
    match found.keys().find(|prefix| !wanted.contains_key(prefix)) {
        Some(prefix) => Err(format!("{about}{prefix} is too much")),
        None => Ok(()),
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
