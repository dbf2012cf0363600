//! Checks `src/walks.md` against the source: each function exists and is called by the one above it, calls go down in the
//! layers, and a walk is short.

use std::collections::HashMap;
use std::path::Path;

use crate::architecture::{layer, room};
use crate::imports::sources;

/// Traits through which a lower layer calls a higher one.
const TRAITS: &[&str] = &["Commands", "Control", "Plugin", "AttributeSource"];
/// The most steps of a walk.
const LONGEST: usize = 40;

/// A line of the document.
struct Step {
    depth: usize,
    file: String,
    function: String,
    note: String,
}

/// The walks: the steps below each heading of the second level.
fn walks() -> Vec<Vec<Step>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/walks.md");
    let text = std::fs::read_to_string(path).expect("src/walks.md");
    let step = |line: &str| {
        let depth = line.find("- `")?;
        let (place, note) = line[depth + 2..].split_once(": ")?;
        let (file, function) = place.split_once(' ')?;
        Some(Step {
            depth,
            file: file.trim_matches('`').to_owned(),
            function: function.trim_matches('`').to_owned(),
            note: note.to_owned(),
        })
    };
    let sections = text.split("\n## ").skip(1);
    sections
        .map(|section| section.lines().filter_map(step).collect())
        .collect()
}

/// The bodies of the functions of that name in a file.
fn bodies<'a>(code: &'a str, name: &str) -> Vec<&'a str> {
    let heads = ["(", "<"].map(|after| format!("fn {name}{after}"));
    let starts = heads
        .iter()
        .flat_map(|head| code.match_indices(head.as_str()));
    starts
        .filter_map(|(start, _)| {
            let line = code[..start].rfind('\n').map_or(0, |at| at + 1);
            let indent = code[line..].len() - code[line..].trim_start_matches(' ').len();
            let end = format!("\n{}}}", " ".repeat(indent));
            let body = &code[start..];
            // Of a trait there are only declarations.
            let semicolon = body.find(';').unwrap_or(usize::MAX);
            (body.find('{')? < semicolon).then(|| &body[..body.find(&end).unwrap_or(body.len())])
        })
        .collect()
}

#[test]
fn each_step_is_a_function_that_the_one_above_calls() {
    let code: HashMap<String, String> = sources()
        .into_iter()
        .map(|source| (source.path, source.code))
        .collect();
    let mut wrong = Vec::new();
    let walks = walks();
    assert_eq!(walks.len(), 2);
    for walk in &walks {
        for (at, step) in walk.iter().enumerate() {
            let place = format!("`{}` `{}`", step.file, step.function);
            let Some(own) = code.get(&step.file) else {
                wrong.push(format!("{place}: there is no such file"));
                continue;
            };
            if bodies(own, &step.function).is_empty() {
                wrong.push(format!("{place}: there is no such function"));
            }
            let above = walk[..at]
                .iter()
                .rev()
                .find(|other| other.depth < step.depth);
            let Some(caller) = above else {
                continue;
            };
            let calls = ["(", "::<"].map(|after| format!("{}{after}", step.function));
            let called = code.get(&caller.file).is_some_and(|code| {
                let bodies = bodies(code, &caller.function);
                bodies
                    .iter()
                    .any(|body| calls.iter().any(|call| body[3..].contains(call.as_str())))
            });
            if !called {
                wrong.push(format!("{place}: `{}` does not call it", caller.function));
            }
            let through_trait = TRAITS
                .iter()
                .any(|name| step.note.starts_with(&format!("`{name}`")));
            if layer(room(&step.file)) > layer(room(&caller.file)) && !through_trait {
                wrong.push(format!(
                    "{place}: above the layer of `{}`, and not called through a trait",
                    caller.file
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn walks_are_short() {
    for walk in walks() {
        assert!(
            (10..=LONGEST).contains(&walk.len()),
            "{} steps from `{}`",
            walk.len(),
            walk[0].function
        );
    }
}
