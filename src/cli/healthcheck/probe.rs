//! Checks without a shell: an HTTP request, a TCP connection, a DNS query.
//!
//! An address that refuses the connection, one that does not answer and one that answers something else are told apart in
//! the log. Nothing is followed (no redirects), and what a server sends is limited: 64 KiB of headers, 64 KiB of body.

use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tracing::{debug, warn};

use super::dns;
use super::state::Finding;

/// The most bytes of headers, and of a body, that are read.
const MOST: usize = 64 * 1024;

/// Something to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// An HTTP resource.
    Http {
        /// Its URL, with scheme `http`.
        url: Uri,
        /// The expected status; any of 200 to 299 if there are none.
        status: Vec<u16>,
        /// A text that the body must contain.
        body: Option<String>,
    },
    /// A TCP port that accepts connections.
    Tcp(SocketAddr),
    /// A DNS server that has a record.
    Dns(dns::Query),
}

/// Reads the URL of `--http`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn url(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|cause| format!("{cause}"))?;
    match url.scheme_str() {
        Some("http") if url.host().is_some_and(|host| !host.is_empty()) => Ok(url),
        Some("https") => {
            Err("https is not supported here: use --command with a program such as curl".to_owned())
        }
        _ => Err("expected a URL such as `http://127.0.0.1:8080/health`".to_owned()),
    }
}

/// Carries out a check. A limit of zero means none.
pub(super) async fn check(probe: &Probe, limit: Duration) -> Finding {
    let work = async {
        match probe {
            Probe::Http { url, status, body } => http(url, status, body.as_deref()).await,
            Probe::Tcp(address) => connect(&address.to_string()).await.map(drop),
            Probe::Dns(query) => dns::ask(query).await,
        }
    };
    let result = if limit.is_zero() {
        work.await
    } else {
        let late = || format!("no answer within {} s", limit.as_secs_f64());
        let limited = tokio::time::timeout(limit, work).await;
        limited.unwrap_or_else(|_| Err(late()))
    };
    match result {
        Ok(()) => {
            debug!("the check succeeded");
            Finding::Good
        }
        Err(reason) => {
            warn!("the check failed: {reason}");
            Finding::Bad
        }
    }
}

async fn connect(address: &str) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(address).await;
    stream.map_err(|cause| format!("cannot connect to {address}: {cause}"))
}

async fn http(url: &Uri, status: &[u16], wanted: Option<&str>) -> Result<(), String> {
    let host = url.host().unwrap_or_default();
    let stream = connect(&format!("{host}:{}", url.port_u16().unwrap_or(80))).await?;
    let broken =
        |cause: hyper::Error| format!("the server of {url} does not answer as HTTP: {cause}");
    let mut client = http1::Builder::new();
    client.max_buf_size(MOST);
    let (mut sender, connection) = client
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let authority = url.authority().map_or(host, |authority| authority.as_str());
    let request = Request::get(url.path_and_query().map_or("/", |path| path.as_str()))
        .header("host", authority)
        .header("user-agent", concat!("oxabgp/", env!("CARGO_PKG_VERSION")))
        .header("connection", "close")
        .body(String::new())
        .map_err(|cause| cause.to_string())?;
    let work = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let found = response.status();
        if !is_expected(found, status) {
            return Err(format!("the status is {found}"));
        }
        let Some(wanted) = wanted else { return Ok(()) };
        let body = read(response.into_body()).await.map_err(broken)?;
        match memchr::memmem::find(&body, wanted.as_bytes()) {
            Some(_) => Ok(()),
            None => Err(format!("the body does not contain `{wanted}`")),
        }
    };
    let mut work = pin!(work);
    tokio::select! {
        biased;
        result = &mut work => result,
        // What it has read is passed on, errors as well.
        _ = connection => work.await,
    }
}

fn is_expected(found: StatusCode, status: &[u16]) -> bool {
    if status.is_empty() {
        found.is_success()
    } else {
        status.contains(&found.as_u16())
    }
}

/// The start of a body.
async fn read(mut body: Incoming) -> Result<Vec<u8>, hyper::Error> {
    let mut all = Vec::new();
    while let Some(frame) =
        std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
    {
        if let Some(data) = frame?.data_ref() {
            let room = MOST.saturating_sub(all.len());
            all.extend_from_slice(&data[..data.len().min(room)]);
            if all.len() >= MOST {
                break;
            }
        }
    }
    Ok(all)
}
