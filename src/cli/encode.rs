//! `oxabgp encode`: prints the message for a route.
//!
//! The text is processed like a helper's command, by a [`Control`] that records the changes, and the changes are
//! packed by the RIB's code. So the output is what a session would send.

use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;

use super::{EncodeArgs, REFUSED};
use crate::api::changes::Changes;
use crate::api::command::{CommandError, Commands, ErrorKind, Outcome, Source};
use crate::api::control::{
    Among, Control, DaemonStatus, ListedRoute, NeighborStatus, NewPeer, Request, RibSide,
    RoutePlace,
};
use crate::bgp::message::HEADER;
use crate::bgp::message::operational::Operational;
use crate::bgp::next_hop_rule::{NextHopError, NextHops, resolve};
use crate::bgp::{Asn, Codec, Family, FamilySet, Sender};
use crate::grammar::{Selector, Verb};
use crate::json::hex;
use crate::rib::pack::{end_of_rib, messages};
use crate::rib::{Change, PeerId, PeerSet};
use crate::text::Span;

pub(super) fn run(args: &EncodeArgs) -> ExitCode {
    match encode(args) {
        Ok(lines) => {
            lines.iter().for_each(|line| outln!("{line}"));
            ExitCode::SUCCESS
        }
        Err(reason) => {
            errln!("error: {reason}");
            ExitCode::from(REFUSED)
        }
    }
}

fn encode(args: &EncodeArgs) -> Result<Vec<String>, String> {
    let text = args.route.join(" ");
    let implied = match text.split_ascii_whitespace().next().unwrap_or_default() {
        "announce" | "withdraw" => "",
        first
            if first.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':')
                && first.contains(['.', ':']) =>
        {
            "announce route "
        }
        _ => "announce ",
    };
    let line = format!("{implied}{text}");
    let sender = sender(args);
    let mut kept = Kept {
        sender,
        changes: Vec::new(),
        ends: Vec::new(),
    };
    let outcome = Commands::new().execute(
        line.as_bytes(),
        &mut Source::new("encode"),
        &mut kept,
        &mut String::new(),
    );
    if let Outcome::Failed(mut reason) = outcome {
        // Columns refer to what was typed, without the optional words.
        reason.span = reason.span.and_then(|span| {
            let start = span.start.checked_sub(implied.len())?;
            Some(Span::new(start, span.end.saturating_sub(implied.len())))
        });
        return Err(format!("{reason}\n  {text}"));
    }
    let mut out: Vec<Vec<u8>> = kept
        .ends
        .iter()
        .map(|family| end_of_rib(*family).to_vec())
        .collect();
    let packed =
        messages(&sender, &kept.changes).map_err(|(nlri, refusal)| format!("{nlri}: {refusal}"))?;
    for chunk in packed {
        let mut rest = &chunk[..];
        // A chunk consists of whole messages.
        while let Some(length) = rest.get(16..18) {
            let length =
                usize::from(u16::from_be_bytes([length[0], length[1]])).clamp(HEADER, rest.len());
            out.push(rest[..length].to_vec());
            rest = &rest[length..];
        }
    }
    if out.is_empty() {
        return Err(format!("`{text}` announces and withdraws nothing"));
    }
    let start = if args.body { HEADER } else { 0 };
    Ok(out
        .iter()
        .map(|message| hex(message.get(start..).unwrap_or_default()))
        .collect())
}

fn sender(args: &EncodeArgs) -> Sender {
    let all: FamilySet = Family::KNOWN.into_iter().collect();
    let when = |condition| if condition { all } else { FamilySet::EMPTY };
    Sender {
        codec: Codec {
            asn4: !args.no_asn4,
            extended_message: args.extended_message,
            families: all,
            add_path_receive: FamilySet::EMPTY,
            add_path_send: when(args.path_information),
            extended_nexthop: when(args.extended_next_hop),
            ipv4_nexthop: when(args.extended_next_hop),
            link_local: None,
            aigp: true,
            ibgp: args.peer_as.is_none_or(|peer| peer == args.local_as),
            external: false,
            role: None,
            sent: false,
        },
        local_as: Asn(args.local_as),
        local_address: args.local_address,
        router_id: match args.local_address {
            IpAddr::V4(address) => address,
            IpAddr::V6(_) => Ipv4Addr::LOCALHOST,
        },
        group_updates: true,
    }
}

/// Records changes to routes, and rejects all other commands.
struct Kept {
    sender: Sender,
    changes: Vec<Change>,
    ends: Vec<Family>,
}

