//! The options of `oxabgp stream`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::listen::Listen;
use crate::bgp::family::{Afi, Safi};
use crate::bgp::{Asn, Family};

/// TCP port of BGP (RFC 4271 section 8).
pub(super) const BGP_PORT: u16 = 179;

// Options of `stream`.
#[derive(Args, Debug)]
#[command(
    disable_version_flag = true,
    // Of options that exclude each other, clap would show one as needed.
    override_usage = "oxabgp stream [OPTIONS] [FILE]...",
    // As in getopt, the last one of several counts.
    args_override_self = true,
    after_help = "\
The filter language:
  Terms with one value or several, any of which may match, joined by
  `and`, `or`, `not` and parentheses:
    oxabgp stream --filter 'prefix 192.0.2.0/24 and not origin 1' *.gz
  Several filters, and the options for single terms, go together: what
  they ask of one term are alternatives, except for `aspath`. Extended
  communities are a term of their own. A filter with `or`, `not` or a
  term twice has to pass as a whole. An elem that cannot have what is
  asked for, as a withdrawal an origin, fails.

Terms of filters:
  project ris                   by the names of files, or lists
  collector rrc06 linx          the same
  router edge1                  one that reports by BMP
  type updates                  update files; `ribs`: tables
  resourcetype stream           everything passes, as with `batch`
  peer 64500 64512-65534        AS of the peer: numbers, ranges
  origin AS64500 1.10           AS that originated the route
  prefix 192.0.2.0/24           it, and those inside of it: `more`
  prefix exact 192.0.2.0/24     no other one
  prefix less 192.0.2.1/32      it, and those around it
  prefix any 192.0.2.0/24       it, those inside of and around it
  community 64500:* no-export   `*` for any half, or a name
  community lc:64500:1:*        a large community
  community ext:target:64500:1  an extended community
  extcommunity target:64500:1   the same
  aspath _64500_                a regular expression for the path;
                                `_`: an end, or what separates numbers
  aspath !^64500_               paths that don't match
  ipversion 6                   IPv6; `4`: IPv4
  elemtype ribs announcements   routes of tables, announcements; also
                                `withdrawals`, `peerstates`
  rib adj-in-post loc           tables that BMP reports; also
                                `adj-in-pre`, `adj-out-pre`,
                                `adj-out-post`

