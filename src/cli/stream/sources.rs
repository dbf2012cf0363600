//! Where the records come from: files, and feeds that never end.

use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use clap::Args;

use super::{Failure, StreamArgs, now};
use crate::bgp::family::{Afi, Safi};
use crate::bgp::{Asn, Family};
use crate::speaker::PeerConfig;
use crate::stream::record::Origin;
use crate::stream::source::{BmpListener, Sessions};
use crate::stream::{Builder, Detection, Sent, Stream};

/// TCP port of BGP (RFC 4271 section 8).
const BGP_PORT: u16 = 179;

/// The options of the data interfaces, for `-o?`.
pub(super) const OPTIONS: &str = "\
upd-file  an update file
upd-type  accepted: mrt, bmp, ris-live; what the file holds is found out
rib-file  a table
rib-type  accepted: mrt, bmp
csv-file  a list of files";

/// Feeds that never end.
#[derive(Args, Debug)]
#[command(next_help_heading = "Live feeds")]
pub(super) struct Feeds {
    /// Listen for routers that send BMP: `0.0.0.0:11019`. May be repeated.
    #[arg(long, value_name = "ADDRESS:PORT")]
    bmp: Vec<SocketAddr>,
    /// Have a BGP session with this neighbor: ADDRESS, or ADDRESS:PORT. May be repeated.
    #[arg(long, value_name = "ADDRESS", requires = "local_as", value_parser = neighbor)]
    peer: Vec<SocketAddr>,
    /// Our AS number.
    #[arg(long, value_name = "AS", value_parser = asn)]
    local_as: Option<Asn>,
    /// The neighbor's AS number. Default: any.
    #[arg(long, value_name = "AS", value_parser = asn)]
    peer_as: Option<Asn>,
    /// Our address. Default: the kernel's choice.
    #[arg(long, value_name = "ADDRESS")]
    local_address: Option<IpAddr>,
    /// Our BGP identifier. Default: our IPv4 address.
    #[arg(long, value_name = "ADDRESS")]
    router_id: Option<Ipv4Addr>,
    /// A family of the sessions: "ipv4 unicast". May be repeated. Default: IPv4 and IPv6 unicast.
    #[arg(long, value_name = "FAMILY", value_parser = family)]
    family: Vec<Family>,
    /// Hold time of the sessions.
    #[arg(long, value_name = "SECONDS", default_value_t = 90)]
    hold_time: u16,
    /// Key of the TCP MD5 option of the sessions.
    #[arg(long, value_name = "KEY")]
    md5: Option<String>,
    /// Let the neighbors connect to this address instead of connecting to them.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Subscribe to RIPE's RIS Live, or to another server. With --collector or --prefix only these are asked for.
    #[cfg(feature = "ris-live")]
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = crate::stream::source::RIS_LIVE)]
    ris_live: Option<String>,
}

impl Feeds {
    /// Whether there is any.
    pub(super) const fn is_live(&self) -> bool {
        #[cfg(feature = "ris-live")]
        if self.ris_live.is_some() {
            return true;
        }
        !self.bmp.is_empty() || !self.peer.is_empty()
    }
}

fn asn(text: &str) -> Result<Asn, String> {
    crate::text::value::asn(text)
        .map(Asn)
        .ok_or_else(|| "expected an AS number".to_owned())
}

fn neighbor(text: &str) -> Result<SocketAddr, String> {
    text.parse::<IpAddr>()
        .map(|address| SocketAddr::new(address, BGP_PORT))
        .or_else(|_| text.parse())
        .map_err(|_| "expected an address such as `192.0.2.1` or `192.0.2.1:179`".to_owned())
}

fn family(text: &str) -> Result<Family, String> {
    let parse = || {
        let (afi, safi) = text.trim().split_once([' ', '/'])?;
        Some(Family {
            afi: Afi::from_name(afi)?,
            safi: Safi::from_name(safi)?,
        })
    };
    parse().ok_or_else(|| "expected a family such as `ipv4 unicast`".to_owned())
}

