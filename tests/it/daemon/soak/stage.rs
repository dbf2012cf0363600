//! The daemon, its peers and its helper, and the changes that are made to them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;

use oxabgp::bgp::Notification;

use super::model::{Model, Prefix, Routes, Version};
use super::peer::{Helper, Notices, Session};
use super::plan::{Dice, Neighbor, Plan, Reload, spoil};
use crate::support::daemon::{Daemon, Lab, PATIENCE};

/// Peers whose sessions must last.
pub(super) const STEADY: [&str; 3] = ["127.0.1.1", "127.0.1.2", "127.0.1.3"];
/// The peer whose hold time changes now and then.
pub(super) const FLAPPER: &str = "127.0.1.4";
/// The peer that is added and removed.
pub(super) const VISITOR: &str = "127.0.1.5";
/// Routes in each pool.
const POOL: u8 = 24;

pub(super) struct Stage {
    pub(super) dice: Dice,
    pub(super) plan: Plan,
    pub(super) model: Model,
    daemon: Daemon,
    helper: Helper,
    notices: Notices,
    control: BufReader<UnixStream>,
    listeners: BTreeMap<&'static str, TcpListener>,
    sessions: BTreeMap<String, Session>,
    /// What each peer holds.
    held: BTreeMap<String, Routes>,
    /// What the peers sent and the helper must receive, in order.
    output: BTreeMap<String, Vec<(Prefix, Option<Version>)>>,
    programs: [String; 2],
    versions: u32,
    lab: Lab,
}

impl Stage {
    /// All permanent sessions are up, and all peers hold what they should.
    pub(super) fn new(seed: u64) -> Self {
        let lab = Lab::new();
        let mut dice = Dice::new(seed);
        let programs = [
            Helper::program(&lab),
            lab.script("extra.sh", "while read -r line; do :; done"),
        ];
        let listeners: BTreeMap<_, _> = STEADY
            .into_iter()
            .chain([FLAPPER, VISITOR])
            .map(|name| (name, TcpListener::bind((name, 0)).expect("a port")))
            .collect();
        let mut plan = Plan::default();
        for name in STEADY.into_iter().chain([FLAPPER]) {
            let port = listeners[name].local_addr().expect("an address").port();
            let neighbor = Neighbor {
                helper: true,
                group_updates: name != STEADY[2],
                ..Neighbor::new(Some(port))
            };
            plan.neighbors.insert(name.to_owned(), neighbor);
        }
        let notices = Notices::new(&lab);
        let text = |name: &str| lab.path(name).to_str().expect("UTF-8").to_owned();
        let daemon = Daemon::start_with(
            &lab,
            &plan.write(&mut dice, &programs),
            &[
                ("NOTIFY_SOCKET", &text("notify")),
                ("exabgp_api_cli", "true"),
                ("exabgp_api_pipename", "oxabgp-soak"),
                ("EXABGP_ROOT", &text("root")),
                ("oxabgp_api_socketpath", &text("control.sock")),
            ],
        );
        notices.ready();
        let control = UnixStream::connect(lab.path("control.sock")).expect("a socket");
        control.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let mut stage = Self {
            dice,
            plan,
            model: Model::default(),
            daemon,
            helper: Helper::meet(&lab),
            notices,
            control: BufReader::new(control),
            listeners,
            sessions: BTreeMap::new(),
            held: BTreeMap::new(),
            output: BTreeMap::new(),
            programs,
            versions: 100,
            lab,
        };
        for name in STEADY.into_iter().chain([FLAPPER]) {
            stage.meet(name);
        }
        stage.settle();
        stage
    }

    fn version(&mut self) -> Version {
        self.versions += 1;
        Version(self.versions)
    }

    /// A session is established: it is sent its table and both End-of-RIB markers.
    fn meet(&mut self, name: &'static str) {
        // The session begins with what the helper has said so far, and the daemon may do that later than other work.
        self.helper.answered();
        let session = Session::accept(&self.listeners[name]);
        self.model.begin(name);
        self.held.insert(name.to_owned(), Routes::new());
        session
            .recorded
            .until("End-of-RIB", |recorded| recorded.ends == [1, 1]);
        self.sessions.insert(name.to_owned(), session);
    }