fn no_daemon<T>() -> Result<T, CommandError> {
    Err(CommandError::new(
        ErrorKind::Refused,
        "this needs a running speaker",
    ))
}

impl Control for Kept {
    fn epoch(&self) -> u64 {
        0
    }

    fn select(&mut self, _: &Selector, _: Among) -> PeerSet {
        std::iter::once(PeerId(0)).collect()
    }

    fn check_next_hop(
        &self,
        _: &PeerSet,
        family: Family,
        hops: NextHops,
    ) -> Result<(), NextHopError> {
        resolve(family, hops, &self.sender).map(drop)
    }

    fn apply(&mut self, changes: &mut Changes) -> Result<(), CommandError> {
        self.changes.append(&mut changes.list);
        Ok(())
    }

    fn end_of_rib(&mut self, _: &PeerSet, family: Family) {
        self.ends.push(family);
    }

    fn create(&mut self, _: &NewPeer) -> Result<(), CommandError> {
        no_daemon()
    }

    fn delete(&mut self, _: &PeerSet) -> Result<(), CommandError> {
        no_daemon()
    }

    fn refresh(&mut self, _: &PeerSet, _: Family) {}
    fn operational(&mut self, _: &PeerSet, _: &Operational) {}
    fn watchdog(&mut self, _: &PeerSet, _: &str, _: Verb) -> Result<(), CommandError> {
        Ok(())
    }
    fn teardown(&mut self, _: &PeerSet, _: u8) {}
    fn flush(&mut self, _: &PeerSet) {}
    fn clear(&mut self, _: &PeerSet, _: RibSide) {}
    fn neighbors(&self, _: &mut dyn FnMut(&NeighborStatus<'_>)) {}

    fn configuration(&self, _: PeerId) -> String {
        String::new()
    }

    fn routes(
        &self,
        _: RibSide,
        _: &PeerSet,
        _: RoutePlace,
        _: &mut dyn FnMut(&ListedRoute<'_>),
    ) -> Option<RoutePlace> {
        None
    }

    fn request(&mut self, _: Request) {}

    fn status(&self) -> DaemonStatus {
        DaemonStatus::default()
    }

    fn queues(&self, _: &mut dyn FnMut(&str, usize, usize)) {}
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    fn encoded(words: &str) -> Result<Vec<String>, String> {
        let line = format!("oxabgp encode {words}");
        let cli = Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        match cli.command {
            Command::Encode(args) => encode(&args),
            _ => Err("another command".to_owned()),
        }
    }

    #[test]
    fn a_route_becomes_its_message() {
        for (words, wanted) in [
            (
                "--body --local-as 65000 --peer-as 65001 route 10.0.1.0/24 next-hop 1.2.3.4",
                "0000001440010100400206020100 00FDE8400304 01020304180A0001",
            ),
            ("--body withdraw route 10.0.1.0/24", "0004180A00010000"),
            (
                "--body ::/0 next-hop ::1",
                "000000274001010040020040050400000064800E1600020110000000000000000000000000000000010000",
            ),
            (
                "--body -i 10.0.0.0/8 next-hop 1.2.3.4 path-information 7",
                "0000001540010100400200400304010203044005040000006400000007080A",
            ),
            (
                "announce eor ipv6 unicast",
                "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF001E0200000007900F0003000201",
            ),
        ] {
            let wanted = wanted.replace(' ', "");
            assert_eq!(encoded(words), Ok(vec![wanted]), "{words}");
        }
    }

    #[test]
    fn what_is_no_route_is_refused_with_its_place() {
        let error =
            encoded("route 10.0.0.0/33 next-hop 1.2.3.4").expect_err("the prefix is too long");
        assert!(
            error.contains("10.0.0.0/33") && error.contains("column"),
            "{error}"
        );
        assert!(encoded("teardown 4").is_err());
        // Columns refer to what was typed: `announce` and `route` are implied.
        for (words, column, shown) in [
            (
                "10.0.0.0/33 next-hop 1.2.3.4",
                1,
                "10.0.0.0/33 next-hop 1.2.3.4",
            ),
            (
                "route 10.0.0.0/33 next-hop self",
                7,
                "route 10.0.0.0/33 next-hop self",
            ),
            ("rout 10.0.0.0/8", 1, "rout 10.0.0.0/8"),
            (
                "announce route 10.0.0.0/33 next-hop self",
                16,
                "announce route 10.0.0.0/33 next-hop self",
            ),
        ] {
            let error = encoded(words).expect_err("it is wrong");
            assert!(
                error.ends_with(&format!(", at column {column}\n  {shown}")),
                "{words}: {error}"
            );
        }
    }
}
