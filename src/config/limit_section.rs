//! The `limit` section of a process, and the check of its `user`.

use super::confinement::Limits;
use super::context::Context;
use super::diagnostic::Diagnostic;
use super::schema::Keyword;
use super::settings::Settings;
use super::tree::Statement;
use crate::text::value;

/// The settings of the `limit` section.
pub(crate) const KEYWORDS: &[Keyword<Limits>] = &[
    Keyword {
        word: "memory",
        value: "<bytes>",
        doc: "the most address space, in bytes; `K`, `M` or `G` may follow: `256M`",
        read: |limits, c, _| {
            c.value("a number of bytes such as `256M`, 1M or more", bytes)
                .map(|most| limits.memory = Some(most))
        },
    },
    Keyword {
        word: "files",
        value: "<number>",
        doc: "the most open descriptors",
        read: |limits, c, _| {
            c.value("a number, 3 or more", |word| {
                value::number(word, 1 << 20).filter(|most| *most >= 3)
            })
            .map(|most| limits.files = Some(most))
        },
    },
    Keyword {
        word: "processes",
        value: "<number>",
        doc: "the most processes and threads of the program's user, other programs of that user included; no limit for root",
        read: |limits, c, _| {
            c.value("a number, 1 or more", |word| {
                value::number(word, 1 << 22).filter(|most| *most > 0)
            })
            .map(|most| limits.processes = Some(most))
        },
    },
    Keyword {
        word: "cpu-time",
        value: "<seconds>",
        doc: "the most CPU time, then the program is killed, and restarted as `respawn` has it; a unit may follow: `10m`",
        read: |limits, c, _| {
            c.value("a time such as `30` or `10m`", |word| {
                value::seconds(word).filter(|seconds| *seconds > 0)
            })
            .map(|most| limits.cpu_time = Some(most))
        },
    },
];

/// A number of bytes, 1 MiB or more, with an optional unit.
fn bytes(word: &str) -> Option<u64> {
    let (digits, shift) = match word.as_bytes().last()? {
        b'K' => (&word[..word.len() - 1], 10),
        b'M' => (&word[..word.len() - 1], 20),
        b'G' => (&word[..word.len() - 1], 30),
        _ => (word, 0),
    };
    let number = value::number(digits, (1 << 44) >> shift)?;
    Some(number << shift).filter(|bytes| *bytes >= 1 << 20)
}

/// The section.
const SECTION: Settings<Limits> = Settings {
    section: "process/limit",
    shown: "a `limit` section",
    keywords: KEYWORDS,
    lists: &[],
    is_outermost: false,
};

/// Reads `limit { … }` of a process.
pub(crate) fn read(cx: &mut Context<'_>, section: &Statement, limits: &mut Limits) {
    SECTION.read(cx, section, limits);
}

/// Checks the user of a helper: it exists, and the daemon can become it each time that the helper starts.
pub(crate) fn check_user(cx: &mut Context<'_>, statement: &Statement, user: &str) {
    let Some(place) = cx.tree.words(statement).get(1).map(|word| word.span) else {
        return;
    };
    if !matches!(nix::unistd::User::from_name(user), Ok(Some(_))) {
        let text = format!("there is no user `{user}`");
        cx.report.add(Diagnostic::error(place, text));
        return;
    }
    let own = &cx.env.daemon.user;
    if own != user && own != "root" {
        let text = format!(
            "the daemon drops root's rights to become `{own}`: it cannot start the program as `{user}`"
        );
        cx.report.add(
            Diagnostic::warning(place, text)
                .with_help("set `daemon.user` to `root`, and give each process a `user`"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_units() {
        for (word, wanted) in [
            ("1048576", Some(1 << 20)),
            ("256M", Some(256 << 20)),
            ("2048K", Some(2 << 20)),
            ("4G", Some(4 << 30)),
            ("1000", None),
            ("M", None),
            ("", None),
            ("99999999G", None),
            ("-1M", None),
        ] {
            assert_eq!(bytes(word), wanted, "{word}");
        }
    }
}
