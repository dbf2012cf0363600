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

fn compare<'a>(text: &'a str) {
    let (mut report, mut other_report) = (Report::default(), Report::default());
    let tree = Tree::parse(text, &mut report);
    let mut expected = Vec::new();
    let mut listener = |span: Span, words: &[Token<'a>]| {
        expected.push((span, words.to_vec()));
    };
    let mut lexer = Lexer::new(text, &mut other_report);
    lexer.listener = Some(&mut listener);
    let other = lexer.tree();
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
