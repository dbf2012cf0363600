//! The options of `oxabgp healthcheck`: ExaBGP's, with its short forms, abbreviations and defaults.
//!
//! Differences between ExaBGP's parser and clap are bridged by `spelling`, and here: a later option replaces an earlier one, so
//! that the command line overrides `--config`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::error::ErrorKind;
use ipnet::IpNet;

use super::network;
#[cfg(test)]
use super::spelling::words;
use crate::bgp::Zoned;
use crate::cli::values::one_line;
use crate::health::dns::{self, Expected, Query};
use crate::health::{self, HttpCheck, Target, Tls, Url};

/// The value of `--neighbor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Neighbor {
    All,
    One(Zoned),
}

impl Neighbor {
    pub(super) fn address(self) -> Option<Zoned> {
        match self {
            Self::All => None,
            Self::One(address) => Some(address),
        }
    }
}

// Options of `healthcheck`.
#[derive(Args, Clone, Debug)]
#[command(args_override_self = true, after_help = EXAMPLES)]
pub(crate) struct HealthcheckArgs {
    /// Don't log on standard error.
    #[arg(short, long, help_heading = LOG)]
    pub(super) silent: bool,
    /// Log to this facility of syslog; also spelled -sF. Default: daemon.
    #[arg(long, value_name = "FACILITY", num_args = 0..=1, help_heading = LOG)]
    pub(super) syslog_facility: Option<Option<String>>,
    /// Don't log to syslog.
    #[arg(long, help_heading = LOG)]
    pub(super) no_syslog: bool,
    /// Log every step, and not to syslog.
    #[arg(short, long, help_heading = LOG)]
    pub(super) debug: bool,
    /// The name of this check in syslog: `healthcheck-NAME`.
    #[arg(short, long, help_heading = LOG)]
    pub(super) name: Option<String>,

    /// Read options from this file: long ones without dashes, `interval = 10`, one a line; or a check in each section, as
    /// in ExaBGP's wiki. The command line wins.
    #[arg(short = 'F', long, value_name = "FILE", help_heading = PROCESS)]
    pub(super) config: Option<PathBuf>,
    /// The section of the file.
    #[arg(skip)]
    pub(super) section: Option<String>,
    /// Write the process number to this file.
    #[arg(short, long, value_name = "FILE", help_heading = PROCESS)]
    pub(super) pid: Option<PathBuf>,
    /// Switch to this user once the addresses are set up.
    #[arg(long, help_heading = PROCESS)]
    pub(super) user: Option<String>,
    /// Switch to this group once the addresses are set up.
    #[arg(long, help_heading = PROCESS)]
    pub(super) group: Option<String>,
    /// Don't wait for answers: for a daemon with `api.ack=false`.
    #[arg(short = 'a', long, help_heading = PROCESS)]
    pub(super) no_ack: bool,

