//! `lifetime` at the end of an announcement, and the errors about it.

use oxabgp::api::Outcome;

use super::fake::Talk;

/// The reason why a line is refused; `None` if it is accepted.
fn refusal(talk: &mut Talk, line: &str) -> Option<String> {
    talk.submit(line);
    match &talk.last {
        Outcome::Failed(error) => Some(error.to_string()),
        _ => None,
    }
}

#[test]
fn a_semicolon_may_follow_a_lifetime() {
    let mut talk = Talk::new();
    for line in [
        "announce route 10.0.0.0/8 next-hop 192.0.2.1 lifetime 2",
        "announce route 10.0.0.0/8 next-hop 192.0.2.1 lifetime 2;",
        "announce route 10.0.0.0/8 next-hop 192.0.2.1 lifetime 2 ;",
        "announce route 10.0.0.0/8 next-hop 192.0.2.1\tlifetime\t10m;",
        "announce route 10.0.0.0/8 next-hop 192.0.2.1; lifetime forever;",
        "neighbor 127.0.0.2 announce route 10.0.0.0/8 next-hop 192.0.2.1 lifetime 2;",
        "announce attributes next-hop 192.0.2.1 nlri 10.0.0.0/8 11.0.0.0/8 lifetime 2;",
        "announce flow route { match { destination 10.0.0.0/8; } then { discard; } } lifetime 2;",
        "set s put k route 10.0.0.0/8 next-hop 192.0.2.1 lifetime 2;",
        "set s replace revision 1",
        "route 10.0.0.0/8 next-hop 192.0.2.1 lifetime 2;",
        "set s abort",
    ] {
        assert_eq!(refusal(&mut talk, line), None, "{line}");
    }
}

#[test]
fn the_lifetime_of_a_withdrawal_is_ignored() {
    let mut talk = Talk::new();
    for line in [
        "announce route 10.0.0.0/8 next-hop 192.0.2.1 lifetime 10m",
        "neighbor 127.0.0.2 announce route 10.0.0.0/8 next-hop 192.0.2.1 community [ 65000:1 ] lifetime 10m;",
        "announce attributes next-hop 192.0.2.1 nlri 10.0.0.0/8 11.0.0.0/8 lifetime forever",
        "announce ipv4 unicast 10.0.0.0/8 next-hop 192.0.2.1 lifetime 24h sync",
        "announce flow route { match { destination 10.0.0.0/8; } then { discard; } } lifetime 2",
        "announce flow route destination 10.0.0.0/8 discard lifetime 2",
    ] {
        assert_eq!(refusal(&mut talk, line), None, "{line}");
        talk.calls();
        let line = line.replace("announce", "withdraw");
        assert_eq!(refusal(&mut talk, &line), None, "{line}");
        let without = line.split(" lifetime").next().expect("a first part");
        let calls = talk.calls();
        assert!(!calls.is_empty(), "{line}");
        assert_eq!(refusal(&mut talk, without), None, "{without}");
        assert_eq!(talk.calls(), calls, "{line}");
    }
    // A remark is none.
    assert_eq!(
        refusal(&mut talk, "# withdraw it before its lifetime ends"),
        None
    );
    assert_eq!(
        refusal(&mut talk, "# announce it with a lifetime soon"),
        None
    );
}

