//! The old words, their current replacements, and those that occur in current sections.

use crate::config::context::Context;
use crate::config::diagnostic::Diagnostic;
use crate::config::model::{Direction, Messages, Subscription};
use crate::config::tree::{Block, Statement, Tree};
use crate::config::{process, schema};
use crate::text::{Cursor, Span, Token};

/// Old settings of a neighbor that were only renamed.
const RENAMED: [(&str, &str); 5] = [
    ("md5", "md5-password"),
    ("ttl-security", "outgoing-ttl"),
    ("local-ip", "local-address"),
    ("hold", "hold-time"),
    ("hostname", "host-name"),
];

/// The current name of an old setting of a neighbor.
pub(crate) fn renamed(word: &str) -> Option<&'static str> {
    RENAMED
        .iter()
        .find(|(old, _)| *old == word)
        .map(|(_, today)| *today)
}

/// The current name of an old capability.
pub(crate) fn renamed_capability(word: &str) -> Option<&'static str> {
    Some(match word {
        "refresh" => "route-refresh",
        "multisession" => "multi-session",
        "extended-nexthop" => "nexthop",
        _ => return None,
    })
}

/// The current name of an old line of `send` or `receive`.
pub(crate) fn renamed_message(word: &str) -> Option<&'static str> {
    Some(match word {
        "updates" => "update",
        "opens" => "open",
        "keepalives" => "keepalive",
        "notifications" => "notification",
        _ => return None,
    })
}

/// The current form of an old setting of an `api` section; `None` if `word` is not one.
pub(crate) fn api_today(word: &str) -> Option<&'static str> {
    Some(match word {
        "parse-routes" | "peer-updates" => "neighbor-changes; receive { parsed; update; }",
        "receive-routes" => "receive { parsed; update; refresh; }",
        "receive-updates" => "receive { parsed; update; }",
        "receive-parsed" => "receive { parsed; }",
        "receive-packets" => {
            "receive { packets; open; update; notification; keepalive; refresh; operational; }"
        }
        "send-packets" => {
            "send { packets; open; update; notification; keepalive; refresh; operational; }"
        }
        "send-parsed" => "send { parsed; }",
        "consolidate" => "receive { consolidate; }",
        "receive-opens" => "receive { parsed; open; }",
        "receive-keepalives" => "receive { parsed; keepalive; }",
        "receive-notifications" => "receive { parsed; notification; }",
        "receive-refresh" => "receive { parsed; refresh; }",
        "receive-operational" => "receive { parsed; operational; }",
        _ => return None,
    })
}

/// A warning about an old word.
pub(crate) fn warn(cx: &mut Context<'_>, span: Span, message: &str, today: &str) {
    cx.report
        .add(Diagnostic::warning(span, message).with_help(today));
}

/// The name of `template NAME { … }` with the settings themselves in it, as early versions of ExaBGP 4 had it.
pub(crate) fn named_template<'a>(cx: &mut Context<'a>, section: &Statement) -> Option<Token<'a>> {
    let tree = cx.tree;
    let named = tree.words(section).into_word(1)?;
    if !is_named_template(tree, section) {
        return None;
    }
    warn(
        cx,
        section.span(),
        "a template is a `neighbor` section within `template` since ExaBGP 4.0",
        &format!("write `template {{ neighbor {} {{ … }} }}`", named.text),
    );
    Some(named)
}

/// Returns `true` if a section is a template of that form.
pub(crate) fn is_named_template(tree: &Tree<'_>, section: &Statement) -> bool {
    let statements = section.statements();
    tree.words(section).len() > 1
        && !statements.is_empty()
        && statements
            .iter()
            .all(|inner| tree.head(inner) != "neighbor")
}

/// Returns `true` for `ttl-security` without a number, which meant 255 in ExaBGP 3.4.
pub(crate) fn is_bare_ttl(words: &[Token<'_>]) -> bool {
    matches!(words, [word] if &*word.text == "ttl-security")
}

/// Reads an old setting of an `api` section. Returns `false` if `word` is not one.
pub(crate) fn subscription(
    cx: &mut Context<'_>,
    word: &str,
    mut c: Cursor<'_>,
    target: &mut Subscription,
) -> bool {
    let span = c.last_span();
    let Some(today) = api_today(word) else {
        return false;
    };
    warn(
        cx,
        span,
        &format!("`{word}` is a setting of ExaBGP 3.4"),
        &format!("write `{today}`"),
    );
    let on = match schema::boolean(&mut c, true) {
        Ok(on) => on,
        Err(error) => {
            cx.report.add(error);
            return true;
        }
    };
    let receive = &mut target.receive;
    match word {
        "parse-routes" | "peer-updates" => {
            target.neighbor_changes = on;
            (receive.parsed, receive.update) = (on, on);
        }
        "receive-routes" => {
            (receive.parsed, receive.update, receive.refresh) = (on, on, on);
        }
        "receive-updates" => (receive.parsed, receive.update) = (on, on),
        "receive-parsed" => receive.parsed = on,
        "receive-packets" => every(receive, on),
        "send-packets" => every(&mut target.send, on),
        "send-parsed" => target.send.parsed = on,
        "consolidate" => receive.consolidate = on,
        "receive-opens" => (receive.parsed, receive.open) = (on, on),
        "receive-keepalives" => (receive.parsed, receive.keepalive) = (on, on),
        "receive-notifications" => (receive.parsed, receive.notification) = (on, on),
        "receive-refresh" => (receive.parsed, receive.refresh) = (on, on),
        "receive-operational" => (receive.parsed, receive.operational) = (on, on),
        _ => {}
    }
    true
}

/// All messages as packets.
fn every(messages: &mut Messages, on: bool) {
    *messages = Messages {
        parsed: messages.parsed,
        consolidate: messages.consolidate,
        packets: on,
        open: on,
        update: on,
        notification: on,
        keepalive: on,
        refresh: on,
        operational: on,
    };
}

/// Reads an old line of `send` or `receive`. Returns `false` if `word` is not one.
pub(crate) fn message(
    cx: &mut Context<'_>,
    word: &str,
    span: Span,
    target: &mut Subscription,
    direction: Direction,
) -> bool {
    let today = match word {
        "neighbor-changes" => "neighbor-changes` before `receive",
        "all" => "open; update; notification; keepalive; refresh; operational",
        _ => match renamed_message(word) {
            Some(today) => today,
            None => return false,
        },
    };
    warn(
        cx,
        span,
        &format!("`{word}` is a setting of older versions of ExaBGP"),
        &format!("write `{today}`"),
    );
    if word == "neighbor-changes" {
        target.neighbor_changes = true;
        return true;
    }
    let messages = direction.of(target);
    match word {
        "updates" => messages.update = true,
        "opens" => messages.open = true,
        "keepalives" => messages.keepalive = true,
        "notifications" => messages.notification = true,
        _ => {
            let packets = messages.packets;
            every(messages, true);
            messages.packets = packets;
        }
    }
    true
}

/// Returns `true` for `process { … }` without a name that runs nothing.
pub(crate) fn is_nameless(tree: &Tree<'_>, statement: &Statement, block: &Block) -> bool {
    tree.words(statement).len() < 2
        && block
            .statements
            .iter()
            .all(|inner| tree.head(inner) != "run")
}

/// Returns `true` if `word` is a setting of a process.
pub(crate) fn is_process_word(word: &str) -> bool {
    process::KEYWORDS.iter().any(|keyword| keyword.word == word)
}
