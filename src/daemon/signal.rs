//! Signals, with ExaBGP's meanings. None is lost: each kind that arrived since the last look is there at the next.
//!
//! | signal | meaning |
//! |---|---|
//! | TERM, HUP, INT | shutdown (HUP is not reload: ExaBGP's users know it so) |
//! | USR1 | reload the configuration |
//! | USR2 | reload the configuration and restart all helpers |
//! | ALRM | reload the configuration, reset all sessions, restart all helpers |

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// End.
    Shutdown,
    /// Read the configuration again.
    Reload,
    /// The same, and restart all helpers.
    FullReload,
    /// The same, and reset all sessions.
    Restart,
    /// Tell helpers of what follows, a command that does what a signal would do.
    Told,
    /// Add and remove the neighbours that commands asked for. No signal asks for that.
    Neighbors,
}

/// A signal that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// What it asks for.
    pub(crate) request: Request,
    /// Its number, as `signal` events show it.
    pub(crate) number: i32,
    /// Its name, as `signal` events show it.
    pub(crate) name: &'static str,
}

/// The signals that we listen to.
pub(crate) struct Signals {
    streams: Vec<(Signal, Received)>,
}

impl Signals {
    /// Catches them from now on.
    ///
    /// # Errors
    /// When the kernel refuses a handler.
    pub(crate) fn new() -> io::Result<Self> {
        let wanted = [
            (SignalKind::terminate(), Request::Shutdown, "SIGTERM"),
            (SignalKind::hangup(), Request::Shutdown, "SIGHUP"),
            (SignalKind::interrupt(), Request::Shutdown, "SIGINT"),
            (SignalKind::user_defined1(), Request::Reload, "SIGUSR1"),
            (SignalKind::user_defined2(), Request::FullReload, "SIGUSR2"),
            (SignalKind::alarm(), Request::Restart, "SIGALRM"),
        ];
        let streams = wanted
            .into_iter()
            .map(|(kind, request, name)| {
                let number = kind.as_raw_value();
                Ok((
                    signal(kind)?,
                    Received {
                        request,
                        number,
                        name,
                    },
                ))
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { streams })
    }

    /// Waits for the next signal. Nothing is lost when this is dropped before it is ready.
    pub(crate) async fn next(&mut self) -> Received {
        std::future::poll_fn(|context| {
            for (stream, received) in &mut self.streams {
                if stream.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(*received);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}
