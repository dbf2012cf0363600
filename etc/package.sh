#!/bin/sh
# Builds a Debian package: target/debian/oxabgp_*.deb. Needs `cargo install cargo-deb`.
set -eu
cd "$(dirname "$0")/.."
cargo build --release --locked
rm -rf target/package
mkdir -p target/package
target/release/oxabgp man --out target/package/man
target/release/oxabgp completions bash > target/package/oxabgp.bash
target/release/oxabgp completions zsh > target/package/_oxabgp
target/release/oxabgp completions fish > target/package/oxabgp.fish
: > target/package/empty
cargo deb --no-build
