//! Where the log goes and how much of it: tracing, on stderr.
//!
//! Levels come, strongest first, from `RUST_LOG`-style directives in `oxabgp_log`, from `--verbose`, and from the setting
//! `log.level`. Lines are `LEVEL target: message fields`; with `--verbose` they begin with the time.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// How much to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// What the settings say.
    Normal,
    /// Everything.
    Verbose,
}

/// Starts logging. `level` is the setting `log.level`; `None` silences all but errors.
pub(crate) fn start(level: Option<&str>, verbosity: Verbosity) {
    let level = match (verbosity, level.map(str::to_ascii_uppercase).as_deref()) {
        (Verbosity::Verbose, _) | (_, Some("DEBUG" | "NOTSET")) => LevelFilter::DEBUG,
        (_, Some("WARNING" | "WARN")) => LevelFilter::WARN,
        (_, None | Some("ERROR" | "ERR" | "CRITICAL" | "FATAL")) => LevelFilter::ERROR,
        (_, Some("TRACE")) => LevelFilter::TRACE,
        (_, Some(_)) => LevelFilter::INFO,
    };
    let filter = std::env::var("oxabgp_log")
        .ok()
        .and_then(|directives| EnvFilter::try_new(directives).ok())
        .unwrap_or_else(|| EnvFilter::default().add_directive(level.into()));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let lines = lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    // A second call, as in tests, keeps the first one's choice.
    let _ = match verbosity {
        Verbosity::Verbose => lines.try_init(),
        Verbosity::Normal => lines.without_time().try_init(),
    };
}
