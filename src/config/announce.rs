//! The sections that hold routes: `static` and `announce`, `flow` and `l2vpn`.
//!
//! A statement of `static` is a route sentence of [`grammar`](crate::grammar); what follows its prefix is read once for all
//! routes that have the same text.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use super::context::{Context, Form, KnownTail};
use super::diagnostic::Diagnostic;
use super::draft::Draft;
use super::placed_routes::PlacedRoutes;
use super::recovery;
use super::schema::{self, Origin};
use super::tree::{Block, Statement, Tree};
use crate::bgp::{Afi, Family, Safi};
use crate::grammar::{self, Place, Prefix, Repeated, RouteText, Tail, Verb, flow};
use crate::grammar::{TailBuilder, route};
use crate::text::{Cursor, Span, SyntaxError, Token};

/// The sections that hold routes, in the order that their routes are announced in, wherever they occur. That is ExaBGP's
/// order; it decides which of two announcements of one route is the last.
pub(crate) const SECTIONS: [&str; 4] = ["announce", "static", "l2vpn", "flow"];

/// Reads a section of routes.
pub(crate) fn read(
    cx: &mut Context<'_>,
    draft: &mut Draft,
    word: &str,
    block: &Block,
    origin: Origin,
) {
    let section = SECTIONS.iter().position(|section| *section == word);
    let list = &mut draft.routes[section.unwrap_or_default()][usize::from(origin != Origin::Own)];
    for statement in &block.statements {
        if cx.report.is_full() {
            return;
        }
        if !starts_route(word, &cx.tree.head(statement)) {
            let is_announce = word == "announce" && cx.tree.head(statement) == "l2vpn";
            if !is_announce && recovery::outside(cx, statement, "a section of routes") {
                return;
            }
            if word != "l2vpn" && recovery::piece(cx, statement, &format!("a section `{word}`")) {
                continue;
            }
        }
        let span = cx.tree.head_span(statement);
        let found = match word {
            "static" => fixed(cx, statement),
            "flow" => {
                second_values(cx, statement);
                whole(cx, statement, "a `flow` section", "route", |c| {
                    flow::route(c, Verb::Announce, None)
                })
            }
            "l2vpn" => l2vpn(cx, statement),
            _ => {
                announce(cx, list, statement);
                continue;
            }
        };
        keep(cx, list, found, span);
    }
}

/// Returns `true` if `word` begins the routes of `section`; those of `l2vpn` have several.
fn starts_route(section: &str, word: &str) -> bool {
    match section {
        "static" => matches!(word, "route" | "attributes" | "attribute"),
        "flow" => word == "route",
        "announce" => matches!(word, "ipv4" | "ipv6"),
        _ => false,
    }
}

fn keep(
    cx: &mut Context<'_>,
    list: &mut PlacedRoutes,
    found: Result<RouteText, SyntaxError>,
    span: Span,
) {
    match found {
        Ok(route) if route.nlri.is_empty() => {}
        Ok(route) => list.push(route, span),
        Err(error) => {
            let mut diagnostic = Diagnostic::from(error);
            if diagnostic.span.start == diagnostic.span.end {
                // Something is missing at the end: show the sentence itself.
                diagnostic.span = Span::new(span.start, diagnostic.span.end.max(span.end));
            }
            cx.report.add(diagnostic);
        }
    }
}

