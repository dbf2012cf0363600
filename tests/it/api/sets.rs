//! Sets and batches: what is kept until their end.

use oxabgp::api::Outcome;

use super::fake::{Talk, execute, say};

/// The changes of the set that the last command has ended: each with its peers.
fn planned(talk: &Talk) -> Vec<String> {
    let Outcome::Set(plan) = &talk.last else {
        panic!("not a set: {:?}", talk.last);
    };
    let show = |change: &oxabgp::rib::Change| {
        let peers: Vec<u32> = change.peers.iter().map(|peer| peer.0).collect();
        format!("{} {peers:?}", change.nlri)
    };
    plan.changes.list.iter().map(show).collect()
}

#[test]
fn commands_that_change_routes_are_refused_while_a_set_is_open() {
    for (line, error) in [
        (
            "announce route 10.1.0.0/16 next-hop 192.0.2.1",
            "the set `edge` is open, and its lines have no verb: `route 10.1.0.0/16 next-hop 192.0.2.1`",
        ),
        (
            "neighbor 127.0.0.2 announce ipv4 unicast 10.1.0.0/16 next-hop 192.0.2.1",
            "the set `edge` is open, and its lines have no verb: \
             `neighbor 127.0.0.2 ipv4 unicast 10.1.0.0/16 next-hop 192.0.2.1`",
        ),
        (
            "ack-id 7 announce attributes next-hop 192.0.2.1 nlri 10.1.0.0/16",
            "the set `edge` is open, and its lines have no verb: `attributes next-hop 192.0.2.1 nlri 10.1.0.0/16`",
        ),
        (
            "peer * routes ipv4 unicast add 10.1.0.0/16 next-hop 192.0.2.1",
            "the set `edge` is open, and its lines are routes: `route 192.0.2.0/24 next-hop self`",
        ),
        (
            "withdraw route 10.1.0.0/16",
            "the set `edge` is open: its routes that are not declared again are withdrawn by `set edge end`",
        ),
        (
            "peer * routes remove 10.1.0.0/16",
            "the set `edge` is open: its routes that are not declared again are withdrawn by `set edge end`",
        ),
        (
            "begin",
            "the set `edge` is open: `set edge end` or `set edge abort` ends it",
        ),
        (
            "peer * group announce route 10.1.0.0/16 next-hop 192.0.2.1",
            "the set `edge` is open: `set edge end` or `set edge abort` ends it",
        ),
        ("rotue 10.1.0.0/16 next-hop 192.0.2.1", "rotue"),
    ] {
        let mut talk = Talk::new();
        // What the fast path knows must not be applied either.
        talk.fake.takes_runs = true;
        say(&mut talk, "announce route 10.9.0.0/16 next-hop 192.0.2.1");
        talk.calls();
        let text = format!("set edge replace revision 1\n{line}\n{line}\nset edge end");
        let answers = execute(&mut talk, &text);
        assert_eq!(answers.len(), 4, "{line}: {answers:?}");
        assert!(answers[1].contains(error), "{line}: {}", answers[1]);
        assert!(answers[2].contains(error), "{line}: {}", answers[2]);
        let end = &answers[3];
        assert!(
            end.contains("nothing of the set was applied"),
            "{line}: {end}"
        );
        assert_eq!(talk.calls(), [""; 0], "{line}");
    }
}

#[test]
fn the_lines_of_a_refused_set_mean_nothing() {
    let refused = "the set `edge` is not open: its `replace` was refused";
    for (begin, close, wanted) in [
        ("set edge replace", "set edge end", refused),
        (
            "set edge replace revision x",
            "ack-id 7 set edge end",
            refused,
        ),
        (
            "neighbor 127.0.0.2 set edge replace max-remove 5",
            "set edge abort",
            "done\n",
        ),
    ] {
        let mut talk = Talk::new();
        assert!(say(&mut talk, begin).starts_with("error"), "{begin}");
        for line in [
            "route 10.1.0.0/16 next-hop 192.0.2.1",
            "neighbor 127.0.0.2 ipv4 unicast 10.2.0.0/16 next-hop 192.0.2.1 lifetime 1h",
            "route what is this",
            "",
        ] {
            assert_eq!(say(&mut talk, line), "", "{line}");
        }
        assert_eq!(say(&mut talk, "announce watchdog dns"), "done\n");
        let end = say(&mut talk, close);
        assert!(end.contains(wanted), "{end}");
        // That was its end.
        let line = "route 10.1.0.0/16 next-hop 192.0.2.1";
        assert!(say(&mut talk, line).starts_with("error"));
        assert!(
            !talk.calls().iter().any(|call| call.contains("10.")),
            "{begin}"
        );
    }
    // The next one is read as any other.
    let mut talk = Talk::new();
    for line in [
        "set edge replace",
        "route 10.1.0.0/16 next-hop 192.0.2.1",
        "set other replace revision 1",
        "route 10.2.0.0/16 next-hop 192.0.2.1",
        "set other end",
    ] {
        say(&mut talk, line);
    }
    assert_eq!(planned(&talk), ["10.2.0.0/16 [0, 1]"]);
}

