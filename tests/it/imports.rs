//! Determines which files of the crate use which, from the source text: `use` trees with groups, inline paths,
//! re-exports.
//!
//! It handles the style of this crate, not all of Rust: macros that build paths and `use` of enum variants through a
//! variable are not supported. A re-export is followed to the file that defines the name; re-exporting alone does not
//! count as a use.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// A source file of the crate.
pub(crate) struct Source {
    /// Its path below `src`.
    pub(crate) path: String,
    /// Its module path: `daemon/control/mod.rs` and `daemon/control.rs` are both `["daemon", "control"]`.
    module: Vec<String>,
    /// Its whole text.
    pub(crate) text: String,
    /// Its text without comments, string literals and unit tests.
    pub(crate) code: String,
}

/// Every source file, sorted by path.
pub(crate) fn sources() -> Vec<Source> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).expect("a readable directory") {
            let path = entry.expect("a directory entry").path();
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
    let source = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source file in UTF-8");
        let path = path.strip_prefix(&root).expect("below src");
        let path = path.to_str().expect("a name in UTF-8").to_owned();
        let module = path.trim_end_matches(".rs").trim_end_matches("/mod");
        Source {
            module: module.split('/').map(str::to_owned).collect(),
            code: strip(text.split("#[cfg(test)]").next().unwrap_or_default()),
            path,
            text,
        }
    };
    paths.into_iter().map(source).collect()
}

/// A text without comments and without the contents of string literals.
fn strip(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['/', '"', '\'']) {
        code.push_str(&rest[..at]);
        rest = &rest[at..];
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with('"') {
            string_end(rest)
        } else if rest.starts_with("'\"'") || rest.starts_with("'/'") {
            3
        } else if let Some(escaped) = rest.strip_prefix("'\\") {
            escaped.find('\'').map_or(rest.len(), |end| end + 3)
        } else {
            code.push_str(&rest[..1]);
            1
        };
        rest = &rest[skipped..];
    }
    code.push_str(rest);
    code
}

/// The length of the string literal at the start of a text.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A name in a `use` tree.
struct Import {
    path: Vec<String>,
    /// The name after renaming.
    name: String,
    exported: bool,
}

/// The index of all files: what each of them defines, re-exports and uses.
pub(crate) struct Map {
    sources: Vec<Source>,
    /// The file of each module.
    files: HashMap<Vec<String>, usize>,
    imports: Vec<Vec<Import>>,
}

impl Map {
    /// Reads the crate.
    pub(crate) fn read() -> Self {
        let sources = sources();
        let files: HashMap<_, _> = sources
            .iter()
            .enumerate()
            .map(|(at, source)| (source.module.clone(), at))
            .collect();
        let imports = sources
            .iter()
            .map(|source| {
                let mut found = Vec::new();
                for (statement, exported) in use_statements(&source.code) {
                    tree(&statement, &[], exported, &mut found);
                }
                for import in &mut found {
                    import.path = absolute(&import.path, &source.module, &files);
                }
                found
            })
            .collect();
        Self {
            sources,
            files,
            imports,
        }
    }

    /// The files that each file uses, by path.
    pub(crate) fn uses(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut all = BTreeMap::new();
        for (at, source) in self.sources.iter().enumerate() {
            let mut used = BTreeSet::new();
            let imported = self.imports[at]
                .iter()
                .filter(|import| !import.exported)
                .map(|import| import.path.clone());
            let inline = inline_paths(&source.code)
                .into_iter()
                .map(|path| absolute(&path, &source.module, &self.files));
            for path in imported.chain(inline) {
                if let Some(file) = self.defines(&path, 0)
                    && file != at
                {
                    used.insert(self.sources[file].path.as_str());
                }
            }
            all.insert(source.path.as_str(), used);
        }
        all
    }

    /// The file that defines the name at the end of a path, with re-exports followed.
    fn defines(&self, path: &[String], depth: usize) -> Option<usize> {
        let (length, file) = (1..=path.len())
            .rev()
            .find_map(|length| Some((length, *self.files.get(&path[..length])?)))?;
        let Some(item) = path.get(length) else {
            return Some(file);
        };
        let exported = self.imports[file]
            .iter()
            .find(|import| import.exported && (import.name == *item));
        match exported {
            Some(import) if depth < 8 && import.path != path => {
                let path: Vec<_> = import
                    .path
                    .iter()
                    .chain(&path[length + 1..])
                    .cloned()
                    .collect();
                self.defines(&path, depth + 1).or(Some(file))
            }
            _ => Some(file),
        }
    }
}

