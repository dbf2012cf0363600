//! Queries over UDP, and over TCP if the answer is truncated (RFC 2181 section 9).
//!
//! A datagram that does not belong to the query is ignored: the check goes on until an answer does.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::failure;
use crate::health::dns::{Answer, Query};
use crate::health::{Cause, Failure};

/// The time after which a query is sent again, as the datagram may be lost.
const AGAIN: Duration = Duration::from_secs(1);

/// Sends the query, and evaluates the answer. Returns the addresses among its records.
///
/// # Errors
/// Returns the reason if there is no answer, or not the expected one.
pub(super) async fn ask(query: &Query) -> Result<Vec<IpAddr>, Failure> {
    let server = query.server;
    let failed = |cause: std::io::Error| failure::of(format_args!("cannot ask {server}"), &cause);
    // The system chooses a port at random (RFC 5452 section 9.2).
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await.map_err(failed)?;
    socket.connect(server).await.map_err(failed)?;
    let message = query.message(identifier());
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        socket.send(&message).await.map_err(failed)?;
        let answer = async {
            loop {
                let length = socket.recv(&mut buffer).await?;
                match query.evaluate(&message, &buffer[..length]) {
                    Answer::Unrelated => {}
                    answer => return Ok(answer),
                }
            }
        };
        match timeout(AGAIN, answer).await {
            Ok(Ok(Answer::Complete(result))) => return result,
            Ok(Ok(_)) => return again(query).await,
            Ok(Err(cause)) => return Err(failed(cause)),
            Err(_) => {}
        }
    }
}

/// Sends the query over TCP, where each message follows its length (RFC 7766 section 8).
async fn again(query: &Query) -> Result<Vec<IpAddr>, Failure> {
    let server = query.server;
    let failed =
        |cause: std::io::Error| failure::of(format_args!("cannot ask {server} over TCP"), &cause);
    let wrong = |reason| Err(Failure::new(Cause::Protocol, reason));
    let message = query.message(identifier());
    let mut framed = u16::try_from(message.len())
        .unwrap_or_default()
        .to_be_bytes()
        .to_vec();
    framed.extend_from_slice(&message);
    let answer = async {
        let mut stream = TcpStream::connect(server).await?;
        stream.write_all(&framed).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    };
    match query.evaluate(&message, &answer.await.map_err(failed)?) {
        Answer::Complete(result) => result,
        Answer::Truncated => wrong("the answer over TCP is truncated"),
        Answer::Unrelated => wrong("the answer over TCP belongs to another query"),
    }
}

/// An identifier that others cannot guess.
fn identifier() -> u16 {
    let [first, second, ..] = RandomState::new().build_hasher().finish().to_be_bytes();
    u16::from_be_bytes([first, second])
}
