//! Checks the architecture: which modules may import which, maximum file lengths, where unsafe code, clocks and tokio
//! may be used.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::{Map, circles, sources};

/// Layers from the bottom; a module may import only from layers below, and from itself.
const LAYERS: &[(&str, u8)] = &[
    ("wire", 0),
    ("text", 0),
    ("json", 0),
    ("bgp", 1),
    ("rib", 2),
    ("mrt", 2),
    ("bmp", 2),
    ("fsm", 2),
    ("grammar", 2),
    ("journal", 2),
    ("health", 2),
    ("config", 3),
    ("api", 3),
    ("speaker", 3),
    ("probe", 3),
    ("daemon", 4),
    ("stream", 4),
    ("cli", 5),
    ("main", 5),
    ("lib", 5),
];

pub(crate) fn layer(module: &str) -> Option<u8> {
    LAYERS
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, layer)| *layer)
}

/// Modules whose `mod.rs` has a table of its children and the trait that they implement: there, a child's import of its
/// parent is part of the pattern.
const TABLES: &[&str] = &["bgp", "cli"];

#[test]
fn layers_import_only_from_below() {
    let map = Map::read();
    let mut wrong = Vec::new();
    for (file, uses) in map.uses() {
        let room = room(file);
        let Some(own) = layer(room) else {
            wrong.push(format!("{file}: module `{room}` has no layer"));
            continue;
        };
        for used in uses.into_iter().filter(|used| self::room(used) != room) {
            if layer(self::room(used)).is_some_and(|other| other >= own) {
                wrong.push(format!("{file} imports {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_of_a_module_import_each_other_in_one_direction() {
    let map = Map::read();
    let mut uses = map.uses();
    for (file, used) in &mut uses {
        let room = room(file);
        used.retain(|used| {
            self::room(used) == room && !(TABLES.contains(&room) && is_parent(used, file))
        });
    }
    let found = circles(&uses);
    let found: Vec<String> = found.iter().map(|circle| describe(circle, &uses)).collect();
    assert!(
        found.is_empty(),
        "circles of imports:\n{}",
        found.join("\n")
    );
}

/// Returns `true` if a file is the `mod.rs` of a directory that the other file is in.
fn is_parent(parent: &str, child: &str) -> bool {
    parent
        .strip_suffix("mod.rs")
        .is_some_and(|directory| child.starts_with(directory))
}

/// A circle with the imports that make it one.
fn describe(circle: &BTreeSet<&str>, uses: &BTreeMap<&str, BTreeSet<&str>>) -> String {
    let mut text = format!("{} files:", circle.len());
    for file in circle {
        let inside: Vec<&str> = uses[file].intersection(circle).copied().collect();
        text.push_str(&format!("\n  {file} -> {}", inside.join(", ")));
    }
    text
}

/// The top-level module of a file.
pub(crate) fn room(file: &str) -> &str {
    file.split('/')
        .next()
        .unwrap_or_default()
        .trim_end_matches(".rs")
}

#[test]
fn the_floor_plan_names_every_module_with_its_layer() {
    let plan = sources()
        .into_iter()
        .find(|source| source.path == "lib.rs")
        .expect("src/lib.rs")
        .text;
    let row = |module: &str| {
        plan.lines()
            .filter_map(|line| line.strip_prefix("//! | "))
            .find(|line| line.contains(&format!("`{module}`")))
            .and_then(|line| line.bytes().next())
    };
    let mut wrong = Vec::new();
    for line in plan.lines() {
        let Some(module) = line.strip_prefix("pub mod ") else {
            continue;
        };
        let module = module.trim_end_matches(';');
        let planned = row(module).map(|digit| digit.wrapping_sub(b'0'));
        if planned.is_none() || planned != layer(module) {
            wrong.push(format!(
                "{module}: {planned:?} in lib.rs, {:?} in LAYERS",
                layer(module)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_eats_everything() {
    let long: Vec<String> = sources()
        .into_iter()
        .map(|source| (source.text.lines().count(), source.path))
        .filter(|(lines, _)| *lines > 600)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "over 600 lines:\n{}", long.join("\n"));
}

#[test]
fn clocks_sockets_and_unsafe_code_stay_in_their_modules() {
    let rules: &[(&str, &[&str])] = &[
        ("unsafe ", &["speaker/sockopt.rs"]),
        (
            "Instant::now",
            &["speaker", "probe", "daemon", "stream", "cli"],
        ),
        ("tokio::", &["speaker", "probe", "daemon", "stream", "cli"]),
        ("println!", &["cli"]),
        (
            "RefCell",
            &["speaker", "daemon", "stream", "cli", "config", "api"],
        ),
        (
            "tracing::",
            &[
                "speaker", "probe", "daemon", "stream", "cli", "config", "api",
            ],
        ),
        ("unbounded_channel", &[]),
    ];
    let mut wrong = Vec::new();
    for source in sources() {
        let (code, path) = (&source.code, &source.path);
        for (what, modules) in rules {
            let found = code.match_indices(what).any(|(at, _)| {
                !code[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            });
            if found && !modules.iter().any(|module| path.starts_with(module)) {
                wrong.push(format!("{path}: `{what}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The reviewed files with unsafe code, and why they have it.
const UNSAFE: &[(&str, &str)] = &[(
    "speaker/sockopt.rs",
    "setsockopt, getsockopt and fcntl for options that neither std nor a maintained crate has",
)];

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    let mut blocks = 0;
    let mut wrong = Vec::new();
    for source in sources() {
        let lines: Vec<&str> = source.text.lines().map(str::trim_start).collect();
        for (at, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let is_unsafe = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"];
            if !is_unsafe.iter().any(|what| code.contains(what)) {
                continue;
            }
            blocks += 1;
            let comment = lines[..at].iter().rev();
            let comment = comment.take_while(|line| line.starts_with("//"));
            let explained = comment.clone().any(|line| line.starts_with("// SAFETY: "));
            let reviewed = UNSAFE.iter().any(|(path, _)| *path == source.path);
            if !explained || !reviewed {
                wrong.push(format!("{}:{}: {line}", source.path, at + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!((1..=8).contains(&blocks), "{blocks} unsafe blocks");
}
