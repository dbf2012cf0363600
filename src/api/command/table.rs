//! The table of all commands: words, what they take, an example, and the function that carries them out.
//!
//! A row is all that a new command needs: dispatch, `help`, completion and the test that reads each example follow from it.

use super::call::{Row, Takes};
use super::{
    announce, daemon, mrt, neighbor, operational, peer, rib, session, set, transaction, upgrade,
    v6, watch,
};

/// Makes [`ROWS`] from `WORDS [ OPTIONS ] SELECTOR function: EXAMPLE`, first those of ExaBGP 5.0, then ours.
macro_rules! commands {
    (classic { $($row:tt)* } more { $($other:tt)* }) => {
        /// All commands.
        pub(super) const ROWS: &[Row] = &commands!(@rows [] true { $($row)* } { $($other)* });
    };
    (@rows [$($done:tt)*] $classic:tt { $words:literal $([$($option:literal)*])? $takes:ident $group:ident::$run:ident: $example:literal, $($row:tt)* } $more:tt) => {
        commands!(@rows [$($done)* Row {
            words: $words,
            options: &[$($($option),*)?],
            selector: Takes::$takes,
            classic: $classic,
            example: $example,
            run: $group::$run,
        },] $classic { $($row)* } $more)
    };
    (@rows $done:tt true {} { $($other:tt)* }) => { commands!(@rows $done false { $($other)* } {}) };
    (@rows [$($done:tt)*] false {} {}) => { [$($done)*] };
}