#[test]
fn errors_name_the_lifetime_and_its_place() {
    let mut talk = Talk::new();
    let missing = "expected a lifetime such as `10m`, `24h`, `600`, or `forever`, found the end of the statement";
    let misplaced = "a lifetime cannot stand here (only a route that a command announces has a lifetime, once and at the end: `… next-hop self lifetime 10m`)";
    let route = "announce route 10.0.0.0/8 next-hop 192.0.2.1";
    for (line, wanted) in [
        (format!("{route} lifetime"), format!("{missing}, at column 54")),
        (format!("{route} lifetime ;"), format!("{missing}, at column 54")),
        (
            format!("{route} lifetime 1w;"),
            "expected a lifetime such as `10m`, `24h`, `600`, or `forever`, found `1w`, at column 55".to_owned(),
        ),
        (
            "announce route 10.0.0.0/8 lifetime 2 next-hop self".to_owned(),
            format!("{misplaced}, at column 27"),
        ),
        (
            format!("{route} lifetime 2 lifetime 3"),
            format!("{misplaced}, at column 46"),
        ),
        (
            "announce route 10.0.0.0/8 { next-hop 192.0.2.1; lifetime 2; }".to_owned(),
            format!("{misplaced}, at column 49"),
        ),
        (
            "announce attributes next-hop 192.0.2.1 lifetime 2 nlri 10.0.0.0/8".to_owned(),
            format!("{misplaced}, at column 40"),
        ),
        (
            "announce flow route { match { destination 10.0.0.0/8; } then { discard; } lifetime 2; }".to_owned(),
            format!("{misplaced}, at column 75"),
        ),
        (
            "announce flow route destination 10.0.0.0/8 lifetime 2 discard".to_owned(),
            format!("{misplaced}, at column 44"),
        ),
        (
            "announce vpls rd 192.0.2.1:7 endpoint 5 base 100 offset 1 size 8 lifetime 2 next-hop 192.0.2.1".to_owned(),
            format!("{misplaced}, at column 66"),
        ),
        (
            "withdraw route 10.0.0.0/8 lifetime 2 next-hop 192.0.2.1".to_owned(),
            format!("{misplaced}, at column 27"),
        ),
        (
            "withdraw route 10.0.0.0/8 next-hop 192.0.2.1 lifetime 1w".to_owned(),
            "expected a lifetime such as `10m`, `24h`, `600`, or `forever`, found `1w`, at column 55".to_owned(),
        ),
        (
            "announce eor ipv4 unicast lifetime 2".to_owned(),
            "`announce eor` takes no lifetime: only routes have one".to_owned(),
        ),
        (
            "announce watchdog dog lifetime 2".to_owned(),
            "`announce watchdog` takes no lifetime: only routes have one".to_owned(),
        ),
        (
            "announce route-refresh ipv4 unicast lifetime 2".to_owned(),
            "`announce route-refresh` takes no lifetime: only routes have one".to_owned(),
        ),
        (
            "set s put k route 10.0.0.0/8 next-hop 192.0.2.1 lifetime".to_owned(),
            format!("{missing}, at column 57"),
        ),
        (
            "set s put k route 10.0.0.0/8 lifetime 2 next-hop 192.0.2.1".to_owned(),
            format!("{misplaced}, at column 30"),
        ),
    ] {
        assert_eq!(refusal(&mut talk, &line), Some(wanted), "{line}");
    }
    assert_eq!(refusal(&mut talk, "set s replace revision 1"), None);
    assert_eq!(
        refusal(&mut talk, "route 10.0.0.0/8 next-hop 192.0.2.1 lifetime"),
        Some(format!("{missing}, at column 45"))
    );
    assert_eq!(
        refusal(&mut talk, "route 10.0.0.0/8 lifetime 2 next-hop self"),
        Some(format!("{misplaced}, at column 18"))
    );
    assert_eq!(refusal(&mut talk, "set s abort"), None);
}

#[test]
fn names_may_be_spelled_as_the_option() {
    let mut talk = Talk::new();
    for line in [
        "announce route 10.0.0.0/8 next-hop 192.0.2.1 name lifetime",
        "announce route 10.0.0.0/8 next-hop 192.0.2.1 watchdog lifetime",
        "announce watchdog lifetime",
        "set lifetime replace revision 1",
        "show set lifetime",
        "set lifetime abort",
        "set lifetime put lifetime route 10.0.0.0/8 next-hop 192.0.2.1",
        "set lifetime delete lifetime",
    ] {
        assert_eq!(refusal(&mut talk, line), None, "{line}");
    }
}
