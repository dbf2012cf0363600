//! Address families: AFI, SAFI, their pair, and sets of pairs (RFC 4760, IANA registries).

use std::fmt;

/// An address family identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Afi(pub u16);

impl Afi {
    /// IPv4.
    pub const IPV4: Self = Self(1);
    /// IPv6.
    pub const IPV6: Self = Self(2);
    /// Layer-2 VPN.
    pub const L2VPN: Self = Self(25);
    /// BGP-LS.
    pub const BGP_LS: Self = Self(16388);

    /// The name in configurations and events, if it has one.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::IPV4 => "ipv4",
            Self::IPV6 => "ipv6",
            Self::L2VPN => "l2vpn",
            Self::BGP_LS => "bgp-ls",
            _ => return None,
        })
    }

    /// The identifier with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::IPV4, Self::IPV6, Self::L2VPN, Self::BGP_LS]
            .into_iter()
            .find(|afi| afi.name() == Some(name))
    }
}

impl fmt::Display for Afi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "unknown-afi-{:#x}", self.0),
        }
    }
}

/// A subsequent address family identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Safi(pub u8);

impl Safi {
    /// Unicast.
    pub const UNICAST: Self = Self(1);
    /// Multicast.
    pub const MULTICAST: Self = Self(2);
    /// Labeled unicast (RFC 8277).
    pub const NLRI_MPLS: Self = Self(4);
    /// Multicast VPN (RFC 6514).
    pub const MCAST_VPN: Self = Self(5);
    /// VPLS (RFC 4761).
    pub const VPLS: Self = Self(65);
    /// EVPN (RFC 7432).
    pub const EVPN: Self = Self(70);
    /// BGP-LS (RFC 9552).
    pub const BGP_LS: Self = Self(71);
    /// BGP-LS-VPN (RFC 9552).
    pub const BGP_LS_VPN: Self = Self(72);
    /// SR Policy (RFC 9830).
    pub const SR_POLICY: Self = Self(73);
    /// Mobile user plane (draft-mpmz-bess-mup-safi).
    pub const MUP: Self = Self(85);
    /// VPN (RFC 4364).
    pub const MPLS_VPN: Self = Self(128);
    /// Route-target constraint (RFC 4684).
    pub const RTC: Self = Self(132);
    /// FlowSpec (RFC 8955).
    pub const FLOW: Self = Self(133);
    /// FlowSpec VPN (RFC 8955).
    pub const FLOW_VPN: Self = Self(134);

    const ALL: [Self; 14] = [
        Self::UNICAST,
        Self::MULTICAST,
        Self::NLRI_MPLS,
        Self::MCAST_VPN,
        Self::VPLS,
        Self::EVPN,
        Self::BGP_LS,
        Self::BGP_LS_VPN,
        Self::SR_POLICY,
        Self::MUP,
        Self::MPLS_VPN,
        Self::RTC,
        Self::FLOW,
        Self::FLOW_VPN,
    ];

    /// The name in configurations and events, if it has one.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::UNICAST => "unicast",
            Self::MULTICAST => "multicast",
            Self::NLRI_MPLS => "nlri-mpls",
            Self::MCAST_VPN => "mcast-vpn",
            Self::VPLS => "vpls",
            Self::EVPN => "evpn",
            Self::BGP_LS => "bgp-ls",
            Self::BGP_LS_VPN => "bgp-ls-vpn",
            Self::SR_POLICY => "sr-policy",
            Self::MUP => "mup",
            Self::MPLS_VPN => "mpls-vpn",
            Self::RTC => "rtc",
            Self::FLOW => "flow",
            Self::FLOW_VPN => "flow-vpn",
            _ => return None,
        })
    }

    /// The identifier with that name, ignoring case; `labeled-unicast` is ExaBGP 6.0's name for `nlri-mpls`.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        if name == "labeled-unicast" {
            return Some(Self::NLRI_MPLS);
        }
        Self::ALL
            .into_iter()
            .find(|safi| safi.name() == Some(&name))
    }
}

impl fmt::Display for Safi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "unknown safi {}", self.0),
        }
    }
}

