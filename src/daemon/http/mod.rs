//! Metrics and the status page, over HTTP.
//!
//! The server is hyper's; what it serves is written in turns from the state of the daemon, so that neither a scrape of a
//! thousand neighbors nor a reader that stops reading delays a session. There are few connections at a time, each for
//! one request and for a limited time; those that do nothing make room for others. A port that is taken is tried again; the daemon runs without it meanwhile.
//!
//! | file | purpose |
//! |---|---|
//! | `proc` | what the kernel reports about the process |
//! | `encoder`, `exporter`, `metrics` | the formats of Prometheus; the names of exabgp_exporter; all metrics |
//! | `page` | the status page |
//! | `places` | which connections are served |
//! | `body`, `answer` | a body that is written in turns; which request gets which answer |

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::fs;
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tracing::{debug, error, info, warn};

use super::core::Core;
use super::rates;
use super::urgent::UrgentHandle;
use crate::config::HttpPlace;

mod answer;
mod body;
mod checks;
mod encoder;
mod exporter;
mod journal;
mod metrics;
mod monitors;
mod page;
mod places;
mod proc;
mod text;

use places::{Noted, Places};

/// Connections at a time.
const CONNECTIONS: usize = 8;
/// How long a client may take to send its request.
const REQUEST: Duration = Duration::from_secs(5);
/// How long a connection may last.
const CONNECTION: Duration = Duration::from_secs(30);
/// Largest head of a request, in bytes.
const HEAD: usize = 16 * 1024;
/// Neighbors whose messages are counted in one turn.
const STEP: usize = 64;
/// How long to wait before a place that is taken is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Where HTTP is served now.
pub(crate) struct Http {
    core: Rc<Core>,
    open: RefCell<Vec<Open>>,
    places: Rc<Places>,
    /// Whether it was logged that a place is taken.
    complained: Cell<bool>,
}

/// A place that is served. The task that does it has the socket only as long as this is there.
struct Open {
    place: HttpPlace,
    listener: Rc<Listener>,
    task: UrgentHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
        if let HttpPlace::Unix(path) = &self.place {
            // Another daemon may have removed it.
            let _ = fs::remove_file(path);
        }
    }
}

/// A bound socket.
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection.
enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    /// The socket of another process of this program.
    fn inherit(place: &HttpPlace, socket: OwnedFd) -> io::Result<Self> {
        match place {
            HttpPlace::Tcp(_) => {
                let listener = std::net::TcpListener::from(socket);
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener).map(Self::Tcp)
            }
            HttpPlace::Unix(_) => {
                let listener = std::os::unix::net::UnixListener::from(socket);
                listener.set_nonblocking(true)?;
                UnixListener::from_std(listener).map(Self::Unix)
            }
        }
    }

    fn number(&self) -> RawFd {
        match self {
            Self::Tcp(listener) => listener.as_raw_fd(),
            Self::Unix(listener) => listener.as_raw_fd(),
        }
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match self {
            Self::Tcp(listener) => {
                let accepted = listener.poll_accept(cx);
                accepted.map_ok(|(stream, _)| Accepted::Tcp(stream))
            }
            Self::Unix(listener) => {
                let accepted = listener.poll_accept(cx);
                accepted.map_ok(|(stream, _)| Accepted::Unix(stream))
            }
        }
    }
}

impl Http {
    /// Binds the configured places, if there are any, or continues with those of the process before: this one may have lost
    /// the right to bind them.
    pub(crate) async fn open(core: &Rc<Core>) -> Rc<Self> {
        let http = Rc::new(Self {
            core: Rc::clone(core),
            open: RefCell::default(),
            places: Places::new(CONNECTIONS),
            complained: Cell::new(false),
        });
        http.settle().await;
        core.metrics.inherited.take();
        http
    }

    /// Follows changes of the configuration, tries places that are taken again, and measures rates.
    pub(crate) fn start(self: &Rc<Self>) {
        let http = Rc::clone(self);
        self.core.spawn(async move {
            loop {
                let changed = http.core.metrics.changed.notified();
                if http.is_settled() {
                    changed.await;
                } else {
                    // Whichever comes first.
                    let _ = tokio::time::timeout(RETRY, changed).await;
                }
                http.settle().await;
            }
        });
        let core = Rc::clone(&self.core);
        self.core.spawn(async move { measure(&core).await });
    }

    /// Stops serving, and removes Unix sockets.
    pub(crate) fn close(&self) {
        self.open.borrow_mut().clear();
        self.core.metrics.sockets.take();
    }

    /// The socket of the process before.
    fn inherited(&self, place: &HttpPlace) -> Option<Listener> {
        let name = place.to_string();
        let mut all = self.core.metrics.inherited.borrow_mut();
        let at = all.iter().position(|(other, _)| *other == name)?;
        Listener::inherit(place, all.swap_remove(at).1).ok()
    }

    fn wanted(&self) -> Vec<HttpPlace> {
        let metrics = self.core.metrics.get();
        metrics.map_or_else(Vec::new, |metrics| metrics.listen.clone())
    }

