//! How many routes a neighbor may be sent.

use oxabgp::config::{Config, Env};

use super::control::{Client, start_with};
use super::{listener, neighbor, process};
use crate::support::daemon::{Daemon, Lab, wait_for};

/// Sends commands of an operator and compares their answers: `None` for `done`, else a part of the reason.
fn check(client: &mut Client, lines: &[(&str, Option<&str>)]) {
    client.ask("session reasons enable");
    for (line, wanted) in lines {
        let got = client.ask(line);
        match wanted {
            None => assert_eq!(got, "done\n", "{line}"),
            Some(reason) => {
                assert!(
                    got.contains("error") && got.contains(reason),
                    "{line}: {got}"
                );
            }
        }
    }
}

#[test]
fn the_newest_route_over_the_limit_is_refused() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let body = "announce-limit { ipv4 unicast 2; total 3; warn-at 100%; }";
    let daemon = start_with(&lab, &neighbor(port, body));
    let mut client = Client::new(&lab);
    let over = Some("may be sent no more than 2 routes of ipv4 unicast");
    check(
        &mut client,
        &[
            ("announce route 10.0.0.0/8 next-hop 192.0.2.1", None),
            ("announce route 11.0.0.0/8 next-hop 192.0.2.1", None),
            ("announce route 12.0.0.0/8 next-hop 192.0.2.1", over),
            // Another version of a route that it has.
            ("announce route 11.0.0.0/8 next-hop 192.0.2.1 med 5", None),
            ("announce route 2001:db8:1::/48 next-hop 2001:db8::1", None),
            (
                "announce route 2001:db8:2::/48 next-hop 2001:db8::1",
                Some("may be sent no more than 3 routes"),
            ),
            ("withdraw route 13.0.0.0/8", None),
            ("withdraw route 10.0.0.0/8", None),
            ("announce route 12.0.0.0/8 next-hop 192.0.2.1", None),
            ("announce route 13.0.0.0/8 next-hop 192.0.2.1", over),
        ],
    );
    daemon.logged("`announce-limit` is nearly reached");
    // Clearing makes room at once.
    check(
        &mut client,
        &[
            ("clear adj-rib out", None),
            ("announce route 13.0.0.0/8 next-hop 192.0.2.1", None),
            ("announce route 14.0.0.0/8 next-hop 192.0.2.1", None),
            ("announce route 15.0.0.0/8 next-hop 192.0.2.1", over),
        ],
    );
}

#[test]
fn a_batch_is_judged_by_what_it_leaves() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, "announce-limit { total 2; }"));
    let mut client = Client::new(&lab);
    for (lines, wanted) in [
        (
            &[
                "announce route 10.0.0.0/8 next-hop 192.0.2.1",
                "announce route 11.0.0.0/8 next-hop 192.0.2.1",
            ][..],
            "done",
        ),
        (
            &[
                "announce route 12.0.0.0/8 next-hop 192.0.2.1",
                "withdraw route 10.0.0.0/8",
            ],
            "done",
        ),
        (
            &[
                "withdraw route 11.0.0.0/8",
                "announce route 13.0.0.0/8 next-hop 192.0.2.1",
                "announce route 14.0.0.0/8 next-hop 192.0.2.1",
            ],
            "error",
        ),
    ] {
        client.ask("begin");
        for line in lines {
            client.ask(line);
        }
        let got = client.ask("commit");
        assert!(got.contains(wanted), "{got}");
    }
    let routes = client.ask("show adj-rib out");
    assert!(
        routes.contains("11.0.0.0/8") && routes.contains("12.0.0.0/8"),
        "{routes}"
    );
    assert!(!routes.contains("13.0.0.0/8"), "{routes}");
}

#[test]
fn paths_of_a_prefix_count_once_unless_the_peer_gets_them_all() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, "announce-limit { total 2; }"));
    check(
        &mut Client::new(&lab),
        &[
            (
                "announce route 10.0.0.0/8 next-hop 192.0.2.1 path-information 0.0.0.1",
                None,
            ),
            (
                "announce route 10.0.0.0/8 next-hop 192.0.2.1 path-information 0.0.0.2",
                None,
            ),
            (
                "announce route 10.0.0.0/8 next-hop 192.0.2.1 path-information 0.0.0.3",
                None,
            ),
            ("announce route 11.0.0.0/8 next-hop 192.0.2.1", None),
            (
                "announce route 12.0.0.0/8 next-hop 192.0.2.1",
                Some("no more than 2"),
            ),
            // One path is left, the prefix counts as before.
            ("withdraw route 10.0.0.0/8 path-information 0.0.0.1", None),
            ("withdraw route 10.0.0.0/8 path-information 0.0.0.2", None),
            (
                "announce route 12.0.0.0/8 next-hop 192.0.2.1",
                Some("no more than 2"),
            ),
            ("withdraw route 10.0.0.0/8 path-information 0.0.0.3", None),
            ("announce route 12.0.0.0/8 next-hop 192.0.2.1", None),
        ],
    );
    let lab = Lab::new();
    let body = "capability { add-path send; } announce-limit { total 2; }";
    let _daemon = start_with(&lab, &neighbor(port, body));
    check(
        &mut Client::new(&lab),
        &[
            (
                "announce route 10.0.0.0/8 next-hop 192.0.2.1 path-information 0.0.0.1",
                None,
            ),
            (
                "announce route 10.0.0.0/8 next-hop 192.0.2.1 path-information 0.0.0.2",
                None,
            ),
            (
                "announce route 10.0.0.0/8 next-hop 192.0.2.1 path-information 0.0.0.3",
                Some("no more than 2"),
            ),
        ],
    );
}