/// Reads a statement of `static`.
pub(crate) fn fixed(cx: &mut Context<'_>, statement: &Statement) -> Result<RouteText, SyntaxError> {
    let tree = cx.tree;
    match &*tree.head(statement) {
        "route" => match &statement.block {
            None => sentence(cx, statement, Place::Route),
            Some(block) => route_block(cx, statement, block),
        },
        "attributes" | "attribute" if statement.block.is_none() => {
            let words = tree.words(statement);
            let split = split_parentheses(&words);
            let mut c = Cursor::new(&split, statement.span().end);
            c.next_token();
            let mut read = Vec::new();
            let words = RefCell::new(&mut read);
            let found = route::attributes_where(&mut c, Verb::Announce, |tail, _, _| {
                words.borrow_mut().clone_from(&tail.repeated);
                Ok(())
            })?;
            warn_of(cx, &read);
            c.finish().map(|()| found)
        }
        "rtc" if statement.block.is_none() => {
            whole(cx, statement, "a `static` section", "rtc", |c| {
                grammar::sentence(c, Family::IPV4_RTC, Verb::Announce)
            })
        }
        "sr-policy" if statement.block.is_none() => {
            let words = tree.words(statement);
            let endpoint = words
                .iter()
                .skip_while(|token| token.text != "endpoint")
                .nth(1);
            let is_ipv6 = endpoint.is_some_and(|token| token.text.contains(':'));
            let family = Family::new(if is_ipv6 { 2 } else { 1 }, 73);
            whole(cx, statement, "a `static` section", "sr-policy", |c| {
                grammar::sentence(c, family, Verb::Announce)
            })
        }
        word => Err(SyntaxError::new(
            tree.head_span(statement),
            format!("unknown keyword `{word}` in a `static` section"),
        )
        .with_near_miss(word, ["route", "attributes", "sr-policy", "rtc"])),
    }
}

/// Reads `WORD <prefix> keyword value …`; what follows the prefix is known if the same text occurred before.
fn sentence(
    cx: &mut Context<'_>,
    statement: &Statement,
    place: Place,
) -> Result<RouteText, SyntaxError> {
    let end = statement.span().end;
    let mut words = cx.tree.reader(statement).skip(1);
    let (word, span) = words.next().map_or_else(
        || (Cow::Borrowed(""), Span::new(end, end)),
        |token| (token.text, token.span),
    );
    let prefix = match Prefix::read(word.as_bytes()) {
        Some((prefix, length)) if length == word.len() => prefix,
        _ => Prefix::parse(&word, span)?,
    };
    let start = words.next().map_or(end, |token| token.span.start);
    let (text, end) = (cx.text, end.max(start));
    let known = (Form::Line(place), &text[start..end]);
    if let Some(tail) = cx.tails.get(&known) {
        return tail.apply(prefix, span);
    }
    let words = cx.tree.words(statement);
    let split = split_parentheses(words.get(2..).unwrap_or_default());
    let mut inner = Cursor::new(&split, end);
    let tail = Rc::new(Tail::parse(&mut inner, Verb::Announce, place)?);
    inner.finish()?;
    repeated(cx, &tail);
    cx.tails.insert(known, KnownTail::of(&tail));
    tail.apply(prefix, span)
}

/// Reads `route <prefix> { keyword value; … }`.
fn route_block(
    cx: &mut Context<'_>,
    head: &Statement,
    block: &Block,
) -> Result<RouteText, SyntaxError> {
    let tree = cx.tree;
    let words = tree.words(head);
    let mut c = Cursor::new(&words, block.close().start);
    c.next_token();
    let span = c.span();
    let prefix = Prefix::parse(c.peek(), span)?;
    c.next_token();
    schema::spare(&c, &mut cx.report);
    let text = cx.text;
    let source = &text[block.open().end..block.close().start];
    if let Some(tail) = cx.tails.get(&(Form::Block, source)) {
        return tail.apply(prefix, span);
    }
    let mut is_clean = true;
    let mut builder = TailBuilder::new(Place::Route);
    for statement in &block.statements {
        let words = tree.words(statement);
        let split = split_parentheses(&words);
        let mut c = Cursor::new(&split, statement.span().end);
        builder.keyword(&mut c)?;
        is_clean &= c.is_empty();
        schema::spare(&c, &mut cx.report);
    }
    if builder.has_next_hop() {
        let tail = builder.finish(Verb::Announce, span)?;
        repeated(cx, &tail);
        let found = tail.apply(prefix, span);
        if is_clean && tail.repeated.is_empty() {
            // Each route with warnings has them at its own place.
            cx.tails
                .insert((Form::Block, source), KnownTail::of(&Rc::new(tail)));
        }
        return found;
    }
    unsent(cx, span);
    let mut nothing = builder.finish(Verb::Withdraw, span)?.apply(prefix, span)?;
    nothing.nlri.clear();
    Ok(nothing)
}

