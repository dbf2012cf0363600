//! Changes that are held back until `commit`.

use super::cache::{SCOPE, Selections};
use super::error::{CommandError, ErrorKind};
use super::notice::{self, Notice};
use crate::api::changes::Changes;
use crate::api::control::Control;
use crate::api::reply::Acks;
use crate::bgp::Family;
use crate::rib::{Action, PeerSet};

/// Most routes that a batch may hold.
const LIMIT: usize = 4_000_000;
/// How many commands of a batch each line of progress stands for.
const PROGRESS: u64 = 10_000;

/// Changes that wait.
#[derive(Debug, Default)]
pub(super) struct Batch {
    changes: Changes,
    /// The epochs in which the neighbors of the changes up to these positions were selected.
    epochs: Vec<(usize, u64)>,
    /// End-of-RIB markers, and the epochs of their neighbors.
    markers: Vec<(PeerSet, Family, u64)>,
    commands: u64,
    /// The first error.
    failed: Option<CommandError>,
}

impl Batch {
    /// Adds the changes of one command, whose neighbors were selected in this epoch. Reports the progress now and then.
    pub(super) fn add(
        &mut self,
        (changes, epoch): (&mut Changes, u64),
        acks: &Acks,
        out: &mut String,
    ) -> Result<(), CommandError> {
        if self.changes.len() + changes.len() > LIMIT {
            let error = CommandError::new(
                ErrorKind::Refused,
                format!("a batch holds at most {LIMIT} routes"),
            );
            self.fail(&error);
            return Err(error);
        }
        self.changes.append(changes);
        let end = self.changes.len();
        match self.epochs.last_mut() {
            Some((last, same)) if *same == epoch => *last = end,
            _ => self.epochs.push((end, epoch)),
        }
        self.commands += 1;
        if acks.enabled && self.commands.is_multiple_of(PROGRESS) {
            acks.progress(self.commands, out);
        }
        Ok(())
    }

    /// Sends End-of-RIB after the changes.
    pub(super) fn end_of_rib(&mut self, peers: PeerSet, family: Family, epoch: u64) {
        self.markers.push((peers, family, epoch));
    }

    /// Replaces the neighbors that were selected before neighbors were added or removed: a selector selects those that it
    /// matches now, and what has none loses those that are gone.
    pub(super) fn settle(&mut self, selections: &mut Selections, control: &mut dyn Control) {
        let now = control.epoch();
        for (peers, _, epoch) in &mut self.markers {
            if *epoch != now {
                peers.subtract(&control.removed_since(*epoch));
            }
        }
        self.markers.retain(|(peers, ..)| !peers.is_empty());
        let epochs = std::mem::take(&mut self.epochs);
        if epochs.iter().all(|(_, epoch)| *epoch == now) {
            return;
        }
        let mut runs = epochs.into_iter().peekable();
        let (mut gone, had_changes) = (None, !self.changes.is_empty());
        self.changes.select(|at, change, selector| {
            while runs.next_if(|(end, _)| *end <= at).is_some() {
                gone = None;
            }
            let Some((_, epoch)) = runs.peek().filter(|(_, epoch)| *epoch != now) else {
                return change.peers.clone();
            };
            let Some(text) = selector else {
                let mut peers = change.peers.clone();
                peers.subtract(gone.get_or_insert_with(|| control.removed_since(*epoch)));
                return peers;
            };
            // It was read once already, for the neighbors of the source.
            let peers = selections.select(text, SCOPE, control);
            peers.unwrap_or_default()
        });
        if had_changes && self.changes.is_empty() {
            // The neighbors are gone, or no longer take commands of this source: a command of its own would be refused.
            let text = "there is no neighbor that these commands may reach any more";
            self.fail(&CommandError::new(ErrorKind::Refused, text));
        }
    }

    /// Remembers the first error.
    pub(super) fn fail(&mut self, error: &CommandError) {
        self.failed.get_or_insert_with(|| error.clone());
    }

    /// How many routes it announces, and withdraws.
    pub(super) fn counts(&self) -> (usize, usize) {
        let announced = self
            .changes
            .list
            .iter()
            .filter(|change| matches!(change.action, Action::Announce(_)));
        let announced = announced.count();
        (announced, self.changes.len() - announced)
    }

    /// The notice about changes that can't be sent to any of their peers.
    pub(super) fn unsent(&self, control: &dyn Control) -> Option<Notice> {
        notice::unsent(&self.changes.list, control)
    }

    /// Takes the changes.
    pub(super) fn changes(self, what: &str) -> Result<Changes, CommandError> {
        if let Some(error) = self.failed {
            let message = format!("nothing of {what} was applied: {error}");
            return Err(CommandError::new(error.kind, message));
        }
        Ok(self.changes)
    }

    /// Applies all changes. Returns the peers that were sent something.
    pub(super) fn commit(mut self, control: &mut dyn Control) -> Result<PeerSet, CommandError> {
        let markers = std::mem::take(&mut self.markers);
        let mut changes = self.changes("the batch")?;
        let mut touched = PeerSet::new();
        let peers = changes.list.iter().map(|change| &change.peers);
        peers.for_each(|peers| touched.union(peers));
        control.apply(&mut changes)?;
        for (peers, family, _) in markers {
            control.end_of_rib(&peers, family);
            touched.union(&peers);
        }
        Ok(touched)
    }
}
