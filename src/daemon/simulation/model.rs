//! What every peer should hold: maps that are changed by rules of one line each.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::IpNet;
use tokio::time::Instant;

use super::network::Random;

/// Routes with their MULTI_EXIT_DISC, which is different in each version of a route.
pub(super) type Table = BTreeMap<IpNet, u32>;

/// The same with path identifiers, which are 0 for routes that have none (RFC 7911).
pub(super) type Paths = BTreeMap<(IpNet, u32), u32>;

/// Our AS.
pub(super) const OURS: u32 = 65_000;
/// Our address.
pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

/// What a peer is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) address: IpAddr,
    pub(super) asn: u32,
    /// Whether it connects to the daemon, which then waits for it.
    pub(super) dials: bool,
    /// Whether it takes several paths for a prefix (RFC 7911).
    pub(super) takes_paths: bool,
    /// What both ends keep when a session ends.
    pub(super) restart: Restart,
    /// Whether the configuration knows it by a range alone.
    pub(super) in_range: bool,
}

/// Graceful restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restart {
    /// Not offered.
    None,
    /// A NOTIFICATION ends it (RFC 4724).
    Plain,
    /// Only a hard reset ends it (RFC 8538).
    OverNotification,
}

impl Facts {
    /// The neighbor's name in commands and in the configuration.
    pub(super) fn selector(&self) -> String {
        match self.in_range {
            true => format!("{}/31", self.address),
            false => self.address.to_string(),
        }
    }

    fn capabilities(&self) -> String {
        let mut words = String::new();
        if self.takes_paths {
            words.push_str("add-path send; ");
        }
        words.push_str(match self.restart {
            Restart::None => "",
            Restart::Plain => "graceful-restart 120;",
            Restart::OverNotification => {
                "graceful-restart 120; graceful-restart-notification enable;"
            }
        });
        words
    }
}

/// Routes of a neighbor in the configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct Section {
    pub(super) hold_time: u16,
    /// Routes that the helper never touches; a reload changes them.
    pub(super) own: Table,
    /// Routes that the helper also announces; no reload changes them.
    pub(super) shared: Table,
    /// The group of a watchdog.
    pub(super) group: Table,
}

impl Section {
    pub(super) fn new(index: usize, random: &mut Random) -> Self {
        let mut section = Self {
            hold_time: [9, 12, 30][index % 3],
            ..Self::default()
        };
        for at in 0..4 {
            section.shared.insert(route(Zone::Shared, at), 100 + at);
            section.group.insert(route(Zone::Group, at), 200 + at);
        }
        section.change(random);
        section
    }

    /// Other routes for `own`.
    pub(super) fn change(&mut self, random: &mut Random) {
        for at in 0..12 {
            match random.below(4) {
                0 => drop(self.own.remove(&route(Zone::Own, at))),
                1 => drop(
                    self.own
                        .insert(route(Zone::Own, at), med(random, 1_000_000)),
                ),
                _ => {}
            }
        }
    }

    /// The neighbor's section of the file.
    pub(super) fn render(&self, peer: &Facts, out: &mut String) {
        let (ours, us, name, asn) = (OURS, ADDRESS, peer.selector(), peer.asn);
        let passive = if peer.dials { "passive true;" } else { "" };
        let _ = writeln!(
            out,
            "neighbor {name} {{\nlocal-as {ours}; peer-as {asn}; router-id {us}; local-address {us};\n\
             hold-time {}; {passive} capability {{ {} }}\nfamily {{ ipv4 unicast; ipv6 unicast; }}\n\
             api {{ processes [ helper ]; neighbor-changes; receive {{ parsed; update; }} }}\nstatic {{",
            self.hold_time,
            peer.capabilities()
        );
        for (prefix, med) in self.own.iter().chain(&self.shared) {
            let _ = writeln!(
                out,
                "route {prefix} next-hop {} med {med};",
                next_hop(*prefix)
            );
        }
        for (prefix, med) in &self.group {
            let hop = next_hop(*prefix);
            let _ = writeln!(
                out,
                "route {prefix} next-hop {hop} med {med} watchdog dog withdraw;"
            );
        }
        out.push_str("}\n}\n");
    }
}

/// The prefixes of a rule of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    Helper,
    Own,
    Shared,
    Group,
    Received,
    Paths,
    Set,
}

impl Zone {
    /// Whether a prefix is of a zone in which each announcement has a value of its own.
    pub(super) fn has_new_values(prefix: IpNet) -> bool {
        let of_zone = |zone: Self| match prefix {
            IpNet::V4(four) => four.addr().octets()[1] == 100 + zone as u8,
            IpNet::V6(six) => six.addr().segments()[2] == zone as u16,
        };
        of_zone(Self::Helper) || of_zone(Self::Paths)
    }
}

/// A prefix of a zone; each third is IPv6.
pub(super) fn route(zone: Zone, at: u32) -> IpNet {
    let zone = zone as u32;
    let text = if at.is_multiple_of(3) {
        format!("2001:db8:{zone:x}:{at:x}::/64")
    } else {
        format!("10.{}.{}.{}/32", 100 + zone, at >> 8, at & 0xff)
    };
    text.parse().expect("a prefix")
}

