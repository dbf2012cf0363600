//! Routes with a lifetime, and those of helpers that die.

use oxabgp::bgp::message::MessageType;

use super::control::{Client, start_with};
use super::upgrade::upgrade;
use super::{announced, listener, neighbor, process, session, update, with_helper};
use crate::support::daemon::{Daemon, Lab, wait_for};

#[test]
fn a_route_ends_with_its_lifetime_unless_it_is_announced_again() {
    let lab = Lab::new();
    let log = lab.path("events");
    let script = format!(
        "cat > {} &\n\
         echo 'announce route 10.0.0.0/8 next-hop self lifetime 2s'\n\
         echo 'announce route 11.0.0.0/8 next-hop self lifetime 2'\n\
         for i in 1 2 3 4 5 6; do sleep 0.5; echo 'announce route 11.0.0.0/8 next-hop self'; done\n\
         echo 'announce route 11.0.0.0/8 next-hop self lifetime forever'\n\
         echo 'announce route 12.0.0.0/8 next-hop self lifetime 1s sync'\n\
         echo 'announce route 13.0.0.0/8 next-hop self lifetime soon'\n\
         wait",
        log.display()
    );
    let (daemon, mut peer) =
        with_helper(&lab, &script.replace("cat >", "exec 3<&0; cat <&3 >"), "");
    let mut bodies = Vec::new();
    wait_for("the end of the last lease", || {
        let body = peer.expect(MessageType::UPDATE);
        let ended = body == [&[0, 2, 8, 12][..], &[0, 0]].concat();
        bodies.push(body);
        ended.then_some(())
    });
    let with = |nlri: &[u8]| bodies.iter().filter(|body| body.ends_with(nlri)).count();
    // Renewing sends nothing.
    assert_eq!((with(&[8, 11]), with(&[8, 12])), (1, 1));
    let withdrawals: Vec<&[u8]> = bodies
        .iter()
        .filter(|body| body[..2] != [0, 0])
        .map(|body| &body[2..4])
        .collect();
    assert_eq!(withdrawals, [[8, 10], [8, 12]]);
    let events = lab.lines("events", |lines| {
        lines
            .iter()
            .filter(|line| line.contains("\"lease\""))
            .count()
            == 2
    });
    let event: serde_json::Value = events
        .iter()
        .find(|line| line.contains("\"lease\""))
        .and_then(|line| serde_json::from_str(line).ok())
        .expect("an event");
    assert_eq!(event["type"], "lease");
    assert_eq!(event["lease"]["family"], "ipv4 unicast");
    assert_eq!(event["lease"]["ended"], "10.0.0.0/8");
    let neighbors = serde_json::json!(["127.0.0.1"]);
    assert_eq!(event["lease"]["neighbors"], neighbors);
    assert!(events.contains(&"error".to_owned()), "{events:?}");
    daemon.logged("leases have ended process=helper routes=1 first=10.0.0.0/8");
}

#[test]
fn the_event_names_the_neighbors_also_as_text_and_for_sets() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let script = format!(
        "exec 3<&0\ncat <&3 > {} &\n\
         echo 'neighbor 127.0.0.2 announce route 10.0.0.0/8 next-hop 192.0.2.1 lifetime 1s'\n\
         echo 'set edge put web route 11.0.0.0/8 next-hop 192.0.2.1 lifetime 1s'\nwait",
        lab.path("events").display()
    );
    let body = "api { processes [ helper ]; }";
    let others: String = (2..=70)
        .map(|last| neighbor(port, body).replace("127.0.0.1 {", &format!("127.0.0.{last} {{")))
        .collect();
    let helper = process(&lab, "helper", &script).replace("encoder json;", "encoder text;");
    let _daemon = Daemon::start(&lab, &(helper + &neighbor(port, body) + &others));
    let events = lab.lines("events", |lines| {
        let leases = lines.iter().filter(|line| line.starts_with("lease"));
        leases.count() == 2
    });
    let wanted = "lease ended ipv4 unicast 10.0.0.0/8 neighbors 127.0.0.2";
    assert!(events.iter().any(|line| line == wanted), "{events:?}");
    let all = events.iter().find(|line| line.contains("11.0.0.0/8"));
    let all = all.expect("the route of the set");
    assert!(
        all.contains("neighbors 127.0.0.1 127.0.0.2 ") && all.ends_with(" and 6 more"),
        "{all}"
    );
}

