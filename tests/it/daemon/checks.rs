//! Health checks of the configuration, from the point of view of a peer and of an operator.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use oxabgp::bgp::message::MessageType;
use serde_json::Value;

use super::control::{Client, start_with};
use super::{announced, listener, neighbor, session, update, withdrawn};
use crate::support::daemon::{Lab, wait_for};

/// Fast checks, which do not make a test slow.
const FAST: &str = "interval 0.1; fast-interval 0.1; rise 2; fall 2;";

/// A check that succeeds while a file exists.
pub(crate) fn check(lab: &Lab, name: &str, more: &str) -> String {
    let file = lab.path(name);
    format!(
        "check {name} {{ command \"test -e {}\"; {FAST} {more} }}\n",
        file.display()
    )
}

pub(crate) fn create(lab: &Lab, name: &str) {
    lab.write(name, "");
}

pub(crate) fn remove(lab: &Lab, name: &str) {
    std::fs::remove_file(lab.path(name)).expect("it is there");
}

/// What `show checks json` has of a check.
pub(crate) fn shown(lab: &Lab, name: &str) -> Value {
    let answer = Client::new(lab).ask("show checks json");
    let line = answer.lines().next().expect("a line");
    let all: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("JSON: {answer}"));
    let all = all.as_array().expect("a list");
    let found = all.iter().find(|check| check["name"] == name);
    found.cloned().unwrap_or_default()
}

pub(crate) fn wait_state(lab: &Lab, name: &str, state: &str) {
    wait_for(&format!("{name} to be {state}"), || {
        (shown(lab, name)["state"] == state).then_some(())
    });
}

/// Waits until a check was carried out so many more times.
pub(crate) fn carried_out(lab: &Lab, name: &str, more: u64) {
    let count = || {
        let check = shown(lab, name);
        let failures = check["failures"].as_object().expect("failures");
        let bad: u64 = failures.values().filter_map(Value::as_u64).sum();
        bad + check["good"].as_u64().expect("a number")
    };
    let before = count();
    wait_for("more checks", || (count() >= before + more).then_some(()));
}

#[test]
fn routes_are_announced_while_the_service_is_up() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let text = check(
        &lab,
        "web",
        "route 10.9.8.0/24 next-hop self community 65001:1; down withdraw;",
    ) + &neighbor(port, "");
    let daemon = start_with(&lab, &text);
    let mut peer = session(&listener);
    wait_state(&lab, "web", "DOWN");
    // Nothing was ever announced: the first UPDATE with routes comes when the service is up.
    create(&lab, "web");
    let body = update(&mut peer);
    assert!(body.ends_with(&[24, 10, 9, 8]), "{body:02x?}");
    assert!(body.windows(4).any(|four| four == [0xfd, 0xe9, 0, 1]));
    daemon.logged("the service is up check=web");
    let table = Client::new(&lab).ask("show checks");
    assert!(
        table.starts_with("Check") && table.contains("1 announced"),
        "{table}"
    );
    remove(&lab, "web");
    withdrawn(&mut peer, &[24, 10, 9, 8]);
    assert!(
        daemon
            .logged("the service is down")
            .contains("exit status: 1")
    );
    assert_eq!(shown(&lab, "web")["routes"], 0);
    assert_eq!(shown(&lab, "web")["changes"], 3);
}

#[test]
fn routes_that_commands_have_withdrawn_or_replaced_are_not_shown_as_announced() {
    let lab = Lab::new();
    let (listener, port) = listener();
    create(&lab, "web");
    let text = check(
        &lab,
        "web",
        "route 10.9.8.0/24 next-hop self; route 10.9.9.0/24 next-hop self; down withdraw;",
    ) + &neighbor(port, "");
    let _daemon = start_with(&lab, &text);
    let mut peer = session(&listener);
    wait_state(&lab, "web", "UP");
    update(&mut peer);
    let mut client = Client::new(&lab);
    let mut routes = |command: &str, wanted: &str| {
        assert_eq!(client.ask(command), "done\n");
        let table = client.ask("show checks");
        assert!(table.contains(wanted), "{command}: {table}");
        shown(&lab, "web")["routes"].as_u64().expect("a number")
    };
    assert_eq!(routes("# a remark", "2 announced"), 2);
    assert_eq!(routes("withdraw route 10.9.8.0/24", "1 announced"), 1);
    let replaced = "announce route 10.9.9.0/24 next-hop self med 7";
    assert_eq!(routes(replaced, "withdrawn"), 0);
    // The check announces its routes again when its state changes.
    remove(&lab, "web");
    wait_state(&lab, "web", "DOWN");
    create(&lab, "web");
    wait_state(&lab, "web", "UP");
    wait_for("both routes", || {
        (routes("# a remark", "announced") == 2).then_some(())
    });
}

