//! `announce …` and `withdraw …`: routes, markers and requests.

use std::cell::Cell;
use std::rc::Rc;

use super::cache;
use super::call::{Call, Commands, Reply, Row};
use super::error::{CommandError, ErrorKind};
use super::words::word_at;
use crate::api::control::{Among, Control, Sending};
use crate::bgp::next_hop_rule::{NextHopError, depends_on_session};
use crate::bgp::{Afi, AttributeSet, Family, Nlri, Safi};
use crate::grammar::route::split_sentence;
use crate::grammar::{self, Place, Prefix, RouteText, Selector, Tail, Verb, family, flow, route};
use crate::rib::{Action, Change, PeerSet};
use crate::text::{Cursor, Span, SyntaxError, cursor};

impl Commands {
    /// Collects the changes that `PREFIX TAIL` asks for; `base` is where `text` stands in the line.
    pub(super) fn collect_route(
        &mut self,
        (verb, place): (Verb, Place),
        (text, base): (&str, usize),
        peers: &PeerSet,
        control: &mut dyn Control,
    ) -> Result<(), CommandError> {
        self.changes.clear();
        let start = text.len() - text.trim_start().len();
        let (word, rest) = split_sentence(text);
        let span = Span::new(base + start, base + start + word.len());
        let gap = text[start + word.len()..].len() - text[start + word.len()..].trim_start().len();
        let tail = self
            .tails
            .get(rest, (verb, place), span.end + gap, control)?;
        let prefix = Prefix::parse(cursor::unquoted(word), span)?;
        if verb == Verb::Announce {
            check_next_hop(&tail, (prefix, span), peers, control)?;
        }
        let change = |nlri| change(nlri, verb, &tail.attributes, peers);
        if tail.split.is_none() {
            self.changes.list.push(change(tail.nlri(prefix, span)?));
        } else {
            self.changes
                .list
                .extend(tail.routes(prefix, span)?.into_iter().map(change));
        }
        Ok(())
    }
}

/// Refuses an IPv6 route with an IPv4 next hop, or the other way round, if no session accepts that: ExaBGP sends the octets
/// anyway, and the peer resets the session. `next-hop self` is checked where the changes are applied.
fn check_next_hop(
    tail: &Tail,
    (prefix, span): (Prefix, Span),
    peers: &PeerSet,
    control: &dyn Control,
) -> Result<(), SyntaxError> {
    let (family, hops) = (tail.family_of(prefix), tail.attributes.next_hops());
    if !depends_on_session(family, hops) {
        return Ok(());
    }
    match control.check_next_hop(peers, family, hops) {
        Err(NextHopError::Ipv4 | NextHopError::Ipv6) => Err(tail.next_hop_error(family, span)),
        _ => Ok(()),
    }
}

fn change(nlri: Nlri, verb: Verb, attributes: &Rc<AttributeSet>, peers: &PeerSet) -> Change {
    Change {
        nlri,
        action: action(verb, attributes),
        peers: peers.clone(),
    }
}

/// The action of `verb` on routes with these attributes.
pub(super) fn action(verb: Verb, attributes: &Rc<AttributeSet>) -> Action {
    match verb {
        Verb::Announce => Action::Announce(Rc::clone(attributes)),
        Verb::Withdraw => {
            Action::Withdraw((!attributes.list().is_empty()).then(|| Rc::clone(attributes)))
        }
    }
}

/// `announce route PREFIX KEYWORD VALUE …`
pub(super) fn route(call: &mut Call<'_>, row: &Row) -> Result<Reply, CommandError> {
    prefix_route(call, row.verb(), Place::Route)
}

/// `announce ipv4 SAFI …`
pub(super) fn ipv4(call: &mut Call<'_>, row: &Row) -> Result<Reply, CommandError> {
    of_family(call, row.verb(), Afi::IPV4)
}

/// `announce ipv6 SAFI …`
pub(super) fn ipv6(call: &mut Call<'_>, row: &Row) -> Result<Reply, CommandError> {
    of_family(call, row.verb(), Afi::IPV6)
}

/// `announce l2vpn vpls …`, `announce l2vpn evpn …`: ExaBGP 5.0 knows only `announce vpls`.
pub(super) fn l2vpn(call: &mut Call<'_>, row: &Row) -> Result<Reply, CommandError> {
    of_family(call, row.verb(), Afi::L2VPN)
}

/// `announce bgp-ls bgp-ls node …`: ExaBGP only receives these.
pub(super) fn bgp_ls(call: &mut Call<'_>, row: &Row) -> Result<Reply, CommandError> {
    of_family(call, row.verb(), Afi::BGP_LS)
}

fn of_family(call: &mut Call<'_>, verb: Verb, afi: Afi) -> Result<Reply, CommandError> {
    let (start, word, end) = word_at(call.line, call.at);
    let Some(safi) = Safi::from_name(word) else {
        let names = Family::KNOWN
            .into_iter()
            .filter_map(|family| family.safi.name());
        let error = SyntaxError::expected(Span::new(start, end), "a SAFI such as `unicast`", word);
        return Err(error.with_near_miss(word, names).into());
    };
    call.at = end;
    let family = Family { afi, safi };
    match safi {
        Safi::UNICAST | Safi::MULTICAST | Safi::NLRI_MPLS | Safi::MPLS_VPN
            if matches!(afi, Afi::IPV4 | Afi::IPV6) =>
        {
            prefix_route(call, verb, Place::Family(family))
        }
        _ => sentence(call, verb, |c, _| grammar::sentence(c, family, verb)),
    }
}

