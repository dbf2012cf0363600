//! The floor plan, checked: who may import whom, how long a file may be, where unsafe code, clocks and tokio may stand.

use std::fs;
use std::path::{Path, PathBuf};

/// Layers from the bottom; a module may import only from layers below, and from itself.
const LAYERS: &[(&str, u8)] = &[
    ("wire", 0),
    ("text", 0),
    ("json", 0),
    ("bgp", 1),
    ("rib", 2),
    ("mrt", 2),
    ("bmp", 2),
    ("grammar", 2),
    ("config", 3),
    ("api", 3),
    ("speaker", 3),
    ("daemon", 4),
    ("stream", 4),
    ("cli", 5),
    ("main", 5),
    ("lib", 5),
];

fn layer(module: &str) -> Option<u8> {
    LAYERS
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, layer)| *layer)
}

/// Every source file: its path below `src`, the module of the crate that it belongs to, its text.
fn sources() -> Vec<(PathBuf, String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a readable folder") {
            let path = entry.expect("a folder entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file in UTF-8");
            let inside = path.strip_prefix(&root).expect("below src").to_path_buf();
            let first = inside
                .iter()
                .next()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (inside, first.trim_end_matches(".rs").to_owned(), text)
        })
        .collect()
}

/// The code of a file before its unit tests, without comments.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The crate's modules that a piece of code names as `crate::NAME`.
fn imports(code: &str) -> Vec<&str> {
    code.match_indices("crate::")
        .filter_map(|(at, found)| {
            code[at + found.len()..]
                .split(|c: char| !c.is_ascii_lowercase() && c != '_')
                .next()
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn layers_import_only_from_below() {
    let mut wrong = Vec::new();
    for (path, module, text) in sources() {
        let Some(own) = layer(&module) else {
            wrong.push(format!(
                "{}: module `{module}` has no layer",
                path.display()
            ));
            continue;
        };
        for import in imports(&code(&text)) {
            if import != module && layer(import).is_some_and(|other| other >= own) {
                wrong.push(format!("{}: `{module}` imports `{import}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_eats_everything() {
    let long: Vec<String> = sources()
        .into_iter()
        .map(|(path, _, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > 600)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "over 600 lines:\n{}", long.join("\n"));
}

#[test]
fn clocks_sockets_and_unsafe_code_stay_in_their_rooms() {
    let rules: &[(&str, &[&str])] = &[
        ("unsafe ", &["speaker/sockopt.rs"]),
        ("Instant::now", &["speaker", "daemon", "stream", "cli"]),
        ("tokio::", &["speaker", "daemon", "stream", "cli"]),
        ("println!", &["cli"]),
        (
            "RefCell",
            &["speaker", "daemon", "stream", "cli", "config", "api"],
        ),
        (
            "tracing::",
            &["speaker", "daemon", "stream", "cli", "config", "api"],
        ),
        ("unbounded_channel", &[]),
    ];
    let mut wrong = Vec::new();
    for (path, _, text) in sources() {
        let code = code(&text);
        let place = path.to_string_lossy().into_owned();
        for (what, rooms) in rules {
            let found = code.match_indices(what).any(|(at, _)| {
                !code[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            });
            if found && !rooms.iter().any(|room| place.starts_with(room)) {
                wrong.push(format!("{place}: `{what}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
