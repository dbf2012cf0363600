//! Turns a neighbor as written into a valid one: reports what is missing or inconsistent, and fills in what follows from the
//! rest.

use std::net::IpAddr;
use std::rc::Rc;

use super::base64::decode;
use super::capability::Restart;
use super::context::Context;
use super::diagnostic::Diagnostic;
use super::draft::Draft;
use super::guard::GuardConfig;
use super::guard_rules;
use super::model::{self, NeighborConfig, Subscription};
use super::placed_routes::PlacedRoutes;
use super::route_checks::RouteChecks;
use super::schema::Seen;
use super::session::{AddPath, Base64, CapabilityConfig, SessionConfig, Unwritten};
use super::tree::Statement;
use super::{announce_limit_section, subscription};
use crate::bgp::{Afi, Family, Safi, Spelling};
use crate::grammar::RouteList;
use crate::rib::{Action, Change, PeerSet};
use crate::text::Span;

/// A neighbor, and the place of its address.
pub(crate) struct Checked {
    pub(crate) config: NeighborConfig,
    span: Span,
}

/// Completes a neighbor. `errors` is the number of errors before it: if there are more now, missing settings are
/// still reported, but `None` is returned. `seen` are the settings that the file has.
pub(crate) fn finish(
    cx: &mut Context<'_>,
    mut draft: Draft,
    seen: &Seen,
    (statement, errors): (&Statement, usize),
) -> Option<Checked> {
    let subscriptions = subscription::resolve(cx, std::mem::take(&mut draft.subscriptions));
    missing(cx, &draft, seen, statement);
    let session = session(cx, &mut draft)?;
    watchdogs(cx, &draft, &subscriptions);
    let routes = routes(cx, &mut draft, &session);
    let mut operational = Vec::new();
    for (message, span) in std::mem::take(&mut draft.operational) {
        if session.families.contains(&message.family) {
            operational.push(message);
        } else {
            let text = format!(
                "this neighbor has no family `{}`: the message is not sent",
                message.family
            );
            cx.report.add(Diagnostic::warning(span, text));
        }
    }
    let mut adj_rib_out = draft.adj_rib_out.unwrap_or(true);
    if session.capabilities.route_refresh && !adj_rib_out {
        cx.report.add(Diagnostic::warning(
            draft.peer_span,
            "`route-refresh` needs the Adj-RIB-Out: `adj-rib-out` stays enabled",
        ));
        adj_rib_out = true;
    }
    without_effect(cx, &draft, &session);
    families_without_effect(cx, &draft, &session);
    let config = NeighborConfig {
        session,
        description: draft.description.unwrap_or_default(),
        manual_eor: draft.manual_eor.unwrap_or(false),
        eor_deferral: draft.eor_deferral,
        auto_flush: draft.auto_flush.unwrap_or(true),
        adj_rib_in: draft.adj_rib_in.unwrap_or(true),
        adj_rib_out,
        rate_limit: draft.rate_limit,
        prefix_limit: draft.prefix_limit,
        dynamic_limit: draft.dynamic_limit,
        announce_limit: (!draft.announce_limit.is_empty()).then(|| Box::new(draft.announce_limit)),
        stale_path_time: draft.stale_path_time.unwrap_or(model::STALE_PATH_TIME),
        subscriptions,
        operational,
        md5: draft
            .md5_password
            .map(|(password, _)| (password, draft.md5_base64)),
        routes,
    };
    (cx.report.errors == errors).then_some(Checked {
        config,
        span: draft.peer_span,
    })
}

