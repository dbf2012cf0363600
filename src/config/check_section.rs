//! The `check` section.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use super::announce;
use super::check::{self, CheckConfig, CheckGroup, Down};
use super::check_target::{self, HTTP};
use super::context::Context;
use super::diagnostic::Diagnostic;
use super::monitor::Monitored;
use super::recovery;
use super::schema::{self, Keyword, Origin, Seen};
use super::section;
use super::subscription;
use super::tree::Statement;
use crate::bgp::attribute::Attribute;
use crate::bgp::attribute::med::Med;
use crate::bgp::{AttributeSet, Nlri};
use crate::grammar::{Place, TailBuilder, Verb};
use crate::health::{Pace, Target};
use crate::text::{Cursor, Span, SyntaxError, value};

/// The metric of routes of a service that is down, unless `down` sets something else: ExaBGP's.
const DOWN_METRIC: u32 = 1_000;
/// The longest time that is accepted, in seconds: a day.
const LONGEST: f64 = 86_400.0;
/// The most routes of a check.
const MOST_ROUTES: usize = 10_000;
/// The words of attributes that `down` may change, besides `metric`.
const CHANGED: [&str; 4] = [
    "community",
    "large-community",
    "local-preference",
    "as-path",
];

/// A section that is being read.
pub(crate) struct Draft {
    pub(super) target: Option<Target>,
    pace: Pace,
    disable: Option<PathBuf>,
    routes: Vec<(Nlri, Rc<AttributeSet>, Span)>,
    down: Option<Down>,
    group: Option<CheckGroup>,
    neighbors: Monitored,
    drain: Option<Duration>,
    up_execute: Option<String>,
    down_execute: Option<String>,
}

/// A check with the places of its name and its routes.
pub(crate) struct Placed {
    pub(crate) config: CheckConfig,
    span: Span,
    routes: Vec<Span>,
}

/// The settings of the section. `http` may have a section of its own, and `route` is read as in `static`.
pub(crate) const KEYWORDS: &[Keyword<Draft>] = &[
    Keyword {
        word: "http",
        value: "<url>",
        doc: "the check: this resource answers with a status of 200 to 299; a section behind it sets more conditions. Redirects are not followed",
        read: |draft, c, _| check_target::http(c).map(|target| draft.target = Some(target)),
    },
    Keyword {
        word: "tcp",
        value: "<address> port <port>",
        doc: "the check: this port accepts a connection",
        read: |draft, c, _| check_target::tcp(c).map(|target| draft.target = Some(target)),
    },
    Keyword {
        word: "dns",
        value: "<address> [port <port>] query \"<name> <type>\" [answer <address>|nxdomain]",
        doc: "the check: this DNS server has such a record, or that address in it, or says that the name does not exist",
        read: |draft, c, _| check_target::dns(c).map(|target| draft.target = Some(target)),
    },
    Keyword {
        word: "command",
        value: "\"<command>\"",
        doc: "the check: this command of the shell exits with code 0 in time; otherwise it is killed with all that it started",
        read: |draft, c, _| text(c).map(|text| draft.target = Some(Target::Command(text))),
    },
    Keyword {
        word: "interval",
        value: "<time>",
        doc: "between two checks; 5 seconds unless set, varied by a twentieth",
        read: |draft, c, _| time(c, 0.1).map(|time| draft.pace.interval = time),
    },
    Keyword {
        word: "fast-interval",
        value: "<time>",
        doc: "between two checks while a change is to be confirmed; 1 second unless set",
        read: |draft, c, _| time(c, 0.1).map(|time| draft.pace.fast_interval = time),
    },
    Keyword {
        word: "timeout",
        value: "<time>",
        doc: "a check that takes longer has failed; 5 seconds unless set",
        read: |draft, c, _| time(c, 0.1).map(|time| draft.pace.timeout = time),
    },
    Keyword {
        word: "rise",
        value: "<number>",
        doc: "successful checks in a row before the service counts as up; 3 unless set. Before that nothing is announced or withdrawn",
        read: |draft, c, _| count(c).map(|count| draft.pace.rise = count),
    },
    Keyword {
        word: "fall",
        value: "<number>",
        doc: "failed checks in a row before it counts as down; 3 unless set",
        read: |draft, c, _| count(c).map(|count| draft.pace.fall = count),
    },
    Keyword {
        word: "flap-hold",
        value: "<time>",
        doc: "a service that went down stays down for this long at least; not at all unless set",
        read: |draft, c, _| time(c, 0.0).map(|time| draft.pace.flap_hold = time),
    },
    Keyword {
        word: "disable",
        value: "<path>",
        doc: "while this file exists, the service is not checked and counts as down",
        read: |draft, c, _| {
            let path = c.value("an absolute path", |word| {
                word.starts_with('/').then(|| word.into())
            });
            path.map(|path| draft.disable = Some(path))
        },
    },
    Keyword {
        word: "down",
        value: "withdraw | [metric <number>] [community [ … ]] …",
        doc: "while the service is down or disabled: withdraw the routes, or announce them with this metric (MED), `community`, `large-community`, `local-preference` or `as-path` in place of their own; `metric 1000` unless set",
        read: |draft, c, _| down(c).map(|down| draft.down = Some(down)),
    },
    Keyword {
        word: "group",
        value: "<name> [fail-static]",
        doc: "the group of the check; with `fail-static`, each check of the group keeps its state if all of them fail at once, since it is more likely that the checker is cut off",
        read: |draft, c, _| {
            let name = c.value("a name", |word| {
                let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
                (!word.is_empty() && word.chars().all(fits)).then(|| word.to_owned())
            })?;
            draft.group = Some(CheckGroup {
                name,
                fail_static: c.accept("fail-static"),
            });
            Ok(())
        },
    },
    Keyword {
        word: "neighbors",
        value: "[ <address> … ]",
        doc: "announce to these neighbors only, by address or range; to all unless set",
        read: |draft, c, _| section::monitored(c).map(|value| draft.neighbors = value),
    },
    Keyword {
        word: "drain",
        value: "<time>",
        doc: "how long to wait, after the routes were withdrawn or changed, before `down-execute` is run: packets arrive until peers have learned of it. When the daemon is stopped, it withdraws the routes first and waits as well, so the service manager has to give it the time (`TimeoutStopSec` of systemd). 5 seconds with `down-execute`, none without it, unless set",
        read: |draft, c, _| time(c, 0.0).map(|time| draft.drain = Some(time)),
    },
    Keyword {
        word: "up-execute",
        value: "\"<command>\"",
        doc: "run this command of the shell before the routes are announced: to add the address, for instance",
        read: |draft, c, _| text(c).map(|text| draft.up_execute = Some(text)),
    },
    Keyword {
        word: "down-execute",
        value: "\"<command>\"",
        doc: "run this command of the shell once the routes are gone and `drain` is over: to remove the address, for instance",
        read: |draft, c, _| text(c).map(|text| draft.down_execute = Some(text)),
    },
];

