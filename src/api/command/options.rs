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

    /// `lifetime` at the end of an announcement: `10m`. A semicolon may follow it, as any other word. That of a withdrawal is
    /// ignored.
    fn lifetime(&mut self, line: &str, set: &Option<Staging>) -> Result<(), CommandError> {
        let command = line[self.at..self.end].trim_end_matches([';', ' ', '\t']);
        let announces = command.contains("announce ")
            || command.contains(" put ")
            || set.is_some() && !command.starts_with("set ") && !command.starts_with("show ");
        // Helpers make a withdrawal of an announcement by another verb.
        let withdraws =
            !announces && command.contains("withdraw ") && !command.contains("withdraw watchdog ");
        let has_none = command.starts_with('#') || command.contains(" advisory ");
        if has_none || !announces && !withdraws {
            return Ok(());
        }
        let (before, last) = cut(command);
        let (rest, word) = cut(before);
        let is_value = |before| matches!(cut(before).1, "name" | "watchdog");
        let end = self.at + command.len();
        let expected = "a lifetime such as `10m`, `24h`, `600`, or `forever`";
        if last == "lifetime" && !is_value(before) {
            return Err(SyntaxError::expected(Span::new(end, end), expected, "").into());
        }
        if word != "lifetime" || is_value(rest) {
            return Ok(());
        }
        let span = Span::new(end - last.len(), end);
        let lifetime = duration(last).ok_or_else(|| SyntaxError::expected(span, expected, last))?;
        if announces {
            self.lifetime = lifetime;
        }
        self.end = self.at + rest.len();
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

/// The last word, and what stands before it.
fn cut(text: &str) -> (&str, &str) {
    match text.rsplit_once([' ', '\t']) {
        Some((before, last)) => (before.trim_end(), last),
        None => ("", text),
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
