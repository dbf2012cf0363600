//! Configuration files. Oracles: a configuration that is accepted is written as a file that means the same; what is reported of the
//! others is in proportion to them.

use std::path::Path;

use oxabgp::config::{Config, Env, Secrets, diff};

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let read = |text: &str| Config::parse("fuzz", text, Path::new("/nonexistent"), &Env::default());
    match read(text) {
        Ok((config, warnings)) => {
            let _ = warnings.to_string();
            let written = config.render(Secrets::Shown);
            // Nothing at all is not accepted as a file.
            if written.is_empty() {
                return;
            }
            let again = match read(&written) {
                Ok((again, _)) => again,
                Err(errors) => panic!("not read again: {errors}\n{written}"),
            };
            assert_eq!(again.render(Secrets::Shown), written, "written otherwise");
            let changes = diff(&config, &again);
            assert!(changes.is_empty(), "{changes:?}\n{written}");
            config.render(Secrets::Hidden);
        }
        Err(errors) => {
            let report = errors.to_string();
            assert!(
                report.len() <= 4_096 + 256 * text.len().max(64),
                "{} bytes of report",
                report.len()
            );
        }
    }
}
