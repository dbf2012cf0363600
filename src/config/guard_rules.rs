//! What the `guard` of a process says about an announcement: pure rules, which the daemon applies to commands, and the reader of files
//! to what commands would announce.

use std::net::IpAddr;

use super::guard::{FlowAction, GuardConfig, RequiredCommunity};
use crate::bgp::attribute::Attribute;
use crate::bgp::attribute::ext_community::ExtCommunity;
use crate::bgp::attribute::ext_community_ipv6::ExtCommunityIpv6;
use crate::bgp::iana::attribute::{EXTENDED_COMMUNITIES, IPV6_EXTENDED_COMMUNITIES};
use crate::bgp::nlri::inet::prefix_of;
use crate::bgp::{AttributeSet, NlriRef, Safi};
use crate::rib::{Action, Change};

/// Why an announcement is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// The rule: a label of metrics.
    pub(crate) rule: &'static str,
    pub(crate) message: String,
}

fn reject(rule: &'static str, message: String) -> Result<(), Rejection> {
    Err(Rejection { rule, message })
}

/// Refuses an attribute that announces or withdraws routes of its own: they are in no table, so that they could be neither
/// counted nor withdrawn.
pub(crate) fn judge_raw(change: &Change) -> Result<(), Rejection> {
    let Action::Announce(attributes) = &change.action else {
        return Ok(());
    };
    match attributes.raw_reachability() {
        None => Ok(()),
        Some(code) => reject(
            "attribute",
            format!(
                "`{}`: the attribute {code} would announce or withdraw other routes",
                change.nlri
            ),
        ),
    }
}

/// Judges the contents of an announcement.
pub(crate) fn judge(guard: &GuardConfig, change: &Change) -> Result<(), Rejection> {
    let Action::Announce(attributes) = &change.action else {
        return Ok(());
    };
    let nlri = &change.nlri;
    let family = nlri.family;
    judge_raw(change)?;
    if !guard.families.is_empty() && !guard.families.contains(&family) {
        return reject(
            "family",
            format!("`{nlri}`: the family {family} is not allowed"),
        );
    }
    let is_flow = matches!(family.safi, Safi::FLOW | Safi::FLOW_VPN);
    let prefix = prefix(nlri.as_ref());
    match prefix {
        None | Some((_, 0)) if is_flow => {
            return reject(
                "destination",
                format!("`{nlri}`: a rule must have a destination"),
            );
        }
        _ => {}
    }
    if !guard.prefixes.is_empty() {
        let inside = prefix.is_some_and(|(address, bits)| {
            guard
                .prefixes
                .iter()
                .any(|allowed| allowed.allows(address, bits))
        });
        if !inside {
            return reject(
                "prefix",
                format!("`{nlri}` is not inside an allowed prefix"),
            );
        }
    }
    for wanted in &guard.communities {
        if !has(attributes, *wanted) {
            return reject(
                "community",
                format!("`{nlri}` lacks the community {wanted}"),
            );
        }
    }
    if is_flow && !guard.actions.is_empty() {
        return actions(guard, attributes).map_err(|message| Rejection {
            rule: "action",
            message: format!("`{nlri}`: {message}"),
        });
    }
    Ok(())
}

/// The prefix of a route, or the destination of a FlowSpec rule.
fn prefix(nlri: NlriRef<'_>) -> Option<(IpAddr, u8)> {
    let afi = nlri.family.afi;
    match nlri.family.safi {
        Safi::UNICAST | Safi::MULTICAST => Some(prefix_of(afi, nlri.bytes)),
        // Their keys have no labels.
        Safi::NLRI_MPLS => Some(prefix_of(afi, &nlri.key())),
        Safi::MPLS_VPN => Some(prefix_of(afi, nlri.key().get(8..)?)),
        Safi::FLOW | Safi::FLOW_VPN => destination(nlri),
        _ => None,
    }
}

/// The destination of a FlowSpec rule, which is its first component if it has one (RFC 8955 section 4.2).
fn destination(nlri: NlriRef<'_>) -> Option<(IpAddr, u8)> {
    let length = if *nlri.bytes.first()? >= 0xF0 { 2 } else { 1 };
    let rd = if nlri.family.safi == Safi::FLOW_VPN {
        8
    } else {
        0
    };
    let components = nlri.bytes.get(length + rd..)?;
    let (kind, rest) = components.split_first()?;
    if *kind != 1 {
        return None;
    }
    if nlri.family.afi == crate::bgp::Afi::IPV4 {
        let octets = usize::from(rest.first()?.div_ceil(8));
        return Some(prefix_of(nlri.family.afi, rest.get(..=octets)?));
    }
    // RFC 8956 section 3.1: the offset follows the length, and the bits before it are not matched.
    let (bits, offset) = (*rest.first()?, *rest.get(1)?);
    if offset != 0 {
        return None;
    }
    let octets = usize::from(bits.div_ceil(8));
    let mut prefix = vec![bits];
    prefix.extend_from_slice(rest.get(2..2 + octets)?);
    Some(prefix_of(nlri.family.afi, &prefix))
}

