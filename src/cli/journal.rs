//! `oxabgp journal`: the routes of a journal as commands.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use super::REFUSED;
use crate::bgp::nlri::NlriId;
use crate::bgp::{AttributeSet, Nlri, NlriRef};
use crate::config::show::command;
use crate::journal::{AttributeMemo, FrameReader, Lease, OPERATOR, Record, Records};

// Options of `journal`.
#[derive(Args, Debug)]
pub(crate) struct JournalArgs {
    /// Only the routes of this process, of `operator`, or of a set: `set NAME`.
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// The file `journal` of the `state` section's directory, or that directory.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn run(args: &JournalArgs) -> ExitCode {
    let path = match args.file.is_dir() {
        true => args.file.join("journal"),
        false => args.file.clone(),
    };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(cause) => {
            errln!("error: `{}` cannot be read: {cause}", path.display());
            return ExitCode::from(REFUSED);
        }
    };
    let mut state = State::default();
    let damage = read(file, &mut state);
    let mut out = BufWriter::new(io::stdout().lock());
    let written = state
        .print(args.owner.as_deref(), &mut out)
        .and_then(|()| out.flush());
    match (damage, written) {
        (_, Err(cause)) if cause.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        (_, Err(cause)) => {
            errln!("error: the commands can't be written: {cause}");
            ExitCode::from(REFUSED)
        }
        (Some(message), Ok(())) => {
            errln!("error: {}: {message}", path.display());
            ExitCode::from(REFUSED)
        }
        (None, Ok(())) => ExitCode::SUCCESS,
    }
}

/// Reads all that is readable. Returns why there is no more.
fn read(file: File, state: &mut State) -> Option<String> {
    let mut reader = match FrameReader::new(BufReader::new(file)) {
        Ok(reader) => reader,
        Err(damage) => return Some(damage.to_string()),
    };
    loop {
        match reader.next_frame() {
            Ok(None) => return None,
            Ok(Some(payload)) => {
                for record in Records::new(&payload).flatten() {
                    state.apply(record);
                }
            }
            Err(damage) => {
                let offset = reader.offset();
                return Some(format!("what follows byte {offset} is lost: {damage}"));
            }
        }
    }
}

/// What is between the names of neighbors.
const SEPARATOR: &str = ", ";

/// What distinguishes routes: neighbors, and the route itself.
type Key = (Rc<str>, NlriId);

/// What is announced.
struct Announced {
    owner: Rc<str>,
    /// What stands before the command.
    selector: Rc<str>,
    attributes: Rc<AttributeSet>,
    lease: Option<Lease>,
}

/// The outcome of all records.
#[derive(Default)]
struct State {
    /// The names of the neighbors, and the selector, by the number of a selection.
    selections: HashMap<u32, (Rc<str>, Option<Rc<str>>)>,
    /// The commands in their order; `None` if a later one replaces it.
    lines: Vec<Option<(Key, Nlri, Option<Announced>)>>,
    known: HashMap<Key, usize>,
    /// How many lines there are of a route, for whatever neighbors.
    routes: HashMap<NlriId, usize>,
    attributes: AttributeMemo,
    /// The watchdog groups of neighbors that were switched: by whom, and whether they are announced.
    switches: BTreeMap<(Rc<str>, String), (String, bool)>,
}

