//! The words that ExaBGP 5.0 does not know: a file without them can be used there, too.
//!
//! This is the one table of them. `tests/differential/words.py` makes it, by running ExaBGP's parser on configurations with
//! one word each.

use memchr::memmem;

use super::context::Context;
use super::tree::Statement;

/// Words by the section that they begin a statement of, as the reference names it; an empty name is the file itself. What
/// stands inside of a section that ExaBGP does not know is not listed.
pub(crate) const WORDS: &[(&str, &[&str])] = &[
    ("", &["metrics", "mrt", "bmp", "state", "check"]),
    (
        "process",
        &[
            "api-version",
            "queue-size",
            "queue-full",
            "on-death",
            "unclaimed",
            "guard",
            "user",
            "no-new-privileges",
            "limit",
        ],
    ),
    (
        "neighbor",
        &[
            "local-link-local",
            "prefix-limit",
            "dynamic-limit",
            "eor-deferral",
            "stale-path-time",
            "announce-limit",
            "tcp-ao",
        ],
    ),
    (
        "neighbor/capability",
        &[
            "graceful-restart-notification",
            "long-lived-graceful-restart",
            "link-local-nexthop",
            "link-local-prefer",
            "role",
        ],
    ),
    ("neighbor/static", &["rtc", "sr-policy"]),
    ("neighbor/l2vpn", &["evpn"]),
    ("neighbor/announce", &["bgp-ls"]),
    ("neighbor/announce/ipv4", &["rtc", "sr-policy"]),
    ("neighbor/announce/ipv6", &["sr-policy"]),
    ("neighbor/announce/l2vpn", &["evpn"]),
    (
        "neighbor/flow/route/then",
        &[
            "copy-to-nexthop",
            "copy-to-nexthop-ietf",
            "interface-set",
            "communities",
            "large-communities",
            "extended-communities",
        ],
    ),
];

/// Words that may stand anywhere in the text of a route.
pub(crate) const ROUTE_WORDS: &[&str] = &[
    "otc",
    "only-to-customer",
    "communities",
    "large-communities",
    "extended-communities",
    "extended-community-ipv6",
    "copy-to-nexthop",
    "copy-to-nexthop-ietf",
    "interface-set",
];

/// Words that stand after another one: in lines of families.
const LINE_WORDS: &[(&str, &str)] = &[
    ("neighbor/family", "sr-policy"),
    ("neighbor/add-path", "sr-policy"),
    ("neighbor/add-path", "limit"),
];

/// The words that ExaBGP 5.0 does not know, with the section that they begin a statement of, as [`reference`] names it; an
/// empty name is the file itself.
///
/// [`reference`]: super::reference()
pub fn words_of_our_own() -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = |(section, words): &(&'static str, &'static [&'static str])| {
        let section = *section;
        words.iter().map(move |word| (section, *word))
    };
    WORDS.iter().flat_map(all)
}

/// Records every word that ExaBGP does not know, with its place.
pub(crate) fn mark(cx: &mut Context<'_>) {
    let tree = cx.tree;
    // Few files have such words, and many have a lot of routes: looking for them in the text first saves reading the words of
    // all routes once more.
    let has = |word: &&&str| memmem::find(cx.text.as_bytes(), word.as_bytes()).is_some();
    let has_escapes = memchr::memchr(b'\\', cx.text.as_bytes()).is_some();
    let route_words = match has_escapes {
        true => ROUTE_WORDS.to_vec(),
        false => ROUTE_WORDS.iter().filter(has).copied().collect(),
    };
    walk(cx, &tree.statements, ("", &route_words));
}

fn walk(
    cx: &mut Context<'_>,
    statements: &[Statement],
    (section, route_words): (&str, &[&'static str]),
) {
    let tree = cx.tree;
    let own = WORDS.iter().filter(|(of, _)| *of == section);
    let own: Vec<&str> = own.flat_map(|(_, words)| *words).copied().collect();
    let is_route = ["static", "announce", "flow", "l2vpn"].iter().any(|name| {
        let inside = section.strip_prefix("neighbor/");
        inside.is_some_and(|inside| inside.starts_with(name))
    });
    for statement in statements {
        let head = tree.head(statement);
        if let Some(word) = own.iter().find(|word| head == **word) {
            cx.report.extension(word, tree.head_span(statement));
            continue;
        }
        if is_route {
            line_of_route(cx, statement, route_words);
        } else {
            line(cx, statement, section);
        }
        let is_beyond = |of: &str| {
            let inner = of.strip_prefix(section);
            let inner = inner.and_then(|inner| inner.strip_prefix('/'));
            inner.is_some_and(|inner| inner.starts_with(&*head))
        };
        if is_route && route_words.is_empty() && !WORDS.iter().any(|(of, _)| is_beyond(of)) {
            continue;
        }
        if statement.block.is_some() {
            // Templates and groups have neighbors, or the settings of one.
            let inner = match (section, &*head) {
                // A section without a name.
                (section, "") => section.to_owned(),
                ("", "neighbor" | "template" | "group") => "neighbor".to_owned(),
                ("neighbor", "neighbor") => "neighbor".to_owned(),
                ("neighbor", "process") | ("", "process") => "process".to_owned(),
                ("", word) => word.to_owned(),
                (section, word) => format!("{section}/{word}"),
            };
            walk(cx, statement.statements(), (&inner, route_words));
        }
    }
}

/// Words of a route.
fn line_of_route(cx: &mut Context<'_>, statement: &Statement, route_words: &[&'static str]) {
    if route_words.is_empty() {
        return;
    }
    for token in cx.tree.reader(statement).filter(|token| !token.quoted) {
        if let Some(word) = route_words.iter().find(|word| token.text == **word) {
            cx.report.extension(word, token.span);
        }
    }
}

/// Words after the first one.
fn line(cx: &mut Context<'_>, statement: &Statement, section: &str) {
    for (_, word) in LINE_WORDS.iter().filter(|(of, _)| *of == section) {
        let mut words = cx.tree.reader(statement).skip(1);
        if let Some(token) = words.find(|token| token.text == *word) {
            cx.report.extension(word, token.span);
        }
    }
}
