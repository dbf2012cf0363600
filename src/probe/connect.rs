//! A TCP connection to a server.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::{failure, resolve};
use crate::health::{Cause, Failure, Host};

/// Connects to the first of the server's addresses that accepts the connection.
pub(super) async fn tcp(host: &Host, port: u16) -> Result<TcpStream, Failure> {
    let mut last = None;
    for address in resolve::addresses(host).await? {
        let address = SocketAddr::new(address, port);
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(cause) => {
                let what = format!("cannot connect to {address}");
                last = Some(failure::of(what, &cause));
            }
        }
    }
    Err(last.unwrap_or_else(|| Failure::new(Cause::Name, format!("{host} has no address"))))
}
