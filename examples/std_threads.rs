//! A session over `std::net` with threads: the state machine without tokio.
//!
//! `cargo run --no-default-features --example std_threads` runs two peers on loopback until one of them stops.
#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::{Asn, Family};
use oxabgp::fsm::{Cease, Config, ConnId, ConnInfo, Direction, Input, Output, Peer};
use oxabgp::rib::pack::end_of_rib;

/// Where the lines go.
pub(crate) type Print = Arc<dyn Fn(&str) + Send + Sync>;

fn config(local_as: u32, passive: bool) -> Config {
    Config {
        hold_time: 90,
        passive,
        ..Config::new(
            Asn(local_as),
            Ipv4Addr::from(local_as),
            vec![Family::IPV4_UNICAST],
        )
    }
}

/// One peer with its connection, driven by one thread.
struct Driver {
    name: &'static str,
    peer: Peer,
    id: ConnId,
    stream: TcpStream,
    /// What was received of a message.
    input: BytesMut,
    open: bool,
    /// Whether an UPDATE has come.
    updated: bool,
    /// Whether something was written since the state machine was told so.
    wrote: bool,
    print: Print,
}

impl Driver {
    /// Waits for the other peer to connect.
    fn accept(name: &'static str, listener: &TcpListener, print: Print) -> io::Result<Self> {
        let mut peer = Peer::new(config(65001, true));
        peer.handle(Instant::now(), Input::Start);
        // Nothing is to be done but to wait.
        while peer.poll().is_some() {}
        let (stream, _) = listener.accept()?;
        let id = peer.allot();
        let mut driver = Self::new(name, peer, id, stream, print);
        let ends = driver.ends()?;
        driver.handle(Input::Incoming(id, ends));
        Ok(driver)
    }

    /// Connects to the other peer.
    fn connect(name: &'static str, address: SocketAddr, print: Print) -> io::Result<Self> {
        let mut peer = Peer::new(config(65002, false));
        peer.handle(Instant::now(), Input::Start);
        let mut dial = None;
        while let Some(output) = peer.poll() {
            if let Output::Connect(id) = output {
                dial = Some(id);
            }
        }
        let id = dial.ok_or(ErrorKind::NotConnected)?;
        let stream = TcpStream::connect(address)?;
        let mut driver = Self::new(name, peer, id, stream, print);
        let ends = driver.ends()?;
        driver.handle(Input::Connected(id, ends));
        Ok(driver)
    }

    fn new(name: &'static str, peer: Peer, id: ConnId, stream: TcpStream, print: Print) -> Self {
        Self {
            name,
            peer,
            id,
            stream,
            input: BytesMut::new(),
            open: true,
            updated: false,
            wrote: false,
            print,
        }
    }

    fn ends(&self) -> io::Result<ConnInfo> {
        Ok(ConnInfo {
            local: self.stream.local_addr()?,
            remote: self.stream.peer_addr()?,
        })
    }

    /// Gives an input to the state machine, and does what it asks for.
    fn handle(&mut self, input: Input<'_>) {
        self.step(input);
        // The send hold timer wants to know that the other side takes what is sent (RFC 9687).
        if std::mem::take(&mut self.wrote) {
            self.step(Input::Written(self.id));
        }
    }

    fn step(&mut self, input: Input<'_>) {
        self.peer.handle(Instant::now(), input);
        while let Some(output) = self.peer.poll() {
            self.perform(output);
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Transmit(_, bytes) => self.write(&bytes),
            Output::Close(_) => {
                self.open = false;
                // The other side may have closed it already.
                let _ = self.stream.shutdown(Shutdown::Write);
            }
            Output::State {
                from, to, event, ..
            } => self.print(&format!("{event}: {from} -> {to}")),
            // UPDATEs are the owner's own: they are written beside the state machine.
            Output::Established(..) => self.write(&end_of_rib(Family::IPV4_UNICAST)),
            Output::Message {
                direction: Direction::Receive,
                message,
                ..
            } if message.kind == MessageType::UPDATE => {
                self.updated = true;
                self.print("UPDATE received");
            }
            Output::Down(reason) => self.print(&format!("down: {reason}")),
            _ => {}
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        // The next read reports a broken connection.
        self.wrote |= self.stream.write_all(bytes).is_ok();
    }

    fn print(&self, what: &str) {
        (self.print)(&format!("{}: {what}", self.name));
    }

    /// Reads until the connection is closed; if `stops`, until an UPDATE has come.
    fn run(mut self, stops: bool) -> io::Result<()> {
        let mut buffer = [0; 4096];
        while self.open {
            if stops && self.updated {
                self.handle(Input::Stop(Cease::Shutdown("that was all".to_owned())));
                continue;
            }
            // The next timer limits the read; zero would be no limit.
            let next = self.peer.timeout();
            let wait = next.map(|at| at.saturating_duration_since(Instant::now()));
            let wait = wait.map(|wait| wait.max(Duration::from_millis(1)));
            self.stream.set_read_timeout(wait)?;
            match self.stream.read(&mut buffer) {
                Ok(0) => self.handle(Input::Eof(self.id)),
                Ok(count) => self.received(&buffer[..count]),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => self.handle(Input::Timeout),
                    ErrorKind::Interrupted => {}
                    _ => self.handle(Input::Eof(self.id)),
                },
            }
        }
        Ok(())
    }

    fn received(&mut self, bytes: &[u8]) {
        let mut input = std::mem::take(&mut self.input);
        input.extend_from_slice(bytes);
        loop {
            let before = input.len();
            self.handle(Input::Received(self.id, &mut input));
            if input.len() == before {
                break;
            }
        }
        self.input = input;
    }
}

/// Runs the example.
pub(crate) fn run(print: &Print) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (left, right) = (Arc::clone(print), Arc::clone(print));
    let left = thread::spawn(move || Driver::accept("left", &listener, left)?.run(false));
    let right = thread::spawn(move || Driver::connect("right", address, right)?.run(true));
    for side in [left, right] {
        let ended = side.join();
        ended.map_err(|_| io::Error::other("a thread panicked"))??;
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let print: Print = Arc::new(|line| println!("{line}"));
    run(&print)
}