Files hold MRT, BMP (also with OpenBMP's headers) or RIS Live messages, one a line; which of them is found out.

Exit codes:
  0  done; damaged records are counted on standard error
  1  a file, list or filter is refused
  2  the command line itself is wrong
  3  a file could not be read to its end, or has bytes but no record;
     the output could not be written; the daemon has closed the connection"
)]
pub(in crate::cli) struct StreamArgs {
    /// Files, folders, patterns; `-` is standard input. gzip, bzip2, xz and zstd are recognized.
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// What passes this filter, in the language below. May be repeated.
    #[arg(short, long, value_name = "FILTER", allow_hyphen_values = true)]
    pub(super) filter: Vec<String>,
    /// Records of the last time: `3 h`. Units: s, m, h, d.
    #[arg(short = 'I', long, value_name = "SPAN", conflicts_with = "time_window")]
    pub(super) interval: Option<String>,
    /// Records of a time, ends included: seconds since 1970 or `Y-m-d H:M:S`, UTC.
    #[arg(short = 'w', long, value_name = "START[,END]")]
    pub(super) time_window: Option<String>,
    /// Of this project. May be repeated.
    #[arg(short, long)]
    pub(super) project: Vec<String>,
    /// Of this collector. May be repeated.
    #[arg(short, long)]
    pub(super) collector: Vec<String>,
    /// Of this router, which reports by BMP. May be repeated.
    #[arg(short = 'R', long)]
    pub(super) router: Vec<String>,
    /// Of this type: `ribs` or `updates`. May be repeated.
    #[arg(short = 't', long, value_name = "TYPE")]
    pub(super) record_type: Vec<String>,
    /// Accepted for bgpreader's sake: `stream` or `batch`.
    #[arg(short = 'T', long, value_name = "TYPE")]
    pub(super) resource_type: Vec<String>,
    /// Of peers of this AS, or of these: `64512-65534`. May be repeated.
    #[arg(short = 'j', long, value_name = "AS")]
    pub(super) peer_asn: Vec<String>,
    /// Not of peers of this AS, or of these. May be repeated.
    #[arg(short = 'J', long, value_name = "AS")]
    pub(super) not_peer_asn: Vec<String>,
    /// With this origin AS, or one of these: `64512-65534`. May be repeated.
    #[arg(short = 'a', long, value_name = "AS")]
    pub(super) origin_asn: Vec<String>,
    /// In this prefix. May be repeated.
    #[arg(short = 'k', long)]
    pub(super) prefix: Vec<String>,
    /// With this community: `64500:*`, `no-export`, `lc:64500:1:*`, `ext:target:64500:1`. May be repeated.
    #[arg(short = 'y', long)]
    pub(super) community: Vec<String>,
    /// With an AS path that matches; `!` in front: that doesn't. May be repeated: then all have to match.
    #[arg(short = 'A', long, value_name = "REGEX", allow_hyphen_values = true)]
    pub(super) aspath: Vec<String>,
    /// Read a table of a collector only this many seconds after the one before.
    #[arg(short = 'P', long, value_name = "SECONDS", default_value_t = 0)]
    pub(super) rib_period: u32,
    /// Read at most this many records.
    #[arg(short = 'n', long = "count", value_name = "RECORDS")]
    pub(super) records: Option<String>,
    /// Print each record at once, for input that keeps coming.
    #[arg(short, long)]
    pub(super) live: bool,
    /// Print elems, the default.
    #[arg(short = 'e', long, conflicts_with_all = ["bgpdump", "human", "json", "csv"])]
    pub(super) output_elems: bool,
    /// Print bgpdump's lines.
    #[arg(short = 'm', long = "output-bgpdump", conflicts_with_all = ["human", "json", "csv"])]
    pub(super) bgpdump: bool,
    /// Print bgpdump's lines with dates: its `-M`.
    #[arg(short = 'M', long, conflicts_with_all = ["json", "csv"])]
    pub(super) human: bool,
    /// Print bgpdump's paragraphs: its `-H`.
    #[arg(short = 'H', long, conflicts_with_all = ["output_elems", "bgpdump", "human", "json", "csv"])]
    pub(super) paragraphs: bool,
    /// Print one JSON object per elem.
    #[arg(long, conflicts_with = "csv")]
    pub(super) json: bool,
    /// Print comma-separated values: names, then a line per elem with a column for every key of --json, lists joined by spaces.
    #[arg(long)]
    pub(super) csv: bool,
    /// Print records.
    #[arg(short = 'r', long, conflicts_with_all = ["json", "csv"])]
    pub(super) output_records: bool,
    /// Explain the format first.
    #[arg(short = 'i', long)]
    pub(super) output_headers: bool,
    /// Print how many records and elems there are instead of them. The same as `--count` without a number.
    #[arg(long, conflicts_with = "stats")]
    pub(super) count_only: bool,
    /// Print what there is most of: peers, origins, prefixes.
    #[arg(long)]
    pub(super) stats: bool,
    /// Lines of each list of --stats.
    #[arg(long, value_name = "LINES", default_value_t = 10, requires = "stats")]
    pub(super) top: usize,
    /// bgpdump's lines: the time of routes in tables: `dump`, or `change`, when they were received.
    #[arg(long, value_name = "CLOCK", default_value = "dump", value_parser = ["dump", "change"])]
    pub(super) route_time: String,
    /// bgpdump's lines: the number of the record as the second column.
    #[arg(long)]
    pub(super) packet_index: bool,
    /// bgpdump's lines: large communities.
    #[arg(long)]
    pub(super) large_communities: bool,
    /// bgpdump's lines: unknown attributes.
    #[arg(long)]
    pub(super) unknown_attributes: bool,
    /// Include messages that the collector, or the daemon of --daemon, sent. bgpdump's lines always do.
    #[arg(long)]
    pub(super) sent: bool,
    /// Believe the subtype about path identifiers.
    #[arg(long)]
    pub(super) no_add_path_detection: bool,
    /// A list of files in bgpreader's columns: path, project, type, collector, time, span, timestamp. Rows whose
    /// timestamp is 0 or in the future are skipped. `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub(super) csv_file: Vec<PathBuf>,
    /// bgpreader's data interface: `singlefile`, `csvfile`, or `kafka` in builds that have it. What a file holds (MRT, BMP, RIS Live)
    /// is found out.
    #[arg(short = 'd', long, value_name = "NAME")]
    pub(super) data_interface: Option<String>,
    /// bgpreader's option of the data interface: `upd-file`, `rib-file`, `csv-file`; `?` lists all.
    #[arg(short = 'o', long, value_name = "NAME=VALUE")]
    pub(super) data_interface_option: Vec<String>,
    #[command(flatten)]
    pub(super) feeds: Feeds,
    /// Write to this file.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Show no progress on the terminal.
    #[arg(long)]
    pub(super) no_progress: bool,
    /// Say nothing about damage.
    #[arg(long)]
    pub(super) quiet: bool,
    /// Show the version.
    #[arg(short = 'v', long = "version", action = ArgAction::SetTrue)]
    pub(super) version: bool,
}

