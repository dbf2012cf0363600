//! Events and writes over channels, and the changes of neighbors, from other threads.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

use ipnet::IpNet;
use oxabgp::bgp::attribute::origin::Origin;
use oxabgp::fsm::{Cease, State};
use oxabgp::speaker::{
    Attributes, ChangeKind, ChannelPlugin, Handle, PeerChanges, PeerCommands, PeerEvent,
    PeerEvents, PeerKey, Server, UpdateWriter, WriteError,
};

use super::{LIMIT, LOOPBACK, active, passive};

/// Waits with a limit.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("in time")
}

struct End {
    server: Handle,
    key: PeerKey,
    events: PeerEvents,
    commands: PeerCommands,
    changes: PeerChanges,
}

/// Two servers on threads of their own, with a session; the queue of the first takes `capacity` events.
async fn pair(capacity: usize) -> (End, End) {
    let left = Server::spawn(Ipv4Addr::new(10, 0, 0, 1)).expect("a thread");
    let right = Server::spawn(Ipv4Addr::new(10, 0, 0, 2)).expect("a thread");
    let address = left
        .listen(SocketAddr::new(LOOPBACK, 0))
        .await
        .expect("a port on loopback");
    let mut ends = Vec::new();
    for (server, config) in [
        (left, passive(65001, 65002)),
        (right, active(65002, 65001, address)),
    ] {
        let changes = server.subscribe().await.expect("it serves");
        let (plugin, events, commands) = ChannelPlugin::new(capacity);
        let key = server
            .add_peer(config, move || plugin)
            .await
            .expect("a peer");
        ends.push(End {
            server,
            key,
            events,
            commands,
            changes,
        });
    }
    let right = ends.pop().expect("two");
    (ends.pop().expect("two"), right)
}

async fn up(end: &mut End) -> UpdateWriter {
    match soon(end.events.next()).await {
        Some(PeerEvent::Established(_, writer)) => writer,
        other => panic!("{other:?}"),
    }
}

fn prefix(n: u32) -> IpNet {
    IpNet::new(Ipv4Addr::from(0x0A00_0000 + n).into(), 32).expect("a length")
}

#[tokio::test]
async fn routes_and_events_cross_threads_and_nothing_is_lost_behind_a_full_queue() {
    const ROUTES: u32 = 20_000;
    let (mut left, mut right) = pair(2).await;
    up(&mut left).await;
    let writer = up(&mut right).await;
    assert!(left.commands.is_up());
    // A plain thread writes one UPDATE for each route, faster than they are taken.
    let sending = thread::spawn(move || {
        let attributes = Attributes::new().origin(Origin::Incomplete);
        let mut full = 0;
        for n in 0..ROUTES {
            while let Err(error) = writer.announce(prefix(n), &attributes) {
                assert_eq!(error, WriteError::Full);
                full += 1;
                thread::yield_now();
            }
        }
        full
    });
    let mut seen = 0;
    while seen < ROUTES {
        let Some(PeerEvent::Update(update)) = soon(left.events.next()).await else {
            panic!("an update");
        };
        let content = update.content().expect("a good UPDATE");
        assert_eq!(content.attributes.origin(), Some(Origin::Incomplete));
        for field in content.announced() {
            for nlri in field.routes.flatten() {
                assert_eq!(nlri.prefix(), Some(prefix(seen)));
                seen += 1;
            }
        }
    }
    sending.join().expect("the thread ends");
    let status = left.server.peer(left.key).await.expect("it is there");
    assert_eq!((status.sessions, status.state), (1, State::Established));

    right
        .server
        .reset_peer(right.key, oxabgp::bgp::Notification::cease(4))
        .await
        .expect("it serves");
    let closed = soon(left.events.next()).await;
    assert!(matches!(closed, Some(PeerEvent::Closed(_))), "{closed:?}");
    for end in [&left, &right] {
        let cease = Cease::Shutdown(String::new());
        end.server.shutdown(cease).await.expect("it serves");
    }
    // Both queues end with their neighbors, whatever was left in them.
    while soon(left.events.next()).await.is_some() {}
    assert_eq!(right.commands.withdraw(prefix(0)), Err(WriteError::Closed));
}

#[tokio::test]
async fn the_changes_of_neighbors_can_be_followed_from_any_thread() {
    let (mut left, mut right) = pair(64).await;
    up(&mut left).await;
    up(&mut right).await;
    let cease = Cease::Shutdown(String::new());
    left.server.shutdown(cease).await.expect("it serves");
    let follow = thread::spawn(move || {
        let all = std::iter::from_fn(|| left.changes.blocking_next());
        all.map(|change| (change.kind, change.from, change.status.state))
            .collect::<Vec<_>>()
    });
    let all = follow.join().expect("the server ends");
    assert_eq!(all[0], (ChangeKind::Added, State::Idle, State::Idle));
    let reached: Vec<State> = all.iter().map(|(_, _, to)| *to).collect();
    for state in [State::Active, State::OpenConfirm, State::Established] {
        assert!(reached.contains(&state), "{state}: {all:?}");
    }
    // What is reported is a chain: nothing is missing in between.
    for pair in all.windows(2) {
        if pair[1].0 == ChangeKind::State {
            assert_eq!(pair[0].2, pair[1].1, "{all:?}");
        }
    }
    assert!(
        all.iter().any(|(kind, ..)| *kind == ChangeKind::Removed),
        "{all:?}"
    );
    // The peer of the server that went.
    loop {
        let change = soon(right.changes.next()).await.expect("it serves");
        if change.from == State::Established {
            assert!(change.status.last_close.is_some(), "{change:?}");
            break;
        }
    }
}

#[tokio::test]
async fn a_handle_announces_and_withdraws() {
    let (mut left, mut right) = pair(64).await;
    up(&mut left).await;
    up(&mut right).await;
    let attributes = Attributes::new().med(3);
    let (server, key) = (&left.server, left.key);
    server
        .announce(key, prefix(1), &attributes)
        .await
        .expect("it is up");
    server.withdraw(key, prefix(1)).await.expect("it is up");
    let Some(PeerEvent::Update(update)) = soon(right.events.next()).await else {
        panic!("an announcement");
    };
    assert_eq!(update.content().expect("good").attributes.med(), Some(3));
    let Some(PeerEvent::Update(update)) = soon(right.events.next()).await else {
        panic!("a withdrawal");
    };
    assert_eq!(update.content().expect("good").withdrawn().count(), 1);
    for end in [left, right] {
        end.server
            .shutdown(Cease::Removed)
            .await
            .expect("it serves");
    }
}
