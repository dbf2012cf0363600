//! Records what `oxabgp version` reports of the build: commit, compiler, features.
//!
//! Debug builds leave out the commit, so that they are not built again for each one.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=etc/build.rs");
    println!("cargo:rerun-if-env-changed=OXABGP_COMMIT");
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = env::var("OXABGP_COMMIT").ok().or_else(|| {
        if !release {
            return None;
        }
        // HEAD names the branch; its log changes with each commit.
        for file in [".git/HEAD", ".git/logs/HEAD"] {
            if std::path::Path::new(file).exists() {
                println!("cargo:rerun-if-changed={file}");
            }
        }
        output("git", &["rev-parse", "--short=12", "HEAD"])
    });
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let rustc = output(&rustc, &["--version"]);
    let mut features: Vec<String> = env::vars()
        .filter_map(|(name, _)| name.strip_prefix("CARGO_FEATURE_").map(str::to_lowercase))
        .filter(|name| name != "default")
        .collect();
    features.sort();
    let unknown = || "unknown".to_owned();
    println!(
        "cargo:rustc-env=OXABGP_BUILD_COMMIT={}",
        commit.unwrap_or_else(unknown)
    );
    println!(
        "cargo:rustc-env=OXABGP_BUILD_RUSTC={}",
        rustc.unwrap_or_else(unknown)
    );
    println!(
        "cargo:rustc-env=OXABGP_BUILD_FEATURES={}",
        features.join(" ")
    );
}

/// What a command prints, if it succeeds.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.trim();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}