#[test]
fn leases_are_listed_with_their_owners_and_the_time_that_is_left() {
    const ROUTES: usize = 2_000;
    let lab = Lab::new();
    let (_listener, port) = listener();
    let script = "echo 'announce route 10.0.0.0/8 next-hop 192.0.2.1 lifetime 1h'\n\
                  echo 'announce route 11.0.0.0/8 next-hop 192.0.2.1'\n\
                  echo 'set edge put web neighbor 127.0.0.2 route 12.0.0.0/8 next-hop 192.0.2.1 lifetime 2h'\ncat > /dev/null";
    let body = "api { processes [ helper ]; }";
    let second = neighbor(port, body).replace("127.0.0.1 {", "127.0.0.2 {");
    let configuration = process(&lab, "helper", script) + &neighbor(port, body) + &second;
    let _daemon = start_with(&lab, &configuration);
    let mut client = Client::new(&lab);
    let json = |client: &mut Client| {
        let text = client.ask("show leases json");
        let list = text.strip_suffix("done\n").expect("an answer");
        let list: Vec<serde_json::Value> = serde_json::from_str(list).expect("an array");
        list
    };
    let list = wait_for("both leases", || {
        Some(json(&mut client)).filter(|list| list.len() == 2)
    });
    for (lease, (route, owner, neighbors, hours)) in list.iter().zip([
        ("10.0.0.0/8", "helper", &["127.0.0.1", "127.0.0.2"][..], 1),
        ("12.0.0.0/8", "set edge web", &["127.0.0.2"][..], 2),
    ]) {
        assert_eq!(lease["route"], route);
        assert_eq!(lease["family"], "ipv4 unicast");
        assert_eq!(lease["owner"], owner);
        assert_eq!(lease["neighbors"], serde_json::json!(neighbors));
        let left = lease["left"].as_u64().expect("seconds");
        assert!(
            (hours * 3600 - 120..=hours * 3600).contains(&left),
            "{left}"
        );
    }
    let text = client.ask("show leases");
    let lines: Vec<&str> = text.lines().collect();
    let begins = "ipv4 unicast 10.0.0.0/8 left 3";
    assert!(lines[0].starts_with(begins), "{text}");
    let ends = " owner helper neighbors 127.0.0.1 127.0.0.2";
    assert!(lines[0].ends_with(ends), "{text}");
    assert_eq!((lines.len(), lines[2]), (3, "done"));
    // More than in one turn.
    let mut lines = String::from("begin\n");
    for route in 0..ROUTES {
        let (high, low) = (route >> 8, route & 0xFF);
        lines += &format!("announce route 13.{high}.{low}.0/24 next-hop 192.0.2.1 lifetime 1h\n");
    }
    client.submit(&lines);
    client.ask("commit");
    assert_eq!(json(&mut client).len(), ROUTES + 2);
    client.ask("clear adj-rib out");
    assert_eq!(json(&mut client).len(), 0);
    assert_eq!(client.ask("show leases xml"), "error\n");
}

#[test]
fn the_route_of_the_configuration_comes_back() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let body = "static { route 10.0.0.0/8 next-hop self med 7; }";
    let _daemon = start_with(&lab, &neighbor(port, body));
    let mut peer = session(&listener);
    announced(&mut peer, &[8, 10]);
    let answer = Client::new(&lab).ask("announce route 10.0.0.0/8 next-hop self med 9 lifetime 1s");
    assert_eq!(answer, "done\n");
    // MED, 4 bytes.
    let has = |body: &[u8], med: u8| {
        body.windows(7)
            .any(|part| part == [0x80, 4, 4, 0, 0, 0, med])
    };
    assert!(has(&update(&mut peer), 9));
    let back = update(&mut peer);
    assert!(has(&back, 7) && back.ends_with(&[8, 10]), "{back:02x?}");
}

#[test]
fn a_batch_has_lifetimes_of_its_own() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, ""));
    let mut peer = session(&listener);
    let mut client = Client::new(&lab);
    for line in [
        "begin",
        "announce route 10.0.0.0/8 next-hop self lifetime 1s",
        "announce route 11.0.0.0/8 next-hop self",
        "announce flow route destination 192.0.2.0/24 discard lifetime 1h",
        "commit",
    ] {
        client.ask(line);
    }
    let text = wait_for("the end of the lease", || {
        let text = client.ask("show adj-rib out");
        (!text.contains("10.0.0.0/8")).then_some(text)
    });
    assert!(text.contains("11.0.0.0/8"), "{text}");
    update(&mut peer);
}

