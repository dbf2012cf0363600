//! `show …`, compared with the answers of ExaBGP 5.0.15 in the same state.

use std::net::Ipv6Addr;

use oxabgp::api::RoutesJson;
use oxabgp::bgp::zone::{Zone, Zoned};

use super::fake::Talk;
use super::state::Neighbor;

fn talk() -> Talk {
    let mut talk = Talk::new();
    talk.fake.neighbors = vec![Neighbor::established(), Neighbor::idle()];
    talk
}

/// Commands and answers of the recording, with the ages that differ between answers replaced by those of [`talk`].
fn recorded() -> Vec<(&'static str, String)> {
    let text = include_str!("../../data/api/show.txt");
    let blocks = text
        .split("\n>>> ")
        .skip(1)
        .filter_map(|block| block.split_once('\n'));
    let ages = |answer: &str| {
        let mut answer = answer.trim_end_matches('\n').replace("0:00:05", "0:00:06") + "\n";
        for seconds in [5, 7, 8] {
            answer = answer.replace(
                &format!("\"up\", \"duration\": {seconds},"),
                "\"up\", \"duration\": 6,",
            );
        }
        answer
    };
    blocks
        .map(|(command, answer)| (command, ages(answer)))
        .collect()
}

#[test]
fn answers_are_exabgps_to_the_byte() {
    let mut seen = 0;
    for (command, wanted) in recorded() {
        let mut talk = talk();
        for route in [
            "announce route 10.0.1.0/24 next-hop 1.2.3.4 med 7 community 65000:1",
            "announce route 10.0.2.0/24 next-hop 1.2.3.4 path-information 1.2.3.4",
            "announce route 2001:db8::/32 next-hop 2001:db8::1",
        ] {
            assert_eq!(talk.submit(route), "done\n");
        }
        // The recording also contains a FlowSpec route.
        let lines = wanted
            .lines()
            .filter(|line| !line.contains("ipv4 flow flow"));
        let wanted: String = lines.flat_map(|line| [line, "\n"]).collect();
        assert_eq!(talk.submit(command), wanted, "{command}");
        seen += 1;
    }
    assert_eq!(seen, 19);
}

#[test]
fn an_as_that_is_not_known_yet_is_shown_and_stops_nothing() {
    let mut talk = talk();
    talk.fake.neighbors.push(Neighbor::unknown());
    let summary = talk.submit("show neighbor summary");
    assert!(
        summary.contains("127.0.0.10      auto         down idle                  0          0\n"),
        "{summary}"
    );
    let json = talk.submit("show neighbor json");
    let value: serde_json::Value =
        serde_json::from_str(json.lines().next().expect("a line")).expect("valid JSON");
    assert!(value[2]["peer"]["as"].is_null() && value[2]["local"]["address"].is_null());
    assert!(
        talk.submit("show neighbor extensive")
            .contains("   AS                              auto            auto")
    );
}

#[test]
fn ages_of_days() {
    for (seconds, wanted) in [
        (0, "down"),
        (1, "0:00:01"),
        (3_661, "1:01:01"),
        (86_400, "1 day, 0:00:00"),
        (200_000, "2 days, 7:33:20"),
    ] {
        let mut talk = talk();
        talk.fake.neighbors[0].seconds = seconds;
        let summary = talk.submit("show neighbor summary 127.0.0.1");
        assert!(
            summary.contains(&format!(" {wanted} established")),
            "{summary}"
        );
    }
}

#[test]
fn an_address_means_its_neighbour_and_not_those_that_begin_like_it() {
    let mut talk = talk();
    talk.fake.neighbors.push(Neighbor::unknown());
    talk.submit("announce route 10.0.1.0/24 next-hop 1.2.3.4");
    assert_eq!(
        talk.submit("show adj-rib out 127.0.0.1"),
        "127.0.0.1 ipv4 unicast 10.0.1.0/24 next-hop 1.2.3.4\ndone\n"
    );
    assert_eq!(talk.submit("show adj-rib out 127.0.0.").lines().count(), 4);
}

#[test]
fn extensive_json_lines_carry_the_neighbour() {
    let mut talk = talk();
    talk.submit("announce route 10.0.1.0/24 next-hop 1.2.3.4");
    let answer = talk.submit("show adj-rib out 127.0.0.1 json extensive");
    let value: serde_json::Value =
        serde_json::from_str(answer.lines().next().expect("a line")).expect("valid JSON");
    assert_eq!(value["127.0.0.1"]["routes"][0]["prefix"], "10.0.1.0/24");
    assert_eq!(value["127.0.0.1"]["fsm"], "ESTABLISHED");
}

