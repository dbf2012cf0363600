//! Command lines: their effects, their answers, and what they must not do.

use oxabgp::api::command::example_lines;
use oxabgp::api::{Acks, ErrorKind, Outcome};

use super::fake::Talk;

/// Lines that make changes, and the calls that result from them.
#[test]
fn routes_reach_the_neighbours_they_are_for() {
    for (line, calls) in [
        (
            "announce route 10.0.0.0/8 next-hop 1.2.3.4",
            &["announce 10.0.0.0/8 next-hop 1.2.3.4 to 0,1"][..],
        ),
        (
            " announce\troute  10.0.0.0/8  next-hop 1.2.3.4 ;\r",
            &["announce 10.0.0.0/8 next-hop 1.2.3.4 to 0,1"],
        ),
        (
            "announce route 10.0.7.0/24 { next-hop 1.2.3.4; med 10; }",
            &["announce 10.0.7.0/24 next-hop 1.2.3.4 med 10 to 0,1"],
        ),
        (
            "neighbor 127.0.0.3 announce route 10.0.0.0/8 next-hop 1.2.3.4",
            &["announce 10.0.0.0/8 next-hop 1.2.3.4 to 1"],
        ),
        (
            "neighbor 127.0.0.2, neighbor 127.0.0.3 withdraw route 10.0.0.0/8",
            &["withdraw 10.0.0.0/8 to 0,1"],
        ),
        (
            "neighbor * peer-as 65001 withdraw route 10.0.0.0/8 next-hop 1.2.3.4",
            &["withdraw 10.0.0.0/8 with to 0,1"],
        ),
        (
            "peer 127.0.0.2 announce route 10.0.0.0/8 next-hop self",
            &["announce 10.0.0.0/8 next-hop self to 0"],
        ),
        (
            "announce route 10.0.0.0/8 next-hop 1.2.3.4 split /9",
            &[
                "announce 10.0.0.0/9 next-hop 1.2.3.4 to 0,1",
                "announce 10.128.0.0/9 next-hop 1.2.3.4 to 0,1",
            ],
        ),
        (
            "announce attributes next-hop 1.2.3.4 med 5 nlri 10.0.0.0/8 11.0.0.0/8",
            &[
                "announce 10.0.0.0/8 next-hop 1.2.3.4 med 5 to 0,1",
                "announce 11.0.0.0/8 next-hop 1.2.3.4 med 5 to 0,1",
            ],
        ),
        (
            "withdraw attribute next-hop 1.2.3.4 nlri 10.0.0.0/8",
            &["withdraw 10.0.0.0/8 with to 0,1"],
        ),
        (
            "announce ipv4 unicast 10.0.0.0/8 next-hop 1.2.3.4",
            &["announce 10.0.0.0/8 next-hop 1.2.3.4 to 0,1"],
        ),
        // ExaBGP's tokeniser takes quotes from any word.
        (
            "announce route \"10.0.0.0/8\" next-hop \"1.1.1.1\"",
            &["announce 10.0.0.0/8 next-hop 1.1.1.1 to 0,1"],
        ),
        (
            "withdraw route '10.0.0.0/8' next-hop 1.1.1.1",
            &["withdraw 10.0.0.0/8 with to 0,1"],
        ),
        (
            "withdraw ipv6 unicast 2001:db8::/32",
            &["withdraw 2001:db8::/32 to 0,1"],
        ),
        ("announce eor", &["eor ipv4 unicast to 0"]),
        (
            "neighbor 127.0.0.2 announce eor ipv6 unicast",
            &["eor ipv6 unicast to 0"],
        ),
        (
            "announce route-refresh ipv4 unicast",
            &["refresh ipv4 unicast to 0"],
        ),
        (
            "announce watchdog",
            &["Announce watchdog healthcheck to 0,1"],
        ),
        (
            "neighbor 127.0.0.2 withdraw watchdog dns",
            &["Withdraw watchdog dns to 0"],
        ),
        ("neighbor 127.0.0.2 flush adj-rib out", &["flush 0"]),
        ("clear adj-rib", &["clear Out 0,1"]),
        ("clear adj-rib in", &["clear In 0,1"]),
        ("neighbor 127.0.0.3 clear adj-rib out", &["clear Out 1"]),
        ("neighbor 127.0.0.2 teardown 4", &["teardown 4 to 0"]),
        ("teardown 4", &[]),
        ("neighbor 127.0.0.3 teardown 4", &[]),
        ("neighbor 127.0.0.20 teardown 4", &[]),
        ("neighbor 9.9.9.9 teardown 4", &[]),
        ("announce operational foo", &[]),
        (
            "neighbor 127.0.0.2 announce operational asm afi ipv4 safi unicast advisory \"please reload now\"",
            &["operational ASM afi ipv4 safi unicast advisory \"please reload now\" to 0"],
        ),
        (
            "announce operational rpcq afi ipv4 safi unicast sequence 1",
            &["operational RPCQ afi ipv4 safi unicast to 0,1"],
        ),
        (
            "announce operational LPCP afi ipv6 safi unicast router-id 1.2.3.4 sequence 1 counter 9",
            &[
                "operational LPCP afi ipv6 safi unicast router-id 1.2.3.4 sequence 1 counter 9 to 0,1",
            ],
        ),
        // What ExaBGP 5.0 interprets as other commands.
        (
            "neighbor 127.0.0.2 announce route 10.0.0.0/8 next-hop 1.1.1.1 name version med 5",
            &["announce 10.0.0.0/8 next-hop 1.1.1.1 med 5 to 0"],
        ),
        (
            "announce route 10.0.0.0/8 next-hop 1.1.1.1 name json",
            &["announce 10.0.0.0/8 next-hop 1.1.1.1 to 0,1"],
        ),
        ("# reload the routes", &[]),
        ("#", &[]),
    ] {
        let mut talk = Talk::new();
        assert_eq!(talk.submit(line), "done\n", "{line}");
        assert_eq!(talk.calls(), calls, "{line}");
        // The second time, the tail and the selector are cached.
        assert_eq!(talk.submit(line), "done\n", "{line}");
        assert_eq!(talk.calls(), calls, "{line}");
    }
}

