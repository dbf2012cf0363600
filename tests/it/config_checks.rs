//! Health checks in a configuration: what is read, written back, compared and refused.

use std::path::Path;

use oxabgp::config::{Config, Env, Secrets, diff};

const NEIGHBOR: &str = "neighbor 192.0.2.1 { local-address 192.0.2.2; local-as 65001; peer-as 65000; family { ipv4 unicast; } }\n";

/// A check with these statements, and a neighbor.
fn file(statements: &str) -> String {
    format!("check web {{\n{statements}\n}}\n{NEIGHBOR}")
}

fn read(text: &str) -> Result<(Config, String), String> {
    Config::parse("test", text, Path::new("/"), &Env::default())
        .map(|(config, warnings)| (config, warnings.to_string()))
        .map_err(|errors| errors.to_string())
}

const ROUTE: &str = "route 198.51.100.10/32 next-hop self community 65001:1;";

#[test]
fn every_word_is_written_back_as_it_was_read() {
    for statements in [
        "http \"http://127.0.0.1:8080/health?x=1;2\" { status [ 200 204 ]; body \"it is; ok\"; header \"Host: www.example.net\"; header \"X-Y: z\"; method HEAD; }",
        "http \"http://[::1]/\";",
        "tcp 127.0.0.1 port 443; interval 0.5; fast-interval 2m; timeout 3; rise 1; fall 9; flap-hold 60;",
        "tcp ::1 port 1; disable \"/run/a b\"; drain 5; up-execute \"a; b\"; down-execute \"c \\\"d\\\"\";",
        "tcp www.example.net port 1; down-execute true; drain 0;",
        "dns 127.0.0.1 query \"example.net A\"; down withdraw;",
        "dns ::1 port 5353 query example.net AAAA answer 2001:db8::1; down metric 1000;",
        "dns 192.0.2.53 query \"example.net MX\" answer nxdomain; down metric 7 community [ 65001:666 no-export ];",
        "command \"dig @192.0.2.53 example.net +tries=1 | grep -q 'x y'\"; group edge; neighbors [ 192.0.2.0/24 2001:db8::1 ];",
    ] {
        let text = file(&format!("{statements} {ROUTE}"));
        let (config, _) = read(&text).unwrap_or_else(|errors| panic!("{errors}"));
        let again = config.render(Secrets::Shown);
        let (same, _) = read(&again).unwrap_or_else(|errors| panic!("{errors}\n{again}"));
        assert_eq!(config, same, "{again}");
        let json: serde_json::Value =
            serde_json::from_str(&config.json(Secrets::Hidden)).expect("JSON");
        assert_eq!(json["checks"][0]["name"], "web");
    }
}

#[test]
fn errors_have_their_place() {
    for (statements, message) in [
        (ROUTE, "the check checks nothing"),
        ("tcp 127.0.0.1 port 1;", "the check has no route"),
        ("tcp 127.0.0.1;", "`port`"),
        ("tcp 127.0.0.1 port 0;", "1 to 65535"),
        ("tcp 1.2.3 port 1;", "an address or a name"),
        ("http ftp://x/;", "expected a URL"),
        ("http http://x:0/;", "is not a port"),
        ("http http://x/ { status 99; };", "100 to 599"),
        (
            "http http://x/ { header nonsense; };",
            "Host: www.example.net",
        ),
        (
            "http http://x/ { header \"A\u{301}: b\"; };",
            "not the name of a field",
        ),
        ("http http://x/ { statuss 200; };", "did you mean `status`"),
        (
            "dns example.net query \"a A\";",
            "the address of a DNS server",
        ),
        ("dns 127.0.0.1 query \"a NONE\";", "expected one of A"),
        ("dns 127.0.0.1 query \"a..b A\";", "1 to 63"),
        ("dns 127.0.0.1 query \"a A b\";", "a name and a type"),
        (
            "dns 127.0.0.1 query \"a A\" answer ::1;",
            "records of the type A",
        ),
        ("command \"\";", "a command in quotes"),
        ("command true; tcp ::1 port 1;", "a check checks one thing"),
        ("command true; interval 0;", "0.1 seconds to a day"),
        ("command true; rise 0;", "1 to 1000"),
        ("command true; disable run/off;", "an absolute path"),
        ("command true; down;", "`withdraw`"),
        ("command true; down metric -1;", "0 to 4294967295"),
        ("command true; down next-hop 192.0.2.1;", "`metric`"),
        ("command true; group \"a b\";", "a name"),
        ("command true; intervall 3;", "did you mean `interval`"),
        (
            "command true; route 198.51.100.1/33 next-hop self;",
            "198.51.100.1/33",
        ),
        ("command true; route 198.51.100.1/32;", "next hop"),
        (
            "command true; route 198.51.100.1/32 next-hop self watchdog a;",
            "no `watchdog`",
        ),
        (
            "command true; route 198.51.100.1/32 next-hop self; route 198.51.100.1/32 next-hop 192.0.2.2;",
            "already",
        ),
        (
            "command true; hold-time 3;",
            "belongs in a `neighbor` section",
        ),
    ] {
        let errors = read(&file(statements)).expect_err(statements);
        assert!(errors.contains(message), "{statements}\n{errors}");
        // A caret shows the place.
        assert!(errors.contains('^'), "{errors}");
    }
    let twice = file(&format!("command true; {ROUTE}")).replace(NEIGHBOR, "");
    let errors = read(&(twice.clone() + &twice + NEIGHBOR)).expect_err("twice");
    assert!(
        errors.contains("the check `web` is already defined"),
        "{errors}"
    );
    let errors =
        read(&format!("check {{ command true; {ROUTE} }}\n{NEIGHBOR}")).expect_err("no name");
    assert!(errors.contains("the check has no name"), "{errors}");
    let errors = read(&format!("check web;\n{NEIGHBOR}")).expect_err("no section");
    assert!(errors.contains("`check` is a section"), "{errors}");
}

