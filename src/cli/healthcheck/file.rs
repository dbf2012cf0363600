//! The file of `--config`: long options without their dashes, one per line.
//!
//! The rules are ExaBGP's: blank lines and lines that start with `#` are skipped; the first `=` separates an option
//! from its value; whitespace around both is removed; options may be repeated. There are no comments at the end of a
//! line, and no quotes: `command = curl -sf "http://[::1]/"` is passed to the shell unchanged.

/// One option of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its line number, starting at 1.
    pub(super) line: usize,
    /// The option and its value, as on a command line.
    pub(super) words: Vec<String>,
}

impl Entry {
    /// The same again.
    pub(super) fn copy(&self) -> Self {
        Self {
            line: self.line,
            words: self.words.clone(),
        }
    }
}

/// The options of a file.
pub(super) fn entries(text: &str) -> Vec<Entry> {
    let lines = text.split('\n').enumerate();
    // A line may also end with a single carriage return.
    let lines = lines.flat_map(|(number, line)| line.split('\r').map(move |line| (number, line)));
    lines
        .map(|(number, line)| (number + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            let option = format!("--{line}");
            let words = option.splitn(2, '=').map(|word| word.trim().to_owned());
            Entry {
                line: number,
                words: words.collect(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_options() {
        let text = "\
# a comment
debug
  name = haproxy\r
interval=10

   # another
command = curl -sf http://127.0.0.1/?a=b # no comment
ip = 192.0.2.1
ip = 192.0.2.2
disable =
--silent";
        let found: Vec<(usize, String)> = entries(text)
            .into_iter()
            .map(|entry| (entry.line, entry.words.join("|")))
            .collect();
        let found: Vec<(usize, &str)> = found
            .iter()
            .map(|(line, words)| (*line, words.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (2, "--debug"),
                (3, "--name|haproxy"),
                (4, "--interval|10"),
                (7, "--command|curl -sf http://127.0.0.1/?a=b # no comment"),
                (8, "--ip|192.0.2.1"),
                (9, "--ip|192.0.2.2"),
                (10, "--disable|"),
                (11, "----silent"),
            ]
        );
    }
}