/// An address family: AFI and SAFI. `Display` is `ipv4 unicast`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Family {
    /// What the addresses are.
    pub afi: Afi,
    /// What they are for.
    pub safi: Safi,
}

impl Family {
    /// IPv4 unicast, the family of RFC 4271.
    pub const IPV4_UNICAST: Self = Self::of(Afi::IPV4, Safi::UNICAST);
    /// IPv6 unicast.
    pub const IPV6_UNICAST: Self = Self::of(Afi::IPV6, Safi::UNICAST);
    /// IPv4 multicast.
    pub const IPV4_MULTICAST: Self = Self::of(Afi::IPV4, Safi::MULTICAST);
    /// IPv6 multicast.
    pub const IPV6_MULTICAST: Self = Self::of(Afi::IPV6, Safi::MULTICAST);
    /// IPv4 labeled unicast (RFC 8277).
    pub const IPV4_NLRI_MPLS: Self = Self::of(Afi::IPV4, Safi::NLRI_MPLS);
    /// IPv6 labeled unicast (RFC 8277).
    pub const IPV6_NLRI_MPLS: Self = Self::of(Afi::IPV6, Safi::NLRI_MPLS);
    /// IPv4 multicast VPN (RFC 6514).
    pub const IPV4_MCAST_VPN: Self = Self::of(Afi::IPV4, Safi::MCAST_VPN);
    /// IPv6 multicast VPN (RFC 6514).
    pub const IPV6_MCAST_VPN: Self = Self::of(Afi::IPV6, Safi::MCAST_VPN);
    /// IPv4 SR Policy (RFC 9830).
    pub const IPV4_SR_POLICY: Self = Self::of(Afi::IPV4, Safi::SR_POLICY);
    /// IPv6 SR Policy (RFC 9830).
    pub const IPV6_SR_POLICY: Self = Self::of(Afi::IPV6, Safi::SR_POLICY);
    /// IPv4 mobile user plane (draft-mpmz-bess-mup-safi).
    pub const IPV4_MUP: Self = Self::of(Afi::IPV4, Safi::MUP);
    /// IPv6 mobile user plane (draft-mpmz-bess-mup-safi).
    pub const IPV6_MUP: Self = Self::of(Afi::IPV6, Safi::MUP);
    /// IPv4 VPN (RFC 4364).
    pub const IPV4_MPLS_VPN: Self = Self::of(Afi::IPV4, Safi::MPLS_VPN);
    /// IPv6 VPN (RFC 4659).
    pub const IPV6_MPLS_VPN: Self = Self::of(Afi::IPV6, Safi::MPLS_VPN);
    /// IPv4 route target constraint (RFC 4684).
    pub const IPV4_RTC: Self = Self::of(Afi::IPV4, Safi::RTC);
    /// IPv4 FlowSpec (RFC 8955).
    pub const IPV4_FLOW: Self = Self::of(Afi::IPV4, Safi::FLOW);
    /// IPv6 FlowSpec (RFC 8956).
    pub const IPV6_FLOW: Self = Self::of(Afi::IPV6, Safi::FLOW);
    /// IPv4 FlowSpec VPN (RFC 8955).
    pub const IPV4_FLOW_VPN: Self = Self::of(Afi::IPV4, Safi::FLOW_VPN);
    /// IPv6 FlowSpec VPN (RFC 8956).
    pub const IPV6_FLOW_VPN: Self = Self::of(Afi::IPV6, Safi::FLOW_VPN);
    /// VPLS (RFC 4761).
    pub const VPLS: Self = Self::of(Afi::L2VPN, Safi::VPLS);
    /// EVPN (RFC 7432).
    pub const EVPN: Self = Self::of(Afi::L2VPN, Safi::EVPN);
    /// BGP-LS (RFC 9552).
    pub const BGP_LS: Self = Self::of(Afi::BGP_LS, Safi::BGP_LS);
    /// BGP-LS-VPN (RFC 9552).
    pub const BGP_LS_VPN: Self = Self::of(Afi::BGP_LS, Safi::BGP_LS_VPN);

