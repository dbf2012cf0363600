//! Reloads that change a range: its connected neighbors get what one that connects afterwards gets.

use oxabgp::bgp::Notification;
use oxabgp::bgp::message::MessageType;

use super::control::{Client, start_with};
use super::dynamic::{join, reaches};
use super::{listener, process};
use crate::defects::Table;
use crate::support::daemon::{Daemon, Lab, wait_for};
use crate::support::peer::{RawPeer, announcement};

/// A daemon with a range, and its operator.
pub(crate) struct Stage {
    lab: Lab,
    port: u16,
    pub(crate) daemon: Daemon,
    pub(crate) client: Client,
    /// Written before the range.
    head: String,
    rounds: u8,
}

/// A connected neighbor and the routes that it was sent.
pub(crate) struct Member {
    pub(crate) peer: RawPeer,
    table: Table,
}

fn range(port: u16, body: &str) -> String {
    format!(
        "neighbor 127.0.0.0/8 {{ router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65001; passive; \
         listen {port}; family {{ ipv4 unicast; }} {body} }}\n"
    )
}

/// The statements of `10.N.0.0/16 med M …`.
pub(crate) fn routes(routes: &[&str]) -> String {
    let routes = routes.iter().map(|route| {
        let (prefix, rest) = route.split_once(' ').unwrap_or((route, ""));
        format!("route {prefix} next-hop 192.0.2.1 {rest}; ")
    });
    format!("static {{ {} }}", routes.collect::<String>())
}

impl Stage {
    pub(crate) fn new(body: &str) -> Self {
        Self::with(Lab::new(), String::new(), body)
    }

    pub(crate) fn with(lab: Lab, head: String, body: &str) -> Self {
        let (free, port) = listener();
        drop(free);
        let daemon = start_with(&lab, &(head.clone() + &range(port, body)));
        let client = Client::new(&lab);
        Self {
            lab,
            port,
            daemon,
            client,
            head,
            rounds: 0,
        }
    }

    fn write(&self, body: &str) {
        let text = self.head.clone() + &range(self.port, body);
        self.lab.write("oxabgp.conf", &text);
    }

    pub(crate) fn reload(&self, body: &str) {
        self.write(body);
        self.reload_file();
    }

    fn reload_file(&self) {
        let done = "the configuration is reloaded";
        let before = self.daemon.log().matches(done).count();
        self.daemon.signal("USR1");
        wait_for("the reload", || {
            (self.daemon.log().matches(done).count() > before).then_some(())
        });
    }

    pub(crate) fn put(&mut self, command: &str) {
        assert_eq!(self.client.ask(command), "done\n", "{command}");
    }

    pub(crate) fn join(&self, last: u8) -> Member {
        let (mut peer, mut table) = (join(self.port, last), Table::default());
        table.read_first(&mut peer);
        Member { peer, table }
    }

    /// The routes that each of these has by now, without those that mark the end.
    pub(crate) fn tables(&mut self, members: &mut [&mut Member]) -> Vec<Vec<String>> {
        self.rounds += 1;
        let last = format!("172.16.{}.0/24", self.rounds);
        self.put(&format!("announce route {last} next-hop 192.0.2.9 med 250"));
        let tables = members.iter_mut().map(|member| {
            let mut routes = member.table.read_to(&mut member.peer, &last).without(&last);
            routes.retain(|route| route.starts_with("10."));
            routes
        });
        let tables = tables.collect();
        self.put(&format!("withdraw route {last}"));
        tables
    }
}

#[test]
fn connected_peers_have_what_a_later_one_gets() {
    let first = routes(&["10.1.0.0/16", "10.2.0.0/16 med 1", "10.6.0.0/16 med 1"]);
    let mut stage = Stage::new(&first);
    let (mut a, mut b) = (stage.join(1), stage.join(2));
    for command in [
        "neighbor 127.0.7.1 announce route 10.2.0.0/16 next-hop 192.0.2.1 med 7",
        "neighbor 127.0.7.1 announce route 10.5.0.0/16 next-hop 192.0.2.1 med 7",
        "neighbor 127.0.7.1 withdraw route 10.1.0.0/16",
        "neighbor * announce route 10.6.0.0/16 next-hop 192.0.2.1 med 8",
        "neighbor * announce route 10.7.0.0/16 next-hop 192.0.2.1 med 8",
    ] {
        stage.put(command);
    }
    // 10.7.0.0/16 is the same in the file and of the operator.
    stage.reload(&routes(&[
        "10.2.0.0/16 med 2",
        "10.3.0.0/16 med 2",
        "10.6.0.0/16 med 2",
        "10.7.0.0/16 med 8",
    ]));
    let mut c = stage.join(3);
    let common = [
        "10.3.0.0/16 med 2",
        "10.6.0.0/16 med 8",
        "10.7.0.0/16 med 8",
    ];
    let with = |more: &[&str]| {
        let mut all: Vec<String> = common.iter().chain(more).map(|&one| one.into()).collect();
        all.sort();
        all
    };
    let others = with(&["10.2.0.0/16 med 2"]);
    assert_eq!(
        stage.tables(&mut [&mut a, &mut b, &mut c]),
        [
            with(&["10.2.0.0/16 med 7", "10.5.0.0/16 med 7"]),
            others.clone(),
            others
        ]
    );
    // What is of helpers stays, also with the neighbor that has it from the range.
    stage.reload(&routes(&["10.2.0.0/16 med 3"]));
    let mut d = stage.join(4);
    let kept = ["10.6.0.0/16 med 8", "10.7.0.0/16 med 8"];
    let others = [&["10.2.0.0/16 med 3"][..], &kept].concat();
    let own = [&["10.2.0.0/16 med 7", "10.5.0.0/16 med 7"][..], &kept].concat();
    assert_eq!(
        stage.tables(&mut [&mut a, &mut b, &mut c, &mut d]),
        [own, others.clone(), others.clone(), others]
    );
    // What was withdrawn from one is announced again by a reload, as to any neighbor.
    stage.put("neighbor 127.0.7.2 withdraw route 10.2.0.0/16");
    stage.reload_file();
    let tables = stage.tables(&mut [&mut b]);
    assert_eq!(tables[0][0], "10.2.0.0/16 med 3");
    assert!(!stage.daemon.log().contains("session closed"));
}

