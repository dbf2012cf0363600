//! Remarks about a command that is answered `done`: words were ignored, or nothing was sent.
//!
//! ExaBGP answers `done` to both, and helpers expect that. The log has a warning, and sources that asked for reasons
//! (`session reasons enable`, as `oxabgp cli` and `oxabgp run` do) get a line before `done`.

use crate::api::control::{Control, Sending};
use crate::api::reply::Answer;
use crate::bgp::Family;
use crate::rib::{Change, PeerSet};

/// A remark about a command that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// Words without a meaning were ignored.
    Warning(String),
    /// Nothing was changed or sent.
    NoEffect(String),
}

impl Notice {
    /// The answer to the command.
    pub(super) fn answer(&self) -> Answer<'_> {
        match self {
            Self::Warning(reason) => Answer::Warned(reason),
            Self::NoEffect(reason) => Answer::NoEffect(reason),
        }
    }
}

/// The notice about changes that can be sent to none of their peers.
pub(super) fn unsent(changes: &[Change], control: &dyn Control) -> Option<Notice> {
    let mut last: Option<(&PeerSet, Family)> = None;
    changes.iter().find_map(|change| {
        let this = (&change.peers, change.nlri.family);
        // A list of routes of one family for the same peers is checked once.
        if last.replace(this) == Some(this) {
            return None;
        }
        let family = change.nlri.family;
        let can = control.can_send(&change.peers, Sending::Route(family));
        (!can).then(|| {
            Notice::NoEffect(format!(
                "`{}` is not sent: no selected neighbor has the family {family}",
                change.nlri
            ))
        })
    })
}