/// The rows of the reference that are not in the table.
pub(crate) const ROUTE: (&str, &str, &str) = (
    "route",
    "<prefix> next-hop <address|self> …",
    "announce this route while the service is up, as in `static`; may be repeated",
);

fn text(c: &mut Cursor<'_>) -> Result<String, SyntaxError> {
    c.value("a command in quotes", |word| {
        (!word.trim().is_empty()).then(|| word.to_owned())
    })
}

fn count(c: &mut Cursor<'_>) -> Result<u16, SyntaxError> {
    c.value("a number, 1 to 1000", |word| {
        value::u16(word).filter(|number| (1..=1_000).contains(number))
    })
}

/// A time such as `0.5`, `10` or `2m`.
fn time(c: &mut Cursor<'_>, least: f64) -> Result<Duration, SyntaxError> {
    let expected = match least > 0.0 {
        true => "a time such as `0.5`, `10` or `2m`, 0.1 seconds to a day",
        false => "a time such as `10` or `2m`, up to a day",
    };
    c.value(expected, |word| {
        let digits = |c: char| c.is_ascii_digit() || c == '.';
        let seconds = match word.chars().all(digits) {
            true => word.parse::<f64>().ok()?,
            false => f64::from(u32::try_from(value::seconds(word)?).ok()?),
        };
        ((least..=LONGEST).contains(&seconds)).then(|| Duration::from_secs_f64(seconds))
    })
}

fn down(c: &mut Cursor<'_>) -> Result<Down, SyntaxError> {
    if c.accept("withdraw") {
        return Ok(Down::Withdraw);
    }
    let mut builder = TailBuilder::new(Place::Route);
    let (mut list, span) = (Vec::new(), c.span());
    if c.is_empty() {
        return Err(c.error("`withdraw`, `metric` or `community`"));
    }
    while !c.is_empty() {
        if c.accept("metric") || c.accept("med") {
            let metric = c.value("a metric, 0 to 4294967295", value::u32)?;
            list.push(Attribute::Med(Med(metric)));
        } else if CHANGED.contains(&c.peek()) {
            builder.keyword(c)?;
        } else {
            return Err(c.error(
                "`metric`, `community`, `large-community`, `local-preference` or `as-path`",
            ));
        }
    }
    let tail = builder.finish(Verb::Withdraw, span)?;
    list.extend(tail.attributes.list().iter().cloned());
    Ok(Down::Change(list))
}