#[test]
fn configured_routes_and_those_of_helpers_count_together() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let text = |routes: &str| {
        let body = format!("announce-limit {{ total 3; }} static {{ {routes} }}");
        neighbor(port, &body)
    };
    let watchdog = "route 14.0.0.0/8 next-hop 192.0.2.1 watchdog dog withdraw;";
    let first = format!("route 10.0.0.0/8 next-hop 192.0.2.1; {watchdog}");
    let daemon = start_with(&lab, &text(&first));
    let mut client = Client::new(&lab);
    check(
        &mut client,
        &[
            ("announce route 11.0.0.0/8 next-hop 192.0.2.1", None),
            ("announce route 12.0.0.0/8 next-hop 192.0.2.1", None),
            (
                "announce route 13.0.0.0/8 next-hop 192.0.2.1",
                Some("no more than 3"),
            ),
            ("announce watchdog dog", Some("no more than 3")),
        ],
    );
    // Two more by a reload: what is withdrawn makes room for one.
    let second = "route 15.0.0.0/8 next-hop 192.0.2.1; route 16.0.0.0/8 next-hop 192.0.2.1;";
    lab.write("oxabgp.conf", &text(second));
    daemon.signal("USR1");
    daemon.logged("the configuration is reloaded");
    daemon.logged("the route is not announced: `16.0.0.0/8`");
    let routes = client.ask("show adj-rib out");
    for (prefix, wanted) in [
        ("10.", false),
        ("11.", true),
        ("12.", true),
        ("15.", true),
        ("16.", false),
    ] {
        assert_eq!(
            routes.contains(&format!("{prefix}0.0.0/8")),
            wanted,
            "{prefix} {routes}"
        );
    }
}

#[test]
fn a_watchdog_over_the_limit_is_refused_as_a_whole() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let routes = "route 10.0.0.0/8 next-hop 192.0.2.1 watchdog dog withdraw; \
                  route 11.0.0.0/8 next-hop 192.0.2.1 watchdog dog withdraw;";
    let body = format!("announce-limit {{ total 2; }} static {{ {routes} }}");
    let _daemon = start_with(&lab, &neighbor(port, &body));
    let mut client = Client::new(&lab);
    let over = Some("may be sent no more than 2 routes");
    let other = "announce route 12.0.0.0/8 next-hop 192.0.2.1";
    check(
        &mut client,
        &[(other, None), ("announce watchdog dog", over)],
    );
    let shown = client.ask("show adj-rib out");
    assert!(
        shown.contains("12.0.0.0/8") && !shown.contains("10.0.0.0/8"),
        "{shown}"
    );
    // In a batch the command acts at once, and its error fails the batch; a group fails with it.
    for (lines, wanted) in [
        (&["begin", "announce watchdog dog"][..], over),
        (&["commit"], Some("nothing of the batch was applied")),
        (
            &["group withdraw watchdog dog ; announce watchdog dog"],
            over,
        ),
        (&["withdraw watchdog dog"], None),
        (
            &["withdraw route 12.0.0.0/8", "announce watchdog dog"],
            None,
        ),
        (&[other], over),
    ] {
        let (last, first) = lines.split_last().expect("a line");
        first.iter().for_each(|line| drop(client.ask(line)));
        check(&mut client, &[(last, wanted)]);
    }
    let shown = client.ask("show adj-rib out");
    assert!(
        shown.contains("10.0.0.0/8") && shown.contains("11.0.0.0/8"),
        "{shown}"
    );
}