commands! {
    classic {
        "#" Ignores session::remark: "# a remark",
        "announce attribute" Uses announce::attributes: "announce attribute next-hop 192.0.2.1 med 5 nlri 198.51.100.0/24",
        "announce attributes" Uses announce::attributes: "announce attributes next-hop 192.0.2.1 nlri 198.51.100.0/24 203.0.113.0/24",
        "announce eor" Uses announce::eor: "announce eor ipv4 unicast",
        "announce flow" Uses announce::flow: "announce flow route source 203.0.113.7/32 destination-port =80 discard",
        "announce ipv4" Uses announce::ipv4: "announce ipv4 unicast 198.51.100.0/24 next-hop 192.0.2.1",
        "announce ipv6" Uses announce::ipv6: "announce ipv6 unicast 2001:db8:1::/48 next-hop 2001:db8::1",
        "announce operational" Uses operational::announce: "announce operational asm afi ipv4 safi unicast advisory \"maintenance at noon\"",
        "announce route" Uses announce::route: "announce route 198.51.100.0/24 next-hop self",
        "announce route-refresh" Uses announce::refresh: "announce route-refresh ipv4 unicast",
        "announce vpls" Uses announce::vpls: "announce vpls rd 192.0.2.1:7 endpoint 5 base 100 offset 1 size 8 next-hop 192.0.2.1",
        "announce watchdog" Uses announce::watchdog: "announce watchdog dns",
        "clear adj-rib" Uses rib::clear: "clear adj-rib out",
        "crash" Uses session::crash: "crash",
        "disable-ack" Ignores session::disable_ack: "disable-ack",
        "enable-ack" Ignores session::enable_ack: "enable-ack",
        "flush adj-rib out" Uses rib::flush: "flush adj-rib out",
        "help" Ignores session::help: "help",
        "reload" Ignores daemon::reload: "reload",
        "reset" Ignores session::reset: "reset",
        "restart" Ignores daemon::restart: "restart",
        "show adj-rib in" ["extensive"] Refuses rib::show_in: "show adj-rib in 192.0.2.1 extensive",
        "show adj-rib out" ["extensive"] Refuses rib::show_out: "show adj-rib out inet json",
        "show neighbor" ["summary" "extensive" "configuration"] Ignores neighbor::show: "show neighbor summary",
        "shutdown" Ignores daemon::shutdown: "shutdown",
        "silence-ack" Ignores session::silence_ack: "silence-ack",
        "teardown" Uses neighbor::teardown: "neighbor 192.0.2.1 teardown 2",
        "version" Ignores session::version: "version",
        "withdraw attribute" Uses announce::attributes: "withdraw attribute next-hop 192.0.2.1 nlri 198.51.100.0/24",
        "withdraw attributes" Uses announce::attributes: "withdraw attributes next-hop 192.0.2.1 nlri 198.51.100.0/24",
        "withdraw flow" Uses announce::flow: "withdraw flow route source 203.0.113.7/32 destination-port =80 discard",
        "withdraw ipv4" Uses announce::ipv4: "withdraw ipv4 unicast 198.51.100.0/24",
        "withdraw ipv6" Uses announce::ipv6: "withdraw ipv6 unicast 2001:db8:1::/48",
        "withdraw route" Uses announce::route: "withdraw route 198.51.100.0/24",
        "withdraw vpls" Uses announce::vpls: "withdraw vpls rd 192.0.2.1:7 endpoint 5 base 100 offset 1 size 8 next-hop 192.0.2.1",
        "withdraw watchdog" Uses announce::watchdog: "withdraw watchdog dns",
    }
    more {
        "abort" Ignores transaction::abort: "abort",
        "announce bgp-ls" Uses announce::bgp_ls: "announce bgp-ls bgp-ls node protocol-id isis-l2 local-node ( autonomous-system 65000 router-id 0000.0000.0001 ) next-hop 192.0.2.1",
        "announce l2vpn" Uses announce::l2vpn: "announce l2vpn vpls rd 192.0.2.1:7 endpoint 5 base 100 offset 1 size 8 next-hop 192.0.2.1",
        "begin" Ignores transaction::begin: "begin",
        "commit" Ignores transaction::commit: "commit",
        "daemon reload" Ignores v6::reload: "daemon reload",
        "daemon restart" Ignores v6::restart: "daemon restart",
        "daemon shutdown" Ignores v6::shutdown: "daemon shutdown",
        "daemon status" Ignores v6::status: "daemon status",
        "group" Uses v6::group: "peer * group announce route 198.51.100.0/24 next-hop self ; withdraw route 203.0.113.0/24",
        "delete" Needs peer::delete: "peer 127.0.0.2 delete",
        "mrt dump" Uses mrt::dump: "mrt dump /var/lib/oxabgp/rib.mrt",
        "peer create" Refuses peer::create: "peer create 192.0.2.9 local-address 192.0.2.1 local-as 65000 peer-as 65001 router-id 192.0.2.1",
        "peer delete" Refuses peer::delete: "peer delete 127.0.0.2",
        "peer list" Refuses v6::list: "peer list",
        "peer show" ["summary" "extensive" "configuration"] Refuses neighbor::show: "peer show summary",
        "rib clear" Uses rib::clear: "rib clear out",
        "rib flush out" Uses rib::flush: "rib flush out",
        "rib show in" ["extensive"] Refuses rib::show_in: "rib show in",
        "rib show out" ["extensive"] Refuses rib::show_out: "rib show out",
        "confirm" Ignores daemon::confirm: "confirm",
        "reload cancel" Ignores daemon::reload_cancel: "reload cancel",
        "reload confirm" Ignores daemon::reload_confirm: "reload confirm 60",
        "reload preview" Ignores daemon::reload_preview: "reload preview json",
        "reload status" Ignores daemon::reload_status: "reload status",
        "routes" Needs v6::routes: "peer * routes ipv4 unicast list",
        "session ack disable" Ignores session::disable_ack: "session ack disable",
        "session ack enable" Ignores session::enable_ack: "session ack enable",
        "session ack silence" Ignores session::silence_ack: "session ack silence",
        "session ack-json" Ignores v6::ack_json: "session ack-json disable",
        "session bye" Ignores v6::bye: "session bye",
        "session ping" Ignores v6::ping: "session ping",
        "session reasons" Ignores v6::reasons: "session reasons enable",
        "session reset" Ignores v6::reset: "session reset",
        "session sync" Ignores v6::sync: "session sync disable",
        "set" Uses set::set: "set edge replace revision 4711",
        "show set" Refuses set::show: "show set edge",
        "show" Needs v6::show: "peer * show",
        "system api version" Ignores v6::api_version: "system api version",
        "system crash" Ignores session::crash: "system crash",
        "system help" Ignores v6::help: "system help",
        "system queue-status" Ignores v6::queue_status: "system queue-status",
        "system status" Refuses watch::status: "system status",
        "system version" Ignores v6::version: "system version",
        "upgrade" Ignores upgrade::upgrade: "upgrade",
        "watch" Refuses watch::watch: "watch neighbor 192.0.2.1 updates",
        "watch mrt" ["received" "sent" "no-table"] Refuses watch::records: "watch mrt neighbor 192.0.2.1 sent",
        "withdraw bgp-ls" Uses announce::bgp_ls: "withdraw bgp-ls bgp-ls node protocol-id isis-l2 local-node ( autonomous-system 65000 router-id 0000.0000.0001 ) next-hop 192.0.2.1",
        "withdraw l2vpn" Uses announce::l2vpn: "withdraw l2vpn vpls rd 192.0.2.1:7 endpoint 5 base 100 offset 1 size 8 next-hop 192.0.2.1",
    }
}

/// The words of every command, for completion and near misses.
pub fn words() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.words)
}

/// An example line of every command.
pub fn example_lines() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.example)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::command::call::MOST_WORDS;

    #[test]
    fn names_are_distinct_and_not_too_long() {
        for (at, row) in ROWS.iter().enumerate() {
            assert!(
                (1..=MOST_WORDS).contains(&row.words.split(' ').count()),
                "{}",
                row.words
            );
            assert!(
                ROWS[..at].iter().all(|other| other.words != row.words),
                "{}",
                row.words
            );
        }
    }
}