/// `announce flow route MATCH … THEN …`, or the same in braces.
pub(super) fn flow(call: &mut Call<'_>, row: &Row) -> Result<Reply, CommandError> {
    let verb = row.verb();
    sentence(call, verb, |c, _| {
        c.expect("route")?;
        flow::route(c, verb, None)
    })
}

/// `announce vpls rd R endpoint E base B offset O size S next-hop H`
pub(super) fn vpls(call: &mut Call<'_>, row: &Row) -> Result<Reply, CommandError> {
    let verb = row.verb();
    sentence(call, verb, |c, _| family::vpls(c, verb))
}

pub(super) fn prefix_route(
    call: &mut Call<'_>,
    verb: Verb,
    place: Place,
) -> Result<Reply, CommandError> {
    let peers = call.peers_of_routes(verb)?;
    let (text, at) = call.arguments();
    call.commands
        .collect_route((verb, place), (text, at), &peers, call.control)?;
    call.apply(&peers)
}

/// `announce attributes KEYWORD VALUE … nlri PREFIX PREFIX …`
pub(super) fn attributes(call: &mut Call<'_>, row: &Row) -> Result<Reply, CommandError> {
    let verb = row.verb();
    let peers = call.peers_of_routes(verb)?;
    let logged = Cell::new(false);
    sentence(call, verb, |c, control| {
        route::attributes_where(c, verb, |tail, prefix, span| {
            if !logged.replace(true) {
                cache::warn_of(tail, verb, control);
            }
            match verb {
                Verb::Announce => check_next_hop(tail, (prefix, span), &peers, control),
                Verb::Withdraw => Ok(()),
            }
        })
    })
}

/// Reads the arguments as a sentence and applies it.
fn sentence(
    call: &mut Call<'_>,
    verb: Verb,
    read: impl FnOnce(&mut Cursor<'_>, &dyn Control) -> Result<RouteText, SyntaxError>,
) -> Result<Reply, CommandError> {
    let peers = call.peers_of_routes(verb)?;
    let (text, at) = call.arguments();
    let mut tokens = Vec::with_capacity(32);
    cursor::tokenize_into(text, at, &mut tokens);
    let mut c = Cursor::new(&tokens, at + text.len());
    let found = read(&mut c, call.control)?;
    c.accept(";");
    c.finish()?;
    let attributes = call.control.intern(found.attributes);
    let changes = &mut call.commands.changes;
    changes.clear();
    changes.list.extend(
        found
            .nlri
            .into_iter()
            .map(|nlri| change(nlri, verb, &attributes, &peers)),
    );
    call.apply(&peers)
}

/// `announce eor [AFI SAFI]`
pub(super) fn eor(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let family = if call.arguments().0.is_empty() {
        Family::IPV4_UNICAST
    } else {
        family_of(call)?
    };
    let peers = call.peers(Among::OwnEstablished)?;
    Ok(call.end_of_rib(peers, family))
}

/// `announce route-refresh AFI SAFI`
pub(super) fn refresh(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let family = family_of(call)?;
    let peers = call.peers(Among::OwnEstablished)?;
    call.no_effect_unless(&peers, Sending::RouteRefresh(family), || {
        format!("no selected neighbor has negotiated route refresh for {family}")
    });
    call.control.refresh(&peers, family);
    Ok(Reply::Done)
}

/// Reads the arguments as AFI and SAFI.
fn family_of(call: &Call<'_>) -> Result<Family, CommandError> {
    let (start, afi_word, end) = word_at(call.line, call.at);
    let afi = Afi::from_name(afi_word).ok_or_else(|| {
        SyntaxError::expected(Span::new(start, end), "an AFI such as `ipv4`", afi_word)
    })?;
    let (start, safi_word, end) = word_at(call.line, end);
    let safi = Safi::from_name(safi_word).ok_or_else(|| {
        SyntaxError::expected(Span::new(start, end), "a SAFI such as `unicast`", safi_word)
    })?;
    call.nothing_after(end)?;
    Ok(Family { afi, safi })
}

/// `announce watchdog [NAME]`
pub(super) fn watchdog(call: &mut Call<'_>, row: &Row) -> Result<Reply, CommandError> {
    let (_, name, end) = word_at(call.line, call.at);
    call.pass_over(end)?;
    let name = if name.is_empty() {
        call.source.name.clone()
    } else {
        name.to_owned()
    };
    // A helper that no `api` block names has no neighbors of its own: the name alone binds the two then, as with ExaBGP.
    let own = call.control.select(&Selector::default(), Among::Own);
    let peers = match own.is_empty() {
        true => call.peers(Among::All),
        false => call.peers_of_routes(row.verb()),
    };
    let peers = match peers {
        // Without a selector the names alone decide, and a name that no route has is not an error either.
        Err(error) if error.kind == ErrorKind::NoNeighbor && call.selector.is_empty() => {
            PeerSet::new()
        }
        peers => peers?,
    };
    call.no_effect_unless(&peers, Sending::Watchdog(&name), || {
        format!("no configured route of a selected neighbor has `watchdog {name}`")
    });
    call.control.watchdog(&peers, &name, row.verb())?;
    Ok(Reply::Done)
}