#[test]
fn errors_are_answered_and_change_nothing() {
    for (line, kind) in [
        ("", ErrorKind::Unknown),
        ("   ", ErrorKind::Unknown),
        ("debug", ErrorKind::Unknown),
        ("#text", ErrorKind::Unknown),
        ("ping", ErrorKind::Unknown),
        ("VERSION", ErrorKind::Unknown),
        (
            "foo announce route 10.0.0.0/8 next-hop 1.2.3.4",
            ErrorKind::Unknown,
        ),
        (
            "peer-as 65001 announce route 10.0.0.0/8 next-hop 1.2.3.4",
            ErrorKind::Unknown,
        ),
        ("version json", ErrorKind::Syntax),
        ("help json", ErrorKind::Syntax),
        ("reload json", ErrorKind::Syntax),
        ("announce route", ErrorKind::Syntax),
        ("announce route 10.0.0.0/8", ErrorKind::Syntax),
        (
            "announce route 10.0.0.1/8 next-hop 1.2.3.4",
            ErrorKind::Syntax,
        ),
        (
            "announce route 10.0.0.0/8 next-hop 1.2.3.4 json",
            ErrorKind::Syntax,
        ),
        (
            "announce route 10.0.0.0/8 next-hop 1.2.3.4 # a remark",
            ErrorKind::Syntax,
        ),
        (
            "announce route 10.0.0.0/8 next-hop 1.2.3.4; announce route 11.0.0.0/8 next-hop 1.2.3.4",
            ErrorKind::Syntax,
        ),
        (
            "announce attributes next-hop 1.2.3.4 10.0.0.0/8",
            ErrorKind::Syntax,
        ),
        (
            "announce ipv4 unicats 10.0.0.0/8 next-hop 1.2.3.4",
            ErrorKind::Syntax,
        ),
        (
            "announce ipv4 unicast 2001:db8::/32 next-hop ::1",
            ErrorKind::Syntax,
        ),
        ("announce eor ipv4", ErrorKind::Syntax),
        ("announce eor ipv4 unicast now", ErrorKind::Syntax),
        ("announce route-refresh", ErrorKind::Syntax),
        (
            "announce route-refresh ipv4 unicast extra",
            ErrorKind::Syntax,
        ),
        ("teardown", ErrorKind::Syntax),
        ("teardown x", ErrorKind::Syntax),
        ("neighbor 127.0.0.2 teardown 256", ErrorKind::Syntax),
        ("neighbor 127.0.0.2 teardown 4 5", ErrorKind::Syntax),
        ("neighbor 127.0.0.2 teardown json", ErrorKind::Syntax),
        ("clear adj-rib out json", ErrorKind::Syntax),
        ("flush adj-rib out json", ErrorKind::Syntax),
        ("flush adj-rib", ErrorKind::Unknown),
        ("flush adj-rib in", ErrorKind::Unknown),
        (
            "neighbor 127.0.0.3 flush adj-rib out",
            ErrorKind::NoNeighbor,
        ),
        (
            "neighbor 127.0.0.20 withdraw watchdog dns",
            ErrorKind::NoNeighbor,
        ),
        ("show adj-rib", ErrorKind::Unknown),
        ("show adj-rib-out", ErrorKind::Unknown),
        ("show neighbors summary", ErrorKind::Unknown),
        ("show neighbor127", ErrorKind::Unknown),
        ("neighbor 127.0.0.2 show adj-rib out", ErrorKind::Syntax),
        (
            "announce operational asm afi ipv4 safi unicast",
            ErrorKind::Syntax,
        ),
        (
            "announce operational rpcp afi ipv4 safi unicast sequence 1",
            ErrorKind::Syntax,
        ),
        (
            "neighbor 127.0.0.9 announce route 10.0.0.0/8 next-hop 1.2.3.4",
            ErrorKind::NoNeighbor,
        ),
        (
            "neighbor 127.0.0.20 announce route 10.0.0.0/8 next-hop 1.2.3.4",
            ErrorKind::NoNeighbor,
        ),
        (
            "neighbor 127.0.0.* announce route 10.0.0.0/8 next-hop 1.2.3.4",
            ErrorKind::NoNeighbor,
        ),
        (
            "neighbor 127.0.0.2 peer-as 65002 withdraw route 10.0.0.0/8",
            ErrorKind::NoNeighbor,
        ),
        ("neighbor 127.0.0.3 announce eor", ErrorKind::NoNeighbor),
        (
            "neighbor * peer-as 65002 announce route 10.0.0.0/8 next-hop 1.2.3.4",
            ErrorKind::NoNeighbor,
        ),
        (
            "announce attributes next-hop 1.1.1.1 nlri 10.0.0.0/8 2001:db8::/48",
            ErrorKind::Syntax,
        ),
        ("crash", ErrorKind::Refused),
        ("commit", ErrorKind::Refused),
        ("ack-id", ErrorKind::Syntax),
    ] {
        let mut talk = Talk::new();
        talk.submit("announce route 1.0.0.0/8 next-hop 1.2.3.4");
        talk.calls();
        assert_eq!(talk.submit(line), "error\n", "{line}");
        assert!(
            matches!(&talk.last, Outcome::Failed(error) if error.kind == kind),
            "{line}: {:?}",
            talk.last
        );
        assert_eq!(talk.calls(), [""; 0], "{line}");
    }
}

