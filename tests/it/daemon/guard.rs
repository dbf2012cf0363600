//! What a helper may announce.

use std::time::{Duration, Instant};

use super::control::{Client, start_with};
use super::{listener, neighbor, process};
use crate::support::daemon::{Daemon, Lab, wait_for};

/// The answers of a daemon to the lines of a guarded helper, and its log.
fn answers(guard: &str, lines: &[&str]) -> (Vec<String>, String) {
    answers_of(guard, lines, lines.len())
}

/// The same for lines of which only so many are answered.
fn answers_of(guard: &str, lines: &[&str], count: usize) -> (Vec<String>, String) {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let all: String = lines
        .iter()
        .map(|line| format!("echo '{line}'\n"))
        .collect();
    let script = format!(
        "exec 3<&0\ncat <&3 > {} &\necho 'session reasons enable'\n{all}wait",
        lab.path("answers").display()
    );
    let configuration = process(&lab, "helper", &script).replace(
        "encoder json;",
        &format!("encoder json; guard {{ {guard} }}"),
    ) + &neighbor(
        port,
        "family { ipv4 unicast; ipv6 unicast; ipv4 flow; } api { processes [ helper ]; }",
    )
    .replacen("family { ipv4 unicast; ipv6 unicast; }\n", "", 1);
    let daemon = Daemon::start(&lab, &configuration);
    let answer = |line: &String| {
        let word = line.split(' ').next().unwrap_or_default();
        let is_whole = word == line || line.starts_with("done added");
        (is_whole && matches!(word, "done" | "error")).then(|| word.to_owned())
    };
    let got = lab.lines("answers", |got| {
        got.iter().filter_map(answer).count() > count
    });
    let got: Vec<String> = got.iter().filter_map(answer).skip(1).collect();
    (got, daemon.log())
}

fn check(guard: &str, lines: &[(&str, &str)]) {
    let commands: Vec<&str> = lines.iter().map(|(line, _)| *line).collect();
    let (got, log) = answers(guard, &commands);
    let wanted: Vec<&str> = lines.iter().map(|(_, wanted)| *wanted).collect();
    assert_eq!(got, wanted, "{log}");
}

#[test]
fn routes_must_be_inside() {
    check(
        "prefixes [ 198.51.100.0/22 le 32 2001:db8::/32 ge 48 ];",
        &[
            ("announce route 198.51.101.0/24 next-hop self", "done"),
            ("announce route 198.51.100.0/22 next-hop self", "done"),
            ("announce route 0.0.0.0/0 next-hop self", "error"),
            ("announce route 198.51.96.0/21 next-hop self", "error"),
            (
                "announce route 2001:db8:1::/48 next-hop 2001:db8::1",
                "done",
            ),
            ("announce route 2001:db8::/32 next-hop 2001:db8::1", "error"),
            // What is not allowed may be withdrawn.
            ("withdraw route 0.0.0.0/0", "done"),
            (
                "announce flow route destination 198.51.100.7/32 discard",
                "done",
            ),
            (
                "announce flow route destination 192.0.2.7/32 discard",
                "error",
            ),
            (
                "announce flow route source 198.51.100.7/32 discard",
                "error",
            ),
            ("announce flow route destination 0.0.0.0/0 discard", "error"),
        ],
    );
}

#[test]
fn a_watchdog_is_judged_as_the_routes_that_it_announces() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let script = format!(
        "exec 3<&0\ncat <&3 > {} &\necho 'session reasons enable'\n\
         for name in outside inside outside; do echo \"announce watchdog $name\"; done\n\
         echo 'withdraw watchdog outside'\nwait",
        lab.path("answers").display()
    );
    let guard = "encoder json; guard { prefixes [ 198.51.100.0/22 le 32 ]; }";
    let routes = "api { processes [ helper ]; } static { \
                  route 198.51.101.0/24 next-hop 192.0.2.1 watchdog inside withdraw; \
                  route 203.0.113.0/24 next-hop 192.0.2.1 watchdog outside withdraw; }";
    let configuration =
        process(&lab, "helper", &script).replace("encoder json;", guard) + &neighbor(port, routes);
    let _daemon = Daemon::start(&lab, &configuration);
    let is_answer = |line: &&String| matches!(line.as_str(), "done" | "error");
    let got = lab.lines("answers", |got| got.iter().filter(is_answer).count() == 5);
    let got: Vec<&String> = got.iter().filter(is_answer).collect();
    assert_eq!(got, ["done", "error", "done", "error", "done"]);
}