/// Warns about settings that have no effect without another one.
fn without_effect(cx: &mut Context<'_>, draft: &Draft, session: &SessionConfig) {
    let capabilities = &session.capabilities;
    if capabilities.long_lived_graceful_restart.is_some() && capabilities.graceful_restart.is_none()
    {
        // RFC 9494 4.1 makes long-lived graceful restart a companion of graceful restart.
        let text = "`long-lived-graceful-restart` has no effect without `graceful-restart`";
        cx.report.add(Diagnostic::warning(draft.peer_span, text));
    }
    if capabilities.graceful_restart_notification && capabilities.graceful_restart.is_none() {
        let text = "`graceful-restart-notification` has no effect without `graceful-restart`";
        cx.report.add(Diagnostic::warning(draft.peer_span, text));
    }
    if draft.prefix_limit.is_some() && draft.adj_rib_in == Some(false) {
        let text = "`prefix-limit` has no effect without `adj-rib-in`, whose routes it counts";
        cx.report.add(Diagnostic::warning(draft.peer_span, text));
    }
    if !draft.announce_limit.is_empty() && draft.adj_rib_out == Some(false) {
        let text = "`announce-limit` has no effect without `adj-rib-out`, whose routes it counts";
        cx.report.add(Diagnostic::warning(draft.peer_span, text));
    }
    let width = if session.peer_address.is_ipv4() {
        32
    } else {
        128
    };
    if draft.dynamic_limit.is_some() && session.peer_prefix == width {
        let text = "`dynamic-limit` has no effect: the neighbor is one address, not a range";
        cx.report.add(Diagnostic::warning(draft.peer_span, text));
    }
    if draft.announce_limit.is_empty() && draft.announce_limit.warn_at.is_some() {
        let text = "`announce-limit` with `warn-at` alone limits nothing";
        cx.report.add(
            Diagnostic::warning(draft.peer_span, text)
                .with_help("add `total <routes>;` or `<afi> <safi> <routes>;`"),
        );
    }
}

/// Warns about what the sections `nexthop` and `add-path`, and the capabilities of these names, do not add to the OPEN.
fn families_without_effect(cx: &mut Context<'_>, draft: &Draft, session: &SessionConfig) {
    let span = draft.peer_span;
    let capabilities = &session.capabilities;
    let foreign = |section: &str, family: &Family| {
        let text = format!("`{section}` of `{family}`: this neighbor has no such family");
        Diagnostic::warning(span, text)
            .with_help(format!("add `{family};` to its `family` section"))
    };
    let offers = |family: &Family| session.families.contains(family);
    let limited = draft.announce_limit.families.iter();
    for (family, _) in limited.filter(|(family, _)| !offers(family)) {
        cx.report.add(foreign("announce-limit", family));
    }
    let pairs = draft.nexthops.as_deref().unwrap_or_default();
    match &capabilities.nexthop {
        Some(_) if pairs.is_empty() => {
            let text = "`nexthop` has no effect: there are no next hops to negotiate";
            let warning = Diagnostic::warning(span, text)
                .with_help("add `nexthop { ipv4 unicast ipv6; }` to the neighbor (RFC 8950)");
            cx.report.add(warning);
        }
        Some(_) => {
            let unused = pairs.iter().filter(|(family, _)| !offers(family));
            unused.for_each(|(family, _)| cx.report.add(foreign("nexthop", family)));
        }
        None => {}
    }
    let named = &draft.add_path.named;
    if capabilities.add_path == AddPath::default() {
        if !named.is_empty() {
            let text = "the section `add-path` has no effect without `add-path` in `capability`";
            cx.report.add(Diagnostic::warning(span, text));
        }
        return;
    }
    for family in named {
        if !offers(family) {
            cx.report.add(foreign("add-path", family));
        } else if !capabilities.add_path_families.contains(family) {
            let text = format!("`{family}` has no path identifiers: `add-path` has no effect");
            cx.report.add(Diagnostic::warning(span, text));
        }
    }
    if named.is_empty() && capabilities.add_path_families.is_empty() {
        let text = "`add-path` has no effect: no family of the neighbor has path identifiers";
        cx.report.add(Diagnostic::warning(span, text));
    }
}

