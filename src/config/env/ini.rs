//! The file of settings: `[section]`, `option = value`, whole-line comments; what Python's configparser reads.

/// One setting of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) section: String,
    /// In lower case.
    pub(super) name: String,
    /// Without blanks and quotes around it, `%%` resolved.
    pub(super) value: String,
    /// The line, from 1.
    pub(super) line: usize,
}

/// All entries, and what is wrong on which line.
pub(super) fn parse(text: &str) -> (Vec<Entry>, Vec<(usize, String)>) {
    let (mut entries, mut errors) = (Vec::<Entry>::new(), Vec::new());
    let mut section: Option<String> = None;
    for (index, raw) in text.lines().enumerate() {
        let line = index + 1;
        let content = raw.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = content.strip_prefix('[') {
            match rest.split_once(']') {
                Some((name, _)) => section = Some(name.trim().to_owned()),
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
        entries.push(Entry {
            section,
            name,
            value: unquote(value).replace("%%", "%"),
            line,
        });
    }
    (entries, errors)
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

    #[test]
    fn errors_have_lines() {
        let (_, errors) = parse("port = 1\n[a]\nword\nx = 1\nX = 2\n[b");
        let lines: Vec<usize> = errors.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 3, 5, 6]);
    }
}
