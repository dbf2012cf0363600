//! The journal and faults: crashes right after an answer, full disks, files that can't be read.

use super::control::Client;
use super::journal::{commands, kill, operated};
use super::listener;
use crate::support::daemon::Lab;

#[test]
fn what_was_acknowledged_is_in_the_journal_after_a_crash() {
    const ROUTES: usize = 3_000;
    for sync in ["interval 1", "always", "no"] {
        let lab = Lab::new();
        let (_listener, port) = listener();
        let daemon = operated(&lab, port, &format!("sync {sync};"));
        let mut client = Client::new(&lab);
        let routes = (0..ROUTES).map(|number| {
            let (high, low) = (number / 256, number % 256);
            format!("announce route 10.{high}.{low}.0/24 next-hop self med {number}\n")
        });
        client.submit(&routes.collect::<String>());
        (0..ROUTES).for_each(|_| assert_eq!(client.line(), "done\n"));
        kill(daemon);
        let found = commands(&lab).matches("announce route ").count();
        assert_eq!(found, ROUTES, "sync {sync}");
    }
}

#[test]
fn a_set_that_was_acknowledged_is_in_the_journal_after_a_crash() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let daemon = operated(&lab, port, "sync always;");
    let mut client = Client::new(&lab);
    let routes: String = (0..20_000)
        .map(|number| {
            let (high, low) = (number / 256, number % 256);
            format!("route 10.{high}.{low}.0/24 next-hop self\n")
        })
        .collect();
    let declared = client.ask(&format!(
        "set edge replace revision 1\n{routes}set edge end"
    ));
    assert!(declared.contains("done added 20000 "), "{declared}");
    kill(daemon);
    assert_eq!(commands(&lab).matches("announce route ").count(), 20_000);
}
