//! Configurations, and the many ways to write them.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::model::{Routes, Version};

/// Numbers that are the same in each run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Less than `limit`.
    pub(super) fn below(&mut self, limit: u8) -> u8 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let high = (mixed ^ (mixed >> 31)) >> 32;
        u8::try_from(high % u64::from(limit)).expect("less than the limit")
    }

    pub(super) fn one_in(&mut self, count: u8) -> bool {
        self.below(count) == 0
    }
}

/// What one reload changes besides routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reload {
    /// Nothing that touches a session.
    Plain,
    /// A setting that affects a session.
    Reset,
    /// A new neighbor.
    Visit,
    /// A removed neighbor.
    Leave,
}

/// One neighbor.
#[derive(Clone, Debug)]
pub(super) struct Neighbor {
    /// Where it listens; `None` if it is passive and never connects.
    pub(super) port: Option<u16>,
    pub(super) hold_time: u16,
    pub(super) group_updates: bool,
    /// Whether the helper uses it and receives its events.
    pub(super) helper: bool,
    /// Whether another helper does.
    pub(super) extra: bool,
    pub(super) description: Option<u8>,
    pub(super) routes: Routes,
}

/// A configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// By address.
    pub(super) neighbors: BTreeMap<String, Neighbor>,
    /// An argument for the other helper, if there is one.
    pub(super) extra: Option<u8>,
}

/// Common settings of all neighbors.
const COMMON: &str = "router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65001; \
    family { ipv4 unicast; ipv6 unicast; } capability { route-refresh enable; } adj-rib-in true;";

impl Neighbor {
    pub(super) const fn new(port: Option<u16>) -> Self {
        Self {
            port,
            hold_time: 180,
            group_updates: true,
            helper: false,
            extra: false,
            description: None,
            routes: Routes::new(),
        }
    }

    fn write(&self, address: &str, dice: &mut Dice, inherit: bool, out: &mut String) {
        let common = if inherit { "inherit base;" } else { COMMON };
        let break_line = if dice.one_in(2) { "\n  " } else { " " };
        let mut push = |text: String| *out += &format!("{text}{break_line}");
        push(format!("neighbor {address} {{"));
        let connect = match self.port {
            Some(port) => format!("connect {port};"),
            None => "passive true;".to_owned(),
        };
        let mut parts = vec![
            common.to_owned(),
            connect,
            format!("hold-time {};", self.hold_time),
            format!("group-updates {};", self.group_updates),
        ];
        if self.helper {
            let block = "api watch { processes [ main ]; receive { parsed; update; } }";
            parts.push(block.to_owned());
        }
        if self.extra {
            parts.push("api more { processes [ extra ]; neighbor-changes; }".to_owned());
        }
        if let Some(number) = self.description {
            parts.push(format!("description \"number {number}\";"));
        }
        parts.push(self.write_routes(dice));
        // The order does not matter, except for `inherit`.
        let at = 1 + usize::from(dice.below(3));
        parts[1..].rotate_left(at);
        parts.into_iter().for_each(&mut push);
        out.push_str("}\n");
    }

    fn write_routes(&self, dice: &mut Dice) -> String {
        let (mut plain, mut v4, mut v6) = (String::new(), String::new(), String::new());
        for (prefix, Version(med)) in &self.routes {
            let facts = format!("{prefix} next-hop {} med {med}", prefix.next_hop());
            let written = match (dice.below(3), prefix.is_v6()) {
                (0, false) => writeln!(v4, "unicast {facts};"),
                (0, true) => writeln!(v6, "unicast {facts};"),
                (1, _) => writeln!(
                    plain,
                    "route {prefix} {{ med {med}; next-hop {}; }}",
                    prefix.next_hop()
                ),
                _ => writeln!(plain, "route {facts}; # {med}"),
            };
            written.expect("a string takes all");
        }
        format!("static {{\n{plain}}}\nannounce {{ ipv4 {{\n{v4}}} ipv6 {{\n{v6}}} }}")
    }
}

impl Plan {
    pub(super) fn neighbor(&mut self, name: &str) -> &mut Neighbor {
        self.neighbors.get_mut(name).expect("a neighbour")
    }

    /// The file, in one of many ways; `main` and `extra` are the programs of the helpers.
    pub(super) fn write(&self, dice: &mut Dice, [main, extra]: &[String; 2]) -> String {
        let mut out = String::new();
        if dice.one_in(3) {
            out.push_str("# what follows { is ; a comment\n\n");
        }
        out += &format!("process main {{ run {main}; encoder json; }}\n");
        if let Some(argument) = self.extra {
            out += &format!("process extra {{\n run {extra} {argument};\n encoder text;\n}}\n");
        }
        let inherit = dice.one_in(2);
        if inherit {
            out += &format!("template {{ neighbor base {{ {COMMON} }} }}\n");
        }
        let mut order: Vec<&String> = self.neighbors.keys().collect();
        let turn = usize::from(dice.below(8)) % order.len();
        order.rotate_left(turn);
        for name in order {
            self.neighbors[name].write(name, dice, inherit, &mut out);
        }
        out
    }
}

/// A file that must change nothing.
pub(super) fn spoil(text: &str, dice: &mut Dice) -> String {
    let last = text.rfind('}').expect("a brace");
    let inside = |more: &str| format!("{} {more} }}", &text[..last]);
    match dice.below(6) {
        0 => inside("description \"no end"),
        1 => inside("no-such-word;"),
        2 => inside("static { route 10.0.0.0/99 next-hop 192.0.2.1; }"),
        3 => inside("api { processes [ nobody ]; }"),
        4 => text.replace("hold-time 180", "hold-time 1"),
        _ => String::new(),
    }
}
