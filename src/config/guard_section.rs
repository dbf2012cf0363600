//! The `guard` section of a process.

use std::time::Duration;

use super::announce_limit_section::percent;
use super::context::Context;
use super::diagnostic::Diagnostic;
use super::guard::{AllowedPrefix, FlowAction, GuardConfig, RequiredCommunity};
use super::model::Config;
use super::schema::Keyword;
use super::settings::Settings;
use super::tree::Statement;
use crate::bgp::attribute::community::Community;
use crate::bgp::attribute::large_community::LargeCommunity;
use crate::bgp::{Afi, Family, Safi};
use crate::grammar::Prefix;
use crate::text::{Cursor, SyntaxError, value};

/// The settings of the section.
pub(crate) const KEYWORDS: &[Keyword<GuardConfig>] = &[
    Keyword {
        word: "prefixes",
        value: "[ <prefix> [ge <length>] [le <length>] … ]",
        doc: "routes, and the destinations of FlowSpec rules, must be one of these prefixes, or inside of one with a length that `ge` and `le` allow",
        read: |guard, c, _| {
            guard.prefixes = some(c, allowed)?;
            Ok(())
        },
    },
    Keyword {
        word: "families",
        value: "[ <afi> <safi> … ]",
        doc: "routes must be of one of these families",
        read: |guard, c, _| {
            guard.families = some(c, family)?;
            Ok(())
        },
    },
    Keyword {
        word: "communities",
        value: "require [ <community> … ]",
        doc: "each route must have all of these communities, standard or large",
        read: |guard, c, _| {
            c.expect("require")?;
            guard.communities = some(c, community)?;
            Ok(())
        },
    },
    Keyword {
        word: "actions",
        value: "[ <discard|rate-limit|redirect|mark|action> … ]",
        doc: "FlowSpec rules may have only these actions",
        read: |guard, c, _| {
            guard.actions = some(c, |c| {
                c.value(
                    "`discard`, `rate-limit`, `redirect`, `mark` or `action`",
                    |word| {
                        FlowAction::ALL
                            .into_iter()
                            .find(|action| action.name() == word)
                    },
                )
            })?;
            Ok(())
        },
    },
    Keyword {
        word: "max-routes",
        value: "<routes>",
        doc: "the most routes of the program and of its sets at a time, each counted once for all neighbors. Without a `state` section, a reload that adds it does not count routes that were announced before",
        read: |guard, c, _| {
            c.value("a number of routes", value::u32)
                .map(|most| guard.max_routes = Some(most))
        },
    },
    Keyword {
        word: "warn-at",
        value: "<percent>%",
        doc: "log a warning from this share of `max-routes` on",
        read: |guard, c, _| percent(c).map(|share| guard.warn_at = Some(share)),
    },
    Keyword {
        word: "operators",
        value: "",
        doc: "the rules also apply to commands of operators, by the control socket",
        read: |guard, _, _| {
            guard.operators = true;
            Ok(())
        },
    },
    Keyword {
        word: "max-rate",
        value: "<announcements>",
        doc: "the most announcements a second, twice as many at once. Announcing again what is announced is not counted. One command, batch or set may have more if none were announced for two seconds; others wait until the rate allows them",
        read: |guard, c, _| {
            c.value("a number, 1 or more", |word| {
                value::u32(word).filter(|most| *most > 0)
            })
            .map(|most| guard.max_rate = Some(most))
        },
    },
    Keyword {
        word: "max-remove",
        value: "<percent>%",
        doc: "the most routes of a set that one `replace` may remove, in percent of those that there are; `force` overrides it",
        read: |guard, c, _| {
            c.value("`0%` to `100%`", value::percent)
                .map(|most| guard.max_remove = Some(most))
        },
    },
    Keyword {
        word: "lifetime",
        value: "[<time>] [max <time>]",
        doc: "the lifetime of routes that are announced without one, and the longest that may be announced, which is also the default if there is no other: `1h max 24h`",
        read: |guard, c, _| {
            let what = "a time such as `90`, `10m` or `24h`, 1 second or more";
            let time = |word: &str| value::seconds(word).filter(|seconds| *seconds > 0);
            if c.peek() != "max" {
                guard.lifetime = Some(Duration::from_secs(c.value(what, time)?));
            }
            if c.accept("max") {
                guard.max_lifetime = Some(Duration::from_secs(c.value(what, time)?));
            }
            Ok(())
        },
    },
];

