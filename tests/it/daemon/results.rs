//! Commands that request something of the daemon as a whole: operators receive the result, helpers ExaBGP's
//! acknowledgement.

use std::net::TcpListener;

use super::control::{Client, answer, pipes, put, reader, start_set, start_with};
use super::{announced, listener, neighbor, process, session};
use crate::support::daemon::{self, Lab, wait_for};

/// Runs a command by `oxabgp run`: the exit code, standard output and standard error.
fn run(lab: &Lab, words: &[&str]) -> (Option<i32>, String, String) {
    let socket = lab.path("control.sock");
    let mut arguments = vec!["run", "--socket", socket.to_str().expect("UTF-8")];
    arguments.extend(words);
    let (code, out, err) = daemon::run(&arguments, "");
    (Some(code), out, err)
}

fn with_route(port: u16, prefix: &str) -> String {
    neighbor(
        port,
        &format!("static {{ route {prefix} next-hop 192.0.2.1; }}"),
    )
}

#[test]
fn a_reload_of_a_file_with_errors_is_refused_with_their_places() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start_with(&lab, &with_route(port, "10.0.0.0/8"));
    let mut peer = session(&listener);
    announced(&mut peer, &[8, 10]);
    for words in [
        &["reload"][..],
        &["reload", "confirm", "5"],
        &["daemon", "reload"],
        &["restart"],
    ] {
        lab.write(
            "oxabgp.conf",
            "neighbor 127.0.0.1 {\n  hold-time soon;\n}\n",
        );
        let (code, out, err) = run(&lab, words);
        assert_eq!(code, Some(1), "{words:?}: {out}{err}");
        assert!(out.contains("in progress"), "{words:?}: {out}");
        let place = "oxabgp.conf:2:13: error: expected ";
        assert!(err.starts_with("error: ") && err.contains(place), "{err}");
        lab.write("oxabgp.conf", &with_route(port, "10.0.0.0/8"));
    }
    // Nothing waits for a confirmation.
    assert_eq!(run(&lab, &["confirm"]).0, Some(1));
    lab.write("oxabgp.conf", &with_route(port, "11.0.0.0/8"));
    let (code, out, err) = run(&lab, &["reload", "confirm", "60"]);
    let ok = |out: &str| (Some(0), out.to_owned(), String::new());
    assert_eq!((code, out, err), ok("reload in progress\n"));
    assert_eq!(run(&lab, &["reload", "cancel"]), ok("return in progress\n"));
    assert_eq!(run(&lab, &["reload"]), ok("reload in progress\n"));
    // `cli` always ends with 0, and reports the error as well.
    lab.write("oxabgp.conf", "garbage");
    let mut client = Client::new(&lab);
    client.ask("session reasons enable");
    let answer = client.ask("ack-id 7 reload");
    assert!(
        answer.starts_with("reload in progress\nerror: ") && answer.ends_with("\nerror 7\n"),
        "{answer}"
    );
}

#[test]
fn what_a_reload_could_not_apply_is_reported() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, ""));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken_port = taken.local_addr().expect("an address").port();
    lab.write(
        "oxabgp.conf",
        &neighbor(port, &format!("listen {taken_port};")),
    );
    let (code, _, err) = run(&lab, &["reload"]);
    assert_eq!(code, Some(1));
    let place = format!("cannot listen on 127.0.0.1:{taken_port}");
    assert!(err.contains(&place), "{err}");
}

#[test]
fn a_reload_whose_metrics_cannot_be_served_is_reported() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, ""));
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = taken.local_addr().expect("an address").to_string();
    let at = place.replace(':', " port ");
    let text = format!("metrics {{ listen {at}; }}\n") + &neighbor(port, "");
    lab.write("oxabgp.conf", &text);
    for words in [
        &["reload"][..],
        // It is tried again.
        &["reload"],
        &["reload", "confirm", "60"],
        // So does the configuration that comes back.
        &["reload", "cancel"],
    ] {
        let (code, _, err) = run(&lab, words);
        assert_eq!(code, Some(1), "{words:?}: {err}");
        let reason = format!("metrics can't be served at {at}: ");
        assert!(err.contains(&reason), "{words:?}: {err}");
    }
    drop(taken);
    assert_eq!(run(&lab, &["reload"]).0, Some(0));
}

