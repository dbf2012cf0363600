//! The commands for the daemon, identical to those of ExaBGP's health check.
//!
//! `neighbor * announce route 192.0.2.1/32 next-hop self med 100 local-preference 200 community [ 65000:1 ] …`

use std::fmt::Write as _;

use super::network;
use super::options::HealthcheckArgs;
use crate::bgp::Zoned;
use crate::health::State;
use ipnet::IpNet;

/// The reason for the commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    Up,
    Down,
    Disabled,
    /// The health check exits: everything is withdrawn.
    Exit,
}

impl Occasion {
    /// The occasion for a state, if the daemon is informed of it.
    pub(super) fn of(state: State) -> Option<Self> {
        match state {
            State::Up => Some(Self::Up),
            State::Down => Some(Self::Down),
            State::Disabled => Some(Self::Disabled),
            State::Init | State::Rising | State::Falling => None,
        }
    }

    fn withdraws(self, options: &HealthcheckArgs) -> bool {
        match self {
            Self::Up => false,
            Self::Down | Self::Disabled => options.withdraw_on_down,
            Self::Exit => true,
        }
    }

    fn metric(self, options: &HealthcheckArgs) -> i64 {
        match self {
            Self::Up => options.up_metric,
            Self::Down => options.down_metric,
            Self::Disabled => options.disabled_metric,
            Self::Exit => 0,
        }
    }

    /// The path for the state, which may be intentionally empty; otherwise that for all states.
    fn as_path(self, options: &HealthcheckArgs) -> Option<&str> {
        let own = match self {
            Self::Up => &options.up_as_path,
            Self::Down => &options.down_as_path,
            Self::Disabled => &options.disabled_as_path,
            Self::Exit => &None,
        };
        text(own.as_ref().or(options.as_path.as_ref()))
    }

    fn community(self, options: &HealthcheckArgs) -> Option<&str> {
        let disabled = match self {
            Self::Down | Self::Disabled => text(options.disabled_community.as_ref()),
            Self::Up | Self::Exit => None,
        };
        disabled.or_else(|| text(options.community.as_ref()))
    }
}

/// Ignores an empty text.
fn text(given: Option<&String>) -> Option<&str> {
    given.map(String::as_str).filter(|text| !text.is_empty())
}

/// One command for each route, in order. The metric increases by `--increase` from each route to the next.
pub(super) fn commands(
    occasion: Occasion,
    options: &HealthcheckArgs,
    routes: &[IpNet],
) -> Vec<String> {
    let selector = selector(options);
    let next_hop = options
        .next_hop
        .map_or_else(|| "self".to_owned(), network::address);
    let path_id = options.path_id.filter(|id| *id != 0);
    let mut metric = i128::from(occasion.metric(options));
    let mut commands = Vec::with_capacity(routes.len());
    for route in routes {
        let withdraws = occasion.withdraws(options);
        let action = if withdraws { "withdraw" } else { "announce" };
        let route = network::shown(route);
        let mut command = format!("{selector} {action} route {route} next-hop {next_hop}");
        if !withdraws {
            attributes(&mut command, occasion, options, metric);
        }
        if let Some(id) = path_id {
            // Writing to a String cannot fail.
            let _ = write!(command, " path-information {id}");
        }
        metric += i128::from(options.increase);
        commands.push(command);
    }
    commands
}

/// The neighbor selector: all neighbors if one of the words is `*`.
fn selector(options: &HealthcheckArgs) -> String {
    let addresses: Option<Vec<_>> = options.neighbors.iter().map(|one| one.address()).collect();
    match addresses {
        Some(addresses) if !addresses.is_empty() => {
            let each = addresses
                .into_iter()
                .map(|Zoned(address, zone)| match zone {
                    Some(_) => format!("neighbor {}", Zoned(address, zone)),
                    None => format!("neighbor {}", network::address(address)),
                });
            each.collect::<Vec<_>>().join(", ")
        }
        _ => "neighbor *".to_owned(),
    }
}

