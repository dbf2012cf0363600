//! The sections that hold routes: `static` and `announce`, `flow` and `l2vpn`.
//!
//! A statement of `static` is a route sentence of [`grammar`](crate::grammar); what follows its prefix is read once for all
//! routes that have the same text.

use std::rc::Rc;

use super::diagnostic::Diagnostic;
use super::load::Context;
use super::neighbor::Draft;
use super::schema::{self, Origin};
use super::tree::{Block, Statement};
use crate::bgp::{Afi, Family, Safi};
use crate::grammar::route::{self, TailBuilder};
use crate::grammar::{Place, Prefix, RouteText, Tail, Verb};
use crate::text::{Cursor, Span, SyntaxError, Token};

/// Reads a section of routes.
pub(crate) fn read(
    cx: &mut Context<'_>,
    draft: &mut Draft,
    word: &str,
    block: &Block,
    origin: Origin,
) {
    let list = &mut draft.routes[usize::from(origin != Origin::Own)];
    for statement in &block.statements {
        if cx.report.is_full() {
            return;
        }
        let span = schema::cursor(cx.tree, statement).1.last_span();
        match word {
            "static" => {
                let found = fixed(cx, statement);
                keep(cx, list, found, span);
            }
            _ => announce(cx, list, statement),
        }
    }
}

fn keep(
    cx: &mut Context<'_>,
    list: &mut Vec<(RouteText, Span)>,
    found: Result<RouteText, SyntaxError>,
    span: Span,
) {
    match found {
        Ok(route) => list.push((route, span)),
        Err(error) => {
            let mut diagnostic = Diagnostic::from(error);
            if diagnostic.span.start == diagnostic.span.end {
                // Something is missing at the end: the sentence itself is the place to show.
                diagnostic.span = Span::new(span.start, diagnostic.span.end.max(span.end));
            }
            cx.report.add(diagnostic);
        }
    }
}

/// Reads a statement of `static`.
fn fixed(cx: &mut Context<'_>, statement: &Statement) -> Result<RouteText, SyntaxError> {
    let tree = cx.tree;
    let words = tree.words(statement);
    match tree.head(statement) {
        "route" => match &statement.block {
            None => sentence(cx, words, statement.span.end, Place::Route),
            Some(block) => route_block(cx, words, block),
        },
        "attributes" | "attribute" if statement.block.is_none() => {
            let split = split_parentheses(words);
            let mut c = Cursor::new(&split, statement.span.end);
            c.next_token();
            let found = route::attributes(&mut c, Verb::Announce)?;
            c.finish().map(|()| found)
        }
        word => Err(SyntaxError::new(
            schema::cursor(tree, statement).1.last_span(),
            format!("unknown keyword `{word}` in a `static` section"),
        )
        .with_near_miss(word, ["route", "attributes"])),
    }
}

/// Reads `WORD <prefix> keyword value …`.
fn sentence(
    cx: &mut Context<'_>,
    words: &[Token<'_>],
    end: usize,
    place: Place,
) -> Result<RouteText, SyntaxError> {
    let mut c = Cursor::new(words, end);
    c.next_token();
    let span = c.span();
    let prefix = Prefix::parse(c.peek(), span)?;
    c.next_token();
    let tail = tail(cx, &c, end, place)?;
    tail.apply(prefix, span)
}

/// The tail at `c`, read before if the same text stood somewhere else.
fn tail(
    cx: &mut Context<'_>,
    c: &Cursor<'_>,
    end: usize,
    place: Place,
) -> Result<Rc<Tail>, SyntaxError> {
    let text = cx.text;
    let source = &text[c.span().start.min(end)..end];
    if let Some(tail) = cx.tails.get(&(place, source)) {
        return Ok(Rc::clone(tail));
    }
    let split = split_parentheses(c.remaining());
    let mut inner = Cursor::new(&split, end);
    let tail = Rc::new(Tail::parse(&mut inner, Verb::Announce, place)?);
    inner.finish()?;
    cx.tails.insert((place, source), Rc::clone(&tail));
    Ok(tail)
}

/// Reads `route <prefix> { keyword value; … }`.
fn route_block(
    cx: &mut Context<'_>,
    words: &[Token<'_>],
    block: &Block,
) -> Result<RouteText, SyntaxError> {
    let tree = cx.tree;
    let mut c = Cursor::new(words, block.close.start);
    c.next_token();
    let span = c.span();
    let prefix = Prefix::parse(c.peek(), span)?;
    c.next_token();
    schema::spare(&c, &mut cx.report);
    let mut builder = TailBuilder::new(Place::Route);
    for statement in &block.statements {
        let split = split_parentheses(tree.words(statement));
        let mut c = Cursor::new(&split, statement.span.end);
        builder.keyword(&mut c)?;
        c.finish()?;
    }
    builder.finish(Verb::Announce, span)?.apply(prefix, span)
}

/// Reads a statement of `announce`: the sections `ipv4`, `ipv6` and `l2vpn`.
fn announce(cx: &mut Context<'_>, list: &mut Vec<(RouteText, Span)>, statement: &Statement) {
    let tree = cx.tree;
    let (word, c) = schema::cursor(tree, statement);
    let afi = match (word, &statement.block) {
        ("ipv4", Some(_)) => Afi::IPV4,
        ("ipv6", Some(_)) => Afi::IPV6,
        _ => {
            let known = ["ipv4", "ipv6", "l2vpn"];
            let error = schema::unknown(word, c.last_span(), "an `announce` section", known);
            cx.report.add(error);
            return;
        }
    };
    for inner in statement.statements() {
        let (word, c) = schema::cursor(tree, inner);
        let found = family(cx, afi, word, inner);
        keep(cx, list, found, c.last_span());
    }
}

/// Reads a statement of `announce { ipv4 { … } }`: a SAFI and a sentence of that family.
fn family(
    cx: &mut Context<'_>,
    afi: Afi,
    word: &str,
    statement: &Statement,
) -> Result<RouteText, SyntaxError> {
    const KNOWN: [&str; 4] = ["unicast", "multicast", "nlri-mpls", "mpls-vpn"];
    let words = cx.tree.words(statement);
    let span = schema::cursor(cx.tree, statement).1.last_span();
    let safi = Safi::from_name(word)
        .filter(|safi| KNOWN.contains(&safi.name().unwrap_or_default()))
        .ok_or_else(|| {
            SyntaxError::new(span, format!("`{afi}` has no routes of `{word}`"))
                .with_near_miss(word, KNOWN)
        })?;
    if statement.block.is_some() {
        return Err(SyntaxError::new(
            span,
            "a route of `announce` is one statement, not a section",
        )
        .with_help(format!("write `{word} <prefix> next-hop …;`")));
    }
    let place = Place::Family(Family { afi, safi });
    sentence(cx, words, statement.span.end, place)
}

/// Parentheses are words of their own in a route, glued to others or not.
fn split_parentheses<'t, 'a>(words: &'t [Token<'a>]) -> std::borrow::Cow<'t, [Token<'a>]> {
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
                    // Spans are right as long as the word has no escape; with one, they are near enough.
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
