//! Changes that are held back until `commit`.

use std::rc::Rc;

use super::error::{CommandError, ErrorKind};
use super::notice::{self, Notice};
use crate::api::control::Control;
use crate::api::reply::Acks;
use crate::bgp::Family;
use crate::rib::{Action, Change, Lifetime, PeerSet};

/// Most routes that a batch may hold.
const LIMIT: usize = 4_000_000;
/// How many commands of a batch each line of progress stands for.
const PROGRESS: u64 = 10_000;

/// Changes that wait.
#[derive(Debug, Default)]
pub(super) struct Batch {
    changes: Vec<Change>,
    /// The lifetimes of the changes up to these positions.
    lifetimes: Vec<(usize, Lifetime)>,
    /// The selectors of the changes up to these positions.
    selectors: Vec<(usize, Rc<str>)>,
    markers: Vec<(PeerSet, Family)>,
    commands: u64,
    /// The first error.
    failed: Option<CommandError>,
}

impl Batch {
    /// Adds the changes of one command. Reports the progress now and then.
    pub(super) fn add(
        &mut self,
        (changes, lifetime): (&mut Vec<Change>, Lifetime),
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
        match self.lifetimes.last_mut() {
            Some((end, last)) if *last == lifetime => *end = self.changes.len(),
            _ => self.lifetimes.push((self.changes.len(), lifetime)),
        }
        self.commands += 1;
        if acks.enabled && self.commands.is_multiple_of(PROGRESS) {
            acks.progress(self.commands, out);
        }
        Ok(())
    }

    /// Sets the selector of the last `count` changes.
    pub(super) fn select(&mut self, count: usize, selector: Option<&Rc<str>>) {
        let Some(selector) = selector else { return };
        let end = self.changes.len();
        match self.selectors.last_mut() {
            Some((last, same)) if same == selector && *last + count == end => *last = end,
            _ => self.selectors.push((end, Rc::clone(selector))),
        }
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
            .iter()
            .filter(|change| matches!(change.action, Action::Announce(_)));
        let announced = announced.count();
        (announced, self.changes.len() - announced)
    }

    /// The notice about changes that can't be sent to any of their peers.
    pub(super) fn unsent(&self, control: &dyn Control) -> Option<Notice> {
        notice::unsent(&self.changes, control)
    }

    /// Takes the changes, their lifetimes and their selectors.
    #[expect(clippy::type_complexity, reason = "three lists")]
    pub(super) fn parts(
        self,
        what: &str,
    ) -> Result<(Vec<Change>, Vec<(usize, Lifetime)>, Vec<(usize, Rc<str>)>), CommandError> {
        if let Some(error) = self.failed {
            let message = format!("nothing of {what} was applied: {error}");
            return Err(CommandError::new(error.kind, message));
        }
        Ok((self.changes, self.lifetimes, self.selectors))
    }

    /// Applies all changes. Returns the peers that were sent something.
    pub(super) fn commit(mut self, control: &mut dyn Control) -> Result<PeerSet, CommandError> {
        if let Some(error) = self.failed {
            let message = format!("nothing of the batch was applied: {error}");
            return Err(CommandError::new(error.kind, message));
        }
        let mut touched = PeerSet::new();
        self.changes
            .iter()
            .for_each(|change| touched.union(&change.peers));
        let limited = |(_, lifetime): &(usize, Lifetime)| *lifetime != Lifetime::Unchanged;
        if self.lifetimes.iter().any(limited) {
            control.set_lifetimes(self.lifetimes);
        }
        if !self.selectors.is_empty() {
            control.set_selectors(self.selectors);
        }
        control.apply(&mut self.changes)?;
        for (peers, family) in self.markers {
            control.end_of_rib(&peers, family);
            touched.union(&peers);
        }
        Ok(touched)
    }
}
