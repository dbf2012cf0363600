//! Commands that are answered with `done` and a warning.

use super::fake::Talk;
use oxabgp::api::Outcome;

/// ExaBGP ignores words after these commands; `in` or `adj-rib-in` anywhere selects the Adj-RIB-In.
#[test]
fn words_that_exabgp_passes_over_are_accepted() {
    for (line, answer, call) in [
        ("clear adj-rib out all peers", "", "clear Out 0,1"),
        ("clear adj-rib out 127.0.0.2", "", "clear Out 0,1"),
        ("clear adj-rib in 127.0.0.2", "", "clear In 0,1"),
        ("clear adj-rib all in", "", "clear In 0,1"),
        ("clear adj-rib foo", "", "clear Out 0,1"),
        ("clear adj-rib adj-rib-out", "", "clear Out 0,1"),
        ("clear adj-rib adj-rib-in", "", "clear In 0,1"),
        ("neighbor 127.0.0.3 clear adj-rib out x", "", "clear Out 1"),
        ("rib clear out x", "", "clear Out 0,1"),
        ("flush adj-rib out all", "", "flush 0"),
        ("rib flush out all", "", "flush 0"),
        (
            "announce watchdog dns x",
            "",
            "Announce watchdog dns to 0,1",
        ),
        (
            "withdraw watchdog dns x y",
            "",
            "Withdraw watchdog dns to 0,1",
        ),
        ("version 4", "exabgp 5.0.15\n", ""),
        ("enable-ack now", "", ""),
        ("reload now", "reload in progress\n", "Reload"),
        ("restart now", "restart in progress\n", "Restart"),
        ("shutdown now", "shutdown in progress\n", "Shutdown"),
    ] {
        let mut talk = Talk::new();
        assert_eq!(talk.submit(line), format!("{answer}done\n"), "{line}");
        assert_eq!(talk.last, Outcome::Done, "{line}");
        let wanted: Vec<&str> = Some(call)
            .into_iter()
            .filter(|call| !call.is_empty())
            .collect();
        assert_eq!(talk.calls(), wanted, "{line}");
        // A client that enabled reasons gets a warning, but not for a word that belongs there.
        talk.source.acks.reasons = true;
        let reported = talk.submit(line);
        let quiet = line.ends_with("adj-rib-out") || line.ends_with("adj-rib-in");
        assert_eq!(
            reported.contains("warning: `"),
            !quiet,
            "{line}: {reported}"
        );
        assert!(reported.ends_with("done\n"), "{line}: {reported}");
    }
}

#[test]
fn a_command_without_effect_is_done_and_explains_when_asked() {
    for (line, reason) in [
        (
            "announce route-refresh ipv4 unicast",
            "no selected neighbor has negotiated route refresh for ipv4 unicast",
        ),
        (
            "announce route-refresh l2vpn evpn",
            "no selected neighbor has negotiated route refresh for l2vpn evpn",
        ),
        (
            "announce eor ipv6 unicast",
            "no selected neighbor has negotiated the family ipv6 unicast",
        ),
        (
            "announce route 2001:db8::/32 next-hop ::1",
            "`2001:db8::/32` is not sent: no selected neighbor has the family ipv6 unicast",
        ),
        (
            "withdraw ipv6 unicast 2001:db8::/32",
            "`2001:db8::/32` is not sent: no selected neighbor has the family ipv6 unicast",
        ),
        (
            "announce watchdog nobody",
            "no configured route of a selected neighbor has `watchdog nobody`",
        ),
        (
            "announce operational asm afi ipv4 safi unicast advisory \"x\"",
            "no selected neighbor has negotiated operational messages",
        ),
        (
            "announce operational foo",
            "there is no operational message `foo`",
        ),
        (
            "teardown 2",
            "without a selector no session is reset: write `neighbor ADDRESS teardown 2`",
        ),
        (
            "neighbor 127.0.0.3 teardown 2",
            "`neighbor 127.0.0.3` has no established session",
        ),
        (
            "neighbor 127.0.0.77 teardown 2",
            "no neighbor matches `neighbor 127.0.0.77`",
        ),
        (
            "show neighbor 127.0.0.77 summary",
            "no neighbor matches `127.0.0.77`",
        ),
        (
            "show neighbor 127.0.0.77 extensive",
            "no neighbor matches `127.0.0.77`",
        ),
        (
            "show neighbor 127.0.0.77 configuration",
            "no neighbor matches `127.0.0.77`",
        ),
        (
            "show adj-rib out 127.0.0.77",
            "no neighbor matches `127.0.0.77`",
        ),
        (
            "show adj-rib in 127.0.0.77 json",
            "no neighbor matches `127.0.0.77`",
        ),
    ] {
        let mut talk = Talk::new();
        talk.fake.carries_nothing = true;
        let plain = talk.submit(line);
        assert!(
            plain.ends_with("done\n") && !plain.contains("no effect"),
            "{line}: {plain}"
        );
        for _ in 0..2 {
            talk.source.acks.reasons = true;
            assert!(
                talk.submit(line)
                    .ends_with(&format!("no effect: {reason}\ndone\n")),
                "{line}: {}",
                talk.submit(line)
            );
        }
        talk.source.acks.json = true;
        let json = talk.submit(line);
        let last = json.lines().last().expect("an answer");
        let object: serde_json::Value = serde_json::from_str(last).expect("JSON");
        assert_eq!(object["answer"], "done", "{json}");
        assert_eq!(object["message"], format!("no effect: {reason}"), "{json}");
    }
}

