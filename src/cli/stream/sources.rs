//! Where the records come from: files, and feeds that never end.

use std::io::{self, IsTerminal as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::ExitCode;

use super::args::{Feeds, StreamArgs};
use super::failure::{Failure, now};
#[cfg(feature = "kafka")]
use super::kafka;
use super::listen::Listen;
use crate::bgp::{Asn, Family};
use crate::cli::shell;
use crate::speaker::PeerConfig;
use crate::stream::record::Origin;
use crate::stream::source::{BmpListener, Daemon, Sessions};
use crate::stream::{Builder, Detection, RecordKind, Sent, Stream};

/// The data interfaces with the names and meanings of their options.
const INTERFACES: &[(&str, &[(&str, &str)])] = &[
    (
        "singlefile",
        &[
            ("upd-file", "an update file"),
            (
                "upd-type",
                "accepted: mrt, bmp, ris-live; what the file holds is found out",
            ),
            ("rib-file", "a table"),
            ("rib-type", "accepted: mrt, bmp"),
        ],
    ),
    ("csvfile", &[("csv-file", "a list of files")]),
    #[cfg(feature = "kafka")]
    ("kafka", kafka::OPTIONS),
];

/// Prints the options of a data interface, or those of all, for `-o?`.
pub(super) fn explain(interface: Option<&str>) -> Result<ExitCode, Failure> {
    known(interface)?;
    let shown = INTERFACES
        .iter()
        .filter(|(name, _)| interface.is_none_or(|wanted| wanted == *name));
    for (option, meaning) in shown.flat_map(|(_, options)| *options) {
        outln!("{option}  {meaning}");
    }
    Ok(ExitCode::SUCCESS)
}

fn known(interface: Option<&str>) -> Result<(), Failure> {
    match interface {
        Some("kafka") if cfg!(not(feature = "kafka")) => Err(Failure::Refused(
            "the data interface `kafka` needs a build with the feature `kafka`".to_owned(),
        )),
        Some(name) if INTERFACES.iter().all(|(known, _)| *known != name) => {
            let known: Vec<_> = INTERFACES
                .iter()
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            Err(Failure::Refused(format!(
                "the data interface `{name}` is not supported; name files, or use {}",
                known.join(" or ")
            )))
        }
        _ => Ok(()),
    }
}

/// Refuses an option that the data interface does not have, as bgpreader does. Without `-d`, the options of all are accepted.
fn belongs(interface: Option<&str>, option: &str) -> Result<(), Failure> {
    let Some((name, options)) = interface
        .and_then(|wanted| INTERFACES.iter().find(|(name, _)| *name == wanted))
        .filter(|(_, options)| options.iter().all(|(known, _)| *known != option))
    else {
        return Ok(());
    };
    let has: Vec<_> = options
        .iter()
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    Err(Failure::Refused(format!(
        "the data interface `{name}` has no option `{option}`, only {}",
        has.join(", ")
    )))
}

/// The files and feeds that are named.
///
/// `window` is what is read of a feed that can end.
pub(super) fn sources(
    args: &StreamArgs,
    env_file: Option<PathBuf>,
    window: Option<(u32, u32)>,
) -> Result<Builder, Failure> {
    let dump = args.bgpdump || args.human || args.paragraphs;
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
    known(interface)?;
    #[cfg(feature = "kafka")]
    let mut topics = kafka::Options::default();
    for option in &args.data_interface_option {
        let (name, value) = option
            .split_once('=')
            .ok_or_else(|| Failure::Usage(format!("expected NAME=VALUE, found `{option}`")))?;
        belongs(interface, name)?;
        #[cfg(feature = "kafka")]
        if topics.take(name, value) {
            continue;
        }
        builder = file_option(builder, name, value)?;
    }
    for path in &args.files {
        builder = builder.path(path)?;
    }
    warn_skipped(&builder);
    builder = feeds(args, builder)?;
    #[cfg(feature = "kafka")]
    if let Some(live) = kafka::start(&args.feeds, &topics, window, detection(args))? {
        builder = builder.live(live);
    } else if interface == Some("kafka") {
        return Err(Failure::Usage(
            "the data interface `kafka` needs the option `brokers`".to_owned(),
        ));
    }
    #[cfg(not(feature = "kafka"))]
    let _ = window;
    match &args.feeds.daemon {
        Some(socket) => daemon(args, (socket.clone(), env_file), builder),
        None => Ok(builder),
    }
}

/// Takes an option of a data interface that reads files.
fn file_option(builder: Builder, name: &str, value: &str) -> Result<Builder, Failure> {
    let kind = match name {
        "rib-file" => RecordKind::Rib,
        _ => RecordKind::Update,
    };
    Ok(match name {
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
            builder.file(value.into(), origin, Some(kind))?
        }
        "csv-file" => builder.list(value)?,
        // What a file holds is found out.
        "upd-type" | "rib-type" if matches!(value, "mrt" | "bmp" | "ris-live") => builder,
        _ => {
            return Err(Failure::Refused(format!(
                "the option `{name}={value}` is not supported"
            )));
        }
    })
}