    /// The next configuration.
    pub(super) fn change(&mut self, reload: Reload) -> Plan {
        let mut plan = self.plan.clone();
        match reload {
            Reload::Reset => plan.neighbor(FLAPPER).hold_time ^= 1,
            Reload::Visit => {
                let address = self.listeners[VISITOR].local_addr().expect("an address");
                let visitor = Neighbor::new(Some(address.port()));
                plan.neighbors.insert(VISITOR.to_owned(), visitor);
                for _ in 0..10 {
                    self.change_route(&mut plan, VISITOR);
                }
            }
            Reload::Leave => drop(plan.neighbors.remove(VISITOR)),
            Reload::Plain => {}
        }
        for _ in 0..self.dice.below(3) {
            // One that never connects: its number is reused again and again.
            let name = format!("127.0.2.{}", 1 + self.dice.below(8));
            if plan.neighbors.remove(&name).is_none() {
                plan.neighbors.insert(name, Neighbor::new(None));
            }
        }
        let names: Vec<String> = plan.neighbors.keys().cloned().collect();
        for name in &names {
            for _ in 0..self.dice.below(4) {
                self.change_route(&mut plan, name);
            }
            if self.dice.one_in(5) {
                plan.neighbor(name).description = Some(self.dice.below(100));
            }
        }
        if self.dice.one_in(20) {
            let argument = self.dice.below(3);
            plan.extra = (argument > 0).then_some(argument);
        }
        for neighbor in plan.neighbors.values_mut() {
            neighbor.extra = plan.extra.is_some() && (neighbor.extra || self.dice.one_in(3));
        }
        plan
    }

    fn change_route(&mut self, plan: &mut Plan, name: &str) {
        let prefix = self.prefix(10, number(name));
        let version = self.version();
        let routes = &mut plan.neighbor(name).routes;
        if self.dice.one_in(3) {
            routes.remove(&prefix);
        } else {
            routes.insert(prefix, version);
        }
    }

    /// A random item of a pool.
    fn prefix(&mut self, first: u8, second: u8) -> Prefix {
        let prefix = Prefix::v4(first, second, self.dice.below(POOL));
        if self.dice.one_in(3) {
            prefix.v6()
        } else {
            prefix
        }
    }

    pub(super) fn write(&mut self, plan: &Plan) {
        let text = plan.write(&mut self.dice, &self.programs);
        self.lab.write("oxabgp.conf", &text);
    }

    pub(super) fn write_broken(&mut self) {
        let path = self.lab.path("oxabgp.conf");
        if self.dice.one_in(7) {
            // No file at all.
            let _ = std::fs::remove_file(path);
            return;
        }
        // The changes that accompany the error must not be applied either.
        let text = self
            .change(Reload::Plain)
            .write(&mut self.dice, &self.programs);
        let text = spoil(&text, &mut self.dice);
        self.lab.write("oxabgp.conf", &text);
    }

    /// Requests a reload in one of three ways, of which operators are told the result: `done` or `error`. Returns how many were
    /// requested.
    pub(super) fn ask_for_reload(&mut self, result: &str) -> usize {
        match self.dice.below(3) {
            0 => self.daemon.signal("USR1"),
            1 => self.helper.submit("reload\n"),
            _ => {
                let asked = self.ask("reload\nreload");
                let wanted = format!("reload in progress\n{result}\n").repeat(2);
                assert_eq!(asked, wanted);
                return 2;
            }
        }
        1
    }

    /// Waits until the reloads are done.
    pub(super) fn reloaded(&self, count: usize) {
        (0..count).for_each(|_| self.notices.ready());
    }

    /// A reload applied this configuration.
    pub(super) fn adopt(&mut self, plan: Plan) {
        self.model.reload(&self.plan, &plan);
        self.plan = plan;
    }

