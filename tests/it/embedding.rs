//! The examples that embed the library, each against a real session on loopback. They are compiled in here: nothing is
//! built or started twice.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ipnet::IpNet;
use oxabgp::bgp::{Asn, Family};
use oxabgp::fsm::Cease;
use oxabgp::speaker::{
    Attributes, ChannelPlugin, Handle, PeerCommands, PeerConfig, PeerEvent, PeerEvents, Server,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};

#[path = "../../examples/announce_http.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod announce_http;
#[path = "../../examples/anycast.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod anycast;
#[path = "../../examples/features.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod features;
#[path = "../../examples/looking_glass.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod looking_glass;
#[path = "../../examples/route_server.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod route_server;
#[path = "../../examples/sans_io.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod sans_io;
#[path = "../../examples/simple.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod simple;
#[path = "../../examples/std_threads.rs"]
#[expect(dead_code, reason = "its main is not called")]
mod std_threads;

const LIMIT: Duration = Duration::from_secs(60);

fn loopback(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, last).into()
}

fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}

/// A neighbor at `remote` that connects to us at 127.0.0.1.
fn passive(remote: IpAddr, local_as: u32) -> PeerConfig {
    let mut config = PeerConfig::new(remote, Asn(local_as));
    config.passive = true;
    config
}

/// A neighbor at `address` that we connect to.
fn active(address: SocketAddr, local_as: u32) -> PeerConfig {
    let mut config = PeerConfig::new(address.ip(), Asn(local_as));
    config.port = address.port();
    config
}

/// A speaker for an example to talk to.
struct Other {
    server: Handle,
    events: PeerEvents,
    commands: PeerCommands,
}

impl Other {
    async fn new(router_id: u8, config: PeerConfig) -> Self {
        let server = Server::spawn([10, 0, 0, router_id].into()).expect("a thread");
        let (plugin, events, commands) = ChannelPlugin::new(64);
        server
            .add_peer(config, move || plugin)
            .await
            .expect("a peer");
        Self {
            server,
            events,
            commands,
        }
    }

    /// One that listens, for examples that connect.
    async fn listening(router_id: u8, local_as: u32) -> (Self, SocketAddr) {
        let other = Self::new(router_id, passive(loopback(1), local_as)).await;
        let at = SocketAddr::new(loopback(1), 0);
        let address = other.server.listen(at).await.expect("a port");
        (other, address)
    }

    async fn next(&mut self) -> PeerEvent {
        let event = tokio::time::timeout(LIMIT, self.events.next()).await;
        event.expect("in time").expect("a neighbor")
    }

    async fn up(&mut self) {
        let event = self.next().await;
        assert!(matches!(event, PeerEvent::Established(..)), "{event:?}");
    }

    /// The next routes: announced, withdrawn, and the attributes as text. Markers are passed over.
    async fn routes(&mut self) -> (Vec<IpNet>, Vec<IpNet>, String) {
        loop {
            let PeerEvent::Update(update) = self.next().await else {
                panic!("an UPDATE");
            };
            let content = update.content().expect("a good UPDATE");
            let prefixes = |announced: bool| -> Vec<IpNet> {
                let fields: Vec<_> = match announced {
                    true => content.announced().collect(),
                    false => content.withdrawn().collect(),
                };
                let routes = fields.into_iter().flat_map(|field| field.routes.flatten());
                routes.filter_map(|nlri| nlri.prefix()).collect()
            };
            if !content.fields.is_empty() {
                let text = content.attributes.text().to_owned();
                return (prefixes(true), prefixes(false), text);
            }
        }
    }

    async fn stop(self) {
        let cease = Cease::Shutdown(String::new());
        self.server.shutdown(cease).await.expect("it serves");
    }
}

/// Lines of an example in the same thread, and a way to wait for one.
#[derive(Clone, Default)]
struct Lines(Rc<RefCell<Vec<String>>>, Rc<Notify>);

impl Lines {
    fn log(&self) -> Rc<dyn Fn(&str)> {
        let lines = self.clone();
        Rc::new(move |line| {
            lines.0.borrow_mut().push(line.to_owned());
            lines.1.notify_one();
        })
    }

    async fn wait_for(&self, wanted: &str) {
        let found = async {
            while !self.0.borrow().iter().any(|line| line.contains(wanted)) {
                self.1.notified().await;
            }
        };
        let found = tokio::time::timeout(LIMIT, found).await;
        assert!(found.is_ok(), "no `{wanted}` in {:#?}", self.0.borrow());
    }
}

