//! The components of a FlowSpec rule (RFC 8955 section 4.2.2, RFC 8956 section 3) and the names of their values.

use super::operator::Kind;
use super::services;
use crate::bgp::family::Afi;
use crate::text::value;

/// How the values of a component are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Values {
    Plain,
    Port,
    Protocol,
    IcmpType,
    IcmpCode,
    TcpFlags,
    Fragment,
}

/// A type of component.
#[derive(Debug)]
pub(super) struct Component {
    /// Type (IANA).
    pub code: u8,
    /// Names in IPv4 and IPv6 rules; empty if the type does not exist there.
    names: [&'static str; 2],
    /// Its operators; `None` for a prefix.
    pub kind: Option<Kind>,
    /// Largest value on the wire.
    pub max: u64,
    /// Largest value in texts.
    limit: u64,
    values: Values,
}

impl Component {
    const fn new(
        code: u8,
        names: [&'static str; 2],
        kind: Option<Kind>,
        max: u64,
        limit: u64,
        values: Values,
    ) -> Self {
        Self {
            code,
            names,
            kind,
            max,
            limit,
            values,
        }
    }

    /// The component with that type code in rules of that family.
    pub(super) fn of(afi: Afi, code: u8) -> Option<&'static Self> {
        let component = COMPONENTS.get(usize::from(code.checked_sub(1)?))?;
        (!component.name(afi).is_empty()).then_some(component)
    }

    /// The component with that configuration keyword.
    pub(super) fn named(keyword: &str) -> Option<&'static Self> {
        let keyword = match keyword {
            "destination" => "destination-ipv4",
            "source" => "source-ipv4",
            _ => keyword,
        };
        COMPONENTS
            .iter()
            .find(|component| !keyword.is_empty() && component.names.contains(&keyword))
    }

    /// Its name in rules of that family.
    pub(super) fn name(&self, afi: Afi) -> &'static str {
        self.names[usize::from(afi == Afi::IPV6)]
    }

    /// The text of a value, in rules of that family.
    pub(super) fn value_text(&self, afi: Afi, value: u64) -> String {
        match self.values {
            // RFC 8955 4.2.2.11: "The six least significant bits contain the DSCP value."
            Values::Plain if self.code == DSCP && afi == Afi::IPV4 => {
                (value & DSCP_MAX).to_string()
            }
            Values::Plain | Values::Port | Values::IcmpCode => value.to_string(),
            Values::Protocol => name_of(PROTOCOLS, value),
            Values::IcmpType => name_of(ICMP_TYPES, value),
            Values::TcpFlags => bits_text(TCP_FLAGS, value),
            // RFC 8955 4.2.2.12, RFC 8956 3.6: the other bits "MUST be ignored on decoding"; IPv6 has no don't-fragment.
            Values::Fragment => bits_text(FRAGMENTS, value & fragment_bits(afi)),
        }
    }

    /// Returns `true` if a rule of that family may have `value` in this component.
    pub(super) fn may_have(&self, afi: Afi, value: u64) -> bool {
        self.values != Values::Fragment || value & !fragment_bits(afi) == 0
    }

    /// The value of a word, which may combine several with `+`.
    pub(super) fn value(&self, word: &str) -> Option<u64> {
        let names = match self.values {
            Values::Plain | Values::Port => &[][..],
            Values::Protocol => PROTOCOLS,
            Values::IcmpType => ICMP_TYPES,
            Values::IcmpCode => ICMP_CODES,
            Values::TcpFlags => TCP_FLAGS,
            Values::Fragment => FRAGMENTS,
        };
        let one = |word: &str| {
            let name = word.to_ascii_lowercase().replace('_', "-");
            let named = names
                .iter()
                .find(|(_, known)| *known == name)
                .map(|(value, _)| *value);
            let port = || {
                (self.values == Values::Port)
                    .then(|| services::port(word))
                    .flatten()
                    .map(u64::from)
            };
            named
                .or_else(|| value::number_or_hex(word, self.limit))
                .or_else(port)
        };
        let sum = match self.values {
            Values::TcpFlags | Values::Fragment => word
                .split('+')
                .map(one)
                .try_fold(0, |sum, bits| Some(sum | bits?))?,
            _ => one(word)?,
        };
        (sum <= self.limit).then_some(sum)
    }

    /// The maximum value in the text after `keyword`: DSCP has six bits; the same component is an octet in IPv6.
    pub(super) fn limit_of(&self, keyword: &str) -> u64 {
        if keyword == "dscp" {
            DSCP_MAX
        } else {
            self.limit
        }
    }

    /// Returns `true` if its values are ports.
    pub(super) fn is_port(&self) -> bool {
        self.values == Values::Port
    }

    /// The expected input after `keyword`, for error messages.
    pub(super) fn expected(&self, keyword: &str) -> String {
        let names = match self.values {
            Values::Port => " or the name of a service",
            Values::Protocol => " or a name like `tcp`",
            Values::IcmpType => " or a name like `echo-request`",
            Values::IcmpCode => " or a name like `port-unreachable`",
            Values::TcpFlags => ", or flags like `syn+ack`",
            Values::Fragment => ", or bits like `is-fragment`",
            Values::Plain => "",
        };
        format!("a number from 0 to {}{names}", self.limit_of(keyword))
    }
}

