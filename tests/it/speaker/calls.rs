//! Random sequences of public calls, from callbacks and from other threads: no panic, no deadlock, no lost peer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::message::refresh::RouteRefresh;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{Capability, Family, Negotiated, Notification};
use oxabgp::fsm::{Cease, CloseReason, State};
use oxabgp::speaker::{
    Attributes, ChannelPlugin, Error, Handle, Outbox, PeerConfig, PeerKey, Plugin, RouteUpdate,
    Server, SessionEvent, UpdateWriter, WeakServer,
};

use super::{LIMIT, LOOPBACK, active, passive};

/// A small generator of numbers: the same sequence for the same seed.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Calls the server at random from each callback.
struct Caller {
    server: WeakServer,
    dice: Dice,
    writer: Option<UpdateWriter>,
    /// No more calls.
    calm: Arc<AtomicBool>,
}

/// Panics of servers' threads: the supervisor of a neighbor survives them, so they would not be noticed otherwise.
static PANICS: AtomicU32 = AtomicU32::new(0);

fn count_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() == Some("oxabgp") {
            PANICS.fetch_add(1, Ordering::Relaxed);
        }
        before(info);
    }));
}

fn route(dice: &mut Dice) -> IpNet {
    let address = Ipv4Addr::from([10, 0, 0, u8::try_from(dice.roll(256)).unwrap_or(0)]);
    Ipv4Net::new(address, 32).expect("a length").into()
}

/// One random call on a neighbor. Errors are expected; panics are not.
fn call(server: &Server, key: PeerKey, dice: &mut Dice) {
    let notification = || Notification::cease(Notification::RESET);
    let config = |dice: &mut Dice| {
        let mut config = server.peer_config(key).map(|config| (*config).clone())?;
        config.hold_time = [0, 3, 90, 240][usize::try_from(dice.roll(4)).unwrap_or(0)];
        Some(config)
    };
    match dice.roll(16) {
        0 => drop(server.stop_peer(key, Cease::Shutdown("random".to_owned()))),
        1 | 2 => drop(server.start_peer(key)),
        3 => drop(server.reset_peer(key, notification())),
        4 => {
            if let Some(config) = config(dice) {
                drop(server.replace_peer(key, config, notification()));
            }
        }
        5 => {
            if let Some(config) = config(dice) {
                drop(server.update_peer(key, config));
            }
        }
        6 => drop(server.peers()),
        7 => drop(server.get_peer(LOOPBACK)),
        8 => drop(server.session(key)),
        9 => {
            let mut other = PeerConfig::new(IpAddr::from([192, 0, 2, 1]), oxabgp::bgp::Asn(65009));
            other.passive = true;
            other.name = format!("extra{}", dice.roll(4));
            let (plugin, _, _) = ChannelPlugin::new(1);
            drop(server.add_peer(other, plugin));
        }
        10 => {
            let extra = server.find(&format!("extra{}", dice.roll(4)));
            if let Some(extra) = extra {
                drop(server.remove_peer(extra, Cease::Removed));
            }
        }
        11 => {
            if let Ok(address) = server.listen(SocketAddr::new(LOOPBACK, 0)) {
                assert!(server.unlisten(address));
            }
        }
        12 => drop(server.subscribe()),
        13 => server.on_unknown(|_| oxabgp::speaker::Answer::Refuse(Notification::cease(5))),
        _ => {
            if let Ok(writer) = server.writer(key) {
                write(&writer, dice);
            }
        }
    }
}

fn write(writer: &UpdateWriter, dice: &mut Dice) {
    match dice.roll(6) {
        0 => drop(writer.withdraw(route(dice))),
        1 => drop(writer.end_of_rib(Family::IPV4_UNICAST)),
        2 => drop(writer.refresh(Family::IPV4_UNICAST)),
        3 => {
            let update = RouteUpdate::new()
                .announce_all([route(dice), route(dice)], &Attributes::new().med(1))
                .withdraw(route(dice));
            let _ = writer.try_write(&update);
        }
        4 => drop(writer.announce(
            "2001:db8::/32".parse::<IpNet>().expect("a prefix"),
            &Attributes::new(),
        )),
        _ => drop(writer.announce(route(dice), &Attributes::new())),
    }
}

