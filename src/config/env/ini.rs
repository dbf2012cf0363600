//! The file of settings: `[section]`, `option = value`, values that continue on lines with a deeper indent, whole-line comments,
//! and `[DEFAULT]` for all sections; what Python's configparser reads.

/// The section whose settings are those of all others that do not have them.
const DEFAULT: &str = "DEFAULT";

/// One setting of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) section: String,
    /// In lower case.
    pub(super) name: String,
    /// Without blanks and quotes around it, `%%` resolved.
    pub(super) value: String,
    /// The line, from 1.
    pub(super) line: usize,
    /// Whether it stands in `[DEFAULT]`.
    pub(super) is_default: bool,
}

/// All entries, and what is wrong on which line.
pub(super) fn parse(text: &str) -> (Vec<Entry>, Vec<(usize, String)>) {
    let (mut entries, mut errors) = (Vec::<Entry>::new(), Vec::new());
    let mut section: Option<String> = None;
    let mut sections: Vec<String> = Vec::new();
    // The indent of the last line that was not continued, and whether the last entry may be.
    let (mut indent, mut is_open) = (0, false);
    for (index, raw) in text.lines().enumerate() {
        let line = index + 1;
        let content = raw.trim();
        let last = entries.last_mut().filter(|_| is_open);
        if content.is_empty() {
            last.into_iter().for_each(|entry| entry.value.push('\n'));
            continue;
        }
        if content.starts_with(['#', ';']) {
            continue;
        }
        let deep = raw.len() - raw.trim_start().len();
        if let Some(entry) = last.filter(|_| deep > indent) {
            entry.value.push('\n');
            entry.value.push_str(content);
            continue;
        }
        (indent, is_open) = (deep, false);
        if let Some(rest) = content.strip_prefix('[') {
            match rest.split_once(']') {
                Some((name, _)) => {
                    let name = name.trim().to_owned();
                    if !sections.contains(&name) {
                        sections.push(name.clone());
                    }
                    section = Some(name);
                }
                None => errors.push((line, "expected `]` after the name of the section".into())),
            }
            continue;
        }
        let Some((name, value)) = content.split_once(['=', ':']) else {
            errors.push((
                line,
                format!("expected `option = value`, found `{content}`"),
            ));
            continue;
        };
        let Some(section) = section.clone() else {
            errors.push((line, "a setting needs a `[section]` above it".into()));
            continue;
        };
        let name = name.trim().to_ascii_lowercase();
        if let Some(other) = entries
            .iter()
            .find(|entry| entry.section == section && entry.name == name)
        {
            errors.push((
                line,
                format!(
                    "`{name}` is set twice in `[{section}]`, first on line {}",
                    other.line
                ),
            ));
            continue;
        }
        is_open = true;
        entries.push(Entry {
            is_default: section == DEFAULT,
            section,
            name,
            value: value.trim().to_owned(),
            line,
        });
    }
    for entry in &mut entries {
        entry.value = unquote(&entry.value).replace("%%", "%");
    }
    (inherited(entries, &sections), errors)
}

/// Puts copies of the settings of `[DEFAULT]` into the sections that do not have them, before all others.
fn inherited(entries: Vec<Entry>, sections: &[String]) -> Vec<Entry> {
    let (defaults, own): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| entry.is_default);
    let mut all = Vec::with_capacity(own.len());
    for section in sections.iter().filter(|section| *section != DEFAULT) {
        let has = |name: &str| {
            own.iter()
                .any(|entry| entry.section == *section && entry.name == name)
        };
        all.extend(
            defaults
                .iter()
                .filter(|entry| !has(&entry.name))
                .map(|entry| Entry {
                    section: section.clone(),
                    ..entry.clone()
                }),
        );
    }
    all.extend(own);
    all
}

/// Blanks and quotes around a value do not belong to it.
pub(super) fn unquote(value: &str) -> &str {
    value.trim().trim_matches(['\'', '"'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_values_comments() {
        let (entries, errors) = parse(
            "# all\n[exabgp.tcp]\nPort = 1790\n; no\nbind: '127.0.0.1'\n\n[exabgp.log]\ndestination = a%%b\n",
        );
        assert_eq!(errors, []);
        let found: Vec<_> = entries
            .iter()
            .map(|entry| {
                (
                    entry.section.as_str(),
                    entry.name.as_str(),
                    entry.value.as_str(),
                    entry.line,
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("exabgp.tcp", "port", "1790", 3),
                ("exabgp.tcp", "bind", "127.0.0.1", 5),
                ("exabgp.log", "destination", "a%b", 8),
            ]
        );
    }

    /// The sections, names and values of a file without errors.
    fn values(text: &str) -> Vec<(String, String, String)> {
        let (entries, errors) = parse(text);
        assert_eq!(errors, [], "{text}");
        entries
            .into_iter()
            .map(|entry| (entry.section, entry.name, entry.value))
            .collect()
    }

    #[test]
    fn values_continue_on_deeper_lines_as_for_configparser() {
        for (text, wanted) in [
            (
                "pid = /tmp/a\n  b\nuser = x",
                &[("pid", "/tmp/a\nb"), ("user", "x")][..],
            ),
            ("pid = a\n\n  b", &[("pid", "a\n\nb")]),
            ("pid =\n  /tmp/b\n\n", &[("pid", "/tmp/b")]),
            ("pid = a\n  # c\n  d", &[("pid", "a\nd")]),
            ("  pid = a\n  user = b", &[("pid", "a"), ("user", "b")]),
            ("pid = a\n  user = b", &[("pid", "a\nuser = b")]),
            ("pid = a\n    b\n  [c]", &[("pid", "a\nb\n[c]")]),
            ("pid = 'a\n  b'", &[("pid", "a\nb")]),
        ] {
            let found = values(&format!("[exabgp.daemon]\n{text}\n"));
            let found: Vec<_> = found
                .iter()
                .map(|(_, name, value)| (name.as_str(), value.as_str()))
                .collect();
            assert_eq!(found, wanted, "{text}");
        }
    }

    #[test]
    fn the_default_section_is_for_all_sections_of_the_file() {
        let found = values(
            "[exabgp.tcp]\nport = 1\n[DEFAULT]\nport = 5\nuser = z\n[exabgp.daemon]\n[default]\n",
        );
        let entry = |section: &str, name: &str, value: &str| {
            (section.to_owned(), name.to_owned(), value.to_owned())
        };
        assert_eq!(
            found,
            [
                entry("exabgp.tcp", "user", "z"),
                entry("exabgp.daemon", "port", "5"),
                entry("exabgp.daemon", "user", "z"),
                entry("default", "port", "5"),
                entry("default", "user", "z"),
                entry("exabgp.tcp", "port", "1"),
            ]
        );
    }

    #[test]
    fn errors_have_lines() {
        let (_, errors) = parse("port = 1\n[a]\nword\nx = 1\nX = 2\n[b");
        let lines: Vec<usize> = errors.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 3, 5, 6]);
    }
}
