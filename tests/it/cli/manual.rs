//! Completions, manual pages, the JSON schema, the version: what packages are made of.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::daemon::{Lab, oxabgp};

/// What a command prints, if it succeeds.
fn printed(arguments: &[&str]) -> String {
    let output = oxabgp(arguments).output().expect("the program runs");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn every_shell_gets_completions_of_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&["completions", shell]);
        for word in ["healthcheck", "validate", "completions", "against"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(
        oxabgp(&["completions", "tcsh"])
            .status()
            .expect("runs")
            .code(),
        Some(2)
    );
}

#[test]
fn manual_pages_are_made_of_the_tables() {
    let lab = Lab::new();
    let folder = lab.path("man");
    printed(&["man", "--out", folder.to_str().expect("UTF-8")]);
    let read =
        |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_else(|_| panic!("{name}"));
    assert!(read("oxabgp.1").contains("healthcheck"));
    assert!(read("oxabgp-validate.1").contains("against"));
    let page = read("oxabgp.conf.5");
    for row in oxabgp::config::reference() {
        let word = row.word.replace('-', "\\-");
        assert!(page.contains(&format!("\\fB{word}\\fR")), "{}", row.word);
    }
    assert_eq!(printed(&["man", "conf"]), page);
    assert_eq!(
        oxabgp(&["man", "nonsense"]).status().expect("runs").code(),
        Some(1)
    );
}

/// The sub-commands in the help of the program, with their descriptions.
fn sub_commands() -> Vec<(String, String)> {
    let help = printed(&["--help"]);
    let list = help.split("Commands:\n").nth(1).expect("a list");
    let list = list.split("\n\n").next().expect("its end");
    let mut all: Vec<(String, String)> = Vec::new();
    for line in list.lines() {
        match line
            .strip_prefix("  ")
            .filter(|rest| !rest.starts_with(' '))
        {
            Some(first) => {
                let (name, about) = first.split_once("  ").expect("a description");
                all.push((name.to_owned(), about.trim().to_owned()));
            }
            None => {
                let about = &mut all.last_mut().expect("a sub-command").1;
                *about = format!("{about} {}", line.trim());
            }
        }
    }
    all
}

#[test]
fn a_sub_command_has_one_description() {
    let all = sub_commands();
    for wanted in ["server", "stream", "replay", "version"] {
        assert!(all.iter().any(|(name, _)| name == wanted), "{wanted}");
    }
    let scripts = ["zsh", "fish"].map(|shell| (shell, printed(&["completions", shell])));
    let first = printed(&["man"]);
    // Without the quotes of shells and roff.
    let plain = |text: &str| text.replace("\\*(Aq", "").replace(['\\', '\'', '`'], "");
    for (name, about) in all.iter().filter(|(name, _)| name != "help") {
        for arguments in [&[name, "-h"][..], &[name, "--help"], &["help", name]] {
            let help = printed(arguments);
            let start = help.split("\n\n").next().expect("text");
            let start = start.split("\nUsage:").next().expect("text");
            let start = start.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(start.trim_end_matches('.'), about, "{arguments:?}");
        }
        let page = plain(&printed(&["man", name]));
        let about = plain(about);
        assert!(page.contains(&format!("oxabgp-{name} - {about}")), "{page}");
        assert!(plain(&first).contains(&about), "oxabgp.1: {about}");
        for (shell, script) in &scripts {
            assert!(plain(script).contains(&about), "{shell}: {about}");
        }
    }
}

/// Where a value differs from a schema, of which these tests need a part.
fn wrong(value: &Value, schema: &Value, root: &Value, place: &str) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name
            .strip_prefix("#/$defs/")
            .expect("a definition of the same file");
        return wrong(value, &root["$defs"][name], root, place);
    }
    if let Some(values) = schema["enum"].as_array() {
        return (!values.contains(value)).then(|| format!("{place}: {value}"));
    }
    match (schema["type"].as_str(), value) {
        (Some("string"), Value::String(_)) | (Some("boolean"), Value::Bool(_)) => None,
        (Some("integer"), Value::Number(number)) if number.is_u64() => None,
        (Some("number"), Value::Number(_)) => None,
        (Some("array"), Value::Array(items)) => items
            .iter()
            .find_map(|item| wrong(item, &schema["items"], root, place)),
        (Some("object"), Value::Object(members)) => {
            let required = schema["required"].as_array().expect("required members");
            let missing = required
                .iter()
                .filter_map(Value::as_str)
                .find(|name| !members.contains_key(*name));
            if let Some(name) = missing {
                return Some(format!("{place}: no {name}"));
            }
            members.iter().find_map(|(name, member)| {
                let place = format!("{place}/{name}");
                match schema["properties"].get(name) {
                    Some(schema) => wrong(member, schema, root, &place),
                    None => Some(format!("{place}: unknown")),
                }
            })
        }
        _ => Some(format!("{place}: {value}")),
    }
}

