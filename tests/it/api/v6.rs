//! The syntax of ExaBGP 6.0.

use serde_json::Value;

use oxabgp::api::command::Outcome;

use super::fake::Talk;
use super::state::Neighbor;

fn talk() -> Talk {
    let mut talk = Talk::new();
    talk.fake.neighbors = vec![Neighbor::established(), Neighbor::idle()];
    talk
}

/// The first line of an answer, parsed as JSON. `done` must follow.
fn value(answer: &str) -> Value {
    let (line, rest) = answer.split_once('\n').expect("a line");
    assert_eq!(rest, "done\n", "{answer}");
    serde_json::from_str(line).expect("valid JSON")
}

#[test]
fn requests_are_answered_as_json() {
    let mut talk = talk();
    for (line, wanted, call) in [
        (
            "daemon shutdown",
            r#"{"status": "shutdown in progress"}"#,
            "Shutdown",
        ),
        (
            "daemon reload",
            r#"{"status": "reload in progress"}"#,
            "Reload",
        ),
        (
            "daemon restart",
            r#"{"status": "restart in progress"}"#,
            "Restart",
        ),
    ] {
        assert_eq!(talk.submit(line), format!("{wanted}\ndone\n"));
        assert_eq!(talk.calls(), [call]);
    }
    assert_eq!(
        value(&talk.submit("system version"))["application"],
        "exabgp"
    );
    assert_eq!(value(&talk.submit("system api version"))["api_version"], 6);
    assert_eq!(value(&talk.submit("system api version 4"))["version"], 4);
    assert_eq!(talk.submit("system api version 5"), "error\n");
    assert_eq!(
        talk.submit("system queue-status"),
        "{\"healthcheck\": {\"items\": 0, \"bytes\": 0}}\ndone\n"
    );
    assert_eq!(value(&talk.submit("session ping"))["active"], true);
    let status = value(&talk.submit("daemon status"));
    assert_eq!(
        status["peers"].as_object().map(|peers| peers.len()),
        Some(2)
    );
    let help = value(&talk.submit("system help"));
    assert!(
        help["commands"]
            .as_array()
            .is_some_and(|rows| rows.len() > 60)
    );
    assert_eq!(talk.submit("system crash"), "error\n");
    assert_eq!(
        talk.submit("session reset"),
        "asynchronous queue cleared\ndone\n"
    );
    assert_eq!(talk.submit("session bye"), "done\n");
}

#[test]
fn the_peer_comes_first() {
    let mut talk = talk();
    for (line, call) in [
        (
            "peer 127.0.0.2 announce route 10.0.0.0/8 next-hop 1.2.3.4",
            "announce 10.0.0.0/8 next-hop 1.2.3.4 to 0",
        ),
        (
            "peer * withdraw route 10.0.0.0/8",
            "withdraw 10.0.0.0/8 to 0,1",
        ),
        (
            "peer [127.0.0.2, 127.0.0.3 peer-as 65001] announce ipv4 unicast 10.0.0.0/8 next-hop 1.2.3.4",
            "announce 10.0.0.0/8 next-hop 1.2.3.4 to 0,1",
        ),
        ("peer 127.0.0.2 teardown 2", "teardown 2 to 0"),
        ("rib flush out", "flush 0"),
        ("rib clear in", "clear In 0,1"),
        (
            "peer 127.0.0.2 routes add 10.0.0.0/8 next-hop 1.2.3.4",
            "announce 10.0.0.0/8 next-hop 1.2.3.4 to 0",
        ),
        (
            "peer 127.0.0.2 routes remove 10.0.0.0/8",
            "withdraw 10.0.0.0/8 to 0",
        ),
    ] {
        assert_eq!(talk.submit(line), "done\n", "{line}");
        assert_eq!(talk.calls(), [call], "{line}");
    }
    // In 6.0-dev this affects every peer.
    assert_eq!(
        talk.submit("peer 9.9.9.9 announce route 10.0.0.0/8 next-hop 1.2.3.4"),
        "error\n"
    );
    assert_eq!(talk.submit("routes list"), "error\n");
    assert_eq!(talk.submit("show"), "error\n");
    assert_eq!(talk.calls(), [""; 0]);
}