    /// The check: a shell command, which succeeds if it exits with code 0 in time.
    #[arg(short, long, visible_alias = "cmd", value_name = "CMD", help_heading = CHECK)]
    pub(super) command: Option<String>,
    /// The check: this resource answers, with a status of 2xx unless --http-status is given, and to the end of the body or of its
    /// first 64 KiB. Redirects are not followed.
    #[arg(long, value_name = "URL", conflicts_with_all = ["command", "tcp"], help_heading = CHECK)]
    pub(super) http: Option<Url>,
    /// The status that --http expects; may be repeated.
    #[arg(long, value_name = "CODE", requires = "http", value_parser = clap::value_parser!(u16).range(100..=599), help_heading = CHECK)]
    pub(super) http_status: Vec<u16>,
    /// A text that the body of --http must contain, in its first 64 KiB.
    #[arg(long, value_name = "TEXT", requires = "http", help_heading = CHECK)]
    pub(super) http_body: Option<String>,
    /// The method of --http.
    #[arg(long, value_name = "METHOD", default_value = "GET", requires = "http", value_parser = health::method, help_heading = CHECK)]
    pub(super) http_method: String,
    /// A field of the request of --http: `Host: www.example.net`; may be repeated.
    #[arg(long, value_name = "FIELD", requires = "http", value_parser = health::header, help_heading = CHECK)]
    pub(super) http_header: Vec<(String, String)>,
    /// Do not verify the certificate of a server of https.
    #[arg(long, requires = "http", help_heading = CHECK)]
    pub(super) no_verify: bool,
    /// Certificates of authorities in PEM form, instead of those of the system.
    #[arg(long, value_name = "FILE", requires = "http", help_heading = CHECK)]
    pub(super) ca: Option<PathBuf>,
    /// The check: this TCP port accepts a connection.
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "command", help_heading = CHECK)]
    pub(super) tcp: Option<SocketAddr>,
    /// The check: this DNS server, at port 53 unless one is given, has a record for --dns-query.
    #[arg(long, value_name = "SERVER", value_parser = dns::server, requires = "dns_query", conflicts_with_all = ["command", "http", "tcp"], help_heading = CHECK)]
    pub(super) dns: Option<SocketAddr>,
    /// The name that --dns is asked for.
    #[arg(long, value_name = "NAME", value_parser = dns::name, requires = "dns", help_heading = CHECK)]
    pub(super) dns_query: Option<dns::Name>,
    /// The type of the record: A, AAAA, NS, SOA, MX, TXT, PTR, CNAME, SRV, or `TYPE` and a number.
    #[arg(long, value_name = "TYPE", default_value = "A", value_parser = dns::kind, requires = "dns", help_heading = CHECK)]
    pub(super) dns_type: dns::Type,
    /// Seconds between checks; 0: exit after the first announcement.
    #[arg(short, long, value_name = "N", default_value = "5", value_parser = seconds, help_heading = CHECK)]
    pub(super) interval: Duration,
    /// Seconds between checks while a change of state is pending.
    #[arg(short, long, value_name = "N", default_value = "1", value_parser = seconds, help_heading = CHECK)]
    pub(super) fast_interval: Duration,
    /// Time limit of a check in seconds, after which it is killed with all processes that it started, and counts as
    /// failed. 0: no limit.
    #[arg(short, long, value_name = "N", default_value = "5", value_parser = seconds, help_heading = CHECK)]
    pub(super) timeout: Duration,
    /// Successful checks in a row before the service counts as up.
    #[arg(long, value_name = "N", default_value = "3", value_parser = integer, allow_negative_numbers = true, help_heading = CHECK)]
    pub(super) rise: i64,
    /// Failed checks in a row before the service counts as down.
    #[arg(long, value_name = "N", default_value = "3", value_parser = integer, allow_negative_numbers = true, help_heading = CHECK)]
    pub(super) fall: i64,
    /// Seconds that a service which went down stays down at least, however good its checks are.
    #[arg(long, value_name = "N", default_value = "0", value_parser = seconds, help_heading = CHECK)]
    pub(super) flap_hold: Duration,
    /// Lengthen each pause between checks by up to so many seconds at random, so that many instances do not check at once.
    #[arg(long, value_name = "N", default_value = "0", value_parser = seconds, help_heading = CHECK)]
    pub(super) jitter: Duration,
    /// Seconds between the withdrawal of the routes, when the service goes down or the health check exits, and what follows:
    /// the commands of --execute and --down-execute, and the removal of addresses. A helper that is terminated waits for
    /// one second at most, because the daemon kills it after two.
    #[arg(long, value_name = "N", default_value = "0", value_parser = seconds, help_heading = CHECK)]
    pub(super) drain: Duration,
    /// While this file exists, the service is disabled and not checked.
    #[arg(long, value_name = "FILE", help_heading = CHECK)]
    pub(super) disable: Option<PathBuf>,

    /// Announce this address or network; may be repeated. Default: the addresses of the loopback interface.
    #[arg(long = "ip", value_name = "IP[/LENGTH]", value_parser = network::parse, help_heading = ROUTE)]
    pub(super) ips: Vec<IpNet>,
    /// Announce each address of the networks of --ip separately.
    #[arg(long, help_heading = ROUTE)]
    pub(super) deaggregate_networks: bool,
    /// The next hop. Default: self.
    #[arg(short = 'N', long, value_name = "IP", help_heading = ROUTE)]
    pub(super) next_hop: Option<IpAddr>,
    /// Announce to this neighbor only (`*`: to all); may be repeated.
    #[arg(long = "neighbor", value_name = "IP", value_parser = neighbor, help_heading = ROUTE)]
    pub(super) neighbors: Vec<Neighbor>,
    /// The local preference; below 0: none.
    #[arg(long, value_name = "P", default_value = "-1", value_parser = integer, allow_negative_numbers = true, help_heading = ROUTE)]
    pub(super) local_preference: i64,
    /// The metric (MED) of the first route when the service is up.
    #[arg(long, value_name = "M", default_value = "100", value_parser = integer, allow_negative_numbers = true, help_heading = ROUTE)]
    pub(super) up_metric: i64,
    /// The metric of the first route when it is down.
    #[arg(long, value_name = "M", default_value = "1000", value_parser = integer, allow_negative_numbers = true, help_heading = ROUTE)]
    pub(super) down_metric: i64,
    /// The metric of the first route when it is disabled.
    #[arg(long, value_name = "M", default_value = "500", value_parser = integer, allow_negative_numbers = true, help_heading = ROUTE)]
    pub(super) disabled_metric: i64,
    /// Increase of the metric from each route to the next.
    #[arg(long, value_name = "M", default_value = "1", value_parser = integer, allow_negative_numbers = true, help_heading = ROUTE)]
    pub(super) increase: i64,
    /// Start with another route of the list, so that it gets the lowest metric here.
    #[arg(long, value_name = "N", default_value = "0", value_parser = integer, allow_negative_numbers = true, help_heading = ROUTE)]
    pub(super) start_ip: i64,
    /// Withdraw the routes when the service is down or disabled, instead of raising their metric.
    #[arg(long, help_heading = ROUTE)]
    pub(super) withdraw_on_down: bool,
    /// Communities, as in a route: "65000:1 no-export".
    #[arg(long, value_parser = one_line, help_heading = ROUTE)]
    pub(super) community: Option<String>,
    /// Extended communities.
    #[arg(long, value_name = "COMMUNITY", value_parser = one_line, help_heading = ROUTE)]
    pub(super) extended_community: Option<String>,
    /// Large communities.
    #[arg(long, value_name = "COMMUNITY", value_parser = one_line, help_heading = ROUTE)]
    pub(super) large_community: Option<String>,
    /// Communities instead of those of --community when the service is down or disabled.
    #[arg(long, value_name = "COMMUNITY", value_parser = one_line, help_heading = ROUTE)]
    pub(super) disabled_community: Option<String>,
    /// The AS path.
    #[arg(long, value_name = "PATH", value_parser = one_line, help_heading = ROUTE)]
    pub(super) as_path: Option<String>,
    /// The AS path when the service is up.
    #[arg(long, value_name = "PATH", value_parser = one_line, help_heading = ROUTE)]
    pub(super) up_as_path: Option<String>,
    /// The AS path when it is down.
    #[arg(long, value_name = "PATH", value_parser = one_line, help_heading = ROUTE)]
    pub(super) down_as_path: Option<String>,
    /// The AS path when it is disabled.
    #[arg(long, value_name = "PATH", value_parser = one_line, help_heading = ROUTE)]
    pub(super) disabled_as_path: Option<String>,
    /// The path identifier (ADD-PATH).
    #[arg(long, value_name = "ID", value_parser = integer, allow_negative_numbers = true, help_heading = ROUTE)]
    pub(super) path_id: Option<i64>,
    /// Announce only when the state changes, not after every check.
    #[arg(long, help_heading = ROUTE)]
    pub(super) debounce: bool,

    /// Do not change the addresses of the machine. By default, missing addresses of --ip are added, and removed on
    /// exit.
    #[arg(long, help_heading = ADDRESS)]
    pub(super) no_ip_setup: bool,
    /// Remove the addresses when the service is down or disabled, and add them again when it is up.
    #[arg(long, help_heading = ADDRESS)]
    pub(super) dynamic_ip_setup: bool,
    /// The interface for an address of --ip instead of lo: `192.0.2.1%eth0`; may be repeated.
    #[arg(long = "ip-ifname", value_name = "IP%IFNAME", help_heading = ADDRESS)]
    pub(super) ip_ifnames: Vec<String>,
    /// Use only addresses whose label (`lo:LABEL`) starts with this; addresses that are added get it.
    #[arg(long, help_heading = ADDRESS)]
    pub(super) label: Option<String>,
    /// Use only addresses with exactly that label.
    #[arg(long, help_heading = ADDRESS)]
    pub(super) label_exact_match: bool,
    /// Run `ip` with sudo.
    #[arg(long, help_heading = ADDRESS)]
    pub(super) sudo: bool,

    /// Run this command on every change of state, with the variable STATE. All of these options may be repeated.
    #[arg(long, value_name = "CMD", help_heading = HOOK)]
    pub(super) execute: Vec<String>,
    /// Run this command when the service becomes UP.
    #[arg(long, value_name = "CMD", help_heading = HOOK)]
    pub(super) up_execute: Vec<String>,
    /// Run this command when it becomes DOWN.
    #[arg(long, value_name = "CMD", help_heading = HOOK)]
    pub(super) down_execute: Vec<String>,
    /// Run this command when it becomes DISABLED.
    #[arg(long, value_name = "CMD", help_heading = HOOK)]
    pub(super) disabled_execute: Vec<String>,
}