const DSCP: u8 = 11;
const DSCP_MAX: u64 = 63;

/// The defined bits of a fragment component: IPv6 packets have no don't-fragment (RFC 8956 section 3.6).
fn fragment_bits(afi: Afi) -> u64 {
    if afi == Afi::IPV6 { 0x0E } else { 0x0F }
}

const NUMERIC: Option<Kind> = Some(Kind::Numeric);
const BITMASK: Option<Kind> = Some(Kind::Bitmask);

/// All types; type n is at index n - 1.
#[rustfmt::skip]
const COMPONENTS: &[Component] = &[
    Component::new(1, ["destination-ipv4", "destination-ipv6"], None, 0, 0, Values::Plain),
    Component::new(2, ["source-ipv4", "source-ipv6"], None, 0, 0, Values::Plain),
    Component::new(3, ["protocol", "next-header"], NUMERIC, 0xFF, 0xFF, Values::Protocol),
    Component::new(4, ["port", "port"], NUMERIC, 0xFFFF, 0xFFFF, Values::Port),
    Component::new(5, ["destination-port", "destination-port"], NUMERIC, 0xFFFF, 0xFFFF, Values::Port),
    Component::new(6, ["source-port", "source-port"], NUMERIC, 0xFFFF, 0xFFFF, Values::Port),
    Component::new(7, ["icmp-type", "icmp-type"], NUMERIC, 0xFF, 0xFF, Values::IcmpType),
    Component::new(8, ["icmp-code", "icmp-code"], NUMERIC, 0xFF, 0xFF, Values::IcmpCode),
    Component::new(9, ["tcp-flags", "tcp-flags"], BITMASK, 0xFFFF, 0xFFFF, Values::TcpFlags),
    Component::new(10, ["packet-length", "packet-length"], NUMERIC, 0xFFFF, 0xFFFF, Values::Plain),
    Component::new(11, ["dscp", "traffic-class"], NUMERIC, 0xFF, 0xFF, Values::Plain),
    Component::new(12, ["fragment", "fragment"], BITMASK, 0xFFFF, 0x0F, Values::Fragment),
    Component::new(13, ["", "flow-label"], NUMERIC, 0xFFFF_FFFF, 0xF_FFFF, Values::Plain),
];

type Names = &'static [(u64, &'static str)];

