//! The examples do what they print and exit by themselves. They are compiled in here: nothing is built or started
//! twice.

use std::cell::RefCell;
use std::rc::Rc;

#[path = "../../examples/decoder.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod decoder;
#[path = "../../examples/injector.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod injector;
#[path = "../../examples/plugin.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod plugin;

#[test]
fn the_plugin_reports_a_session_from_its_start_to_its_end() {
    let lines = Rc::new(RefCell::new(Vec::new()));
    let sink = Rc::clone(&lines);
    let print = Rc::new(move |line: &str| sink.borrow_mut().push(line.to_owned()));
    plugin::run(&[], print).expect("the example runs");
    let lines = lines.borrow();
    for wanted in [
        "waiting: established with AS 65002, hold time 90 s",
        "connecting: established with AS 65001, hold time 90 s",
        "waiting: announced 203.0.113.0/24",
        "waiting: origin igp",
        "connecting: closed: stop, message [shutting down]",
        "waiting: closed: notification received (6,2)",
    ] {
        assert!(
            lines.iter().any(|line| line == wanted),
            "{wanted}: {lines:#?}"
        );
    }
}

#[test]
fn the_decoder_shows_fields_and_what_errors_are_worth() {
    let shown = RefCell::new(String::new());
    let print = |line: &str| {
        shown.borrow_mut().push_str(line);
        shown.borrow_mut().push('\n');
    };
    decoder::run(&[], &print).expect("the example runs");
    let shown = shown.into_inner();
    for wanted in [
        "  announced 203.0.113.0/24\n",
        "  withdrawn 203.0.113.0/24\n",
        "  announced 2001:db9::/32 next-hop 2001:db8::1\n",
        "  TreatAsWithdraw: attribute 1: ",
        "  the session would end with NOTIFICATION 3/10\n",
        "  Discard: attribute 2: a path through AS 64496\n",
    ] {
        assert!(shown.contains(wanted), "{wanted} in\n{shown}");
    }
    assert!(decoder::run(&["0x".to_owned()], &|_| {}).is_err());
}

#[test]
fn the_injector_sends_every_route() {
    let (routes, _) = injector::run(&["50000".to_owned()]).expect("the example runs");
    assert_eq!(routes, 50_000);
    assert!(injector::run(&["1".to_owned(), "nowhere".to_owned()]).is_err());
}
