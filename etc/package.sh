#!/bin/sh
# Builds a Debian package: target/debian/oxabgp_*.deb. Needs `cargo install cargo-deb`.
set -eu
cd "$(dirname "$0")/.."
# With REPRODUCIBLE=1 the same commit gives the same program on every machine, since it has no paths of this one; for
# packages that are published. tests/reproducible compares two builds. Without it, what is built already is used.
if [ "${REPRODUCIBLE:-}" = 1 ]; then
    RUSTFLAGS="--remap-path-prefix=$PWD=/oxabgp --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    export RUSTFLAGS
fi
cargo build --release --locked
rm -rf target/package
mkdir -p target/package
target/release/oxabgp man --out target/package/man
target/release/oxabgp completions bash > target/package/oxabgp.bash
target/release/oxabgp completions zsh > target/package/_oxabgp
target/release/oxabgp completions fish > target/package/oxabgp.fish
: > target/package/empty
# The bill of materials, if the tool is there: target/package/oxabgp.cdx.json.
tests/supply-chain sbom target/package/oxabgp.cdx.json || [ $? = 77 ]
cargo deb --no-build
