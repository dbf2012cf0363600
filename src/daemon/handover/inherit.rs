//! The process that continues.

use std::fs::File;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use tracing::{debug, error, info, warn};

use super::codec::{Blob, Field};
use super::neighbors;
use super::protocol::{CHECK, FORMATS, VARIABLE, WITH_SECTIONS, magic, signals};
use super::pulse::Pulse;
use super::sections::Sections;
use super::sockets::{Descriptors, Sockets};
use super::state::{
    CheckState, FINDINGS, HelperState, OperatorState, QueueState, STATES, SourceState, State,
};
use crate::api::command::{Role, RoutesJson, Source};
use crate::daemon::checks::handover::CheckParts;
use crate::daemon::control::{Control, DoorParts, OperatorParts};
use crate::daemon::core::Core;
use crate::daemon::executor::Executor;
use crate::daemon::process::handover::HelperParts;
use crate::daemon::queue::handover::QueueParts;
use crate::daemon::stats::CommandCounts;
use crate::health::{Seen, Side};
use crate::rib::PeerId;
use crate::speaker::Server;
use crate::speaker::sockopt::inherit;
use crate::wire::Reader;

/// What this process was started for.
pub(crate) enum Purpose {
    /// To run.
    Run,
    /// To check the configuration.
    Check,
    /// To continue in place of another process.
    Continue(Box<Heritage>),
}

/// Reads the environment.
///
/// # Errors
/// When there is to be a state and it can't be read.
pub(crate) fn purpose() -> io::Result<Purpose> {
    let Some(value) = std::env::var_os(VARIABLE) else {
        return Ok(Purpose::Run);
    };
    if value == CHECK {
        return Ok(Purpose::Check);
    }
    let number = value.to_str().and_then(|value| value.parse().ok());
    let number = number.ok_or_else(|| io::Error::other(format!("{VARIABLE} has no number")))?;
    Heritage::read(number).map(|heritage| Purpose::Continue(Box::new(heritage)))
}

/// What another process has left to this one.
pub(crate) struct Heritage {
    state: State,
    sections: Sections,
    sockets: Rc<dyn Sockets>,
    pulse: Pulse,
    bytes: Vec<u8>,
    /// Where the tables begin.
    tables: usize,
    /// The numbers of the neighbors, once the tables are filled.
    numbers: neighbors::Numbers,
}

impl Heritage {
    /// Reads the state.
    ///
    /// # Errors
    /// When it is not one that this process has written before it executed this program.
    fn read(number: i32) -> io::Result<Self> {
        let mut file = File::from(inherit(number)?);
        let mut bytes = Vec::new();
        io::Seek::rewind(&mut file)?;
        file.read_to_end(&mut bytes)?;
        Self::of(bytes, Rc::new(Descriptors))
    }

    /// The same, with what was read.
    pub(crate) fn of(bytes: Vec<u8>, sockets: Rc<dyn Sockets>) -> io::Result<Self> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let known = FORMATS
            .into_iter()
            .find_map(|format| Some((format, bytes.strip_prefix(&magic(format))?)));
        let (format, body) = known.ok_or_else(|| wrong("the state has another format"))?;
        let mut r = Reader::new(body);
        let state = State::get(&mut r).map_err(|cause| wrong(&cause.to_string()))?;
        let sections = match format >= WITH_SECTIONS {
            true => Sections::get(&mut r).map_err(|cause| wrong(&cause.to_string()))?,
            false => Sections::default(),
        };
        if state.pid != std::process::id() {
            return Err(wrong("the state is that of another process"));
        }
        let tables = bytes.len() - r.remaining();
        // Before anything else: peers were sent nothing while the process before wrote all this.
        let beats = state.neighbors.iter().filter_map(neighbors::beat);
        let mut pulse = Pulse::of(beats, Rc::clone(&sockets));
        pulse.look();
        Ok(Self {
            state,
            sections,
            sockets,
            pulse,
            bytes,
            tables,
            numbers: neighbors::Numbers::new(),
        })
    }

    /// How long the daemon has run.
    pub(crate) const fn age(&self) -> Duration {
        self.state.age
    }

    /// Lets signals through that arrived between the two programs.
    pub(crate) fn unblock_signals() {
        if let Err(cause) = signals().thread_unblock() {
            warn!(%cause, "signals stay blocked");
        }
    }

    /// Continues with the listening sockets that are still wanted.
    pub(crate) fn listen(&mut self, server: &Server, wanted: &[SocketAddr]) {
        for (address, number) in std::mem::take(&mut self.state.listeners) {
            let Ok(socket) = inherit(number).map(TcpListener::from) else {
                continue;
            };
            if !wanted.contains(&address) {
                continue;
            }
            match server.listen_on(socket) {
                Ok(address) => info!(%address, "still listening"),
                Err(cause) => debug!(%address, %cause, "listening again"),
            }
        }
    }

    /// The control socket.
    pub(crate) fn doors(&mut self) -> Option<DoorParts> {
        let control = self.state.control.take()?;
        Some(DoorParts {
            socket: control.socket,
            path: control.path.into(),
            file: control.file,
        })
    }

    /// Fills the tables and continues with neighbors and helpers.
    ///
    /// # Errors
    /// When the tables can't be read. Nothing is sent then.
    pub(crate) fn fill(
        &mut self,
        executor: &Executor,
        core: &Rc<Core>,
        server: &Server,
    ) -> io::Result<()> {
        for (name, speaker, revision) in std::mem::take(&mut self.state.sets) {
            core.sets.restore(&name, &speaker, revision);
        }
        let neighbors = std::mem::take(&mut self.state.neighbors);
        let tables = Reader::new(&self.bytes[self.tables..]);
        let sockets = &*self.sockets;
        let carried = (&mut self.pulse, sockets);
        let numbers = neighbors::resume((core, server), neighbors, tables, carried)
            .map_err(|cause| io::Error::new(io::ErrorKind::InvalidData, cause.to_string()))?;
        for state in std::mem::take(&mut self.state.helpers) {
            helper((executor, core), state, &numbers, sockets);
        }
        self.sections.resume((core, server), &numbers);
        for operator in &mut self.state.operators {
            for (peers, _) in &mut operator.queue.waiting {
                *peers = peers
                    .iter()
                    .filter_map(|peer| numbers.get(peer).map(|now| now.0))
                    .collect();
            }
        }
        self.numbers = numbers;
        self.bytes = Vec::new();
        core.handover.is_resuming.set(false);
        Ok(())
    }

    /// Continues with the health checks, which are known by now and have not begun.
    pub(crate) fn check(&mut self, core: &Rc<Core>) {
        for state in std::mem::take(&mut self.state.checks) {
            if let Some(check) = core.checks.find(&state.name) {
                check.resume(core, parts_of_check(state, &self.numbers));
            }
        }
        self.sections.resume_checks(core);
    }

    /// Continues to count what is done with the journal, once it is kept.
    pub(crate) fn count(&self, core: &Core) {
        self.sections.resume_journal(core);
    }

    /// Continues to serve the clients of the control socket.
    pub(crate) fn serve(self, executor: &Rc<Executor>, control: &Control) {
        for operator in self.state.operators {
            let OperatorState {
                socket,
                input,
                queue,
                source,
            } = operator;
            let parts = OperatorParts {
                socket,
                input: input.0,
                queue: parts(queue, Some),
                source: self::source("cli", &source),
            };
            if let Err(cause) = control.resume(executor, parts) {
                warn!(%cause, "a client of the control socket is lost");
            }
        }
    }
}

