//! Parses the command line and starts the sub-commands.
//!
//! ExaBGP's conventions are supported: a first word that is not a sub-command is a configuration file (`oxabgp
//! x.conf`), `--env-file` may be anywhere, long options may be abbreviated, and a usage error exits with code 2.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::config::Env;

#[macro_use]
mod output;

mod args;
mod confined;
mod decode;
mod demo;
mod dump;
mod encode;
mod ends;
mod exabgp;
mod fsm;
mod healthcheck;
mod journal;
mod log;
mod manual;
mod pipe;
#[cfg(feature = "stream")]
mod replay;
mod run;
mod server;
mod shell;
#[cfg(feature = "stream")]
mod stream;
mod top;
mod validate;
mod values;
mod version;

use args::{
    Cli, Command, ControlArgs, DecodeArgs, EncodeArgs, EnvArgs, MigrateArgs, RunArgs, ServerArgs,
    ValidateArgs,
};

/// Exit codes: 0 done, 1 refused input, 2 usage, 3 no daemon, 4 no session. ExaBGP only uses 0, 1 and 2, and its
/// users test for 1, so that cases in which it returns 1 remain 1.
pub(crate) const REFUSED: u8 = 1;
/// The exit code for an invalid command line.
const USAGE: u8 = 2;

/// Runs the program.
pub fn main() -> ExitCode {
    output::finish(dispatch())
}

fn dispatch() -> ExitCode {
    if let Some(code) = confined::run(std::env::args_os()) {
        return code;
    }
    let given: Vec<OsString> = std::env::args_os().collect();
    #[cfg(feature = "stream")]
    let reader = exabgp::reader(&given).map(|(reader, _)| reader);
    let given = match exabgp::arguments(given) {
        Ok(given) => given,
        Err(code) => return code,
    };
    // What a daemon asks before it continues as this program.
    if matches!(&given[..], [_, word] if word == "handover-check") {
        outln!("{}", crate::daemon::handover_formats());
        return ExitCode::SUCCESS;
    }
    let typed = given.len();
    let arguments = arguments(given.into_iter());
    if arguments.len() < 2 {
        let _ = Cli::command().print_long_help();
        // ExaBGP returns 1, where other wrong usage is 2.
        let code = if exabgp::is_exabgp() { REFUSED } else { USAGE };
        return ExitCode::from(code);
    }
    if arguments.len() > typed
        && !exabgp::is_exabgp()
        && let Some(message) = mistyped(&arguments)
    {
        errln!("{message}");
        return ExitCode::from(USAGE);
    }
    let arguments = healthcheck::words(arguments);
    #[cfg(feature = "stream")]
    if let Some(reader) = reader
        && let Some(stream) = Cli::command().find_subcommand("stream")
    {
        return stream::run_as(reader, stream, arguments);
    }
    #[cfg(feature = "stream")]
    let arguments = stream::names::count(arguments);
    if wants_json(&arguments) {
        output::complain_in_json();
    }
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(wrong) if wrong.use_stderr() && output::complains_in_json() => {
            err!("{wrong}");
            return ExitCode::from(USAGE);
        }
        Err(help) => help.exit(),
    };
    match cli.command {
        Command::Server(args) => server::run(&args, cli.env_file),
        Command::Validate(args) => validate::run(&args, cli.env_file),
        Command::Encode(args) => encode::run(&args),
        Command::Migrate(args) => validate::migrate(&args, cli.env_file),
        Command::Decode(args) => decode::run(&args, cli.env_file),
        Command::Env(args) => validate::env(&args, cli.env_file),
        Command::Cli(args) => shell::run(&args, cli.env_file),
        Command::Run(args) => run::run(&args, cli.env_file),
        Command::Pipe(args) => pipe::run(&args, cli.env_file),
        Command::Healthcheck(args) => healthcheck::run(*args, &arguments),
        Command::Demo(args) => demo::run(args.helper),
        #[cfg(feature = "stream")]
        Command::Stream(args) => stream::run(&args, cli.env_file, "oxabgp stream"),
        Command::Top(args) => top::run(args, cli.env_file),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args),
        #[cfg(feature = "stream")]
        Command::Replay(args) => replay::run(&args, cli.env_file),
        Command::Journal(args) => journal::run(&args),
        Command::Fsm(args) => fsm::run(&args),
        Command::Version => version::run(),
    }
}

/// Returns `true` if the log of `server` is JSON: then all that is printed to standard error is.
fn wants_json(arguments: &[OsString]) -> bool {
    let mut pairs = arguments.windows(2);
    arguments.iter().any(|word| word == "server")
        && (arguments.iter().any(|word| word == "--log-format=json")
            || pairs.any(|pair| pair[0] == "--log-format" && pair[1] == "json"))
}