#[test]
fn peers_are_listed_and_shown() {
    let mut talk = talk();
    assert_eq!(
        talk.submit("peer list"),
        "[{\"peer-address\": \"127.0.0.1\", \"peer-as\": 65001, \"state\": \"ESTABLISHED\"}, {\"peer-address\": \"127.0.0.9\", \"peer-as\": 65009, \"state\": \"IDLE\"}]\ndone\n"
    );
    assert_eq!(
        talk.submit("peer show summary"),
        talk.submit("show neighbor summary")
    );
    assert_eq!(talk.submit("rib show out"), talk.submit("show adj-rib out"));
    talk.fake.names = talk
        .fake
        .neighbors
        .iter()
        .map(|neighbor| neighbor.name.clone())
        .collect();
    let shown = value(&talk.submit("peer 127.0.0.9 show"));
    assert_eq!(shown.as_array().map(|peers| peers.len()), Some(1));
    assert_eq!(shown[0]["fsm"], "IDLE");
}

#[test]
fn a_list_of_routes_is_written_in_pieces() {
    let mut talk = talk();
    for number in 0..100 {
        talk.submit(format!(
            "announce route 10.0.{number}.0/24 next-hop 1.2.3.4"
        ));
    }
    let mut out = String::new();
    let outcome = talk.commands.execute(
        b"peer 127.0.0.2 routes list",
        &mut talk.source,
        &mut talk.fake,
        &mut out,
    );
    let Outcome::Listed(mut listing) = outcome else {
        panic!("all at once: {out}");
    };
    let routes = |text: &str| text.matches("index").count();
    assert!(out.starts_with("[{") && routes(&out) < 50, "{out}");
    loop {
        let mut piece = String::new();
        let more = listing.next(&talk.fake, &mut piece);
        assert_eq!(routes(&piece), 1, "{piece}");
        out.push_str(&piece);
        if !more {
            break;
        }
    }
    let list = value(&out);
    assert_eq!(list.as_array().map(|routes| routes.len()), Some(100));
    assert!(out.ends_with("}]\ndone\n"), "{out}");
}

#[test]
fn routes_are_listed_and_removed_by_their_index() {
    let mut talk = talk();
    talk.submit("announce route 10.0.1.0/24 next-hop 1.2.3.4 med 7");
    talk.submit("announce route 2001:db8::/32 next-hop ::1");
    talk.calls();
    let list = value(&talk.submit("peer 127.0.0.2 routes ipv4 unicast list"));
    assert_eq!(list.as_array().map(|routes| routes.len()), Some(1));
    assert_eq!(list[0]["route"], "10.0.1.0/24 next-hop 1.2.3.4 med 7");
    let index = list[0]["index"].as_str().expect("an index");
    assert_eq!(
        talk.submit(format!("peer 127.0.0.2 routes remove index {index}")),
        "done\n"
    );
    assert_eq!(talk.calls(), ["withdraw 10.0.1.0/24 to 0"]);
    assert_eq!(
        talk.submit("peer 127.0.0.2 routes remove index 00"),
        "error\n"
    );
}

