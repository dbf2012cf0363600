//! Files of older versions: their meaning, and their conversion to today's syntax.

use std::fs;
use std::path::Path;

use oxabgp::config::{Config, Env, Secrets, migrate};

fn load(text: &str) -> (String, usize) {
    let variables = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
    let env = Env::read(variables, None).expect("no fault").0;
    match Config::parse("test.conf", text, Path::new("/"), &env) {
        Ok((config, warnings)) => (config.render(Secrets::Shown), warnings.len()),
        Err(errors) => panic!("{errors}\n{text}"),
    }
}

/// Equal except for the names of `api` sections, and equivalent settings in another order.
fn meaning(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = load(text)
        .0
        .lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.starts_with("api "))
        .collect();
    lines.sort();
    lines
}

#[test]
fn a_file_of_3_4_becomes_one_of_today_with_its_comments() {
    let old = r#"# our routers
group edge {
    # what announces
    process watcher {
        run /bin/cat -u; # a comment that goes
        encoder json;
        parse-routes;
        peer-updates;
    }
    local-address 127.0.0.1; # ours
    router-id 192.0.2.1;
    local-as 65000;
    graceful-restart 120;
    static {
        route 10.9.0.0/16 next-hop self; # the default
    }

    # the first one
    neighbor 127.0.0.2 {
        peer-as 65001;
        family { inet4 unicast; } # only that
    }
    neighbor 127.0.0.3 {
        peer-as 65002;
        md5 secret;
        hold-time 60 }
}
"#;
    let new = r#"# our routers
process watcher {
    run /bin/cat -u;
    encoder json;
}

template {
neighbor group-1 {
    # what announces
    api {
        processes [ watcher ];
        # a comment that goes
        neighbor-changes; receive { parsed; update; }
    }
    local-address 127.0.0.1; # ours
    router-id 192.0.2.1;
    local-as 65000;
    capability { graceful-restart 120; }
    static {
        route 10.9.0.0/16 next-hop self; # the default
    }

    # the first one
}
}

neighbor 127.0.0.2 { inherit group-1;
        peer-as 65001;
        family { ipv4 unicast; } # only that
    }

neighbor 127.0.0.3 { inherit group-1;
        peer-as 65002;
        md5-password secret;
        hold-time 60; }
"#;
    assert_eq!(migrate(old), new);
    assert_eq!(meaning(old), meaning(new));
    assert_eq!(load(new).1, 0, "no warning is left");
}

#[test]
fn a_process_of_two_neighbours_stands_once() {
    let one = |address: &str| {
        format!(
            "neighbor {address} {{\n  local-address 127.0.0.1; local-as 1; peer-as 2;\n  process p {{ run /bin/cat; receive {{ updates; packets; }} }}\n}}\n"
        )
    };
    let old = one("127.0.0.2") + &one("127.0.0.3");
    let new = migrate(&old);
    assert_eq!(new.matches("process p {").count(), 1, "{new}");
    assert_eq!(new.matches("processes [ p ];").count(), 2, "{new}");
    assert_eq!(meaning(&old), meaning(&new));
    assert_eq!(load(&new).1, 0, "{new}");
}

#[test]
fn slips_are_put_right_and_what_is_right_stays() {
    let good = "neighbor 127.0.0.2 { # one\n  local-address 127.0.0.1; local-as 1; peer-as 2;\n}\n";
    assert_eq!(migrate(good), good);
    let slips = "neighbor 127.0.0.2 {\n  local-address 127.0.0.1; local-as 1; peer-as 2;;\n  family { ipv4 unicast }\n  asn4 disable;\n}\n}\n";
    let right = "neighbor 127.0.0.2 {\n  local-address 127.0.0.1; local-as 1; peer-as 2;\n  family { ipv4 unicast; }\n  capability { asn4 disable; }\n}\n\n";
    assert_eq!(migrate(slips), right);
}

#[test]
fn every_file_means_the_same_after_it() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config/ok");
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "conf")
        {
            let old = fs::read_to_string(&path).expect("a file");
            let new = migrate(&old);
            if !new.trim().is_empty() {
                assert_eq!(meaning(&old), meaning(&new), "{}:\n{new}", path.display());
            }
        }
    }
}

#[test]
fn minimal_becomes_the_families_of_the_routes() {
    let old = r#"group g {
    local-as 65000; router-id 192.0.2.1; local-address 127.0.0.1;
    static { route 2001:db8::/32 next-hop 2001:db8::1; }
    neighbor 127.0.0.2 {
        peer-as 65001;
        family { minimal; } # what is needed
        static { route 10.0.0.0/8 rd 1:1 label 5 next-hop 1.2.3.4; route 10.0.0.0/8 next-hop 1.2.3.4; }
        flow { route a { match { source 10.0.0.1/32; } then { discard; } } }
    }
}
neighbor 127.0.0.3 { local-as 1; peer-as 2; router-id 192.0.2.1; local-address 127.0.0.1; family { minimal; } }
"#;
    let new = migrate(old);
    assert!(
        new.contains(
            "family { ipv4 unicast; ipv4 mpls-vpn; ipv4 flow; ipv6 unicast; } # what is needed"
        ),
        "{new}"
    );
    assert!(new.contains("family { ipv4 unicast; } }"), "{new}");
    assert_eq!(load(&new).1, 0, "{new}");
    assert_eq!(meaning(old), meaning(&new));
}

