//! Abbreviations of commands as in `exabgp cli`, and completion.

use crate::api::command;

/// Where an abbreviation is accepted.
#[derive(Clone, Copy)]
enum Place {
    /// As the first word of the command.
    Command,
    /// After one of these words.
    After(&'static [&'static str]),
    /// After `show neighbor` and `show adj-rib`, `peer show` and `rib show`, and `show` with a selector. Other commands that
    /// begin with `show` take names, which may look like these words.
    Show,
}

/// Words that may be abbreviated. The first match is used. ExaBGP intends `r`, `rr` and `v` to work, but they do not
/// work there.
const WORDS: &[(&str, Place)] = &[
    ("announce", Place::Command),
    ("attributes", Place::After(VERBS)),
    ("adj-rib", Place::After(&["clear", "flush", "show"])),
    ("configuration", Place::Show),
    ("clear", Place::Command),
    ("eor", Place::After(&["announce"])),
    ("extensive", Place::Show),
    ("flow", Place::After(VERBS)),
    ("flush", Place::Command),
    ("help", Place::Command),
    ("in", Place::After(&["adj-rib"])),
    ("neighbor", Place::Command),
    ("neighbor", Place::After(&["show", ","])),
    ("route", Place::After(VERBS)),
    ("show", Place::Command),
    ("summary", Place::Show),
    ("teardown", Place::Command),
    ("vpls", Place::After(VERBS)),
    ("operational", Place::After(&["announce"])),
    ("out", Place::After(&["adj-rib"])),
    ("withdraw", Place::Command),
    ("watchdog", Place::After(VERBS)),
];
const VERBS: &[&str] = &["announce", "withdraw"];
/// Keywords of neighbor selectors, each of which takes a value.
const SELECTORS: &[&str] = &[
    "neighbor",
    "peer",
    "local-ip",
    "local-as",
    "peer-as",
    "router-id",
    "family-allowed",
];
const MISSPELT: &[&str] = &["neighbour", "neigbour", "neigbor"];

/// Expands the abbreviations of a command: `s n s` → `show neighbor summary`.
pub(crate) fn expand(typed: &[&str]) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in typed.iter().copied().filter(|word| !word.is_empty()) {
        words.push(spell(word, &words));
    }
    words.join(" ")
}