impl Caller {
    fn act(&mut self, peer: &PeerConfig) {
        if self.calm.load(Ordering::Relaxed) {
            return;
        }
        let Some(server) = self.server.upgrade() else {
            return;
        };
        // One call in four: sessions get a chance to come up.
        if self.dice.roll(4) > 0 {
            return;
        }
        if let Some(key) = server.find(&peer.name) {
            call(&server, key, &mut self.dice);
        }
        if let Some(writer) = &self.writer {
            write(writer, &mut self.dice);
        }
    }
}

impl Plugin for Caller {
    fn capabilities(&mut self, peer: &PeerConfig) -> Vec<Capability> {
        self.act(peer);
        peer.capabilities()
    }

    fn on_open(&mut self, peer: &PeerConfig, _: &Open) -> Result<(), Notification> {
        self.act(peer);
        Ok(())
    }

    fn on_established(&mut self, peer: &PeerConfig, _: &Rc<Negotiated>, writer: UpdateWriter) {
        self.writer = Some(writer);
        self.act(peer);
    }

    fn on_update(&mut self, peer: &PeerConfig, _: Update<'_>) -> Result<(), Notification> {
        self.act(peer);
        match self.dice.roll(50) {
            0 if !self.calm.load(Ordering::Relaxed) => Err(Notification::new(3, 1, Vec::new())),
            _ => Ok(()),
        }
    }

    fn on_close(&mut self, peer: &PeerConfig, _: &CloseReason) {
        self.act(peer);
    }

    fn on_refresh(&mut self, peer: &PeerConfig, _: RouteRefresh) {
        self.act(peer);
    }

    fn on_event(&mut self, peer: &PeerConfig, _: &SessionEvent<'_>) {
        self.act(peer);
    }

    fn fill(&mut self, _: &PeerConfig, _: &mut Outbox) {
        if let Some(writer) = &self.writer
            && !self.calm.load(Ordering::Relaxed)
        {
            write(writer, &mut self.dice);
        }
    }
}

/// A server on a thread of its own with one neighbor that calls at random.
async fn caller(
    router_id: [u8; 4],
    seed: u64,
    calm: &Arc<AtomicBool>,
    mut config: PeerConfig,
) -> (Handle, PeerKey) {
    let server = Server::spawn(router_id.into()).expect("a thread");
    config.idle_hold_time = Some(Duration::from_millis(1));
    let calm = Arc::clone(calm);
    let key = server
        .call(move |server| {
            let plugin = Caller {
                server: server.downgrade(),
                dice: Dice(seed),
                writer: None,
                calm,
            };
            server.add_peer(config, plugin)
        })
        .await
        .expect("it serves")
        .expect("a peer");
    (server, key)
}