#[test]
fn families_communities_and_actions_are_judged() {
    check(
        "families [ ipv4 unicast ipv4 flow ]; actions [ discard rate-limit ];",
        &[
            ("announce route 2001:db8::/32 next-hop 2001:db8::1", "error"),
            (
                "announce flow route destination 192.0.2.7/32 discard",
                "done",
            ),
            (
                "announce flow route destination 192.0.2.8/32 rate-limit 9600",
                "done",
            ),
            (
                "announce flow route destination 192.0.2.9/32 redirect 65000:1",
                "error",
            ),
        ],
    );
    check(
        "communities require [ 65535:666 65000:1:2 ];",
        &[
            ("announce route 192.0.2.1/32 next-hop self", "error"),
            (
                "announce route 192.0.2.1/32 next-hop self community 65535:666",
                "error",
            ),
            (
                "announce route 192.0.2.1/32 next-hop self community 65535:666 large-community 65000:1:2",
                "done",
            ),
        ],
    );
}

#[test]
fn the_newest_route_over_the_limit_is_refused() {
    check(
        "max-routes 2;",
        &[
            ("announce route 10.0.0.0/8 next-hop self", "done"),
            ("announce route 11.0.0.0/8 next-hop self", "done"),
            ("announce route 12.0.0.0/8 next-hop self", "error"),
            // Another version of a route that it has.
            ("announce route 11.0.0.0/8 next-hop self med 5", "done"),
            ("withdraw route 10.0.0.0/8", "done"),
            ("announce route 12.0.0.0/8 next-hop self", "done"),
            ("announce route 13.0.0.0/8 next-hop self", "error"),
        ],
    );
}

#[test]
fn the_rate_is_limited_but_not_that_of_withdrawals() {
    let begin = Instant::now();
    let news: Vec<String> = (0..40)
        .map(|med| format!("announce route 10.0.0.0/8 next-hop self med {med}"))
        .collect();
    let mut lines: Vec<&str> = news.iter().map(String::as_str).collect();
    lines.extend(["withdraw route 10.0.0.0/8"; 20]);
    let (got, log) = answers("max-rate 5;", &lines);
    let took = begin.elapsed();
    let done = got[..40].iter().filter(|answer| *answer == "done").count();
    assert!(done >= 10, "{log}");
    // On a machine so slow that the rate is not reached, nothing is refused.
    assert!(done < 40 || took > Duration::from_secs(5), "{log}");
    assert!(got[40..].iter().all(|answer| answer == "done"));
}

#[test]
fn to_announce_again_does_not_count_for_the_rate() {
    let begin = Instant::now();
    // The neighbor does not have all families.
    let first = "announce route 10.0.0.0/8 next-hop self lifetime 1h";
    let mut lines = vec![first, "announce ipv4 multicast 10.0.0.0/8 next-hop self"];
    for _ in 0..40 {
        lines.extend([first, "announce route 10.0.0.0/8 next-hop self"]);
    }
    // More than ten with the first one.
    let news: Vec<String> = (1..30)
        .map(|number| format!("announce route 10.{number}.0.0/16 next-hop self"))
        .collect();
    lines.extend(news.iter().map(String::as_str));
    lines.extend([first; 20]);
    let (got, log) = answers("max-rate 5;", &lines);
    let is_slow = begin.elapsed() > Duration::from_secs(5);
    let refused = |part: &[String]| part.iter().filter(|answer| *answer == "error").count();
    assert_eq!(refused(&got[..82]), 0, "{log}");
    assert!(refused(&got[82..111]) > 0 || is_slow, "{log}");
    assert_eq!(refused(&got[111..]), 0, "{log}");
}