    /// Every family that has a codec, sorted by AFI, then SAFI.
    pub const KNOWN: [Self; 23] = [
        Self::IPV4_UNICAST,
        Self::IPV4_MULTICAST,
        Self::IPV4_NLRI_MPLS,
        Self::IPV4_MCAST_VPN,
        Self::IPV4_SR_POLICY,
        Self::IPV4_MUP,
        Self::IPV4_MPLS_VPN,
        Self::IPV4_RTC,
        Self::IPV4_FLOW,
        Self::IPV4_FLOW_VPN,
        Self::IPV6_UNICAST,
        Self::IPV6_MULTICAST,
        Self::IPV6_NLRI_MPLS,
        Self::IPV6_MCAST_VPN,
        Self::IPV6_SR_POLICY,
        Self::IPV6_MUP,
        Self::IPV6_MPLS_VPN,
        Self::IPV6_FLOW,
        Self::IPV6_FLOW_VPN,
        Self::VPLS,
        Self::EVPN,
        Self::BGP_LS,
        Self::BGP_LS_VPN,
    ];

    const fn of(afi: Afi, safi: Safi) -> Self {
        Self { afi, safi }
    }

    /// Bits of an address in the families whose NLRI are prefixes and nothing else: IPv4 and IPv6, unicast and multicast.
    pub const fn prefix_bits(self) -> Option<u8> {
        match (self.afi, self.safi) {
            (Afi::IPV4, Safi::UNICAST | Safi::MULTICAST) => Some(32),
            (Afi::IPV6, Safi::UNICAST | Safi::MULTICAST) => Some(128),
            _ => None,
        }
    }

    /// The family with these code points.
    pub const fn new(afi: u16, safi: u8) -> Self {
        Self {
            afi: Afi(afi),
            safi: Safi(safi),
        }
    }

    /// The 21 families offered by a neighbor without a `family` block: all but SR Policy.
    pub fn defaults() -> impl Iterator<Item = Self> {
        Self::KNOWN
            .into_iter()
            .filter(|family| family.safi != Safi::SR_POLICY)
    }

    /// The position in [`Family::KNOWN`].
    pub fn index(self) -> Option<usize> {
        Self::KNOWN.binary_search(&self).ok()
    }

    /// The form `ipv4/unicast` of OPEN events.
    pub fn display_slash(self) -> impl fmt::Display {
        struct Slash(Family);
        impl fmt::Display for Slash {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}/{}", self.0.afi, self.0.safi)
            }
        }
        Slash(self)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.afi, self.safi)
    }
}

/// A set of known families; unknown ones are never members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FamilySet(u32);

impl FamilySet {
    /// No family.
    pub const EMPTY: Self = Self(0);

    /// Adds `family`. An unknown family is ignored.
    pub fn insert(&mut self, family: Family) {
        if let Some(index) = family.index() {
            self.0 |= 1 << index;
        }
    }

    /// Returns `true` if `family` is a member.
    pub fn contains(self, family: Family) -> bool {
        self.0 != 0 && family.index().is_some_and(|index| self.0 & 1 << index != 0)
    }

    /// Returns `true` if the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, sorted.
    pub fn iter(self) -> impl Iterator<Item = Family> {
        Family::KNOWN
            .into_iter()
            .filter(move |family| self.contains(*family))
    }
}

impl FromIterator<Family> for FamilySet {
    fn from_iter<T: IntoIterator<Item = Family>>(families: T) -> Self {
        let mut set = Self::EMPTY;
        families.into_iter().for_each(|family| set.insert(family));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_families_are_sorted_and_named() {
        assert!(Family::KNOWN.is_sorted());
        assert_eq!(Family::defaults().count(), 21);
        for family in Family::KNOWN {
            assert!(
                family.afi.name().is_some() && family.safi.name().is_some(),
                "{family}"
            );
            assert_eq!(Safi::from_name(&family.safi.to_string()), Some(family.safi));
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: FamilySet = [
            Family::IPV6_UNICAST,
            Family::IPV4_UNICAST,
            Family::new(9, 9),
        ]
        .into_iter()
        .collect();
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [Family::IPV4_UNICAST, Family::IPV6_UNICAST]
        );
        assert!(!set.contains(Family::new(9, 9)));
    }
}
