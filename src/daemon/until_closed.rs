//! Waits for the end of connections of which nothing is expected.

use std::io;

/// Waits until the other end closes. What it sends is dropped.
pub(crate) async fn until_closed(
    readable: impl AsyncFn() -> io::Result<()>,
    read: impl Fn(&mut [u8]) -> io::Result<usize>,
) -> io::Error {
    let mut buffer = [0; 512];
    loop {
        if let Err(cause) = readable().await {
            return cause;
        }
        match read(&mut buffer) {
            Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => {}
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {}
            Err(cause) => return cause,
        }
        tokio::task::yield_now().await;
    }
}
