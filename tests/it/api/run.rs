//! Lines that are executed as runs have the effects and answers of the same lines one by one.

use proptest::prelude::*;

use super::fake::{Fake, Talk, execute, say};

const HEADS: [&str; 10] = [
    "announce route ",
    "announce route ",
    "announce route ",
    "withdraw route ",
    "neighbor 127.0.0.2 announce route ",
    "neighbor 127.0.0.3 withdraw route ",
    "neighbor 10.9.9.9 announce route ",
    "peer * announce route ",
    " announce  route ",
    "announce ipv4 unicast ",
];

const PREFIXES: [&str; 18] = [
    "10.0.0.0/8",
    "10.0.1.0/24",
    "10.0.2.0/24",
    "192.0.2.1",
    "0.0.0.0/0",
    "224.0.0.0/4",
    "2001:db8::/32",
    "2001:db8::1",
    "::/0",
    "10.0.0.1/8",
    "10.0.0.0/33",
    "10.0.0.0/08",
    "010.0.0.0/8",
    "10.0.0/8",
    "10.0.0.0/8;",
    "10.0.0.0/",
    "256.0.0.0/8",
    "",
];

const TAILS: [&str; 20] = [
    " next-hop 192.0.2.1",
    " next-hop 192.0.2.1",
    " next-hop 192.0.2.1 med 5",
    " next-hop 192.0.2.1 med 55",
    " next-hop self community [ 1:2 3:4 ]",
    " next-hop 2001:db8::9",
    " next-hop 2001:db8::9 as-path [ 1 2 3 ]",
    " next-hop 192.0.2.1 path-information 7",
    " next-hop 192.0.2.1 label 5",
    " next-hop 192.0.2.1 rd 1:1 label 5",
    " next-hop 192.0.2.1 split /9",
    " next-hop 192.0.2.1 sync",
    " next-hop 192.0.2.1 med 5 med 6",
    " next-hop 192.0.2.1 med",
    " med 5",
    "  next-hop 192.0.2.1",
    " next-hop 192.0.2.1 ",
    " next-hop 192.0.2.1\r",
    " next-hop 192.0.2.1 name é",
    "",
];

const OTHERS: [&str; 12] = [
    "",
    "announce eor",
    "group start",
    "group end",
    "session ack disable",
    "session ack enable",
    "session sync enable",
    "session sync disable",
    "session reasons enable",
    "session ack json",
    "announce routes 10.0.0.0/8",
    "announce attributes next-hop 1.2.3.4 nlri 10.0.0.0/8",
];

fn line() -> impl Strategy<Value = Vec<String>> {
    let routes = (
        0..HEADS.len(),
        proptest::collection::vec(0..PREFIXES.len(), 1..5),
        0..TAILS.len(),
    );
    let routes = routes.prop_map(|(head, prefixes, tail)| {
        let of = |prefix: usize| format!("{}{}{}", HEADS[head], PREFIXES[prefix], TAILS[tail]);
        prefixes.into_iter().map(of).collect()
    });
    prop_oneof![
        10 => routes,
        2 => (0..OTHERS.len()).prop_map(|other| vec![OTHERS[other].to_owned()]),
    ]
}

fn talk(refuses: bool, takes_runs: bool) -> Talk {
    let mut talk = Talk::new();
    talk.fake = Fake {
        ipv4_sessions: refuses,
        takes_runs,
        ..Fake::new()
    };
    talk
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn runs_equal_their_lines(
        lines in proptest::collection::vec(line(), 1..30),
        refuses in any::<bool>(),
        newline in any::<bool>(),
    ) {
        let lines = lines.concat();
        let mut text = lines.join("\n");
        if newline || lines.last().is_some_and(String::is_empty) {
            text.push('\n');
        }
        let mut plain = talk(refuses, false);
        let answers: Vec<String> = lines.iter().map(|line| say(&mut plain, line)).collect();
        let calls = plain.calls();
        for takes_runs in [true, false] {
            let mut fast = talk(refuses, takes_runs);
            prop_assert_eq!(&execute(&mut fast, &text), &answers);
            prop_assert_eq!(&fast.calls(), &calls);
        }
    }
}

#[test]
fn usual_lines_are_one_run() {
    let mut talk = talk(false, true);
    talk.submit("announce route 10.0.0.0/8 next-hop 1.2.3.4");
    let text = "announce route 10.0.1.0/24 next-hop 1.2.3.4\n\
                announce route 10.0.2.0/24 next-hop 1.2.3.4\n\
                announce route 2001:db8::/32 next-hop ::1 med 7\n\
                withdraw route 10.0.1.0/24\n\
                withdraw route 10.0.2.0/24\n";
    let mut out = String::new();
    let run =
        talk.commands
            .execute_run(text.as_bytes(), &mut talk.source, &mut talk.fake, &mut out);
    assert_eq!(
        (run.bytes, run.lines, out.as_str()),
        (text.len(), 5, "done\n")
    );
    assert_eq!(talk.fake.runs, 3);
    assert_eq!(talk.calls().len(), 6);
}