#[test]
fn a_set_with_more_routes_than_the_rate_ever_allows_is_applied_when_nothing_came_before() {
    let routes: Vec<String> = (0..120)
        .map(|number| format!("route 10.{number}.0.0/16 next-hop self"))
        .collect();
    let attributes = "announce attributes next-hop self nlri 11.0.0.0/16 11.1.0.0/16";
    let mut lines = vec!["set edge replace revision 1"];
    lines.extend(routes.iter().map(String::as_str));
    lines.extend(["set edge end", attributes]);
    // The set is admitted, and what comes at once after it waits.
    let (got, log) = answers_of("max-rate 2;", &lines, 3);
    assert_eq!(got, ["done", "done", "error"], "{log}");
    assert!(
        log.contains("more than 2 announcements a second: 2 at once are possible in "),
        "{log}"
    );
}

#[test]
fn a_batch_is_refused_as_a_whole_and_reasons_are_counted() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let script = format!(
        "exec 3<&0\ncat <&3 > {} &\necho 'session reasons enable'\necho begin\n\
         echo 'announce route 10.0.0.0/8 next-hop self'\necho 'announce route 0.0.0.0/0 next-hop self'\necho commit\nwait",
        lab.path("answers").display()
    );
    let socket = lab.path("metrics.sock");
    let configuration = format!("metrics {{ listen unix {}; }}\n", socket.display())
        + &process(&lab, "helper", &script).replace(
            "encoder json;",
            "encoder json; guard { prefixes [ 10.0.0.0/8 ]; }",
        )
        + &neighbor(port, "api { processes [ helper ]; }");
    let daemon = Daemon::start(&lab, &configuration);
    let got = lab.lines("answers", |got| {
        got.last().is_some_and(|line| line == "error")
    });
    assert!(
        got.iter()
            .any(|line| line.contains("`0.0.0.0/0") && line.contains("not inside")),
        "{got:?}"
    );
    let text = wait_for("the series", || {
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).ok()?;
        let mut text = String::new();
        std::io::Write::write_all(&mut stream, b"GET /metrics HTTP/1.0\r\n\r\n").ok()?;
        std::io::Read::read_to_string(&mut stream, &mut text).ok()?;
        Some(text)
    });
    assert!(
        text.contains("oxabgp_guard_rejections_total{process=\"helper\",reason=\"prefix\"} 1"),
        "{text}"
    );
    assert!(
        text.contains(
            "oxabgp_routes{peer=\"127.0.0.1\",direction=\"out\",family=\"ipv4 unicast\"} 0"
        ),
        "{text}"
    );
    assert!(daemon.log().contains("the command is refused"));
}

#[test]
fn lifetimes_have_a_default_and_a_limit() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let script = "echo 'announce route 10.0.0.0/8 next-hop self'\necho 'announce route 11.0.0.0/8 next-hop self lifetime 1h'\ncat > /dev/null";
    let configuration = process(&lab, "helper", script).replace(
        "encoder json;",
        "encoder json; guard { lifetime 1s max 2s; }",
    ) + &neighbor(port, "api { processes [ helper ]; }");
    let daemon = Daemon::start(&lab, &configuration);
    daemon.logged("leases have ended process=helper routes=1 first=10.0.0.0/8");
    daemon.logged("leases have ended process=helper routes=1 first=11.0.0.0/8");
}

#[test]
fn a_lifetime_has_a_limit_without_a_default_and_for_sets() {
    for (guard, lines) in [
        (
            "lifetime max 1s;",
            &[
                (
                    "announce route 10.0.0.0/8 next-hop self",
                    "process=helper routes=1 first=10.0.0.0/8",
                ),
                (
                    "set keys put a route 11.0.0.0/8 next-hop self",
                    "process=set keys a routes=1 first=11.0.0.0/8",
                ),
            ][..],
        ),
        (
            "lifetime 1s;",
            &[(
                "set keys put a route 11.0.0.0/8 next-hop self",
                "process=set keys a routes=1 first=11.0.0.0/8",
            )],
        ),
    ] {
        let lab = Lab::new();
        let (_listener, port) = listener();
        let commands: String = lines
            .iter()
            .map(|(line, _)| format!("echo '{line}'\n"))
            .collect();
        let guard = format!("encoder json; guard {{ {guard} }}");
        let configuration = process(&lab, "helper", &(commands + "cat > /dev/null"))
            .replace("encoder json;", &guard)
            + &neighbor(port, "api { processes [ helper ]; }");
        let daemon = Daemon::start(&lab, &configuration);
        for (_, logged) in lines {
            daemon.logged(&format!("leases have ended {logged}"));
        }
    }
}

