//! Whose sets are, and what a set is after declarations that overlap.

use super::control::{Client, start_with};
use super::{announced, listener, neighbor, process, session, withdrawn};
use crate::support::daemon::Lab;

/// A helper that executes the lines that are appended to `NAME.in`, and writes its answers to `NAME.out`.
fn helper(lab: &Lab, name: &str) -> String {
    let (input, output) = (format!("{name}.in"), format!("{name}.out"));
    lab.write(&input, "");
    let script = format!(
        "echo $$ > {pid}\nexec 3<&0\ncat <&3 > {output} &\nexec tail -n +1 -s 0.05 -f {input}",
        pid = lab.path(&format!("{name}.pid")).display(),
        output = lab.path(&output).display(),
        input = lab.path(&input).display(),
    );
    process(lab, name, &script)
}

/// Sends lines to a helper, and returns its last answer once there are `answers` more.
fn tell(lab: &Lab, name: &str, lines: &str, answers: usize) -> String {
    let output = format!("{name}.out");
    let is_answer = |line: &&String| line.starts_with("done") || *line == "error";
    let before = std::fs::read_to_string(lab.path(&output)).unwrap_or_default();
    let before: Vec<String> = before.lines().map(str::to_owned).collect();
    let wanted = before.iter().filter(is_answer).count() + answers;
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(lab.path(&format!("{name}.in")))
        .expect("a file");
    std::io::Write::write_all(&mut file, lines.as_bytes()).expect("written");
    let got = lab.lines(&output, |got| {
        got.iter().filter(is_answer).count() >= wanted
    });
    let last = got.iter().rfind(is_answer);
    last.cloned().unwrap_or_default()
}

fn declare(revision: u32, routes: &[&str]) -> String {
    let routes: String = routes
        .iter()
        .map(|route| format!("route {route} next-hop 192.0.2.1\n"))
        .collect();
    format!("set edge replace revision {revision}\n{routes}set edge end\n")
}

#[test]
fn a_set_belongs_to_the_helper_that_has_declared_it() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let both = helper(&lab, "first") + &helper(&lab, "second");
    let last = neighbor(port, "api { processes [ first second ]; }");
    let daemon = start_with(&lab, &(both + &last));
    let mut peer = session(&listener);
    let done = "done added 1 changed 0 removed 0";
    assert_eq!(tell(&lab, "first", &declare(1, &["10.1.0.0/16"]), 2), done);
    announced(&mut peer, &[16, 10, 1]);
    // Neither as a whole nor a key of it.
    for line in [
        "set edge replace revision 2\n",
        "set edge put key route 10.2.0.0/16 next-hop 192.0.2.1\n",
        "set edge delete key\n",
    ] {
        assert_eq!(tell(&lab, "second", line, 1), "error", "{line}");
    }
    daemon.logged("the set `edge` belongs to the process `first`");
    // Operators may, and it still belongs to the helper.
    let mut client = Client::new(&lab);
    let put = client.ask("set edge put key route 10.3.0.0/16 next-hop 192.0.2.1");
    assert_eq!(put, "done added 1 changed 0 removed 0\n");
    announced(&mut peer, &[16, 10, 3]);
    assert_eq!(tell(&lab, "second", "set edge delete key\n", 1), "error");
    let gone = "done added 0 changed 0 removed 1";
    assert_eq!(tell(&lab, "first", "set edge delete key\n", 1), gone);
    withdrawn(&mut peer, &[16, 10, 3]);
    // What operators have declared is theirs while it has routes.
    let put = "set own put key route 10.4.0.0/16 next-hop 192.0.2.1";
    client.ask(put);
    announced(&mut peer, &[16, 10, 4]);
    assert_eq!(tell(&lab, "second", &format!("{put}\n"), 1), "error");
    client.ask("set own delete key");
    withdrawn(&mut peer, &[16, 10, 4]);
    assert_eq!(tell(&lab, "second", &format!("{put}\n"), 1), done);
    announced(&mut peer, &[16, 10, 4]);
    // It is the same helper after a restart.
    let pid = std::fs::read_to_string(lab.path("first.pid")).expect("a file");
    let pid = nix::unistd::Pid::from_raw(pid.trim().parse().expect("a number"));
    lab.write("first.in", &declare(2, &["10.1.0.0/16", "10.5.0.0/16"]));
    std::fs::remove_file(lab.path("first.out")).expect("removed");
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("it runs");
    announced(&mut peer, &[16, 10, 5]);
    // A helper that is removed has no sets.
    let rest = helper(&lab, "second") + &neighbor(port, "api { processes [ second ]; }");
    lab.write("oxabgp.conf", &rest);
    client.ask("reload");
    daemon.logged("the configuration is reloaded");
    assert_eq!(tell(&lab, "second", &declare(3, &["10.1.0.0/16"]), 2), gone);
}

#[test]
fn the_sets_of_a_helper_end_some_time_after_it() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = "echo 'set keys put a route 10.2.0.0/16 next-hop 192.0.2.1'\n\
                  echo 'set edge replace revision 1'\necho 'route 10.1.0.0/16 next-hop 192.0.2.1'\n\
                  echo 'set edge end'\nread line\nread line\nread line";
    let ends = "encoder json; respawn false; on-death withdraw-after 1;";
    let configuration = process(&lab, "helper", script).replace("encoder json;", ends)
        + &neighbor(port, "api { processes [ helper ]; }");
    let daemon = start_with(&lab, &configuration);
    let mut peer = session(&listener);
    daemon.logged("leases have ended process=set edge routes=1");
    daemon.logged("leases have ended process=set keys a routes=1");
    let mut gone = 0;
    while gone < 2 {
        let body = peer.expect(oxabgp::bgp::message::MessageType::UPDATE);
        gone += usize::from(u16::from_be_bytes([body[0], body[1]])) / 3;
    }
    // A revision does not outlive the routes.
    let shown = Client::new(&lab).ask("show set json");
    assert_eq!(shown, "[  ]\ndone\n");
}

