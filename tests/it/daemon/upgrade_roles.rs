//! Roles of clients of the control socket when the daemon executes its program again.

use std::io::{BufRead, BufReader, Write};

use super::control::{client_as, start_for_users};
use super::upgrade::upgrade;
use super::{listener, neighbor};
use crate::support::daemon::Lab;

/// A client of the control socket with another user's credentials. It sends each line that it is given, and prints the answer.
struct Foreign {
    child: std::process::Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Foreign {
    /// `None` if there is no python3.
    fn new(lab: &Lab, user: u32) -> Option<Self> {
        let script = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
            f = s.makefile('rw')\nfor line in sys.stdin:\n    f.write(line)\n    f.flush()\n    answer = ''\n\
            \x20   while answer not in ('done\\n', 'error\\n'):\n        answer = f.readline() or 'error\\n'\n\
            \x20       print(answer, end='', flush=True)\n";
        let mut client = client_as(user, lab, script);
        client
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped());
        let mut child = client.spawn().ok()?;
        let answers = BufReader::new(child.stdout.take()?);
        Some(Self { child, answers })
    }

    fn ask(&mut self, line: &str) -> String {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{line}").expect("a client that reads");
        let mut all = String::new();
        while !all.ends_with("done\n") && !all.ends_with("error\n") {
            let read = self.answers.read_line(&mut all).expect("text");
            assert!(read > 0, "the client has ended after {all:?}");
        }
        all
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test is reported")]
fn a_client_keeps_its_role() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIP: only root can become another user");
        return;
    }
    let lab = Lab::new();
    let (_listener, port) = listener();
    let roles = [
        ("oxabgp_api_read-only", "60001"),
        ("oxabgp_api_full_access", "60003"),
    ];
    let mut daemon = start_for_users(&lab, &neighbor(port, ""), &roles);
    let clients = (Foreign::new(&lab, 60001), Foreign::new(&lab, 60003));
    let (Some(mut reader), Some(mut full)) = clients else {
        eprintln!("SKIP: there is no python3");
        return;
    };
    assert_eq!(reader.ask("session reasons enable"), "done\n");
    assert_eq!(full.ask("version"), "exabgp 5.0.15\ndone\n");
    for round in 0..2u8 {
        upgrade(&lab, &daemon);
        for line in ["shutdown", "announce route 10.9.0.0/16 next-hop 192.0.2.1"] {
            let refused = reader.ask(line);
            assert!(refused.contains("read-only"), "{round} {line}: {refused}");
        }
        assert_eq!(reader.ask("version"), "exabgp 5.0.15\ndone\n");
        let route = format!("announce route 10.{round}.0.0/16 next-hop 192.0.2.1");
        assert_eq!(full.ask(&route), "done\n");
    }
    let shown = reader.ask("show adj-rib out");
    assert!(!shown.contains("10.9.0.0/16"), "{shown}");
    assert!(
        shown.contains("10.0.0.0/16") && shown.contains("10.1.0.0/16"),
        "{shown}"
    );
    assert!(daemon.is_running());
}
