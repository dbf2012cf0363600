//! What a helper may announce.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::bgp::Family;
use crate::bgp::attribute::community::Community;
use crate::bgp::attribute::large_community::LargeCommunity;
use crate::grammar::Prefix;
use crate::grammar::prefix::mask;

/// What a helper may announce; withdrawals are always allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuardConfig {
    /// Routes must be in one of these; all may be announced if there are none.
    pub prefixes: Vec<AllowedPrefix>,
    /// Routes must be of one of these families; of any if there are none.
    pub families: Vec<Family>,
    /// Each route must have all of these.
    pub communities: Vec<RequiredCommunity>,
    /// FlowSpec rules may have only these actions; any if there are none.
    pub actions: Vec<FlowAction>,
    /// Most routes at a time.
    pub max_routes: Option<u32>,
    /// The share of `max_routes` from which on a warning is logged, in percent: 1 to 100.
    pub warn_at: Option<u8>,
    /// Operators are subject to these rules, too.
    pub operators: bool,
    /// Most announcements a second of what is not announced already; twice as many at once, or more in one step.
    pub max_rate: Option<u32>,
    /// The most routes of a set that one `replace` may remove, in percent of those that there are.
    pub max_remove: Option<u8>,
    /// The lifetime of routes that are announced without one.
    pub lifetime: Option<Duration>,
    /// The longest lifetime.
    pub max_lifetime: Option<Duration>,
}

/// A prefix and the lengths that routes inside it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllowedPrefix {
    /// The prefix.
    pub prefix: Prefix,
    /// The shortest length.
    pub ge: u8,
    /// The longest length.
    pub le: u8,
}

impl AllowedPrefix {
    /// Returns `true` if a route is inside, with an allowed length.
    pub fn allows(&self, address: IpAddr, bits: u8) -> bool {
        let own = self.prefix;
        own.address.is_ipv4() == address.is_ipv4()
            && (self.ge..=self.le).contains(&bits)
            && bits >= own.bits
            && mask(address, own.bits) == own.address
    }
}

impl fmt::Display for AllowedPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = if self.prefix.address.is_ipv4() {
            32
        } else {
            128
        };
        write!(f, "{}", self.prefix)?;
        if self.ge > self.prefix.bits {
            write!(f, " ge {}", self.ge)?;
        }
        let implied = if self.ge > self.prefix.bits {
            longest
        } else {
            self.prefix.bits
        };
        if self.le != implied {
            write!(f, " le {}", self.le)?;
        }
        Ok(())
    }
}

/// A community that routes must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredCommunity {
    /// Of RFC 1997.
    Standard(Community),
    /// Of RFC 8092.
    Large(LargeCommunity),
}

impl fmt::Display for RequiredCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard(Community(value)) => write!(f, "{}:{}", value >> 16, value & 0xFFFF),
            Self::Large(LargeCommunity([a, b, c])) => write!(f, "{a}:{b}:{c}"),
        }
    }
}

/// What a FlowSpec rule does with traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowAction {
    /// Drops it.
    Discard,
    /// Limits its rate.
    RateLimit,
    /// Sends it elsewhere.
    Redirect,
    /// Sets its DSCP.
    Mark,
    /// Samples it, or makes the rule the last one.
    Action,
}

impl FlowAction {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Discard,
        Self::RateLimit,
        Self::Redirect,
        Self::Mark,
        Self::Action,
    ];

    /// The word of configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discard => "discard",
            Self::RateLimit => "rate-limit",
            Self::Redirect => "redirect",
            Self::Mark => "mark",
            Self::Action => "action",
        }
    }
}

/// The section as a file has it, without final newline.
impl fmt::Display for GuardConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list(f: &mut fmt::Formatter<'_>, head: &str, items: Vec<String>) -> fmt::Result {
            if items.is_empty() {
                return Ok(());
            }
            writeln!(f, "  {head} [ {} ];", items.join(" "))
        }
        fn texts<T: ToString>(items: &[T]) -> Vec<String> {
            items.iter().map(ToString::to_string).collect()
        }
        writeln!(f, "guard {{")?;
        list(f, "prefixes", texts(&self.prefixes))?;
        list(f, "families", texts(&self.families))?;
        list(f, "communities require", texts(&self.communities))?;
        let actions = self.actions.iter().map(|action| action.name().to_owned());
        list(f, "actions", actions.collect())?;
        if let Some(most) = self.max_routes {
            writeln!(f, "  max-routes {most};")?;
        }
        if let Some(share) = self.warn_at {
            writeln!(f, "  warn-at {share}%;")?;
        }
        if self.operators {
            writeln!(f, "  operators;")?;
        }
        if let Some(most) = self.max_remove {
            writeln!(f, "  max-remove {most}%;")?;
        }
        if let Some(most) = self.max_rate {
            writeln!(f, "  max-rate {most};")?;
        }
        match (self.lifetime, self.max_lifetime) {
            (None, None) => {}
            (Some(own), None) => writeln!(f, "  lifetime {}s;", own.as_secs())?,
            (None, Some(most)) => writeln!(f, "  lifetime max {}s;", most.as_secs())?,
            (Some(own), Some(most)) => {
                writeln!(f, "  lifetime {}s max {}s;", own.as_secs(), most.as_secs())?;
            }
        }
        write!(f, "}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_inside_with_an_allowed_length() {
        let prefix = Prefix {
            address: IpAddr::from([198, 51, 100, 0]),
            bits: 22,
        };
        let allowed = AllowedPrefix {
            prefix,
            ge: 24,
            le: 32,
        };
        let allows = |text: &str, bits| allowed.allows(text.parse().expect("an address"), bits);
        assert!(allows("198.51.100.0", 24) && allows("198.51.103.255", 32));
        assert!(!allows("198.51.100.0", 22) && !allows("198.51.104.0", 24));
        assert!(!allows("0.0.0.0", 0) && !allows("::", 24));
        assert_eq!(allowed.to_string(), "198.51.100.0/22 ge 24");
        let exact = AllowedPrefix {
            prefix,
            ge: 22,
            le: 22,
        };
        assert_eq!(exact.to_string(), "198.51.100.0/22");
        let longer = AllowedPrefix {
            prefix,
            ge: 22,
            le: 32,
        };
        assert_eq!(longer.to_string(), "198.51.100.0/22 le 32");
    }
}
