//! Upgrades: another daemon continues with what the first has written, and with its connections.
//!
//! In place of `execve`, the tasks of the first daemon end and its connections are closed, except those that it hands over.

use std::os::fd::RawFd;
use std::path::Path;
use std::rc::Rc;

use tokio::task::yield_now;
use tokio::time::{Duration, sleep};

use super::model::{Expected, Stay, med, next_hop};
use super::world::{Daemon, World};
use crate::daemon::control::Control;
use crate::daemon::handover::give::Giver;
use crate::daemon::handover::inherit::Heritage;
use crate::daemon::handover::protocol::FORMATS;
use crate::fsm::State;

/// What a program says that can't continue.
const REFUSED: &str = "it can't be run";

/// The end of what a daemon says that applies a set.
const UNFINISHED: &str = "is not finished";

/// What one daemon leaves to the next.
type Left = Vec<u8>;

/// What happens while no daemon runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// Peers announce and withdraw routes, and connections break.
    Busy,
    Calm,
}

impl World {
    /// The daemon is upgraded, or it finds that the other program can't be run, and goes on.
    pub(super) async fn upgrade(&mut self) {
        let format = FORMATS[usize::from(self.random.chance(300))];
        let runs = self.random.chance(750);
        self.note(format!("upgrade, format {format}, runs: {runs}"));
        let rest = self.write_commands();
        let result = self.give(format, runs).await;
        match (result, runs) {
            (Ok(left), true) => self.replace(left, Gap::Busy).await,
            (Err(reason), false) if reason == REFUSED => {}
            (Err(reason), _) if reason.ends_with(UNFINISHED) => {}
            (Ok(_), false) => unreachable!("no program was run"),
            (Err(reason), _) => self.faults.push(format!("not upgraded: {reason}")),
        }
        self.daemon.read_on(&rest);
    }

    /// Upgrades one after the other, after reloads that have not been carried out everywhere.
    pub(super) async fn hurried_upgrades(&mut self) {
        for _ in 0..self.random.below(4) {
            self.reload();
            yield_now().await;
        }
        for _ in 0..=self.random.below(2) {
            self.upgrade().await;
        }
    }

    /// Upgrades at once.
    pub(super) async fn upgrade_now(&mut self) -> Result<(), String> {
        let left = self.give(FORMATS[0], true).await?;
        self.replace(left, Gap::Calm).await;
        Ok(())
    }

    /// An upgrade while nothing happens: nothing but KEEPALIVEs is sent.
    pub(super) async fn upgrade_in_calm(&mut self) -> Result<(), String> {
        let seen = |world: &Self| -> Vec<u64> {
            // Who is not configured is refused again and again.
            let all = world.peers.iter().zip(&world.expected);
            let there = all.filter(|(_, expected)| expected.is_some());
            let peers = there.map(|(peer, _)| peer.heard());
            peers.chain([world.daemon.helper.lines.get()]).collect()
        };
        let before = seen(self);
        self.upgrade_now().await?;
        sleep(Duration::from_secs(45)).await;
        let after = seen(self);
        if before != after {
            return Err(format!(
                "an upgrade in calm: messages of peers and lines of the helper: {before:?}, then {after:?}"
            ));
        }
        self.compare()
    }

    /// Lets the daemon read commands and execute none of them. Returns the rest of the last one.
    fn write_commands(&mut self) -> String {
        let mut text = String::new();
        let most = match self.expected.iter().flatten().next() {
            Some(_) => self.random.below(4),
            None => 0,
        };
        for _ in 0..most {
            let prefix = self.prefix();
            let (hop, value) = (next_hop(prefix), med(&mut self.random, 1 << 32));
            let announced = self.random.chance(600);
            let line = match announced {
                true => {
                    format!("announce route {prefix} next-hop {hop} med {value} lifetime forever")
                }
                false => format!("withdraw route {prefix} next-hop {hop}"),
            };
            for expected in self.expected.iter_mut().flatten() {
                expected.expire();
                match announced {
                    true => expected.announce(prefix, value, Stay::Forever),
                    false => expected.withdraw(prefix),
                }
            }
            self.note(format!("  read and not executed: {line}"));
            self.daemon.helper.expect(&line);
            text.push_str(&line);
            text.push('\n');
        }
        let at = usize::try_from(self.random.below(1 + text.len() as u64)).expect("small");
        let rest = text.split_off(at);
        self.daemon.process.hold_back(text.as_bytes());
        rest
    }

    /// Lets the daemon hand over.
    async fn give(&self, format: u8, runs: bool) -> Result<Left, String> {
        let (executor, server) = (Rc::clone(&self.daemon.executor), self.daemon.server.clone());
        let (process, door) = (Rc::clone(&self.daemon.process), Rc::clone(&self.door));
        let network = Rc::clone(&self.network);
        let giving = async move {
            let (control, none) = (Control::default(), Path::new(""));
            let giver = Giver {
                executor: &executor,
                server: &server,
                control: &control,
                program: none,
                directory: none,
            };
            giver.refuse_what_is_unknown()?;
            let sockets = Rc::clone(&network) as _;
            let execute = |bytes: Vec<u8>, numbers: Vec<RawFd>| {
                if !runs {
                    return Err(REFUSED.to_owned());
                }
                // From here on nothing of this daemon happens.
                process.finish();
                door.replace(None);
                network.leave(&numbers);
                Ok(bytes)
            };
            giver
                .give_to(format, sockets, |collected| {
                    execute(collected.parts().concat(), collected.into_descriptors())
                })
                .await
        };
        let task = self.daemon.local.spawn_local(giving);
        task.await.expect("it does not panic")
    }

    /// Continues with another daemon.
    async fn replace(&mut self, bytes: Left, gap: Gap) {
        let mut established = Vec::new();
        for peer in &self.peers {
            let all = self.daemon.core.neighbors.all();
            let mut states = all
                .iter()
                .filter(|listed| {
                    listed.neighbor.config.borrow().session.peer_address == peer.address
                })
                .filter_map(|listed| self.daemon.core.status(listed.neighbor.id));
            if states.any(|status| status.state == State::Established) {
                established.push(peer.address);
            } else {
                // A connection that is being negotiated is closed; the peer may be further than the daemon.
                peer.excuse(peer.blind() + Duration::from_secs(5));
            }
        }
        self.daemon.kill().await;
        self.pass(gap).await;
        let heritage = Heritage::of(bytes, Rc::clone(&self.network) as _);
        let heritage = heritage.expect("what was written can be read");
        self.pass(gap).await;
        let helper = Rc::clone(&self.daemon.helper);
        let path = self.path();
        self.daemon = Daemon::begin(&self.network, &path, Some((heritage, helper)));
        self.door.replace(Some(self.daemon.door()));
        self.expected
            .iter_mut()
            .flatten()
            .for_each(Expected::resume);
        let lost = self.network.left();
        if lost > 0 {
            self.faults.push(format!("{lost} connections stay open"));
        }
        for address in established {
            let status = self.daemon.server.get_peer(address);
            if status.is_none_or(|status| status.state != State::Established) {
                let fault = format!("the session of {address} is not continued");
                self.faults.push(fault);
            }
        }
    }

    /// Lets some time pass.
    async fn pass(&mut self, gap: Gap) {
        if gap == Gap::Busy {
            for _ in 0..self.random.below(3) {
                self.receive();
            }
            if self.random.chance(50) {
                self.fault();
            }
        }
        let time = self.random.millis(2_500);
        sleep(time).await;
    }
}
