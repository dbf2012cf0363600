//! The options around any command: `ack-id ID` and `sync` or `async` before it, `sync` or `async` after it.

use std::time::Duration;

use super::error::CommandError;
use super::staging::Staging;
use super::words::word_at;
use crate::rib::Lifetime;
use crate::text::{Span, SyntaxError, value};

/// The options around any command.
pub(super) struct Options<'a> {
    /// Repeated in the answer.
    pub(super) id: Option<&'a str>,
    /// Whether the answer waits until the routes are written to the sockets, if the line has `sync` or `async`.
    pub(super) sync: Option<bool>,
    /// How long announced routes are to stay, if the line has `lifetime`.
    pub(super) lifetime: Lifetime,
    /// Where the command starts and ends in the line.
    pub(super) at: usize,
    pub(super) end: usize,
}

impl<'a> Options<'a> {
    /// Cuts them off a line, which may be one of a set.
    pub(super) fn split(line: &'a str, set: &Option<Staging>) -> Result<Self, CommandError> {
        let mut options = Self {
            id: None,
            sync: None,
            lifetime: Lifetime::Unchanged,
            at: 0,
            end: line.len(),
        };
        loop {
            let (start, word, next) = word_at(line, options.at);
            options.at = start;
            match word {
                "sync" | "async" if next < line.len() => {
                    options.sync = Some(word == "sync");
                    options.at = next;
                }
                "ack-id" => {
                    let (start, id, next) = word_at(line, next);
                    let span = Span::new(start, start + id.len());
                    if id.is_empty() || id.len() > 64 {
                        return Err(SyntaxError::expected(
                            span,
                            "an id of at most 64 characters",
                            id,
                        )
                        .into());
                    }
                    options.id = Some(id);
                    options.at = next;
                }
                _ => break,
            }
        }
        options.trailing(line);
        options.lifetime(line, set)?;
        if options.lifetime != Lifetime::Unchanged && options.sync.is_none() {
            options.trailing(line);
        }
        Ok(options)
    }

    /// `lifetime` at the end of an announcement: `10m`.
    fn lifetime(&mut self, line: &str, set: &Option<Staging>) -> Result<(), CommandError> {
        let command = line[self.at..self.end].trim_end();
        let Some((before, last)) = command.rsplit_once([' ', '\t']) else {
            return Ok(());
        };
        let Some(before) = before.trim_end().strip_suffix("lifetime") else {
            return Ok(());
        };
        let name = before.trim_end().rsplit([' ', '\t']).next();
        if !before.ends_with([' ', '\t'])
            || !(set.is_some() || before.contains("announce ") || before.contains(" put "))
            || before.contains(" advisory ")
            || matches!(name, Some("name" | "watchdog"))
        {
            return Ok(());
        }
        let end = self.at + command.len();
        let span = Span::new(end - last.len(), end);
        self.lifetime = duration(last).ok_or_else(|| {
            SyntaxError::expected(
                span,
                "a lifetime such as `10m`, `24h`, `600`, or `forever`",
                last,
            )
        })?;
        self.end = self.at + before.trim_end().len();
        Ok(())
    }

    /// ExaBGP 6.0 has `sync` and `async` at the end of route commands, where no name can stand.
    fn trailing(&mut self, line: &str) {
        let command = line[self.at..self.end].trim_end();
        let Some((before, last)) = command.rsplit_once([' ', '\t']) else {
            return;
        };
        let routes = (command.contains("announce ") || command.contains("withdraw "))
            && !command.contains(" advisory ");
        let value = before
            .trim_end()
            .rsplit([' ', '\t'])
            .next()
            .is_some_and(|word| matches!(word, "name" | "watchdog"));
        if matches!(last, "sync" | "async") && routes && !value {
            self.sync = Some(last == "sync");
            self.end = self.at + before.trim_end().len();
        }
    }
}

/// A lifetime as it is written. `0` means forever.
fn duration(word: &str) -> Option<Lifetime> {
    if word == "forever" {
        return Some(Lifetime::Forever);
    }
    let seconds = value::seconds(word)?;
    Some(match seconds {
        0 => Lifetime::Forever,
        seconds => Lifetime::For(Duration::from_secs(seconds)),
    })
}