    /// The helper and the peers send something, without waiting.
    pub(super) fn traffic(&mut self) {
        let mut lines = String::new();
        for _ in 0..self.dice.below(6) {
            let version = self.version();
            let version = (!self.dice.one_in(3)).then_some(version);
            let which = usize::from(self.dice.below(5));
            let all: Vec<&str> = STEADY.into_iter().chain([FLAPPER]).collect();
            let (to, second) = match all.get(which) {
                Some(name) => (std::slice::from_ref(name), number(name)),
                None => (&all[..], 0),
            };
            let prefix = self.prefix(11, second);
            lines += &self.sentence(to, prefix, version);
        }
        self.helper.submit(&lines);
        for name in STEADY {
            for _ in 0..self.dice.below(3) {
                let version = self.version();
                let version = (!self.dice.one_in(3)).then_some(version);
                let prefix = Prefix::v4(20, number(name), self.dice.below(POOL));
                if let Some(session) = self.sessions.get_mut(name) {
                    session.submit(prefix, version);
                    let output = self.output.entry(name.to_owned()).or_default();
                    output.push((prefix, version));
                }
            }
        }
    }

    /// The command for these peers; the model is updated, too.
    fn sentence(&mut self, to: &[&str], prefix: Prefix, version: Option<Version>) -> String {
        let mut line = String::new();
        if to.len() <= STEADY.len() {
            let selectors: Vec<String> = to.iter().map(|name| format!("neighbor {name}")).collect();
            line = selectors.join(", ") + " ";
        }
        let done = match version {
            Some(Version(med)) => writeln!(
                line,
                "announce route {prefix} next-hop {} med {med}",
                prefix.next_hop()
            ),
            None => writeln!(line, "withdraw route {prefix}"),
        };
        done.expect("a string takes all");
        for name in to {
            self.model.put(name, prefix, version);
        }
        line
    }

    /// The helper sends a command, and receives the answer.
    pub(super) fn put(&mut self, to: &[&str], prefix: Prefix, version: Option<Version>) {
        let line = self.sentence(to, prefix, version);
        self.helper.submit(&line);
        self.helper.answered();
    }

    /// The helper changes a route of the file, or one that the file may gain later.
    pub(super) fn dispute(&mut self) {
        let name = STEADY[usize::from(self.dice.below(3))];
        let prefix = if self.dice.one_in(2) {
            Some(self.prefix(10, number(name)))
        } else {
            let routes = &self.plan.neighbors[name].routes;
            routes.keys().nth(usize::from(self.dice.below(8))).copied()
        };
        if let Some(prefix) = prefix {
            let version = self.version();
            let version = (!self.dice.one_in(3)).then_some(version);
            self.put(&[name], prefix, version);
        }
    }

    /// Waits until everything was received, and checks it.
    pub(super) fn settle(&mut self) {
        let mark = |ends: [usize; 2]| ends[0];
        let before: BTreeMap<String, usize> = self
            .sessions
            .iter()
            .map(|(name, session)| {
                (
                    name.clone(),
                    session.recorded.change(|recorded| mark(recorded.ends)),
                )
            })
            .collect();
        self.helper.submit("announce eor ipv4 unicast\n");
        self.helper.answered();
        for (name, session) in &self.sessions {
            let marked = usize::from(self.plan.neighbors[name].helper);
            session.recorded.until(name, |recorded| {
                recorded.over.is_some() || mark(recorded.ends) >= before[name] + marked
            });
            let routes = session.recorded.change(|recorded| {
                assert!(
                    recorded.over.is_none(),
                    "{name} was reset: {:?}",
                    recorded.over
                );
                std::mem::take(&mut recorded.routes)
            });
            let held = self.held.entry(name.clone()).or_default();
            for (prefix, version) in routes {
                self.model.saw(name, prefix, version);
                match version {
                    Some(version) => held.insert(prefix, version),
                    None => held.remove(&prefix),
                };
            }
            self.model.rest(name, held);
        }
        self.compare_events();
    }

    /// The helper received everything that the peers sent, in order.
    fn compare_events(&mut self) {
        let count: usize = self.output.values().map(Vec::len).sum();
        self.helper
            .reported
            .until("events", |reported| reported.events.len() >= count);
        let mut recorded: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (peer, prefix, version) in self
            .helper
            .reported
            .change(|reported| std::mem::take(&mut reported.events))
        {
            recorded.entry(peer).or_default().push((prefix, version));
        }
        assert_eq!(recorded, std::mem::take(&mut self.output));
    }