#[test]
fn a_batch_reports_what_of_it_is_not_sent() {
    let mut talk = Talk::new();
    talk.source.acks.reasons = true;
    talk.fake.carries_nothing = true;
    talk.submit("begin");
    assert_eq!(
        talk.submit("announce route 10.0.0.0/8 next-hop 1.2.3.4"),
        ""
    );
    assert_eq!(
        talk.submit("commit"),
        "no effect: `10.0.0.0/8` is not sent: no selected neighbor has the family ipv4 unicast\ndone\n"
    );
    talk.fake.carries_nothing = false;
    talk.submit("begin");
    talk.submit("announce route 10.0.0.0/8 next-hop 1.2.3.4");
    assert_eq!(talk.submit("commit"), "done\n");
}

#[test]
fn errors_name_the_word_and_what_is_expected_there() {
    let mut talk = Talk::new();
    talk.source.acks.reasons = true;
    for (line, wanted) in [
        (
            "announce rout 10.0.0.0/8 next-hop 1.2.3.4",
            "expected another word after `announce`, found `rout` (did you mean `announce route`?), at column 10",
        ),
        (
            "neighbor 127.0.0.2 announce rout 10.0.0.0/8",
            "expected another word after `announce`, found `rout` (did you mean `announce route`?), at column 29",
        ),
        (
            "show adj-rib",
            "expected `in` or `out` after `show adj-rib`, found the end of the command, at column 13",
        ),
        (
            "show adj-rib sideways",
            "expected `in` or `out` after `show adj-rib`, found `sideways`, at column 14",
        ),
        (
            "show",
            "expected `adj-rib` or `checks` or `leases` or `neighbor` or `set` after `show`, found the end of the command, at column 5",
        ),
        (
            "announce",
            "expected another word after `announce`, found the end of the command (`help announce` lists them), at column 9",
        ),
        (
            "flush adj-rib",
            "expected `out` after `flush adj-rib`, found the end of the command, at column 14",
        ),
        (
            "sesion ping",
            "there is no command `sesion` (did you mean `session ping`?), at column 1",
        ),
        (
            "frobnicate",
            "there is no command `frobnicate` (`help` lists the commands), at column 1",
        ),
        (
            "neighbor 127.0.0.2",
            "expected a command after the selector, found the end of the line",
        ),
    ] {
        assert_eq!(
            talk.submit(line),
            format!("error: {wanted}\nerror\n"),
            "{line}"
        );
    }
    // A keyword that is similar to no other has a short hint.
    let answer = talk.submit("announce route 10.0.0.0/8 next-hop 1.2.3.4 frobnicate 7");
    assert!(
        answer.len() < 250 && answer.contains("`next-hop`"),
        "{answer}"
    );
    let answer = talk.submit("announce route 10.0.0.0/8 next-hop 1.2.3.4 localpref 7");
    assert!(
        answer.contains("did you mean `local-preference`?"),
        "{answer}"
    );
}

#[test]
fn help_for_operators_has_every_command_and_that_of_helpers_is_exabgps() {
    let mut talk = Talk::new();
    let plain = talk.submit("help");
    assert_eq!(
        talk.submit("help announce route"),
        plain,
        "ExaBGP passes over the words"
    );
    talk.source.acks.reasons = true;
    let long = talk.submit("help");
    assert!(long.starts_with(plain.trim_end_matches("done\n")), "{long}");
    for word in [
        "begin",
        "commit",
        "abort",
        "sync",
        "ack-id",
        "announce l2vpn",
        "announce bgp-ls",
    ] {
        assert!(long.contains(word), "{word}\n{long}");
    }
    let about = talk.submit("help announce route");
    assert!(
        about.contains("announce route 198.51.100.0/24 next-hop self")
            && !about.contains("announce route-refresh")
            && about.ends_with("\ndone\n"),
        "{about}"
    );
    assert!(talk.submit("help announce").contains("announce vpls rd "));
    assert!(talk.submit("help sync").contains("ack-id <id>"));
    assert_eq!(
        talk.submit("help anounce"),
        "error: expected the words of a command, found `anounce` (did you mean `announce`?), at column 6\nerror\n"
    );
}
