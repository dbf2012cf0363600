//! The words that are read again are those of the first reading.

use proptest::prelude::*;

use super::*;

/// The places and words of all statements, sections before their contents.
fn words<'a>(tree: &Tree<'a>, statements: &[Statement], all: &mut Vec<(Span, Vec<Token<'a>>)>) {
    for statement in statements {
        all.push((statement.span(), tree.words(statement).to_vec()));
        words(tree, statement.statements(), all);
    }
}

/// Does `step`. Adds the place and the words of the statement that it has ended, if any, to `all`.
fn watch<'a, 'r>(
    lexer: &mut Lexer<'a, 'r>,
    all: &mut Vec<(Span, Vec<Token<'a>>)>,
    step: impl FnOnce(&mut Lexer<'a, 'r>),
) {
    let (sign, sections) = (lexer.input.at, lexer.open.len());
    let words = lexer.tokens.clone();
    step(lexer);
    let opened = lexer.open.len() > sections;
    if opened || !words.is_empty() && lexer.tokens.is_empty() {
        let span = match (words.first(), words.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => Span::new(sign, sign + 1),
        };
        all.push((span, words));
    }
}

fn compare(text: &str) {
    let (mut report, mut other_report) = (Report::default(), Report::default());
    let tree = Tree::parse(text, &mut report);
    // Word by word, also where the program would read a whole statement at once.
    let mut expected = Vec::new();
    let mut lexer = Lexer::new(text, &mut other_report);
    while let Some(&byte) = lexer.input.bytes.get(lexer.input.at) {
        watch(&mut lexer, &mut expected, |lexer| lexer.step(byte));
    }
    watch(&mut lexer, &mut expected, Lexer::end);
    let other = lexer.finish();
    assert_eq!(
        format!("{:?}", tree.statements),
        format!("{:?}", other.statements)
    );
    assert_eq!(tree.strays, other.strays);
    assert_eq!(format!("{report:?}"), format!("{other_report:?}"));
    let mut found = Vec::new();
    words(&tree, &tree.statements, &mut found);
    assert_eq!(found, expected, "{text:?}");
}

#[test]
fn odd_statements_have_the_same_words_each_time() {
    for text in [
        "a \"b;c\" 'd' e\"f\"g;",
        "a \\\n b\\\tc \\u0041 \\",
        "a \"not closed\nb \"closed\nlater\"; c;",
        "a b#comment\nc;",
        "a !b //c --d; !e\n/* f */ g;",
        "\u{feff}a,[b]c ; {d;} e{f}",
        "a\n{b\u{b}c\u{c}d\re;}",
        ";\n",
    ] {
        compare(text);
    }
}

proptest! {
    #[test]
    fn statements_have_the_same_words_each_time(
        text in "([a-c\u{e9} \t]|[;{}\n\"'#,\\[\\]!/*-]|\\\\[\nnu\" ]|;\n|route 10\\.0\\.0\\.0/8 med 5;){0,60}",
    ) {
        compare(&text);
    }
}
