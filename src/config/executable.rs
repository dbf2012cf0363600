//! Why the kernel does not execute a file that is there: what it reports is about the interpreter of a script, and does not
//! name it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::unistd::{AccessFlags, access};

/// As much of a file as the kernel reads to find out how to execute it.
const START: u64 = 256;

/// What is wrong with the first line of the script at `path`; `None` if nothing is, and for other files.
pub(crate) fn obstacle(path: &Path) -> Option<String> {
    // Nobody may write to a named pipe.
    if !std::fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut start = Vec::new();
    let file = File::open(path).ok()?;
    file.take(START).read_to_end(&mut start).ok()?;
    let Some(line) = start.strip_prefix(b"#!") else {
        // Programs for machines have zeros.
        let is_text = !start.contains(&0);
        return is_text.then(|| "its first line is not `#!` with an interpreter".to_owned());
    };
    let line = line.split(|byte| *byte == b'\n').next()?;
    if line.ends_with(b"\r") {
        return Some("its lines end with a carriage return, which becomes part of the interpreter's name or argument".to_owned());
    }
    let interpreter = line
        .trim_ascii()
        .split(|byte| b" \t".contains(byte))
        .next()?;
    // The working directory of helpers is `/`.
    let interpreter = Path::new("/").join(OsStr::from_bytes(interpreter));
    let shown = interpreter.display();
    if !interpreter.exists() {
        return Some(format!(
            "there is no interpreter `{shown}`, which its first line names"
        ));
    }
    let refused = !interpreter.is_file() || access(&interpreter, AccessFlags::X_OK).is_err();
    refused.then(|| format!("the interpreter `{shown}` of its first line can't be executed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_script_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("script");
        for (text, wanted) in [
            ("#!/bin/sh\necho", None),
            ("#! /bin/sh -e\n", None),
            ("#!/bin/sh", None),
            ("\x7fELF\x02\x01\x01\0", None),
            ("#!/bin/sh\r\necho\r\n", Some("carriage return")),
            ("#!/usr/bin/env python3\r\n", Some("carriage return")),
            (
                "#!/no/such/python\n",
                Some("no interpreter `/no/such/python`"),
            ),
            (
                "#!/etc\n",
                Some("`/etc` of its first line can't be executed"),
            ),
            ("echo\n", Some("is not `#!`")),
            ("", Some("is not `#!`")),
        ] {
            std::fs::write(&path, text).expect("written");
            let found = obstacle(&path);
            match wanted {
                None => assert_eq!(found, None, "{text:?}"),
                Some(part) => assert!(
                    found.as_ref().is_some_and(|found| found.contains(part)),
                    "{text:?}: {found:?}"
                ),
            }
        }
        assert_eq!(obstacle(directory.path()), None);
        assert_eq!(obstacle(Path::new("/no/such/file")), None);
    }
}