fn parts_of_check(state: CheckState, numbers: &neighbors::Numbers) -> CheckParts {
    let side = |is_up| match is_up {
        true => Side::Up,
        false => Side::Down,
    };
    let (number, count) = state.state;
    let peers = state.peers.iter();
    CheckParts {
        seen: Seen {
            state: STATES[usize::from(number) % STATES.len()],
            count: u32::try_from(count).unwrap_or(u32::MAX),
            side: state.sides.0.map(side),
            down_since: state.down_since,
            bad_since: state.bad_since,
            last: state
                .last
                .map(|(at, number)| (at, FINDINGS[usize::from(number) % FINDINGS.len()])),
        },
        side: state.sides.1.map(side),
        changed: state.changed,
        drains: state.drains,
        counts: state.counts,
        routes: state
            .routes
            .iter()
            .map(|(route, is_up)| (neighbors::nlri(route), *is_up))
            .collect(),
        peers: peers
            .filter_map(|peer| numbers.get(peer).copied())
            .collect(),
    }
}

fn source(name: &str, state: &SourceState) -> Source {
    let mut source = Source::new(name);
    source.acks.enabled = state.enabled;
    source.acks.json = state.json;
    source.acks.reasons = state.reasons;
    source.sync = state.sync;
    if state.all_routes {
        source.routes_json = RoutesJson::V2;
    }
    if state.read_only {
        source.role = Role::ReadOnly;
    }
    source
}

/// The content of a queue, with the numbers that neighbors have now.
fn parts(state: QueueState, now: impl Fn(u32) -> Option<u32>) -> QueueParts {
    let entries = state.entries.into_iter();
    let waiting = state.waiting.into_iter();
    let now = &now;
    QueueParts {
        entries: entries.map(|(Blob(text), times)| (text, times)).collect(),
        waiting: waiting
            .map(|(peers, Blob(text))| {
                let peers = peers.into_iter().filter_map(now).map(PeerId);
                (peers.collect(), text)
            })
            .collect(),
        lost: state.lost,
    }
}

fn helper(
    (executor, core): (&Executor, &Core),
    state: HelperState,
    numbers: &neighbors::Numbers,
    sockets: &dyn Sockets,
) {
    let Some((_, process)) = core.events.helpers().find(&state.name) else {
        return;
    };
    let runs = state.running.is_some();
    let known = HelperParts {
        running: state.running.map(|(pid, (a, b, c))| (pid, [a, b, c])),
        input: state.input.0,
        starts: state.starts,
        deaths: state.deaths,
        counts: CommandCounts {
            done: state.counts.0,
            refused: state.counts.1,
        },
    };
    if let Err(cause) = process.resume(&known, |pid, pipes| sockets.helper(pid, pipes)) {
        error!(process = %process.name, %cause, "the helper is lost, and started again");
        return;
    }
    if runs {
        if let Some(state) = &state.source {
            executor.set_source(&process.name, source(&process.name, state));
        }
        let now = |peer| numbers.get(&peer).map(|now| now.0);
        process.queue.resume(parts(state.queue, now));
        core.routes.hold_answers(&process.queue);
    }
}