/// The settings: from variables, and from the file of `--env-file`, of `EXABGP_ENVFILE`, or in ExaBGP's default
/// place.
fn settings(env_file: Option<PathBuf>) -> Result<Env, ExitCode> {
    if let Some(missing) = env_file.as_deref().filter(|path| !path.exists()) {
        // ExaBGP ignores a missing file, and its users may have such an option.
        let kind = if exabgp::is_exabgp() {
            "warning"
        } else {
            "error"
        };
        errln!(
            "{kind}: --env-file: there is no file `{}`",
            missing.display()
        );
        if !exabgp::is_exabgp() {
            return Err(ExitCode::from(REFUSED));
        }
    }
    let variable = std::env::var_os("EXABGP_ENVFILE").filter(|path| !path.is_empty());
    let variable = variable.map(PathBuf::from).filter(|_| env_file.is_none());
    if let Some(missing) = variable.as_deref().filter(|path| !path.exists()) {
        errln!(
            "warning: EXABGP_ENVFILE: there is no file `{}`",
            missing.display()
        );
    }
    let root = crate::daemon::control::paths::root();
    let file = env_file
        .or(variable)
        .or_else(|| Some(root?.join("etc/exabgp/exabgp.env")));
    match Env::load(file.as_deref()) {
        Ok((mut env, warnings)) => {
            for warning in warnings {
                errln!("warning: {warning}");
            }
            env.search.program = std::env::current_exe().ok();
            Ok(env)
        }
        Err(errors) => {
            for error in errors {
                errln!("error: {error}");
            }
            Err(ExitCode::from(REFUSED))
        }
    }
}

/// Warns about those of these options that were given and have no effect.
fn warn_without_effect(options: &[(bool, &str)]) {
    for (_, option) in options.iter().filter(|(given, _)| *given) {
        errln!("warning: the option `{option}` has no effect here");
    }
}

/// The place of the first word that may be a sub-command: `--env-file` may precede it.
fn first_word(arguments: &[OsString]) -> usize {
    let mut first = 1;
    while let Some(word) = arguments.get(first).and_then(|word| word.to_str()) {
        if word == "--env-file" {
            first += 2;
        } else if word.starts_with("--env-file=") {
            first += 1;
        } else {
            break;
        }
    }
    first
}

/// Inserts `server` where ExaBGP's users leave it out.
fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = given.collect();
    let first = first_word(&arguments);
    let is_help = |word: &OsString| word == "-h" || word == "--help";
    let known = |word: &OsString| {
        word == "help"
            || Cli::command()
                .get_subcommands()
                .any(|command| word == command.get_name())
    };
    match arguments.get(first) {
        Some(word) if word == "--version" || word == "-V" => arguments[first] = "version".into(),
        Some(word) if !known(word) && !arguments.iter().any(is_help) => {
            arguments.insert(first, "server".into())
        }
        _ => {}
    }
    arguments
}

/// The error about a first word that is neither a sub-command nor a file, but similar to a sub-command: `oxabgp servr
/// x.conf`.
fn mistyped(arguments: &[OsString]) -> Option<String> {
    let at = arguments.iter().position(|word| word == "server")?;
    let word = arguments.get(at + 1)?.to_str()?;
    if std::path::Path::new(word).exists() {
        return None;
    }
    let command = Cli::command();
    let known = command.get_subcommands().map(clap::Command::get_name);
    #[cfg(feature = "stream")]
    let known = known.chain(exabgp::READERS.map(|(name, _)| name));
    let near = crate::text::near_miss(word, known)?;
    Some(format!(
        "error: `{word}` is neither a sub-command nor a configuration file\nhelp: did you mean `{near}`?"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> String {
        let given = line.split(' ').map(OsString::from);
        let arguments = arguments(given);
        arguments
            .iter()
            .map(|word| word.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn server_may_be_left_out() {
        for (given, wanted) in [
            ("oxabgp x.conf", "oxabgp server x.conf"),
            ("oxabgp -v x.conf", "oxabgp server -v x.conf"),
            (
                "oxabgp --env-file e x.conf",
                "oxabgp --env-file e server x.conf",
            ),
            (
                "oxabgp --env-file=e validate x.conf",
                "oxabgp --env-file=e validate x.conf",
            ),
            ("oxabgp validate x.conf", "oxabgp validate x.conf"),
            ("oxabgp --help", "oxabgp --help"),
            ("oxabgp --version", "oxabgp version"),
        ] {
            assert_eq!(words(given), wanted);
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
