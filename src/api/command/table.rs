//! The table of all commands: words, what they take, an example, and the function that carries them out.
//!
//! A row is all that a new command needs: dispatch, `help`, completion and the test that reads each example follow from it.

use super::call::{Row, Takes};
use super::role::Effect;
use super::{
    announce, check, daemon, lease, mrt, neighbor, operational, peer, rib, session, set,
    transaction, upgrade, v6, watch,
};

/// Makes [`ROWS`] from `WORDS [ OPTIONS ] SELECTOR EFFECT function: EXAMPLE`, first those of ExaBGP 5.0, then ours.
macro_rules! commands {
    (classic { $($row:tt)* } more { $($other:tt)* }) => {
        /// All commands.
        pub(super) const ROWS: &[Row] = &commands!(@rows [] true { $($row)* } { $($other)* });
    };
    (@rows [$($done:tt)*] $classic:tt { $words:literal $([$($option:literal)*])? $takes:ident $effect:ident $group:ident::$run:ident: $example:literal, $($row:tt)* } $more:tt) => {
        commands!(@rows [$($done)* Row {
            words: $words,
            options: &[$($($option),*)?],
            selector: Takes::$takes,
            effect: Effect::$effect,
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
        "#" Ignores Reads session::remark: "# a remark",
        "announce attribute" Uses Changes announce::attributes: "announce attribute next-hop 192.0.2.1 med 5 nlri 198.51.100.0/24",
        "announce attributes" Uses Changes announce::attributes: "announce attributes next-hop 192.0.2.1 nlri 198.51.100.0/24 203.0.113.0/24",
        "announce eor" Uses Changes announce::eor: "announce eor ipv4 unicast",
        "announce flow" Uses Changes announce::flow: "announce flow route source 203.0.113.7/32 destination-port =80 discard",
        "announce ipv4" Uses Changes announce::ipv4: "announce ipv4 unicast 198.51.100.0/24 next-hop 192.0.2.1",
        "announce ipv6" Uses Changes announce::ipv6: "announce ipv6 unicast 2001:db8:1::/48 next-hop 2001:db8::1",
        "announce operational" Uses Changes operational::announce: "announce operational asm afi ipv4 safi unicast advisory \"maintenance at noon\"",
        "announce route" Uses Changes announce::route: "announce route 198.51.100.0/24 next-hop self",
        "announce route-refresh" Uses Changes announce::refresh: "announce route-refresh ipv4 unicast",
        "announce vpls" Uses Changes announce::vpls: "announce vpls rd 192.0.2.1:7 endpoint 5 base 100 offset 1 size 8 next-hop 192.0.2.1",
        "announce watchdog" Uses Changes announce::watchdog: "announce watchdog dns",
        "clear adj-rib" Uses Changes rib::clear: "clear adj-rib out",
        "crash" Uses Changes session::crash: "crash",
        "disable-ack" Ignores Own session::disable_ack: "disable-ack",
        "enable-ack" Ignores Own session::enable_ack: "enable-ack",
        "flush adj-rib out" Uses Changes rib::flush: "flush adj-rib out",
        "help" Ignores Reads session::help: "help",
        "reload" Ignores Changes daemon::reload: "reload",
        "reset" Ignores Own session::reset: "reset",
        "restart" Ignores Changes daemon::restart: "restart",
        "show adj-rib in" ["extensive"] Refuses Reads rib::show_in: "show adj-rib in 192.0.2.1 extensive",
        "show adj-rib out" ["extensive"] Refuses Reads rib::show_out: "show adj-rib out inet json",
        "show neighbor" ["summary" "extensive" "configuration"] Ignores Reads neighbor::show: "show neighbor summary",
        "shutdown" Ignores Changes daemon::shutdown: "shutdown",
        "silence-ack" Ignores Own session::silence_ack: "silence-ack",
        "teardown" Uses Changes neighbor::teardown: "neighbor 192.0.2.1 teardown 2",
        "version" Ignores Reads session::version: "version",
        "withdraw attribute" Uses Changes announce::attributes: "withdraw attribute next-hop 192.0.2.1 nlri 198.51.100.0/24",
        "withdraw attributes" Uses Changes announce::attributes: "withdraw attributes next-hop 192.0.2.1 nlri 198.51.100.0/24",
        "withdraw flow" Uses Changes announce::flow: "withdraw flow route source 203.0.113.7/32 destination-port =80 discard",
        "withdraw ipv4" Uses Changes announce::ipv4: "withdraw ipv4 unicast 198.51.100.0/24",
        "withdraw ipv6" Uses Changes announce::ipv6: "withdraw ipv6 unicast 2001:db8:1::/48",
        "withdraw route" Uses Changes announce::route: "withdraw route 198.51.100.0/24",
        "withdraw vpls" Uses Changes announce::vpls: "withdraw vpls rd 192.0.2.1:7 endpoint 5 base 100 offset 1 size 8 next-hop 192.0.2.1",
        "withdraw watchdog" Uses Changes announce::watchdog: "withdraw watchdog dns",
    }
    more {
        "abort" Ignores Changes transaction::abort: "abort",
        "announce bgp-ls" Uses Changes announce::bgp_ls: "announce bgp-ls bgp-ls node protocol-id isis-l2 local-node ( autonomous-system 65000 router-id 0000.0000.0001 ) next-hop 192.0.2.1",
        "announce l2vpn" Uses Changes announce::l2vpn: "announce l2vpn vpls rd 192.0.2.1:7 endpoint 5 base 100 offset 1 size 8 next-hop 192.0.2.1",
        "begin" Ignores Changes transaction::begin: "begin",
        "commit" Ignores Changes transaction::commit: "commit",
        "daemon reload" Ignores Changes v6::reload: "daemon reload",
        "daemon restart" Ignores Changes v6::restart: "daemon restart",
        "daemon shutdown" Ignores Changes v6::shutdown: "daemon shutdown",
        "daemon status" Ignores Reads v6::status: "daemon status",
        "group" Uses Changes v6::group: "peer * group announce route 198.51.100.0/24 next-hop self ; withdraw route 203.0.113.0/24",
        "delete" Needs Changes peer::delete: "peer 127.0.0.2 delete",
        "mrt dump" Uses Changes mrt::dump: "mrt dump /var/lib/oxabgp/rib.mrt",
        "peer create" Refuses Changes peer::create: "peer create 192.0.2.9 local-address 192.0.2.1 local-as 65000 peer-as 65001 router-id 192.0.2.1",
        "peer delete" Refuses Changes peer::delete: "peer delete 127.0.0.2",
        "peer list" Refuses Reads v6::list: "peer list",
        "peer show" ["summary" "extensive" "configuration"] Refuses Reads neighbor::show: "peer show summary",
        "rib clear" Uses Changes rib::clear: "rib clear out",
        "rib flush out" Uses Changes rib::flush: "rib flush out",
        "rib show in" ["extensive"] Refuses Reads rib::show_in: "rib show in",
        "rib show out" ["extensive"] Refuses Reads rib::show_out: "rib show out",
        "confirm" Ignores Changes daemon::confirm: "confirm",
        "reload cancel" Ignores Changes daemon::reload_cancel: "reload cancel",
        "reload confirm" Ignores Changes daemon::reload_confirm: "reload confirm 60",
        "reload preview" Ignores Reads daemon::reload_preview: "reload preview json",
        "reload status" Ignores Reads daemon::reload_status: "reload status",
        "routes" Needs Changes v6::routes: "peer * routes ipv4 unicast list",
        "session ack disable" Ignores Own session::disable_ack: "session ack disable",
        "session ack enable" Ignores Own session::enable_ack: "session ack enable",
        "session ack silence" Ignores Own session::silence_ack: "session ack silence",
        "session ack-json" Ignores Own v6::ack_json: "session ack-json disable",
        "session bye" Ignores Own v6::bye: "session bye",
        "session ping" Ignores Reads v6::ping: "session ping",
        "session reasons" Ignores Own v6::reasons: "session reasons enable",
        "session reset" Ignores Own v6::reset: "session reset",
        "session sync" Ignores Own v6::sync: "session sync disable",
        "set" Uses Changes set::set: "set edge replace revision 4711",
        "show checks" Refuses Reads check::show: "show checks json",
        "show leases" Refuses Reads lease::show: "show leases json",
        "show neighbor table" Ignores Reads neighbor::show: "show neighbor table",
        "show set" Refuses Reads set::show: "show set edge json",
        "show" Needs Reads v6::show: "peer * show",
        "system api version" Ignores Reads v6::api_version: "system api version",
        "system crash" Ignores Changes session::crash: "system crash",
        "system help" Ignores Reads v6::help: "system help",
        "system queue-status" Ignores Reads v6::queue_status: "system queue-status",
        "system status" Refuses Reads watch::status: "system status",
        "system version" Ignores Reads v6::version: "system version",
        "upgrade" Ignores Changes upgrade::upgrade: "upgrade",
        "watch" Refuses Reads watch::watch: "watch neighbor 192.0.2.1 updates",
        "watch mrt" ["received" "sent" "no-table"] Refuses Reads watch::records: "watch mrt neighbor 192.0.2.1 sent",
        "withdraw bgp-ls" Uses Changes announce::bgp_ls: "withdraw bgp-ls bgp-ls node protocol-id isis-l2 local-node ( autonomous-system 65000 router-id 0000.0000.0001 ) next-hop 192.0.2.1",
        "withdraw l2vpn" Uses Changes announce::l2vpn: "withdraw l2vpn vpls rd 192.0.2.1:7 endpoint 5 base 100 offset 1 size 8 next-hop 192.0.2.1",
    }
}

/// The words of every command, for completion and near misses.
pub fn words() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.words)
}

/// The words of every command, and what it changes.
pub fn effects() -> impl Iterator<Item = (&'static str, Effect)> {
    ROWS.iter().map(|row| (row.words, row.effect))
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