#[test]
fn a_watchdog_route_that_was_refused_at_the_start_is_announced_by_the_next_command() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let text = |routes: &str| {
        let body = format!("announce-limit {{ total 1; }} static {{ {routes} }}");
        neighbor(port, &body)
    };
    let daemon = start_with(&lab, &text(""));
    let mut client = Client::new(&lab);
    check(
        &mut client,
        &[("announce route 12.0.0.0/8 next-hop 192.0.2.1", None)],
    );
    lab.write(
        "oxabgp.conf",
        &text("route 10.0.0.0/8 next-hop 192.0.2.1 watchdog dog;"),
    );
    daemon.signal("USR1");
    daemon.logged("the route is not announced: `10.0.0.0/8`");
    check(
        &mut client,
        &[
            ("announce watchdog dog", Some("no more than 1")),
            ("withdraw route 12.0.0.0/8", None),
            ("announce watchdog dog", None),
        ],
    );
    let shown = client.ask("show adj-rib out");
    assert!(shown.contains("10.0.0.0/8"), "{shown}");
}

#[test]
fn a_refused_route_of_the_file_is_judged_again_by_each_reload() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let text = |routes: &str| {
        let body = format!("announce-limit {{ total 2; }} static {{ {routes} }}");
        neighbor(port, &body)
    };
    let daemon = start_with(&lab, &text(""));
    let mut client = Client::new(&lab);
    check(
        &mut client,
        &[
            ("announce route 11.0.0.0/8 next-hop 192.0.2.1", None),
            ("announce route 12.0.0.0/8 next-hop 192.0.2.1", None),
        ],
    );
    lab.write(
        "oxabgp.conf",
        &text("route 15.0.0.0/8 next-hop 192.0.2.1; route 12.0.0.0/8 next-hop 192.0.2.1 med 5;"),
    );
    let reload = |count: usize, refused: usize| {
        daemon.signal("USR1");
        let log = wait_for("the reload", || {
            let log = daemon.log();
            (log.matches("the configuration is reloaded").count() == count).then_some(log)
        });
        let refusals = log.matches("the route is not announced: `15.0.0.0/8`");
        assert_eq!(refusals.count(), refused, "{log}");
    };
    reload(1, 1);
    reload(2, 2);
    check(&mut client, &[("withdraw route 11.0.0.0/8", None)]);
    reload(3, 2);
    let shown = client.ask("show adj-rib out extensive");
    assert!(
        shown.contains("15.0.0.0/8") && !shown.contains("11.0.0.0/8"),
        "{shown}"
    );
    // That of the command stays, as without a limit.
    assert!(!shown.contains("med 5"), "{shown}");
    check(
        &mut client,
        &[(
            "announce route 11.0.0.0/8 next-hop 192.0.2.1",
            Some("no more than 2"),
        )],
    );
}

#[test]
fn a_file_over_its_own_limit_is_refused() {
    let parse = |text: &str| {
        Config::parse("a.conf", text, std::path::Path::new("."), &Env::default())
            .map(|(config, warnings)| (config, warnings.lines().collect::<Vec<_>>()))
            .map_err(|errors| errors.lines().collect::<Vec<_>>())
    };
    let template = "template { neighbor t {\nannounce-limit { ipv4 unicast 2; warn-at 80%; } } }\n";
    let routes = "static { route 10.0.0.0/8 next-hop 1.1.1.1;\nroute 10.0.0.0/8 next-hop 1.1.1.2;\nroute 11.0.0.0/8 next-hop 1.1.1.1;\nroute 12.0.0.0/8 next-hop 1.1.1.1; }";
    let text = template.to_owned() + &neighbor(1790, &format!("inherit t;\n{routes}"));
    let errors = parse(&text).expect_err("an error");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].contains(":11:1: error: `12.0.0.0/8 ")
            || errors[0].contains("`12.0.0.0/8` exceeds `announce-limit`: ipv4 unicast 2"),
        "{errors:?}"
    );
    // The neighbor's own value replaces that of the template, family by family.
    let own = template.to_owned()
        + &neighbor(
            1790,
            &format!("inherit t; announce-limit {{ ipv4 unicast 3; total 9; }}\n{routes}"),
        );
    let (config, warnings) = parse(&own).expect("no error");
    assert!(warnings.is_empty(), "{warnings:?}");
    let limit = config.neighbors[0]
        .announce_limit
        .as_ref()
        .expect("a limit");
    assert_eq!(
        limit.to_string(),
        "announce-limit {\n  ipv4 unicast 3;\n  total 9;\n  warn-at 80%;\n}"
    );
    for (body, wanted) in [
        (
            "announce-limit { total many; }",
            "a number of routes, 0 to 4294967295",
        ),
        (
            "announce-limit { warn-at 0%; }",
            "a percentage such as `80%`",
        ),
        ("announce-limit { ipv4 unicast; }", "a number of routes"),
        ("announce-limit { ipv5 unicast 3; }", "an address family"),
        (
            "announce-limit { ipv4 unicat 3; }",
            "did you mean `unicast`?",
        ),
        ("announce-limit 3;", "write `announce-limit { … }`"),
        ("announce-limit { warn-at 80%; }", "limits nothing"),
        (
            "adj-rib-out false; announce-limit { total 3; }",
            "has no effect without `adj-rib-out`",
        ),
    ] {
        let lines = match parse(&neighbor(1790, body)) {
            Ok((_, warnings)) => warnings,
            Err(errors) => errors,
        };
        assert!(
            lines.iter().any(|line| line.contains(wanted)),
            "{body}: {lines:?}"
        );
    }
}

