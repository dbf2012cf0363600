//! How sockets and pipes reach the next process: by their numbers.

use std::io;
use std::net::TcpStream as StdStream;
use std::os::fd::RawFd;

use tokio::net::TcpStream;

use crate::daemon::process::Running;
use crate::speaker::Stream;
use crate::speaker::sockopt::{inherit, send};

/// What the numbers stand for.
pub(crate) trait Sockets {
    /// Takes the connection of a session.
    fn connection(&self, number: RawFd) -> io::Result<Box<dyn Stream>>;
    /// Sends bytes on a connection whose owner does nothing at the moment, without waiting. Returns how many were taken.
    fn send(&self, number: RawFd, bytes: &[u8]) -> io::Result<usize>;
    /// Takes a helper: its process ID and its pipes. `None` if it is run by other code.
    fn helper(&self, pid: i32, pipes: [RawFd; 3]) -> io::Result<Option<Running>>;
}

/// Descriptors, which stay open over `execve`.
#[derive(Debug)]
pub(crate) struct Descriptors;

impl Sockets for Descriptors {
    fn connection(&self, number: RawFd) -> io::Result<Box<dyn Stream>> {
        let stream = StdStream::from(inherit(number)?);
        stream.set_nonblocking(true)?;
        Ok(Box::new(TcpStream::from_std(stream)?))
    }

    fn send(&self, number: RawFd, bytes: &[u8]) -> io::Result<usize> {
        send(number, bytes)
    }

    fn helper(&self, pid: i32, pipes: [RawFd; 3]) -> io::Result<Option<Running>> {
        Running::inherited(pid, pipes.map(inherit)).map(Some)
    }
}
