//! A long sequence of commands, compared with the answers of ExaBGP 5.0.15 (`tests/data/api/answers.txt`).

use super::fake::Talk;

/// Where our answers differ, how, and why.
const OTHERWISE: &[(&str, &str, &str)] = &[
    (
        "announce route 10.0.0.0/8 next-hop 1.2.3.4 as-path 65001",
        "done\n",
        "one AS needs no brackets",
    ),
    (
        "announce flow route discard",
        "error\n",
        "a rule that matches everything is a slip of the pen",
    ),
    (
        "announce l2vpn vpls rd 1:1 endpoint 5 base 100 offset 1 size 8 next-hop 1.1.1.1",
        "done\n",
        "as the other families are announced",
    ),
    (
        "session ping",
        "{\"pong\": \"\", \"active\": true}\ndone\n",
        "a word of 6.0",
    ),
];

#[test]
fn a_long_conversation_is_answered_as_exabgp_does() {
    let text = include_str!("../../data/api/answers.txt");
    let mut talk = Talk::new();
    let name = |last: u8, asn: u32| {
        format!(
            "neighbor 127.0.0.{last} local-ip 127.0.0.1 local-as 65000 peer-as {asn} router-id 10.0.0.1 family-allowed in-open"
        )
    };
    talk.fake.names = vec![name(1, 65001), name(20, 65002)];
    talk.fake.own = [0, 1].into();
    talk.fake.up = [0].into();
    talk.fake.ipv4_sessions = true;
    let (mut wrong, mut count) = (Vec::new(), 0);
    for block in text.split("\n>>> ").skip(1) {
        let (command, answer) = block.split_once('\n').unwrap_or((block, ""));
        let answer = if answer.is_empty() || answer.ends_with('\n') {
            answer.to_owned()
        } else {
            format!("{answer}\n")
        };
        let other = OTHERWISE.iter().find(|(line, ..)| *line == command);
        let wanted = other.map_or(&*answer, |(_, ours, _)| ours);
        let got = talk.submit(command);
        count += 1;
        if got != wanted {
            wrong.push(format!("`{command}`: {got:?} instead of {wanted:?}"));
        }
    }
    assert!(count > 150, "{count}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
