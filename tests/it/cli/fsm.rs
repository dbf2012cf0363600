//! `oxabgp fsm`.

use super::run;
use crate::support::daemon::oxabgp;

#[test]
fn fsm_prints_the_table() {
    let (code, table, errors) = run(&mut oxabgp(&["fsm"]), "");
    assert_eq!((code, errors.as_str()), (0, ""));
    assert_eq!(table, oxabgp::fsm::table::markdown());
}

#[test]
fn fsm_live_shows_each_step_of_a_session_with_its_reason() {
    let (code, trace, errors) = run(&mut oxabgp(&["fsm", "--live"]), "");
    assert_eq!((code, errors.as_str()), (0, ""), "{trace}");
    let mut rest = trace.as_str();
    for step in [
        "event=ManualStart_with_PassiveTcpEstablishment from=Idle to=Active (4)",
        "event=ManualStart from=Idle to=Connect (1)",
        "event=Tcp_CR_Acked from=Connect to=OpenSent (16): our connection is up",
        "sends OPEN",
        "event=BGPOpen from=OpenSent to=OpenConfirm (19): the peer's OPEN is acceptable",
        "event=KeepAliveMsg from=OpenConfirm to=Established (26)",
        "sends KEEPALIVE",
        "event=ManualStop from=Established to=Idle (2)",
        "event=NotifMsg from=Established to=Idle (25)",
    ] {
        let at = rest
            .find(step)
            .unwrap_or_else(|| panic!("no `{step}` in order:\n{trace}"));
        rest = &rest[at..];
    }
}
