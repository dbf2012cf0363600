//! The reference of the language, printed from the tables that read it.

use super::schema::Keyword;
use super::{
    bmp, capability, check_section, check_target, draft, guard_section, limit_section,
    metrics_section, mrt, process, state_section, subscription, tcp_ao,
};

/// One row of the reference: section, word, value, what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its section: `neighbor/capability`.
    pub section: &'static str,
    /// The word.
    pub word: &'static str,
    /// What follows it.
    pub value: &'static str,
    /// What it does.
    pub doc: &'static str,
}

/// The lines of `announce-limit`.
const ANNOUNCE_LIMIT: [(&str, &str, &str); 3] = [
    (
        "<afi> <safi>",
        "<routes>",
        "the most routes of that family that are announced to the neighbor at a time, by helpers, operators and the configuration together; the newest is refused",
    ),
    (
        "total",
        "<routes>",
        "the most routes of all families together",
    ),
    (
        "warn-at",
        "<percent>%",
        "log a warning from this share of a limit on",
    ),
];

/// Every setting of the language except routes, in the order of the tables.
pub fn reference() -> Vec<Row> {
    fn rows<T>(section: &'static str, table: &'static [Keyword<T>], all: &mut Vec<Row>) {
        all.extend(table.iter().map(|keyword| Row {
            section,
            word: keyword.word,
            value: keyword.value,
            doc: keyword.doc,
        }));
    }
    let mut all = Vec::new();
    rows("process", process::KEYWORDS, &mut all);
    rows("process/guard", guard_section::KEYWORDS, &mut all);
    rows("process/limit", limit_section::KEYWORDS, &mut all);
    rows("state", state_section::KEYWORDS, &mut all);
    rows("metrics", metrics_section::KEYWORDS, &mut all);
    rows("check", check_section::KEYWORDS, &mut all);
    let (word, value, doc) = check_section::ROUTE;
    all.push(Row {
        section: "check",
        word,
        value,
        doc,
    });
    rows("check/http", check_target::CONDITIONS, &mut all);
    rows("neighbor", draft::KEYWORDS, &mut all);
    rows("neighbor/capability", capability::KEYWORDS, &mut all);
    rows("neighbor/api", subscription::KEYWORDS, &mut all);
    rows("neighbor/api/send", subscription::MESSAGES, &mut all);
    rows("neighbor/api/receive", subscription::MESSAGES, &mut all);
    rows("neighbor/tcp-ao", tcp_ao::KEYWORDS, &mut all);
    all.push(Row {
        section: "neighbor/tcp-ao",
        word: "next-key",
        value: "{ keyid …; algorithm …; password …; }",
        doc: "a further key, which the running session changes to once the peer asks for it; up to 7 of them",
    });
    all.extend(ANNOUNCE_LIMIT.map(|(word, value, doc)| Row {
        section: "neighbor/announce-limit",
        word,
        value,
        doc,
    }));
    rows("mrt/updates", mrt::UPDATES, &mut all);
    rows("mrt/table", mrt::TABLE, &mut all);
    rows("bmp", bmp::KEYWORDS, &mut all);
    all
}
