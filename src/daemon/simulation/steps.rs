//! What happens in one step: a command, a fault, a reload, or nothing for a while.

use std::rc::Rc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use super::model::{Expected, Section, Stay, Table, Zone, med, next_hop, route, set_prefixes};
use super::peer::Pace;
use super::world::{Daemon, PEERS, PREFIXES, World};
use crate::daemon::reload;
use crate::daemon::signal::Request;
use crate::daemon::startup::Origin;

/// What a step does.
impl World {
    pub(super) async fn step(&mut self) {
        match self.random.below(1_000) {
            0..360 => self.announce(),
            360..420 => self.announce_path(),
            420..600 => self.withdraw(),
            600..640 => self.withdraw_path(),
            640..690 => self.batch(),
            690..700 => self.declare().await,
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
            887..890 => self.upgrade().await,
            890..891 => self.hurried_upgrades().await,
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
        // Some answers wait until the routes are written.
        let routes = command.contains(" route ");
        let sync = if routes && self.random.chance(50) {
            " sync"
        } else {
            ""
        };
        let line = match at.filter(|_| one) {
            Some(at) => format!("neighbor {} {command}{sync}", self.peers[*at].selector()),
            None => format!("{command}{sync}"),
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
        self.daemon.send(line);
    }

    pub(super) fn prefix(&mut self) -> IpNet {
        match self.random.chance(150) {
            true => route(Zone::Shared, med(&mut self.random, 4)),
            false => route(Zone::Helper, med(&mut self.random, PREFIXES)),
        }
    }

    fn announce(&mut self) {
        let prefix = self.prefix();
        let value = med(&mut self.random, 1 << 32);
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

    /// A route of which there may be others for the prefix, in its words, and its path identifier.
    fn one_of_paths(&mut self) -> (IpNet, u32, String) {
        let prefix = route(Zone::Paths, med(&mut self.random, 8));
        let id = med(&mut self.random, 4);
        let hop = next_hop(prefix);
        let words = match id {
            0 => format!("{prefix} next-hop {hop}"),
            _ => format!("{prefix} path-information 0.0.0.{id} next-hop {hop}"),
        };
        (prefix, id, words)
    }

    fn announce_path(&mut self) {
        let (prefix, id, words) = self.one_of_paths();
        let value = med(&mut self.random, 1 << 32);
        self.command(&format!("announce route {words} med {value}"), |expected| {
            expected.paths.insert((prefix, id), value);
        });
    }

    fn withdraw_path(&mut self) {
        let (prefix, id, words) = self.one_of_paths();
        self.command(&format!("withdraw route {words}"), |expected| {
            expected.paths.remove(&(prefix, id));
        });
    }

    /// Several prefixes with the same attributes.
    fn batch(&mut self) {
        let value = med(&mut self.random, 1 << 32);
        let first = med(&mut self.random, PREFIXES);
        let list: Vec<_> = (first..first + 10)
            .map(|at| route(Zone::Helper, at))
            .filter(|prefix| matches!(prefix, IpNet::V4(_)))
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

    /// A set of routes: all that its owner has. Commands after its end wait until it is applied.
    async fn declare(&mut self) {
        if self.expected.iter().flatten().next().is_none() {
            return;
        }
        let mut set = Table::new();
        for prefix in set_prefixes() {
            if self.random.chance(600) {
                // Few values, so that some routes stay as they are.
                set.insert(prefix, med(&mut self.random, 3));
            }
        }
        self.revision += 1;
        let mut lines = vec![format!("set edge replace revision {}", self.revision)];
        for (prefix, med) in &set {
            lines.push(format!(
                "route {prefix} next-hop {} med {med}",
                next_hop(*prefix)
            ));
        }
        lines.push("set edge end".to_owned());
        for expected in self.expected.iter_mut().flatten() {
            expected.declare(&set);
        }
        self.note(lines.join("; "));
        self.daemon.send_all(&lines);
        self.daemon.core.ready_for_commands().await;
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
    pub(super) fn receive(&mut self) {
        let at = usize::try_from(self.random.below(PEERS as u64)).expect("small");
        let prefix = route(Zone::Received, med(&mut self.random, PREFIXES));
        let peer = Rc::clone(&self.peers[at]);
        if self.random.chance(650) {
            peer.announce(prefix, med(&mut self.random, 1 << 32));
        } else {
            peer.withdraw(prefix);
        }
    }

    pub(super) fn fault(&mut self) {
        let at = usize::try_from(self.random.below(PEERS as u64)).expect("small");
        let peer = Rc::clone(&self.peers[at]);
        let long = Duration::from_millis(500 + self.random.below(50_000));
        let kind = self.random.below(20);
        self.note(format!("fault {kind} at {} for {long:?}", peer.address));
        match kind {
            0 => {
                peer.excuse(peer.blind() + Duration::from_secs(5));
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
        // A range without a session has nothing to tear down.
        let there = !peer.in_range || peer.established.get();
        if self.expected[at].is_some() && there {
            let line = format!("neighbor {} teardown 4", peer.selector());
            self.note(line.clone());
            self.daemon.send(line);
        }
    }

    /// A new configuration: neighbors come and go, routes change.
    pub(super) fn reload(&mut self) {
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
        self.apply_file();
    }

    /// The daemon reads its configuration again.
    pub(super) fn apply_file(&self) {
        self.write();
        let path = self.path();
        let origin = Origin {
            path,
            reload_after: None,
        };
        let daemon = &self.daemon;
        let _entered = daemon.local.enter();
        let result = reload::reload(&daemon.executor, &daemon.server, &origin, Request::Reload);
        assert_eq!(result, Ok(()));
        assert_eq!(daemon.core.reloads.result(), Ok(None));
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
        self.write();
        self.daemon = Daemon::begin(&self.network, &self.path(), None);
        self.door.replace(Some(self.daemon.door()));
    }
}
