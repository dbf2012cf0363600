//! The effect of a reload, and machine-readable forms of a configuration.

use std::path::Path;

use oxabgp::config::{Config, ConfigChange, Env, Secrets, diff};

fn parse(text: &str) -> Config {
    let variables = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
    let env = Env::read(variables, None).expect("no error").0;
    match Config::parse("test.conf", text, Path::new("/"), &env) {
        Ok((config, _)) => config,
        Err(errors) => panic!("{errors}"),
    }
}

fn neighbor(address: &str, more: &str) -> String {
    format!(
        "neighbor {address} {{ local-address 127.0.0.1; router-id 192.0.2.1; local-as 65000; peer-as 65001; family {{ ipv4 unicast; }} {more} }}\n"
    )
}

fn lines(old: &str, new: &str) -> Vec<String> {
    diff(&parse(old), &parse(new))
        .iter()
        .map(|change| {
            change.to_string().replace(
                " local-ip 127.0.0.1 local-as 65000 peer-as 65001 router-id 192.0.2.1 family-allowed in-open",
                "",
            )
        })
        .collect()
}

#[test]
fn the_same_configuration_changes_nothing() {
    let text = neighbor(
        "127.0.0.2",
        "static { route 10.0.0.0/8 next-hop self; } description \"one\";",
    );
    let moved = neighbor(
        "127.0.0.2",
        "description two; description \"one\"; announce { ipv4 { unicast 10.0.0.0/8 next-hop SELF; } }",
    );
    assert_eq!(lines(&text, &text), Vec::<String>::new());
    assert_eq!(lines(&text, &moved), Vec::<String>::new());
}

#[test]
fn another_notation_of_an_address_is_the_same_neighbor_unless_there_are_several() {
    let at = |address: &str| {
        neighbor(address, "").replace("local-address 127.0.0.1", "local-address 2001:db8::9")
    };
    let lines = |old: &[&str], new: &[&str]| {
        let file = |all: &[&str]| all.iter().map(|one| at(one)).collect::<String>();
        let lines = lines(&file(old), &file(new)).into_iter();
        let name = |line: String| {
            line.replace(
                " local-ip 2001:db8::9 local-as 65000 peer-as 65001 router-id 192.0.2.1 family-allowed in-open",
                "",
            )
        };
        lines.map(name).collect::<Vec<_>>()
    };
    let (short, long, other) = ("2001:db8::1", "2001:0db8:0:0::1", "2001:DB8::1");
    assert_eq!(
        lines(&[short], &[long]),
        [format!(
            "~ neighbor {long}: the session stays\n    - neighbor {short}\n    + neighbor {long}"
        )]
    );
    assert_eq!(
        lines(&[short, long], &[long, other]),
        [
            format!("- neighbor {short}: the session is ended"),
            format!("+ neighbor {other}: the session is started"),
        ]
    );
}

#[test]
fn neighbors_of_the_same_name_are_compared_one_by_one() {
    let at = |port: u16| neighbor("127.0.0.2", &format!("listen {port};"));
    let both = at(1790) + &at(1791);
    assert_eq!(lines(&both, &both), Vec::<String>::new());
    let settings = "    - listen 1791;\n    + listen 1792;";
    assert_eq!(
        lines(&both, &(at(1790) + &at(1792))),
        [format!(
            "~ neighbor 127.0.0.2: the session stays\n{settings}"
        )]
    );
    assert_eq!(
        lines(&both, &at(1790)),
        ["- neighbor 127.0.0.2: the session is ended"]
    );
    assert_eq!(
        lines(&at(1790), &both),
        ["+ neighbor 127.0.0.2: the session is started"]
    );
}

#[test]
fn sessions_are_reset_only_for_what_they_depend_on() {
    let old = neighbor("127.0.0.2", "");
    for (setting, wanted) in [
        ("hold-time 30;", "    - hold-time 180;\n    + hold-time 30;"),
        (
            "md5-password secret;",
            "    + md5-password \"***\";\n    + md5-base64 false;\n    + another key",
        ),
        (
            "capability { route-refresh; }",
            "    - capability: route-refresh disable;\n    + capability: route-refresh enable;",
        ),
        ("family { ipv6 unicast; }", "    + family: ipv6 unicast;"),
    ] {
        assert_eq!(
            lines(&old, &neighbor("127.0.0.2", setting)),
            [format!(
                "! neighbor 127.0.0.2: the session is reset\n{wanted}"
            )],
            "{setting}"
        );
    }
    for (setting, wanted) in [
        (
            "description new;",
            "    - description \"\";\n    + description \"new\";",
        ),
        (
            "manual-eor true;",
            "    - manual-eor false;\n    + manual-eor true;",
        ),
        (
            "rate-limit 5;",
            "    - rate-limit disable;\n    + rate-limit 5;",
        ),
        ("passive;", "    - passive false;\n    + passive true;"),
        (
            "group-updates false;",
            "    - group-updates true;\n    + group-updates false;",
        ),
        (
            "adj-rib-in false;",
            "    - adj-rib-in true;\n    + adj-rib-in false;",
        ),
    ] {
        assert_eq!(
            lines(&old, &neighbor("127.0.0.2", setting)),
            [format!("~ neighbor 127.0.0.2: the session stays\n{wanted}")],
            "{setting}"
        );
    }
}

