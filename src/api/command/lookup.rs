//! The row of the table that executes a line. For lines that are not a command: what was expected, where, and what
//! was probably meant.

use super::call::{self, Call, MOST_WORDS, Row, Takes};
use super::error::{CommandError, ErrorKind};
use super::words::word_at;
use crate::text::{Span, near_miss};

/// The most words listed as candidates for the next word; `help` shows longer lists.
const LISTED: usize = 6;

impl Call<'_> {
    /// The row with the most words that the command starts with, and where its arguments start.
    pub(super) fn row(&self) -> Result<(&'static Row, usize), CommandError> {
        let mut heads = [("", 0); MOST_WORDS];
        let mut at = self.at;
        for head in &mut heads {
            let (_, word, end) = word_at(self.line, at);
            *head = (word, end);
            at = end;
        }
        let bare = self.selector.is_empty();
        let mut best: Option<(&'static Row, usize)> = None;
        for row in self.rows {
            let mut count = 0;
            let fits = row.words.split(' ').zip(&heads).all(|(wanted, (word, _))| {
                count += 1;
                *word == wanted
            });
            let longer = best.is_none_or(|(_, most)| most < count);
            if fits && longer && !(bare && row.selector == Takes::Needs) {
                best = Some((row, count));
            }
        }
        best.map(|(row, count)| (row, heads[count - 1].1))
            .ok_or_else(|| self.unknown())
    }

    /// The error about a line that matches no row of the table.
    fn unknown(&self) -> CommandError {
        let command = self.line[self.at..].trim_ascii();
        if command.is_empty() {
            let message = if self.selector.is_empty() {
                "an empty line is not a command"
            } else {
                "expected a command after the selector, found the end of the line"
            };
            return CommandError::new(ErrorKind::Unknown, message);
        }
        let mut known = String::new();
        let mut at = self.at;
        loop {
            let (start, word, end) = word_at(self.line, at);
            let span = Span::new(start, end);
            let next = self.next_words(&known);
            if !next.contains(&word) {
                let message = if known.is_empty() {
                    no_command(command, self.rows)
                } else {
                    unexpected(&known, word, &next)
                };
                return CommandError {
                    kind: ErrorKind::Unknown,
                    message,
                    span: Some(span),
                };
            }
            if !known.is_empty() {
                known.push(' ');
            }
            known.push_str(word);
            at = end;
        }
    }

    /// The words that may follow those of `known` in a command.
    fn next_words(&self, known: &str) -> Vec<&'static str> {
        let bare = self.selector.is_empty();
        let rows = self
            .rows
            .iter()
            .filter(|row| !(bare && row.selector == Takes::Needs));
        let mut words: Vec<&str> = rows
            .filter_map(|row| {
                let rest = row.words.strip_prefix(known)?;
                let rest = if known.is_empty() {
                    rest
                } else {
                    rest.strip_prefix(' ')?
                };
                rest.split(' ').next()
            })
            .collect();
        words.sort_unstable();
        words.dedup();
        words
    }
}

/// The message about a line whose first word does not begin a command.
fn no_command(command: &str, rows: &'static [Row]) -> String {
    let words: Vec<&str> = command.split_ascii_whitespace().take(3).collect();
    let near = (1..=words.len())
        .rev()
        .find_map(|count| near_miss(&words[..count].join(" "), call::words(rows)));
    let near = near.or_else(|| near_miss(words.first()?, call::starts(rows)));
    let help = near.map_or_else(
        || "`help` lists the commands".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    let shown = shown(words.first().unwrap_or(&""));
    format!("there is no command `{shown}` ({help})")
}

/// The message about a word that can't follow `known`, where one of `next` is expected. `word` is empty at the line's end.
fn unexpected(known: &str, word: &str, next: &[&str]) -> String {
    let found = if word.is_empty() {
        "the end of the command".to_owned()
    } else {
        format!("`{}`", shown(word))
    };
    if let Some(near) = near_miss(word, next.iter().copied()).filter(|_| !word.is_empty()) {
        return format!(
            "expected another word after `{known}`, found {found} (did you mean `{known} {near}`?)"
        );
    }
    if next.len() > LISTED {
        return format!(
            "expected another word after `{known}`, found {found} (`help {known}` lists them)"
        );
    }
    let list: Vec<String> = next.iter().map(|word| format!("`{word}`")).collect();
    format!(
        "expected {} after `{known}`, found {found}",
        list.join(" or ")
    )
}

/// A word, shortened for a message.
fn shown(word: &str) -> String {
    word.chars().take(64).collect()
}
