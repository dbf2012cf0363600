//! A connection to a broker: requests are written, answers come in the same order.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use crate::wire::{WireError, Writer};

use super::protocol::{Address, Api, request};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a broker may take to answer, beyond the time that a fetch waits for messages.
const PATIENCE: Duration = Duration::from_secs(15);

/// Largest answer that is read, in bytes. A message that is larger than what was asked for comes whole.
const LARGEST: u32 = 32 << 20;

/// Bytes of the buffer that are kept from one answer to the next.
const KEPT: usize = 4 << 20;

/// A connection to a broker.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// The number of the request that was sent last.
    sent: u32,
    /// The number of the answer that was received last.
    received: u32,
    answer: Vec<u8>,
}

impl Connection {
    pub(super) fn open(address: &Address) -> io::Result<Self> {
        let mut failure = None;
        for address in (address.0.as_str(), address.1).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_write_timeout(Some(PATIENCE))?;
                    return Ok(Self {
                        stream,
                        sent: 0,
                        received: 0,
                        answer: Vec::new(),
                    });
                }
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| io::Error::other("the host has no address")))
    }

    /// Sends a request whose answer is received later.
    pub(super) fn send(&mut self, api: Api, body: &dyn Fn(&mut Writer<'_>)) -> io::Result<()> {
        self.sent = self.sent.wrapping_add(1);
        let bytes = request(api, self.sent, body)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.stream.write_all(&bytes)
    }

    /// Receives the answer to the oldest request without one.
    pub(super) fn receive(&mut self) -> io::Result<&[u8]> {
        let mut head = [0; 8];
        self.stream.read_exact(&mut head).map_err(silence)?;
        let [a, b, c, d, number @ ..] = head;
        let length = u32::from_be_bytes([a, b, c, d]);
        self.received = self.received.wrapping_add(1);
        if !(4..=LARGEST).contains(&length) || u32::from_be_bytes(number) != self.received {
            return Err(malformed("what was received is not an answer of Kafka"));
        }
        self.answer.clear();
        self.answer.shrink_to(KEPT);
        // The length is believed only as far as bytes come.
        let mut rest = (&mut self.stream).take(u64::from(length) - 4);
        rest.read_to_end(&mut self.answer).map_err(silence)?;
        if rest.limit() > 0 {
            return Err(silence(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(&self.answer)
    }

    /// Sends a request and reads its answer with `read`.
    pub(super) fn ask<T>(
        &mut self,
        api: Api,
        body: &dyn Fn(&mut Writer<'_>),
        read: impl FnOnce(&[u8]) -> Result<T, WireError>,
    ) -> io::Result<T> {
        self.send(api, body)?;
        read(self.receive()?).map_err(wrong)
    }
}

/// An answer that can't be read.
pub(super) fn wrong(error: WireError) -> io::Error {
    malformed(format!("an answer is malformed: expected {error}"))
}

fn malformed(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}

/// Names a time limit, which the system calls a resource that is temporarily unavailable.
fn silence(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            io::Error::new(io::ErrorKind::TimedOut, "the broker does not answer")
        }
        io::ErrorKind::UnexpectedEof => io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the broker has closed the connection",
        ),
        _ => error,
    }
}
