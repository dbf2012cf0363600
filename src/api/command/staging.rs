//! A set that is being declared, and the plan that it becomes.

use std::rc::Rc;

use super::batch::Batch;
use super::cache::Selections;
use super::error::CommandError;
use crate::api::changes::Changes;
use crate::api::control::Control;
use crate::api::reply::{Acks, Answer};
use crate::json::JsonWriter;

/// A set that is being declared.
#[derive(Debug)]
pub(super) struct Staging {
    pub(super) plan: SetPlan,
    pub(super) routes: Batch,
    /// The current line is one of the set.
    pub(super) is_line: bool,
}

/// What a set is to be, or one key of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetPlan {
    /// The name of the set.
    pub name: String,
    /// Only the routes of this key; `None`: the whole set.
    pub key: Option<String>,
    /// The revision that it will have; `None`: as before.
    pub revision: Option<u64>,
    /// Neither a revision nor the number of routes that go prevents it.
    pub force: bool,
    /// The most routes that may go, in percent of those that there are.
    pub max_remove: Option<u8>,
    /// The routes.
    pub changes: Changes,
    /// The [epoch](Control::epoch) in which their neighbors were selected.
    pub epoch: u64,
    /// As long as this is held, nobody else may declare the set.
    pub hold: Rc<()>,
    pub(super) acks: Acks,
    pub(super) id: Option<String>,
}

/// What applying a set has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetChanges {
    /// Routes that are new.
    pub added: usize,
    /// Routes with other attributes, or for other neighbors.
    pub changed: usize,
    /// Routes that are gone.
    pub removed: usize,
}

impl SetPlan {
    /// A set without routes, which no other speaker declares.
    pub fn empty(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            key: None,
            revision: None,
            force: false,
            max_remove: None,
            changes: Changes::default(),
            epoch: 0,
            hold: Rc::default(),
            acks: Acks::default(),
            id: None,
        }
    }

    /// The same without routes: what the answer needs.
    #[must_use]
    pub fn head(&self) -> Self {
        Self {
            name: self.name.clone(),
            key: self.key.clone(),
            changes: Changes::default(),
            hold: Rc::default(),
            id: self.id.clone(),
            ..*self
        }
    }

    /// The answer to the command.
    pub fn answer(&self, result: Result<SetChanges, &str>) -> String {
        let (id, mut out) = (self.id.as_deref(), String::new());
        match result {
            _ if !self.acks.enabled => {}
            Err(reason) => self.acks.write(Answer::Error(reason), id, &mut out),
            Ok(done) if self.acks.json => {
                let mut w = JsonWriter::new();
                w.raw("{ \"answer\": \"done\", \"message\": \"command completed\"");
                let counts = [
                    ("added", done.added),
                    ("changed", done.changed),
                    ("removed", done.removed),
                ];
                for (key, count) in counts {
                    w.raw(", ");
                    w.key(key).number(count);
                }
                if let Some(id) = id {
                    w.raw(", \"id\": ").string(id);
                }
                w.raw(" }\n");
                out.push_str(w.as_str());
            }
            Ok(done) => {
                out.push_str("done");
                if let Some(id) = id {
                    out.push(' ');
                    out.push_str(id);
                }
                out.push_str(&format!(
                    " added {} changed {} removed {}\n",
                    done.added, done.changed, done.removed
                ));
            }
        }
        out
    }
}

impl Staging {
    /// Adds the routes of one line.
    pub(super) fn add(&mut self, changes: (&mut Changes, u64)) -> Result<(), CommandError> {
        // Lines of a set are not acknowledged, and there is no progress.
        let quiet = Acks {
            enabled: false,
            ..Acks::default()
        };
        self.routes.add(changes, &quiet, &mut String::new())
    }

    /// Remembers the first error: the set will not be applied.
    pub(super) fn fail(&mut self, error: &CommandError) {
        self.routes.fail(error);
    }

    /// Ends the declaration. Its selectors select the neighbors that there are now.
    pub(super) fn plan(
        mut self,
        selections: &mut Selections,
        control: &mut dyn Control,
    ) -> Result<SetPlan, CommandError> {
        self.routes.settle(selections, control);
        let mut plan = self.plan;
        plan.epoch = control.epoch();
        plan.changes = self.routes.changes("the set")?;
        Ok(plan)
    }
}
