//! Sends records to a client of the control socket, in place of answers.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::live::{Ended, LiveTap};
use super::tables;
use crate::api::command::RecordWatch;
use crate::daemon::core::Core;
use crate::daemon::until_closed::until_closed;

/// Most clients at a time.
const CLIENTS: usize = 8;
/// How long a client that is too slow may take to read the reason.
const STALL: Duration = Duration::from_secs(60);
/// How long the last records may take to be written when the daemon ends.
const CLOSING_TIME: Duration = Duration::from_secs(1);

/// Sends records to a client until it leaves, is too slow, or the daemon ends.
pub(crate) async fn run(core: &Rc<Core>, watch: RecordWatch, stream: &UnixStream) {
    let tap = Rc::new(LiveTap::new(watch));
    if !core.taps.add_reader(&tap, CLIENTS) {
        warn!("a reader of records is refused: there are {CLIENTS} already");
        tap.conclude(&format!("there are {CLIENTS} readers already"));
        let _ = timeout(CLOSING_TIME, tap.flush(stream)).await;
        return;
    }
    let all = async {
        if tap.wants_tables() {
            tables::send(core, &tap).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        cause = tap.write(stream) => debug!(%cause, "a reader of records left"),
        cause = gone(stream) => debug!(%cause, "a reader of records left"),
        () = all => {}
        ended = tap.ended() => {
            let (reason, patience) = match ended {
                Ended::Daemon => ("the daemon has ended", CLOSING_TIME),
                Ended::Slow => {
                    warn!("a reader of records is too slow: its connection is closed");
                    ("it reads too slowly", STALL)
                }
            };
            tap.conclude(reason);
            let closed = async {
                tokio::select! {
                    _ = tap.flush(stream) => {}
                    _ = gone(stream) => {}
                }
            };
            let _ = timeout(patience, closed).await;
        }
    }
    core.taps.remove_reader(&tap);
}

/// Waits until the client closes. What it sends is ignored.
async fn gone(stream: &UnixStream) -> io::Error {
    until_closed(
        async || stream.readable().await,
        |buffer| stream.try_read(buffer),
    )
    .await
}