    /// The session of a neighbor whose settings changed is reset, and is sent its table again.
    pub(super) fn reset(&mut self, name: &'static str) {
        self.ended(name, Notification::CONFIGURATION_CHANGE);
        self.meet(name);
    }

    /// A new neighbor's session is established and is sent the routes of the file.
    pub(super) fn visit(&mut self, name: &'static str) {
        self.meet(name);
    }

    /// The session of a removed neighbor is closed.
    pub(super) fn left(&mut self, name: &str) {
        self.ended(name, Notification::DE_CONFIGURED);
    }

    fn ended(&mut self, name: &str, subcode: u8) {
        let session = self.sessions.remove(name).expect("a session");
        session
            .recorded
            .until("a NOTIFICATION", |recorded| recorded.over.is_some());
        let reported = session
            .recorded
            .change(|recorded| recorded.over.take())
            .flatten();
        let reported = reported.map(|reported| (reported.code, reported.subcode));
        assert_eq!(reported, Some((Notification::CEASE, subcode)), "{name}");
    }

    /// Returns `true` if a session is still the first one.
    pub(super) fn is_unbroken(&self, name: &str) -> bool {
        let session = &self.sessions[name];
        session.recorded.change(|recorded| recorded.over.is_none())
    }

    /// Every peer requests its routes again and receives what the model contains.
    pub(super) fn ask_again(&mut self) {
        for (name, session) in &mut self.sessions {
            let before = session.recorded.change(|recorded| recorded.refreshed);
            session.refresh(1);
            session.refresh(2);
            session
                .recorded
                .until("a refresh", |recorded| recorded.refreshed == before + 2);
            let again = session
                .recorded
                .change(|recorded| std::mem::take(&mut recorded.again));
            let count = again.len();
            let table: Routes = again.into_iter().collect();
            assert_eq!(count, table.len(), "{name} hears a route twice");
            assert_eq!(table, self.model.table(name), "{name} asks again");
        }
    }

    /// The daemon shows the same tables as the model, also for neighbors without a session.
    pub(super) fn compare_tables(&mut self) {
        let shown = self.ask("show adj-rib out extensive");
        let mut tables: BTreeMap<String, Routes> = BTreeMap::new();
        for line in shown.lines().filter(|line| line.starts_with("neighbor ")) {
            let words: Vec<&str> = line.split(' ').collect();
            let after = |word: &str| {
                let at = words.iter().position(|other| *other == word);
                words[at.expect(line) + 1]
            };
            let prefix = words.iter().find(|word| word.contains('/')).expect(line);
            let version = Version(after("med").parse().expect(line));
            let table = tables.entry(words[1].to_owned()).or_default();
            assert_eq!(table.insert(Prefix::parse(prefix), version), None, "{line}");
        }
        for name in self.plan.neighbors.keys() {
            let table = tables.remove(name).unwrap_or_default();
            assert_eq!(table, self.model.table(name), "shown for {name}");
        }
        assert!(tables.is_empty(), "routes of neighbours that are gone");
    }

    /// The answers to the operator's commands.
    fn ask(&mut self, commands: &str) -> String {
        let lines = format!("{commands}\n\x1e\n");
        let stream = self.control.get_mut();
        stream.write_all(lines.as_bytes()).expect("a daemon");
        let mut all = String::new();
        loop {
            let start = all.len();
            self.control.read_line(&mut all).expect("an answer");
            match &all[start..] {
                "\x1e\n" => {
                    all.truncate(start);
                    return all;
                }
                "" => panic!("the daemon hung up after {all:?}"),
                _ => {}
            }
        }
    }
}

/// The last number of an address.
fn number(name: &str) -> u8 {
    let last = name.rsplit('.').next().expect("a last number");
    let high = if name.starts_with("127.0.2.") { 100 } else { 0 };
    high + last.parse::<u8>().expect("a number")
}
