//! Configuration files: which are accepted and what they mean, which are refused and with what errors.
//!
//! `tests/data/config/ok/NAME.conf` must load; `NAME.txt` next to it contains the warnings and the configuration as
//! printed, which must be read back as the same configuration. `tests/data/config/bad/NAME.conf` must be refused;
//! `NAME.txt` contains the messages. `UPDATE=1 cargo test --test it config` regenerates the text files.

use std::fs;
use std::path::{Path, PathBuf};

use oxabgp::config::{Config, Diagnostics, Env, Secrets};
use oxabgp::grammar::RouteText;

fn root_directory(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/config")
        .join(kind)
}

/// The environment for reading the files: nothing is looked up outside of the directory and `/bin`.
fn env() -> Env {
    let variables = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
    Env::read(variables, None).expect("no error").0
}

fn files(kind: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(root_directory(kind))
        .expect("a root_directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "conf")
        })
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn parse(path: &Path, text: &str) -> Result<(Config, Diagnostics), Diagnostics> {
    let name = path.file_name().expect("a name").to_string_lossy();
    Config::parse(&name, text, &root_directory("ok"), &env())
}

/// Compares with the text file, or regenerates it.
fn compare(path: &Path, found: &str, wrong: &mut Vec<String>) {
    let expected = path.with_extension("txt");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&expected, found).expect("written");
        return;
    }
    let wanted = fs::read_to_string(&expected).unwrap_or_default();
    if wanted != found {
        wrong.push(format!("{}:\n{found}", expected.display()));
    }
}

/// The configuration with one route per statement, which is how it is printed.
fn single(mut config: Config) -> Config {
    for neighbor in &mut config.neighbors {
        let routes = std::mem::take(&mut neighbor.routes);
        for route in &routes {
            for nlri in &route.nlri {
                neighbor.routes.push(RouteText {
                    nlri: vec![nlri.clone()],
                    ..route.clone()
                });
            }
        }
    }
    config
}