/// The files and feeds that are named.
pub(super) fn sources(args: &StreamArgs) -> Result<Builder, Failure> {
    let dump = args.bgpdump || args.human;
    let mut builder = Stream::builder()
        .sent(if args.sent || dump {
            Sent::Include
        } else {
            Sent::Exclude
        })
        .detection(detection(args))
        .rib_period(args.rib_period);
    for path in &args.csv_file {
        builder = builder.list(path)?;
    }
    let interface = args.data_interface.as_deref();
    if let Some(interface) = interface
        && !matches!(interface, "singlefile" | "csvfile")
    {
        return Err(Failure::Refused(format!(
            "the data interface `{interface}` is not supported; name files, or use `singlefile` or `csvfile`"
        )));
    }
    for option in &args.data_interface_option {
        let (name, value) = option
            .split_once('=')
            .ok_or_else(|| Failure::Usage(format!("expected NAME=VALUE, found `{option}`")))?;
        builder = match name {
            "upd-file" | "rib-file" if value == "-" => builder.stdin(),
            "upd-file" | "rib-file" => {
                // libbgpstream gives these names to whatever comes from a single file.
                let origin = Origin {
                    project: "singlefile".into(),
                    collector: "singlefile".into(),
                    dump_time: now(),
                    name: value.to_owned(),
                    ..Origin::default()
                };
                builder.file(value.into(), origin, None)?
            }
            "csv-file" => builder.list(value)?,
            // What a file holds is found out.
            "upd-type" | "rib-type" if matches!(value, "mrt" | "bmp" | "ris-live") => builder,
            _ => {
                return Err(Failure::Refused(format!(
                    "the option `{option}` is not supported"
                )));
            }
        };
    }
    for path in &args.files {
        builder = builder.path(path)?;
    }
    feeds(args, builder)
}

fn feeds(args: &StreamArgs, mut builder: Builder) -> Result<Builder, Failure> {
    let feeds = &args.feeds;
    let detection = detection(args);
    for address in &feeds.bmp {
        let refused = |error| Failure::Refused(format!("`{address}`: {error}"));
        let listener = BmpListener::bind(address).map_err(refused)?;
        // Standard error is where tests and people look for the port that the kernel chose.
        if address.port() == 0 || std::io::stderr().is_terminal() {
            errln!("listening for BMP on {}", listener.local_addr());
        }
        builder = builder.live(listener.start(detection).map_err(refused)?);
    }
    if !feeds.peer.is_empty() {
        builder = sessions(feeds, detection, builder)?;
    }
    #[cfg(feature = "ris-live")]
    if let Some(url) = &feeds.ris_live {
        let client =
            crate::stream::source::RisLiveClient::connect(url, &subscriptions(args))
                .and_then(|client| client.start(detection))
                .map_err(|error| Failure::Refused(format!("`{url}`: {error}")))?;
        builder = builder.live(client);
    }
    Ok(builder)
}

/// What is asked of RIS Live, so that not everything crosses the network: filters decide afterwards.
#[cfg(feature = "ris-live")]
fn subscriptions(args: &StreamArgs) -> Vec<crate::stream::source::Subscription> {
    use crate::stream::source::Subscription;
    let any = |list: &[String]| match list.is_empty() {
        true => vec![None],
        false => list.iter().cloned().map(Some).collect(),
    };
    let mut all = Vec::new();
    for host in any(&args.collector) {
        for prefix in any(&args.prefix) {
            all.push(Subscription {
                host: host.clone(),
                prefix,
                ..Subscription::default()
            });
        }
    }
    all
}

fn sessions(feeds: &Feeds, detection: Detection, builder: Builder) -> Result<Builder, Failure> {
    let first = feeds.peer.first().map(SocketAddr::ip);
    let id = match feeds.router_id {
        Some(id) => id,
        None => match feeds.local_address.or_else(|| first.and_then(own_address)) {
            Some(IpAddr::V4(address)) if !address.is_unspecified() => address,
            _ => {
                return Err(Failure::Usage(
                    "no local IPv4 address to use as BGP identifier; specify one with `--router-id`".to_owned(),
                ));
            }
        },
    };
    let mut sessions = Sessions::new(id);
    for peer in &feeds.peer {
        let mut config = PeerConfig::new(peer.ip(), feeds.local_as.unwrap_or(Asn::TRANS));
        config.name = peer.to_string();
        config.port = peer.port();
        config.peer_as = feeds.peer_as;
        config.local_address = feeds.local_address;
        config.hold_time = feeds.hold_time;
        config.md5_key = feeds.md5.as_ref().map(|key| key.as_bytes().to_vec());
        config.passive = feeds.listen.is_some();
        config.families = match feeds.family.is_empty() {
            true => vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
            false => feeds.family.clone(),
        };
        sessions.peer(config);
    }
    if let Some(address) = feeds.listen {
        sessions.listen(address);
    }
    let live = sessions
        .start(detection)
        .map_err(|error| Failure::Refused(error.to_string()))?;
    Ok(builder.live(live))
}

/// Our address on the route to a neighbor, found without sending any packet.
fn own_address(peer: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match peer {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((peer, BGP_PORT)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

const fn detection(args: &StreamArgs) -> Detection {
    if args.no_add_path_detection {
        Detection::Off
    } else {
        Detection::On
    }
}
