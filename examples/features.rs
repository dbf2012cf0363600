//! What a session can have: both families, ADD-PATH, MD5, a local address, and UPDATEs decoded field by field.
//!
//! `cargo run --example features -- ROUTER-ID LOCAL-AS PEER-AS LOCAL PEER [OPTION...]` with the options `v4`, `v6`,
//! `add-path`, `passive`, `md5=KEY` and `bind=ADDRESS:PORT`. Ends with Ctrl-C.
#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;

use oxabgp::bgp::capability::add_path::{AddPath, AddPathMode};
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{Asn, Attribute, Capability, Codec, Family, Negotiated, Notification};
use oxabgp::fsm::CloseReason;
use oxabgp::speaker::{
    PeerConfig, Plugin, Server, UnicastRoute, UpdateDecoder, UpdateErrors, UpdateWriter,
};

/// Where the lines go.
pub(crate) type Log = Rc<dyn Fn(&str)>;

/// An UPDATE, as far as this program wants to know it.
#[derive(Default)]
struct Seen {
    announced: Vec<UnicastRoute>,
    withdrawn: Vec<UnicastRoute>,
    origin: Option<String>,
    path: Vec<u32>,
    communities: Vec<String>,
    end_of_rib: Option<Family>,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(family) = self.end_of_rib {
            return write!(f, "End-of-RIB {family}");
        }
        for (what, routes) in [
            ("announced", &self.announced),
            ("withdrawn", &self.withdrawn),
        ] {
            for route in routes {
                write!(f, "{what} {}", route.prefix)?;
                if let Some(path_id) = route.path_id {
                    write!(f, " path {path_id}")?;
                }
                if let Some(next_hop) = route.next_hop {
                    write!(f, " next-hop {next_hop}")?;
                }
                f.write_str("; ")?;
            }
        }
        if let Some(origin) = &self.origin {
            write!(
                f,
                "origin {origin} path {:?} communities {:?}",
                self.path, self.communities
            )?;
        }
        Ok(())
    }
}

/// Put together once; every UPDATE goes through it.
fn decoder() -> UpdateDecoder<Seen> {
    UpdateDecoder::new()
        .announced_unicast(|seen: &mut Seen, route| {
            seen.announced.push(route);
            Ok(())
        })
        .withdrawn_unicast(|seen, route| {
            seen.withdrawn.push(route);
            Ok(())
        })
        .attributes(|seen, raw| {
            match raw.decode()? {
                Some(Attribute::Origin(origin)) => seen.origin = Some(origin.to_string()),
                Some(Attribute::AsPath(path)) => {
                    let asns = path.segments().iter().flat_map(|segment| &segment.asns);
                    seen.path = asns.map(|asn| asn.0).collect();
                }
                Some(Attribute::Communities(list)) => {
                    seen.communities = list.0.iter().map(ToString::to_string).collect();
                }
                _ => {}
            }
            Ok(())
        })
}

pub(crate) struct Features {
    decoder: UpdateDecoder<Seen>,
    add_path: bool,
    codec: Codec,
    log: Log,
}

impl Features {
    pub(crate) fn new(add_path: bool, log: Log) -> Self {
        Self {
            decoder: decoder(),
            add_path,
            codec: Codec::default(),
            log,
        }
    }
}

impl Plugin for Features {
    fn capabilities(&mut self, peer: &PeerConfig) -> Vec<Capability> {
        let mut capabilities = peer.capabilities();
        if self.add_path {
            let families = peer.families.iter();
            let modes = families
                .map(|family| (*family, AddPathMode::BOTH))
                .collect();
            capabilities.push(Capability::AddPath(AddPath(modes)));
        }
        capabilities
    }

    fn on_established(&mut self, _: &PeerConfig, session: &Rc<Negotiated>, writer: UpdateWriter) {
        self.codec = session.codec;
        (self.log)(&format!("established with AS {}", session.peer_as));
        for family in &session.families {
            if let Err(error) = writer.end_of_rib(*family) {
                (self.log)(&format!("no End-of-RIB: {error}"));
            }
        }
    }

    fn on_update(&mut self, _: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
        let mut seen = Seen {
            end_of_rib: update.end_of_rib(),
            ..Seen::default()
        };
        // This program resets the session for every error, as RFC 4271 does; `notification` instead of `as_reset` would
        // leave it at what RFC 7606 asks for.
        self.decoder
            .decode_update(&mut seen, update, &self.codec)
            .map_err(|errors: UpdateErrors| errors.as_reset())?;
        (self.log)(&seen.to_string());
        Ok(())
    }

    fn on_close(&mut self, _: &PeerConfig, reason: &CloseReason) {
        (self.log)(&format!("closed: {reason}"));
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [router_id, local_as, peer_as, local, address, options @ ..] = &arguments[..] else {
        return Err("usage: features ROUTER-ID LOCAL-AS PEER-AS LOCAL PEER [OPTION...]".into());
    };
    let server = Server::new(router_id.parse()?);
    let mut peer = PeerConfig::new(address.parse()?, Asn(local_as.parse()?));
    peer.peer_as = Some(Asn(peer_as.parse()?));
    peer.local_address = Some(local.parse()?);
    peer.families.clear();
    let mut add_path = false;
    for option in options {
        match option.split_once('=') {
            None if option == "v4" => peer.families.push(Family::IPV4_UNICAST),
            None if option == "v6" => peer.families.push(Family::IPV6_UNICAST),
            None if option == "add-path" => add_path = true,
            None if option == "passive" => peer.passive = true,
            // Outgoing connections and listeners get the key.
            Some(("md5", key)) => peer.md5_key = Some(key.as_bytes().to_vec()),
            Some(("bind", at)) => drop(server.listen(at.parse::<SocketAddr>()?)?),
            _ => return Err(format!("unknown option `{option}`").into()),
        }
    }
    let log = Rc::new(|line: &str| println!("{line}"));
    server.add_peer(peer, Features::new(add_path, log))?;
    tokio::select! {
        served = server.serve() => Ok(served?),
        signal = tokio::signal::ctrl_c() => Ok(signal?),
    }
}
