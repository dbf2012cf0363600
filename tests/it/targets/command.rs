//! Lines of helpers and of the control socket.
//!
//! The first byte chooses how the daemon behaves, the rest is text. Oracles: lines executed as a run have the answers and effects of
//! the same lines one by one; what the caches remember changes nothing; answers in JSON are JSON.

use crate::api::fake::{Fake, Talk, execute, say};

/// The most that a line may do: a batch or a `split` makes many routes of a few bytes.
const LONGEST: usize = 4_096;

pub(crate) fn check(data: &[u8]) {
    let Some((bits, text)) = data.split_first() else {
        return;
    };
    let text = &text[..text.len().min(LONGEST)];
    // Bytes that are no UTF-8 reach the parser too, but the fast path takes text.
    if let Ok(text) = str::from_utf8(text) {
        runs(*bits, text);
    }
    remembered(*bits, text);
}

fn talk(bits: u8, takes_runs: bool) -> Talk {
    let mut talk = Talk::new();
    talk.fake = Fake {
        ipv4_sessions: bits & 1 != 0,
        carries_nothing: bits & 2 != 0,
        takes_runs,
        ..Fake::new()
    };
    if bits & 4 != 0 {
        talk.submit("session ack json");
    }
    talk
}

fn runs(bits: u8, text: &str) {
    let mut plain = talk(bits, false);
    let lines: Vec<&str> = text
        .strip_suffix('\n')
        .unwrap_or(text)
        .split('\n')
        .collect();
    let answers: Vec<String> = lines.iter().map(|line| say(&mut plain, line)).collect();
    let calls = plain.calls();
    for takes_runs in [true, false] {
        let mut fast = talk(bits, takes_runs);
        assert_eq!(execute(&mut fast, text), answers);
        assert_eq!(fast.calls(), calls);
    }
}

/// Each line is executed by a client that has executed it before, and the others, and by a new one.
fn remembered(bits: u8, text: &[u8]) {
    let mut old = talk(bits & !4, false);
    let lines = || text.split(|byte| *byte == b'\n').take(8);
    for line in lines() {
        old.submit(line);
    }
    for line in lines() {
        if changes_the_session(line) {
            return;
        }
    }
    for line in lines() {
        let mut new = talk(bits & !4, false);
        new.fake.routes.clone_from(&old.fake.routes);
        old.calls();
        let (remembered, fresh) = (old.submit(line), new.submit(line));
        assert_eq!(remembered, fresh);
        assert_eq!(old.last, new.last);
        assert_eq!(old.calls(), new.calls());
        json(&fresh);
    }
}

/// Lines after which the same line may have another answer.
fn changes_the_session(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    let changes = [
        "session", "group", "silence", "enable", "disable", "ack", "set", "reload", "revision",
        "lease", "api", "encoding", "commit", "begin",
    ];
    changes.iter().any(|word| text.contains(word))
}

/// An answer that begins like JSON is JSON.
fn json(answer: &str) {
    for line in answer.lines().filter(|line| line.starts_with("{ \"")) {
        if let Err(error) = serde_json::from_str::<serde_json::Value>(line) {
            panic!("{error}: {line}");
        }
    }
}