#[test]
fn attributes_that_carry_other_routes_or_actions_are_refused() {
    check(
        "prefixes [ 10.0.0.0/8 le 32 ]; actions [ discard ];",
        &[
            (
                "announce route 10.5.0.0/16 next-hop self attribute [ 0x0e 0x80 0x00010104010101010018CB0071 ]",
                "error",
            ),
            (
                "announce route 10.5.0.0/16 next-hop self attribute [ 0x0f 0x80 0x00010118CB0071 ]",
                "error",
            ),
            (
                "announce route 10.5.0.0/16 next-hop self attribute [ 0x63 0xc0 0x00 ]",
                "done",
            ),
            (
                "announce flow route destination 10.0.0.1/32 discard",
                "done",
            ),
            (
                "announce flow route destination 10.0.0.1/32 discard redirect-to-nexthop-ietf 2001:db8::1",
                "error",
            ),
            (
                "announce flow route destination 10.0.0.1/32 discard redirect [2001:db8::1]:5",
                "error",
            ),
            (
                "announce flow route destination 10.0.0.1/32 discard attribute [ 0x19 0xC0 0x000C20010db80000000000000000000000010000 ]",
                "error",
            ),
            // FlowSpec Redirect to indirection-id, an interface set (FlowSpec), a type that is not assigned.
            (
                "announce flow route destination 10.0.0.1/32 extended-community [ 0x8006000000000000 0x0900000000000001 ]",
                "error",
            ),
            (
                "announce flow route destination 10.0.0.1/32 extended-community [ 0x8006000000000000 0x0702fde800000001 ]",
                "error",
            ),
            (
                "announce flow route destination 10.0.0.1/32 extended-community [ 0x8006000000000000 0x3500000000000001 ]",
                "error",
            ),
            // A route target, and a color.
            (
                "announce flow route destination 10.0.0.1/32 extended-community [ 0x8006000000000000 0x0002fde800000001 0x030b000000000001 ]",
                "done",
            ),
            (
                "announce flow route destination 10.0.0.1/32 discard attribute [ 0x10 0xC0 0x8008fde800000001 ]",
                "error",
            ),
        ],
    );
}

#[test]
fn the_limit_of_routes_counts_those_of_sets() {
    let put = |key: &str| format!("set keys put {key} route 10.{key}.0.0/16 next-hop self");
    let puts = [put("1"), put("2"), put("3"), put("4")];
    check(
        "max-routes 3;",
        &[
            (puts[0].as_str(), "done"),
            (puts[1].as_str(), "done"),
            ("announce route 10.9.0.0/16 next-hop self", "done"),
            (puts[2].as_str(), "error"),
            ("announce route 10.8.0.0/16 next-hop self", "error"),
            // What it has already is not another route.
            (puts[1].as_str(), "done"),
            ("set keys put 9 route 10.9.0.0/16 next-hop self", "done"),
            ("set keys delete 1", "done"),
            (puts[3].as_str(), "done"),
            (puts[2].as_str(), "error"),
        ],
    );
}