#[test]
fn configuration_of_the_neighbours_that_fit() {
    let mut talk = talk();
    assert_eq!(
        talk.submit("show neighbor configuration"),
        "neighbor 0 {\n}\nneighbor 1 {\n}\ndone\n"
    );
    assert_eq!(
        talk.submit("show neighbor 127.0.0.9 configuration"),
        "neighbor 1 {\n}\ndone\n"
    );
}

/// Recorded from 5.0.15 with `exabgp.api.show-routes-format` = v2.
#[test]
fn routes_with_their_attributes() {
    let mut talk = talk();
    talk.source.routes_json = RoutesJson::V2;
    for route in [
        "announce route 10.0.1.0/24 next-hop 1.2.3.4 med 7 community [ 65000:1 no-export ] large-community [ 1:2:3 4:5:6 ] extended-community [ target:1:1 origin:2:2 ] aggregator ( 65000:1.2.3.4 ) as-path [ 1 2 ] originator-id 1.1.1.1 cluster-list [ 2.2.2.2 3.3.3.3 ] atomic-aggregate",
        "announce route 10.0.2.0/24 next-hop 1.2.3.4 label 5 rd 1:1",
        "announce flow route source 10.0.0.0/24 destination-port =8080 rate-limit 9600",
        "announce vpls rd 1:1 endpoint 5 base 100 offset 1 size 8 next-hop 1.1.1.1",
    ] {
        assert_eq!(talk.submit(route), "done\n", "{:?}", talk.last);
    }
    let answer = talk.submit("show adj-rib out 127.0.0.9 json");
    let wanted = [
        r#"{"peer": {"address": "127.0.0.9"}, "route": {"nlri": {"prefix": "10.0.1.0/24", "nexthop": "1.2.3.4", "family": {"afi": "ipv4", "safi": "unicast"}}, "attributes": {"as-path": {"0": {"element": "as-sequence", "value": [1, 2]}}, "med": 7, "atomic-aggregate": true, "aggregator": "65000:1.2.3.4", "community": ["65000:1", "no-export"], "originator-id": "1.1.1.1", "cluster-list": ["2.2.2.2", "3.3.3.3"], "extended-community": ["target:1:1", "origin:2:0.0.0.2"], "large-community": ["1:2:3", "4:5:6"]}}}"#,
        r#"{"peer": {"address": "127.0.0.9"}, "route": {"nlri": {"prefix": "10.0.2.0/24", "nexthop": "1.2.3.4", "family": {"afi": "ipv4", "safi": "mpls-vpn"}, "label": [[5]], "rd": "1:1"}, "attributes": {}}}"#,
        r#"{"peer": {"address": "127.0.0.9"}, "route": {"nlri": {"rules": {"source-ipv4": ["10.0.0.0/24"], "destination-port": ["=8080"]}, "nexthop": null, "rd": null, "family": {"afi": "ipv4", "safi": "flow"}}, "attributes": {"extended-community": ["rate-limit:9600"]}}}"#,
        r#"{"peer": {"address": "127.0.0.9"}, "route": {"nlri": {"rd": "1:1", "endpoint": 5, "base": 100, "offset": 1, "size": 8, "nexthop": "1.1.1.1", "family": {"afi": "l2vpn", "safi": "vpls"}}, "attributes": {}}}"#,
        "done",
    ];
    assert_eq!(answer.lines().collect::<Vec<_>>(), wanted);
    let extensive = talk.submit("show adj-rib out 127.0.0.1 json extensive");
    let value: serde_json::Value =
        serde_json::from_str(extensive.lines().next().expect("a line")).expect("valid JSON");
    assert_eq!(value["peer"]["address"], "127.0.0.1");
    assert!(extensive.starts_with(r#"{"peer": {"capabilities": "#));
    assert_eq!(value["route"]["nlri"]["prefix"], "10.0.1.0/24");
}

/// The first neighbor at an IPv6 address, perhaps with a zone.
fn talk_at(address: &str, zone: Option<&str>) -> Talk {
    let mut talk = talk();
    let zone = zone.map(|name| Zone::new(name).expect("a zone"));
    let address: Ipv6Addr = address.parse().expect("an address");
    let neighbor = &mut talk.fake.neighbors[0];
    neighbor.link = Some((address, zone));
    let shown = Zoned(address.into(), zone).to_string();
    neighbor.name = neighbor.name.replace("127.0.0.1", &shown);
    talk
}

#[test]
fn a_table_of_neighbors_has_columns_as_wide_as_needed() {
    let mut talk = talk();
    let answer = talk.submit("show neighbor table");
    let lines: Vec<&str> = answer.lines().collect();
    assert_eq!(lines[0], "Neighbor      AS  State        For  Recv  Sent");
    assert!(
        lines[1].starts_with("127.0.0.1  65001  established   6s "),
        "{answer}"
    );
    assert_eq!((lines.len(), lines[3]), (4, "done"), "{answer}");
    assert_eq!(talk.submit("peer show table"), answer);
    let one = talk.submit("show neighbor 127.0.0.1 table");
    assert_eq!(one.lines().count(), 3, "{one}");
    let long = "2001:db8:1111:2222:3333:4444:5555:6666";
    let answer = talk_at(long, None).submit("show neighbor table");
    let lines: Vec<&str> = answer.lines().collect();
    assert_eq!(lines.len(), 4, "{answer}");
    assert!(
        lines[1].starts_with(&format!("{long}  65001  established")),
        "{answer}"
    );
    assert!(lines.iter().all(|line| line.len() <= 80), "{answer}");
    // What ExaBGP answers stays.
    assert!(
        talk.submit("show neighbor")
            .starts_with("please specify summary")
    );
}

#[test]
fn next_hop_self_is_shown_as_it_is_sent() {
    let mut talk = talk_at("2001:db8::1", None);
    for route in [
        "announce route 10.0.1.0/24 next-hop self",
        "announce route 10.0.2.0/24 rd 1:1 label 5 next-hop self",
        "announce route 2001:db8:1::/48 next-hop self",
    ] {
        assert_eq!(talk.submit(route), "done\n", "{route}");
    }
    let wanted = [
        "2001:db8::1 ipv4 unicast 10.0.1.0/24 next-hop 10.0.0.1",
        "2001:db8::1 ipv4 mpls-vpn 10.0.2.0/24 label 5 next-hop 10.0.0.1 rd 1:1",
        "2001:db8::1 ipv6 unicast 2001:db8:1::/48 next-hop 2001:db8::1",
        "done",
    ];
    let answer = talk.submit("show adj-rib out 2001:db8::1");
    assert_eq!(answer.lines().collect::<Vec<_>>(), wanted);
    talk.source.routes_json = RoutesJson::V2;
    let json = talk.submit("show adj-rib out 2001:db8::1 json");
    assert_eq!(
        json.matches(r#""nexthop": "10.0.0.1""#).count(),
        2,
        "{json}"
    );
    assert_eq!(
        json.matches(r#""nexthop": "2001:db8::1""#).count(),
        1,
        "{json}"
    );
}

#[test]
fn an_address_without_a_zone_is_that_of_any_link() {
    let mut talk = talk_at("fe80::1", Some("eth0"));
    talk.submit("announce route 10.0.1.0/24 next-hop 1.2.3.4");
    let mut other = Neighbor::established();
    other.link = Some(("fe80::12".parse().expect("an address"), Zone::new("eth0")));
    other.name = "neighbor fe80::12%eth0 local-ip fe80::12%eth0".to_owned();
    talk.fake.neighbors.push(other);
    for (limit, rows) in [
        ("fe80::1", 1),
        ("fe80::1%eth0", 1),
        ("fe80:0::1", 1),
        ("fe80::1%eth1", 0),
        ("fe80::2", 0),
    ] {
        let answer = talk.submit(format!("show neighbor {limit} summary"));
        assert_eq!(answer.lines().count(), 2 + rows, "{limit}: {answer}");
        assert_eq!(answer.contains("fe80::1%eth0 "), rows == 1, "{limit}");
        let answer = talk.submit(format!("show adj-rib out {limit}"));
        assert_eq!(answer.lines().count(), 1 + rows, "{limit}: {answer}");
        for form in ["extensive", "configuration"] {
            let answer = talk.submit(format!("show neighbor {limit} {form}"));
            assert_eq!(answer != "done\n", rows == 1, "{limit}: {answer}");
        }
    }
}
