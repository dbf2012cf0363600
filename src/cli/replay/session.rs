//! Routes in a session of our own: a thread packs UPDATEs, the session's task sends them when they are due.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::sync::{Notify, mpsc, oneshot};
use tracing::{error, info};

use super::packer::Packer;
use super::report::{READ_ERROR, report};
use super::routes::{AsPathRule, Counts, Replay, Rules};
use crate::bgp::capability::add_path::AddPathMode;
use crate::bgp::capability::{AddPath, ExtendedNexthop};
use crate::bgp::message::update::Update;
use crate::bgp::next_hop_rule::negotiates_ipv6;
use crate::bgp::{Afi, Asn, Capability, Codec, Family, Negotiated, Notification, Sender};
use crate::cli::REFUSED;
use crate::cli::ends::Ends;
use crate::daemon::NO_SESSION;
use crate::fsm::{Cease, CloseReason, ConnInfo};
use crate::speaker::{PeerConfig, Plugin, Server, SessionEvent, UpdateWriter};
use crate::stream::Stream;

/// Our address before there is a connection.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Batches that wait for the session, each about as long as one message chunk of the session's queue.
const WAITING: usize = 8;

/// The peer, and how the session is.
pub(super) struct Target {
    pub(super) peer: IpAddr,
    pub(super) local_as: Asn,
    pub(super) peer_as: Option<Asn>,
    pub(super) local_address: Option<IpAddr>,
    pub(super) router_id: Option<Ipv4Addr>,
    pub(super) port: u16,
    pub(super) families: Vec<Family>,
    /// Offer ADD-PATH.
    pub(super) add_path: bool,
    /// How long the session may take to come up.
    pub(super) timeout: Duration,
    /// Close the session at the end.
    pub(super) leave: bool,
}

/// The session's plugin.
struct Session {
    ours: Option<IpAddr>,
    add_path: Vec<Family>,
    up: Option<oneshot::Sender<(Sender, UpdateWriter)>>,
    down: Rc<Notify>,
}

impl Plugin for Session {
    fn capabilities(&mut self, peer: &PeerConfig) -> Vec<Capability> {
        let mut all = peer.capabilities();
        let families = peer.families.iter().copied();
        let pairs: Vec<_> = families
            .filter(|family| negotiates_ipv6(*family))
            .map(|family| (family, Afi::IPV6))
            .collect();
        if !pairs.is_empty() {
            all.push(Capability::ExtendedNexthop(ExtendedNexthop(pairs)));
        }
        if !self.add_path.is_empty() {
            let modes = self.add_path.iter();
            let modes = modes.map(|family| (*family, AddPathMode::SEND));
            all.push(Capability::AddPath(AddPath(modes.collect())));
        }
        all
    }

    fn on_established(&mut self, _: &PeerConfig, session: &Rc<Negotiated>, writer: UpdateWriter) {
        let sender = Sender {
            codec: Codec {
                aigp: true,
                role: None,
                ..session.codec
            },
            local_as: session.local_as,
            local_address: self.ours.unwrap_or(UNKNOWN),
            router_id: session.local.router_id,
            group_updates: true,
        };
        if let Some(up) = self.up.take() {
            // No receiver: the program ends already.
            let _ = up.send((sender, writer));
        }
    }

    fn on_update(&mut self, _: &PeerConfig, _: Update<'_>) -> Result<(), Notification> {
        Ok(())
    }

    fn on_close(&mut self, peer: &PeerConfig, reason: &CloseReason) {
        // The end that we chose is none to report.
        if self.up.is_none() && *reason != CloseReason::ShuttingDown {
            error!(neighbor = %peer.name, %reason, "the session has ended");
            self.down.notify_one();
        }
    }

    fn on_event(&mut self, _: &PeerConfig, event: &SessionEvent<'_>) {
        if let SessionEvent::Connected(ConnInfo { local, .. }, _) = event {
            self.ours = Some(local.ip());
        }
    }
}

pub(super) fn run(
    target: Target,
    stream: impl FnOnce() -> Result<Stream, String> + Send + 'static,
    rules: impl Fn(Asn, AsPathRule) -> Rules,
) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default());
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(serve(target, stream, rules));
            // The thread may wait for the next byte of its input.
            runtime.shutdown_background();
            ExitCode::from(code)
        }
        Err(cause) => {
            errln!("error: {cause}");
            ExitCode::from(REFUSED)
        }
    }
}

