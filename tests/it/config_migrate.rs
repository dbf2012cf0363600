//! Files of older versions: what they mean, and how they look in today's words.

use std::fs;
use std::path::Path;

use oxabgp::config::{Config, Env, Secrets, migrate};

fn load(text: &str) -> (String, usize) {
    let variables = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
    let env = Env::read(variables, None).expect("no mistake").0;
    match Config::parse("test.conf", text, Path::new("/"), &env) {
        Ok((config, warnings)) => (config.render(Secrets::Shown), warnings.len()),
        Err(errors) => panic!("{errors}\n{text}"),
    }
}

/// The same but for the names of `api` sections, and settings that say the same in another order.
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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config/ok");
    for entry in fs::read_dir(folder).expect("a folder") {
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
