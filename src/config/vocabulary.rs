//! The words that the parts of a `neighbor` section begin with, and those that open a section: what a reader has to know
//! to find its way back after a brace that is missing or too many.

use crate::text::Token;

/// The sections that a neighbor may have.
pub(crate) const SECTIONS: &[&str] = &[
    "family",
    "capability",
    "add-path",
    "nexthop",
    "api",
    "static",
    "announce",
    "flow",
    "l2vpn",
    "operational",
    "tcp-ao",
    "announce-limit",
];

/// The settings that a neighbor may have, in the order of their table.
pub(crate) const SETTINGS: &[&str] = &[
    "description",
    "peer-address",
    "local-address",
    "local-link-local",
    "router-id",
    "local-as",
    "peer-as",
    "host-name",
    "domain-name",
    "hold-time",
    "rate-limit",
    "prefix-limit",
    "dynamic-limit",
    "passive",
    "listen",
    "connect",
    "source-interface",
    "outgoing-ttl",
    "incoming-ttl",
    "md5-password",
    "md5-base64",
    "md5-ip",
    "group-updates",
    "auto-flush",
    "adj-rib-in",
    "adj-rib-out",
    "eor-deferral",
    "stale-path-time",
    "manual-eor",
    "inherit",
];

/// Returns `true` if a neighbor may have a setting or section called `word`.
pub(crate) fn has(word: &str) -> bool {
    SECTIONS.contains(&word) || SETTINGS.contains(&word)
}

/// Returns `true` if words without an end can only be the head of a section.
pub(crate) fn opens_section(words: &[Token<'_>]) -> bool {
    let word = words.first().map_or("", |token| &*token.text);
    match words.len() {
        1 => matches!(
            word,
            "template"
                | "metrics"
                | "state"
                | "mrt"
                | "family"
                | "capability"
                | "api"
                | "static"
                | "announce"
                | "announce-limit"
                | "flow"
                | "l2vpn"
                | "limit"
                | "send"
                | "receive"
                | "match"
                | "then"
                | "ipv4"
                | "ipv6"
                | "route"
        ),
        2 => matches!(
            word,
            "neighbor"
                | "process"
                | "template"
                | "group"
                | "check"
                | "api"
                | "route"
                | "mrt"
                | "bmp"
        ),
        _ => false,
    }
}