fn attributes(command: &mut String, occasion: Occasion, options: &HealthcheckArgs, metric: i128) {
    // Writing to a String cannot fail.
    let _ = write!(command, " med {metric}");
    if options.local_preference >= 0 {
        let _ = write!(command, " local-preference {}", options.local_preference);
    }
    for (keyword, value) in [
        ("community", occasion.community(options)),
        (
            "extended-community",
            text(options.extended_community.as_ref()),
        ),
        ("large-community", text(options.large_community.as_ref())),
        ("as-path", occasion.as_path(options)),
    ] {
        if let Some(value) = value {
            let _ = write!(command, " {keyword} [ {value} ]");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    fn lines(occasion: Occasion, words: &str) -> Vec<String> {
        let options = parsed(words);
        commands(occasion, &options, &options.ips)
    }

    #[test]
    fn each_state_has_its_metric_and_each_route_its_step() {
        let words = "--ip 192.0.2.1 --ip 2001:db8::/64 --up-metric 7 --increase 10";
        assert_eq!(
            lines(Occasion::Up, words),
            [
                "neighbor * announce route 192.0.2.1/32 next-hop self med 7",
                "neighbor * announce route 2001:db8::/64 next-hop self med 17",
            ]
        );
        for (occasion, wanted) in [
            (
                Occasion::Down,
                "neighbor * announce route 192.0.2.1/32 next-hop self med 1000",
            ),
            (
                Occasion::Disabled,
                "neighbor * announce route 192.0.2.1/32 next-hop self med 500",
            ),
            (
                Occasion::Exit,
                "neighbor * withdraw route 192.0.2.1/32 next-hop self",
            ),
        ] {
            assert_eq!(lines(occasion, words)[0], wanted);
        }
        let most = format!("--ip 192.0.2.0/32 --ip 192.0.2.1 --up-metric {}", i64::MAX);
        assert!(lines(Occasion::Up, &most)[1].ends_with(" med 9223372036854775808"));
    }

    #[test]
    fn attributes_stand_in_exabgps_order() {
        let words = "--ip 192.0.2.1 --path-id 5 --as-path 65001 --large-community 1:2:3 --extended-community target:1:2 \
                     --community 65000:1 --local-preference 0 --next-hop 2001:db8::1 --neighbor 192.0.2.9 --neighbor 2001:db8::9";
        assert_eq!(
            lines(Occasion::Up, words),
            [
                "neighbor 192.0.2.9, neighbor 2001:db8::9 announce route 192.0.2.1/32 next-hop 2001:db8::1 med 100 \
              local-preference 0 community [ 65000:1 ] extended-community [ target:1:2 ] large-community [ 1:2:3 ] \
              as-path [ 65001 ] path-information 5"
            ]
        );
        assert_eq!(
            lines(
                Occasion::Down,
                &format!("{words} --withdraw-on-down --neighbor *")
            ),
            ["neighbor * withdraw route 192.0.2.1/32 next-hop 2001:db8::1 path-information 5"]
        );
    }

    #[test]
    fn a_neighbor_may_have_a_zone() {
        let words = "--ip 192.0.2.1 --neighbor fe80::1%eth0 --neighbor ::ffff:1.2.3.4";
        let line = lines(Occasion::Up, words).remove(0);
        let wanted = "neighbor fe80::1%eth0, neighbor ::ffff:102:304 announce ";
        assert!(line.starts_with(wanted), "{line}");
    }

    #[test]
    fn states_have_their_own_community_and_path() {
        let words = "--ip 192.0.2.1 --community 1:1 --disabled-community 2:2 --as-path 1 --down-as-path 2 --disabled-as-path=";
        for (occasion, wanted) in [
            (Occasion::Up, "med 100 community [ 1:1 ] as-path [ 1 ]"),
            (Occasion::Down, "med 1000 community [ 2:2 ] as-path [ 2 ]"),
            (Occasion::Disabled, "med 500 community [ 2:2 ]"),
        ] {
            let line = lines(occasion, words).remove(0);
            assert!(line.ends_with(&format!("self {wanted}")), "{line}");
        }
        let line = lines(Occasion::Up, "--ip 192.0.2.1 --disabled-community 2:2").remove(0);
        assert!(line.ends_with("med 100"), "{line}");
    }
}
