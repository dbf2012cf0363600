//! FlowSpec routes: `destination 10.0.0.0/24 protocol tcp discard`, or with `match { … } then { … }` (RFC 8955, 8956).
//!
//! The words of matches and actions are those of the NLRI and of the extended communities; this is the sentence around
//! them, the same in one line and in blocks, in files and in commands. A next hop is not needed: most actions have no use
//! for one. `next-hop`, `redirect` and `copy` replace each other's next hop in the order in which they stand, as in ExaBGP.

use super::builder::{LIFETIME, TailBuilder, add_all};
use super::raw;
use super::route_text::{Place, RouteText, Verb};
use crate::bgp::attribute::ext_community::flow_action::FlowActions;
use crate::bgp::nlri::flow::RuleBuilder;
use crate::bgp::{Afi, Family, RouteDistinguisher, Safi};
use crate::text::{Cursor, Span, SyntaxError};

/// The words that open a block of a flow route.
const BLOCKS: [&str; 3] = ["match", "then", "scope"];

/// Reads a flow route to its end; `afi` and `safi` are those of the place, where it gives them.
///
/// # Errors
/// When a word is unknown, a value is invalid, or there is no match.
pub fn route(
    c: &mut Cursor<'_>,
    verb: Verb,
    place: Option<Family>,
) -> Result<RouteText, SyntaxError> {
    if let (Some(family), "raw") = (place, c.peek()) {
        return raw::route(c, family, verb);
    }
    let start = c.span();
    let mut builder = Builder {
        rule: RuleBuilder::default(),
        actions: FlowActions::default(),
        // Words of other families have no place here, whichever of the two it is.
        tail: TailBuilder::new(Place::Family(Family::IPV4_FLOW)),
        has_rd: false,
    };
    if c.accept("{") {
        builder.block(c, start)?;
    } else if !builder.knows(c.peek()) && c.remaining().get(1).is_some_and(|next| next.text == "{")
    {
        // A name for humans.
        c.next_token();
        c.next_token();
        builder.block(c, start)?;
    } else {
        while !c.is_empty() && c.peek() != ";" {
            builder.item(c)?;
        }
    }
    c.accept(";");
    builder.finish(verb, place, start.to(c.last_span()))
}

struct Builder {
    rule: RuleBuilder,
    actions: FlowActions,
    tail: TailBuilder,
    has_rd: bool,
}

impl Builder {
    /// Takes what stands in braces, the closing one included; `open` is where the opening one stands.
    fn block(&mut self, c: &mut Cursor<'_>, open: Span) -> Result<(), SyntaxError> {
        while !c.accept("}") {
            if c.is_empty() {
                return Err(SyntaxError::new(
                    open,
                    "expected `}` at the end of this block",
                ));
            }
            if c.accept(";") {
                continue;
            }
            let is_match = RuleBuilder::KEYWORDS.contains(&c.peek());
            self.item(c)?;
            if is_match {
                // ExaBGP takes the first value, and helpers rely on that: `protocol tcp udp;` matches TCP.
                while !c.is_empty() && !matches!(c.peek(), ";" | "{" | "}") && !self.knows(c.peek())
                {
                    c.next_token();
                }
            }
        }
        Ok(())
    }

    /// Takes one keyword with its value, or one block.
    fn item(&mut self, c: &mut Cursor<'_>) -> Result<(), SyntaxError> {
        let at = *c;
        let span = c.span();
        let word = c.word("a keyword")?;
        if BLOCKS.contains(&word) {
            c.expect("{")?;
            return self.block(c, span);
        }
        if matches!(word, "rd" | "route-distinguisher") {
            let rd = c.value(RouteDistinguisher::EXPECTED, RouteDistinguisher::parse)?;
            self.rule.set_rd(rd);
            self.has_rd = true;
            return Ok(());
        }
        if let Some(read) = self.rule.keyword(word, c) {
            return read;
        }
        if let Some(read) = self.actions.keyword(word, c) {
            if let Some(hop) = self.actions.take_next_hop() {
                self.tail.replace_next_hop(hop);
            }
            return read;
        }
        if word == "next-hop" {
            self.tail.replace_next_hop(None);
        }
        *c = at;
        self.tail.keyword(c).map_err(|error| {
            if error.span != span || word == LIFETIME {
                return error;
            }
            let words = RuleBuilder::KEYWORDS
                .iter()
                .chain(FlowActions::KEYWORDS)
                .copied()
                .chain([
                    "community",
                    "large-community",
                    "extended-community",
                    "rd",
                    "path-information",
                ]);
            let error = SyntaxError::new(span, format!("unknown keyword `{word}` in a flow route"));
            match crate::text::near_miss(word, words.clone()) {
                Some(near) => error.with_help(format!("did you mean `{near}`?")),
                None => {
                    error.with_help("a flow route has matches such as `destination`, `source`, `protocol`, `destination-port`, and actions such as `discard`, `rate-limit`, `redirect`")
                }
            }
        })
    }

    /// Returns `true` if `word` starts an item.
    fn knows(&self, word: &str) -> bool {
        BLOCKS.contains(&word)
            || RuleBuilder::KEYWORDS.contains(&word)
            || FlowActions::KEYWORDS.contains(&word)
    }

