//! The keyword tables: the settings of a section, the syntax of their values, and their readers.
//!
//! A row `{ word, value, doc, read }` defines a setting: the reader dispatches by it, an unknown word is
//! answered with the words of its table, and the documentation is printed from it. Settings that come twice, words that
//! are not used, and differences between a neighbor's own value and that of its template are reported here, once for
//! all sections.

use std::borrow::Cow;
use std::collections::HashMap;

use super::diagnostic::{Diagnostic, Report};
use crate::text::{Cursor, Span, SyntaxError, Token, near_miss};

/// One setting of a section that is being read into a `T`.
pub(crate) struct Keyword<T> {
    /// The word.
    pub(crate) word: &'static str,
    /// What follows it.
    pub(crate) value: &'static str,
    /// What it does.
    pub(crate) doc: &'static str,
    /// Reads what follows the word.
    pub(crate) read: Read<T>,
}

/// Reads a value into a `T`; warnings go to the report.
pub(crate) type Read<T> = fn(&mut T, &mut Cursor<'_>, &mut Report) -> Result<(), SyntaxError>;

/// Where a statement comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The neighbor's own block.
    Own,
    /// A template.
    Inherited,
    /// The group around it (ExaBGP 3.4), whose settings are defaults.
    Group,
}

/// The settings seen so far: their place, origin and value.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashMap<(&'static str, Cow<'static, str>), (Span, Origin, String)>);

impl Seen {
    /// Returns `true` if `word` of `section` was seen, valid or not.
    pub(crate) fn has(&self, section: &'static str, word: &'static str) -> bool {
        self.0.contains_key(&(section, Cow::Borrowed(word)))
    }

    /// Records that `word` of `section` was misspelled and reported: it is not missing.
    pub(crate) fn misspelt(&mut self, section: &'static str, word: &'static str, span: Span) {
        self.0
            .entry((section, Cow::Borrowed(word)))
            .or_insert_with(|| (span, Origin::Group, String::new()));
    }

    /// Records that `word` of `section` was seen, and warns if it was set to another value before.
    pub(crate) fn note(
        &mut self,
        (section, word): (&'static str, impl Into<Cow<'static, str>>),
        (words, span): (&[Token<'_>], Span),
        origin: Origin,
        report: &mut Report,
    ) {
        let value: Vec<&str> = words.iter().skip(1).map(|token| &*token.text).collect();
        let value = value.join(" ");
        let word = word.into();
        let earlier = self
            .0
            .insert((section, word.clone()), (span, origin, value.clone()));
        let Some((place, from, old)) = earlier.filter(|(_, _, old)| *old != value) else {
            return;
        };
        match (from, origin) {
            (Origin::Inherited, Origin::Own) => report.add(
                Diagnostic::warning(
                    span,
                    format!("`{word}` is also set by a template: the neighbor's own value is used"),
                )
                .with_other(place, format!("`{old}` is not used"))
                .with_help("ExaBGP 5.0 takes the template's value here"),
            ),
            (Origin::Own, Origin::Own) => report.add(
                Diagnostic::warning(span, format!("`{word}` is set twice: this value is used"))
                    .with_other(place, "not used"),
            ),
            // Several templates: the later one takes precedence, as written.
            _ => {}
        }
    }
}

/// Reads one setting by its table.
pub(crate) fn setting<T>(
    keyword: &Keyword<T>,
    target: &mut T,
    mut c: Cursor<'_>,
    report: &mut Report,
) {
    let start = c.last_span();
    match (keyword.read)(target, &mut c, report) {
        Ok(()) => spare(&c, report),
        Err(error) => {
            let mut diagnostic = Diagnostic::from(error);
            if diagnostic.span.start == diagnostic.span.end {
                diagnostic.span = start;
            }
            if diagnostic.help.is_none() {
                diagnostic.help = Some(form(keyword));
            }
            report.add(diagnostic);
        }
    }
}

/// The form of a setting, for help texts.
fn form<T>(keyword: &Keyword<T>) -> String {
    if keyword.value.is_empty() {
        format!("write `{};`", keyword.word)
    } else {
        format!("write `{} {};`", keyword.word, keyword.value)
    }
}

/// Warns about words that are not used.
pub(crate) fn spare(c: &Cursor<'_>, report: &mut Report) {
    if let (Some(first), Some(last)) = (c.remaining().first(), c.remaining().last()) {
        report.add(Diagnostic::warning(
            first.span.to(last.span),
            "what follows the value is ignored",
        ));
    }
}

/// The setting that a statement with an unknown first word is likely meant to be: one spelled similarly, or with a space
/// for its `-`.
pub(crate) fn meant<'w>(
    word: &str,
    next: &str,
    words: impl IntoIterator<Item = &'w str>,
) -> Option<&'w str> {
    let words: Vec<&str> = words.into_iter().collect();
    let joined = format!("{word}-{next}");
    let split = words.iter().find(|known| **known == joined);
    split
        .copied()
        .or_else(|| near_miss(word, words.iter().copied()))
}

/// An unknown word, with the words that may stand there.
pub(crate) fn unknown<'w>(
    word: &str,
    span: Span,
    place: &str,
    words: impl IntoIterator<Item = &'w str>,
) -> Diagnostic {
    let words: Vec<&str> = words.into_iter().collect();
    let error = Diagnostic::error(span, format!("unknown keyword `{word}` in {place}"));
    if let Some(near) = near_miss(word, words.iter().copied()) {
        return error.with_help(format!("did you mean `{near}`?"));
    }
    error.with_help(format!("{place} may have `{}`", words.join("`, `")))
}

/// Reads a boolean; without a value, `bare`.
pub(crate) fn boolean(c: &mut Cursor<'_>, bare: bool) -> Result<bool, SyntaxError> {
    if c.is_empty() {
        return Ok(bare);
    }
    c.value("`true` or `false`", |word| {
        match word.to_ascii_lowercase().as_str() {
            "true" | "enable" | "enabled" => Some(true),
            "false" | "disable" | "disabled" => Some(false),
            _ => None,
        }
    })
    .map_err(|error| match c.peek().to_ascii_lowercase().as_str() {
        "yes" | "on" | "1" => error.with_help("write `true` or `enable`"),
        "no" | "off" | "0" => error.with_help("write `false` or `disable`"),
        _ => error,
    })
}

/// Reads a boolean whose bare form means `false` in ExaBGP 5.0, and `true` here.
pub(crate) fn plain_boolean(c: &mut Cursor<'_>, report: &mut Report) -> Result<bool, SyntaxError> {
    if c.is_empty() {
        report.add(
            Diagnostic::warning(
                c.last_span(),
                "without a value this means `true` here, but `false` in ExaBGP 5.0",
            )
            .with_help("add `true` or `false`"),
        );
    }
    boolean(c, true)
}

/// `disable` or `disabled`.
pub(crate) fn disabled(c: &mut Cursor<'_>) -> bool {
    let found = matches!(
        c.peek().to_ascii_lowercase().as_str(),
        "disable" | "disabled"
    );
    if found {
        c.next_token();
    }
    found
}