/// Reads `check NAME { … }`.
pub(crate) fn read(cx: &mut Context<'_>, statement: &Statement) -> Option<Placed> {
    let (tree, errors) = (cx.tree, cx.report.errors);
    let words = tree.words(statement);
    let (_, mut c) = words.cursor();
    let span = c.span();
    let Some(name) = c.next_token().map(|token| token.text.to_string()) else {
        cx.report.add(
            Diagnostic::error(c.last_span(), "the check has no name")
                .with_help("write `check NAME { … }`"),
        );
        return None;
    };
    subscription::check_name(cx, &name, span);
    schema::spare(&c, &mut cx.report);
    let mut draft = Draft {
        target: None,
        pace: Pace::default(),
        disable: None,
        routes: Vec::new(),
        down: None,
        group: None,
        neighbors: Monitored::default(),
        drain: None,
        up_execute: None,
        down_execute: None,
    };
    let mut seen = Seen::default();
    for inner in statement.statements() {
        if !setting(cx, inner, &mut draft, &mut seen) {
            return None;
        }
    }
    finish(cx, (name, span), draft, errors)
}

/// Reads one statement. Returns `false` if it belongs to an outer section.
fn setting(cx: &mut Context<'_>, inner: &Statement, draft: &mut Draft, seen: &mut Seen) -> bool {
    let tree = cx.tree;
    let words = tree.words(inner);
    let (word, c) = words.cursor();
    if word == "route" {
        route(cx, inner, draft);
        return true;
    }
    let keyword = KEYWORDS.iter().find(|keyword| keyword.word == word);
    match keyword {
        Some(keyword) if inner.block.is_none() || word == "http" => {
            if draft.target.is_some() && matches!(word, "http" | "tcp" | "dns" | "command") {
                cx.report.add(
                    Diagnostic::error(c.last_span(), "a check checks one thing")
                        .with_help("write a second `check` section"),
                );
                return true;
            }
            seen.note(
                ("check", keyword.word),
                (&*words, inner.span()),
                Origin::Own,
                &mut cx.report,
            );
            schema::setting(keyword, draft, c, &mut cx.report);
            if let Some(Target::Http(check)) = &mut draft.target
                && inner.block.is_some()
            {
                section::read(cx, inner, &HTTP, check);
            }
        }
        _ if recovery::outside(cx, inner, "a `check` section") => return false,
        _ => {
            let words = KEYWORDS.iter().map(|keyword| keyword.word);
            let words = words.chain(["route"]);
            let error = schema::unknown(word, c.last_span(), "a `check` section", words);
            cx.report.add(error);
        }
    }
    true
}

fn route(cx: &mut Context<'_>, inner: &Statement, draft: &mut Draft) {
    let span = cx.tree.head_span(inner);
    let route = match announce::fixed(cx, inner) {
        Ok(route) => route,
        Err(error) => {
            let mut diagnostic = Diagnostic::from(error);
            if diagnostic.span.start == diagnostic.span.end {
                diagnostic.span = Span::new(span.start, diagnostic.span.end.max(span.end));
            }
            cx.report.add(diagnostic);
            return;
        }
    };
    if route.watchdog.is_some() || route.withdraw {
        let text = "a route of a check has no `watchdog` and no `withdraw`: the check announces and withdraws it";
        cx.report.add(Diagnostic::error(inner.span(), text));
        return;
    }
    if draft.routes.len() + route.nlri.len() > MOST_ROUTES {
        let text = format!("a check has at most {MOST_ROUTES} routes");
        cx.report.add(Diagnostic::error(inner.span(), text));
        return;
    }
    for nlri in route.nlri {
        if let Some((_, _, other)) = draft.routes.iter().find(|(known, ..)| *known == nlri) {
            cx.report.add(
                Diagnostic::error(inner.span(), format!("the check has `{nlri}` already"))
                    .with_other(*other, "here"),
            );
            return;
        }
        let attributes = Rc::clone(&route.attributes);
        draft.routes.push((nlri, attributes, inner.span()));
    }
}