#[test]
fn a_service_that_is_down_is_less_preferred_unless_it_says_otherwise() {
    let lab = Lab::new();
    let (listener, port) = listener();
    create(&lab, "web");
    let text = check(
        &lab,
        "web",
        &format!(
            "route 10.9.8.0/24 next-hop self; disable {};",
            lab.path("off").display()
        ),
    ) + &neighbor(port, "");
    let _daemon = start_with(&lab, &text);
    let mut peer = session(&listener);
    let med = |body: &[u8]| {
        body.windows(7)
            .any(|med| med == [0x80, 4, 4, 0, 0, 3, 0xe8])
    };
    assert!(!med(&update(&mut peer)));
    create(&lab, "off");
    assert!(med(&update(&mut peer)));
    wait_state(&lab, "web", "DISABLED");
    remove(&lab, "off");
    assert!(!med(&update(&mut peer)));
}

#[test]
fn a_reload_keeps_the_state_of_checks() {
    let lab = Lab::new();
    let (listener, port) = listener();
    create(&lab, "a");
    create(&lab, "b");
    let route = |octet: u8| format!("route 10.9.{octet}.0/24 next-hop self;");
    let a = check(&lab, "a", &(route(1) + "down withdraw;"));
    let b = check(&lab, "b", &route(2));
    let text = a.clone() + &b + &neighbor(port, "");
    let daemon = start_with(&lab, &text);
    let mut peer = session(&listener);
    wait_state(&lab, "a", "UP");
    wait_state(&lab, "b", "UP");
    let changes = shown(&lab, "a")["changes"].clone();
    // `a` is as it was; `b` gets another route; `c` is new.
    create(&lab, "c");
    let b = check(&lab, "b", &route(4));
    let c = check(&lab, "c", &route(3));
    lab.write("oxabgp.conf", &(a + &b + &c + &neighbor(port, "")));
    daemon.signal("USR1");
    daemon.logged("the check has changed check=b");
    daemon.logged("the check is new check=c");
    let mut seen = Vec::new();
    while !(seen.contains(&3) && seen.contains(&4)) {
        let body = peer.expect(MessageType::UPDATE);
        seen.extend(
            body.windows(4)
                .filter(|nlri| nlri.starts_with(&[24, 10, 9]))
                .map(|nlri| nlri[3]),
        );
    }
    assert!(seen.contains(&2), "withdrawn: {seen:?}");
    let web = shown(&lab, "a");
    assert_eq!((&web["state"], &web["changes"]), (&"UP".into(), &changes));
    // What is removed is withdrawn.
    lab.write("oxabgp.conf", &(b + &c + &neighbor(port, "")));
    daemon.signal("USR1");
    daemon.logged("the check is removed check=a");
    loop {
        let body = peer.expect(MessageType::UPDATE);
        if body == [0, 4, 24, 10, 9, 1, 0, 0] {
            break;
        }
    }
    assert_eq!(shown(&lab, "a"), Value::Null);
}