/// Reports everything that is missing, in one message.
fn missing(cx: &mut Context<'_>, draft: &Draft, seen: &Seen, statement: &Statement) {
    let mut missing = Vec::new();
    if draft.local_as.is_none() {
        missing.push("local-as");
    }
    if draft.peer_as.is_none() {
        missing.push("peer-as");
    }
    let v6 = draft.peer.is_some_and(|(address, _)| address.is_ipv6());
    if draft.listen > 0 && draft.local_auto {
        let text =
            "`listen` does not go with `local-address auto`: it needs an address to listen at";
        cx.report.add(
            Diagnostic::error(draft.peer_span, text).with_help(
                "give `local-address` an address, or leave `listen` out: `oxabgp_tcp_bind` and `oxabgp_tcp_port` listen for all neighbors",
            ),
        );
    } else if draft.listen > 0 && draft.local_address.is_none() {
        missing.push("local-address");
    }
    if draft.router_id.is_none() && (v6 || draft.local_address.is_none()) {
        missing.push("router-id");
    }
    // A setting with a wrong value was reported already.
    missing.retain(|word| !seen.has("neighbor", word));
    if !missing.is_empty() && !cx.lost {
        let mut error = Diagnostic::error(
            statement.span(),
            format!(
                "the neighbor is not complete: `{}` missing",
                missing.join("`, `")
            ),
        );
        if missing.contains(&"router-id") {
            error = error
                .with_help("`router-id` is needed with an IPv6 peer, and without `local-address`");
        }
        cx.report.add(error);
    }
}

/// Reports addresses that do not fit together.
fn addresses(cx: &mut Context<'_>, draft: &Draft, (peer_address, peer_prefix): (IpAddr, u8)) {
    let span = draft.peer_span;
    let local = draft.local_address;
    if local.is_some_and(|local| local.is_ipv4() != peer_address.is_ipv4()) {
        cx.report.add(Diagnostic::error(
            span,
            "`local-address` and the peer's address must be of the same family",
        ));
    }
    if let (Some(theirs), Some(ours)) = (draft.peer_zone, draft.local_zone)
        && theirs != ours
    {
        let text = format!("the peer is on `{theirs}` and `local-address` on `{ours}`");
        cx.report.add(
            Diagnostic::error(span, text).with_help("link-local addresses reach one link only"),
        );
    }
    let width = if peer_address.is_ipv4() { 32 } else { 128 };
    if peer_prefix < width && !draft.passive.unwrap_or(false) && !cx.env.bgp.passive {
        cx.report.add(
            Diagnostic::error(span, "cannot connect to a range of addresses")
                .with_help("add `passive true;`"),
        );
    }
}

fn session(cx: &mut Context<'_>, draft: &mut Draft) -> Option<SessionConfig> {
    let (peer_address, peer_prefix) = draft.peer?;
    let local = draft.local_address;
    addresses(cx, draft, (peer_address, peer_prefix));
    one_signature(cx, draft);
    let own = match (draft.router_id, local) {
        (Some(router_id), _) => Some(router_id),
        (None, Some(IpAddr::V4(local))) if peer_address.is_ipv4() => Some(local),
        _ => None,
    };
    let families = draft.families.resolve(
        draft
            .routes
            .iter()
            .flatten()
            .flat_map(|placed| placed.routes.families()),
    );
    let hold_time = draft.hold_time.unwrap_or(180);
    let capabilities = Rc::new(capabilities(draft, &families, hold_time));
    Some(SessionConfig {
        peer_address,
        peer_prefix,
        local_address: local,
        zone: draft.peer_zone.or(draft.local_zone),
        spelling: Spelling::new(draft.peer_word.take(), draft.local_word.take()),
        local_link_local: draft.local_link_local,
        router_id: own,
        local_as: draft.local_as.flatten(),
        peer_as: draft.peer_as.flatten(),
        host_name: draft.host_name.take(),
        domain_name: draft.domain_name.take(),
        hold_time,
        passive: draft.passive.unwrap_or(false),
        listen: draft.listen,
        connect: (draft.connect > 0).then_some(draft.connect),
        source_interface: draft.source_interface.take(),
        outgoing_ttl: draft
            .outgoing_ttl
            .or_else(|| draft.incoming_ttl.map(|_| 255)),
        incoming_ttl: draft.incoming_ttl,
        md5_password: key(cx, draft),
        md5_ip: draft.md5_ip,
        tcp_ao: draft.tcp_ao.take().map(Box::new),
        group_updates: draft.group_updates.unwrap_or(true),
        unwritten: Unwritten {
            families: draft.families.is_unwritten(),
            extended_message: draft.capability.extended_message.is_none(),
        },
        families,
        capabilities,
    })
}

