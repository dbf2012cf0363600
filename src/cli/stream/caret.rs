//! Shows a mistake in a filter under its place.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::text::SyntaxError;

/// The mistake with the filter and a caret.
pub(super) fn show(text: &str, mistake: &SyntaxError) -> String {
    // An empty filter has no place to show.
    if text.is_empty() {
        return format!("the filter is empty: {}", mistake.message);
    }
    let end = mistake
        .span
        .end
        .max(mistake.span.start + 1)
        .min(text.len() + 1);
    let start = mistake.span.start.min(text.len());
    // A place past the end needs a column to stand in.
    let padded = format!("{text} ");
    let snippet = Snippet::source(padded.as_str())
        .path("filter")
        .annotation(AnnotationKind::Primary.span(start..end));
    let mut group = Level::ERROR
        .primary_title(mistake.message.as_str())
        .element(snippet);
    if let Some(help) = &mistake.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let text = Renderer::plain().render(&[group]);
    text.strip_prefix("error: ").unwrap_or(&text).to_owned()
}