const LOG: &str = "Logging";
const PROCESS: &str = "The process";
const CHECK: &str = "Check";
const ROUTE: &str = "Announcement";
const ADDRESS: &str = "Addresses of this machine";
const HOOK: &str = "Hooks";

const EXAMPLES: &str = "\
Examples:
  In a configuration, an address that is announced for as long as a DNS server answers:

    process dns {
        run oxabgp healthcheck --ip 198.51.100.53 --dns 198.51.100.53 --dns-query example.net;
        encoder text;
    }
    neighbor 192.0.2.1 { … api { processes [ dns ]; } }

  The same with more options in a file, for `oxabgp healthcheck --config /etc/oxabgp/dns.health`:

    # checked every 10 seconds, every second while it changes
    dns = 198.51.100.53
    dns-query = example.net
    interval = 10
    ip = 198.51.100.53
    ip = 2001:db8::53
    withdraw-on-down
    up-execute = logger dns is up

  By hand, to see what would be sent; a terminal gives no answers, and none is waited for:

    oxabgp healthcheck --cmd true --rise 1 --interval 0 --no-ip-setup --ip 198.51.100.53

While the service is up the routes have --up-metric; while it is down they have --down-metric, or
are withdrawn; while the file of --disable exists they have --disabled-metric. SIGTERM withdraws
them and removes the addresses that were set up.";

