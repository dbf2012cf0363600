//! Readers of values that several sub-commands have.

/// Checks a text that becomes part of a command, and must not add another one.
///
/// # Errors
/// When it contains a control character other than a tab, or a line break of Unicode.
pub(super) fn one_line(text: &str) -> Result<String, String> {
    let breaks = |c: &char| (c.is_control() && *c != '\t') || matches!(c, '\u{2028}' | '\u{2029}');
    match text.chars().find(breaks) {
        Some(c) => Err(format!("it contains the control character {c:?}")),
        None => Ok(text.to_owned()),
    }
}
