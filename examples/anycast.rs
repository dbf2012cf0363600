//! An anycast health checker: a prefix is announced while a command succeeds, and withdrawn while it does not.
//!
//! `cargo run --example anycast -- PREFIX LOCAL-AS PEER-AS PEER[:PORT] COMMAND...`, such as
//! `anycast 203.0.113.53/32 65001 65000 192.0.2.1 dig +short +time=1 @203.0.113.53 example.org`. The command runs once a
//! second; three results in a row change the state.
#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use ipnet::IpNet;
use oxabgp::bgp::Asn;
use oxabgp::speaker::{Attributes, ChannelPlugin, PeerConfig, PeerEvent, Server};
use tokio::process::Command;

/// What to check, and how often.
pub(crate) struct Check {
    pub(crate) command: Vec<String>,
    pub(crate) interval: Duration,
    /// Equal results in a row that change the state.
    pub(crate) threshold: u32,
}

impl Check {
    async fn succeeds(&self) -> bool {
        let Some((program, arguments)) = self.command.split_first() else {
            return false;
        };
        let mut command = Command::new(program);
        command.args(arguments).stdout(Stdio::null());
        let limit = self.interval.max(Duration::from_secs(5));
        let status = tokio::time::timeout(limit, command.kill_on_drop(true).status()).await;
        matches!(status, Ok(Ok(status)) if status.success())
    }
}

/// Announces `prefix` to one neighbor while the check succeeds.
pub(crate) async fn run(
    prefix: IpNet,
    peer: PeerConfig,
    check: Check,
    log: impl Fn(&str),
) -> Result<(), Box<dyn Error>> {
    let server = Server::spawn([192, 0, 2, 1].into())?;
    let (plugin, mut events, commands) = ChannelPlugin::new(64);
    server.add_peer(peer, move || plugin).await?;
    let attributes = Attributes::new();
    let (mut healthy, mut streak) = (false, 0);
    let mut clock = tokio::time::interval(check.interval);
    loop {
        let changed = tokio::select! {
            event = events.next() => match event {
                // A new session knows nothing yet.
                Some(PeerEvent::Established(..)) => healthy,
                Some(_) => false,
                None => return Ok(()),
            },
            _ = clock.tick() => {
                let differs = check.succeeds().await != healthy;
                streak = if differs { streak + 1 } else { 0 };
                let changes = streak >= check.threshold;
                if changes {
                    (healthy, streak) = (!healthy, 0);
                    log(if healthy { "healthy" } else { "unhealthy" });
                }
                changes
            }
        };
        if changed {
            let done = match healthy {
                true => commands.announce(prefix, &attributes),
                false => commands.withdraw(prefix),
            };
            if let Err(error) = done {
                log(&format!("not sent: {error}"));
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [prefix, local_as, peer_as, address, command @ ..] = &arguments[..] else {
        return Err("usage: anycast PREFIX LOCAL-AS PEER-AS PEER[:PORT] COMMAND...".into());
    };
    let address: SocketAddr = match address.parse::<IpAddr>() {
        Ok(address) => SocketAddr::new(address, 179),
        Err(_) => address.parse()?,
    };
    let mut peer = PeerConfig::new(address.ip(), Asn(local_as.parse()?));
    peer.port = address.port();
    peer.peer_as = Some(Asn(peer_as.parse()?));
    let check = Check {
        command: command.to_vec(),
        interval: Duration::from_secs(1),
        threshold: 3,
    };
    run(prefix.parse()?, peer, check, |line| println!("{line}")).await
}