/// Warns about words that a route has twice.
fn repeated(cx: &mut Context<'_>, tail: &Tail) {
    warn_of(cx, &tail.repeated);
}

fn warn_of(cx: &mut Context<'_>, repeated: &[Repeated]) {
    for word in repeated {
        cx.report
            .add(Diagnostic::warning(word.span, word.message()));
    }
}

/// Warns about a route that ExaBGP accepts and never sends.
fn unsent(cx: &mut Context<'_>, span: Span) {
    cx.report.add(
        Diagnostic::warning(span, "the route has no next hop: it is not announced")
            .with_help("add `next-hop` and an address, or `next-hop self`"),
    );
}

/// Warns about matches with several values outside of brackets: the first one is used.
fn second_values(cx: &mut Context<'_>, route: &Statement) {
    let tree = cx.tree;
    let blocks = route.statements().iter();
    for statement in blocks
        .filter(|inner| tree.head(inner) == "match")
        .flat_map(Statement::statements)
    {
        let words = tree.words(statement);
        if let [_, value, second, ..] = &*words
            && value.text != "["
        {
            let rest = second.span.to(statement.span());
            cx.report.add(
                Diagnostic::warning(
                    Span::new(second.span.start, rest.end),
                    "only the first value is used",
                )
                .with_help("write `[ … ]` around several values"),
            );
        }
    }
}

/// Reads a statement of `announce`: the sections `ipv4`, `ipv6`, `l2vpn` and `bgp-ls`.
fn announce(cx: &mut Context<'_>, list: &mut PlacedRoutes, statement: &Statement) {
    let tree = cx.tree;
    let words = tree.words(statement);
    let (word, c) = words.cursor();
    let afi = match (word, &statement.block) {
        ("ipv4", Some(_)) => Afi::IPV4,
        ("ipv6", Some(_)) => Afi::IPV6,
        ("l2vpn", Some(_)) => Afi::L2VPN,
        ("bgp-ls", Some(_)) => Afi::BGP_LS,
        _ => {
            let known = ["ipv4", "ipv6", "l2vpn", "bgp-ls"];
            let error = schema::unknown(word, c.last_span(), "an `announce` section", known);
            cx.report.add(error);
            return;
        }
    };
    for inner in statement.statements() {
        let found = family(cx, afi, &tree.head(inner), inner);
        keep(cx, list, found, tree.head_span(inner));
    }
}

/// Reads a statement of `l2vpn`.
fn l2vpn(cx: &mut Context<'_>, statement: &Statement) -> Result<RouteText, SyntaxError> {
    if cx.tree.head(statement) == "evpn" {
        let evpn = Family::EVPN;
        return whole(cx, statement, "an `l2vpn` section", "evpn", |c| {
            grammar::sentence(c, evpn, Verb::Announce)
        });
    }
    whole(cx, statement, "an `l2vpn` section", "vpls", |c| {
        grammar::family::vpls(c, Verb::Announce)
    })
}