#[test]
fn a_group_that_fails_at_once_keeps_its_state() {
    let lab = Lab::new();
    let (listener, port) = listener();
    create(&lab, "a");
    create(&lab, "b");
    let member = |name: &str, octet: u8| {
        let more = format!(
            "route 10.9.{octet}.0/24 next-hop self; down withdraw; group edge fail-static;"
        );
        check(&lab, name, &more)
    };
    let text = member("a", 1) + &member("b", 2) + &neighbor(port, "");
    let daemon = start_with(&lab, &text);
    let mut peer = session(&listener);
    wait_state(&lab, "a", "UP");
    wait_state(&lab, "b", "UP");
    remove(&lab, "a");
    remove(&lab, "b");
    daemon.logged("all checks of its group fail");
    wait_for("both to be held", || {
        let held = |name| shown(&lab, name)["held"] == "fail-static";
        (held("a") && held("b")).then_some(())
    });
    assert_eq!(shown(&lab, "a")["holds"], 1);
    assert_eq!(shown(&lab, "a")["routes"], 1);
    // One of them recovers: the other one is really down.
    create(&lab, "b");
    loop {
        let body = peer.expect(MessageType::UPDATE);
        if body[..2] != [0, 0] {
            assert_eq!(body, [0, 4, 24, 10, 9, 1, 0, 0]);
            break;
        }
    }
    assert_eq!(shown(&lab, "b")["routes"], 1);
}