#[test]
fn an_error_names_its_place_in_the_line() {
    let mut talk = Talk::new();
    talk.source.acks.reasons = true;
    for (line, wanted) in [
        (
            "neighbor 127.0.0.2 announce route 10.0.0.0/8 next-hop 1.2.3.4 mde 5",
            "error: unknown keyword `mde` (did you mean `med`?), at column 63\nerror\n",
        ),
        (
            "announce route 10.0.0.1/8 next-hop 1.2.3.4",
            "error: `10.0.0.1/8` has bits set beyond its length (the network is `10.0.0.0/8`), at column 16\nerror\n",
        ),
        (
            "anounce route 10.0.0.1/8",
            "error: there is no command `anounce` (did you mean `announce route`?), at column 1\nerror\n",
        ),
        (
            "neighbor 9.9.9.9 announce eor",
            "error: no neighbor matches `neighbor 9.9.9.9`\nerror\n",
        ),
    ] {
        assert_eq!(talk.submit(line), wanted);
        // The answer is the same if the line is known to have the usual form.
        assert_eq!(talk.submit(line), wanted);
    }
}

#[test]
fn answers_are_switched_as_exabgp_does() {
    let mut talk = Talk::new();
    assert_eq!(talk.submit("disable-ack"), "done\n");
    assert_eq!(talk.submit("announce eor"), "");
    assert_eq!(talk.submit("nonsense"), "");
    assert_eq!(talk.submit("version"), "exabgp 5.0.15\n");
    assert_eq!(talk.submit("disable-ack"), "done\n");
    assert_eq!(talk.submit("enable-ack"), "done\n");
    assert_eq!(talk.submit("silence-ack"), "");
    assert_eq!(talk.submit("announce eor"), "");
    assert_eq!(talk.submit("neighbor 127.0.0.1 enable-ack"), "done\n");
    assert_eq!(talk.submit("reset"), "");
    assert_eq!(talk.submit("debug anything at all"), "");
    assert_eq!(talk.calls().len(), 2);
}