#[test]
fn a_return_reaches_connected_peers_of_a_range() {
    let mut stage = Stage::new(&routes(&["10.1.0.0/16", "10.2.0.0/16 med 1"]));
    let mut a = stage.join(1);
    stage.write(&routes(&["10.2.0.0/16 med 2", "10.3.0.0/16"]));
    let answer = stage.client.ask("reload confirm 3600");
    assert_eq!(answer, "reload in progress\ndone\n");
    stage.daemon.logged("the reload has to be confirmed");
    let new = ["10.2.0.0/16 med 2", "10.3.0.0/16"];
    assert_eq!(stage.tables(&mut [&mut a]), [new]);
    let answer = stage.client.ask("reload cancel");
    assert_eq!(answer, "return in progress\ndone\n");
    stage.daemon.logged("the former configuration is back");
    let old = ["10.1.0.0/16", "10.2.0.0/16 med 1"];
    assert_eq!(stage.tables(&mut [&mut a]), [old]);
}

#[test]
fn watchdog_groups_of_a_range_change_for_its_connected_peers() {
    let mut stage = Stage::new(&routes(&[
        "10.1.0.0/16 watchdog dog",
        "10.2.0.0/16 watchdog cat withdraw",
    ]));
    let (mut a, mut b) = (stage.join(1), stage.join(2));
    stage.put("neighbor 127.0.7.1 announce route 10.3.0.0/16 next-hop 192.0.2.1 med 7");
    stage.reload(&routes(&[
        "10.1.0.0/16 med 5 watchdog dog",
        "10.3.0.0/16 med 5 watchdog dog",
        "10.2.0.0/16 med 5 watchdog cat withdraw",
    ]));
    let mut c = stage.join(3);
    let others = ["10.1.0.0/16 med 5", "10.3.0.0/16 med 5"];
    assert_eq!(
        stage.tables(&mut [&mut a, &mut b, &mut c]),
        [["10.1.0.0/16 med 5", "10.3.0.0/16 med 7"], others, others]
    );
    // A group that is announced stays announced, and one that is withdrawn withdrawn.
    stage.put("announce watchdog cat");
    stage.put("withdraw watchdog dog");
    stage.reload(&routes(&[
        "10.1.0.0/16 med 6 watchdog dog",
        "10.2.0.0/16 med 6 watchdog cat withdraw",
    ]));
    let mut d = stage.join(4);
    let tables = stage.tables(&mut [&mut b, &mut c, &mut d]);
    assert_eq!(tables, [["10.2.0.0/16 med 6"]; 3]);
    stage.reload("");
    assert_eq!(stage.tables(&mut [&mut b, &mut c, &mut d]), [[""; 0]; 3]);
}