#[test]
fn empty_lines_of_a_set_mean_nothing() {
    let mut talk = Talk::new();
    for line in [
        "set edge replace revision 1",
        "",
        "route 10.1.0.0/16 next-hop 192.0.2.1",
        " \t ",
        "\r",
    ] {
        let wanted = if line.starts_with("set") {
            "done\n"
        } else {
            ""
        };
        assert_eq!(say(&mut talk, line), wanted, "{line:?}");
    }
    say(&mut talk, "set edge end");
    assert_eq!(planned(&talk), ["10.1.0.0/16 [0, 1]"]);
    // Elsewhere it is an error, as in ExaBGP.
    assert!(say(&mut talk, "").starts_with("error"));
}

#[test]
fn other_commands_are_carried_out_while_a_set_is_open() {
    let mut talk = Talk::new();
    say(&mut talk, "set edge replace revision 1");
    say(&mut talk, "route 10.1.0.0/16 next-hop 192.0.2.1");
    for line in [
        "announce watchdog dns",
        "announce eor ipv4 unicast",
        "show neighbor summary",
        "peer * routes list",
        "# a remark",
    ] {
        let answer = say(&mut talk, line);
        assert!(!answer.contains("error"), "{line}: {answer}");
    }
    say(&mut talk, "set edge end");
    assert_eq!(planned(&talk), ["10.1.0.0/16 [0, 1]"]);
    // A set that was given up, or has ended, changes nothing.
    say(&mut talk, "set edge replace revision 2");
    say(&mut talk, "set edge abort");
    talk.calls();
    assert_eq!(say(&mut talk, "withdraw route 10.1.0.0/16"), "done\n");
    assert_eq!(talk.calls(), ["withdraw 10.1.0.0/16 to 0,1"]);
}

#[test]
fn a_set_is_for_the_neighbors_that_there_are_at_its_end() {
    let mut talk = Talk::new();
    for line in [
        "set edge replace revision 1",
        "route 10.1.0.0/16 next-hop 192.0.2.1",
        "neighbor 127.0.0.3 route 10.2.0.0/16 next-hop 192.0.2.1",
        "neighbor 127.0.0.2 route 10.3.0.0/16 next-hop 192.0.2.1",
        "neighbor 127.0.0.3, neighbor 127.0.0.2 route 10.4.0.0/16 next-hop 192.0.2.1",
    ] {
        say(&mut talk, line);
    }
    talk.fake.replace(1, "127.0.0.7");
    for line in [
        "neighbor 127.0.0.7 route 10.5.0.0/16 next-hop 192.0.2.1",
        "set edge end",
    ] {
        say(&mut talk, line);
    }
    // 127.0.0.7 has the number that 127.0.0.3 had.
    let wanted = [
        "10.1.0.0/16 [0, 1]",
        "10.3.0.0/16 [0]",
        "10.4.0.0/16 [0]",
        "10.5.0.0/16 [1]",
    ];
    assert_eq!(planned(&talk), wanted);
}

#[test]
fn a_batch_is_for_the_neighbors_that_there_are_at_its_end() {
    for (open, close) in [("begin", "commit"), ("group start", "group end")] {
        let mut talk = Talk::new();
        talk.fake.up.insert(1);
        for line in [
            "announce route 10.9.0.0/16 next-hop 192.0.2.1",
            open,
            "announce route 10.1.0.0/16 next-hop 192.0.2.1",
            "neighbor 127.0.0.3 announce route 10.2.0.0/16 next-hop 192.0.2.1",
            "neighbor 127.0.0.3 announce eor ipv4 unicast",
            "announce eor ipv6 unicast",
        ] {
            say(&mut talk, line);
        }
        talk.calls();
        talk.fake.replace(1, "127.0.0.7");
        say(&mut talk, "withdraw route 10.3.0.0/16");
        say(&mut talk, close);
        let wanted = [
            "announce 10.1.0.0/16 next-hop 192.0.2.1 to 0,1",
            "withdraw 10.3.0.0/16 to 0,1",
            "eor ipv6 unicast to 0",
        ];
        let calls: Vec<String> = talk.calls();
        let calls: Vec<&str> = calls.iter().map(|call| call.trim_end()).collect();
        assert_eq!(calls, wanted, "{open}");
    }
}

#[test]
fn a_batch_does_not_reach_neighbors_that_the_source_has_lost_meanwhile() {
    let mut talk = Talk::new();
    for line in [
        "begin",
        "neighbor 127.0.0.2 announce route 10.1.0.0/16 next-hop 192.0.2.1",
    ] {
        talk.submit(line);
    }
    talk.fake.own.remove(&0);
    talk.fake.epoch += 1;
    assert_eq!(talk.submit("commit"), "error\n");
    assert!(talk.calls().iter().all(|call| !call.contains("10.1.0.0")));
    // As for a command of its own.
    let line = "neighbor 127.0.0.2 announce route 10.1.0.0/16 next-hop 192.0.2.1";
    assert_eq!(talk.submit(line), "error\n");
    talk.submit("set edge replace revision 1");
    talk.submit("neighbor 127.0.0.3 route 10.2.0.0/16 next-hop 192.0.2.1");
    talk.fake.own.remove(&1);
    talk.fake.epoch += 1;
    assert_eq!(talk.submit("set edge end"), "error\n");
}
