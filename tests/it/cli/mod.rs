//! The command line from its users' point of view.

mod control;
mod exabgp;
mod fsm;
mod healthcheck;
mod interrupts;
mod manual;
mod messages;
mod output;
mod pipe;
#[cfg(feature = "stream")]
mod replay;

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

/// Exit code, standard output, standard error.
pub(crate) fn texts(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text in UTF-8");
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}

/// Starts a program with piped standard input.
pub(crate) fn start(command: &mut Command) -> Child {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// Runs a program to completion with this input.
pub(crate) fn run(command: &mut Command, input: &str) -> (i32, String, String) {
    let mut child = start(command);
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).ok();
    drop(stdin);
    texts(child.wait_with_output().expect("the program ends"))
}