/// A path from the root of the crate. A path into another crate is returned unchanged and has no file.
fn absolute(
    path: &[String],
    module: &[String],
    files: &HashMap<Vec<String>, usize>,
) -> Vec<String> {
    let mut base: Vec<String> = Vec::new();
    let mut rest = path;
    match path.first().map(String::as_str) {
        Some("crate") => rest = &path[1..],
        Some("self") => {
            base = module.to_vec();
            rest = &path[1..];
        }
        Some("super") => {
            base = module.to_vec();
            while rest.first().is_some_and(|word| word == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        Some(first) => {
            let child: Vec<String> = module.iter().cloned().chain([first.to_owned()]).collect();
            if files.contains_key(&child) {
                base = module.to_vec();
            } else {
                return vec![String::new()]; // another crate, or a name in scope
            }
        }
        None => {}
    }
    base.extend(rest.iter().cloned());
    base
}

/// The `use` statements of a file without `use` and `;`, and whether each of them re-exports.
fn use_statements(code: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        // `pub enum Cause {` has the letters, too.
        if code[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            continue;
        }
        let before = code[..at].trim_end_matches(' ');
        let line = before.rsplit('\n').next().unwrap_or_default().trim();
        let exported = line.starts_with("pub");
        if !(line.is_empty() || exported) {
            continue;
        }
        let Some(end) = code[at..].find(';') else {
            continue;
        };
        found.push((code[at + 4..at + end].to_owned(), exported));
    }
    found
}

/// Expands a `use` tree.
fn tree(text: &str, prefix: &[String], exported: bool, found: &mut Vec<Import>) {
    let text = text.trim();
    if let Some(open) = text.find('{') {
        let mut prefix = prefix.to_vec();
        let words = text[..open].split("::").map(str::trim);
        prefix.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
        let close = text.rfind('}').unwrap_or(text.len());
        let inside = &text[open + 1..close];
        let mut depth = 0;
        let mut start = 0;
        for (at, c) in inside.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    tree(&inside[start..at], &prefix, exported, found);
                    start = at + 1;
                }
                _ => {}
            }
        }
        tree(&inside[start..], &prefix, exported, found);
        return;
    }
    if text.is_empty() {
        return;
    }
    let (path, renamed) = match text.split_once(" as ") {
        Some((path, name)) => (path.trim(), Some(name.trim())),
        None => (text, None),
    };
    let mut whole = prefix.to_vec();
    whole.extend(path.split("::").map(|word| word.trim().to_owned()));
    if whole
        .last()
        .is_some_and(|word| word == "self" || word == "*")
        && whole.len() > 1
    {
        whole.pop();
    }
    let name = renamed
        .map(str::to_owned)
        .or_else(|| whole.last().cloned())
        .unwrap_or_default();
    found.push(Import {
        path: whole,
        name,
        exported,
    });
}

/// The paths of at least two segments that occur in a file outside of its `use` statements.
fn inline_paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = code;
    while let Some(at) = rest.find("::") {
        let start = rest[..at]
            .rfind(|c| !word(c))
            .map_or(0, |before| before + 1);
        let mut path = vec![rest[start..at].to_owned()];
        let mut tail = &rest[at..];
        while let Some(after) = tail.strip_prefix("::") {
            let end = after.find(|c| !word(c)).unwrap_or(after.len());
            if end == 0 {
                tail = after;
                break;
            }
            path.push(after[..end].to_owned());
            tail = &after[end..];
        }
        // `use` statements are read elsewhere: among them the start of a group or a glob.
        let imported = rest[..start].ends_with("use ");
        if path.len() > 1 && !tail.starts_with('{') && !path[0].is_empty() && !imported {
            found.push(path);
        }
        rest = tail;
    }
    found
}

/// The circles in a graph: sets of nodes that reach each other.
pub(crate) fn circles<'a>(graph: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<BTreeSet<&'a str>> {
    let reach = |from: &'a str| {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut next = vec![from];
        while let Some(node) = next.pop() {
            for other in graph.get(node).into_iter().flatten() {
                if seen.insert(other) {
                    next.push(other);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        graph.keys().map(|node| (*node, reach(node))).collect();
    let mut found: Vec<BTreeSet<&str>> = Vec::new();
    for (node, others) in &reached {
        if others.contains(node) && !found.iter().any(|circle| circle.contains(node)) {
            let circle = others.iter().filter(|other| reached[*other].contains(node));
            found.push(circle.copied().collect());
        }
    }
    found
}

#[test]
fn use_trees_are_read_with_their_groups() {
    let mut found = Vec::new();
    tree(
        "crate::{bgp::{self, Asn as Number, attribute::{A, B}}, rib::*}",
        &[],
        false,
        &mut found,
    );
    let found: Vec<_> = found
        .iter()
        .map(|import| (import.path.join("::"), import.name.as_str()))
        .collect();
    let expected = [
        ("crate::bgp", "bgp"),
        ("crate::bgp::Asn", "Number"),
        ("crate::bgp::attribute::A", "A"),
        ("crate::bgp::attribute::B", "B"),
        ("crate::rib", "rib"),
    ];
    assert_eq!(
        found,
        expected
            .map(|(path, name)| (path.to_owned(), name))
            .to_vec()
    );
}

#[test]
fn comments_and_strings_name_nothing() {
    let code = strip("a // crate::x\n\"crate::y \\\" crate::z\" '\"' b\"/\" 'a c");
    assert_eq!(code, "a \n  b 'a c");
}

#[test]
fn a_re_export_is_no_inline_path() {
    let code = "pub use content::Content;\nuse a::b;\nfn f() { bgp4mp::message() }";
    assert_eq!(inline_paths(code), [["bgp4mp", "message"]]);
}

#[test]
fn circles_are_found() {
    let graph = BTreeMap::from([
        ("a", BTreeSet::from(["b"])),
        ("b", BTreeSet::from(["c"])),
        ("c", BTreeSet::from(["b", "d"])),
        ("d", BTreeSet::new()),
    ]);
    assert_eq!(circles(&graph), [BTreeSet::from(["b", "c"])]);
}