#[test]
fn a_key_may_lose_its_route_whatever_max_remove_is() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    // As in etc/set.conf.
    let guard = "encoder json; guard { prefixes [ 198.51.100.0/24 le 32 203.0.113.0/24 ]; max-remove 50%; }";
    let configuration = helper(&lab, "edge").replace("encoder json;", guard)
        + &neighbor(port, "api { processes [ edge ]; }");
    let _daemon = start_with(&lab, &configuration);
    for (line, wanted) in [
        (
            "put web route 198.51.100.7/32 next-hop self",
            "done added 1 changed 0 removed 0",
        ),
        (
            "put web route 198.51.100.8/32 next-hop self",
            "done added 1 changed 0 removed 1",
        ),
        ("delete web", "done added 0 changed 0 removed 1"),
    ] {
        assert_eq!(tell(&lab, "edge", &format!("set edge {line}\n"), 1), wanted);
    }
    let done = "done added 1 changed 0 removed 0";
    assert_eq!(
        tell(&lab, "edge", &declare(1, &["198.51.100.0/24"]), 2),
        done
    );
    // The whole set is still protected.
    assert_eq!(tell(&lab, "edge", &declare(2, &[]), 2), "error");
}

#[test]
fn a_set_without_its_routes_has_no_revision_and_stays_that_of_its_helper() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let ends = "encoder json; on-death withdraw-after 1;";
    let configuration = helper(&lab, "first").replace("encoder json;", ends)
        + &neighbor(port, "api { processes [ first ]; }");
    let daemon = start_with(&lab, &configuration);
    let mut peer = session(&listener);
    let done = "done added 1 changed 0 removed 0";
    assert_eq!(tell(&lab, "first", &declare(7, &["10.1.0.0/16"]), 2), done);
    announced(&mut peer, &[16, 10, 1]);
    let pid = std::fs::read_to_string(lab.path("first.pid")).expect("a file");
    let pid = nix::unistd::Pid::from_raw(pid.trim().parse().expect("a number"));
    lab.write("first.in", "");
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("it runs");
    daemon.logged("leases have ended process=set edge routes=1");
    withdrawn(&mut peer, &[16, 10, 1]);
    let shown = Client::new(&lab).ask("show set json");
    let empty =
        "[ { \"name\": \"edge\", \"digest\": \"0000000000000000\", \"routes\": 0 } ]\ndone\n";
    assert_eq!(shown, empty);
    // So the helper may begin with any.
    assert_eq!(tell(&lab, "first", &declare(1, &["10.1.0.0/16"]), 2), done);
    announced(&mut peer, &[16, 10, 1]);
}

#[test]
fn a_set_is_the_same_whatever_was_there_before() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let other = |last: u8| neighbor(port, "").replacen("127.0.0.1", &format!("127.0.0.{last}"), 1);
    let daemon = start_with(&lab, &(neighbor(port, "") + &other(2)));
    let mut client = Client::new(&lab);
    let mut declare = |text: &str| {
        assert_eq!(client.ask("set edge replace revision 1 force"), "done\n");
        client.submit(text);
        let end = client.ask("set edge end");
        let shown = client.ask("show set edge");
        let digest = shown.split(' ').nth(4).expect("a digest").to_owned();
        assert!(shown.contains(" routes "), "{shown}");
        (end, digest, shown)
    };
    let routes = "route 10.1.0.0/16 next-hop 192.0.2.1\nroute 10.2.0.0/16 next-hop 192.0.2.1\n";
    let (end, digest, _) = declare(routes);
    assert_eq!(end, "done added 2 changed 0 removed 0\n");
    lab.write("oxabgp.conf", &(neighbor(port, "") + &other(2) + &other(3)));
    daemon.signal("USR1");
    daemon.logged("the configuration is reloaded");
    let (end, same, _) = declare(routes);
    assert_eq!(
        (&*end, &same),
        ("done added 0 changed 2 removed 0\n", &digest)
    );
    let (end, same, shown) = declare(routes);
    assert_eq!(
        (&*end, &same),
        ("done added 0 changed 0 removed 0\n", &digest)
    );
    assert!(shown.contains(" routes 2"), "{shown}");
    // Of several declarations of a route the last one applies, and the others are not there.
    let twice = "route 10.1.0.0/16 next-hop 192.0.2.1 med 9\n";
    let (end, same, _) = declare(&(twice.to_owned() + routes));
    assert_eq!(
        (&*end, &same),
        ("done added 0 changed 0 removed 0\n", &digest)
    );
    // Different for some neighbors.
    let one = "neighbor 127.0.0.2 route 10.1.0.0/16 next-hop 192.0.2.1 med 9\n";
    let (end, ..) = declare(&(routes.to_owned() + one));
    assert_eq!(end, "done added 0 changed 2 removed 0\n");
    let (end, ..) = declare(&(routes.to_owned() + one));
    assert_eq!(end, "done added 0 changed 0 removed 0\n");
    let (end, same, _) = declare(routes);
    assert_eq!(
        (&*end, &same),
        ("done added 0 changed 1 removed 0\n", &digest)
    );
}
