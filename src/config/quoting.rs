//! Words written as a file has them.

/// A word in quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A word, in quotes if it needs them.
pub(crate) fn argument(text: &str) -> String {
    let marks = ['"', '\'', '\\', '#', ';', '{', '}', '[', ']', ','];
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || marks.contains(&c)) {
        quoted(text)
    } else {
        text.to_owned()
    }
}