fn capabilities(draft: &Draft, families: &[Family], hold_time: u16) -> CapabilityConfig {
    let written = &draft.capability;
    let add_path = written.add_path.unwrap_or_default();
    let candidates = if draft.add_path.named.is_empty() || draft.add_path.all {
        families.to_vec()
    } else {
        draft.add_path.resolve(std::iter::empty())
    };
    let nexthop = written.nexthop.unwrap_or_else(|| draft.nexthops.is_some());
    let negotiable = |family: Family| families.contains(&family);
    let pairs = draft.nexthops.iter().flatten();
    CapabilityConfig {
        asn4: written.asn4.unwrap_or(true),
        route_refresh: written.route_refresh.unwrap_or(false),
        graceful_restart: match written.graceful_restart {
            None | Some(Restart::Off) => None,
            Some(Restart::HoldTime) => Some(hold_time.min(4095)),
            Some(Restart::Seconds(seconds)) => Some(seconds),
        },
        graceful_restart_notification: written.restart_notification.unwrap_or(false),
        long_lived_graceful_restart: written.long_lived.flatten(),
        add_path,
        add_path_families: if add_path == AddPath::default() {
            Vec::new()
        } else {
            candidates
                .into_iter()
                .filter(|family| {
                    let named = draft.add_path.named.contains(family);
                    negotiable(*family) && (carries_paths(*family) || named && is_flow(*family))
                })
                .collect()
        },
        nexthop: nexthop.then(|| pairs.copied().filter(|(one, _)| negotiable(*one)).collect()),
        extended_message: written.extended_message.unwrap_or(true),
        software_version: written.software_version.unwrap_or(false),
        multi_session: written.multi_session.unwrap_or(false),
        operational: written.operational.unwrap_or(false),
        aigp: written.aigp.unwrap_or(false),
        link_local_nexthop: written.link_local_nexthop.unwrap_or(false),
        link_local_prefer: written.link_local_prefer.unwrap_or(false),
        paths_limit: draft
            .paths_limit
            .iter()
            .copied()
            .filter(|(family, _)| negotiable(*family))
            .collect(),
        role: written.role,
        role_strict: written.role_strict,
    }
}

/// The families that ExaBGP offers ADD-PATH for.
fn carries_paths(family: Family) -> bool {
    matches!(family.afi, Afi::IPV4 | Afi::IPV6)
        && matches!(
            family.safi,
            Safi::UNICAST | Safi::NLRI_MPLS | Safi::MPLS_VPN
        )
}

/// FlowSpec has path identifiers only where `add-path { … }` names it: few peers support them.
fn is_flow(family: Family) -> bool {
    matches!(family.safi, Safi::FLOW | Safi::FLOW_VPN)
}

/// RFC 5925 2.2: "An endpoint MUST NOT use TCP-AO for the same connection in which TCP MD5 is used."
fn one_signature(cx: &mut Context<'_>, draft: &Draft) {
    if let (Some((text, span)), Some(_)) = (&draft.md5_password, &draft.tcp_ao)
        && !text.is_empty()
    {
        let text = "a session has either `md5-password` or `tcp-ao`, not both";
        cx.report.add(Diagnostic::error(*span, text).with_help(
            "remove one of them: RFC 5925 section 2.2 does not allow both for one connection",
        ));
    }
}

/// The MD5 key as it is passed to the system.
fn key(cx: &mut Context<'_>, draft: &Draft) -> Option<Vec<u8>> {
    let (text, span) = draft.md5_password.as_ref()?;
    let looks_encoded = text
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'f' | b'0'..=b'9'));
    let key = match draft.md5_base64 {
        Base64::No => text.as_bytes().to_vec(),
        Base64::Yes => decode(text).unwrap_or_else(|| {
            cx.report.add(
                Diagnostic::error(*span, "this key is not base64")
                    .with_help("remove `md5-base64 true;` if the key is meant as it is"),
            );
            Vec::new()
        }),
        Base64::Auto if looks_encoded => ["==", "=", ""]
            .iter()
            .find_map(|padding| decode(&format!("{text}{padding}")))
            .unwrap_or_else(|| text.as_bytes().to_vec()),
        Base64::Auto => text.as_bytes().to_vec(),
    };
    if key.len() > 80 {
        cx.report
            .add(Diagnostic::error(*span, "an MD5 key has at most 80 bytes"));
    }
    (!key.is_empty()).then_some(key)
}

