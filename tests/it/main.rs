//! Integration tests: one binary that mirrors `src`.

mod api;
mod architecture;
mod bgp;
mod bmp;
#[cfg(feature = "daemon")]
mod cli;
mod config;
mod config_checks;
mod config_conflicts;
mod config_diff;
mod config_env;
mod config_etc;
mod config_memory;
mod config_migrate;
mod config_portable;
#[cfg(feature = "daemon")]
mod daemon;
#[cfg(feature = "daemon")]
mod defects;
#[cfg(feature = "speaker")]
mod embedding;
mod examples;
mod fsm;
mod fuzz;
#[cfg(all(feature = "daemon", feature = "stream"))]
mod fuzz_corpus;
mod grammar;
mod imports;
mod journal;
mod rib;
#[cfg(feature = "speaker")]
mod speaker;
#[cfg(all(feature = "daemon", feature = "stream"))]
mod stream;
mod support;
#[cfg(all(feature = "daemon", feature = "stream"))]
mod targets;
mod walks;
