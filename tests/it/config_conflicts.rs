//! Statements of a configuration that contradict each other, stand twice, or have no place in a file.

use std::path::Path;

use oxabgp::config::{Config, Env};

/// A neighbor with these statements.
fn neighbor(statements: &str) -> String {
    format!(
        "neighbor 192.0.2.1 {{ local-address 192.0.2.2; local-as 65001; peer-as 65000; family {{ ipv4 unicast; }}\n{statements} }}\n"
    )
}

/// The lines of the warnings, or of the errors.
fn read(text: &str) -> Result<Vec<String>, Vec<String>> {
    Config::parse("a.conf", text, Path::new("/"), &Env::default())
        .map(|(_, warnings)| warnings.lines().collect())
        .map_err(|errors| errors.lines().collect())
}

const KEY: &str = "tcp-ao { keyid 1; algorithm hmac-sha-1-96; password \"x\"; }";

#[test]
fn a_session_has_one_kind_of_signature() {
    assert_eq!(read(&neighbor(KEY)), Ok(vec![]));
    // An empty password is none.
    assert_eq!(
        read(&neighbor(&format!("md5-password \"\"; {KEY}"))),
        Ok(vec![])
    );
    let wanted = "error: a session has either `md5-password` or `tcp-ao`, not both (remove one of them: RFC 5925 section 2.2 does not allow both for one connection)";
    for statements in [
        format!("md5-password secret; {KEY}"),
        format!("{KEY} md5-password secret;"),
    ] {
        let errors = read(&neighbor(&statements)).expect_err("a conflict");
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].ends_with(wanted), "{errors:?}");
    }
    let template = format!("template {{ neighbor t {{ {KEY} }} }}\n");
    let text = template + &neighbor("inherit t; md5-password secret;");
    let errors = read(&text).expect_err("a conflict");
    assert!(errors[0].ends_with(wanted), "{errors:?}");
}

#[test]
fn lines_of_sections_that_come_twice_are_reported() {
    for (statements, word) in [
        ("announce-limit { total 5; total 6; }", "total"),
        (
            "announce-limit { total 5; } announce-limit { total 6; }",
            "total",
        ),
        (
            "announce-limit { total 5; warn-at 80%; warn-at 90%; }",
            "warn-at",
        ),
        (
            "announce-limit { ipv4 unicast 5; ipv4 unicast 6; }",
            "ipv4 unicast",
        ),
        (
            "tcp-ao { keyid 1; algorithm hmac-sha-1-96; password \"x\"; keyid 2; }",
            "keyid",
        ),
    ] {
        let warnings = read(&neighbor(statements)).expect(statements);
        let wanted = format!("warning: `{word}` is set twice: this value is used");
        assert_eq!(warnings.len(), 1, "{statements}: {warnings:?}");
        assert!(warnings[0].ends_with(&wanted), "{statements}: {warnings:?}");
    }
    let other = KEY.replace("keyid 1", "keyid 2");
    let warnings = read(&neighbor(&format!("{KEY} {other}"))).expect("warnings");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].ends_with("`tcp-ao` is set twice: this section is used"));
    // The same value twice is no contradiction.
    let same = "announce-limit { total 5; total 5; ipv4 unicast 5; }";
    assert_eq!(read(&neighbor(same)), Ok(vec![]));
}

#[test]
fn guards_know_the_communities_that_routes_know() {
    let file = |communities: &str| {
        format!(
            "process p {{ run /bin/cat; encoder json; guard {{ communities require [ {communities} ]; }} }}\n{}",
            neighbor("")
        )
    };
    for name in [
        "blackhole",
        "no-export",
        "no_export",
        "NO-EXPORT",
        "no-advertise",
        "no-export-subconfed",
        "no-peer",
        "nopeer",
        "internet",
        "graceful-shutdown",
        "planned-shut",
        "accept-own",
        "llgr-stale",
        "no-llgr",
        "route-filter-v4",
        "standby-pe",
        "65535:666",
        "4294902426",
        "0xFFFF029A",
        "65000:1:2",
    ] {
        let route = format!("static {{ route 10.0.0.0/8 next-hop self community {name}; }}");
        if name != "65000:1:2" {
            assert_eq!(read(&neighbor(&route)), Ok(vec![]), "{name}");
        }
        assert_eq!(read(&file(name)), Ok(vec![]), "{name}");
    }
    let errors = read(&file("blackhol")).expect_err("an unknown name");
    assert!(
        errors[0].contains("did you mean `blackhole`?"),
        "{errors:?}"
    );
    let errors = read(&file("1:2:x")).expect_err("no community");
    assert!(
        errors[0].contains("a large community such as"),
        "{errors:?}"
    );
    // What is printed is read again.
    let (config, _) = Config::parse(
        "a.conf",
        &file("65535:666"),
        Path::new("/"),
        &Env::default(),
    )
    .expect("a configuration");
    let guard = config.processes[0].guard.as_ref().expect("a guard");
    assert!(
        guard
            .to_string()
            .contains("communities require [ 65535:666 ];")
    );
}

