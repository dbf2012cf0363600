//! An HTTP request (RFC 9112).

use std::pin::{Pin, pin};

use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connect;
use crate::health::{Cause, Failure, HttpCheck};

/// The most bytes of a header, and of a body, that are read.
const MOST: usize = 64 * 1024;

/// Sends the request, and judges the answer.
pub(super) async fn request(check: &HttpCheck) -> Result<(), Failure> {
    let url = &check.url;
    let stream = connect::tcp(&url.host, url.port()).await?;
    #[cfg(feature = "tls")]
    if url.secure {
        let stream = super::tls::start(stream, check).await?;
        return exchange(stream, check).await;
    }
    exchange(stream, check).await
}

async fn exchange<S>(stream: S, check: &HttpCheck) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let url = &check.url;
    let broken = |cause: hyper::Error| {
        let reason = format!("the server of {url} does not answer as HTTP: {cause}");
        Failure::new(Cause::Protocol, reason)
    };
    let mut client = http1::Builder::new();
    client.max_buf_size(MOST);
    let (mut sender, connection) = client
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let request = prepare(check)?;
    let work = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let found = response.status();
        if !check.expects(found.as_u16()) {
            let reason = format!("the status is {found}");
            return Err(Failure::new(Cause::Status, reason));
        }
        // Also if no text is asked for: a server that gets stuck in its answer does not serve.
        let body = read(response.into_body()).await.map_err(broken)?;
        let Some(wanted) = &check.body else {
            return Ok(());
        };
        match memchr::memmem::find(&body, wanted.as_bytes()) {
            Some(_) => Ok(()),
            None => {
                let reason = format!("the body does not contain `{wanted}`");
                Err(Failure::new(Cause::Content, reason))
            }
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

fn prepare(check: &HttpCheck) -> Result<Request<String>, Failure> {
    let invalid = |cause: &dyn std::fmt::Display| {
        Failure::new(Cause::System, format!("the request is not valid: {cause}"))
    };
    let method = Method::from_bytes(check.method.as_bytes()).map_err(|cause| invalid(&cause))?;
    let mut request = Request::builder()
        .method(method)
        .uri(check.url.target.as_str())
        .header(HOST, check.url.authority())
        .header("user-agent", concat!("oxabgp/", env!("CARGO_PKG_VERSION")))
        .header("connection", "close")
        .body(String::new())
        .map_err(|cause| invalid(&cause))?;
    for (name, value) in &check.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|cause| invalid(&cause))?;
        let value = HeaderValue::from_str(value).map_err(|cause| invalid(&cause))?;
        request.headers_mut().insert(name, value);
    }
    Ok(request)
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
