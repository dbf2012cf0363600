#!/bin/sh
# cargo-mutants 27.1.0 lists and tests mutants of struct fields that neither `--re` nor `--exclude-re` lets through.
#
# Its manual says that the options filter mutants by the full name, as `--list` shows it, and that `^` and `$` make the pattern match the
# whole name. One would expect exactly one mutant below; those that delete a field of a struct expression come along.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
tool=cargo-mutants
if [ "$($tool mutants --version 2>/dev/null || true)" != 'cargo-mutants 27.1.0' ]; then
    cargo install --quiet --locked --root . --target-dir target cargo-mutants@27.1.0 >log 2>&1 || { cat log; exit 77; }
    tool=bin/cargo-mutants
fi
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "try"
version = "0.0.0"
edition = "2021"
[workspace]
TOML
cat >src/lib.rs <<'RUST'
#[derive(Default)]
pub struct Timers {
    pub hold: u16,
    pub keepalive: u16,
}

pub fn timers(hold: u16) -> Timers {
    Timers { hold, keepalive: hold / 3, ..Timers::default() }
}
RUST
list() { $tool mutants --list --no-config "$@"; }
list >all || { cat all; exit 77; }
echo "cargo-mutants 27.1.0 --list:"
cat all
name='src/lib.rs:8:36: replace / with % in timers'
list --re "^$name\$" >chosen
echo "--re '^$name\$':"
cat chosen
list --exclude-re . >none
echo "--exclude-re .:"
cat none
grep -qxF "$name" chosen
[ "$(grep -vxF "$name" chosen | grep -c 'delete field .* from struct Timers expression')" = 2 ]
[ "$(grep -c 'delete field .* from struct Timers expression' none)" = 2 ]
[ "$(wc -l <chosen)" = 3 ] && [ "$(wc -l <none)" = 2 ]
