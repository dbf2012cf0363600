//! The `announce-limit` section of a neighbor.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::announce_limit::AnnounceLimit;
use super::diagnostic::{Diagnostic, Report};
use super::family;
use crate::bgp::Family;
use crate::grammar::RouteText;
use crate::text::{Cursor, Span, SyntaxError, value};

/// Adds or replaces one line of the section. Returns what it sets.
pub(crate) fn line(
    limit: &mut AnnounceLimit,
    head: &str,
    c: &mut Cursor<'_>,
    report: &mut Report,
) -> Result<Cow<'static, str>, SyntaxError> {
    Ok(match head {
        "total" => {
            limit.total = Some(number(c)?);
            "total".into()
        }
        "warn-at" => {
            limit.warn_at = Some(percent(c)?);
            "warn-at".into()
        }
        _ => {
            let family = family::family(head, c, report).map_err(|error| match error.help {
                None => error.with_help(
                    "write `<afi> <safi> <routes>;`, `total <routes>;` or `warn-at <percent>%;`",
                ),
                Some(_) => error,
            })?;
            let most = number(c)?;
            limit.families.retain(|(other, _)| *other != family);
            limit.families.push((family, most));
            family.to_string().into()
        }
    })
}

fn number(c: &mut Cursor<'_>) -> Result<u32, SyntaxError> {
    c.value("a number of routes, 0 to 4294967295", value::u32)
}

/// `80%`, or `80`
pub(crate) fn percent(c: &mut Cursor<'_>) -> Result<u8, SyntaxError> {
    c.value("a percentage such as `80%`, 1% to 100%", |word| {
        value::u8(word.strip_suffix('%').unwrap_or(word)).filter(|share| (1..=100).contains(share))
    })
}

/// Reports the first of a neighbor's own routes that exceeds a limit. Several paths of a prefix count as one unless the
/// neighbor is offered them all.
pub(crate) fn check(
    limit: &AnnounceLimit,
    routes: impl Iterator<Item = (RouteText, Span)>,
    sends_paths: impl Fn(Family) -> bool,
    report: &mut Report,
) {
    let mut counts: HashMap<Family, u64> = HashMap::new();
    let mut seen = HashSet::new();
    let mut total = 0u64;
    let mut reported = HashSet::new();
    let mut raw = false;
    for (route, span) in routes {
        if let Some(code) = route.attributes.raw_reachability()
            && !std::mem::replace(&mut raw, true)
        {
            let text =
                format!("the routes of the attribute {code} are not counted by `announce-limit`");
            report.add(
                Diagnostic::error(span, text)
                    .with_help("announce them as routes, or remove the limit of the neighbor"),
            );
        }
        for nlri in &route.nlri {
            let family = nlri.family;
            let path = sends_paths(family)
                .then_some(nlri.path_id)
                .flatten()
                .unwrap_or_default();
            if !seen.insert((family, path, nlri.as_ref().key())) {
                continue;
            }
            let count = counts.entry(family).or_default();
            *count += 1;
            total += 1;
            let mut excess = |what: String, most: u32, known: Option<Family>| {
                if reported.insert(known) {
                    let text = format!("`{nlri}` exceeds `announce-limit`: {what} {most}");
                    report.add(
                        Diagnostic::error(span, text)
                            .with_help("remove routes, or raise the limit of the neighbor"),
                    );
                }
            };
            if let Some(most) = limit.of(family).filter(|most| *count > u64::from(*most)) {
                excess(format!("{family}"), most, Some(family));
            }
            if let Some(most) = limit.total.filter(|most| total > u64::from(*most)) {
                excess("total".to_owned(), most, None);
            }
        }
    }
}