fn finish(
    cx: &mut Context<'_>,
    (name, span): (String, Span),
    draft: Draft,
    errors: usize,
) -> Option<Placed> {
    let complete = cx.report.errors == errors;
    let error = |cx: &mut Context<'_>, text: &str, help: &str| {
        cx.report.add(Diagnostic::error(span, text).with_help(help));
    };
    if draft.target.is_none() && complete {
        error(
            cx,
            "the check checks nothing",
            "add `http URL;`, `tcp ADDRESS port PORT;`, `dns …;` or `command \"…\";`",
        );
    }
    if draft.routes.is_empty() && complete {
        error(
            cx,
            "the check has no route",
            "add `route 198.51.100.10/32 next-hop self;`",
        );
    }
    let target = draft.target.filter(|_| cx.report.errors == errors)?;
    let places = draft.routes.iter().map(|(.., span)| *span).collect();
    let routes = draft.routes.into_iter();
    let config = CheckConfig {
        name,
        target,
        pace: draft.pace,
        disable: draft.disable,
        routes: routes
            .map(|(nlri, attributes, _)| (nlri, attributes))
            .collect(),
        down: draft
            .down
            .unwrap_or_else(|| Down::Change(vec![Attribute::Med(Med(DOWN_METRIC))])),
        group: draft.group,
        neighbors: draft.neighbors,
        drain: draft
            .drain
            .unwrap_or_else(|| check::default_drain(draft.down_execute.is_some())),
        up_execute: draft.up_execute,
        down_execute: draft.down_execute,
    };
    Some(Placed {
        config,
        span,
        routes: places,
    })
}

/// Checks all sections together, and with the neighbors of the file.
pub(crate) fn settle(
    cx: &mut Context<'_>,
    checks: Vec<Placed>,
    neighbors: &[super::NeighborConfig],
) -> Vec<CheckConfig> {
    for (at, check) in checks.iter().enumerate() {
        let others = &checks[..at];
        let twin = others
            .iter()
            .find(|other| other.config.name == check.config.name);
        if let Some(twin) = twin {
            let text = format!("the check `{}` is already defined", check.config.name);
            cx.report
                .add(Diagnostic::error(check.span, text).with_other(twin.span, "here"));
        }
        for ((nlri, _), span) in check.config.routes.iter().zip(&check.routes) {
            let other = others.iter().find_map(|other| {
                let at = other
                    .config
                    .routes
                    .iter()
                    .position(|(one, _)| one == nlri)?;
                Some(other.routes[at])
            });
            if let Some(other) = other {
                let text =
                    format!("another check announces `{nlri}`: the last change of either applies");
                cx.report
                    .add(Diagnostic::warning(*span, text).with_other(other, "here"));
            }
            reach(cx, (nlri, *span), &check.config.neighbors, neighbors);
        }
        alone(cx, check, &checks);
    }
    checks.into_iter().map(|check| check.config).collect()
}

/// Warns about a route that no neighbor can be sent.
fn reach(
    cx: &mut Context<'_>,
    (nlri, span): (&Nlri, Span),
    wanted: &Monitored,
    neighbors: &[super::NeighborConfig],
) {
    let selected = |neighbor: &&super::NeighborConfig| {
        let session = &neighbor.session;
        wanted.concerns(session.peer_address, session.peer_prefix)
    };
    let selected: Vec<_> = neighbors.iter().filter(selected).collect();
    let carries = |one: &super::NeighborConfig| one.session.families.contains(&nlri.family);
    let text = match selected.iter().any(|one| carries(one)) {
        true => return,
        false if selected.is_empty() => {
            "none of the neighbors is selected by this check".to_owned()
        }
        false => format!(
            "no neighbor of this check has the family `{}`: `{nlri}` is not announced",
            nlri.family
        ),
    };
    cx.report.add(Diagnostic::warning(span, text));
}

/// Warns about a group that never lets its only check go down.
fn alone(cx: &mut Context<'_>, check: &Placed, all: &[Placed]) {
    let Some(group) = check
        .config
        .group
        .as_ref()
        .filter(|group| group.fail_static)
    else {
        return;
    };
    let same = |other: &&Placed| {
        let other = other.config.group.as_ref();
        other.is_some_and(|other| other.name == group.name)
    };
    if all.iter().filter(same).count() == 1 {
        let text = format!(
            "the group `{}` has one check only: `fail-static` has no effect",
            group.name
        );
        cx.report.add(
            Diagnostic::warning(check.span, text)
                .with_help("the checks of a group tell a failed service from a failed checker"),
        );
    }
}