/// The prefixes that a set may have.
pub(super) fn set_prefixes() -> impl Iterator<Item = IpNet> {
    (0..12).map(|at| route(Zone::Set, at))
}

pub(super) fn next_hop(prefix: IpNet) -> &'static str {
    match prefix {
        IpNet::V4(_) => "192.0.2.1",
        IpNet::V6(_) => "2001:db8::1",
    }
}

/// A new value of MULTI_EXIT_DISC.
pub(super) fn med(random: &mut Random, limit: u64) -> u32 {
    u32::try_from(random.below(limit)).unwrap_or_default()
}

/// What one neighbor should have.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    pub(super) section: Section,
    pub(super) routes: Table,
    /// Routes of which there are several for a prefix.
    pub(super) paths: Paths,
    /// The lengths and ends of leases.
    leases: BTreeMap<IpNet, (Duration, Instant)>,
    /// Leases that may have ended just now: the daemon ends them up to a second later.
    ended: BTreeMap<IpNet, Instant>,
    /// Whether the group of the watchdog is announced.
    on: bool,
}

/// How long a route stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    /// As before: an earlier lease begins again.
    Unchanged,
    Forever,
    For(Duration),
}

impl Expected {
    /// A neighbor as its configuration has it.
    pub(super) fn new(section: Section) -> Self {
        let mut routes = section.own.clone();
        routes.extend(&section.shared);
        Self {
            section,
            routes,
            paths: Paths::new(),
            leases: BTreeMap::new(),
            ended: BTreeMap::new(),
            on: false,
        }
    }

    /// Ends what has a deadline before now.
    pub(super) fn expire(&mut self) {
        let now = Instant::now();
        let ended: Vec<IpNet> = self
            .leases
            .iter()
            .filter(|(_, (_, at))| *at <= now)
            .map(|(prefix, _)| *prefix)
            .collect();
        for prefix in ended {
            self.leases.remove(&prefix);
            self.ended.insert(prefix, now);
            match self.section.shared.get(&prefix) {
                Some(med) => self.routes.insert(prefix, *med),
                None => self.routes.remove(&prefix),
            };
        }
    }

    /// Notes that a daemon begins, which ends now what has ended while none ran.
    pub(super) fn resume(&mut self) {
        self.expire();
        let now = Instant::now();
        self.ended.values_mut().for_each(|at| *at = now);
    }

    /// Returns `true` if a lease ends about now, so that it depends on milliseconds whether it can be renewed.
    pub(super) fn is_ending(&self, prefix: IpNet) -> bool {
        let (now, margin) = (Instant::now(), Duration::from_secs(2));
        let soon = self
            .leases
            .get(&prefix)
            .is_some_and(|(_, at)| *at < now + margin);
        soon || self.ended.get(&prefix).is_some_and(|at| *at + margin > now)
    }

    pub(super) fn announce(&mut self, prefix: IpNet, med: u32, stay: Stay) {
        self.routes.insert(prefix, med);
        let earlier = self.leases.remove(&prefix);
        let length = match stay {
            Stay::Unchanged => earlier.map(|(length, _)| length),
            Stay::Forever => None,
            Stay::For(length) => Some(length),
        };
        if let Some(length) = length {
            self.leases
                .insert(prefix, (length, Instant::now() + length));
        }
    }

    /// The whole of a set: what is no longer in it goes.
    pub(super) fn declare(&mut self, set: &Table) {
        for prefix in set_prefixes() {
            match set.get(&prefix) {
                Some(med) => self.routes.insert(prefix, *med),
                None => self.routes.remove(&prefix),
            };
        }
    }

    pub(super) fn withdraw(&mut self, prefix: IpNet) {
        self.routes.remove(&prefix);
        self.leases.remove(&prefix);
    }

    /// What a peer should hold: all paths, or of each prefix the one with the lowest identifier.
    pub(super) fn at_peer(&self, takes_paths: bool) -> Paths {
        let routes = self.routes.iter().map(|(prefix, med)| ((*prefix, 0), *med));
        let mut all: Paths = routes.collect();
        for ((prefix, id), med) in &self.paths {
            match takes_paths {
                true => all.insert((*prefix, *id), *med),
                false => Some(*all.entry((*prefix, 0)).or_insert(*med)),
            };
        }
        all
    }

    /// The state of the watchdog stays, as in ExaBGP.
    pub(super) fn clear(&mut self) {
        self.routes.clear();
        self.paths.clear();
        self.leases.clear();
    }

    pub(super) fn watchdog(&mut self, on: bool) {
        if std::mem::replace(&mut self.on, on) == on {
            return;
        }
        for (prefix, med) in &self.section.group {
            match on {
                true => self.routes.insert(*prefix, *med),
                false => self.routes.remove(prefix),
            };
        }
    }

    /// A new configuration: what is no longer there goes, what is not announced comes back.
    pub(super) fn reload(&mut self, new: &Section) {
        for prefix in self.section.own.keys() {
            if !new.own.contains_key(prefix) {
                self.routes.remove(prefix);
            }
        }
        self.routes.extend(&new.own);
        for (prefix, med) in &new.shared {
            self.routes.entry(*prefix).or_insert(*med);
        }
        self.section = new.clone();
    }
}