#[tokio::test]
async fn simple_reports_its_session() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let lines = Lines::default();
    let seen = lines.clone();
    let script = async move {
        let mut other = Other::new(2, active(address, 65010)).await;
        other.up().await;
        let PeerEvent::Update(marker) = other.next().await else {
            panic!("an End-of-RIB");
        };
        assert_eq!(marker.body()[..], [0, 0, 0, 0]);
        other
            .commands
            .withdraw(net("10.0.0.0/8"))
            .expect("it is up");
        seen.wait_for("UPDATE of 6 octets").await;
        seen.wait_for("OPEN received from 10.0.0.2").await;
        seen.wait_for("established").await;
    };
    let peer = passive(loopback(1), 65001);
    let router_id = Ipv4Addr::new(10, 0, 0, 1);
    simple::run(router_id, peer, Some(listener), lines.log(), script)
        .await
        .expect("the example runs");
    lines.wait_for("closed: ").await;
}

#[tokio::test]
async fn features_decodes_updates_of_an_authenticated_session_with_add_path() {
    let (other, address) = Other::listening(2, 65010).await;
    other.stop().await;
    let server = Server::new([10, 0, 0, 1].into());
    let lines = Lines::default();
    let mut config = active(address, 65001);
    config.families = vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST];
    config.md5_key = Some(b"secret".to_vec());
    // Another port: the first one was only to have a free one.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    config.port = address.port();
    let peer = Server::new([10, 0, 0, 2].into());
    let mut theirs = passive(loopback(1), 65010);
    theirs.families.clone_from(&config.families);
    theirs.md5_key.clone_from(&config.md5_key);
    let (plugin, mut events, commands) = ChannelPlugin::new(64);
    let capabilities = {
        use oxabgp::bgp::Capability;
        use oxabgp::bgp::capability::add_path::{AddPath, AddPathMode};
        let mode = |family: &Family| (*family, AddPathMode::BOTH);
        let mut list = theirs.capabilities();
        let modes = theirs.families.iter().map(mode).collect();
        list.push(Capability::AddPath(AddPath(modes)));
        list
    };
    peer.add_peer(theirs, plugin.offering(capabilities))
        .expect("a peer");
    server
        .add_peer(config, features::Features::new(true, lines.log()))
        .expect("a peer");
    let script = async {
        while !matches!(events.next().await, Some(PeerEvent::Established(..))) {}
        let attributes = Attributes::new().communities([(65010, 1)]);
        let route = oxabgp::bgp::Nlri::from(net("203.0.113.0/24")).with_path_id(7);
        commands.announce(route, &attributes).expect("it is up");
        commands.withdraw(net("2001:db8::/32")).expect("it is up");
        lines.wait_for("established with AS 65010").await;
        lines
            .wait_for("announced 203.0.113.0/24 path 7 next-hop 127.0.0.1; origin igp path [65010] communities [\"65010:1\"]")
            .await;
        lines.wait_for("withdrawn 2001:db8::/32 path 0").await;
        server.shutdown(Cease::Removed).await;
        peer.shutdown(Cease::Removed).await;
    };
    let (one, two, ()) = tokio::join!(server.serve(), peer.serve_on([listener]), script);
    one.and(two).expect("both serve");
}

#[tokio::test]
async fn the_route_server_passes_on_routes_and_withdraws_those_of_a_client_that_left() {
    let server = Server::spawn([10, 0, 0, 9].into()).expect("a thread");
    let at = SocketAddr::new(loopback(1), 0);
    let address = server.listen(at).await.expect("a port");
    let clients = [2, 3].map(|last| passive(loopback(last), 65000));
    let client = |last: u8| {
        let mut config = active(address, 65000 + u32::from(last));
        config.local_address = Some(loopback(last));
        Other::new(last, config)
    };
    let script = async {
        let mut left = client(2).await;
        left.up().await;
        let attributes = Attributes::new().as_path([Asn(65002), Asn(64999)]).med(5);
        let prefix = net("203.0.113.0/24");
        left.commands
            .announce(prefix, &attributes)
            .expect("it is up");
        // It comes later, and gets what is there.
        let mut right = client(3).await;
        right.up().await;
        let (announced, _, text) = right.routes().await;
        assert_eq!(announced, [prefix]);
        assert!(text.contains(" 65002 64999 "), "{text}");
        assert!(text.contains("med 5"), "{text}");
        right
            .commands
            .announce(prefix, &Attributes::new())
            .expect("it is up");
        left.stop().await;
        let (_, withdrawn, _) = right.routes().await;
        assert_eq!(withdrawn, [prefix]);
        right.stop().await;
    };
    tokio::select! {
        ended = route_server::run(server, clients.to_vec()) => ended.expect("it runs"),
        () = script => {}
    }
}