/// Starts both neighbors, which random calls may have stopped, and waits for their session.
async fn wait_for_session(ends: &[(Handle, PeerKey)], seed: u64) {
    let mut last = Vec::new();
    let established = async {
        loop {
            last.clear();
            for (server, key) in ends {
                match server.start_peer(*key).await {
                    Ok(()) | Err(Error::Busy(_)) => {}
                    Err(error) => panic!("seed {seed}: the peer is lost: {error}"),
                }
                last.push(server.peer(*key).await.expect("the peer is there"));
            }
            if last.iter().all(|peer| peer.state == State::Established) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let done = tokio::time::timeout(LIMIT, established).await;
    assert!(done.is_ok(), "seed {seed}: no session: {last:#?}");
}

async fn random_calls(seed: u64) {
    let calm = Arc::new(AtomicBool::new(false));
    let listener = std::net::TcpListener::bind(SocketAddr::new(LOOPBACK, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let (left, left_key) = caller([10, 0, 0, 1], seed, &calm, passive(65001, 65002)).await;
    left.listen_on(listener).await.expect("a listener");
    let other = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let (right, right_key) =
        caller([10, 0, 0, 2], other, &calm, active(65002, 65001, address)).await;
    let mut tasks = Vec::new();
    for (at, (server, key)) in [(left.clone(), left_key), (right.clone(), right_key)]
        .into_iter()
        .cycle()
        .take(4)
        .enumerate()
    {
        let mut dice = Dice(seed.rotate_left(7) ^ (at as u64 + 1));
        tasks.push(std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                for _ in 0..60 {
                    let mut now = Dice(dice.roll(u64::MAX) | 1);
                    let done = server.call(move |server| call(server, key, &mut now));
                    done.await.expect("it serves");
                    if let Ok(writer) = server.writer(key).await {
                        write(&writer, &mut dice);
                        let _ = writer.is_closed();
                    }
                    tokio::task::yield_now().await;
                }
            });
        }));
    }
    for task in tasks {
        task.join().expect("no panic in a thread");
    }
    calm.store(true, Ordering::Relaxed);
    let ends = [(left, left_key), (right, right_key)];
    wait_for_session(&ends, seed).await;
    for (server, _) in ends {
        server
            .shutdown(Cease::Shutdown(String::new()))
            .await
            .expect("it serves");
        let Ok(mut changes) = server.subscribe().await else {
            continue;
        };
        let ended = async { while changes.next().await.is_some() {} };
        tokio::time::timeout(LIMIT, ended)
            .await
            .unwrap_or_else(|_| panic!("seed {seed}: it does not shut down"));
    }
    assert_eq!(PANICS.load(Ordering::Relaxed), 0, "seed {seed}");
}

#[tokio::test]
async fn random_calls_from_callbacks_and_threads_lose_no_peer() {
    count_panics();
    for seed in 1..=12 {
        random_calls(seed * 7_919).await;
    }
}

/// Calls from outside of `serve`, while it serves in a runtime whose `spawn_local` does not work.
#[tokio::test]
async fn calls_beside_serve_do_not_need_a_local_runtime() {
    let server = Server::new(Ipv4Addr::new(10, 0, 0, 1));
    let beside = async {
        tokio::task::yield_now().await;
        let address = server.listen(SocketAddr::new(LOOPBACK, 0)).expect("a port");
        let (plugin, _events, _commands) = ChannelPlugin::new(1);
        server
            .add_peer(passive(65001, 65002), plugin)
            .expect("a peer");
        let (plugin, mut events, commands) = ChannelPlugin::new(1);
        let mut config = active(65002, 65001, address);
        config.name = "other".to_owned();
        config.router_id = Some(Ipv4Addr::new(10, 0, 0, 2));
        server.add_peer(config, plugin).expect("a peer");
        let first = tokio::time::timeout(LIMIT, events.next()).await;
        assert!(first.expect("in time").is_some() && commands.is_up());
        server.shutdown(Cease::Removed).await;
    };
    let (served, ()) = tokio::join!(server.serve(), beside);
    served.expect("it has served");
}

/// Before a server serves, outside of any runtime, and after it has ended.
#[test]
fn calls_without_a_session_or_a_runtime_are_answered() {
    let server = Server::new(Ipv4Addr::new(10, 0, 0, 1));
    let (plugin, events, commands) = ChannelPlugin::new(0);
    let key = server
        .add_peer(passive(65001, 65002), plugin)
        .expect("a peer");
    for seed in 1..200 {
        let mut dice = Dice(seed * 7_919);
        call(&server, key, &mut dice);
    }
    assert!(!commands.is_up() && server.writer(key).is_err());
    drop(events);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(server.shutdown(Cease::Removed));
    for seed in 1..200 {
        let mut dice = Dice(seed * 104_729);
        call(&server, key, &mut dice);
    }
    assert_eq!(server.peer(key), None);
    let mut changes = server.subscribe();
    assert!(changes.blocking_next().is_none());
    runtime.block_on(async {
        let handle = server.handle();
        drop(server);
        assert!(matches!(handle.peers().await, Err(Error::Stopped)));
    });
}