async fn serve(
    target: Target,
    stream: impl FnOnce() -> Result<Stream, String> + Send + 'static,
    rules: impl Fn(Asn, AsPathRule) -> Rules,
) -> u8 {
    let (peer, local_as) = (target.peer, target.local_as);
    let Some(router_id) = router_id(&target) else {
        errln!(
            "error: no local IPv4 address to use as BGP identifier\nhelp: specify one with `--router-id`"
        );
        return REFUSED;
    };
    let (up, established) = oneshot::channel();
    let down = Rc::new(Notify::new());
    let plugin = Session {
        ours: target.local_address,
        add_path: match target.add_path {
            true => target.families.clone(),
            false => Vec::new(),
        },
        up: Some(up),
        down: Rc::clone(&down),
    };
    let mut config = PeerConfig::new(peer, local_as);
    config.peer_as = target.peer_as;
    config.port = target.port;
    config.local_address = target.local_address;
    config.families = target.families;
    config.connect_retry_time = Duration::from_secs(5);
    let server = Server::new(router_id);
    if let Err(cause) = server.add_peer(config, plugin) {
        errln!("error: {cause}");
        return REFUSED;
    }
    server.start();
    let work = async {
        let up = tokio::time::timeout(target.timeout, established).await;
        let Ok(Ok((sender, writer))) = up else {
            errln!("error: the session with {peer} did not come up in time");
            return NO_SESSION;
        };
        let default = match sender.codec.ibgp {
            true => AsPathRule::Keep,
            false => AsPathRule::Prepend,
        };
        let mut rules = rules(local_as, default);
        rules.families = sender.codec.families;
        rules.ipv6_hops = sender.codec.extended_nexthop;
        let code = replay(stream, rules, (sender, writer)).await;
        if code == 0 && !target.leave {
            info!("the session is kept: end it with ^C");
            std::future::pending::<()>().await;
        }
        code
    };
    let code = tokio::select! {
        code = work => code,
        () = down.notified() => NO_SESSION,
        () = interrupted() => 0,
    };
    server.shutdown(Cease::Shutdown(String::new())).await;
    code
}

/// Waits for SIGTERM, or for SIGINT unless it is ignored.
async fn interrupted() {
    match Ends::new(&[Signal::SIGINT]) {
        Ok(mut ends) => ends.next().await,
        Err(_) => std::future::pending().await,
    }
}

/// Replays into an established session. Returns the exit code.
async fn replay(
    stream: impl FnOnce() -> Result<Stream, String> + Send + 'static,
    rules: Rules,
    (sender, writer): (Sender, UpdateWriter),
) -> u8 {
    let (batches, mut received) = mpsc::channel(WAITING);
    let thread = std::thread::spawn(move || {
        let mut stream = stream()?;
        let mut replay = Replay::new(rules, Packer::new(sender, batches));
        stream.visit(&mut replay);
        replay.flush();
        Ok::<Counts, String>(replay.counts)
    });
    let start = Instant::now();
    let mut begun = None;
    while let Some(batch) = received.recv().await {
        if let Some(due) = batch.due {
            // Tables before the first message do not delay those after it.
            let begun = *begun.get_or_insert_with(tokio::time::Instant::now);
            tokio::time::sleep_until(begun + due).await;
        }
        if writer.send_messages(batch.messages).await.is_err() {
            return NO_SESSION;
        }
    }
    if writer.flush().await.is_err() {
        return NO_SESSION;
    }
    match thread.join() {
        Ok(Ok(mut counts)) => {
            let code = report(&mut counts);
            info!(
                seconds = start.elapsed().as_secs_f64(),
                "the replay is complete"
            );
            code
        }
        Ok(Err(reason)) => {
            errln!("error: {reason}");
            REFUSED
        }
        Err(_) => {
            errln!("error: the reader has failed");
            READ_ERROR
        }
    }
}

/// Our BGP identifier: the given one, otherwise our IPv4 address on the way to the peer.
fn router_id(target: &Target) -> Option<Ipv4Addr> {
    if target.router_id.is_some() {
        return target.router_id;
    }
    let found = target.local_address.or_else(|| {
        let any: IpAddr = match target.peer {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((target.peer, 179)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    });
    match found {
        Some(IpAddr::V4(address)) if !address.is_unspecified() => Some(address),
        _ => None,
    }
}
