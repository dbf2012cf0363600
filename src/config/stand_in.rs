//! Command lines that ask for ExaBGP's health check, which is part of the running program.

/// The words before our program, and its arguments.
pub(super) type StandIn = (Vec<String>, Vec<String>);

/// What runs instead of a command line that asks for ExaBGP's health check, or for us.
pub(super) fn stand_in(words: &[&str], is_there: bool) -> Option<StandIn> {
    let (program, arguments) = words.split_first()?;
    let name = program.rsplit('/').next().unwrap_or_default();
    let check = |options: &[&str]| -> Option<StandIn> {
        let words = std::iter::once(&"healthcheck").chain(options);
        Some((Vec::new(), words.map(|word| (*word).to_owned()).collect()))
    };
    match name {
        "oxabgp" if !is_there => Some((
            Vec::new(),
            arguments.iter().map(|word| (*word).to_owned()).collect(),
        )),
        "exabgp" if !is_there && arguments.first() == Some(&"healthcheck") => {
            check(&arguments[1..])
        }
        "exabgp-healthcheck" if !is_there => check(arguments),
        "env" => {
            let is_variable = |word: &&&str| word.contains('=') && !word.starts_with('-');
            let variables = arguments.iter().take_while(is_variable).count();
            let (variables, command) = arguments.split_at(variables);
            let (mut before, arguments) = stand_in(command, true)?;
            // What Python reads has no meaning here; the check's commands may need the others.
            let kept = variables.iter().filter(|word| !word.starts_with("PYTHON"));
            let kept: Vec<String> = kept.map(|word| (*word).to_owned()).collect();
            if !kept.is_empty() {
                before = [vec!["/usr/bin/env".to_owned()], kept, before].concat();
            }
            Some((before, arguments))
        }
        python if python.starts_with("python") || python.starts_with("pypy") => {
            let first = arguments
                .iter()
                .position(|word| *word == "-m" || !word.starts_with('-'))?;
            match &arguments[first..] {
                ["-m", "exabgp", "healthcheck", options @ ..]
                | ["-m", "exabgp.application.healthcheck", options @ ..] => check(options),
                [script, options @ ..]
                    if script.ends_with("/exabgp/application/healthcheck.py") =>
                {
                    check(options)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Returns `true` if a command line without a [`stand_in`] comes to ExaBGP's health check by way of a shell or another program.
pub(super) fn needs_exabgp(words: &[&str], is_there: impl Fn(&str) -> bool) -> bool {
    let text: Vec<&str> = words
        .iter()
        .flat_map(|word| word.split_whitespace())
        .collect();
    let follows = |first: &str| {
        text.windows(2)
            .position(|pair| pair[0].ends_with(first) && pair[1] == "healthcheck")
    };
    if let Some(at) = follows("exabgp") {
        let is_module = at > 0 && text[at - 1] == "-m";
        return is_module || !is_there(text[at]);
    }
    text.iter().any(|word| {
        *word == "exabgp.application.healthcheck"
            || word.ends_with("/exabgp/application/healthcheck.py")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_checks_of_exabgp_are_ours() {
        for (line, is_there, wanted) in [
            (
                "python -m exabgp healthcheck --cmd true",
                true,
                Some("healthcheck --cmd true"),
            ),
            (
                "/usr/bin/python3.11 -u -m exabgp healthcheck",
                false,
                Some("healthcheck"),
            ),
            (
                "/usr/bin/env python3 -m exabgp healthcheck -s",
                true,
                Some("healthcheck -s"),
            ),
            (
                "python3 -m exabgp.application.healthcheck -s",
                true,
                Some("healthcheck -s"),
            ),
            (
                "python3 -u /usr/lib/python3/dist-packages/exabgp/application/healthcheck.py -s",
                true,
                Some("healthcheck -s"),
            ),
            (
                "env PYTHONUNBUFFERED=1 python3 -m exabgp healthcheck -s",
                true,
                Some("healthcheck -s"),
            ),
            (
                "env PYTHONUNBUFFERED=1 LANG=C python3 -m exabgp healthcheck",
                true,
                Some("/usr/bin/env LANG=C oxabgp healthcheck"),
            ),
            ("exabgp-healthcheck -s", false, Some("healthcheck -s")),
            ("/usr/bin/exabgp healthcheck", false, Some("healthcheck")),
            ("oxabgp healthcheck", false, Some("healthcheck")),
            // What is there runs.
            ("/usr/bin/exabgp-healthcheck -s", true, None),
            ("exabgp healthcheck", true, None),
            ("oxabgp healthcheck", true, None),
            ("exabgp server x.conf", false, None),
            ("python -m exabgp", true, None),
            ("python x.py -m exabgp healthcheck", true, None),
            ("python x.py", true, None),
            ("env", true, None),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            let found = stand_in(&words, is_there).map(|(mut before, arguments)| {
                if !before.is_empty() {
                    before.push("oxabgp".to_owned());
                }
                [before, arguments].concat().join(" ")
            });
            assert_eq!(found.as_deref(), wanted, "{line}");
        }
    }

    #[test]
    fn a_health_check_of_exabgp_in_a_shell_is_told() {
        for (line, is_there, wanted) in [
            (
                &["/bin/sh", "-c", "exec python3 -m exabgp healthcheck -s"][..],
                true,
                true,
            ),
            (
                &["sudo", "python3", "-m", "exabgp.application.healthcheck"],
                true,
                true,
            ),
            (&["sh", "-c", "exabgp healthcheck"], false, true),
            (&["sh", "-c", "exabgp healthcheck"], true, false),
            (&["exabgp", "healthcheck"], true, false),
            (&["sh", "-c", "oxabgp healthcheck"], false, false),
            (&["python3", "healthcheck.py"], true, false),
        ] {
            assert_eq!(needs_exabgp(line, |_| is_there), wanted, "{line:?}");
        }
    }
}
