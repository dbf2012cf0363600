//! The `state` section.

use std::time::Duration;

use super::context::Context;
use super::diagnostic::Diagnostic;
use super::schema::Keyword;
use super::settings::Settings;
use super::state::{JournalSync, StateConfig, Unclaimed};
use super::tree::Statement;
use crate::text::value;

/// The settings of the section.
pub(crate) const KEYWORDS: &[Keyword<StateConfig>] = &[
    Keyword {
        word: "directory",
        value: "<path>",
        doc: "keep a journal of what helpers and operators announce in this directory, so that a crash or a restart forgets nothing; created if it is missing, for one daemon only",
        read: |state, c, _| {
            c.value("an absolute path", |word| {
                word.starts_with('/').then(|| word.into())
            })
            .map(|path| state.directory = path)
        },
    },
    Keyword {
        word: "sync",
        value: "no | interval <seconds> | always",
        doc: "when the journal is written to the disk itself, for the case that the machine stops: when the kernel wants to, at most so long after a change, or at once; `interval 1` unless set. Sessions and answers never wait for it",
        read: |state, c, _| {
            state.sync = match c.peek() {
                "no" => JournalSync::No,
                "always" => JournalSync::Always,
                "interval" => {
                    c.next_token();
                    let seconds = c.value("a time such as `1`, 1 second or more", |word| {
                        value::seconds(word).filter(|seconds| (1..=86_400).contains(seconds))
                    })?;
                    state.sync = JournalSync::Interval(Duration::from_secs(seconds));
                    return Ok(());
                }
                _ => return Err(c.error("`no`, `interval` or `always`")),
            };
            c.next_token();
            Ok(())
        },
    },
    Keyword {
        word: "claim-time",
        value: "<time>",
        doc: "after a start, how long the routes of the journal wait for their owners to announce them again; 60 seconds unless set",
        read: |state, c, _| {
            c.value("a time such as `60` or `10m`", value::seconds)
                .map(|seconds| state.claim_time = Duration::from_secs(seconds))
        },
    },
    Keyword {
        word: "unclaimed",
        value: "withdraw | keep",
        doc: "what happens then to routes that were not announced again: of operators, of sets, and of processes that do not set it; `withdraw` unless set",
        read: |state, c, _| {
            c.value("`withdraw` or `keep`", Unclaimed::from_word)
                .map(|unclaimed| state.unclaimed = unclaimed)
        },
    },
];

/// The section.
const SECTION: Settings<StateConfig> = Settings {
    section: "state",
    shown: "a `state` section",
    keywords: KEYWORDS,
    lists: &[],
    is_outermost: true,
};

/// Reads `state { … }`.
pub(crate) fn read(cx: &mut Context<'_>, section: &Statement) -> StateConfig {
    let place = cx.tree.head_span(section);
    let mut state = StateConfig::default();
    let Some(seen) = SECTION.read(cx, section, &mut state) else {
        return state;
    };
    if !seen.has("state", "directory") {
        cx.report.add(
            Diagnostic::error(place, "the `state` section has no directory")
                .with_help("add `directory /var/lib/oxabgp;`"),
        );
    }
    state
}