#[test]
fn the_limit_of_routes_counts_a_route_once_for_all_neighbors() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let mut commands = String::new();
    for line in [
        "neighbor 127.0.0.1 announce route 10.1.0.0/16 next-hop 192.0.2.1",
        "neighbor 127.0.0.2 announce route 10.1.0.0/16 next-hop 192.0.2.1 med 5",
        "neighbor 127.0.0.1 announce route 10.2.0.0/16 next-hop 192.0.2.1",
        "neighbor 127.0.0.2 announce route 10.2.0.0/16 next-hop 192.0.2.1",
        "announce route 10.3.0.0/16 next-hop 192.0.2.1",
        // A withdrawal for one neighbor makes no room for another route.
        "begin",
        "neighbor 127.0.0.1 withdraw route 10.1.0.0/16",
        "announce route 10.3.0.0/16 next-hop 192.0.2.1",
        "commit",
    ] {
        commands += &format!("echo '{line}'\n");
    }
    let script = format!(
        "exec 3<&0\ncat <&3 > {} &\n{commands}wait",
        lab.path("answers").display()
    );
    let api = "api { processes [ helper ]; }";
    let configuration = process(&lab, "helper", &script)
        .replace("encoder json;", "encoder json; guard { max-routes 2; }")
        + &neighbor(port, api)
        + &neighbor(port, api).replacen("127.0.0.1", "127.0.0.2", 1);
    let _daemon = Daemon::start(&lab, &configuration);
    let is_answer = |line: &&String| matches!(line.as_str(), "done" | "error");
    let got = lab.lines("answers", |got| got.iter().filter(is_answer).count() == 7);
    let got: Vec<&String> = got.iter().filter(is_answer).collect();
    assert_eq!(
        got,
        ["done", "done", "done", "done", "error", "done", "error"]
    );
}

#[test]
fn limits_that_come_by_a_reload_say_what_they_do_not_cover() {
    const UNCOVERED: &str = "routes announced before are not covered by `on-death` and `max-routes` until they are announced again";
    for is_kept in [false, true] {
        let lab = Lab::new();
        let (_listener, port) = listener();
        let state = match is_kept {
            true => format!("state {{ directory {}; }}\n", lab.path("state").display()),
            false => String::new(),
        };
        let text = |more: &str| {
            let helper = process(&lab, "helper", "while read -r line; do :; done");
            let helper = helper.replace("encoder json;", &format!("encoder json; {more}"));
            state.clone() + &helper + &neighbor(port, "api { processes [ helper ]; }")
        };
        let daemon = start_with(&lab, &text(""));
        let mut client = Client::new(&lab);
        lab.write("oxabgp.conf", &text("guard { max-routes 3; }"));
        let preview = client.ask("reload preview");
        assert_eq!(preview.contains(UNCOVERED), !is_kept, "{preview}");
        client.ask("reload");
        let log = daemon.logged("the configuration is reloaded");
        let line = format!("{UNCOVERED} process=helper");
        assert_eq!(log.contains(&line), !is_kept, "{log}");
    }
}

#[test]
fn what_is_refused_takes_nothing_off_the_rate() {
    let route = |at: u32| {
        format!(
            "route 10.{}.{}.0/24 next-hop 192.0.2.1\n",
            at >> 8,
            at & 0xFF
        )
    };
    let set = |count: u32| {
        let routes: String = (0..count).map(route).collect();
        format!("set edge replace revision 1\n{routes}set edge end")
    };
    let scripts = Lab::new();
    let guard = |name: &str, rate: u32| {
        let guard = format!("encoder json; guard {{ max-rate {rate}; operators; }}");
        process(&scripts, name, "exec sleep 1000").replace("encoder json;", &guard)
    };
    let refused = |client: &mut Client, count: u32, reason: &str| {
        client.ask("session reasons enable");
        let got = client.ask(&set(count));
        assert!(got.contains(reason), "{got}");
    };
    // By the limit of a neighbor.
    let lab = Lab::new();
    let (_listener, port) = listener();
    let limited = neighbor(port, "announce-limit { total 100; }");
    let _daemon = start_with(&lab, &(guard("first", 50) + &limited));
    let mut client = Client::new(&lab);
    refused(&mut client, 1_500, "may be sent no more than 100 routes");
    let done = client.ask("announce route 10.0.0.0/24 next-hop 192.0.2.1");
    assert_eq!(done, "done\n");
    // By the next guard.
    let lab = Lab::new();
    let text = guard("first", 50) + &guard("second", 1) + &neighbor(port, "");
    let _daemon = start_with(&lab, &text);
    let mut client = Client::new(&lab);
    let done = client.ask(&set(40));
    assert!(done.contains("done added 40"), "{done}");
    for _ in 0..3 {
        refused(&mut client, 90, "more than 1 announcements a second");
    }
}
