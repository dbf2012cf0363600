//! Which files a running daemon reads, and who may have them read.

use nix::sys::stat::Mode;

use super::control::{Client, ask_as, start_for_users, start_with};
use super::{listener, neighbor};
use crate::support::daemon::Lab;

#[test]
fn only_regular_files_are_read_while_the_daemon_runs() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let daemon = start_with(&lab, &neighbor(port, ""));
    let mut client = Client::new(&lab);
    client.ask("session reasons enable");
    let pipe = lab.path("pipe");
    nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe");
    for path in [pipe.to_str().expect("UTF-8"), "/dev/zero", "/dev/null"] {
        let answer = client.ask(&format!("reload preview {path}"));
        assert!(answer.contains("this is not a regular file"), "{answer}");
    }
    let large = lab.write("large.conf", "");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&large)
        .expect("a file");
    file.set_len(600 << 20).expect("a sparse file");
    let answer = client.ask(&format!("reload preview {}", large.display()));
    assert!(answer.contains("larger than"), "{answer}");
    // The same for a reload.
    let own = lab.path("oxabgp.conf");
    std::fs::remove_file(&own).expect("removed");
    nix::unistd::mkfifo(&own, Mode::S_IRWXU).expect("a pipe");
    client.ask("reload");
    daemon.logged("this is not a regular file");
    assert!(client.ask("version").ends_with("done\n"));
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test is reported")]
fn a_reader_has_no_other_files_read() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIP: only root can become another user");
        return;
    }
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = start_for_users(
        &lab,
        &neighbor(port, ""),
        &[("oxabgp_api_read-only", "60001")],
    );
    let secret = lab.write("secret", "root:the-secret:1:\n");
    let ask = |path: &str| {
        let lines = format!("session reasons enable\nreload preview {path}\n");
        ask_as(60001, &lab, &lines)
    };
    let Some(answer) = ask(secret.to_str().expect("UTF-8")) else {
        eprintln!("SKIP: there is no python3");
        return;
    };
    assert!(
        answer.contains("read-only: a preview of another file needs the role full"),
        "{answer}"
    );
    // The daemon's own file it may compare, but an error does not quote it.
    let own = lab.path("oxabgp.conf");
    let own = own.to_str().expect("UTF-8");
    for path in ["", own] {
        assert_eq!(ask(path).as_deref(), Some("done\ndone\n"), "{path}");
    }
    lab.write("oxabgp.conf", "md5-password the-secret;");
    let answer = ask("").expect("python3");
    assert!(answer.ends_with("error\n"), "{answer}");
    assert!(!answer.contains("the-secret"), "{answer}");
}