#[test]
fn routes_of_a_helper_that_died_end_unless_it_announces_them_again() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let (first, go) = (lab.path("first"), lab.path("go"));
    let script = format!(
        "echo 'announce route 10.0.0.0/8 next-hop self'\n\
         if [ -e {first} ]; then exec sleep 1000; fi\n\
         echo 'announce route 11.0.0.0/8 next-hop self'\n\
         while [ ! -e {go} ]; do sleep 0.05; done\n\
         touch {first}\nexit 1",
        first = first.display(),
        go = go.display()
    );
    let configuration = process(&lab, "helper", &script)
        .replace("encoder json;", "encoder json; on-death withdraw-after 1;")
        + &neighbor(port, "api { processes [ helper ]; }");
    let daemon = Daemon::start(&lab, &configuration);
    let mut peer = session(&listener);
    update(&mut peer);
    lab.write("go", "");
    // Perhaps the second route is in an UPDATE of its own.
    wait_for("the withdrawal", || {
        (peer.expect(MessageType::UPDATE) == [0, 2, 8, 11, 0, 0]).then_some(())
    });
    daemon.logged("leases have ended process=helper routes=1 first=11.0.0.0/8");
    assert!(!daemon.log().contains("first=10.0.0.0/8"));
    assert!(!daemon.log().contains("goes on"));
}

#[test]
fn routes_of_a_killed_helper_end_even_if_its_children_keep_its_output_open() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = format!(
        "echo 'announce route 10.0.0.0/8 next-hop self'\nsleep 1000 &\necho $$ > {}\nwait",
        lab.path("pid").display()
    );
    let configuration = process(&lab, "helper", &script)
        .replace("encoder json;", "encoder json; on-death withdraw-after 1;")
        + &neighbor(port, "api { processes [ helper ]; }");
    let daemon = Daemon::start(&lab, &configuration);
    let mut peer = session(&listener);
    announced(&mut peer, &[8, 10]);
    let pid = lab.lines("pid", |lines| !lines.is_empty())[0].clone();
    let pid = nix::unistd::Pid::from_raw(pid.parse().expect("a number"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("it runs");
    wait_for("the withdrawal", || {
        (peer.expect(MessageType::UPDATE) == [0, 2, 8, 10, 0, 0]).then_some(())
    });
    let log = daemon.logged("leases have ended process=helper routes=1");
    assert!(
        log.contains(
            "the helper ended: signal: 9 (SIGKILL); what it has left in the background goes on"
        ),
        "{log}"
    );
}

#[test]
fn what_a_start_script_has_left_in_the_background_keeps_its_routes() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let (go, end) = (lab.path("go"), lab.path("end"));
    let script = format!(
        "echo 'announce route 10.0.0.0/8 next-hop self'\n\
         (while [ ! -e {go} ]; do sleep 0.05; done; echo 'announce route 11.0.0.0/8 next-hop self'\n\
         while [ ! -e {end} ]; do sleep 0.05; done; echo 'announce route 12.0.0.0/8 next-hop self lifetime 3s'\n\
         exec sleep 1000) &\nexit 0",
        go = go.display(),
        end = end.display()
    );
    let configuration = process(&lab, "helper", &script)
        .replace("encoder json;", "encoder json; on-death withdraw-after 2;")
        + &neighbor(port, "api { processes [ helper ]; }");
    let daemon = start_with(&lab, &configuration);
    let goes_on = "what it has left in the background goes on";
    daemon.logged(goes_on);
    lab.write("go", "");
    daemon.logged("leases have ended process=helper routes=1 first=10.0.0.0/8");
    // The next process of the daemon finds it as this one has.
    upgrade(&lab, &daemon);
    lab.write("end", "");
    let log = daemon.logged("leases have ended process=helper routes=1 first=12.0.0.0/8");
    assert_eq!(log.matches(goes_on).count(), 1, "{log}");
    let text = Client::new(&lab).ask("show adj-rib out");
    assert!(
        text.contains("11.0.0.0/8") && !text.contains("10.0.0.0/8"),
        "{text}"
    );
}