fn has(attributes: &AttributeSet, wanted: RequiredCommunity) -> bool {
    attributes
        .list()
        .iter()
        .any(|attribute| match (attribute, wanted) {
            (Attribute::Communities(list), RequiredCommunity::Standard(wanted)) => {
                list.0.contains(&wanted)
            }
            (Attribute::LargeCommunities(list), RequiredCommunity::Large(wanted)) => {
                list.0.contains(&wanted)
            }
            _ => false,
        })
}

/// The first of these attributes that was given byte for byte: `attribute [ 0x0e … ]`.
fn raw(attributes: &AttributeSet, codes: &[u8]) -> Option<u8> {
    let codes_of = attributes.list().iter().map(|attribute| match attribute {
        Attribute::Generic(generic) => Some(generic.code),
        _ => None,
    });
    codes_of.flatten().find(|code| codes.contains(code))
}

/// Checks that a rule has actions, and only those that are allowed.
fn actions(guard: &GuardConfig, attributes: &AttributeSet) -> Result<(), String> {
    if let Some(code) = raw(
        attributes,
        &[EXTENDED_COMMUNITIES, IPV6_EXTENDED_COMMUNITIES],
    ) {
        return Err(format!("the attribute {code} may have actions"));
    }
    let mut count = 0;
    for attribute in attributes.list() {
        let actions: Vec<Option<FlowAction>> = match attribute {
            Attribute::ExtCommunities(list) => list.0.iter().filter_map(action).collect(),
            Attribute::ExtCommunitiesIpv6(list) => list.0.iter().filter_map(action_ipv6).collect(),
            _ => continue,
        };
        for action in actions {
            let action = action.ok_or("an unknown action is not allowed")?;
            if !guard.actions.contains(&action) {
                return Err(format!("the action `{}` is not allowed", action.name()));
            }
            count += 1;
        }
    }
    if count == 0 {
        return Err("a rule must have an allowed action".to_owned());
    }
    Ok(())
}

/// The action that an extended community stands for: `None` if it is not one of FlowSpec, and `Some(None)` if it is one that
/// is not known, or may be one.
fn action(community: &ExtCommunity) -> Option<Option<FlowAction>> {
    let bytes = community.0;
    // IANA's registries of transitive and non-transitive types: the first bit is that of experiments, the second that of what is
    // not transitive.
    let (kind, sub_type) = (bytes[0] & 0x3F, bytes[1]);
    if bytes[0] & 0x80 == 0 {
        return match (kind, sub_type) {
            // draft-ietf-idr-flowspec-redirect-ip, draft-ietf-idr-flowspec-path-redirect.
            (0x08, 0x00) | (0x00..=0x02, 0x0C) | (0x09, _) => Some(Some(FlowAction::Redirect)),
            // Those of AS numbers and addresses, such as route targets; opaque ones, such as colors; those of EVPN.
            (0x00..=0x03 | 0x06, _) => None,
            _ => Some(None),
        };
    }
    // RFC 8955 section 7.
    match sub_type {
        0x06 | 0x0C => {
            let rate = f32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
            Some(Some(match rate == 0.0 {
                true => FlowAction::Discard,
                false => FlowAction::RateLimit,
            }))
        }
        0x07 => Some(Some(FlowAction::Action)),
        0x08 => Some(Some(FlowAction::Redirect)),
        0x09 => Some(Some(FlowAction::Mark)),
        _ => Some(None),
    }
}

/// The same of an IPv6 address specific one.
const fn action_ipv6(community: &ExtCommunityIpv6) -> Option<Option<FlowAction>> {
    // RFC 5701 section 2, RFC 8956 section 6.1, draft-ietf-idr-flowspec-redirect-ip.
    match community.0[1] {
        // Route Target, Route Origin, VRF Route Import.
        0x02 | 0x03 | 0x10 => None,
        0x0B..=0x0D => Some(Some(FlowAction::Redirect)),
        _ => Some(None),
    }
}