#[test]
fn a_group_is_one_step() {
    let mut talk = talk();
    let answer = talk.submit(
        "peer 127.0.0.2 group announce route 10.0.0.0/8 { next-hop 1.2.3.4; med 5; } ; withdraw route 11.0.0.0/8 ; announce eor",
    );
    assert_eq!(
        answer,
        "{\"status\": \"group processed\", \"announced\": 1, \"withdrawn\": 1}\ndone\n"
    );
    assert_eq!(
        talk.calls(),
        [
            "announce 10.0.0.0/8 next-hop 1.2.3.4 med 5 to 0",
            "withdraw 11.0.0.0/8 to 0",
            "eor ipv4 unicast to 0"
        ]
    );
    for line in [
        "group announce route 10.0.0.0/8 next-hop 1.2.3.4 ; announce route 10.0.0.1/8 next-hop 1.2.3.4",
        "group announce route 10.0.0.0/8 next-hop 1.2.3.4 ; shutdown",
        "group announce route 10.0.0.0/8 next-hop 1.2.3.4 ; group start",
        "group end",
    ] {
        assert_eq!(talk.submit(line), "error\n", "{line}");
        assert_eq!(talk.calls(), [""; 0], "{line}");
    }
    assert_eq!(talk.submit("group start"), "done\n");
    assert_eq!(
        talk.submit("announce route 10.0.0.0/8 next-hop 1.2.3.4"),
        ""
    );
    assert_eq!(
        talk.submit("group end"),
        "{\"status\": \"group processed\", \"announced\": 1, \"withdrawn\": 0}\ndone\n"
    );
    assert_eq!(talk.calls().len(), 1);
}

#[test]
fn switches_of_the_conversation() {
    let mut talk = talk();
    assert_eq!(talk.submit("session ack disable"), "done\n");
    assert_eq!(talk.submit("announce eor"), "");
    assert_eq!(talk.submit("session ack enable"), "done\n");
    assert_eq!(talk.submit("session ack silence"), "");
    assert_eq!(talk.submit("session ack enable"), "done\n");
    assert_eq!(talk.submit("session sync enable"), "done\n");
    assert!(talk.source.sync);
    assert_eq!(talk.submit("session reasons enable"), "done\n");
    assert_eq!(
        talk.submit("commit"),
        "error: there is no batch: `begin` opens one\nerror\n"
    );
    assert_eq!(
        talk.submit("session ack-json enable"),
        "{ \"answer\": \"done\", \"message\": \"command completed\" }\n"
    );
    assert_eq!(
        talk.submit("session sync maybe")
            .matches("\"error\"")
            .count(),
        1
    );
}

#[test]
fn peers_are_created_and_deleted() {
    let mut talk = talk();
    let words = "local-address 192.0.2.1 local-as 65000 peer-as 65001";
    for (line, call) in [
        (
            format!("peer create 192.0.2.9 {words}"),
            "create 192.0.2.9 local-address 192.0.2.1; local-as 65000; peer-as 65001; for ",
        ),
        (
            format!(
                "peer create 192.0.2.9 {words} router-id 10.0.0.1 family-allowed ipv4-unicast/ipv6-mpls-vpn graceful-restart 120 api a api b"
            ),
            "create 192.0.2.9 local-address 192.0.2.1; local-as 65000; peer-as 65001; router-id 10.0.0.1; family { ipv4 unicast; ipv6 mpls-vpn;  } capability { graceful-restart 120; } for a,b",
        ),
        ("peer delete 127.0.0.2".to_owned(), "delete 0"),
        ("peer 127.0.0.2 peer-as 65001 delete".to_owned(), "delete 0"),
    ] {
        assert_eq!(talk.submit(&line), "done\n", "{line}");
        assert_eq!(talk.calls(), [call], "{line}");
    }
    for line in [
        "peer create",
        "peer create x",
        "peer create 192.0.2.9 local-as",
        "peer create 192.0.2.9 local-as {",
        "peer create 192.0.2.9 local-as 1;md5-password",
        "peer create 192.0.2.9 md5-password secret",
        "peer create 192.0.2.9 family-allowed ipv4",
        "peer delete 9.9.9.9",
        "peer delete 127.0.0.2 now",
        "peer 127.0.0.2 delete now",
        "delete",
    ] {
        assert_eq!(talk.submit(line), "error\n", "{line}");
        assert_eq!(talk.calls(), [""; 0], "{line}");
    }
}
