//! Syntax errors: what is wrong, where, and what was expected there.

use std::fmt;

use super::span::Span;

/// An error in a configuration statement, a command or a filter.
///
/// `Display` is a single line without the position: `expected an IPv4 address, found `x``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The position, in bytes of the source.
    pub span: Span,
    /// What is wrong: lower case, no final period, literals in backticks.
    pub message: String,
    /// How to correct it, if known.
    pub help: Option<String>,
}

impl SyntaxError {
    /// Creates an error with this message.
    pub fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            help: None,
        }
    }

    /// Creates an error `expected …, found …`.
    pub fn expected(span: Span, expected: impl fmt::Display, found: &str) -> Self {
        let message = if found.is_empty() {
            format!("expected {expected}, found the end of the statement")
        } else {
            format!("expected {expected}, found `{found}`")
        };
        Self::new(span, message)
    }

    /// Adds a help line.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a hint at the nearest of `candidates`, if `word` is likely a typo of one.
    #[must_use]
    pub fn with_near_miss<'c>(
        self,
        word: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Self {
        match near_miss(word, candidates) {
            Some(candidate) => self.with_help(format!("did you mean `{candidate}`?")),
            None => self,
        }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

impl std::error::Error for SyntaxError {}

/// The candidate nearest to `word`, if it is near enough to be a typo: a third of its letters differ, at most three.
/// Otherwise the shortest candidate that `word` abbreviates: `localpref`.
pub fn near_miss<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let limit = (word.chars().count().div_ceil(3)).min(3);
    let candidates: Vec<&str> = candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .collect();
    let near = candidates
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance);
    if let Some((_, near)) = near {
        return Some(near);
    }
    let short = letters(word);
    let longer = candidates
        .into_iter()
        .filter(|candidate| short.len() >= 3 && letters(candidate).starts_with(&short));
    longer.min_by_key(|candidate| candidate.len())
}

/// A word without the separators between its parts.
fn letters(word: &str) -> String {
    let letters = word.chars().filter(|c| c.is_alphanumeric());
    letters.take(64).flat_map(char::to_lowercase).collect()
}

/// The edit distance, where a swap of two adjacent letters counts as one edit. Words longer than 64 letters are never
/// near.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (
        left.chars().take(65).collect(),
        right.chars().take(65).collect(),
    );
    if left.len() > 64 || right.len() > 64 {
        return usize::MAX;
    }
    let mut rows = vec![vec![0usize; right.len() + 1]; left.len() + 1];
    for (index, row) in rows.iter_mut().enumerate() {
        row[0] = index;
    }
    for (index, cell) in rows[0].iter_mut().enumerate() {
        *cell = index;
    }
    for i in 1..=left.len() {
        for j in 1..=right.len() {
            let change = usize::from(left[i - 1] != right[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(rows[i][j - 1] + 1)
                .min(rows[i - 1][j - 1] + change);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let words = ["neighbor", "next-hop", "community", "med"];
        assert_eq!(near_miss("nieghbor", words), Some("neighbor"));
        assert_eq!(near_miss("comunity", words), Some("community"));
        assert_eq!(near_miss("nexthop", words), Some("next-hop"));
        assert_eq!(
            near_miss("localpref", ["med", "local-preference"]),
            Some("local-preference")
        );
        assert_eq!(near_miss("description", words), None);
        assert_eq!(near_miss("", words), None);
    }
}