/// The routes of a configuration as `show` prints them, without indentation.
fn routes(text: &str) -> Vec<String> {
    let shown = load(text).0;
    let words = ["route ", "flow "];
    let lines = shown.lines().map(|line| line.trim().to_owned());
    lines
        .filter(|line| words.iter().any(|word| line.starts_with(word)))
        .collect()
}

fn neighbor(address: &str, inside: &str) -> String {
    format!(
        "neighbor {address} {{\n  local-address 127.0.0.1; router-id 1.2.3.4; local-as 65000; peer-as 65001;\n{inside}\n}}\n"
    )
}

/// What 3.4.28 announces for this file, in today's syntax: it reads values up to the semicolon, and sends flags as
/// `=`.
#[test]
fn rules_of_3_4_keep_all_their_values_and_the_match_bit() {
    let old = neighbor(
        "127.0.0.2",
        "  flow { route a {
    match {
      source 10.0.0.1/32;
      destination-port =3128 >8080&<8088; # two of them
      packet-length >200&<300 >400&<500;
      protocol [ udp tcp ];
      port [ =80 =8080 ];
      icmp-type echo-request;
      tcp-flags [ syn ack ];
      fragment first-fragment;
    }
    then { discard; }
  } }",
    );
    let new = migrate(&old);
    for line in [
        "destination-port [ =3128 >8080&<8088 ]; # two of them",
        "packet-length [ >200&<300 >400&<500 ];",
        "protocol [ udp tcp ];",
        "port [ =80 =8080 ];",
        "tcp-flags [ =syn =ack ];",
        "fragment =first-fragment;",
    ] {
        assert!(new.contains(line), "{line}\n{new}");
    }
    assert_eq!(load(&new).1, 0, "{new}");
    let [rule] = &routes(&new)[..] else {
        panic!("one rule: {new}");
    };
    for part in [
        "destination-port [ =3128 >8080&<8088 ]",
        "packet-length [ >200&<300 >400&<500 ]",
        "tcp-flags [ =syn =ack ]",
        "fragment =first-fragment",
    ] {
        assert!(rule.contains(part), "{part}\n{rule}");
    }
    assert_eq!(migrate(&new), new, "once is enough");
}

/// Since 4.0 a flag without `=` is sent without the match bit: it is left alone unless the file contains a keyword of
/// 3.4.
#[test]
fn flags_of_a_file_of_today_are_left_alone() {
    let today = neighbor(
        "127.0.0.2",
        "  flow { route a { match { source 10.0.0.1/32; tcp-flags [ syn ack ]; } then { discard; } } }",
    );
    assert_eq!(migrate(&today), today);
}

/// Verified with 3.4.28: a neighbor inherits what precedes it in its group, and nothing that follows.
#[test]
fn routes_behind_the_neighbors_of_a_group_are_for_no_neighbor() {
    let old = "group g {
    router-id 1.2.3.4; local-address 127.0.0.1; local-as 65000;
    neighbor 127.0.0.2 { peer-as 65001; static { route 10.2.0.0/16 next-hop 1.1.1.1; } }
    static { route 10.9.0.0/16 next-hop 1.1.1.1; }
    neighbor 127.0.0.3 { peer-as 65001; static { route 10.3.0.0/16 next-hop 1.1.1.1; } }
    # the last
    static {
        route 10.8.0.0/16 next-hop 1.1.1.1;
    }
}
";
    let new = migrate(old);
    let (shown, warnings) = load(&new);
    assert_eq!(warnings, 0, "{new}");
    assert_eq!(meaning(old), meaning(&new));
    let blocks: Vec<&str> = shown.split("neighbor 127.0.0.").skip(1).collect();
    let has = |block: usize, prefix: &str| blocks[block].contains(&format!("route {prefix} "));
    assert!(has(0, "10.2.0.0/16") && !has(0, "10.9.0.0/16"), "{shown}");
    assert!(has(1, "10.3.0.0/16") && has(1, "10.9.0.0/16"), "{shown}");
    assert!(!shown.contains("10.8.0.0/16"), "{shown}");
    // It is still present for readers, but not in any template.
    assert!(
        new.contains("#     static {\n#         route 10.8.0.0/16 next-hop 1.1.1.1;\n#     }"),
        "{new}"
    );
    for name in ["group-1", "group-1-2"] {
        assert!(new.contains(&format!("neighbor {name} {{")), "{new}");
        assert!(
            new.contains(&format!("inherit {name}")) || new.contains(&format!(" {name} ];")),
            "{new}"
        );
    }
    assert!(!new.contains("group-1-3"), "{new}");
    // Reading the original file gives a warning at that position.
    let env = Env::read([("PATH".to_owned(), "/usr/bin:/bin".to_owned())], None)
        .expect("good")
        .0;
    let (_, found) = Config::parse("test.conf", old, Path::new("/"), &env).expect("it loads");
    let text = found.to_string();
    assert!(
        text.contains("no neighbor of the group follows this"),
        "{text}"
    );
}

