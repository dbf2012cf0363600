//! Sets: the revisions that they have, and who declares one at the moment.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::{Rc, Weak};

use tokio::sync::Mutex;

use crate::journal::SET;

/// The most sets.
const MOST: usize = 1_000;

/// All sets.
#[derive(Default)]
pub(crate) struct Sets {
    known: RefCell<BTreeMap<Rc<str>, Known>>,
}

/// What is known of a set that was declared.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    /// The helper that it belongs to; empty for operators.
    pub(crate) speaker: Rc<str>,
    pub(crate) revision: Option<u64>,
    /// It was declared, or changed, in this run of the daemon.
    pub(crate) is_claimed: bool,
}

#[derive(Default)]
struct Known {
    declared: Option<Declared>,
    /// Held by whoever declares it.
    open: Weak<()>,
    /// Held while it is applied; those that wait have their turns in order.
    applying: Rc<Mutex<()>>,
}

/// The owner of the routes of a set, or of a key of it.
pub(crate) fn owner_name(set: &str, key: Option<&str>) -> String {
    match key {
        None => format!("{SET}{set}"),
        Some(key) => format!("{SET}{set} {key}"),
    }
}

/// The set and the key of an [owner](owner_name).
pub(crate) fn set_of(owner: &str) -> Option<(&str, Option<&str>)> {
    let rest = owner.strip_prefix(SET)?;
    Some(match rest.split_once(' ') {
        Some((set, key)) => (set, Some(key)),
        None => (rest, None),
    })
}

impl Sets {
    /// Reserves a set for a speaker.
    ///
    /// # Errors
    /// When another one declares it, or there are too many.
    pub(crate) fn open(&self, name: &str) -> Result<Rc<()>, String> {
        let mut known = self.known.borrow_mut();
        if known.len() >= MOST {
            known.retain(|_, set| {
                let idle = set.open.strong_count() == 0 && Rc::strong_count(&set.applying) == 1;
                set.declared.is_some() || !idle
            });
        }
        if known.len() >= MOST && !known.contains_key(name) {
            return Err(format!("there are {MOST} sets already"));
        }
        let set = known.entry(name.into()).or_default();
        if set.open.strong_count() > 0 {
            return Err(format!("another speaker declares the set `{name}`"));
        }
        let hold = Rc::new(());
        set.open = Rc::downgrade(&hold);
        Ok(hold)
    }

    /// Compares a revision with that of a set.
    ///
    /// # Errors
    /// When the set has a higher one.
    pub(crate) fn check(&self, name: &str, revision: u64) -> Result<(), String> {
        match self.revision(name) {
            Some(known) if known > revision => Err(format!(
                "the set `{name}` has revision {known}, which is higher than {revision}"
            )),
            _ => Ok(()),
        }
    }

    /// Returns `true` if no set is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.borrow().is_empty()
    }

    /// The revision of a set.
    pub(crate) fn revision(&self, name: &str) -> Option<u64> {
        self.known.borrow().get(name)?.declared.as_ref()?.revision
    }

    /// The helper that a set belongs to; empty for operators.
    pub(crate) fn speaker(&self, name: &str) -> Option<Rc<str>> {
        let known = self.known.borrow();
        let declared = known.get(name)?.declared.as_ref()?;
        Some(Rc::clone(&declared.speaker))
    }

    /// Notes that a set was declared. Without a revision it keeps the one that it has.
    pub(crate) fn declare(&self, name: &str, speaker: &str, revision: Option<u64>) -> Option<u64> {
        let revision = revision.or_else(|| self.revision(name));
        let mut known = self.known.borrow_mut();
        known.entry(name.into()).or_default().declared = Some(Declared {
            speaker: speaker.into(),
            revision,
            is_claimed: true,
        });
        revision
    }

    /// Notes that the routes of a set are being replaced in several turns. Until it is declared it has no revision: it has
    /// routes of two.
    pub(crate) fn begin(&self, name: &str, speaker: &str) {
        self.lose_revision(name);
        self.declare(name, speaker, None);
    }

    /// Notes that a set has not all routes of its revision.
    pub(crate) fn lose_revision(&self, name: &str) {
        let mut known = self.known.borrow_mut();
        let declared = known.get_mut(name).and_then(|set| set.declared.as_mut());
        if let Some(declared) = declared {
            declared.revision = None;
        }
    }

    /// Notes what is known of a set from an earlier run of the daemon.
    pub(crate) fn restore(&self, name: &str, speaker: &str, revision: Option<u64>) {
        let mut known = self.known.borrow_mut();
        known.entry(name.into()).or_default().declared = Some(Declared {
            speaker: speaker.into(),
            revision,
            is_claimed: false,
        });
    }

    /// Notes that a set is as if it had never been declared.
    pub(crate) fn abandon(&self, name: &str) {
        if let Some(set) = self.known.borrow_mut().get_mut(name) {
            set.declared = None;
        }
    }

    /// Returns `true` if that helper, or with an empty name an operator, has declared the set.
    pub(crate) fn is_declared_by(&self, name: &str, speaker: &str) -> bool {
        let known = self.known.borrow();
        let declared = known.get(name).and_then(|set| set.declared.as_ref());
        declared.is_some_and(|declared| *declared.speaker == *speaker)
    }

    /// The sets of a helper, or with an empty name those of operators.
    pub(crate) fn declared_by(&self, speaker: &str) -> BTreeSet<Rc<str>> {
        let known = self.known.borrow();
        let is_own = |set: &Known| {
            let declared = set.declared.as_ref();
            declared.is_some_and(|declared| *declared.speaker == *speaker)
        };
        let own = known.iter().filter(|(_, set)| is_own(set));
        own.map(|(name, _)| Rc::clone(name)).collect()
    }

    /// What is held while a set is applied.
    pub(crate) fn applying(&self, name: &str) -> Rc<Mutex<()>> {
        let mut known = self.known.borrow_mut();
        Rc::clone(&known.entry(name.into()).or_default().applying)
    }

    /// All sets that were declared.
    pub(crate) fn declared(&self) -> Vec<(Rc<str>, Declared)> {
        let known = self.known.borrow();
        let with = |(name, set): (&Rc<str>, &Known)| Some((Rc::clone(name), set.declared.clone()?));
        known.iter().filter_map(with).collect()
    }
}