#[test]
fn good_files_load_and_read_back() {
    let mut wrong = Vec::new();
    for path in files("ok") {
        let text = fs::read_to_string(&path).expect("a file");
        match parse(&path, &text) {
            Ok((config, warnings)) => {
                let print = config.render(Secrets::Shown);
                let json = config.json(Secrets::Shown);
                serde_json::from_str::<serde_json::Value>(&json).expect(&json);
                match parse(&path, &print) {
                    _ if print.is_empty() => compare(&path, &warnings.to_string(), &mut wrong),
                    Ok((again, _)) if single(again.clone()) == single(config) => {
                        compare(&path, &format!("{warnings}{print}"), &mut wrong);
                    }
                    Ok((again, _)) => wrong.push(format!(
                        "{}: reads back as another configuration:\n{print}\n----\n{}",
                        path.display(),
                        again.render(Secrets::Shown)
                    )),
                    Err(errors) => {
                        wrong.push(format!("{}: does not read back:\n{errors}", path.display()))
                    }
                }
            }
            Err(errors) => wrong.push(format!("{}: refused:\n{errors}", path.display())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn bad_files_are_refused_with_all_that_is_wrong() {
    let mut wrong = Vec::new();
    for path in files("bad") {
        let text = fs::read_to_string(&path).expect("a file");
        match parse(&path, &text) {
            Ok(_) => wrong.push(format!("{}: was accepted", path.display())),
            Err(errors) => compare(&path, &errors.to_string(), &mut wrong),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_truncation_of_a_good_file_is_read_without_panic() {
    for path in files("ok") {
        let text = fs::read_to_string(&path).expect("a file");
        for end in (0..text.len())
            .filter(|end| text.is_char_boundary(*end))
            .step_by(7)
        {
            let _ = parse(&path, &text[..end]);
        }
    }
}

#[test]
fn no_slip_of_the_pen_makes_it_panic() {
    let marks = [
        "{",
        "}",
        ";",
        "\"",
        "'",
        "\\",
        "#",
        "\n",
        "[",
        "]",
        ",",
        "(",
        "é",
        "\u{0}",
        "0x",
        "/",
        "-1",
        "99999999999",
    ];
    let mut state = 7u32;
    let mut random = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    for path in files("ok") {
        let text = fs::read_to_string(&path).expect("a file");
        for _ in 0..6 {
            let mut slipped: Vec<char> = text.chars().collect();
            for _ in 0..=random(4) {
                let at = random(slipped.len().max(1));
                if slipped.is_empty() {
                    break;
                }
                match random(3) {
                    0 => drop(slipped.remove(at)),
                    1 => slipped
                        .splice(at..at, marks[random(marks.len())].chars())
                        .for_each(drop),
                    _ => slipped.swap(at, 0),
                }
            }
            let slipped: String = slipped.into_iter().collect();
            match parse(&path, &slipped) {
                Ok((config, warnings)) => {
                    drop((config.render(Secrets::Shown), warnings.to_string()))
                }
                Err(errors) => assert!(errors.has_errors() && !errors.to_string().is_empty()),
            }
            let _ = oxabgp::config::migrate(&slipped);
        }
    }
}

#[test]
fn a_hundred_thousand_routes_are_no_matter() {
    let mut text = String::from(
        "neighbor 127.0.0.1 { router-id 1.2.3.4; local-address 127.0.0.1; local-as 1; peer-as 2; static {\n",
    );
    for index in 0u32..100_000 {
        let [_, a, b, c] = index.to_be_bytes();
        text.push_str(&format!(
            "route 10.{a}.{b}.{c}/32 next-hop 1.2.3.4 med {};\n",
            index % 16
        ));
    }
    text.push_str("}}\n");
    let (config, warnings) = parse(Path::new("many.conf"), &text).expect("routes");
    assert!(warnings.is_empty());
    let routes: Vec<_> = config.neighbors[0].routes.iter().collect();
    assert_eq!(routes.len(), 100_000);
    // Equal attributes are one value.
    assert!(std::rc::Rc::ptr_eq(
        &routes[0].attributes,
        &routes[16].attributes
    ));
}

#[test]
fn errors_without_end_and_sections_without_end_do_not_hang() {
    let many = format!(
        "neighbor 127.0.0.1 {{\n{}}}\n",
        "foo bar;\n".repeat(100_000)
    );
    assert!(parse(Path::new("many.conf"), &many).is_err());
    assert!(parse(Path::new("deep.conf"), &"a {".repeat(100_000)).is_err());
    assert!(parse(Path::new("quotes.conf"), &"\"".repeat(10_000)).is_err());
}

#[test]
fn files_that_cannot_be_read_have_a_reason() {
    let root_directory = tempfile::tempdir().expect("a root_directory");
    let load = |path: &Path| Config::load(path, &env()).expect_err("refused").to_string();
    assert!(load(&root_directory.path().join("none")).contains("there is no such file"));
    assert!(load(root_directory.path()).contains("this is a directory"));
    let latin = root_directory.path().join("latin.conf");
    fs::write(
        &latin,
        b"neighbor 127.0.0.1 {\n description \"caf\xe9\";\n}",
    )
    .expect("written");
    assert!(load(&latin).contains("line 2 is not valid UTF-8"));
}

#[test]
fn a_secret_is_shown_only_when_asked_for() {
    let text = "neighbor 127.0.0.1 { local-address 127.0.0.1; local-as 1; peer-as 2; md5-password secret; }";
    let (config, _) = parse(Path::new("md5.conf"), text).expect("a configuration");
    let hidden = config.render(Secrets::Hidden);
    assert!(
        hidden.contains("***") && !hidden.contains("secret"),
        "{hidden}"
    );
    assert!(
        config
            .render(Secrets::Shown)
            .contains("md5-password \"secret\";")
    );
}

#[test]
fn the_name_distinguishes_neighbors() {
    let text = "neighbor 127.0.0.0/29 { passive; router-id 1.2.3.4; local-as auto; peer-as 65001; capability { multi-session; } family { ipv4 unicast; ipv6 flow; } }";
    let (config, _) = parse(Path::new("name.conf"), text).expect("a configuration");
    assert_eq!(
        config.neighbors[0].name(),
        "neighbor 127.0.0.0/29 local-ip auto local-as auto peer-as 65001 router-id 1.2.3.4 family-allowed ipv4-unicast/ipv6-flow"
    );
}

#[test]
fn a_minus_is_standard_input() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
        .args(["validate", "--print", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let text =
        "neighbor 127.0.0.1 { local-address 127.0.0.1; local-as 1; peer-as 2; hold-time 33; }\n";
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes()).expect("written");
    drop(input);
    let output = child.wait_with_output().expect("an end");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && printed.contains("hold-time 33;"),
        "{output:?}"
    );
}

#[test]
fn link_local_addresses_have_a_zone() {
    let text = |peer: &str, local: &str| {
        format!(
            "neighbor {peer} {{ local-address {local}; local-as 65001; peer-as 65002; router-id 10.0.0.1; }}\n"
        )
    };
    let path = Path::new("zones.conf");
    for (peer, local) in [
        ("fe80::1%eth0", "fe80::2%eth0"),
        ("fe80::1%eth0", "fe80::2"),
        ("fe80::1", "fe80::2%eth0"),
    ] {
        let (config, _) = parse(path, &text(peer, local)).expect("a configuration");
        let neighbor = &config.neighbors[0];
        let name = neighbor.name();
        let wanted = "neighbor fe80::1%eth0 local-ip fe80::2%eth0 local-as 65001";
        assert!(name.starts_with(wanted), "{name}");
        // Selectors in the form that users write.
        for (selector, means) in [
            ("neighbor fe80::1%eth0 announce", true),
            ("neighbor fe80:0::1%eth0 announce", true),
            ("neighbor fe80::1 announce", true),
            ("neighbor fe80::1%eth0 local-ip fe80::2 announce", true),
            ("neighbor fe80::1%eth1 announce", false),
            ("neighbor fe80::3%eth0 announce", false),
        ] {
            let (selector, _) = oxabgp::grammar::Selector::split(selector).expect("a selector");
            assert_eq!(selector.matches(&name), means, "{selector:?}");
        }
    }
    for (peer, local) in [
        ("fe80::1%eth0", "fe80::2%eth1"),
        ("2001:db8::1%eth0", "2001:db8::2"),
        ("192.0.2.1%eth0", "192.0.2.2"),
        ("fe80::1%", "fe80::2"),
        ("fe80::1%a_name_that_is_too_long", "fe80::2"),
    ] {
        assert!(parse(path, &text(peer, local)).is_err(), "{peer} {local}");
    }
}
