//! The options of `oxabgp healthcheck`: ExaBGP's, with its short forms, abbreviations and defaults.
//!
//! Where ExaBGP's parser differs from clap it is helped: `-sF` is an option of its own, a value may begin with a dash if
//! there is a blank in it, and a later option replaces an earlier one, so that the command line wins over `--config`.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::error::ErrorKind;
use ipnet::IpNet;

use super::network;

/// What `--neighbor` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Neighbor {
    All,
    One(IpAddr),
}

impl Neighbor {
    pub(super) fn address(self) -> Option<IpAddr> {
        match self {
            Self::All => None,
            Self::One(address) => Some(address),
        }
    }
}

/// Options of `healthcheck`.
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

    /// Read options from this file: long ones without dashes, `interval = 10`, one a line. The command line wins.
    #[arg(short = 'F', long, value_name = "FILE", help_heading = PROCESS)]
    pub(super) config: Option<PathBuf>,
    /// Write the process number to this file.
    #[arg(short, long, value_name = "FILE", help_heading = PROCESS)]
    pub(super) pid: Option<PathBuf>,
    /// Become this user once the addresses are set up.
    #[arg(long, help_heading = PROCESS)]
    pub(super) user: Option<String>,
    /// Become this group once the addresses are set up.
    #[arg(long, help_heading = PROCESS)]
    pub(super) group: Option<String>,
    /// Don't wait for answers: for a daemon with `api.ack=false`.
    #[arg(short = 'a', long, help_heading = PROCESS)]
    pub(super) no_ack: bool,

    /// The check: a command for the shell. It is good if it ends with exit code 0 in time.
    #[arg(short, long, visible_alias = "cmd", value_name = "CMD", help_heading = CHECK)]
    pub(super) command: Option<String>,
    /// Seconds between checks; 0: end after the first announcement.
    #[arg(short, long, value_name = "N", default_value = "5", value_parser = seconds, help_heading = CHECK)]
    pub(super) interval: Duration,
    /// Seconds between checks while a change is about to be confirmed.
    #[arg(short, long, value_name = "N", default_value = "1", value_parser = seconds, help_heading = CHECK)]
    pub(super) fast_interval: Duration,
    /// Seconds that a check may take; then it and all that it started is killed, and it counts as bad. 0: no limit.
    #[arg(short, long, value_name = "N", default_value = "5", value_parser = seconds, help_heading = CHECK)]
    pub(super) timeout: Duration,
    /// Good checks in a row before the service counts as up.
    #[arg(long, value_name = "N", default_value = "3", value_parser = integer, allow_negative_numbers = true, help_heading = CHECK)]
    pub(super) rise: i64,
    /// Bad checks in a row before the service counts as down.
    #[arg(long, value_name = "N", default_value = "3", value_parser = integer, allow_negative_numbers = true, help_heading = CHECK)]
    pub(super) fall: i64,
    /// While this file exists the service is disabled, and not checked.
    #[arg(long, value_name = "FILE", help_heading = CHECK)]
    pub(super) disable: Option<PathBuf>,

    /// Announce this address or network; may stand several times. Without: the addresses of the loopback interface.
    #[arg(long = "ip", value_name = "IP[/LENGTH]", value_parser = network::parse, help_heading = ROUTE)]
    pub(super) ips: Vec<IpNet>,
    /// Announce each address of the networks of --ip by itself.
    #[arg(long, help_heading = ROUTE)]
    pub(super) deaggregate_networks: bool,
    /// The next hop. Without: self.
    #[arg(short = 'N', long, value_name = "IP", help_heading = ROUTE)]
    pub(super) next_hop: Option<IpAddr>,
    /// Announce to this neighbor only (`*`: to all); may stand several times.
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
    /// How much higher the metric of each further route is.
    #[arg(long, value_name = "M", default_value = "1", value_parser = integer, allow_negative_numbers = true, help_heading = ROUTE)]
    pub(super) increase: i64,
    /// Begin with another route of the list, so that it gets the lowest metric here.
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

    /// Leave the addresses of the machine alone. Without, those of --ip that are missing are added, and removed at the end.
    #[arg(long, help_heading = ADDRESS)]
    pub(super) no_ip_setup: bool,
    /// Remove the addresses when the service is down or disabled, and add them again when it is up.
    #[arg(long, help_heading = ADDRESS)]
    pub(super) dynamic_ip_setup: bool,
    /// The interface of an address of --ip, instead of lo: `192.0.2.1%eth0`; may stand several times.
    #[arg(long = "ip-ifname", value_name = "IP%IFNAME", help_heading = ADDRESS)]
    pub(super) ip_ifnames: Vec<String>,
    /// Only addresses whose label (`lo:LABEL`) begins with this; those that are added get it.
    #[arg(long, help_heading = ADDRESS)]
    pub(super) label: Option<String>,
    /// Only addresses whose label is exactly that.
    #[arg(long, help_heading = ADDRESS)]
    pub(super) label_exact_match: bool,
    /// Call `ip` by way of sudo.
    #[arg(long, help_heading = ADDRESS)]
    pub(super) sudo: bool,

    /// Run this command at every change of state, with the variable STATE; all of these may stand several times.
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

const LOG: &str = "What to log";
const PROCESS: &str = "The process";
const CHECK: &str = "What is checked";
const ROUTE: &str = "What is announced";
const ADDRESS: &str = "Addresses of this machine";
const HOOK: &str = "What is run at changes";

