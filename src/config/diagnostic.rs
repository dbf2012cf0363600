//! Errors in a configuration file, all of them at once: the place, the line itself, what was expected, and how to fix
//! it. Rendered by annotate-snippets, the renderer of rustc.

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

use annotate_snippets::{AnnotationKind, Group, Level as Title, Renderer, Snippet};

use crate::text::{Span, SyntaxError};

/// The most that are kept: a thousand errors are usually one error, repeated.
const MOST: usize = 200;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// The file is not used.
    Error,
    /// The file is used, and the evident meaning was applied.
    Warning,
}

/// One error or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub level: Level,
    /// What is wrong: lower case, no final period.
    pub message: String,
    /// Where, in bytes of the file.
    pub span: Span,
    /// The label at the marked place.
    pub label: Option<String>,
    /// How to put it right.
    pub help: Option<String>,
    /// A related place.
    pub other: Option<(Span, String)>,
}

impl Diagnostic {
    /// An error: the file is rejected.
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            message: message.into(),
            span,
            label: None,
            help: None,
            other: None,
        }
    }

    /// A warning: the intended meaning is evident, and is used.
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            ..Self::error(span, message)
        }
    }

    /// The same with a label at the marked place.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The same with a suggested fix.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with another place.
    #[must_use]
    pub fn with_other(mut self, span: Span, label: impl Into<String>) -> Self {
        self.other = Some((span, label.into()));
        self
    }
}

impl From<SyntaxError> for Diagnostic {
    fn from(error: SyntaxError) -> Self {
        Self {
            help: error.help,
            ..Self::error(error.span, error.message)
        }
    }
}

/// The diagnostics found so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    list: Vec<Diagnostic>,
    /// Errors found, those included that were not kept.
    pub(crate) errors: usize,
    /// Words that ExaBGP does not know, with their places.
    extensions: Vec<(&'static str, Span)>,
}

impl Report {
    /// Adds one, unless the same was found before (in a template that several neighbors inherit).
    pub(crate) fn add(&mut self, diagnostic: impl Into<Diagnostic>) {
        let diagnostic = diagnostic.into();
        self.errors += usize::from(diagnostic.level == Level::Error);
        if self.list.len() < MOST && !self.list.contains(&diagnostic) {
            self.list.push(diagnostic);
        }
    }

    /// Records a word that ExaBGP does not know.
    pub(crate) fn extension(&mut self, word: &'static str, span: Span) {
        if self.extensions.len() < MOST && !self.extensions.contains(&(word, span)) {
            self.extensions.push((word, span));
        }
    }

    /// Returns `true` if no more errors are kept.
    pub(crate) const fn is_full(&self) -> bool {
        self.errors >= MOST
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them, in the order of the file.
    /// The text, which may be large, is kept only if there is something to show of it.
    pub(crate) fn finish(mut self, name: &str, text: Cow<'_, str>) -> Diagnostics {
        self.list
            .sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.level));
        let is_clean = self.list.is_empty() && self.extensions.is_empty();
        Diagnostics {
            source: Source {
                name: name.into(),
                text: if is_clean {
                    Rc::default()
                } else {
                    Rc::new(text.into_owned())
                },
            },
            list: self.list,
            extensions: self.extensions,
        }
    }
}

/// A file's name and text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The name as it was given.
    pub name: Rc<str>,
    /// All of it.
    pub text: Rc<String>,
}

/// The errors and warnings of a file, in its order. `Display` is the full form, without colors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    source: Source,
    list: Vec<Diagnostic>,
    extensions: Vec<(&'static str, Span)>,
}

impl Diagnostics {
    /// About a file as a whole.
    pub fn about_file(name: &str, message: impl Into<String>) -> Self {
        Self {
            source: Source {
                name: name.into(),
                text: Rc::default(),
            },
            list: vec![Diagnostic::error(Span::default(), message)],
            extensions: Vec::new(),
        }
    }

    /// Each by itself.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// Returns `true` if there are none.
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many.
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns `true` if the file is rejected.
    pub fn has_errors(&self) -> bool {
        self.list
            .iter()
            .any(|diagnostic| diagnostic.level == Level::Error)
    }

    /// `file:line:column: error: message`, one line for each: for logs and for editors.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.list.iter().map(|diagnostic| {
            let (line, column) = self.place(diagnostic.span);
            let level = match diagnostic.level {
                Level::Error => "error",
                Level::Warning => "warning",
            };
            let mut text = if self.source.text.is_empty() {
                format!("{}: {level}: {}", self.source.name, diagnostic.message)
            } else {
                format!(
                    "{}:{line}:{column}: {level}: {}",
                    self.source.name, diagnostic.message
                )
            };
            if let Some(help) = &diagnostic.help {
                text.push_str(&format!(" ({help})"));
            }
            text
        })
    }

    /// `file:line:column: note: …` for each word that ExaBGP does not know: a file without them can be used there, too.
    pub fn extensions(&self) -> impl Iterator<Item = String> {
        self.extensions.iter().map(|(word, span)| {
            let (line, column) = self.place(*span);
            let name = &self.source.name;
            format!("{name}:{line}:{column}: note: `{word}` is an extension, ExaBGP does not read this file")
        })
    }

    /// Line and column of the start of `span`, both from 1; columns count characters.
    pub fn place(&self, span: Span) -> (usize, usize) {
        let text = &self.source.text;
        let at = floor(text, span.start);
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |found| found + 1);
        (
            before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }

    /// All of them with the lines that they are about, for a terminal with colors.
    pub fn coloured(&self) -> String {
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut out = String::new();
        for diagnostic in &self.list {
            out.push_str(&renderer.render(&self.report(diagnostic)));
            out.push('\n');
        }
        out
    }

    fn report<'d>(&'d self, diagnostic: &'d Diagnostic) -> Vec<Group<'d>> {
        let title = match diagnostic.level {
            Level::Error => Title::ERROR,
            Level::Warning => Title::WARNING,
        };
        let title = title.primary_title(&diagnostic.message);
        let mut group = if self.source.text.is_empty() {
            title.element(annotate_snippets::Origin::path(&*self.source.name))
        } else {
            title.element(self.snippet(
                diagnostic.span,
                AnnotationKind::Primary,
                diagnostic.label.as_deref(),
            ))
        };
        if let Some((span, label)) = &diagnostic.other {
            group = group.element(self.snippet(*span, AnnotationKind::Context, Some(label)));
        }
        if let Some(help) = &diagnostic.help {
            group = group.element(Title::HELP.message(help));
        }
        vec![group]
    }

    /// Only the line itself is passed on: the renderer need not count the lines of a long file for each diagnostic.
    fn snippet<'d>(
        &'d self,
        span: Span,
        kind: AnnotationKind,
        label: Option<&'d str>,
    ) -> Snippet<'d, annotate_snippets::Annotation<'d>> {
        let text = self.source.text.as_str();
        let (start, end) = (floor(text, span.start), floor(text, span.end));
        let from = text[..start].rfind('\n').map_or(0, |found| found + 1);
        let to = text[start..]
            .find('\n')
            .map_or(text.len(), |found| start + found);
        let (line, _) = self.place(span);
        Snippet::source(&text[from..to])
            .path(&*self.source.name)
            .line_start(line)
            .annotation(
                kind.span(start - from..end.clamp(start, to) - from)
                    .label(label),
            )
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for Diagnostics {}

/// The last character boundary up to `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
