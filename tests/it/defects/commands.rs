//! Defect 2: no line of a helper can make the daemon exit.

use super::{LAST, Stage, Table};
use crate::daemon::{listener, neighbor, process, session};
use crate::support::daemon::Lab;

#[test]
fn defect_02_no_line_of_a_helper_ends_the_daemon() {
    // What crashes 5.0.15, and similar lines; the answer is the last word of each.
    let lines = [
        ("announce route 10.0.1.0/24 next-hop 1.2.3.4 json", "error"),
        ("version json", ""),
        ("reload json", ""),
        ("teardown json", "error"),
        ("teardown 256", "error"),
        ("neighbor 127.0.0.1 teardown 256", "error"),
        ("neighbor 127.0.0.1 teardown 99999999999999999999", "error"),
        ("neighbor 127.0.0.1 teardown -1", "error"),
        ("neighbor 127.0.0.1 teardown", "error"),
        ("crash", ""),
        ("json", "error"),
        ("", "error"),
    ];
    let lab = Lab::new();
    let received = lab.path("received");
    let mut script = String::new();
    for (line, _) in lines {
        script += &format!(
            "echo '{line}'\nread -r answer\nwhile case $answer in done*|error*) false;; *) true;; esac; do read -r answer; done\n\
            echo \"$answer\" >> {}\n",
            received.display()
        );
    }
    script += &format!("echo announce route {LAST} next-hop 192.0.2.1\nexec sleep 600");
    let (listener, port) = listener();
    let configuration =
        process(&lab, "helper", &script) + &neighbor(port, "api { processes [ helper ]; }");
    let mut stage = Stage::start(lab, &configuration);
    let mut peer = session(&listener);
    let mut table = Table::default();
    table.read_to(&mut peer, LAST);
    let answers = stage.lab.lines("received", |all| all.len() == lines.len());
    for ((line, wanted), answer) in lines.iter().zip(answers) {
        assert!(
            answer.starts_with(wanted),
            "`{line}` is answered `{answer}`"
        );
    }
    assert_eq!(table.without(LAST), Vec::<String>::new());
    assert!(stage.daemon.is_running());
}

#[test]
fn defect_02_a_helper_that_is_not_started_again_may_die() {
    let lab = Lab::new();
    let script = lab.script("once.sh", "exit 0");
    let (listener, port) = listener();
    let api =
        "api { processes [ once ]; neighbor-changes; receive { parsed; update; keepalive; } }";
    let configuration = format!("process once {{ run {script}; encoder json; respawn false; }}\n")
        + &neighbor(port, api);
    let stage = Stage::start(lab, &configuration);
    stage.daemon.logged("not started again");
    // Each of these causes an event for it.
    for _ in 0..2 {
        let mut peer = session(&listener);
        super::settled(&stage, &mut peer, &mut Table::default());
    }
}

#[test]
fn defect_02_a_refused_line_changes_nothing_and_the_next_one_is_read_alone() {
    let (stage, mut peer) = super::one("");
    let mut client = stage.client();
    client.submit("session reasons enable\n");
    assert_eq!(client.line(), "done\n");
    let mut table = Table::default();
    for bad in [
        "announce route 10.1.0.0/16 next-hop 192.0.2.1 med 99999999999",
        "announce route 10.1.0.0/16 10.2.0.0/16 next-hop 192.0.2.1",
        "announce route 10.1.0.0/16 next-hop 192.0.2.1; announce route 10.2.0.0/16 next-hop 192.0.2.1",
        "announce attributes next-hop 192.0.2.1 nlri 10.1.0.0/16 10.2.0.0/33",
        "announce route 10.1.0.0/16 next-hop 192.0.2.1 community [ 65000:1",
        "announce route 10.1.0.0/16 next-hop 192.0.2.1 as-path [ 1 2",
    ] {
        let refused = stage.daemon.log().matches("the command is refused").count();
        client.submit(&format!(
            "{bad}\nannounce route {LAST} next-hop 192.0.2.1\n"
        ));
        // The reason, with the position in the line, for a client that requested it; then the word.
        let reason = client.line();
        assert!(reason.starts_with("error: "), "{bad}: {reason}");
        assert!(reason.contains("column "), "{bad}: {reason}");
        assert_eq!(client.line(), "error\n", "{bad}");
        assert_eq!(client.line(), "done\n", "{bad}");
        let log = stage.daemon.log();
        assert_eq!(
            log.matches("the command is refused").count(),
            refused + 1,
            "{bad}"
        );
        assert!(log.contains("column "), "{bad}");
        table.read_to(&mut peer, LAST);
        assert_eq!(table.without(LAST), Vec::<String>::new(), "{bad}");
        stage.put(&format!("withdraw route {LAST}"));
        table.0.clear();
    }
}