// Feeds that never end. As a doc comment this would be the description of the sub-command.
#[derive(Args, Debug)]
#[command(next_help_heading = "Live feeds")]
pub(super) struct Feeds {
    /// Listen for routers that send BMP: `192.0.2.1:11019`, or a port on all addresses. May be repeated.
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = Listen::parse)]
    pub(super) bmp: Vec<Listen>,
    /// Read the neighbors of a running daemon over its control socket: their tables, if `adj-rib-in` keeps them, then what happens;
    /// with --sent also what they are sent. Default: the daemon that `oxabgp cli` finds.
    #[arg(long, value_name = "SOCKET", num_args = 0..=1, require_equals = true)]
    pub(super) daemon: Option<Option<PathBuf>>,
    /// Have a BGP session with this neighbor: ADDRESS, or ADDRESS:PORT. May be repeated.
    #[arg(long, value_name = "ADDRESS", requires = "local_as", value_parser = neighbor)]
    pub(super) peer: Vec<SocketAddr>,
    /// Our AS number.
    #[arg(long, requires = "peer", value_name = "AS", value_parser = asn)]
    pub(super) local_as: Option<Asn>,
    /// The neighbor's AS number. Default: any.
    #[arg(long, requires = "peer", value_name = "AS", value_parser = asn)]
    pub(super) peer_as: Option<Asn>,
    /// Our address. Default: the kernel's choice.
    #[arg(long, requires = "peer", value_name = "ADDRESS")]
    pub(super) local_address: Option<IpAddr>,
    /// Our BGP identifier. Default: our IPv4 address.
    #[arg(long, requires = "peer", value_name = "ADDRESS")]
    pub(super) router_id: Option<Ipv4Addr>,
    /// A family of the sessions: "ipv4 unicast". May be repeated. Default: IPv4 and IPv6 unicast.
    #[arg(long, requires = "peer", value_name = "FAMILY", value_parser = family)]
    pub(super) family: Vec<Family>,
    /// Hold time of the sessions.
    #[arg(long, requires = "peer", value_name = "SECONDS", default_value_t = 90)]
    pub(super) hold_time: u16,
    /// Key of the TCP MD5 option of the sessions.
    #[arg(long, requires = "peer", value_name = "KEY")]
    pub(super) md5: Option<String>,
    /// Let the neighbors connect to this address instead of connecting to them.
    #[arg(long, requires = "peer", value_name = "ADDRESS:PORT", value_parser = socket)]
    pub(super) listen: Option<SocketAddr>,
    /// Subscribe to RIPE's RIS Live, or to another server. With --collector or --prefix only these are asked for.
    #[cfg(feature = "ris-live")]
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = crate::stream::source::RIS_LIVE)]
    pub(super) ris_live: Option<String>,
    /// Read topics of Kafka, as OpenBMP's collectors publish them: brokers, separated by commas. With a time window that has an end,
    /// reading ends there. Without TLS or authentication.
    #[cfg(feature = "kafka")]
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(super) kafka: Option<String>,
    /// The topics, separated by commas; `^` begins a regular expression. Default: those of OpenBMP's raw BMP.
    #[cfg(feature = "kafka")]
    #[arg(long, value_name = "TOPIC")]
    pub(super) kafka_topic: Option<String>,
    /// Begin at the offsets of this consumer group, and commit what was read. Its partitions are not shared out among processes.
    #[cfg(feature = "kafka")]
    #[arg(long, value_name = "NAME")]
    pub(super) kafka_group: Option<String>,
    /// Where to begin otherwise: `earliest`, `latest`, or when a message was stored. Default: `latest`, or the start of the time
    /// window.
    #[cfg(feature = "kafka")]
    #[arg(long, value_name = "OFFSET")]
    pub(super) kafka_offset: Option<String>,
}