/// A list that is not empty: without any item there would be no limit, and the file may have been generated.
fn some<T>(
    c: &mut Cursor<'_>,
    item: impl FnMut(&mut Cursor<'_>) -> Result<T, SyntaxError>,
) -> Result<Vec<T>, SyntaxError> {
    let span = c.span();
    let list = c.comma_list(item)?;
    if list.is_empty() {
        let text =
            "the list is empty, which would not limit anything: remove the setting to allow all";
        return Err(SyntaxError::new(span, text));
    }
    Ok(list)
}

/// `198.51.100.0/22 ge 24 le 32`
fn allowed(c: &mut Cursor<'_>) -> Result<AllowedPrefix, SyntaxError> {
    let span = c.span();
    let prefix = Prefix::parse(c.word("a prefix")?, span)?;
    let longest = if prefix.address.is_ipv4() { 32 } else { 128 };
    let mut allowed = AllowedPrefix {
        prefix,
        ge: prefix.bits,
        le: prefix.bits,
    };
    let what = format!("a length, {} to {longest}", prefix.bits);
    let length =
        |word: &str| value::u8(word).filter(|length| (prefix.bits..=longest).contains(length));
    if c.accept("ge") {
        allowed.ge = c.value(&what, length)?;
        allowed.le = longest;
    }
    if c.accept("le") {
        allowed.le = c.value(&what, |word| length(word).filter(|le| *le >= allowed.ge))?;
    }
    Ok(allowed)
}

/// `ipv4 unicast`
fn family(c: &mut Cursor<'_>) -> Result<Family, SyntaxError> {
    let afi = c.value("an AFI such as `ipv4`", Afi::from_name)?;
    let safi = c.value("a SAFI such as `unicast`", Safi::from_name)?;
    Ok(Family { afi, safi })
}

/// A community as routes have it, such as `65535:666` or `blackhole`; or a large community: `65000:1:2`.
fn community(c: &mut Cursor<'_>) -> Result<RequiredCommunity, SyntaxError> {
    if c.peek().matches(':').count() == 2 {
        return c
            .value(
                "a large community such as `65000:1:2`",
                LargeCommunity::parse,
            )
            .map(RequiredCommunity::Large);
    }
    Community::parse(c).map(RequiredCommunity::Standard)
}

/// The section.
const SECTION: Settings<GuardConfig> = Settings {
    section: "process/guard",
    shown: "a `guard` section",
    keywords: KEYWORDS,
    lists: &[],
    is_outermost: false,
};

/// Reads `guard { … }`.
pub(crate) fn read(cx: &mut Context<'_>, section: &Statement) -> GuardConfig {
    let place = cx.tree.head_span(section);
    let mut guard = GuardConfig::default();
    let errors = cx.report.errors;
    SECTION.read(cx, section, &mut guard);
    if let (Some(own), Some(most)) = (guard.lifetime, guard.max_lifetime)
        && own > most
    {
        let text = "the lifetime is longer than the longest one";
        cx.report.add(Diagnostic::error(place, text));
    }
    let limits = GuardConfig {
        operators: false,
        ..guard.clone()
    };
    if limits == GuardConfig::default() && cx.report.errors == errors {
        let text = "the `guard` section has no limits: everything is allowed";
        cx.report.add(Diagnostic::warning(place, text));
    }
    if guard.warn_at.is_some() && guard.max_routes.is_none() {
        let text = "`warn-at` has no effect without `max-routes`";
        cx.report.add(Diagnostic::warning(place, text));
    }
    guard
}

/// Warns about families of guards that no neighbor has.
pub(crate) fn check_families(cx: &mut Context<'_>, config: &Config) {
    let is_offered = |family: &Family| {
        let mut neighbors = config.neighbors.iter();
        neighbors.any(|neighbor| neighbor.session.families.contains(family))
    };
    // Commands may add neighbors, and one with errors is not there.
    if config.neighbors.is_empty() || cx.report.errors > 0 {
        return;
    }
    for process in &config.processes {
        let place = cx.processes.iter().find(|(name, _)| *name == process.name);
        let families = process.guard.iter().flat_map(|guard| &guard.families);
        for family in families.filter(|family| !is_offered(family)) {
            let text = format!(
                "`guard` of the process `{}`: no neighbor has the family `{family}`",
                process.name
            );
            let span = place.map(|(_, span)| *span).unwrap_or_default();
            cx.report.add(Diagnostic::warning(span, text));
        }
    }
}