#[test]
fn answers_carry_the_id_of_their_command() {
    let mut talk = Talk::new();
    assert_eq!(talk.submit("ack-id 42 announce eor"), "done 42\n");
    assert_eq!(talk.submit("ack-id a-7 nonsense"), "error a-7\n");
    talk.source.acks = Acks {
        json: true,
        reasons: true,
        ..Acks::default()
    };
    assert_eq!(
        talk.submit("ack-id 1 crash"),
        "{ \"answer\": \"error\", \"message\": \"nothing crashes here\", \"id\": \"1\" }\n"
    );
    assert_eq!(
        talk.submit("announce eor"),
        "{ \"answer\": \"done\", \"message\": \"command completed\" }\n"
    );
}

#[test]
fn sync_waits_for_the_peers_that_were_sent_something() {
    let mut talk = Talk::new();
    let route = "announce route 10.0.0.0/8 next-hop 1.2.3.4";
    for line in [
        format!("sync {route}"),
        format!("{route} sync"),
        format!("ack-id 7 sync neighbor * {route}"),
    ] {
        talk.submit(&line);
        assert!(
            matches!(&talk.last, Outcome::Synced(peers) if peers.len() == 2),
            "{line}"
        );
    }
    talk.source.sync = true;
    talk.submit(route);
    assert!(matches!(&talk.last, Outcome::Synced(_)));
    talk.submit(format!("{route} async"));
    assert_eq!(talk.last, Outcome::Done);
    talk.calls();
    talk.source.sync = false;
    talk.submit("announce watchdog sync");
    assert_eq!(talk.calls(), ["Announce watchdog sync to 0,1"]);
}

#[test]
fn requests_to_the_daemon() {
    let mut talk = Talk::new();
    assert_eq!(talk.submit("shutdown"), "shutdown in progress\ndone\n");
    assert_eq!(talk.submit("reload"), "reload in progress\ndone\n");
    assert_eq!(talk.submit("restart"), "restart in progress\ndone\n");
    assert_eq!(talk.calls(), ["Shutdown", "Reload", "Restart"]);
}