impl State {
    fn apply(&mut self, record: Record<'_>) {
        match record {
            Record::Select { id, selection } => {
                let names: Rc<str> = selection.names.join(SEPARATOR).into();
                let selector = selection.selector.map(Rc::from);
                self.selections.insert(id, (names, selector));
            }
            Record::Announce {
                owner,
                selection,
                lease,
                attributes,
                routes,
            } => {
                let Ok(attributes) = self.attributes.decode(attributes, |set| set) else {
                    return;
                };
                let Some((peers, selector)) = self.selections.get(&selection).cloned() else {
                    return;
                };
                let selector = match selector {
                    // A helper's command without a selector is for its own neighbors only.
                    Some(text) if owner == OPERATOR || !text.is_empty() => text,
                    _ => Rc::clone(&peers),
                };
                let owner: Rc<str> = owner.into();
                for nlri in routes.flatten() {
                    let announced = Announced {
                        owner: Rc::clone(&owner),
                        selector: Rc::clone(&selector),
                        attributes: Rc::clone(&attributes),
                        lease,
                    };
                    self.put(key(&peers, nlri), nlri.to_nlri(), Some(announced));
                }
            }
            Record::Withdraw {
                selection, routes, ..
            } => {
                let peers = self.peers(selection);
                for nlri in routes.flatten() {
                    self.put(key(&peers, nlri), nlri.to_nlri(), None);
                }
            }
            Record::Forget { selection } => {
                let peers = self.peers(selection);
                self.forget(&peers);
            }
            Record::Switch {
                owner,
                selection,
                announced,
                name,
            } => {
                let key = (self.peers(selection), name.to_owned());
                self.switches.insert(key, (owner.to_owned(), announced));
            }
            Record::Revision { .. } | Record::Unknown(_) => {}
        }
    }

    /// Takes all routes from some neighbors.
    fn forget(&mut self, peers: &str) {
        let gone: HashSet<&str> = peers.split(SEPARATOR).collect();
        let lines = std::mem::take(&mut self.lines);
        self.known.clear();
        self.routes.clear();
        for ((names, id), nlri, announced) in lines.into_iter().flatten() {
            let left = names.split(SEPARATOR).filter(|name| !gone.contains(name));
            let left = left.collect::<Vec<_>>().join(SEPARATOR);
            if left.is_empty() {
                continue;
            }
            let (names, announced) = match *left == *names {
                true => (names, announced),
                false => {
                    let names: Rc<str> = left.into();
                    let selector = Rc::clone(&names);
                    (
                        names,
                        announced.map(|announced| Announced {
                            selector,
                            ..announced
                        }),
                    )
                }
            };
            self.put((names, id), nlri, announced);
        }
    }

    fn peers(&self, selection: u32) -> Rc<str> {
        let known = self.selections.get(&selection);
        known.map_or_else(Rc::default, |(names, _)| Rc::clone(names))
    }

    fn put(&mut self, key: Key, nlri: Nlri, announced: Option<Announced>) {
        let count = self.routes.entry(key.1.clone()).or_default();
        if let Some(line) = self
            .known
            .remove(&key)
            .and_then(|at| self.lines.get_mut(at))
        {
            *line = None;
            *count -= 1;
        }
        // A withdrawal is of use only after an announcement to more neighbors.
        if announced.is_some() || *count > 0 {
            *count += 1;
            self.known.insert(key.clone(), self.lines.len());
            self.lines.push(Some((key, nlri, announced)));
        }
    }

    fn print(&self, owner: Option<&str>, out: &mut impl Write) -> io::Result<()> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        for (key, nlri, announced) in self.lines.iter().flatten() {
            let Some(route) = announced else {
                if owner.is_none() {
                    writeln!(out, "{} {}", key.0, command("withdraw", nlri, None))?;
                }
                continue;
            };
            if owner.is_some_and(|owner| *route.owner != *owner) {
                continue;
            }
            let left = route.lease.map(|lease| lease.left_at(now));
            if left.is_some_and(|left| left.is_zero()) {
                continue;
            }
            let line = command("announce", nlri, Some(&route.attributes));
            let blank = if route.selector.is_empty() { "" } else { " " };
            write!(out, "{}{blank}{line}", route.selector)?;
            if let Some(left) = left {
                write!(out, " lifetime {}s", left.as_millis().div_ceil(1_000))?;
            }
            writeln!(out)?;
        }
        for ((peers, name), (speaker, announced)) in &self.switches {
            if owner.is_none_or(|owner| owner == speaker) {
                let verb = if *announced { "announce" } else { "withdraw" };
                writeln!(out, "{peers} {verb} watchdog {name}")?;
            }
        }
        Ok(())
    }
}

fn key(peers: &Rc<str>, nlri: NlriRef<'_>) -> Key {
    (Rc::clone(peers), nlri.id())
}