/// A server that accepts connections and never answers; counts those that are open, and the most at a time.
fn silent() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let most = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&most);
    std::thread::spawn(move || {
        let open = Arc::new(AtomicUsize::new(0));
        for mut stream in listener.incoming().map_while(Result::ok) {
            let now = open.fetch_add(1, Ordering::SeqCst) + 1;
            counted.fetch_max(now, Ordering::SeqCst);
            let open = Arc::clone(&open);
            std::thread::spawn(move || {
                let _ = stream.read_to_end(&mut Vec::new());
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (port, most)
}

#[test]
fn targets_that_never_answer_touch_nothing_else() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let (target, most) = silent();
    let checks: String = (0..150)
        .map(|number| {
            format!(
                "check silent{number} {{ http http://127.0.0.1:{target}/; timeout 0.5; interval 0.1; fast-interval 0.1; fall 2; route 10.1.{number}.0/24 next-hop self; down withdraw; }}\n"
            )
        })
        .collect();
    create(&lab, "good");
    let good = check(&lab, "good", "route 10.9.8.0/24 next-hop self;");
    let _daemon = start_with(&lab, &(checks + &good + &neighbor(port, "")));
    let mut peer = session(&listener);
    announced(&mut peer, &[24, 10, 9, 8]);
    wait_state(&lab, "silent0", "DOWN");
    let check = shown(&lab, "silent0");
    assert!(check["failures"]["timeout"].as_u64() >= Some(2), "{check}");
    assert_eq!(check["reason"], "no answer within 0.5 s");
    // A connection that was just closed may not be noticed yet.
    let most = most.load(Ordering::SeqCst);
    assert!((2..=120).contains(&most), "{most} at a time");
    wait_for("the other checks", || {
        (shown(&lab, "silent149")["state"] == "DOWN").then_some(())
    });
    let status = Client::new(&lab).ask("system status");
    let line: Value =
        serde_json::from_str(status.trim_end().trim_end_matches("done")).expect("JSON");
    assert_eq!(line["checks"].as_array().map(Vec::len), Some(151));
    peer.send(MessageType::KEEPALIVE, &[]);
}

#[test]
fn what_neighbors_may_be_sent_is_a_limit_for_checks_as_well() {
    let lab = Lab::new();
    let (listener, port) = listener();
    create(&lab, "web");
    let routes = "route 10.9.1.0/24 next-hop self; route 10.9.2.0/24 next-hop self;";
    let limit = |most: u8| neighbor(port, &format!("announce-limit {{ total {most}; }}"));
    let web = check(&lab, "web", routes);
    let daemon = start_with(&lab, &(web.clone() + &limit(1)));
    let mut peer = session(&listener);
    daemon.logged("routes of the check are refused");
    let check = shown(&lab, "web");
    assert_eq!(
        (check["routes"].as_u64(), &check["state"]),
        (Some(0), &"UP".into())
    );
    assert!(check["refused"].is_string(), "{check}");
    // It is tried again: once the limit allows it, they are announced.
    lab.write("oxabgp.conf", &(web + &limit(2)));
    daemon.signal("USR1");
    let body = update(&mut peer);
    assert!(body.ends_with(&[24, 10, 9, 1, 24, 10, 9, 2]), "{body:02x?}");
    wait_for("no refusal", || {
        shown(&lab, "web")["refused"].is_null().then_some(())
    });
}

#[test]
fn the_routes_of_a_check_survive_a_crash() {
    let lab = Lab::new();
    let (listener, port) = listener();
    create(&lab, "web");
    let state = format!(
        "state {{ directory {}; sync always; claim-time 3600; }}\n",
        lab.path("state").display()
    );
    let web = |more: &str| {
        check(
            &lab,
            "web",
            &format!("route 10.9.8.0/24 next-hop self; down withdraw; {more}"),
        )
    };
    let mut daemon = start_with(&lab, &(state.clone() + &web("") + &neighbor(port, "")));
    let mut peer = session(&listener);
    announced(&mut peer, &[24, 10, 9, 8]);
    carried_out(&lab, "web", 1);
    daemon.signal("KILL");
    daemon.ended();
    drop(peer);
    // Before anything is known of the service, its route is there again; then it goes.
    remove(&lab, "web");
    let slow = web("").replace("fall 2", "fall 9");
    let _daemon = start_with(&lab, &(state + &slow + &neighbor(port, "")));
    let mut peer = session(&listener);
    announced(&mut peer, &[24, 10, 9, 8]);
    loop {
        let body = peer.expect(MessageType::UPDATE);
        if body == [0, 4, 24, 10, 9, 8, 0, 0] {
            break;
        }
    }
}

#[test]
fn commands_are_run_before_the_announcement_and_after_the_drain() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = |name: &str| {
        let (log, socket) = (lab.path("hooks"), lab.path("control.sock"));
        let text = format!(
            "routes=$({} cli --socket {} show adj-rib out | grep -c 10.9.8.0/24)\necho {name} $STATE $CHECK $routes >> {}",
            env!("CARGO_BIN_EXE_oxabgp"),
            socket.display(),
            log.display()
        );
        lab.script(name, &text)
    };
    let more = format!(
        "route 10.9.8.0/24 next-hop self; down withdraw; drain 0.5; up-execute {}; down-execute {};",
        script("rise"),
        script("sink")
    );
    let daemon = start_with(&lab, &(check(&lab, "web", &more) + &neighbor(port, "")));
    let mut peer = session(&listener);
    create(&lab, "web");
    announced(&mut peer, &[24, 10, 9, 8]);
    remove(&lab, "web");
    withdrawn(&mut peer, &[24, 10, 9, 8]);
    let lines = lab.lines("hooks", |lines| {
        lines.contains(&"sink DOWN web 0".to_owned())
    });
    // The first result may have been a bad one.
    assert!(lines.contains(&"rise UP web 0".to_owned()), "{lines:?}");
    // A daemon that stops withdraws first, and runs the command before the session ends.
    create(&lab, "web");
    announced(&mut peer, &[24, 10, 9, 8]);
    daemon.signal("TERM");
    withdrawn(&mut peer, &[24, 10, 9, 8]);
    peer.expect(MessageType::NOTIFICATION);
    let text = std::fs::read_to_string(lab.path("hooks")).expect("lines");
    assert!(
        text.matches("sink").count() > lines.iter().filter(|line| line.starts_with("sink")).count()
    );
}

#[test]
fn neighbors_that_come_later_are_sent_the_routes() {
    let lab = Lab::new();
    let (first, one) = listener();
    let (second, two) = listener();
    create(&lab, "web");
    let web = check(&lab, "web", "route 10.9.8.0/24 next-hop self;");
    let own = check(
        &lab,
        "own",
        "route 10.9.9.0/24 next-hop self; neighbors [ 127.0.0.9 ];",
    );
    create(&lab, "own");
    let daemon = start_with(&lab, &(web.clone() + &own + &neighbor(one, "")));
    let mut peer = session(&first);
    announced(&mut peer, &[24, 10, 9, 8]);
    wait_state(&lab, "own", "UP");
    let other = neighbor(two, "").replace("local-as 65000", "local-as 65009");
    lab.write("oxabgp.conf", &(web + &own + &neighbor(one, "") + &other));
    daemon.signal("USR1");
    announced(&mut session(&second), &[24, 10, 9, 8]);
}

#[test]
fn checks_are_seen_by_operators() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let socket = lab.path("metrics.sock");
    let text = format!("metrics {{ listen unix {}; }}\n", socket.display())
        + &check(&lab, "web", "route 10.9.8.0/24 next-hop self;")
        + &neighbor(port, "");
    let _daemon = start_with(&lab, &text);
    wait_state(&lab, "web", "DOWN");
    let mut watcher = Client::new(&lab);
    watcher.ask("watch json");
    create(&lab, "web");
    loop {
        let line = watcher.line();
        assert!(!line.is_empty(), "no event");
        let Ok(event) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        if event["type"] == "check" && event["check"]["state"] == "UP" {
            assert_eq!(event["check"]["name"], "web");
            break;
        }
    }
    let get = |path: &str| {
        let mut stream = std::os::unix::net::UnixStream::connect(&socket).expect("a socket");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        text
    };
    let metrics = get("/metrics");
    for line in [
        "oxabgp_check_up{check=\"web\"} 1",
        "oxabgp_check_state{check=\"web\",state=\"up\"} 1",
        "oxabgp_check_routes{check=\"web\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(metrics.contains("oxabgp_check_failures_total{check=\"web\",cause=\"exit\"}"));
    assert!(get("/status.json").contains("\"checks\": [ { \"name\": \"web\""));
    assert!(get("/").contains("<table id=\"checks\">"));
}

#[test]
fn connections_of_every_kind_are_checked() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let web = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = web.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in web.incoming().map_while(Result::ok) {
            let mut buffer = [0; 4096];
            let count = stream.read(&mut buffer).unwrap_or_default();
            let request = String::from_utf8_lossy(&buffer[..count]).into_owned();
            let good = request.starts_with("HEAD /health?a=b HTTP/1.1\r\n")
                && request.contains("host: www.example.net\r\n");
            let status = if good { "204 No Content" } else { "500 Wrong" };
            let _ = write!(stream, "HTTP/1.1 {status}\r\n\r\n");
        }
    });
    let closed = {
        let unused = TcpListener::bind("127.0.0.1:0").expect("a port");
        unused.local_addr().expect("an address").port()
    };
    let text = format!(
        "check web {{ http http://localhost:{at}/health?a=b {{ method HEAD; status [ 204 ]; header \"Host: www.example.net\"; }} {FAST} route 10.9.1.0/24 next-hop self; }}\n\
         check port {{ tcp 127.0.0.1 port {at}; {FAST} route 10.9.2.0/24 next-hop self; }}\n\
         check closed {{ tcp 127.0.0.1 port {closed}; {FAST} route 10.9.3.0/24 next-hop self; }}\n\
         check name {{ tcp no-such-name.invalid port 1; timeout 20; {FAST} route 10.9.5.0/24 next-hop self; }}\n\
         check dns {{ dns 127.0.0.1 port {closed} query \"example.net A\"; {FAST} route 10.9.4.0/24 next-hop self; }}\n"
    ) + &neighbor(port, "");
    let _daemon = start_with(&lab, &text);
    wait_state(&lab, "web", "UP");
    wait_state(&lab, "port", "UP");
    wait_state(&lab, "closed", "DOWN");
    wait_state(&lab, "dns", "DOWN");
    for name in ["closed", "dns"] {
        let check = shown(&lab, name);
        assert!(check["failures"]["refused"].as_u64() >= Some(2), "{check}");
    }
    let name = wait_for("a result", || {
        let check = shown(&lab, "name");
        check["reason"].is_string().then_some(check)
    });
    assert!(name["failures"]["name"].is_u64() || name["failures"]["timeout"].is_u64());
}
