//! Reads `tests/data/wire/*.txt`: blocks of `key: value` lines, see the head of each file.

use std::fs;
use std::path::Path;

/// One block.
#[derive(Debug)]
pub(crate) struct Golden {
    /// Keys and values, in order; a key may repeat.
    lines: Vec<(String, String)>,
}

impl Golden {
    /// The blocks of a file.
    pub(crate) fn load(file: &str) -> Vec<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data/wire")
            .join(file);
        let text = fs::read_to_string(path).expect("a readable golden file");
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        lines
            .split(|line| line.is_empty())
            .filter(|block| !block.is_empty())
            .map(|block| Self {
                lines: block
                    .iter()
                    .map(|line| {
                        let (key, value) = line.split_once(':').expect("a line `key: value`");
                        (
                            key.to_owned(),
                            value.strip_prefix(' ').unwrap_or(value).to_owned(),
                        )
                    })
                    .collect(),
            })
            .collect()
    }

    /// The first value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.lines
            .iter()
            .find(|(own, _)| own == key)
            .map(|(_, value)| value.as_str())
    }

    /// The value of `name`.
    pub(crate) fn name(&self) -> &str {
        self.get("name").expect("every block has a name")
    }

    /// The message.
    pub(crate) fn hex(&self) -> Vec<u8> {
        bytes(self.get("hex").expect("every block has a message"))
    }

    /// The JSON line that is right: ExaBGP's, or ours where ExaBGP is wrong.
    pub(crate) fn json(&self) -> Option<&str> {
        self.get("want-json").or_else(|| self.get("json"))
    }
}

/// The bytes of hexadecimal digits, spaces between them ignored.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    digits
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("hexadecimal digits");
            u8::from_str_radix(pair, 16).expect("two hexadecimal digits")
        })
        .collect()
}