impl Feeds {
    /// Whether there is any.
    pub(super) const fn is_live(&self) -> bool {
        #[cfg(feature = "kafka")]
        if self.kafka.is_some() {
            return true;
        }
        #[cfg(feature = "ris-live")]
        if self.ris_live.is_some() {
            return true;
        }
        !self.bmp.is_empty() || !self.peer.is_empty() || self.daemon.is_some()
    }
}

fn asn(text: &str) -> Result<Asn, String> {
    crate::text::value::asn(text)
        .map(Asn)
        .ok_or_else(|| "expected an AS number".to_owned())
}

/// The address of a neighbor, with its port or that of BGP.
pub(in crate::cli) fn neighbor(text: &str) -> Result<SocketAddr, String> {
    text.parse::<IpAddr>()
        .map(|address| SocketAddr::new(address, BGP_PORT))
        .or_else(|_| text.parse())
        .map_err(|_| "expected an address such as `192.0.2.1` or `192.0.2.1:179`".to_owned())
}

fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected ADDRESS:PORT such as `192.0.2.1:179`".to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Expression, RibView};

    #[test]
    fn help_has_an_example_of_each_term() {
        let command = StreamArgs::augment_args(clap::Command::new("stream"));
        let help = command.get_after_help().expect("help").to_string();
        let section = help.split("Terms of filters:\n").nth(1).expect("a section");
        let section = section.split("\n\n").next().expect("its lines");
        for line in section.lines() {
            // Manual pages have no room for more.
            assert!(line.len() <= 72, "{line}");
            let example = line.get(2..32).expect(line).trim();
            if example.is_empty() {
                continue;
            }
            if let Err(error) = example.parse::<Expression>() {
                panic!("{example}: {error}");
            }
        }
        let terms = crate::stream::expr::terms();
        let kinds = ["ribs", "announcements", "withdrawals", "peerstates"];
        let names = RibView::ALL.iter().map(|rib| rib.as_str()).chain(kinds);
        assert!(terms.clone().count() > 10);
        for word in terms.chain(names).chain(["exact", "more", "less", "any"]) {
            let found = section
                .split(|one: char| one.is_whitespace() || "`,;:".contains(one))
                .any(|known| known == word);
            assert!(found, "{word}");
        }
    }
}