/// Parses a number of seconds, which may have a fraction.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.trim().parse().map_err(|_| "it is not a number")?;
    Duration::try_from_secs_f64(number).map_err(|_| "it is out of range".to_owned())
}

fn integer(text: &str) -> Result<i64, String> {
    text.trim()
        .parse()
        .map_err(|_| "it is not an integer".to_owned())
}

fn neighbor(text: &str) -> Result<Neighbor, String> {
    match text.trim() {
        "*" => Ok(Neighbor::All),
        _ => text
            .parse()
            .map(Neighbor::One)
            .map_err(|_| "it must be an IP address or `*`".to_owned()),
    }
}

impl HealthcheckArgs {
    /// What is checked, if anything is.
    pub(super) fn target(&self) -> Option<Target> {
        if let Some(command) = &self.command {
            return Some(Target::Command(command.clone()));
        }
        if let Some(url) = &self.http {
            return Some(Target::Http(HttpCheck {
                method: self.http_method.clone(),
                status: self.http_status.clone(),
                body: self.http_body.clone(),
                headers: self.http_header.clone(),
                tls: Tls {
                    unverified: self.no_verify,
                    ca: self.ca.clone(),
                },
                ..HttpCheck::new(url.clone())
            }));
        }
        if let Some(address) = self.tcp {
            return Some(Target::Tcp(address.into()));
        }
        let (server, name) = self.dns.zip(self.dns_query.clone())?;
        Some(Target::Dns(Query {
            server,
            name,
            kind: self.dns_type,
            expects: Expected::Record,
        }))
    }

    /// The syslog facility that is requested, if any.
    pub(super) fn facility(&self) -> Option<&str> {
        let named = self.syslog_facility.as_ref().and_then(Option::as_deref);
        (!self.no_syslog && !self.debug).then(|| named.unwrap_or("daemon"))
    }

    /// Checks combinations of options.
    ///
    /// # Errors
    /// Returns a usage error if options exclude each other.
    pub(super) fn check(&self) -> Result<(), clap::Error> {
        let given = [
            (self.silent, "--silent"),
            // ExaBGP also allows it without a value.
            (
                matches!(self.syslog_facility, Some(Some(_))),
                "--syslog-facility",
            ),
            (self.no_syslog, "--no-syslog"),
        ];
        let given: Vec<&str> = given
            .into_iter()
            .filter_map(|(set, name)| set.then_some(name))
            .collect();
        match given[..] {
            [one, other, ..] => Err(clap::Error::raw(
                ErrorKind::ArgumentConflict,
                format!("the argument '{one}' cannot be used with '{other}'\n"),
            )),
            _ => Ok(()),
        }
    }