#[test]
fn without_the_setting_routes_of_a_dead_helper_stay() {
    let lab = Lab::new();
    let script = "echo 'announce route 10.0.0.0/8 next-hop self lifetime 3s'\necho 'announce route 11.0.0.0/8 next-hop self'\nexit 0";
    let (listener, port) = listener();
    let configuration = process(&lab, "helper", script)
        .replace("encoder json;", "encoder json; respawn false;")
        + &neighbor(port, "api { processes [ helper ]; }");
    let _daemon = Daemon::start(&lab, &configuration);
    let mut peer = session(&listener);
    // A lease ends even if its owner is gone; the other route stays.
    wait_for("the withdrawal", || {
        let body = peer.expect(MessageType::UPDATE);
        assert_ne!(body, [0, 2, 8, 11, 0, 0]);
        (body == [0, 2, 8, 10, 0, 0]).then_some(())
    });
}

#[test]
fn many_leases_that_end_together_fill_their_messages() {
    const ROUTES: u32 = 20_000;
    let lab = Lab::new();
    let (listener, port) = listener();
    // In a few lines, so that all of them are announced at nearly the same time.
    let script = "awk 'BEGIN { for (i = 0; i < 80; i++) { printf \"announce attributes next-hop self nlri\"; \
                  for (j = 0; j < 250; j++) printf \" 10.%d.%d.0/24\", i, j; print \" lifetime 5s\" } }'\nexec sleep 1000";
    let configuration =
        process(&lab, "helper", script) + &neighbor(port, "api { processes [ helper ]; }");
    let _daemon = Daemon::start(&lab, &configuration);
    let mut peer = session(&listener);
    let (mut routes, mut messages) = (0, 0);
    while routes < ROUTES {
        let body = peer.expect(MessageType::UPDATE);
        let length = u32::from(u16::from_be_bytes([body[0], body[1]]));
        if length > 0 {
            routes += length / 4;
            messages += 1;
        }
    }
    assert_eq!(routes, ROUTES);
    // About a thousand fit into one message.
    assert!(messages < ROUTES / 200, "{messages} messages");
}

#[test]
fn leases_that_end_together_fill_the_updates() {
    const ROUTES: usize = 20_000;
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, ""));
    let mut peer = session(&listener);
    let mut client = Client::new(&lab);
    let mut lines = String::from("begin\n");
    for route in 0..ROUTES {
        let (high, low) = (route >> 8, route & 0xFF);
        lines += &format!("announce route 10.{high}.{low}.0/24 next-hop 192.0.2.1 lifetime 3s\n");
    }
    client.submit(&lines);
    client.ask("commit");
    let (mut withdrawn, mut messages) = (0, 0);
    while withdrawn < ROUTES {
        let body = peer.expect(MessageType::UPDATE);
        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
        withdrawn += length / 4;
        messages += usize::from(length > 0);
    }
    // Four bytes a route: 1,018 fit in a message of 4,096 bytes.
    let full = ROUTES.div_ceil(1_018);
    assert!(messages <= full + 4, "{messages} messages, {full} would do");
}

#[test]
fn what_a_watchdog_announces_returns_at_the_end_of_a_lease() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let route = "static { route 10.1.0.0/16 next-hop 192.0.2.1 med 9 watchdog dns; }";
    let _daemon = start_with(&lab, &neighbor(port, route));
    let mut peer = session(&listener);
    let med = |body: &[u8]| {
        let attribute = body.windows(3).position(|part| part == [0x80, 4, 4]);
        attribute.map(|at| body[at + 6])
    };
    assert_eq!(med(&update(&mut peer)), Some(9));
    let mut client = Client::new(&lab);
    client.ask("announce route 10.1.0.0/16 next-hop 192.0.2.1 med 1 lifetime 1");
    assert_eq!(med(&update(&mut peer)), Some(1));
    assert_eq!(med(&update(&mut peer)), Some(9));
    // A withdrawn group announces nothing.
    client.ask("withdraw watchdog dns");
    super::withdrawn(&mut peer, &[16, 10, 1]);
    client.ask("announce route 10.1.0.0/16 next-hop 192.0.2.1 med 1 lifetime 1");
    assert_eq!(med(&update(&mut peer)), Some(1));
    super::withdrawn(&mut peer, &[16, 10, 1]);
}