/// Returns `true` if there is a feed that goes on for ever.
pub(super) fn is_live(args: &StreamArgs) -> bool {
    let topics = |option: &String| option.starts_with("brokers=");
    args.feeds.is_live() || args.data_interface_option.iter().any(topics)
}

/// Returns `true` if something to read is named, even if nothing is there.
pub(super) fn are_named(args: &StreamArgs) -> bool {
    !args.files.is_empty() || !args.csv_file.is_empty() || !args.data_interface_option.is_empty()
}

/// Warns about what was left out of folders.
pub(in crate::cli) fn warn_skipped(builder: &Builder) {
    for skipped in builder.skipped() {
        errln!("warning: skipped {skipped}");
    }
    for path in builder.not_due() {
        errln!(
            "warning: skipped {}: the timestamp of its row is 0 or in the future",
            path.display()
        );
    }
}

/// Warns about files of which a filter lets nothing pass, because nothing tells the project or the collector that it asks for.
pub(in crate::cli) fn warn_nameless(builder: &Builder) {
    let mut files = builder.nameless();
    let Some(first) = files.next() else {
        return;
    };
    let more = match files.count() {
        0 => String::new(),
        count => format!(", and {count} more files,"),
    };
    errln!(
        "warning: `{first}`{more} passes no filter by project or collector, which its name does not tell\n\
         help: names as `ris.rrc06.updates.20160811.1600.gz` tell it, folders as `rrc06`, and the columns of a list (`--csv-file`)"
    );
}

/// Listens on the first address that this host has. One that is taken is an error: routers would come to another program.
fn bind(addresses: &[SocketAddr]) -> io::Result<BmpListener> {
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for address in addresses {
        match BmpListener::bind(address) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => last = error,
            done => return done,
        }
    }
    Err(last)
}

fn feeds(args: &StreamArgs, mut builder: Builder) -> Result<Builder, Failure> {
    let feeds = &args.feeds;
    let detection = detection(args);
    for Listen(addresses) in &feeds.bmp {
        let wanted = addresses.first().copied();
        let wanted = wanted.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 0).into());
        let refused = |error| Failure::Refused(format!("`{wanted}`: {error}"));
        let listener = bind(addresses).map_err(refused)?;
        // Standard error is where tests and people look for the port that the kernel chose.
        if wanted.port() == 0 || io::stderr().is_terminal() {
            errln!("listening for BMP on {}", listener.local_addr());
        }
        builder = builder.live(listener.start(detection).map_err(refused)?);
    }
    if !feeds.peer.is_empty() {
        builder = sessions(feeds, detection, builder)?;
    }
    #[cfg(feature = "ris-live")]
    if let Some(url) = &feeds.ris_live {
        let client = crate::stream::source::RisLiveClient::connect(url, &subscriptions(args))
            .and_then(|client| client.start(detection))
            .map_err(|error| Failure::Refused(format!("`{url}`: {error}")))?;
        builder = builder.live(client);
    }
    Ok(builder)
}