#[test]
fn a_batch_is_applied_as_one_step_or_not_at_all() {
    let mut talk = Talk::new();
    assert_eq!(talk.submit("begin"), "done\n");
    assert_eq!(talk.submit("begin"), "error\n");
    talk = Talk::new();
    talk.submit("begin");
    assert_eq!(
        talk.submit("announce route 10.0.0.0/8 next-hop 1.2.3.4"),
        ""
    );
    assert_eq!(talk.submit("announce eor"), "");
    assert_eq!(talk.submit("withdraw route 11.0.0.0/8"), "");
    assert_eq!(talk.calls(), [""; 0]);
    assert_eq!(talk.submit("commit"), "done\n");
    assert_eq!(
        talk.calls(),
        [
            "announce 10.0.0.0/8 next-hop 1.2.3.4 to 0,1",
            "withdraw 11.0.0.0/8 to 0,1",
            "eor ipv4 unicast to 0"
        ]
    );
    talk.submit("begin");
    talk.submit("announce route 10.0.0.0/8 next-hop 1.2.3.4");
    assert_eq!(
        talk.submit("announce route 10.0.0.0/8 next-hop 1.2.3"),
        "error\n"
    );
    talk.submit("announce route 12.0.0.0/8 next-hop 1.2.3.4");
    assert_eq!(talk.submit("commit"), "error\n");
    assert_eq!(talk.calls(), [""; 0]);
    talk.submit("begin");
    talk.submit("announce route 10.0.0.0/8 next-hop 1.2.3.4");
    assert_eq!(talk.submit("abort"), "done\n");
    assert_eq!(talk.submit("commit"), "error\n");
    assert_eq!(talk.calls(), [""; 0]);
}

#[test]
fn a_long_batch_reports_its_progress() {
    let mut talk = Talk::new();
    talk.submit("begin");
    let sent: String = (0..20_000)
        .map(|_| talk.submit("announce route 10.0.0.0/8 next-hop 1.2.3.4"))
        .collect();
    assert_eq!(sent, "progress 10000\nprogress 20000\n");
    talk.source.acks.json = true;
    let sent: String = (0..10_000)
        .map(|_| talk.submit("withdraw route 10.0.0.0/8"))
        .collect();
    assert_eq!(sent, "{ \"answer\": \"progress\", \"commands\": 30000 }\n");
}

#[test]
fn every_example_is_understood() {
    for line in example_lines() {
        let mut talk = Talk::new();
        // As a client of the control socket.
        talk.source.accept_records();
        if matches!(line, "commit" | "abort") {
            talk.submit("begin");
        }
        let answer = talk.submit(line);
        if line.ends_with("crash") {
            assert_eq!(answer, "error\n");
        } else {
            assert!(
                answer.is_empty() || answer.ends_with("done\n"),
                "{line}: {answer} {:?}",
                talk.last
            );
        }
    }
}

#[test]
fn a_selection_is_asked_for_again_after_a_reload() {
    let mut talk = Talk::new();
    let line = "neighbor 127.0.0.20 announce route 10.0.0.0/8 next-hop 1.2.3.4";
    assert_eq!(talk.submit(line), "error\n");
    talk.fake.own.insert(2);
    talk.fake.epoch += 1;
    assert_eq!(talk.submit(line), "done\n");
    assert_eq!(talk.calls(), ["announce 10.0.0.0/8 next-hop 1.2.3.4 to 2"]);
}

#[test]
fn what_the_daemon_refuses_is_an_error() {
    let mut talk = Talk::new();
    talk.fake.refuse = Some("`next-hop self` is an IPv4 address");
    assert_eq!(
        talk.submit("announce route 2001:db8::/32 next-hop self"),
        "error\n"
    );
    assert_eq!(
        talk.submit("announce route 2001:db8::/32 next-hop self"),
        "done\n"
    );
    assert_eq!(talk.calls().len(), 1);
}

