//! In the place of bgpreader and bgpdump: their command lines in our words.

use std::ffi::OsString;

/// bgpreader's command line. Its options are ours, but `--count` always has a number.
pub(in crate::cli) fn bgpreader(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["stream".into()];
    for word in given {
        match word.to_str() {
            // `-o?` asks for the options of an interface.
            Some("-o?") => words.extend(["-o".into(), "?".into()]),
            _ => words.push(word),
        }
    }
    words
}

/// bgpdump's command line.
pub(in crate::cli) fn bgpdump(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["stream".into(), "--no-progress".into()];
    let mut style = None;
    let mut quiet = true;
    let mut given = given.peekable();
    while let Some(word) = given.next() {
        let text = word.to_string_lossy().into_owned();
        let letters = match text.strip_prefix('-') {
            Some(letters) if !letters.is_empty() && !letters.starts_with('-') => letters,
            _ => {
                words.push(word);
                continue;
            }
        };
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            match letter {
                'H' => style = Some("-H"),
                'm' => style = Some("-m"),
                'M' => style = Some("-M"),
                'p' => words.push("--packet-index".into()),
                'l' => words.push("--large-communities".into()),
                'u' => words.push("--unknown-attributes".into()),
                'v' => quiet = false,
                's' | 'q' => quiet = true,
                't' | 'O' => {
                    words.push(
                        if letter == 't' {
                            "--route-time"
                        } else {
                            "--output"
                        }
                        .into(),
                    );
                    let value: String = rest.by_ref().collect();
                    if value.is_empty() {
                        words.extend(given.next());
                    } else {
                        words.push(value.into());
                    }
                }
                // Not known: clap tells what is.
                other => words.push(format!("-{other}").into()),
            }
        }
    }
    if quiet {
        words.push("--quiet".into());
    }
    words.push(style.unwrap_or("-H").into());
    words
}

/// `--count` without a number prints how many elems there are; with one it is bgpreader's.
pub(in crate::cli) fn count(mut words: Vec<OsString>) -> Vec<OsString> {
    let number = |word: Option<&OsString>| {
        word.and_then(|word| word.to_str())
            .is_some_and(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if words.iter().any(|word| word == "stream") {
        for at in 0..words.len() {
            if words[at] == "--count" && !number(words.get(at + 1)) {
                words[at] = "--count-only".into();
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: Vec<OsString>) -> String {
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    fn given(line: &str) -> impl Iterator<Item = OsString> {
        line.split(' ')
            .map(OsString::from)
            .collect::<Vec<_>>()
            .into_iter()
    }

    #[test]
    fn bgpdump_is_translated() {
        assert_eq!(
            text(bgpdump(given("-mp -tchange -O out file.gz"))),
            "stream --no-progress --packet-index --route-time change --output out file.gz --quiet -m"
        );
        assert_eq!(
            text(bgpdump(given("-v -M -t dump -"))),
            "stream --no-progress --route-time dump - -M"
        );
    }

    #[test]
    fn count_has_two_meanings() {
        let line = |text: &str| given(text).collect::<Vec<_>>();
        assert_eq!(
            text(count(line("oxabgp stream --count 5 x"))),
            "oxabgp stream --count 5 x"
        );
        assert_eq!(
            text(count(line("oxabgp stream --count x"))),
            "oxabgp stream --count-only x"
        );
    }
}