const EXAMPLES: &str = "\
Examples:
  In a configuration, an address that is announced for as long as a DNS server answers:

    process dns {
        run oxabgp healthcheck --ip 198.51.100.53 --cmd \"dig @198.51.100.53 example.net +tries=1\";
        encoder text;
    }
    neighbor 192.0.2.1 { … api { processes [ dns ]; } }

  The same with more options in a file, for `oxabgp healthcheck --config /etc/oxabgp/dns.health`:

    # checked every 10 seconds, every second while it changes
    command = dig @198.51.100.53 example.net +tries=1
    interval = 10
    ip = 198.51.100.53
    ip = 2001:db8::53
    withdraw-on-down
    up-execute = logger dns is up

  By hand, to see what would be said; a terminal gives no answers, and none is waited for:

    oxabgp healthcheck --cmd true --rise 1 --interval 0 --no-ip-setup --ip 198.51.100.53

While the service is up the routes have --up-metric; while it is down they have --down-metric, or
are withdrawn; while the file of --disable exists they have --disabled-metric. SIGTERM withdraws
them and removes the addresses that were set up.";

/// Reads a number of seconds, with a fraction if need be.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.trim().parse().map_err(|_| "it is no number")?;
    Duration::try_from_secs_f64(number).map_err(|_| "no such time can pass".to_owned())
}

fn integer(text: &str) -> Result<i64, String> {
    text.trim()
        .parse()
        .map_err(|_| "it is no whole number".to_owned())
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

/// A text that becomes part of a command, and must not become two.
fn one_line(text: &str) -> Result<String, String> {
    let breaks = |c: &char| (c.is_control() && *c != '\t') || matches!(c, '\u{2028}' | '\u{2029}');
    match text.chars().find(breaks) {
        Some(c) => Err(format!("it contains the control character {c:?}")),
        None => Ok(text.to_owned()),
    }
}

impl HealthcheckArgs {
    /// The facility of syslog that is asked for, if any.
    pub(super) fn facility(&self) -> Option<&str> {
        let named = self.syslog_facility.as_ref().and_then(Option::as_deref);
        (!self.no_syslog && !self.debug).then(|| named.unwrap_or("daemon"))
    }

    /// What no single option can tell.
    ///
    /// # Errors
    /// When options exclude each other: a usage error.
    pub(super) fn check(&self) -> Result<(), clap::Error> {
        let given = [
            (self.silent, "--silent"),
            // ExaBGP, too, lets it pass without a value.
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
    /// When one has not the form `IP%IFNAME`, or names a network that no `--ip` has.
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
                    "there is no `--ip {ip}` for `--ip-ifname {text}`\nhelp: an interface belongs to an address that is announced"
                ));
            }
            let fits = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
            if !(1..=15).contains(&name.len()) || !name.chars().all(fits) {
                return Err(format!("`{name}` is no name of an interface"));
            }
            Ok((network, name.to_owned()))
        };
        self.ip_ifnames.iter().map(pair).collect()
    }
}

/// The words of the command line as clap understands them.
pub(super) fn words(given: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    for word in given {
        let text = word.to_str().unwrap_or_default();
        let option = words.last().and_then(|word: &OsString| word.to_str());
        let has_blank = text.starts_with('-')
            && text
                .split('=')
                .next()
                .is_some_and(|name| name.contains(' '));
        // What the value is glued to its option with.
        let glue = option
            .filter(|_| has_blank)
            .and_then(|option| match option {
                "-s" | "-d" | "-a" | "-h" => None,
                long if long.starts_with("--") && !long.contains('=') => Some("="),
                short if short.len() == 2 && short.starts_with('-') => Some(""),
                _ => None,
            });
        if let Some(facility) = text.strip_prefix("-sF") {
            let long = OsStr::new("--syslog-facility");
            words.push(match facility.strip_prefix('=').unwrap_or(facility) {
                "" => long.to_owned(),
                facility => [long, OsStr::new(&format!("={facility}"))]
                    .into_iter()
                    .collect(),
            });
        } else if let Some((glue, last)) = glue.zip(words.last_mut()) {
            last.push(glue);
            last.push(&word);
        } else {
            words.push(word);
        }
    }
    words
}

/// Options from a line of words.
#[cfg(test)]
pub(super) fn parsed(line: &str) -> HealthcheckArgs {
    #[derive(Debug, clap::Parser)]
    #[command(infer_long_args = true)]
    struct Alone {
        #[command(flatten)]
        options: HealthcheckArgs,
    }
    let given = std::iter::once("healthcheck").chain(line.split_ascii_whitespace());
    <Alone as clap::Parser>::parse_from(words(given.map(OsString::from))).options
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
    fn a_value_may_begin_with_a_dash_if_there_is_a_blank_in_it() {
        let given = [
            "--command",
            "-x y",
            "-c",
            "-x y",
            "-sF",
            "-sFuser",
            "-sF=user",
            "--execute",
            "-z",
        ];
        let words: Vec<String> = words(given.map(OsString::from))
            .into_iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        assert_eq!(
            words,
            [
                "--command=-x y",
                "-c-x y",
                "--syslog-facility",
                "--syslog-facility=user",
                "--syslog-facility=user",
                "--execute",
                "-z"
            ]
        );
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