    fn is_open(&self, place: &HttpPlace) -> bool {
        self.open.borrow().iter().any(|open| open.place == *place)
    }

    fn is_settled(&self) -> bool {
        self.wanted().iter().all(|place| self.is_open(place))
    }

    /// Closes places that are no longer configured, and opens new ones.
    async fn settle(self: &Rc<Self>) {
        let number = self.core.metrics.begin();
        let mut refused = Vec::new();
        let wanted = self.wanted();
        // Their sockets are closed at once: a new place may be the same port at all addresses.
        self.open
            .borrow_mut()
            .retain(|open| wanted.contains(&open.place));
        for place in wanted {
            if self.is_open(&place) {
                continue;
            }
            let bound = match self.inherited(&place) {
                Some(listener) => Ok(listener),
                None => bind(&place).await,
            };
            match bound {
                Ok(listener) => {
                    info!(%place, "serving metrics");
                    let (http, listener) = (Rc::clone(self), Rc::new(listener));
                    let socket = Rc::downgrade(&listener);
                    let task = self
                        .core
                        .spawn_urgent(async move { http.serve(socket).await });
                    self.open.borrow_mut().push(Open {
                        place,
                        listener,
                        task,
                    });
                    self.complained.set(false);
                }
                Err(cause) => {
                    refused.push(format!("metrics can't be served at {place}: {cause}"));
                    if !self.complained.replace(true) {
                        error!(%place, %cause, "metrics can't be served here; it is tried again every 5 seconds");
                    }
                }
            }
        }
        let open = self.open.borrow();
        let sockets = open
            .iter()
            .map(|open| (open.place.clone(), open.listener.number()));
        self.core.metrics.sockets.replace(sockets.collect());
        self.core.metrics.finish(number, refused);
    }

    /// Accepts connections.
    async fn serve(self: &Rc<Self>, listener: Weak<Listener>) {
        loop {
            let accepted = poll_fn(|cx| match listener.upgrade() {
                Some(listener) => listener.poll_accept(cx),
                // It is closed, and this task ends.
                None => Poll::Pending,
            });
            match accepted.await {
                Ok(Accepted::Tcp(stream)) => self.seat(stream).await,
                Ok(Accepted::Unix(stream)) => self.seat(stream).await,
                Err(cause) => {
                    warn!(%cause, "a connection for metrics could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Serves a connection once there is a place for it.
    async fn seat<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let seat = self.places.take().await;
        let place = Rc::clone(&seat.place);
        let stream = Noted {
            stream,
            place: Rc::clone(&place),
        };
        let task = talk(Rc::clone(&self.core), stream);
        let task = self.core.spawn_urgent(async move {
            task.await;
            drop(seat);
        });
        place.served_by(task);
    }
}

/// Serves one request of a connection.
fn talk<S>(core: Rc<Core>, stream: Noted<S>) -> impl Future<Output = ()> + use<S>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let place = Rc::clone(&stream.place);
    let service = service_fn(move |request| {
        place.requested();
        let answer = answer::answer(&core, &request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(HEAD)
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .serve_connection(TokioIo::new(stream), service);
    async move {
        match tokio::time::timeout(CONNECTION, connection).await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => debug!(%cause, "a connection for metrics ended"),
            Err(_) => debug!("a connection for metrics is closed: it took too long"),
        }
    }
}

async fn bind(place: &HttpPlace) -> io::Result<Listener> {
    match place {
        HttpPlace::Tcp(address) => TcpListener::bind(address).await.map(Listener::Tcp),
        HttpPlace::Unix(path) => {
            let listener = match UnixListener::bind(path) {
                Err(cause) if cause.kind() == io::ErrorKind::AddrInUse && is_dead(path).await => {
                    fs::remove_file(path)?;
                    UnixListener::bind(path)?
                }
                bound => bound?,
            };
            fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
            Ok(Listener::Unix(listener))
        }
    }
}

/// Returns `true` if no process serves the socket at `path`.
async fn is_dead(path: &Path) -> bool {
    let attempt = tokio::time::timeout(Duration::from_secs(1), UnixStream::connect(path)).await;
    super::control::paths::is_socket(path)
        && matches!(attempt, Ok(Err(cause)) if cause.kind() == io::ErrorKind::ConnectionRefused)
}

/// Counts the messages of neighbors as long as the status page is served.
async fn measure(core: &Core) {
    for round in 0.. {
        tokio::time::sleep(rates::INTERVAL).await;
        if !core.metrics.get().is_some_and(|metrics| metrics.page) {
            core.rates.clear();
            continue;
        }
        for some in core.neighbors.all().chunks(STEP) {
            for listed in some {
                if let (Some(key), Some(status)) =
                    (listed.key.get(), core.status(listed.neighbor.id))
                {
                    let total = status.received_total.total() + status.sent_total.total();
                    core.rates.note(key, total, round);
                }
            }
            tokio::task::yield_now().await;
        }
        core.rates.forget(round);
    }
}
