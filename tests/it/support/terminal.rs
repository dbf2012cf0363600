//! A terminal, which `script` (util-linux) provides.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// Runs a shell command in a terminal. Returns the terminal, and what it has shown so far.
pub(crate) fn terminal(command: &str) -> (Child, Arc<Mutex<Vec<u8>>>) {
    let mut script = Command::new("script")
        .args(["-qefc", command, "/dev/null"])
        .env("SHELL", "/bin/sh")
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`script` of util-linux");
    let mut stdout = script.stdout.take().expect("a pipe");
    let output = Arc::<Mutex<Vec<u8>>>::default();
    let shown = Arc::clone(&output);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stdout.read(&mut buffer) {
            let mut shown = shown.lock().expect("no panic");
            shown.extend_from_slice(&buffer[..count]);
        }
    });
    (script, output)
}