#[test]
fn a_configured_route_has_no_lifetime() {
    let wanted = "error: a lifetime cannot stand here (only a route that a command announces has a lifetime, once and at the end: `… next-hop self lifetime 10m`)";
    for statements in [
        "static { route 10.0.0.0/8 next-hop self lifetime 5; }",
        "static { route 10.0.0.0/8 { next-hop self; lifetime 5; } }",
        "static { route 10.0.0.0/8 next-hop self lifetime; }",
        "announce { ipv4 { unicast 10.0.0.0/8 next-hop self lifetime 5; } }",
        "flow { route x { match { destination 10.0.0.1/32; } then { discard; } lifetime 5; } }",
    ] {
        let errors = read(&neighbor(statements)).expect_err(statements);
        assert!(errors[0].ends_with(wanted), "{statements}: {errors:?}");
    }
}

#[test]
fn as_0_has_no_session_and_is_reported_in_routes() {
    for statements in [
        "local-as 0; peer-as 65001;",
        "local-as 65001; peer-as 0;",
        "local-as 0.0; peer-as 65001;",
    ] {
        let text = format!(
            "neighbor 127.0.0.2 {{ router-id 1.1.1.1; local-address 127.0.0.1;\n {statements} }}"
        );
        let errors = read(&text).expect_err(statements);
        assert_eq!(errors.len(), 1, "{errors:?}");
        let wanted = "AS 0 cannot have a session (RFC 7607)";
        assert!(
            errors[0].starts_with("a.conf:2:") && errors[0].contains(wanted),
            "{errors:?}"
        );
    }
    for (route, word) in [
        ("as-path [ 1 0 2 ]", "as-path"),
        ("aggregator ( 0:1.1.1.1 )", "aggregator"),
    ] {
        let text = neighbor(&format!(
            "static {{ route 10.0.0.0/8 next-hop 1.1.1.1 {route}; }}"
        ));
        let warnings = read(&text).expect(route);
        let wanted = format!("AS 0 in `{word}`: peers do not accept that (RFC 7607)");
        assert!(
            warnings.iter().any(|line| line.contains(&wanted)),
            "{warnings:?}"
        );
    }
}

#[test]
fn limits_that_have_no_effect_are_reported() {
    let process =
        |guard: &str| format!("process p {{ run /bin/cat; encoder json; guard {{ {guard} }} }}\n");
    let families = "families [ ipv4 unicast ipv6 flow ];";
    let unknown = "`guard` of the process `p`: no neighbor has the family `ipv6 flow`";
    let empty = "the `guard` section has no limits: everything is allowed";
    for (text, wanted) in [
        (process(families) + &neighbor(""), Some(unknown)),
        // Commands may add neighbors.
        (process(families), None),
        (process("families [ ipv4 unicast ];") + &neighbor(""), None),
        (process("") + &neighbor(""), Some(empty)),
        (process("operators;") + &neighbor(""), Some(empty)),
        (process("max-rate 5;") + &neighbor(""), None),
        (
            neighbor("announce-limit { ipv4 unicast 5; ipv6 unicast 5; }"),
            Some("`announce-limit` of `ipv6 unicast`: this neighbor has no such family"),
        ),
        (neighbor("announce-limit { ipv4 unicast 5; }"), None),
    ] {
        let warnings = read(&text).expect("no errors");
        assert_eq!(
            warnings.len(),
            usize::from(wanted.is_some()),
            "{warnings:?}"
        );
        let wanted = wanted.unwrap_or_default();
        assert!(
            warnings.iter().all(|line| line.contains(wanted)),
            "{warnings:?}"
        );
    }
}