    /// The interfaces of `--ip-ifname`, each with its network.
    ///
    /// # Errors
    /// Returns an error if one does not have the form `IP%IFNAME`, or its network does not occur in `--ip`.
    pub(super) fn interfaces(&self) -> Result<Vec<(IpNet, String)>, String> {
        let pair = |text: &String| {
            let (ip, name) = text
                .split_once('%')
                .filter(|(_, name)| !name.contains('%'))
                .ok_or_else(|| format!("`--ip-ifname` takes `IP%IFNAME`, not `{text}`"))?;
            let network = network::parse(ip)
                .map_err(|cause| format!("`{ip}` in `--ip-ifname {text}`: {cause}"))?;
            if !self.ips.contains(&network) {
                return Err(format!(
                    "`--ip-ifname {text}` needs `--ip {ip}`\nhelp: interfaces can only be given for announced addresses"
                ));
            }
            let fits = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
            if !(1..=15).contains(&name.len()) || !name.chars().all(fits) {
                return Err(format!("`{name}` is not a valid interface name"));
            }
            Ok((network, name.to_owned()))
        };
        self.ip_ifnames.iter().map(pair).collect()
    }
}

/// Parses options from a line of words.
#[cfg(test)]
pub(super) fn parsed(line: &str) -> HealthcheckArgs {
    #[derive(Debug, clap::Parser)]
    #[command(infer_long_args = true)]
    struct Alone {
        #[command(flatten)]
        options: HealthcheckArgs,
    }
    let given = std::iter::once("healthcheck").chain(line.split_ascii_whitespace());
    <Alone as clap::Parser>::parse_from(words(given.map(std::ffi::OsString::from))).options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_exabgps() {
        let options = parsed("");
        assert_eq!(options.interval, Duration::from_secs(5));
        assert_eq!(options.fast_interval, Duration::from_secs(1));
        assert_eq!(options.timeout, Duration::from_secs(5));
        assert_eq!((options.rise, options.fall), (3, 3));
        assert_eq!(
            (
                options.up_metric,
                options.down_metric,
                options.disabled_metric
            ),
            (100, 1000, 500)
        );
        assert_eq!(
            (
                options.increase,
                options.start_ip,
                options.local_preference,
                options.path_id
            ),
            (1, 0, -1, None)
        );
        assert_eq!(options.facility(), Some("daemon"));
    }

    #[test]
    fn options_have_their_short_forms_and_later_ones_win() {
        let options = parsed(
            "-s -d -a -n web -F /f -p /p -i 10 -f 0.5 -t 2 -c true -N 192.0.2.1 -i2.5 --cmd false --rise 2 --ris=4",
        );
        assert!(options.silent && options.debug && options.no_ack);
        assert_eq!(options.command.as_deref(), Some("false"));
        assert_eq!(options.interval, Duration::from_millis(2500));
        assert_eq!((options.rise, options.facility()), (4, None));
        let options =
            parsed("-sF local3 --up-metric -5 --neighbor * --ip 192.0.2.1 --ip 192.0.2.2");
        assert_eq!(
            (options.facility(), options.up_metric),
            (Some("local3"), -5)
        );
        assert_eq!((options.neighbors.len(), options.ips.len()), (1, 2));
    }

    #[test]
    fn abbreviations_of_exabgp_are_unique_as_there() {
        let options = parsed("--t 7 --int=2 --tc 127.0.0.1:80 --dr 4");
        assert_eq!(options.timeout, Duration::from_secs(7));
        assert_eq!(options.interval, Duration::from_secs(2));
        assert!(options.tcp.is_some());
        assert_eq!(options.drain, Duration::from_secs(4));
    }

    #[test]
    fn interfaces_belong_to_addresses() {
        let options = parsed("--ip 192.0.2.1 --ip-ifname 192.0.2.1%eth0:x");
        let interfaces = options.interfaces().expect("a good pair");
        assert_eq!(interfaces[0].1, "eth0:x");
        for pair in [
            "192.0.2.1",
            "192.0.2.2%eth0",
            "192.0.2.1%",
            "192.0.2.1%a%b",
            "192.0.2.1%an-interface-name",
            "192.0.2.1%a/b",
            "nowhere%eth0",
        ] {
            let options = parsed(&format!("--ip 192.0.2.1 --ip-ifname {pair}"));
            assert!(options.interfaces().is_err(), "{pair}");
        }
    }

    #[test]
    fn what_becomes_part_of_a_command_has_one_line() {
        for (text, good) in [
            ("65000:1 no-export", true),
            ("a\tb", true),
            ("", true),
            ("1:1\nwithdraw route 0.0.0.0/0", false),
            ("a\u{7f}", false),
            ("a\u{85}b", false),
            ("a\u{2028}b", false),
        ] {
            assert_eq!(one_line(text).is_ok(), good, "{text:?}");
        }
    }
}