#[test]
fn what_a_reload_leaves_to_the_next_start_is_a_remark() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start_with(&lab, &neighbor(port, ""));
    let state = format!("state {{ directory {}; }}\n", lab.path("state").display());
    lab.write("oxabgp.conf", &(state + &neighbor(port, "")));
    let (code, out, err) = run(&lab, &["reload"]);
    assert_eq!((code, &*out), (Some(0), "reload in progress\n"), "{err}");
    let remark = "warning: the `state` section has changed, which applies from the next start on\n";
    assert_eq!(err, remark);
    // Who does not ask for reasons gets the bare word.
    let mut client = Client::new(&lab);
    assert_eq!(client.ask("reload"), "reload in progress\ndone\n");
}

#[test]
fn helpers_and_pipes_get_the_acknowledgement_of_exabgp() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let (commands, answers) = pipes(&lab);
    let script = format!(
        "exec 3<&0\ncat <&3 > {} &\nwhile [ ! -e {} ]; do sleep 0.05; done\necho reload\necho 'reload confirm 5'\nwait",
        lab.path("answers").display(),
        lab.path("go").display()
    );
    let configuration =
        process(&lab, "helper", &script) + &neighbor(port, "api { processes [ helper ]; }");
    let daemon = start_with(&lab, &configuration);
    lab.write("oxabgp.conf", "garbage");
    lab.write("go", "");
    let lines = lab.lines("answers", |lines| lines.len() >= 4);
    let wanted = ["reload in progress", "done"].repeat(2);
    assert_eq!(lines, wanted);
    daemon.logged("the configuration has errors, nothing is changed");
    let mut output = reader(&answers);
    put(&commands, "reload\n");
    assert_eq!(answer(&mut output), "reload in progress\ndone\n");
}

#[test]
fn an_operator_creates_a_neighbor_of_no_helper() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = format!("cat > {}", lab.path("received").display());
    let configuration = process(&lab, "watcher", &script)
        + "neighbor 127.0.0.9 { router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65009; passive; \
           api { processes [ watcher ]; } }\n";
    let port = port.to_string();
    let _daemon = start_set(&lab, &configuration, &[("exabgp_tcp_port", &*port)]);
    let words = "local-address 127.0.0.1 local-as 65000 peer-as 65001 router-id 10.0.0.1";
    let run = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        run(&lab, &words)
    };
    let done = (Some(0), String::new(), String::new());
    assert_eq!(run(&format!("peer create 127.0.0.1 {words}")), done);
    let (code, _, err) = run(&format!("peer create 127.0.0.1 {words}"));
    assert_eq!(code, Some(1));
    assert!(err.contains("exists already"), "{err}");
    let mut peer = session(&listener);
    assert_eq!(
        run("neighbor 127.0.0.1 announce route 10.7.0.0/16 next-hop self"),
        done
    );
    announced(&mut peer, &[16, 10, 7]);
    assert_eq!(
        run(&format!("peer create 127.0.0.4 {words} api watcher")),
        done
    );
    let (code, _, err) = run(&format!("peer create 127.0.0.5 {words} api nobody"));
    assert_eq!(code, Some(1));
    assert!(err.contains("there is no process `nobody`"), "{err}");
    assert_eq!(run("peer delete 127.0.0.1"), done);
    assert_eq!(peer.expect_notification().code, 6);
}

#[test]
fn a_shutdown_by_a_script_has_ended_when_the_command_has() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let [ready, ended] = ["ready", "ended"].map(|name| lab.path(name));
    // The daemon waits for its helpers.
    let script = format!(
        "trap 'sleep 0.5; : > {}; exit 0' TERM\n: > {}\nwhile :; do sleep 0.05; done",
        ended.display(),
        ready.display()
    );
    let configuration =
        process(&lab, "slow", &script) + &neighbor(port, "api { processes [ slow ]; }");
    let _daemon = start_with(&lab, &configuration);
    wait_for("the helper", || ready.exists().then_some(()));
    let (code, out, err) = run(&lab, &["shutdown"]);
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (Some(0), "shutdown in progress\n", "")
    );
    assert!(ended.exists());
}