#[test]
fn routes_come_and_go_by_difference() {
    let old = neighbor(
        "127.0.0.2",
        "static { route 10.0.0.0/8 next-hop self; route 10.1.0.0/16 next-hop self; route 10.2.0.0/16 next-hop self; }",
    );
    let new = neighbor(
        "127.0.0.2",
        "static { route 10.2.0.0/16 next-hop self; route 10.1.0.0/16 next-hop self med 5; route 10.3.0.0/16 next-hop self; route 10.4.0.0/16 next-hop self watchdog dog withdraw; }",
    );
    assert_eq!(
        lines(&old, &new),
        [
            "- neighbor 127.0.0.2: withdraws 10.0.0.0/8 next-hop self",
            "+ neighbor 127.0.0.2: announces 10.1.0.0/16 next-hop self med 5",
            "+ neighbor 127.0.0.2: announces 10.3.0.0/16 next-hop self",
        ]
    );
}

#[test]
fn helpers_and_neighbors_are_added_removed_and_restarted() {
    let old = format!(
        "process a {{ run /bin/cat; encoder json; }}\nprocess b {{ run /bin/cat; encoder json; }}\nprocess c {{ run /bin/cat; encoder json; }}\n{}{}",
        neighbor("127.0.0.2", "api x { processes [ c ]; }"),
        neighbor("127.0.0.3", "")
    );
    let new = format!(
        "process b {{ run /bin/cat -u; encoder json; }}\nprocess c {{ run /bin/cat; encoder json; respawn false; }}\nprocess d {{ run /bin/cat; encoder text; }}\n{}{}",
        neighbor(
            "127.0.0.2",
            "api x { processes [ c d ]; receive { parsed; } }"
        ),
        neighbor("127.0.0.4", "static { route 10.0.0.0/8 next-hop self; }")
    );
    assert_eq!(
        lines(&old, &new),
        [
            "- process a: is ended",
            "! process b: is restarted",
            "~ process c: goes on with the settings of the new file",
            "+ process d: is started",
            "- neighbor 127.0.0.3: the session is ended",
            "~ neighbor 127.0.0.2: the session stays\n    - api x: processes [ c ];\n    + api x: processes [ c d ];\n    + api x: receive: parsed;",
            "+ neighbor 127.0.0.4: the session is started",
            "+ neighbor 127.0.0.4: announces 10.0.0.0/8 next-hop self",
        ]
    );
    let changes = diff(&parse(&old), &parse(&new));
    assert!(changes.contains(&ConfigChange::ProcessRemoved("a".into())));
}

#[test]
fn routes_that_new_limits_do_not_cover_are_mentioned() {
    let process = |more: &str| {
        format!(
            "process a {{ run /bin/cat; encoder json; {more} }}\n{}",
            neighbor("127.0.0.2", "api x { processes [ a ]; }")
        )
    };
    let plain = process("");
    let changed = "~ process a: goes on with the settings of the new file";
    let uncovered = "routes announced before are not covered by `on-death` and `max-routes` until they are announced again";
    let own = format!("~ process a: {uncovered}");
    let operators = format!("~ operators: {uncovered}");
    for more in ["on-death withdraw-after 1;", "guard { max-routes 3; }"] {
        assert_eq!(lines(&plain, &process(more)), [changed, &*own]);
    }
    let counted = process("guard { max-routes 3; }");
    let all = process("guard { max-routes 3; operators; }");
    assert_eq!(lines(&counted, &all), [changed, &*operators]);
    // They are known already.
    let dying = process("on-death withdraw-after 1;");
    assert_eq!(lines(&dying, &counted), [changed]);
    assert_eq!(lines(&counted, &plain), [changed]);
    let state = "state { directory /x; }\n";
    assert_eq!(
        lines(&format!("{state}{plain}"), &format!("{state}{all}")),
        [changed]
    );
}

#[test]
fn a_changed_key_is_reported_without_being_shown() {
    let old = neighbor("127.0.0.2", "md5-password one;");
    let new = neighbor("127.0.0.2", "md5-password two;");
    assert_eq!(
        lines(&old, &new),
        ["! neighbor 127.0.0.2: the session is reset\n    + another key"]
    );
}

#[test]
fn the_json_has_the_words_of_the_file() {
    let text = format!(
        "process a {{ run /bin/cat -u; encoder json; }}\n{}",
        neighbor(
            "127.0.0.2",
            "md5-password secret; description \"a \\\"b\\\"\"; api x { processes [ a ]; receive { parsed; update; } } static { route 10.0.0.0/8 next-hop self med 5; }"
        )
    );
    let json = parse(&text).json(Secrets::Hidden);
    let value: serde_json::Value = serde_json::from_str(&json).expect(&json);
    assert_eq!(value["processes"][0]["run"][1], "-u");
    let neighbor = &value["neighbors"][0];
    assert_eq!(neighbor["peer-address"], "127.0.0.2");
    assert_eq!(neighbor["description"], "a \"b\"");
    assert_eq!(neighbor["md5-password"], "***");
    assert_eq!(neighbor["family"][0], "ipv4 unicast");
    assert_eq!(neighbor["capability"]["asn4"], true);
    assert_eq!(neighbor["api"][0]["receive"][1], "update");
    assert_eq!(
        neighbor["routes"][0]["route"],
        "10.0.0.0/8 next-hop self med 5"
    );
}