#[test]
fn hostile_lines_are_errors() {
    let mut talk = Talk::new();
    let long = vec![b'a'; 1 << 20];
    let mut spaces = b"announce route".to_vec();
    spaces.resize(1 << 20, b' ');
    spaces.extend_from_slice(b"x");
    let mut braces = b"announce route 10.0.0.0/8 ".to_vec();
    braces.resize(1 << 20, b'{');
    let mut brackets = b"announce route 10.0.0.0/8 next-hop 1.1.1.1 as-path ".to_vec();
    brackets.resize(1 << 20, b'[');
    for line in [
        &long[..],
        &spaces,
        &braces,
        &brackets,
        b"\xff\xfe",
        b"announce route \xff next-hop 1.1.1.1",
        b"neighbor \xc3\xa9 announce route 10.0.0.0/8",
        b"announce route 10.0.0.0/8 next-hop 1.1.1.1 name \x1b[31m\xf0\x9f\x98\x80 x",
        b"\0",
        b"neighbor",
        b"neighbor ",
        b"neighbor route route route",
        b"peer [",
        b"announce route 10.0.0.0/8 next-hop \"1.1.1.1",
        b"ack-id",
        b"sync sync sync",
        b"announce route  route announce route ",
    ] {
        assert_eq!(
            talk.submit(line),
            "error\n",
            "{}",
            String::from_utf8_lossy(&line[..line.len().min(60)])
        );
        talk.submit(line);
    }
    assert_eq!(talk.calls(), [""; 0]);
}

#[test]
fn help_is_exabgps_to_the_byte() {
    let mut talk = Talk::new();
    let help = talk.submit("help");
    assert_eq!(help, include_str!("../../data/api/help.txt"));
    let all = talk.submit("help all");
    assert!(all.contains("begin") && !help.contains("begin"));
}

#[test]
fn routes_of_every_family_that_can_be_written() {
    for line in [
        "announce ipv4 nlri-mpls 10.0.0.0/24 next-hop 1.2.3.4 label 100",
        "announce ipv4 mpls-vpn 10.0.0.0/24 next-hop 1.2.3.4 label 100 rd 65000:1",
        "announce ipv6 mpls-vpn 2001:db8::/32 next-hop ::1 label 100 rd 65000:1",
        "announce ipv4 flow source 10.0.0.0/24 protocol tcp rate-limit 9600",
        "announce ipv6 flow destination 2001:db8::/32 discard",
        "announce flow route source 10.0.0.0/24",
        "announce flow route { rd 65000:1; match { source 10.0.0.0/24; destination-port =80; } then { discard; } }",
        "announce flow route { match { source 10.0.0.0/24; } then { redirect 65000:1; } }",
        "announce vpls endpoint 5 rd 1:1 base 100 size 8 offset 1 next-hop 1.1.1.1",
        "announce attributes next-hop 1.2.3.4 rd 65000:1 label 5 nlri 10.0.0.0/24",
    ] {
        let withdraw = line.replacen("announce", "withdraw", 1);
        for line in [line, &withdraw] {
            let mut talk = Talk::new();
            assert_eq!(talk.submit(line), "done\n", "{line}: {:?}", talk.last);
            assert_eq!(talk.calls().len(), 1, "{line}");
        }
    }
    for line in [
        "announce flow source 10.0.0.0/24 discard",
        "announce flow route",
        "announce flow route discard",
        "announce vpls rd 1:1 endpoint 5",
        "announce ipv4 bgp-ls x",
        "announce ipv4 mpls-vpn 10.0.0.0/24 next-hop 1.2.3.4 label 100",
    ] {
        let mut talk = Talk::new();
        assert_eq!(talk.submit(line), "error\n", "{line}");
        assert_eq!(talk.calls(), [""; 0], "{line}");
    }
}
