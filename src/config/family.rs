//! The sections that list families: `family`, `add-path`, `nexthop`.
//!
//! Without a family, or with `all`, the 21 families of ExaBGP 5.0 are offered; SR Policy, which only 6.0 knows, has to be
//! named.

use super::diagnostic::{Diagnostic, Report};
use crate::bgp::{Afi, Family, Safi};
use crate::text::{Cursor, SyntaxError, value};

/// Families as listed, not resolved yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct FamilyList {
    /// Those that are named.
    pub(crate) named: Vec<Family>,
    /// How many of them the section that is being read has found: others may name them again, a template and a neighbor.
    pub(crate) before: usize,
    /// All that there are.
    pub(crate) all: bool,
    /// Only those that the routes of the file need (ExaBGP 3.4).
    pub(crate) minimal: bool,
}

impl FamilyList {
    /// Reads `ipv4 unicast`, `all` or `minimal`; `head` is the first word, at `c.last_span()`.
    pub(crate) fn read(
        &mut self,
        head: &str,
        c: &mut Cursor<'_>,
        report: &mut Report,
    ) -> Result<Option<Family>, SyntaxError> {
        let span = c.last_span();
        match head {
            "all" => self.all = true,
            "minimal" => {
                self.minimal = true;
                report.add(
                    Diagnostic::warning(span, "`minimal` is a word of ExaBGP 3.4")
                        .with_help("name the families, such as `ipv4 unicast;`"),
                );
            }
            _ => {
                let family = family(head, c, report)?;
                let known = self.named.iter().position(|one| *one == family);
                match known {
                    None => self.named.push(family),
                    Some(at) if at < self.before => {}
                    Some(_) => report.add(Diagnostic::warning(
                        span.to(c.last_span()),
                        format!("`{family}` is listed already"),
                    )),
                }
                return Ok(Some(family));
            }
        }
        Ok(None)
    }

    /// Returns `true` if no family is written down, which selects all.
    pub(crate) const fn is_unwritten(&self) -> bool {
        self.named.is_empty() && !self.all && !self.minimal
    }

    /// The selected families, sorted; `routes` are those of the routes in the file.
    pub(crate) fn resolve(&self, routes: impl Iterator<Item = Family>) -> Vec<Family> {
        let mut families = self.named.clone();
        if self.minimal && !self.all {
            families.extend(routes);
            families.push(Family::IPV4_UNICAST);
        } else if self.all || families.is_empty() {
            families.extend(Family::defaults());
        }
        families.sort_unstable();
        families.dedup();
        families
    }
}

/// Reads the SAFI after the AFI `head`.
pub(crate) fn family(
    head: &str,
    c: &mut Cursor<'_>,
    report: &mut Report,
) -> Result<Family, SyntaxError> {
    let span = c.last_span();
    let afi = afi(head, report, c).ok_or_else(|| {
        SyntaxError::expected(span, "an address family", head)
            .with_near_miss(head, ["ipv4", "ipv6", "l2vpn", "bgp-ls", "all"])
    })?;
    let word = c.peek();
    let family = Safi::from_name(word)
        .map(|safi| Family { afi, safi })
        .filter(|family| family.index().is_some());
    let Some(family) = family else {
        let known: Vec<String> = Family::KNOWN
            .iter()
            .filter(|family| family.afi == afi)
            .map(|family| family.safi.to_string())
            .collect();
        let error = c.error(format_args!("a subsequent family of `{afi}`"));
        return Err(
            match crate::text::near_miss(word, known.iter().map(String::as_str)) {
                Some(near) => error.with_help(format!("did you mean `{near}`?")),
                None => error.with_help(format!("`{afi}` has `{}`", known.join("`, `"))),
            },
        );
    };
    c.next_token();
    Ok(family)
}

/// An AFI by its name, or by one of ExaBGP 3.4's names.
fn afi(word: &str, report: &mut Report, c: &Cursor<'_>) -> Option<Afi> {
    let old = match word {
        "inet" | "inet4" => Afi::IPV4,
        "inet6" => Afi::IPV6,
        _ => return Afi::from_name(word),
    };
    report.add(
        Diagnostic::warning(c.last_span(), format!("`{word}` is a word of ExaBGP 3.4"))
            .with_help(format!("write `{old}`")),
    );
    Some(old)
}

/// One line of `add-path`: a family and, since ExaBGP 6.0, `limit` and the most paths that we want to receive
/// (draft-abraitis-idr-addpath-paths-limit).
pub(crate) fn add_path(
    families: &mut FamilyList,
    limits: &mut Vec<(Family, u16)>,
    head: &str,
    c: &mut Cursor<'_>,
    report: &mut Report,
) -> Result<(), SyntaxError> {
    let family = families.read(head, c, report)?;
    if let Some(family) = family
        && c.accept("limit")
    {
        let limit = c.value("a number of paths, 1 to 65535", |word| {
            value::u16(word).filter(|limit| *limit > 0)
        })?;
        limits.retain(|(other, _)| *other != family);
        limits.push((family, limit));
    }
    Ok(())
}

/// One line of `nexthop`: `ipv4 unicast ipv6`.
pub(crate) fn nexthop(
    head: &str,
    c: &mut Cursor<'_>,
    report: &mut Report,
) -> Result<(Family, Afi), SyntaxError> {
    let start = *c;
    let family = family(head, c, report)?;
    let carries = [
        Safi::UNICAST,
        Safi::MULTICAST,
        Safi::NLRI_MPLS,
        Safi::MPLS_VPN,
    ];
    if !matches!(family.afi, Afi::IPV4 | Afi::IPV6) || !carries.contains(&family.safi) {
        return Err(start
            .error("an IPv4 or IPv6 family with prefixes")
            .with_help(
                "`unicast`, `multicast`, `nlri-mpls` and `mpls-vpn` may have another next hop",
            ));
    }
    let other = if family.afi == Afi::IPV4 {
        Afi::IPV6
    } else {
        Afi::IPV4
    };
    let name = other.to_string();
    c.value(&format!("`{other}`"), |word| {
        (word == name).then_some(other)
    })
    .map(|other| (family, other))
}