#[tokio::test]
async fn anycast_announces_while_the_check_succeeds() {
    let (mut other, address) = Other::listening(2, 65010).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("healthy");
    std::fs::write(&file, "").expect("a file");
    let check = anycast::Check {
        command: vec![
            "test".to_owned(),
            "-e".to_owned(),
            file.display().to_string(),
        ],
        interval: Duration::from_millis(20),
        threshold: 2,
    };
    let prefix = net("203.0.113.53/32");
    let script = async {
        other.up().await;
        let (announced, _, _) = other.routes().await;
        assert_eq!(announced, [prefix]);
        std::fs::remove_file(&file).expect("it is there");
        loop {
            // It may have become healthy before the session came up, and is then announced once more.
            let (_, withdrawn, _) = other.routes().await;
            if withdrawn == [prefix] {
                return;
            }
        }
    };
    tokio::select! {
        ended = anycast::run(prefix, active(address, 65001), check, |_| {}) => ended.expect("it runs"),
        () = script => {}
    }
}

#[tokio::test]
async fn the_looking_glass_answers_from_its_adj_rib_in() {
    let server = Server::new([10, 0, 0, 1].into());
    let address = server
        .listen(SocketAddr::new(loopback(1), 0))
        .expect("a port");
    let (ask, questions) = mpsc::channel(1);
    let lines = Lines::default();
    let log = lines.log();
    let script = async {
        let mut other = Other::new(2, active(address, 65010)).await;
        other.up().await;
        for prefix in ["203.0.113.0/24", "198.51.100.0/24"] {
            let attributes = Attributes::new().med(9);
            other
                .commands
                .announce(net(prefix), &attributes)
                .expect("it is up");
        }
        let put = async |question: &str| ask.send(question.to_owned()).await.expect("it runs");
        let both = async {
            while !lines
                .0
                .borrow()
                .iter()
                .any(|line| line.ends_with(" 2 routes"))
            {
                put("peers").await;
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, both).await.expect("in time");
        put("203.0.113.7").await;
        lines
            .wait_for("203.0.113.0/24 from 127.0.0.1 next-hop 127.0.0.1 origin igp as-path ( 65010 ) med 9")
            .await;
        put("nonsense").await;
        lines.wait_for("an address or a prefix").await;
        drop(ask);
    };
    let run = looking_glass::run(
        server,
        vec![passive(loopback(1), 65001)],
        questions,
        |line| log(line),
    );
    let (ended, ()) = tokio::join!(run, script);
    ended.expect("the example runs");
    let other = |line: &String| line.starts_with("198.51.100.0/24");
    assert!(!lines.0.borrow().iter().any(other));
}

/// One HTTP request; the status line and the body.
async fn request(to: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(to).await.expect("a server");
    let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a connection");
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    let read = tokio::time::timeout(LIMIT, read).await;
    read.expect("in time").expect("an answer");
    answer
}

#[tokio::test]
async fn a_prefix_is_announced_over_http() {
    let source = include_str!("../../examples/announce_http.rs");
    assert!(source.lines().count() < 40, "the example has grown");
    let (mut other, address) = Other::listening(2, 65010).await;
    let Other {
        server, commands, ..
    } = Other::new(1, active(address, 65001)).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let at = listener.local_addr().expect("an address");
    let app = announce_http::app(commands);
    tokio::spawn(async move { axum::serve(listener, app).await });
    other.up().await;
    let up = async {
        while !request(at, "PUT", "/routes/203.0.113.0/24")
            .await
            .starts_with("HTTP/1.1 200")
        {}
    };
    tokio::time::timeout(LIMIT, up).await.expect("in time");
    assert_eq!(other.routes().await.0, [net("203.0.113.0/24")]);
    let answer = request(at, "DELETE", "/routes/203.0.113.0/24").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(other.routes().await.1, [net("203.0.113.0/24")]);
    let answer = request(at, "PUT", "/routes/nonsense").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let answer = request(at, "PUT", "/routes/2001:db8::/32").await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("ipv6 unicast"),
        "{answer}"
    );
    server.shutdown(Cease::Removed).await.expect("it serves");
}

#[test]
fn two_peers_in_memory_live_for_an_hour() {
    let mut lines = Vec::new();
    sans_io::run(&mut |line| lines.push(line.to_owned()));
    for wanted in [
        "right: Tcp_CR_Acked: Connect -> OpenSent",
        "left: up with AS 65002",
        "right: UPDATE of 4 octets",
        "left: down: notification received (6,2)",
    ] {
        assert!(
            lines.iter().any(|line| line.starts_with(wanted)),
            "{wanted}: {lines:#?}"
        );
    }
}

#[test]
fn a_session_over_std_net_comes_up_and_ends() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let print: std_threads::Print = Arc::new(move |line: &str| {
        sink.lock().expect("no panic").push(line.to_owned());
    });
    std_threads::run(&print).expect("the example runs");
    let lines = lines.lock().expect("no panic");
    for wanted in [
        "left: KeepAliveMsg: OpenConfirm -> Established",
        "right: UPDATE received",
        "left: down: notification received (6,2)",
    ] {
        assert!(
            lines.iter().any(|line| line.starts_with(wanted)),
            "{wanted}: {lines:#?}"
        );
    }
}
