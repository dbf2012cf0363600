//! The `oxabgp` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    oxabgp::cli::main()
}