#[test]
fn the_announce_limit_of_a_range_counts_for_its_connected_peers_after_a_reload() {
    let mut stage = Stage::new(&routes(&["10.1.0.0/16"]));
    let (mut a, mut b) = (stage.join(1), stage.join(2));
    let own = |octet: u8| {
        format!("neighbor 127.0.7.1 announce route 10.{octet}.0.0/16 next-hop 192.0.2.1")
    };
    stage.put(&own(8));
    let limit = "announce-limit { total 3; }";
    stage.reload(&(limit.to_owned() + &routes(&["10.1.0.0/16", "10.2.0.0/16"])));
    assert!(stage.client.ask(&own(9)).contains("error"));
    // One route more is too much for the first, but not for the other and the range.
    let more = routes(&["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]);
    stage.reload(&(limit.to_owned() + &more));
    stage
        .daemon
        .logged("the route is not announced: `10.3.0.0/16`");
    stage.reload(&more);
    stage.put("neighbor 127.0.7.1 withdraw route 10.8.0.0/16");
    let all = ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"];
    assert_eq!(stage.tables(&mut [&mut a, &mut b]), [all; 2]);
}

#[test]
fn settings_of_a_range_reach_connected_peers_by_a_reload() {
    let lab = Lab::new();
    let script = format!("cat > {}", lab.path("received").display());
    let helper = process(&lab, "watcher", &script);
    let stage = Stage::with(lab, helper, "adj-rib-in true;");
    let mut a = stage.join(1);
    let api = "adj-rib-in true; api { processes [ watcher ]; receive { parsed; update; } }";
    stage.reload(api);
    let prefixes = [[16, 10, 1], [16, 10, 2], [16, 10, 3]];
    a.peer
        .send(MessageType::UPDATE, &announcement(65001, &prefixes[0]));
    stage.lab.lines("received", |lines: &[String]| {
        lines.iter().any(|line| line.contains("10.1.0.0/16"))
    });
    stage.reload(&format!("{api} prefix-limit 2;"));
    for prefix in &prefixes[1..] {
        a.peer
            .send(MessageType::UPDATE, &announcement(65001, prefix));
    }
    let notification = a.peer.expect_notification();
    assert_eq!(
        (notification.code, notification.subcode),
        (Notification::CEASE, 1)
    );
}

#[test]
fn a_peer_of_a_range_is_closed_if_its_session_would_be_another() {
    let stage = Stage::new("");
    let (mut a, mut b) = (stage.join(1), stage.join(2));
    stage.reload("hold-time 60;");
    for member in [&mut a, &mut b] {
        let notification = member.peer.expect_notification();
        assert_eq!(
            (notification.code, notification.subcode),
            (Notification::CEASE, Notification::CONFIGURATION_CHANGE)
        );
    }
    let mut a = stage.join(1);
    // The range is gone, and so are its neighbors.
    let elsewhere = range(stage.port, "").replace("127.0.0.0/8", "127.200.0.0/16");
    stage.lab.write("oxabgp.conf", &elsewhere);
    stage.reload_file();
    let notification = a.peer.expect_notification();
    assert_eq!(
        (notification.code, notification.subcode),
        (Notification::CEASE, Notification::DE_CONFIGURED)
    );
}

#[test]
fn the_youngest_peers_of_a_range_are_closed_by_a_lower_limit() {
    let mut stage = Stage::new("");
    let mut old = [stage.join(5), stage.join(3)];
    let mut young = [stage.join(1), stage.join(9)];
    stage.reload("dynamic-limit 4;");
    stage.put("announce route 10.1.0.0/16 next-hop 192.0.2.1");
    stage.reload("dynamic-limit 2;");
    for member in &mut young {
        let notification = member.peer.expect_notification();
        assert_eq!(
            (notification.code, notification.subcode),
            (Notification::CEASE, Notification::OUT_OF_RESOURCES)
        );
    }
    let [a, b] = &mut old;
    assert_eq!(stage.tables(&mut [a, b]), [["10.1.0.0/16"]; 2]);
    // There is no room for those who come back, until there is.
    let mut again = RawPeer::connect_from("127.0.7.1", ([127, 0, 0, 1], stage.port).into());
    assert_eq!(again.expect_notification().subcode, Notification::REJECTED);
    stage.reload("dynamic-limit 3;");
    let mut c = stage.join(1);
    assert_eq!(stage.tables(&mut [&mut c]), [["10.1.0.0/16"]]);
}

#[test]
fn the_md5_key_of_a_range_is_replaced_by_a_reload() {
    if !crate::speaker::signs() {
        return;
    }
    let stage = Stage::new("md5-password first;");
    assert!(reaches(stage.port, Some(b"first")));
    stage.reload("md5-password second;");
    assert!(reaches(stage.port, Some(b"second")));
    assert!(!reaches(stage.port, Some(b"first")));
    stage.reload("");
    assert!(reaches(stage.port, None));
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test is reported")]
fn a_key_that_the_kernel_refuses_lets_nobody_in() {
    if !oxabgp::speaker::connect::md5_supported() || oxabgp::speaker::connect::ao_supported() {
        eprintln!("SKIP: needs a kernel with MD5 signatures and without TCP-AO");
        return;
    }
    let ao = "tcp-ao { keyid 1; algorithm hmac-sha-1-96; password secret; }";
    let stage = Stage::new("md5-password first;");
    for round in 1..=2 {
        stage.reload(ao);
        let failures = stage.daemon.log().matches("could not be changed").count();
        // The next reload tries again.
        assert_eq!(failures, round, "{}", stage.daemon.log());
        assert!(!reaches(stage.port, None) && reaches(stage.port, Some(b"first")));
    }
    // A range that is new is not there without its key.
    let text = range(stage.port, ao).replace("127.0.0.0/8", "127.0.0.0/9");
    stage.lab.write("oxabgp.conf", &text);
    let failures = || {
        let log = stage.daemon.log();
        log.matches("this kernel has no TCP authentication option")
            .count()
    };
    for _ in 0..2 {
        let before = failures();
        stage.reload_file();
        // The second time nobody listens yet.
        assert!(failures() > before, "{}", stage.daemon.log());
        assert!(!reaches(stage.port, None));
    }
}
