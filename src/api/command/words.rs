//! A line cut into words.

/// The first word of `line` at or after `at`: where it starts, itself, and where it ends.
pub(super) fn word_at(line: &str, at: usize) -> (usize, &str, usize) {
    let rest = &line[at..];
    let start = at + rest.len() - rest.trim_ascii_start().len();
    let end = line[start..]
        .find(|c: char| c.is_ascii_whitespace())
        .map_or(line.len(), |length| start + length);
    (start, &line[start..end], end)
}
