//! `begin`, route commands, `commit`: applied as one step, or not at all.
//!
//! Inside a batch route commands are read and kept; each is answered only if it is wrong, and then nothing of the batch will
//! be applied. `commit` applies all, in order, or answers why not; `abort` forgets all. Any other command acts at once.

use super::notice::{self, Notice};
use super::table::Row;
use super::{Call, CommandError, ErrorKind, Reply};
use crate::api::control::Control;
use crate::api::reply::Acks;
use crate::bgp::Family;
use crate::rib::{Action, Change, PeerSet};

/// Most routes that a batch may hold.
const LIMIT: usize = 4_000_000;
/// How many commands of a batch each line of progress stands for.
const PROGRESS: u64 = 10_000;

/// Changes that wait.
#[derive(Debug, Default)]
pub(super) struct Batch {
    changes: Vec<Change>,
    markers: Vec<(PeerSet, Family)>,
    commands: u64,
    /// The first mistake.
    failed: Option<CommandError>,
}

impl Batch {
    /// Takes the changes of one command. Tells the progress now and then.
    pub(super) fn add(
        &mut self,
        changes: &mut Vec<Change>,
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

    /// Says End-of-RIB after the changes.
    pub(super) fn end_of_rib(&mut self, peers: PeerSet, family: Family) {
        self.markers.push((peers, family));
    }

    /// Remembers the first mistake.
    pub(super) fn fail(&mut self, error: &CommandError) {
        self.failed.get_or_insert_with(|| error.clone());
    }

    /// How many routes it announces, and withdraws.
    pub(super) fn counts(&self) -> (usize, usize) {
        let announced = self
            .changes
            .iter()
            .filter(|change| matches!(change.action, Action::Announce(_)));
        let announced = announced.count();
        (announced, self.changes.len() - announced)
    }

    /// The notice about what of it can't be sent to any of its peers.
    pub(super) fn unsent(&self, control: &dyn Control) -> Option<Notice> {
        notice::unsent(&self.changes, control)
    }

    /// Applies all; the peers that were told something.
    pub(super) fn commit(mut self, control: &mut dyn Control) -> Result<PeerSet, CommandError> {
        if let Some(error) = self.failed {
            let message = format!("nothing of the batch was applied: {error}");
            return Err(CommandError::new(error.kind, message));
        }
        let mut touched = PeerSet::new();
        self.changes
            .iter()
            .for_each(|change| touched.union(&change.peers));
        control.apply(&mut self.changes)?;
        for (peers, family) in self.markers {
            control.end_of_rib(&peers, family);
            touched.union(&peers);
        }
        Ok(touched)
    }
}

/// `begin`
pub(super) fn begin(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    if call.source.batch.is_some() {
        return Err(CommandError::new(
            ErrorKind::Refused,
            "a batch is already open: `commit` or `abort` ends it",
        ));
    }
    call.source.batch = Some(Batch::default());
    Ok(Reply::Done)
}

/// `commit`
pub(super) fn commit(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    let batch = call.source.batch.take().ok_or_else(none)?;
    if call.source.acks.reasons {
        call.commands.notice = batch.unsent(call.control);
    }
    let touched = batch.commit(call.control)?;
    call.touched.union(&touched);
    Ok(Reply::Done)
}

/// `abort`
pub(super) fn abort(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    call.source
        .batch
        .take()
        .map(|_| Reply::Done)
        .ok_or_else(none)
}

fn none() -> CommandError {
    CommandError::new(ErrorKind::Refused, "there is no batch: `begin` opens one")
}