/// The neighbors of a running daemon, which is found as `oxabgp cli` finds it.
fn daemon(
    args: &StreamArgs,
    (socket, env_file): (Option<PathBuf>, Option<PathBuf>),
    builder: Builder,
) -> Result<Builder, Failure> {
    let path = match socket {
        Some(path) => path,
        None => shell::find_socket(env_file).map_err(Failure::Reported)?,
    };
    let mut daemon = Daemon::new(path);
    if args.sent {
        daemon = daemon.with_sent();
    }
    let live = daemon
        .start()
        .map_err(|error| Failure::Refused(error.to_string()))?;
    Ok(builder.live(live))
}

/// What is asked of RIS Live, so that not everything crosses the network: filters decide afterwards. Collectors and prefixes of
/// `--filter` are alternatives to those of the options; then all are asked for.
#[cfg(feature = "ris-live")]
fn subscriptions(args: &StreamArgs) -> Vec<crate::stream::source::Subscription> {
    use crate::stream::filter::{Expression, Test};
    use crate::stream::source::Subscription;
    let widened = |is_term: &dyn Fn(&Test) -> bool| {
        let mut filters = args.filter.iter().filter_map(|text| text.parse().ok());
        filters.any(|filter: Expression| {
            let tests = filter.plain().unwrap_or_default();
            tests.into_iter().any(is_term)
        })
    };
    let any = |list: &[String], is_term: &dyn Fn(&Test) -> bool| {
        if list.is_empty() || widened(is_term) {
            return vec![None];
        }
        list.iter().cloned().map(Some).collect()
    };
    let mut all = Vec::new();
    for host in any(&args.collector, &|test| matches!(test, Test::Collector(_))) {
        for prefix in any(&args.prefix, &|test| matches!(test, Test::Prefix(_))) {
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
    socket.connect((peer, super::args::BGP_PORT)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

const fn detection(args: &StreamArgs) -> Detection {
    if args.no_add_path_detection {
        Detection::Off
    } else {
        Detection::On
    }
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "ris-live")]
    use super::*;

    #[cfg(feature = "ris-live")]
    #[test]
    fn ris_live_is_asked_for_all_that_may_pass() {
        for (options, wanted) in [
            (&[][..], &[(None, None)][..]),
            (&["-k", "10.0.0.0/8"], &[(None, Some("10.0.0.0/8"))]),
            (
                &["-c", "rrc00", "-c", "rrc01", "-k", "10.0.0.0/8"],
                &[
                    (Some("rrc00"), Some("10.0.0.0/8")),
                    (Some("rrc01"), Some("10.0.0.0/8")),
                ],
            ),
            // Alternatives.
            (&["-k", "10.0.0.0/8", "-f", "prefix ::/0"], &[(None, None)]),
            (
                &["-c", "rrc00", "-k", "10.0.0.0/8", "-f", "collector rrc01"],
                &[(None, Some("10.0.0.0/8"))],
            ),
            // Both have to pass.
            (
                &["-k", "10.0.0.0/8", "-f", "peer 1 or prefix ::/0"],
                &[(None, Some("10.0.0.0/8"))],
            ),
        ] {
            let words = [&["stream"], options].concat();
            let command = <StreamArgs as clap::Args>::augment_args(clap::Command::new("stream"));
            let matches = command.get_matches_from(words);
            let args =
                <StreamArgs as clap::FromArgMatches>::from_arg_matches(&matches).expect("options");
            let asked = subscriptions(&args);
            let asked: Vec<_> = asked
                .iter()
                .map(|one| (one.host.as_deref(), one.prefix.as_deref()))
                .collect();
            assert_eq!(asked, wanted, "{options:?}");
        }
    }
}