#[test]
fn a_process_without_a_name_loads_and_has_no_helper() {
    let old = neighbor("127.0.0.2", "  process { receive-routes; }");
    let (shown, warnings) = load(&old);
    assert!(
        shown.contains("refresh;"),
        "receive-routes of 3.4.28 has refreshes: {shown}"
    );
    assert!(warnings > 0 && !shown.contains("processes"), "{shown}");
    let new = migrate(&old);
    assert_eq!(load(&new).1, 0, "{new}");
    assert_eq!(meaning(&old), meaning(&new));
    assert!(!new.contains("process {"), "{new}");
    // In a group, behind a helper of the group.
    let old = "group g {\n  local-address 127.0.0.1; router-id 1.2.3.4; local-as 65000; peer-as 65001;\n  process p { run /bin/cat; }\n  neighbor 127.0.0.2 { process { receive-routes; } }\n}\n";
    let new = migrate(old);
    assert_eq!(load(&new).1, 0, "{new}");
    // A program without a name is still an error, as in 3.4.
    let wrong = neighbor("127.0.0.2", "  process { run /bin/cat; }");
    let env = Env::read([("PATH".to_owned(), "/usr/bin:/bin".to_owned())], None)
        .expect("good")
        .0;
    let error = Config::parse("test.conf", &wrong, Path::new("/"), &env).expect_err("no name");
    assert!(
        error.to_string().contains("the process has no name"),
        "{error}"
    );
}

/// 3.4.28 gives a helper with `parse-routes` what `peer-updates` gives.
#[test]
fn words_of_a_process_subscribe_to_what_3_4_sent() {
    let old = neighbor(
        "127.0.0.2",
        "  process p { run /bin/cat; parse-routes; peer-updates; }",
    );
    let new = migrate(&old);
    assert_eq!(
        new.matches("receive { parsed; update; }").count(),
        1,
        "{new}"
    );
    assert!(new.contains("neighbor-changes;"), "{new}");
    assert_eq!(load(&new).1, 0, "{new}");
    assert_eq!(meaning(&old), meaning(&new));
}

#[test]
fn a_semicolon_that_is_missing_is_written_once() {
    for setting in [
        "process p { run /bin/cat; peer-updates; neighbor-changes }",
        "process p { run /bin/cat; neighbor-changes }",
        "process p { peer-updates; run /bin/cat }",
        "process p { run /bin/cat; peer-updates }",
        "process { receive-routes; neighbor-changes }",
        "api { receive-routes }",
        "capability { route-refresh }",
        "family { inet4 unicast }",
        "family { minimal }",
        "asn4 disable",
        "ttl-security",
    ] {
        let old = neighbor("127.0.0.2", &format!("  {setting}")).replace("\n}", " }");
        let new = migrate(&old);
        assert_eq!(load(&new).1, 0, "{setting}: {new}");
        assert_eq!(meaning(&old), meaning(&new), "{setting}");
        assert!(!new.contains(";;") && !new.contains("};"), "{new}");
        assert_eq!(migrate(&new), new, "once is enough");
    }
}

#[test]
fn two_processes_of_one_name_are_not_made_one() {
    let process = |run: &str| format!("  process p {{ {run} }}");
    let both = |one: &str, other: &str| {
        neighbor("127.0.0.2", &process(one)) + &neighbor("127.0.0.3", &process(other))
    };
    let new = migrate(&both(
        "run /bin/cat; encoder json;",
        "encoder  json; run /bin/cat;",
    ));
    assert_eq!(new.matches("process p {").count(), 1, "{new}");
    assert_eq!(load(&new).1, 0, "{new}");
    let new = migrate(&both("run /bin/cat;", "run /bin/true;"));
    assert_eq!(new.matches("process p {").count(), 2, "{new}");
    let env = Env::read([("PATH".to_owned(), "/usr/bin:/bin".to_owned())], None);
    let env = env.expect("good").0;
    Config::parse("test.conf", &new, Path::new("/"), &env).expect_err("one of them has no effect");
}

#[test]
fn prefixes_with_host_bits_become_their_networks() {
    let old = neighbor(
        "127.0.0.2",
        "  static { route 10.14.0.1/16 next-hop 1.1.1.1; route 10.0.0.1 next-hop 1.1.1.1; route 2001:db8::1/32 { next-hop ::1; } }",
    );
    let new = migrate(&old);
    for prefix in [
        "route 10.14.0.0/16 next-hop",
        "route 10.0.0.1 next-hop",
        "route 2001:db8::/32 {",
    ] {
        assert!(new.contains(prefix), "{prefix}\n{new}");
    }
    assert_eq!(load(&new).1, 0, "{new}");
}
