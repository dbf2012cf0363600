//! Connections to stations: connects or listens, reports, and begins again with longer and longer waits.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tracing::{debug, info, warn};

use super::dump;
use super::link::Link;
use super::station::Station;
use crate::bmp::{Information, Message, Tlvs};
use crate::daemon::core::Core;
use crate::daemon::until_closed::until_closed;

/// How long a connection may take to come up, and a Termination to be written.
const CONNECT: Duration = Duration::from_secs(10);
const GOODBYE: Duration = Duration::from_secs(1);

/// Serves a station until it is closed.
pub(crate) async fn run(core: Rc<Core>, station: Rc<Station>) {
    let dial = async {
        match station.config.connect {
            Some(address) => connect(&core, &station, address).await,
            None => station.closing().await,
        }
    };
    let accept = async {
        match station.config.listen {
            Some(address) => listen(&core, &station, address).await,
            None => station.closing().await,
        }
    };
    tokio::join!(dial, accept);
}

/// Connects again and again.
async fn connect(core: &Rc<Core>, station: &Rc<Station>, address: SocketAddr) {
    let name = &station.config.name;
    let mut wait = Wait::new(station.config.retry);
    let mut failed = false;
    while !station.is_closing() {
        let dialed = tokio::select! {
            dialed = dial(address, station.config.local_address) => dialed,
            () = station.closing() => return,
        };
        let began = Instant::now();
        match dialed {
            Ok(stream) => {
                failed = false;
                let Some(link) = station.open() else { return };
                info!(station = name, %address, "connected to the monitoring station");
                serve(core, station, &link, &stream, address).await;
                wait.lasted(began.elapsed());
            }
            Err(cause) if failed => {
                debug!(station = name, %address, %cause, "the monitoring station cannot be reached");
            }
            Err(cause) => {
                failed = true;
                warn!(station = name, %address, %cause, "the monitoring station cannot be reached");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(wait.next()) => {}
            () = station.closing() => return,
        }
    }
}

async fn dial(address: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    tokio::time::timeout(CONNECT, socket.connect(address)).await?
}

/// Accepts connections.
async fn listen(core: &Rc<Core>, station: &Rc<Station>, address: SocketAddr) {
    let name = &station.config.name;
    let mut wait = Wait::new(station.config.retry);
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(cause) => {
                warn!(station = name, %address, %cause, "could not listen for monitoring stations");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(wait.next()) => {}
            () = station.closing() => return,
        }
    };
    info!(station = name, %address, "listening for monitoring stations");
    let mut links = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = station.closing() => break,
        };
        // Those that have ended.
        while links.try_join_next().is_some() {}
        match accepted {
            Ok((stream, from)) => {
                let Some(link) = station.open() else {
                    warn!(station = name, %from, "a monitoring station is refused: there are too many");
                    continue;
                };
                info!(station = name, %from, "a monitoring station has connected");
                let (core, station) = (Rc::clone(core), Rc::clone(station));
                links.spawn_local(async move {
                    serve(&core, &station, &link, &stream, from).await;
                });
            }
            Err(cause) => {
                warn!(station = name, %cause, "a monitoring station could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    while links.join_next().await.is_some() {}
}

/// Reports on one connection until it ends.
async fn serve(
    core: &Rc<Core>,
    station: &Rc<Station>,
    link: &Rc<Link>,
    stream: &TcpStream,
    address: SocketAddr,
) {
    let name = &station.config.name;
    initiate(station, link);
    let reports = async {
        tokio::join!(
            dump::tables(core, station, link),
            dump::statistics(core, station, link)
        );
        std::future::pending::<()>().await;
    };
    tokio::select! {
        Err(cause) = link.write(stream) => {
            warn!(station = name, %address, %cause, "the connection to the monitoring station is lost");
        }
        cause = ended(stream) => {
            warn!(station = name, %address, %cause, "the monitoring station has closed the connection");
        }
        () = reports => {}
        () = link.overflow.notified() => {}
        () = station.closing() => {
            link.terminate();
            if !matches!(tokio::time::timeout(GOODBYE, link.flush(stream)).await, Ok(Ok(()))) {
                debug!(station = name, %address, "the monitoring station did not receive the Termination");
            }
        }
    }
    if link.is_over() {
        let messages = link.messages.get();
        warn!(station = name, %address, messages, "the monitoring station is too slow: the connection is closed, and the next one begins with the tables");
    }
    station.remove(link);
}

/// Adds the Initiation, which is first (RFC 7854 section 4.3).
fn initiate(station: &Station, link: &Link) {
    let config = &station.config;
    let host = nix::unistd::gethostname()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let description = config
        .description
        .as_deref()
        .unwrap_or(concat!("oxabgp ", env!("CARGO_PKG_VERSION")));
    let name = config.system_name.as_deref().unwrap_or(&host);
    let mut tlvs = Vec::new();
    Tlvs::write(&mut tlvs, Information::SYS_DESCR, description.as_bytes());
    Tlvs::write(&mut tlvs, Information::SYS_NAME, name.as_bytes());
    if let Ok(tlvs) = Tlvs::new(&tlvs) {
        link.message(&Message::Initiation(tlvs));
    }
}

/// Waits until a station closes. RFC 7854 section 3.1: it sends nothing; what it sends anyway is dropped.
async fn ended(stream: &TcpStream) -> io::Error {
    until_closed(
        async || stream.readable().await,
        |buffer| stream.try_read(buffer),
    )
    .await
}

/// How long to wait before the next attempt: twice as long each time, with a quarter of chance (RFC 7854 section 3.2).
struct Wait {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Wait {
    fn new((first, most): (u32, u32)) -> Self {
        let first = Duration::from_secs(first.into());
        Self {
            first,
            most: Duration::from_secs(most.into()),
            next: first,
        }
    }

    /// Notes how long a connection lasted. One that outlasted the wait before it counts as good.
    fn lasted(&mut self, time: Duration) {
        if time > self.next {
            self.next = self.first;
        }
    }

    fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.most);
        // Three quarters to all of it.
        let random = foldhash::fast::RandomState::default();
        let draw = std::hash::BuildHasher::hash_one(&random, Instant::now()) % 256;
        wait.mul_f64(0.75 + draw as f64 / 1024.0)
    }
}