/// Reads a statement of `announce { ipv4 { … } }`: a SAFI and a sentence of that family.
fn family(
    cx: &mut Context<'_>,
    afi: Afi,
    word: &str,
    statement: &Statement,
) -> Result<RouteText, SyntaxError> {
    let span = cx.tree.head_span(statement);
    let known = grammar::family::WRITABLE;
    let family = Safi::from_name(word)
        .map(|safi| Family { afi, safi })
        .filter(|family| family.index().is_some() && is_writable(family.safi));
    let Some(family) = family else {
        return Err(
            SyntaxError::new(span, format!("`{afi}` has no routes of `{word}`"))
                .with_near_miss(word, known.iter().copied()),
        );
    };
    let prefixes = matches!(
        family.safi,
        Safi::UNICAST | Safi::MULTICAST | Safi::NLRI_MPLS | Safi::MPLS_VPN
    );
    let lacks_next_hop = || {
        let mut words = cx.tree.reader(statement);
        words.all(|word| word.text != "next-hop")
    };
    if family.safi == Safi::MULTICAST && lacks_next_hop() {
        unsent(cx, span);
        let words = cx.tree.words(statement);
        let mut c = Cursor::new(&words, statement.span().end);
        c.next_token();
        let place = c.span();
        let prefix = Prefix::parse(c.peek(), place)?;
        c.next_token();
        let tail = Tail::parse(&mut c, Verb::Withdraw, Place::Family(family))?;
        c.finish()?;
        let mut nothing = tail.apply(prefix, place)?;
        nothing.nlri.clear();
        return Ok(nothing);
    }
    if prefixes && statement.block.is_none() {
        return sentence(cx, statement, Place::Family(family));
    }
    whole(cx, statement, "an `announce` section", word, |c| {
        grammar::sentence(c, family, Verb::Announce)
    })
}

fn is_writable(safi: Safi) -> bool {
    safi.name()
        .is_some_and(|name| grammar::family::WRITABLE.contains(&name))
}

/// Reads a statement, with the section that it opens if it does, as one sentence in one line.
fn whole(
    cx: &Context<'_>,
    statement: &Statement,
    place: &str,
    head: &str,
    read: impl FnOnce(&mut Cursor<'_>) -> Result<RouteText, SyntaxError>,
) -> Result<RouteText, SyntaxError> {
    let words = cx.tree.words(statement);
    let (word, c) = words.cursor();
    if word != head {
        let error = SyntaxError::new(
            c.last_span(),
            format!("unknown keyword `{word}` in {place}"),
        );
        return Err(error.with_near_miss(word, [head]));
    }
    let mut tokens = Vec::new();
    flatten(cx.tree, statement, &mut tokens);
    let end = statement
        .block
        .as_ref()
        .map_or_else(|| statement.span().end, |block| block.close().end);
    let tokens = split_parentheses(&tokens);
    let mut c = Cursor::new(&tokens, end);
    c.next_token();
    let found = read(&mut c)?;
    c.finish().map(|()| found)
}

/// The words of a statement and, in braces, of its section: the one-line form that a command has.
fn flatten<'a>(tree: &Tree<'a>, statement: &Statement, tokens: &mut Vec<Token<'a>>) {
    tokens.extend(tree.reader(statement));
    let Some(block) = &statement.block else {
        return;
    };
    tokens.push(Token::new("{", statement.span()));
    for inner in &block.statements {
        flatten(tree, inner, tokens);
        tokens.push(Token::new(
            ";",
            Span::new(inner.span().end, inner.span().end),
        ));
    }
    tokens.push(Token::new("}", block.close()));
}

/// Parentheses are separate words in a route, with or without spaces around them.
fn split_parentheses<'t, 'a>(words: &'t [Token<'a>]) -> Cow<'t, [Token<'a>]> {
    let glued = |token: &Token<'_>| {
        !token.quoted && token.text.len() > 1 && token.text.contains(['(', ')'])
    };
    if !words.iter().any(glued) {
        return words.into();
    }
    let mut split = Vec::with_capacity(words.len() + 8);
    for token in words {
        if !glued(token) {
            split.push(token.clone());
            continue;
        }
        let mut start = token.span.start;
        for piece in token.text.split_inclusive(['(', ')']) {
            let (word, mark) = match piece.char_indices().next_back() {
                Some((at, '(' | ')')) => piece.split_at(at),
                _ => (piece, ""),
            };
            for part in [word, mark] {
                if !part.is_empty() {
                    // Spans are exact unless the word has an escape; then they are approximate.
                    let end = (start + part.len()).min(token.span.end);
                    split.push(Token {
                        text: part.to_owned().into(),
                        span: Span::new(start.min(end), end),
                        quoted: false,
                    });
                    start = end;
                }
            }
        }
    }
    split.into()
}