/// The routes that can be sent to this neighbor.
fn routes(cx: &mut Context<'_>, draft: &mut Draft, session: &SessionConfig) -> RouteList {
    let mut all = std::mem::take(&mut draft.routes);
    let mut places = Vec::new();
    let limited = !draft.announce_limit.is_empty();
    let mut routes = RouteList::default();
    let checks = RouteChecks {
        session,
        sender: session.prospective_sender(),
    };
    for placed in all.iter_mut().flatten() {
        let are_kept = checks.all(cx, placed);
        if limited {
            let kept = placed.iter().filter(|(route, _)| checks.keeps(route));
            places.extend(kept.map(|(_, span)| span));
        }
        if are_kept && routes.is_empty() {
            // Most files have one section of routes.
            routes = std::mem::take(placed).routes;
            continue;
        }
        for route in placed.routes.iter().filter(|route| checks.keeps(route)) {
            routes.push(route);
        }
    }
    if limited {
        let capabilities = &session.capabilities;
        let sends = capabilities.add_path.send;
        let paths = |family: Family| sends && capabilities.add_path_families.contains(&family);
        let placed = routes.iter().zip(places);
        announce_limit_section::check(&draft.announce_limit, placed, paths, &mut cx.report);
    }
    drop(all);
    // The configuration is kept as long as the daemon runs.
    routes.shrink_to_fit();
    routes
}

/// Warns about routes of watchdogs that the guards of all helpers of the neighbor refuse.
fn watchdogs(cx: &mut Context<'_>, draft: &Draft, subscriptions: &[Subscription]) {
    let names: Vec<&String> = subscriptions
        .iter()
        .flat_map(|subscription| &subscription.processes)
        .collect();
    let guards = names.iter().filter_map(|name| {
        let mut guards = cx.guards.iter();
        guards.find(|(other, _)| other == *name)
    });
    let guards: Vec<(String, GuardConfig)> = guards.cloned().collect();
    if guards.is_empty() || guards.len() < names.len() {
        return;
    }
    for (route, span) in draft.routes.iter().flatten().flat_map(PlacedRoutes::iter) {
        if route.watchdog.is_none() {
            continue;
        }
        let refused = route.nlri.iter().find_map(|nlri| {
            let change = Change {
                nlri: nlri.clone(),
                action: Action::Announce(Rc::clone(&route.attributes)),
                peers: PeerSet::new(),
            };
            let verdicts = guards.iter().map(|(name, guard)| {
                let refusal = guard_rules::judge(guard, &change).err();
                refusal.map(|refusal| (name, refusal.message))
            });
            verdicts.collect::<Option<Vec<_>>>()?.into_iter().next()
        });
        if let Some((name, reason)) = refused {
            let text = format!(
                "no helper may announce this watchdog: {reason}, says the guard of `{name}`"
            );
            let warning = Diagnostic::warning(span, text).with_help(
                "operators may, unless the guard has `operators`; at the start it is announced unless it has `withdraw`",
            );
            cx.report.add(warning);
        }
    }
}

/// Reports neighbors that cannot be distinguished.
pub(crate) fn duplicates(cx: &mut Context<'_>, neighbors: &[Checked]) {
    let mut taken = std::collections::HashMap::new();
    for neighbor in neighbors {
        let session = &neighbor.config.session;
        let index = if session.listen > 0 {
            format!("{} listen {}", neighbor.config.peer(), session.listen)
        } else {
            neighbor.config.name()
        };
        if let Some(other) = taken.insert(index, neighbor.span) {
            cx.report.add(
                Diagnostic::error(neighbor.span, "this neighbor is already defined")
                    .with_other(other, "here")
                    .with_help(
                        "neighbors must differ in address, `local-as`, `peer-as`, `local-address` or `router-id`",
                    ),
            );
        }
    }
}
