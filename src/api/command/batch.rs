//! Changes that are held back until `commit`.

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
    markers: Vec<(PeerSet, Family)>,
    commands: u64,
    /// The first error.
    failed: Option<CommandError>,
}

impl Batch {
    /// Adds the changes of one command. Reports the progress now and then.
    pub(super) fn add(
        &mut self,
        changes: &mut Changes,
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
        self.commands += 1;
        if acks.enabled && self.commands.is_multiple_of(PROGRESS) {
            acks.progress(self.commands, out);
        }
        Ok(())
    }

    /// Sends End-of-RIB after the changes.
    pub(super) fn end_of_rib(&mut self, peers: PeerSet, family: Family) {
        self.markers.push((peers, family));
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
        for (peers, family) in markers {
            control.end_of_rib(&peers, family);
            touched.union(&peers);
        }
        Ok(touched)
    }
}
