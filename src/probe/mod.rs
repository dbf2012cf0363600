//! Carries out health checks: HTTP requests, TCP connections, DNS queries, commands of the shell.
//!
//! Nothing here blocks the thread. Names are resolved by queries of our own, never by the system's resolver, which cannot be
//! cancelled. Nothing is followed (no redirects), and what a server sends is limited: 64 KiB of header, 64 KiB of body.
//!
//! | file | what |
//! |---|---|
//! | `failure` | why connecting failed |
//! | `command` | commands of the shell, with their time limit |
//! | `dns`, `resolve` | queries to a given server; the addresses of a name |
//! | `connect` | a TCP connection |
//! | `tls`, `http` | TLS (feature `tls`); an HTTP request |

use std::time::Duration;

use tokio::time::timeout;

use crate::health::{Cause, Failure, Target};

pub(crate) mod command;
mod connect;
mod dns;
mod failure;
mod http;
mod resolve;
#[cfg(feature = "tls")]
mod tls;

/// Carries out a check. A limit of zero means none.
///
/// # Errors
/// Why the check failed.
pub(crate) async fn check(target: &Target, limit: Duration) -> Result<(), Failure> {
    let work = async {
        match target {
            Target::Http(check) => http::request(check).await,
            Target::Tcp(end) => connect::tcp(&end.host, end.port).await.map(drop),
            Target::Dns(query) => dns::ask(query).await.map(drop),
            Target::Command(command) => {
                let done = command::run(command, limit).await;
                done.map_err(|failed| failed.failure())
            }
        }
    };
    // A command is killed at its limit by itself.
    if limit.is_zero() || matches!(target, Target::Command(_)) {
        return work.await;
    }
    let late = || {
        let reason = format!("no answer within {} s", limit.as_secs_f64());
        Failure::new(Cause::Timeout, reason)
    };
    timeout(limit, work).await.unwrap_or_else(|_| Err(late()))
}