#[test]
fn a_guard_may_be_for_operators_too() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let guard = |rest: &str| {
        process(&lab, "helper", "exec sleep 1000").replace(
            "encoder json;",
            &format!("encoder json; guard {{ prefixes [ 10.0.0.0/8 le 32 ]; max-routes 2; warn-at 50%; {rest} }}"),
        ) + &neighbor(port, "api { processes [ helper ]; }")
    };
    let daemon = start_with(&lab, &guard("operators;"));
    check(
        &mut Client::new(&lab),
        &[
            ("announce route 10.1.0.0/16 next-hop self", None),
            (
                "announce route 11.0.0.0/8 next-hop self",
                Some("not inside an allowed prefix"),
            ),
            ("announce route 10.2.0.0/16 next-hop self", None),
            (
                "announce route 10.3.0.0/16 next-hop self",
                Some("no more than 2 routes"),
            ),
        ],
    );
    daemon.logged("`max-routes` is nearly reached");
    assert_eq!(
        daemon
            .log()
            .matches("`max-routes` is nearly reached")
            .count(),
        1
    );
    daemon.stop();
    let lab = Lab::new();
    let _daemon: Daemon = start_with(&lab, &guard(""));
    check(
        &mut Client::new(&lab),
        &[("announce route 11.0.0.0/8 next-hop self", None)],
    );
}

/// 203.0.113.0/24 in an attribute of another route.
const HIDDEN: &str = "attribute [ 0x0e 0x80 0x00010104010101010018CB0071 ]";
const WHY: Option<&str> = Some("the attribute 14 would announce or withdraw other routes");

#[test]
fn routes_in_an_attribute_are_refused_where_routes_are_counted() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let limited = neighbor(port, "announce-limit { total 5; }");
    let free = neighbor(port, "").replace("127.0.0.1 {", "127.0.0.2 {");
    let daemon = start_with(&lab, &(limited + &free));
    let route = format!("route 10.0.0.0/8 next-hop 192.0.2.1 {HIDDEN}");
    let unreach = "route 10.0.0.0/8 next-hop 192.0.2.1 attribute [ 0x0f 0x80 0x00010118CB0071 ]";
    check(
        &mut Client::new(&lab),
        &[
            (&format!("announce {route}"), WHY),
            (
                &format!("neighbor 127.0.0.1 announce {unreach}"),
                Some("the attribute 15 would"),
            ),
            (&format!("set edge put web {route}"), WHY),
            (&format!("withdraw {route}"), None),
            // As with ExaBGP, where there is no limit.
            (&format!("neighbor 127.0.0.2 announce {route}"), None),
            // What was hidden would stay when the lifetime ends, or when the set loses the route.
            (
                &format!("neighbor 127.0.0.2 announce {route} lifetime 1h"),
                WHY,
            ),
            (&format!("neighbor 127.0.0.2 set edge put web {route}"), WHY),
        ],
    );
    drop(daemon);
}

#[test]
fn routes_in_an_attribute_are_refused_where_routes_are_remembered() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let directory = lab.path("state");
    let state = format!("state {{ directory {}; }}\n", directory.display());
    let _daemon = start_with(&lab, &(state + &neighbor(port, "")));
    let route = format!("announce route 10.0.0.0/8 next-hop 192.0.2.1 {HIDDEN}");
    check(&mut Client::new(&lab), &[(&route, WHY)]);
}

#[test]
fn routes_of_a_file_in_an_attribute_are_refused_where_routes_are_counted() {
    let parse = |body: &str| {
        let text = neighbor(1790, body);
        Config::parse("a.conf", &text, std::path::Path::new("."), &Env::default())
            .map(drop)
            .map_err(|errors| errors.lines().collect::<Vec<_>>())
    };
    let routes = format!(
        "static {{ route 10.0.0.0/8 next-hop 1.1.1.1 {HIDDEN};\nroute 11.0.0.0/8 next-hop 1.1.1.1 {HIDDEN}; }}"
    );
    parse(&routes).expect("as with ExaBGP");
    let errors = parse(&format!("announce-limit {{ total 9; }}\n{routes}")).expect_err("an error");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].contains("the routes of the attribute 14 are not counted by `announce-limit`"),
        "{errors:?}"
    );
}