#[test]
fn routes_are_judged_with_the_neighbors_of_the_file() {
    for (statements, message) in [
        (
            "route 2001:db8::1/128 next-hop 2001:db8::2;",
            "no neighbor of this check has the family `ipv6 unicast`",
        ),
        (
            "route 198.51.100.1/32 next-hop self; neighbors [ 192.0.2.9 ];",
            "none of the neighbors is selected",
        ),
        (
            "route 198.51.100.1/32 next-hop self; group edge fail-static;",
            "has one check only",
        ),
    ] {
        let (_, warnings) = read(&file(&format!("command true; {statements}"))).expect(statements);
        assert!(warnings.contains(message), "{statements}\n{warnings}");
    }
    let one = file(&format!("command true; {ROUTE}"));
    let other = one
        .replace("check web", "check other")
        .replace(NEIGHBOR, "");
    let (_, warnings) = read(&(other + &one)).expect("two");
    assert!(warnings.contains("another check announces"), "{warnings}");
}

#[cfg(not(feature = "tls"))]
#[test]
fn https_needs_its_feature() {
    let errors = read(&file(&format!("http https://x/; {ROUTE}"))).expect_err("no TLS");
    assert!(errors.contains("feature `tls`"), "{errors}");
}

#[test]
fn changes_of_checks_are_changes_of_a_reload() {
    let parse = |text: &str| read(text).unwrap_or_else(|errors| panic!("{errors}")).0;
    let old = parse(&file(&format!("command true; {ROUTE}")));
    let new = parse(&file(&format!("command false; {ROUTE}")));
    let none = parse(NEIGHBOR);
    let lines = |old: &Config, new: &Config| -> Vec<String> {
        diff(old, new).iter().map(ToString::to_string).collect()
    };
    assert_eq!(lines(&old, &old), Vec::<String>::new());
    assert_eq!(
        lines(&old, &new),
        ["~ check web: goes on with the settings of the new file"]
    );
    assert_eq!(lines(&none, &new), ["+ check web: is begun"]);
    assert_eq!(
        lines(&old, &none),
        ["- check web: is ended, its routes are withdrawn"]
    );
}

#[test]
fn watchdogs_that_every_helper_is_refused_are_warned_of() {
    let text = |guards: [&str; 2], routes: &str| {
        let [first, second] = guards;
        format!(
            "process first {{ run /bin/cat; encoder json; {first} }}\n\
             process second {{ run /bin/cat; encoder json; {second} }}\n\
             neighbor 192.0.2.1 {{ local-address 192.0.2.2; local-as 65001; peer-as 65000; family {{ ipv4 unicast; }} \
             api {{ processes [ first second ]; }} static {{ {routes} }} }}\n"
        )
    };
    let guard = "guard { prefixes [ 198.51.100.0/22 le 32 ]; }";
    let outside = "route 10.0.0.0/8 next-hop self watchdog dns withdraw;";
    let inside = "route 198.51.100.0/24 next-hop self watchdog dns withdraw;";
    let plain = "route 10.0.0.0/8 next-hop self;";
    let warned = |guards, routes: &str| {
        let (_, warnings) = read(&text(guards, routes)).expect("no errors");
        warnings
    };
    let warnings = warned([guard, guard], outside);
    let reason = "no helper may announce this watchdog: `10.0.0.0/8` is not inside an allowed prefix, says the guard of `first`";
    assert!(warnings.contains(reason), "{warnings}");
    for (guards, routes) in [
        ([guard, ""], outside),
        ([guard, guard], inside),
        // The file's own routes are not judged.
        ([guard, guard], plain),
    ] {
        let warnings = warned(guards, routes);
        assert!(!warnings.contains("guard"), "{warnings}");
    }
}