#[test]
fn the_schema_fits_what_validate_prints() {
    let schema: Value = serde_json::from_str(&printed(&["validate", "--schema"])).expect("JSON");
    let etc = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc");
    for entry in fs::read_dir(etc).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "conf") {
            continue;
        }
        let text = printed(&["validate", "--json", path.to_str().expect("UTF-8")]);
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let found = wrong(&value, &schema, &schema, path.to_str().expect("UTF-8"));
        assert_eq!(found, None);
    }
    // A schema that allows everything would pass, too.
    let empty = serde_json::json!({ "neighbors": [] });
    assert!(wrong(&empty, &schema, &schema, "").is_some());
}

#[test]
fn the_version_names_commit_compiler_and_features() {
    let text = printed(&["version"]);
    let line = |start: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(start));
        line.unwrap_or_else(|| panic!("{start} in {text}"))
            .trim()
            .to_owned()
    };
    assert!(!line("Commit :").is_empty());
    assert!(line("Rustc  :").starts_with("rustc "));
    assert!(
        line("Feature:")
            .split(' ')
            .any(|feature| feature == "daemon")
    );
}

/// The rows of the table of events: names, and how messages begin.
fn events() -> Vec<(String, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let table = fs::read_to_string(source.join("cli/log/events.rs")).expect("the table");
    let (_, rows) = table
        .split_once("EVENTS: &[(&str, &str)] = &[")
        .expect("the table");
    let rows = rows.split("];").next().expect("its end");
    let quoted: Vec<&str> = rows.split('"').skip(1).step_by(2).collect();
    assert!(quoted.len() > 200 && quoted.len().is_multiple_of(2));
    quoted
        .chunks(2)
        .map(|pair| (pair[0].to_owned(), pair[1].to_owned()))
        .collect()
}

#[test]
fn names_of_events_belong_to_messages_that_exist() {
    let all: String = crate::imports::sources()
        .into_iter()
        .filter(|source| !source.path.starts_with("cli/log"))
        .map(|source| source.text)
        .collect();
    for (name, message) in events() {
        let literal = format!("\"{message}");
        assert!(
            all.contains(&literal),
            "{name}: no message begins with {literal}"
        );
    }
}

/// The string literals of the arguments of a macro, given the text behind its opening parenthesis.
fn literals(text: &str) -> Vec<&str> {
    let (mut found, mut depth, mut at) = (Vec::new(), 1, 0);
    while depth > 0 {
        at += text[at..]
            .find(['"', '(', ')'])
            .expect("a closing parenthesis");
        match text.as_bytes()[at] {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {
                let begin = at + 1;
                let mut escaped = false;
                let length = text[begin..].find(|c| {
                    let ends = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    ends
                });
                at = begin + length.expect("the end of a string");
                found.push(&text[begin..at]);
            }
        }
        at += 1;
    }
    found
}

/// Alerts and searches are built on the names: what the daemon warns of has one.
#[test]
fn warnings_and_errors_of_the_daemon_have_names() {
    let events = events();
    let mut nameless = Vec::new();
    let rooms = ["api/", "daemon/", "probe/", "speaker/"];
    for source in crate::imports::sources() {
        if !rooms.iter().any(|room| source.path.starts_with(room)) {
            continue;
        }
        let text = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        for call in ["warn!(", "error!("] {
            for (at, _) in text.match_indices(call) {
                let texts = literals(&text[at + call.len()..]);
                // Some only pass on what another place has worded.
                let is_passed_on = texts.last().is_none_or(|text| text.starts_with('{'));
                let has_name = |text: &&str| {
                    let begins = |(_, words): &(String, String)| text.starts_with(words.as_str());
                    events.iter().any(begins)
                };
                if !is_passed_on && !texts.iter().any(has_name) {
                    nameless.push(format!("{}: {texts:?}", source.path));
                }
            }
        }
    }
    assert!(
        nameless.is_empty(),
        "not in src/cli/log/events.rs:\n{}",
        nameless.join("\n")
    );
}

#[test]
fn words_of_our_own_are_marked() {
    let lab = Lab::new();
    let path = lab.write("a.conf", "metrics { listen 127.0.0.1; }\nneighbor 192.0.2.1 { router-id 192.0.2.2; local-address 192.0.2.2; local-as 1; peer-as 2; }\n");
    let output = oxabgp(&["validate", path.to_str().expect("UTF-8")])
        .output()
        .expect("runs");
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(
        text.contains("a.conf:1:1: note: `metrics` is an extension"),
        "{text}"
    );
}
