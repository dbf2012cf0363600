//! A scripted peer: a TCP connection that sends exactly what a test specifies, and does not implement the protocol.
//!
//! Everything blocks, with a time limit, so that a test that hangs fails; the speaker under test runs in another
//! thread or process.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::message::{self, MessageType};
use oxabgp::bgp::{Asn, Family, Notification};
use socket2::{Domain, Socket, Type};

/// How long any step may take: the speaker may back off before it connects, and its machine may be busy.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// Time between KEEPALIVEs.
const KEEPALIVE_TIME: Duration = Duration::from_secs(20);

/// One connection to the speaker under test.
pub(crate) struct RawPeer {
    stream: TcpStream,
    /// When it sent its last KEEPALIVE, if it keeps its session alive.
    kept_alive: Cell<Option<Instant>>,
}

impl RawPeer {
    /// Connects to a speaker.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect_timeout(&address, LIMIT).expect("a connection"))
    }

    /// Connects to a speaker from the given local address.
    pub(crate) fn connect_from(from: &str, address: SocketAddr) -> Self {
        let from: IpAddr = from.parse().expect("an address");
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None);
        let socket = socket.expect("a socket");
        let bound = socket.bind(&SocketAddr::new(from, 0).into());
        bound.expect("an address of ours");
        let connected = socket.connect_timeout(&address.into(), LIMIT);
        connected.expect("a connection");
        Self::new(socket.into())
    }

    /// Accepts the next connection of a speaker.
    pub(crate) fn accept(listener: &TcpListener) -> Self {
        let start = Instant::now();
        listener.set_nonblocking(true).expect("a mode");
        let stream = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    assert!(start.elapsed() < LIMIT, "no connection within {LIMIT:?}");
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => panic!("no connection: {error}"),
            }
        };
        stream.set_nonblocking(false).expect("a mode");
        Self::new(stream)
    }

    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        stream.set_nodelay(true).expect("no delay");
        Self {
            stream,
            kept_alive: Cell::new(None),
        }
    }

    /// The connection itself. The session is the test's from now on: another thread may write, or nothing at all.
    pub(crate) fn stream(&self) -> &TcpStream {
        self.kept_alive.set(None);
        &self.stream
    }

    /// Sends bytes unchanged.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream
            .write_all(bytes)
            .expect("a peer that takes bytes");
    }

    /// Sends one message.
    pub(crate) fn send(&mut self, kind: MessageType, body: &[u8]) {
        self.send_bytes(&encode(kind, body));
    }

    /// The next message: its type and body. `None` if the speaker has closed.
    ///
    /// A peer that keeps its session alive sends its next KEEPALIVE here when it is time.
    pub(crate) fn receive(&mut self) -> Option<(MessageType, Vec<u8>)> {
        let sent = self.kept_alive.get();
        if sent.is_some_and(|sent| sent.elapsed() >= KEEPALIVE_TIME) {
            // The speaker may have closed, which is found out below.
            let _ = self.stream.write_all(&encode(MessageType::KEEPALIVE, &[]));
            self.kept_alive.set(Some(Instant::now()));
        }
        let mut header = [0; message::HEADER];
        match self.stream.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if closed(&error) => return None,
            Err(error) => panic!("no message within {LIMIT:?}: {error}"),
        }
        let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
        let mut body = vec![0; length - message::HEADER];
        match self.stream.read_exact(&mut body) {
            Ok(()) => Some((MessageType(header[18]), body)),
            Err(error) if closed(&error) => None,
            Err(error) => panic!("half a message within {LIMIT:?}: {error}"),
        }
    }

    /// The body of the next message of that type; KEEPALIVEs before it are skipped.
    pub(crate) fn expect(&mut self, wanted: MessageType) -> Vec<u8> {
        loop {
            match self.receive() {
                Some((kind, body)) if kind == wanted => return body,
                Some((MessageType::KEEPALIVE, _)) => {}
                other => panic!("{wanted} expected, not {other:?}"),
            }
        }
    }

    /// The NOTIFICATION that closes the session, whatever precedes it; the connection must be closed after it.
    pub(crate) fn expect_notification(&mut self) -> Notification {
        loop {
            match self.receive() {
                Some((MessageType::NOTIFICATION, body)) => {
                    assert_eq!(self.receive(), None, "nothing follows a NOTIFICATION");
                    return Notification::decode(&body);
                }
                Some(_) => {}
                None => panic!("closed without a NOTIFICATION"),
            }
        }
    }

    /// Reads until the speaker closes.
    pub(crate) fn expect_close(&mut self) {
        while self.receive().is_some() {}
    }

    /// Establishes a session: our OPEN, theirs, KEEPALIVEs in both directions. Returns their OPEN.
    ///
    /// It is kept alive, so that a test on a slow machine does not reach the hold time of [`open`]. Short ones are for
    /// the test.
    pub(crate) fn establish(&mut self, open: &Open) -> Open {
        self.send_bytes(&open.encode().expect("an OPEN"));
        let theirs = self.expect(MessageType::OPEN);
        self.send(MessageType::KEEPALIVE, &[]);
        if u64::from(open.hold_time) > 3 * KEEPALIVE_TIME.as_secs() {
            self.kept_alive.set(Some(Instant::now()));
        }
        self.expect(MessageType::KEEPALIVE);
        Open::decode(&theirs).expect("a good OPEN")
    }
}

/// Returns `true` if the other side has closed. A reset counts: that is how a close with unread input appears.
fn closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

/// One message.
pub(crate) fn encode(kind: MessageType, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    message::encode(&mut out, kind, |w| w.bytes(body));
    out
}

/// An OPEN with IPv4 and IPv6 unicast and four-octet AS numbers, hold time 90 s.
pub(crate) fn open(asn: u32, router_id: [u8; 4]) -> Open {
    Open {
        version: 4,
        asn: Asn(asn).to_u16(),
        hold_time: 90,
        router_id: Ipv4Addr::from(router_id),
        capabilities: Offer {
            families: vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
            asn4: Some(Asn(asn)),
            ..Offer::default()
        }
        .capabilities(),
    }
}

/// The body of an UPDATE that announces an IPv4 prefix (given as on the wire) with AS path `[asn]` (four octets).
pub(crate) fn announcement(asn: u32, prefix: &[u8]) -> Vec<u8> {
    let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, 6, 2, 1];
    attributes.extend(asn.to_be_bytes());
    attributes.extend([0x40, 3, 4, 192, 0, 2, 1]);
    let length = u16::try_from(attributes.len()).expect("short");
    [&[0, 0], &length.to_be_bytes()[..], &attributes, prefix].concat()
}
