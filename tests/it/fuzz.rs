//! No text from a file, a helper or an operator makes the program panic or run for long: realistic texts, changed
//! randomly in a few places, the same in each run. (Bytes from peers: `bgp::golden` tests every truncation and
//! changed byte.)

use std::path::Path;
use std::time::{Duration, Instant};

use oxabgp::api::{Commands, Source};
use oxabgp::config::{Config, Env};

use crate::api::fake::Fake;
use crate::support::random::Random;

/// What is inserted at random places.
const JUNK: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ";",
    "\"",
    "'",
    "\\",
    "#",
    "\n",
    " ",
    "\t",
    "0",
    "-1",
    "65536",
    "4294967296",
    "18446744073709551616",
    "1.2.3.4",
    "1.2.3.4/33",
    "::/0",
    "0.0.0.0/0",
    "split /32",
    "label [ 1 2 3 ]",
    "rd 1:1",
    "as-path [ 1 ( 3 ) { 4 } ]",
    "self",
    "inherit a",
    "{ { {",
    "é",
    "\0",
    "0x",
    "0xffffffffffffffffff",
    "=>",
    ">=&<=",
    "65536:65536",
    "nan",
    "1e400",
    "[[[[",
    "((((",
    "route",
    "neighbor",
    "\u{feff}",
];

/// One of the texts with one to four changes.
fn changed(random: &mut Random, texts: &[String]) -> String {
    let mut text: Vec<char> = texts[random.below(texts.len())].chars().collect();
    for _ in 0..=random.below(4) {
        let from = random.below(text.len() + 1);
        let to = (from + random.below(40)).min(text.len());
        match random.below(6) {
            0 => drop(text.drain(from..to)),
            1 => text.truncate(from),
            2 => {
                let piece = text[from..to].to_vec();
                let at = random.below(text.len() + 1);
                text.splice(at..at, piece);
            }
            3 => {
                let other: Vec<char> = texts[random.below(texts.len())].chars().collect();
                let start = random.below(other.len() + 1);
                let end = (start + random.below(80)).min(other.len());
                text.splice(from..from, other[start..end].iter().copied());
            }
            4 if from < text.len() => {
                text[from] = char::from(u8::try_from(random.below(128)).expect("a byte"))
            }
            _ => {
                let junk = JUNK[random.below(JUNK.len())];
                text.splice(from..from, junk.chars());
            }
        }
    }
    text.into_iter().collect()
}

/// Calls `read` with that many changed texts. None of the calls may take long.
fn survive(texts: &[String], count: usize, mut read: impl FnMut(&str)) {
    assert!(!texts.is_empty(), "no texts");
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for _ in 0..count {
        let text = changed(&mut random, texts);
        let begin = Instant::now();
        read(&text);
        // Far more than any of them needs, even on a busy machine.
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "takes long: {text:?}"
        );
    }
}

fn files(directories: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    for directory in directories {
        for entry in std::fs::read_dir(root.join(directory)).expect("a directory") {
            if let Ok(text) = std::fs::read_to_string(entry.expect("an entry").path()) {
                texts.push(text);
            }
        }
    }
    texts.sort();
    texts
}

fn parse(text: &str) -> Result<usize, String> {
    match Config::parse("fuzz", text, Path::new("/nonexistent"), &Env::default()) {
        Ok((config, _)) => Ok(config.neighbors.len()),
        Err(errors) => Err(errors.to_string()),
    }
}

#[test]
fn changed_configurations() {
    let texts = files(&["etc", "tests/data/config/ok", "tests/data/config/bad"]);
    survive(&texts, 1000, |text| drop(parse(text)));
}

#[test]
fn changed_commands() {
    let mut texts: Vec<String> = Vec::new();
    for text in files(&["tests/data/api", "tests/data/wire"]) {
        let lines = text.lines().filter_map(|line| {
            line.strip_prefix(">>> ")
                .or_else(|| line.strip_prefix("command: "))
        });
        texts.extend(lines.map(str::to_owned));
    }
    let (mut commands, mut source, mut fake) =
        (Commands::new(), Source::new("helper"), Fake::new());
    survive(&texts, 4000, |line| {
        let mut out = String::new();
        commands.execute(line.as_bytes(), &mut source, &mut fake, &mut out);
        fake.calls.clear();
    });
}

#[test]
fn changed_settings() {
    let text = Env::default().dump(oxabgp::config::env::Form::File, false);
    survive(&[text], 1000, |text| {
        drop(Env::read(Vec::new(), Some(("fuzz", text))))
    });
}

#[test]
fn texts_without_measure_are_refused() {
    let neighbor = |routes: &str| {
        format!(
            "neighbor 127.0.0.1 {{ router-id 1.2.3.4; local-address 127.0.0.1; local-as 1; peer-as 1; static {{ {routes} }} }}"
        )
    };
    for (text, fine) in [
        ("{".repeat(100_000), false),
        ("group a { ".repeat(20_000), false),
        (neighbor(&"(".repeat(50_000)), false),
        (
            neighbor(&format!(
                "route 1.0.0.0/8 next-hop 1.2.3.4 as-path {};",
                "[ ".repeat(50_000)
            )),
            false,
        ),
        (
            neighbor("route 0.0.0.0/0 next-hop 1.2.3.4 split /32;"),
            false,
        ),
        (neighbor("route ::/0 next-hop ::1 split /128;"), false),
        (
            neighbor(&"route 10.0.0.0/8 next-hop 1.2.3.4;\n".repeat(20_000)),
            true,
        ),
        (
            neighbor(&format!(
                "route 10.0.0.0/8 next-hop 1.2.3.4 community [ {} ];",
                "1:1 ".repeat(50_000)
            )),
            true,
        ),
        ("\"".repeat(50_001), false),
        ("}".repeat(50_000), true),
        ("foo;\n".repeat(50_000), false),
    ] {
        let begin = Instant::now();
        let read = parse(&text);
        let start: String = text.chars().take(150).collect();
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "takes long: {start}"
        );
        if !fine {
            assert!(read.is_err(), "accepted: {start}");
            assert!(
                read.is_err_and(|reported| reported.len() < 4 << 20),
                "more is reported than anybody reads: {start}"
            );
        }
    }
}