const PROTOCOLS: Names = &[
    (1, "icmp"),
    (2, "igmp"),
    (6, "tcp"),
    (8, "egp"),
    (17, "udp"),
    (46, "rsvp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (89, "ospf"),
    (94, "ipip"),
    (103, "pim"),
    (132, "sctp"),
];

const ICMP_TYPES: Names = &[
    (0, "echo-reply"),
    (3, "unreachable"),
    (5, "redirect"),
    (8, "echo-request"),
    (9, "router-advertisement"),
    (10, "router-solicit"),
    (11, "time-exceeded"),
    (12, "parameter-problem"),
    (13, "timestamp"),
    (14, "timestamp-reply"),
    (40, "photuris"),
    (41, "experimental-mobility"),
    (42, "extended-echo-request"),
    (43, "extended-echo-reply"),
    (253, "experimental-one"),
    (254, "experimental-two"),
];

const ICMP_CODES: Names = &[
    (0, "network-unreachable"),
    (1, "host-unreachable"),
    (2, "protocol-unreachable"),
    (3, "port-unreachable"),
    (4, "fragmentation-needed"),
    (5, "source-route-failed"),
    (6, "destination-network-unknown"),
    (7, "destination-host-unknown"),
    (8, "source-host-isolated"),
    (9, "destination-network-prohibited"),
    (10, "destination-host-prohibited"),
    (11, "network-unreachable-for-tos"),
    (12, "host-unreachable-for-tos"),
    (13, "communication-prohibited-by-filtering"),
    (14, "host-precedence-violation"),
    (15, "precedence-cutoff-in-effect"),
    (0, "redirect-for-network"),
    (1, "redirect-for-host"),
    (2, "redirect-for-tos-and-net"),
    (3, "redirect-for-tos-and-host"),
    (0, "ttl-eq-zero-during-transit"),
    (1, "ttl-eq-zero-during-reassembly"),
    (1, "required-option-missing"),
    (2, "ip-header-bad"),
];

const TCP_FLAGS: Names = &[
    (0x01, "fin"),
    (0x02, "syn"),
    (0x04, "rst"),
    (0x08, "push"),
    (0x10, "ack"),
    (0x20, "urg"),
    (0x40, "ece"),
    (0x80, "cwr"),
    (0x100, "ns"),
    (0x20, "urgent"),
];

const FRAGMENTS: Names = &[
    (1, "dont-fragment"),
    (2, "is-fragment"),
    (4, "first-fragment"),
    (8, "last-fragment"),
];

fn name_of(names: Names, value: u64) -> String {
    names
        .iter()
        .find(|(known, _)| *known == value)
        .map_or_else(|| value.to_string(), |(_, name)| (*name).to_owned())
}

/// `syn+ack`. Zero, and values with unnamed bits, are shown in hexadecimal.
fn bits_text(names: Names, value: u64) -> String {
    let mut left = value;
    let mut parts = Vec::new();
    for (bit, name) in names {
        if left & bit != 0 {
            parts.push((*name).to_owned());
            left -= bit;
        }
    }
    if left != 0 || parts.is_empty() {
        parts.push(format!("{value:#x}"));
    }
    parts.join("+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_stands_at_its_place() {
        for (index, component) in COMPONENTS.iter().enumerate() {
            assert_eq!(usize::from(component.code), index + 1);
        }
        assert!(Component::of(Afi::IPV4, 13).is_none());
        assert_eq!(
            Component::of(Afi::IPV6, 13).map(|component| component.code),
            Some(13)
        );
        assert!(Component::of(Afi::IPV6, 0).is_none() && Component::of(Afi::IPV6, 14).is_none());
    }

    #[test]
    fn values_have_names_and_limits() {
        let value = |keyword, word| Component::named(keyword).expect("a keyword").value(word);
        assert_eq!(value("tcp-flags", "syn+ack"), Some(0x12));
        assert_eq!(value("tcp-flags", "0x12"), Some(0x12));
        assert_eq!(value("protocol", "TCP"), Some(6));
        assert_eq!(value("icmp-type", "unreachable"), Some(3));
        assert_eq!(value("port", "http"), Some(80));
        assert_eq!(value("port", "65536"), None);
        assert_eq!(value("flow-label", "1048576"), None);
        assert_eq!(value("protocol", "foo"), None);
        assert_eq!(
            Component::named("foo").map(|component| component.code),
            None
        );
    }
}
