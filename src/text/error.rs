//! Syntax errors: what is wrong, where, and what was expected there.

use std::fmt;

use smallvec::SmallVec;

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
    let typed: SmallVec<[char; LONGEST]> = word.chars().take(LONGEST + 1).collect();
    let limit = typed.len().div_ceil(3).min(3);
    let candidates: Vec<&str> = candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .collect();
    let near = candidates
        .iter()
        .filter_map(|candidate| Some((distance(&typed, candidate, limit)?, *candidate)))
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

/// The longest word that is compared.
const LONGEST: usize = 64;

/// The edit distance of two words, where a swap of two adjacent letters counts as one edit, if it is at most `limit`. A word
/// of more than [`LONGEST`] letters is near none.
fn distance(left: &[char], right: &str, limit: usize) -> Option<usize> {
    let right: SmallVec<[char; LONGEST]> = right.chars().take(LONGEST + 1).collect();
    let apart = left.len().abs_diff(right.len());
    if left.len() > LONGEST || right.len() > LONGEST || apart > limit {
        return None;
    }
    // Of the table only three rows are needed: that of the letter before the last, of the last, and the current one.
    let [mut older, mut last, mut row] = [[0; LONGEST + 1]; 3];
    last.iter_mut()
        .enumerate()
        .for_each(|(at, cell)| *cell = at);
    let mut least = 0;
    for i in 1..=left.len() {
        row[0] = i;
        for j in 1..=right.len() {
            let change = usize::from(left[i - 1] != right[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + change);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                row[j] = row[j].min(older[j - 2] + 1);
            }
        }
        let before = least;
        least = row[..=right.len()].iter().copied().min().unwrap_or(i);
        // No later row is less than this one, or than the one before and a swap.
        if least.min(before + 1) > limit {
            return None;
        }
        (older, last, row) = (last, row, older);
    }
    Some(last[right.len()]).filter(|found| *found <= limit)
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

    /// The whole table.
    fn plain(left: &[char], right: &[char]) -> usize {
        let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
        for i in 0..=left.len() {
            for j in 0..=right.len() {
                rows[i][j] = if i == 0 || j == 0 {
                    i + j
                } else {
                    let change = usize::from(left[i - 1] != right[j - 1]);
                    let step = rows[i - 1][j].min(rows[i][j - 1]) + 1;
                    step.min(rows[i - 1][j - 1] + change)
                };
                let swapped =
                    i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
                if swapped {
                    rows[i][j] = rows[i][j].min(rows[i - 2][j - 2] + 1);
                }
            }
        }
        rows[left.len()][right.len()]
    }

    #[test]
    fn distances_up_to_the_limit_are_those_of_the_whole_table() {
        // All words of up to five of two letters, where swaps and repetitions are frequent.
        let words: Vec<Vec<char>> = (0..6usize)
            .flat_map(|size| {
                (0..1usize << size).map(move |bits| {
                    let letter = |at| if bits >> at & 1 == 0 { 'a' } else { 'b' };
                    (0..size).map(letter).collect()
                })
            })
            .collect();
        for left in &words {
            for right in &words {
                let text: String = right.iter().collect();
                let wanted = plain(left, right);
                for limit in 0..4 {
                    let found = distance(left, &text, limit);
                    assert_eq!(
                        found,
                        (wanted <= limit).then_some(wanted),
                        "{left:?} {text}"
                    );
                }
            }
        }
        let long: Vec<char> = ['a'; 65].into();
        assert_eq!(distance(&long, &"a".repeat(64), 3), None);
        assert_eq!(distance(&long[1..], &"a".repeat(63), 3), Some(1));
        assert_eq!(distance(&long[1..], &"a".repeat(65), 3), None);
    }
}