fn spell<'a>(word: &'a str, before: &[&'a str]) -> &'a str {
    if MISSPELT.contains(&word) && is_neighbor_next(before) {
        return "neighbor";
    }
    if word == "rr" && before.last() == Some(&"announce") {
        return "route-refresh";
    }
    let fits = |place: &Place| match place {
        Place::Command => is_command_next(before),
        Place::After(words) => before.last().is_some_and(|last| words.contains(last)),
        Place::Show => is_form_next(before),
    };
    // A full word of the table is not expanded: `in` is not an abbreviation of another word.
    let full = WORDS.iter().any(|(full, _)| *full == word);
    WORDS
        .iter()
        .find(|(full, place)| !word.is_empty() && full.starts_with(word) && fits(place))
        .filter(|_| !full)
        .map_or(word, |(full, _)| full)
}

/// Returns `true` if the words before are only a selector.
fn is_command_next(before: &[&str]) -> bool {
    let words: Vec<&str> = before
        .iter()
        .copied()
        .flat_map(|word| word.split(','))
        .filter(|word| !word.is_empty())
        .collect();
    let is_selector = |pair: &[&str]| SELECTORS.contains(&pair[0]) && pair != ["peer", "show"];
    words.len().is_multiple_of(2) && words.chunks(2).all(is_selector)
}

/// Returns `true` if `neighbor` may come next, and no name.
fn is_neighbor_next(before: &[&str]) -> bool {
    match before {
        [.., "set", _, "put", _] | ["show" | "watch"] | ["watch", "mrt"] => true,
        [.., last] if last.ends_with(',') => true,
        _ => is_command_next(before),
    }
}

/// Returns `true` if the form of an answer of `show` may come next.
fn is_form_next(before: &[&str]) -> bool {
    let Some(at) = before.iter().position(|word| *word == "show") else {
        return false;
    };
    match (&before[..at], &before[at + 1..]) {
        (scope, ["neighbor" | "adj-rib", ..]) => is_command_next(scope),
        (["peer" | "rib"], _) => true,
        ([], _) => false,
        (scope, _) => is_command_next(scope),
    }
}

/// The words that may complete `line`, and the position of the word that they complete.
pub(crate) fn complete(line: &str) -> (usize, Vec<String>) {
    let start = line.rfind(' ').map_or(0, |blank| blank + 1);
    let (before, part) = line.split_at(start);
    let typed: Vec<&str> = before.split_ascii_whitespace().collect();
    let expanded = expand(&typed);
    let mut words: Vec<&str> = expanded.split_ascii_whitespace().collect();
    // A command may also follow a selector.
    while words.len() >= 2 && SELECTORS.contains(&words[0]) {
        words.drain(..2);
    }
    let mut found: Vec<String> = command::words()
        .filter_map(|command| {
            let mut parts = command.split(' ');
            let same = words.iter().all(|word| parts.next() == Some(*word));
            parts.next().filter(|next| same && next.starts_with(part))
        })
        .map(str::to_owned)
        .collect();
    let options: &[&str] = match &words[..] {
        ["show", "neighbor", ..] => &["summary", "extensive", "configuration", "table", "json"],
        ["show", "adj-rib", "in" | "out", ..] => &["extensive", "json"],
        [] => &["neighbor", "exit"],
        _ => &[],
    };
    let options = options.iter().filter(|option| option.starts_with(part));
    found.extend(options.map(|option| (*option).to_owned()));
    found.sort_unstable();
    found.dedup();
    (start, found)
}

/// `show neighbor` without a form, for which ExaBGP only lists the forms, as a table; `None` for other commands.
pub(crate) fn as_table(command: &str) -> Option<String> {
    const FORMS: [&str; 6] = [
        "summary",
        "extensive",
        "configuration",
        "table",
        "json",
        "text",
    ];
    let words: Vec<&str> = command.split_ascii_whitespace().collect();
    match &words[..] {
        ["show", "neighbor"] => Some(format!("{command} table")),
        ["show", "neighbor", word] if !FORMS.contains(word) => Some(format!("{command} table")),
        _ => None,
    }
}

/// The JSON variant of the command, if there is one.
pub(crate) fn as_json(command: &str) -> String {
    let words: Vec<&str> = command.split_ascii_whitespace().collect();
    match &words[..] {
        [.., "json"] => command.to_owned(),
        ["show", "neighbor" | "adj-rib", ..] | ["rib" | "peer", "show", ..] => {
            format!("{command} json")
        }
        ["watch", ..] => format!("{command} json"),
        // The path comes last, and may have blanks.
        ["reload", "preview", rest @ ..] if rest.first() != Some(&"json") => {
            command.replacen("preview", "preview json", 1)
        }
        ["show", "checks" | "leases" | "set", .., "text"] => command.to_owned(),
        ["show", "checks" | "leases" | "set", ..] => format!("{command} json"),
        ["version"] => "system version".to_owned(),
        ["help"] => "system help".to_owned(),
        _ => command.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_are_spelt_out_where_they_may_stand() {
        for (typed, wanted) in [
            ("s n s", "show neighbor summary"),
            ("s a o e", "show adj-rib out extensive"),
            ("show adj i", "show adj-rib in"),
            ("sh nei conf", "show neighbor configuration"),
            ("a e ipv4 unicast", "announce eor ipv4 unicast"),
            ("a f route", "announce flow route"),
            ("f a o", "flush adj-rib out"),
            ("h", "help"),
            ("neighbour 192.0.2.1 t 4", "neighbor 192.0.2.1 teardown 4"),
            (
                "n 192.0.2.1 a r 10.0.0.0/8 next-hop self",
                "neighbor 192.0.2.1 announce route 10.0.0.0/8 next-hop self",
            ),
            // Values are not expanded.
            (
                "announce route 10.0.0.0/8 next-hop self name s",
                "announce route 10.0.0.0/8 next-hop self name s",
            ),
            ("announce watchdog a", "announce watchdog a"),
            // Neither are names.
            ("show set config", "show set config"),
            ("show set conf", "show set conf"),
            ("show set s", "show set s"),
            ("show set neighbour", "show set neighbour"),
            (
                "set neighbour replace revision 1",
                "set neighbour replace revision 1",
            ),
            ("announce watchdog neighbour", "announce watchdog neighbour"),
            (
                "announce route 10.0.0.0/8 next-hop self name show e",
                "announce route 10.0.0.0/8 next-hop self name show e",
            ),
            ("watch neighbour 192.0.2.1", "watch neighbor 192.0.2.1"),
            ("peer show s", "peer show summary"),
            ("rib show in e", "rib show in extensive"),
            ("peer * show s", "peer * show summary"),
            ("s n 192.0.2.1 s", "show neighbor 192.0.2.1 summary"),
            (
                "n 192.0.2.1, neigbor 192.0.2.2 a r 10.0.0.0/8 next-hop self",
                "neighbor 192.0.2.1, neighbor 192.0.2.2 announce route 10.0.0.0/8 next-hop self",
            ),
            ("version", "version"),
            ("reload", "reload"),
            (
                "announce rr ipv4 unicast",
                "announce route-refresh ipv4 unicast",
            ),
        ] {
            let words: Vec<&str> = typed.split(' ').collect();
            assert_eq!(expand(&words), wanted);
        }
    }

    #[test]
    fn words_are_completed_from_the_table_of_commands() {
        assert_eq!(
            complete("show neighbor s"),
            (14, vec!["summary".to_owned()])
        );
        assert_eq!(complete("neighbor 192.0.2.1 tear").1, ["teardown"]);
        assert_eq!(complete("flush adj-rib ").1, ["out"]);
        assert!(complete("announce ").1.contains(&"route".to_owned()));
        assert!(complete("").1.contains(&"announce".to_owned()));
        assert_eq!(complete("announce route ").1, Vec::<String>::new());
    }

    #[test]
    fn neighbors_are_shown_in_a_table_unless_a_form_is_asked_for() {
        let table = |command| as_table(command).unwrap_or_default();
        assert_eq!(table("show neighbor"), "show neighbor table");
        assert_eq!(table("show neighbor ::1"), "show neighbor ::1 table");
        for command in [
            "show neighbor summary",
            "show neighbor 192.0.2.1 extensive",
            "show neighbor text",
            "show neighbor a b",
            "show adj-rib out",
        ] {
            assert_eq!(as_table(command), None);
        }
    }

    #[test]
    fn what_has_a_form_in_json_is_asked_for_it() {
        for (command, wanted) in [
            ("show neighbor summary", "show neighbor summary json"),
            ("show adj-rib out json", "show adj-rib out json"),
            ("version", "system version"),
            ("reload", "reload"),
            ("show checks", "show checks json"),
            ("show leases", "show leases json"),
            ("show set", "show set json"),
            ("show set edge", "show set edge json"),
            ("show set edge text", "show set edge text"),
            ("reload preview", "reload preview json"),
            (
                "reload preview /a  b.conf",
                "reload preview json /a  b.conf",
            ),
            ("reload preview json /a.conf", "reload preview json /a.conf"),
        ] {
            assert_eq!(as_json(command), wanted);
        }
    }
}
