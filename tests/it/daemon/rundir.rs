//! `/run/oxabgp`, which a daemon creates that starts as root.

use std::process::{Command, Stdio};

use super::neighbor;
use crate::support::daemon::Lab;

/// Starts the daemon with an empty `/run` of its own, and as the user nobody, asks it for its state; then stops it.
const SCRIPT: &str = "mount -t tmpfs none /run || exit 77
umask 022
BEFORE
\"$OXABGP\" server \"$CONF\" 2>\"$LOG\" &
until grep -q 'is running' \"$LOG\"; do kill -0 $! || exit 1; sleep 0.05; done
stat -c '%a %U %n' /run/oxabgp /run/oxabgp/*
setpriv --reuid nobody --regid nogroup --clear-groups \"$OXABGP\" run show neighbor summary
echo $?
kill $!
wait $!
ls /run/oxabgp";

/// What that prints; `None` if it can't be tried here.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn seen(before: &str) -> Option<String> {
    let lab = Lab::new();
    let conf = lab.write("oxabgp.conf", &neighbor(1, ""));
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", &SCRIPT.replace("BEFORE", before)])
        .env("OXABGP", env!("CARGO_BIN_EXE_oxabgp"))
        .env("CONF", conf)
        .env("LOG", lab.path("log"))
        .env("exabgp_tcp_bind", "")
        .env("exabgp_daemon_user", "nobody")
        .env_remove("NOTIFY_SOCKET")
        .env_remove("XDG_RUNTIME_DIR")
        .stdin(Stdio::null())
        .output();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output {
        Ok(output) if output.status.success() => Some(text(&output.stdout)),
        Ok(output) if output.status.code() == Some(1) && nix::unistd::geteuid().is_root() => {
            let log = std::fs::read_to_string(lab.path("log")).unwrap_or_default();
            if text(&output.stderr).contains("unshare") {
                eprintln!("SKIP: no namespaces here");
                return None;
            }
            panic!("{} {log}", text(&output.stderr))
        }
        _ => {
            eprintln!("SKIP: needs root and namespaces");
            None
        }
    }
}

#[test]
fn its_user_reaches_and_removes_the_socket() {
    // The second directory is what an earlier version left behind.
    for before in [
        "",
        "mkdir -m 640 /run/oxabgp; chown nobody:nogroup /run/oxabgp",
    ] {
        let Some(text) = seen(before) else { return };
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "755 nobody /run/oxabgp", "{text}");
        assert_eq!(lines[1], "600 nobody /run/oxabgp/exabgp.sock", "{text}");
        assert_eq!(lines.last(), Some(&"0"), "{text}");
    }
}
