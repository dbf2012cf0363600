//! What is to be said about a command that is answered `done`: words that were passed over, or that nothing was sent.
//!
//! ExaBGP answers `done` to both, and helpers expect that. The log has a warning, and those who asked for reasons
//! (`session reasons enable`, as `oxabgp cli` and `oxabgp run` do) get a line before `done`.

use super::{Call, CommandError, Commands, Source};
use crate::api::control::{Control, Sending};
use crate::api::reply::Answer;
use crate::bgp::Family;
use crate::rib::{Change, PeerSet};

/// A remark about a command that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// Words that mean nothing were passed over.
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

impl Commands {
    /// Takes note of what is about to be applied and can be sent to none of its peers, if the source wants to know. The
    /// log has it from where the changes are applied.
    pub(super) fn notice_unsent(&mut self, source: &Source, control: &dyn Control) {
        if source.acks.reasons {
            self.notice = unsent(&self.changes, control);
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

impl Call<'_> {
    /// Reports, now in the log and later in the answer, that the command has no effect.
    pub(super) fn no_effect(&mut self, reason: String) {
        tracing::warn!(
            process = self.source.name,
            command = self.line,
            "the command has no effect: {reason}"
        );
        self.commands.notice = Some(Notice::NoEffect(reason));
    }

    /// The same, unless one of `peers` can be sent `what`.
    pub(super) fn no_effect_unless(
        &mut self,
        peers: &PeerSet,
        what: Sending<'_>,
        reason: impl FnOnce() -> String,
    ) {
        if !self.control.can_send(peers, what) {
            self.no_effect(reason());
        }
    }

    /// Passes over the words of the line from `at` on, as ExaBGP does, and reports that.
    ///
    /// # Errors
    /// When `json` is among them: ExaBGP refuses it in commands without an answer in JSON.
    pub(super) fn pass_over(&mut self, at: usize) -> Result<(), CommandError> {
        let words = self.line[at..].trim_ascii();
        if words.is_empty() {
            return Ok(());
        }
        if words.split_ascii_whitespace().any(|word| word == "json") {
            return self.nothing_after(at);
        }
        let shown: String = words.chars().take(64).collect();
        let reason = format!("`{shown}` means nothing here and is ignored");
        tracing::warn!(process = self.source.name, command = self.line, "{reason}");
        self.commands.notice.get_or_insert(Notice::Warning(reason));
        Ok(())
    }

    /// Passes over all arguments.
    ///
    /// # Errors
    /// As [`pass_over`](Self::pass_over).
    pub(super) fn pass_over_arguments(&mut self) -> Result<(), CommandError> {
        self.pass_over(self.at)
    }
}
