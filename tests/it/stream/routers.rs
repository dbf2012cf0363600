//! How many routers a station takes.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use oxabgp::stream::source::BmpListener;
use oxabgp::stream::{Detection, Stream};

use super::feeds::initiation;
use crate::support::daemon::wait_for;

/// Routers that a station takes at a time.
const MOST: usize = 256;

/// What a test waits for at most before it fails.
const LONG: Duration = Duration::from_secs(60);

/// A router that tells its name.
fn connect(address: SocketAddr, name: &str) -> TcpStream {
    let mut router = TcpStream::connect(address).expect("connects");
    // One that is not taken may be closed already.
    let _ = router.write_all(&initiation(name));
    router
}

/// Whether the station has closed the connection. It never sends anything.
fn is_closed(router: &mut TcpStream) -> bool {
    router.set_nonblocking(true).expect("a mode");
    match router.read(&mut [0; 1]) {
        Ok(0) => true,
        Ok(_) => panic!("nothing is ever sent to a router"),
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// The names of routers, as their records come.
fn names(stream: Stream) -> Receiver<String> {
    let (sender, names) = channel();
    std::thread::spawn(move || {
        for record in stream {
            if sender.send(record.origin.router.clone()).is_err() {
                return;
            }
        }
    });
    names
}

#[test]
fn a_station_takes_256_routers_and_another_one_when_one_has_left() {
    // Both ends of each connection are here.
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("a limit");
    let listener = BmpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr();
    let live = listener.start(Detection::On).expect("a feed");
    let names = names(Stream::builder().live(live).build().expect("a stream"));
    let mut routers: Vec<TcpStream> = (0..MOST)
        .map(|number| connect(address, &number.to_string()))
        .collect();
    let mut found: Vec<usize> = (0..MOST)
        .map(|_| names.recv_timeout(LONG).expect("a record"))
        .map(|name| name.parse().expect("a number"))
        .collect();
    found.sort_unstable();
    assert!(found.into_iter().eq(0..MOST));
    let mut more = connect(address, "more");
    wait_for("the end of a connection", || {
        is_closed(&mut more).then_some(())
    });
    assert!(routers.iter_mut().all(|router| !is_closed(router)));
    // The others go on, and the one that was not taken has left no record.
    routers[7].set_nonblocking(false).expect("a mode");
    routers[7].write_all(&initiation("seven")).expect("writes");
    assert_eq!(names.recv_timeout(LONG), Ok("seven".into()));
    drop(routers.pop());
    let mut late = connect(address, "late");
    let name = wait_for("a place", || {
        // When the station notices that one has left is its own affair.
        if is_closed(&mut late) {
            late = connect(address, "late");
        }
        names.try_recv().ok()
    });
    assert_eq!(name, "late");
}