    fn finish(
        self,
        verb: Verb,
        place: Option<Family>,
        span: Span,
    ) -> Result<RouteText, SyntaxError> {
        if place.is_some_and(|family| family.safi == Safi::FLOW_VPN) && !self.has_rd {
            return Err(
                SyntaxError::new(span, "a flow-vpn route has no route distinguisher")
                    .with_help("add `rd 65000:1`"),
            );
        }
        let afi: Option<Afi> = place.map(|family| family.afi);
        let mut nlri = self
            .rule
            .build(afi)
            .map_err(|message| SyntaxError::new(span, message))?;
        let mut tail = self.tail;
        nlri.path_id = tail.path_id();
        add_all(&mut tail, self.actions.attributes());
        Ok(tail.finish(verb, span)?.text(vec![nlri]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokenize;

    fn read(text: &str, place: Option<Family>) -> Result<(String, String), String> {
        let tokens = tokenize(text);
        let mut c = Cursor::new(&tokens, text.len());
        let found = route(&mut c, Verb::Announce, place)
            .and_then(|found| c.finish().map(|()| found))
            .map_err(|error| error.to_string())?;
        let nlri = &found.nlri[0];
        Ok((
            format!("{} {nlri}", nlri.family),
            found.attributes.text().trim().to_owned(),
        ))
    }

    #[test]
    fn one_line_and_blocks_mean_the_same() {
        let wanted = (
            "ipv4 flow flow destination-ipv4 10.0.0.0/24 protocol =tcp".to_owned(),
            "extended-community rate-limit:0".to_owned(),
        );
        for text in [
            "destination 10.0.0.0/24 protocol tcp discard",
            "{ match { destination 10.0.0.0/24; protocol tcp; } then { discard; } }",
            "a-name { match { protocol tcp; destination 10.0.0.0/24 } then { discard } };",
            "match { destination 10.0.0.0/24; protocol tcp; } then { discard; }",
            // The first of several values counts, as it does for ExaBGP.
            "{ match { destination 10.0.0.0/24; protocol tcp udp; } then { discard; } }",
        ] {
            assert_eq!(read(text, None).as_ref(), Ok(&wanted), "{text}");
        }
    }

    #[test]
    fn a_route_distinguisher_makes_it_a_vpn_route() {
        let (nlri, _) = read(
            "{ rd 1:1; match { source 10.0.0.0/8; } then { accept; } }",
            None,
        )
        .expect("a route");
        assert!(nlri.starts_with("ipv4 flow-vpn"), "{nlri}");
        let error = read("source 10.0.0.0/8", Some(Family::IPV4_FLOW_VPN));
        assert!(error.is_err_and(|error| error.contains("no route distinguisher")));
    }

    #[test]
    fn actions_and_communities_add_up() {
        let text = "source 10.0.0.0/8 redirect 65000:1 extended-community target:1:1 community 1:1 next-hop 1.2.3.4";
        let (_, attributes) = read(text, None).expect("a route");
        assert!(
            attributes.contains("redirect:65000:1") && attributes.contains("target:1:1"),
            "{attributes}"
        );
        assert!(attributes.contains("community 1:1"), "{attributes}");
    }

    #[test]
    fn the_last_word_about_the_next_hop_counts() {
        const REDIRECT: &str = "extended-community redirect:1:1";
        const TO_HOP: &str = "extended-community redirect-to-nexthop";
        let blocks = |before: &str, then: &str, after: &str| {
            format!("{{ {before} match {{ source 10.0.0.0/8; }} then {{ {then} }} {after} }}")
        };
        for (text, hop, rest) in [
            (
                blocks("next-hop 1.2.3.4;", "redirect 1:1;", ""),
                None,
                REDIRECT,
            ),
            (
                blocks("", "redirect 1:1;", "next-hop 1.2.3.4;"),
                Some("1.2.3.4"),
                REDIRECT,
            ),
            (
                blocks("", "redirect 1.2.3.4;", "next-hop 5.6.7.8;"),
                Some("5.6.7.8"),
                TO_HOP,
            ),
            (
                blocks("next-hop 5.6.7.8;", "redirect 1.2.3.4;", ""),
                Some("1.2.3.4"),
                TO_HOP,
            ),
            (
                blocks("next-hop self;", "redirect 1:1;", ""),
                None,
                REDIRECT,
            ),
            (
                "source 10.0.0.0/8 redirect 1.2.3.4 redirect 1:1".to_owned(),
                None,
                "extended-community [ redirect-to-nexthop redirect:1:1 ]",
            ),
            (
                "source 10.0.0.0/8 redirect 1.2.3.4 copy 5.6.7.8".to_owned(),
                Some("5.6.7.8"),
                "extended-community [ redirect-to-nexthop copy-to-nexthop ]",
            ),
        ] {
            let tokens = tokenize(&text);
            let mut c = Cursor::new(&tokens, text.len());
            let found = route(&mut c, Verb::Announce, None).expect("a route");
            let wanted = hop.map(|hop| crate::bgp::NextHop::V4(hop.parse().expect("an address")));
            let hops = found.attributes.next_hops();
            assert_eq!((hops.first, hops.last), (wanted, wanted), "{text}");
            assert_eq!(found.attributes.text().trim(), rest, "{text}");
        }
    }

    #[test]
    fn errors_are_reported() {
        for (text, wanted) in [
            (
                "discard",
                "a flow route needs at least one match, or it matches every packet",
            ),
            (
                "{ match { source 10.0.0.0/8; }",
                "expected `}` at the end of this block",
            ),
            (
                "source 10.0.0.0/8 discrad",
                "unknown keyword `discrad` in a flow route (did you mean `discard`?)",
            ),
            (
                "source 10.0.0.0/8 label 5",
                "unknown keyword `label` in a flow route",
            ),
        ] {
            let error = read(text, None).expect_err(text);
            assert!(error.starts_with(wanted), "{text}: {error}");
        }
        let error = read("source 10.0.0.0/8", Some(Family::IPV6_FLOW));
        assert!(error.is_err());
    }
}
