//! `oxabgp stream`: archives as lines, in the place of bgpreader and bgpdump.
//!
//! The options are bgpreader's; what bgpdump has besides are long ones. Started as `bgpreader` or `bgpdump`, or with one of these
//! names in the place of `stream`, the program takes their command lines (see [`names`]).

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, Args as _, FromArgMatches as _, value_parser};

use super::REFUSED;
use crate::stream::format::{Bgpdump, Clock, Columns, Format, TimeStyle};
use crate::stream::{Builder, Error, Expression, names as times};

mod args;
mod caret;
mod descriptors;
mod failure;
mod interrupt;
#[cfg(feature = "kafka")]
mod kafka;
mod listen;
pub(super) mod names;
mod output;
mod progress;
mod report;
mod sources;
mod stats;

pub(super) use args::{StreamArgs, neighbor};
pub(super) use descriptors::provide as provide_descriptors;
pub(super) use failure::explain;
use failure::{Failure, now};
use interrupt::Interrupts;
use names::Reader;
use output::{Mode, Output};
pub(super) use report::Report;
pub(super) use sources::{warn_nameless, warn_skipped};

/// Exit code for input that could not be read to its end.
const READ_ERROR: u8 = 3;

/// Runs with the command line of `oxabgp stream` that [`names`] made of bgpreader's or bgpdump's. Help and errors show the name
/// that the user has called it by.
pub(super) fn run_as(reader: Reader, stream: &clap::Command, mut words: Vec<OsString>) -> ExitCode {
    // The arguments of a sub-command are made later, and can't be changed before.
    let command = StreamArgs::augment_args(clap::Command::new(reader.name));
    let command = match reader.name {
        "bgpreader" => names::bgpreaders(command, reader.shown),
        _ => command,
    };
    let env_file = Arg::new("env_file").long("env-file").hide(true);
    let command = command
        .arg(env_file.value_parser(value_parser!(PathBuf)))
        .about(stream.get_about().cloned().unwrap_or_default())
        .bin_name(reader.shown)
        // In errors clap would show the options that were added.
        .override_usage(format!("{} [OPTIONS] [FILE]...", reader.shown))
        .infer_long_args(true);
    let sub_command = super::first_word(&words);
    words.remove(sub_command);
    let mut matches = command.get_matches_from(words);
    let env_file = matches.remove_one("env_file");
    match StreamArgs::from_arg_matches(&matches) {
        Ok(args) => run(&args, env_file, reader.shown),
        Err(error) => error.exit(),
    }
}

/// Reads what is named. `shown` is how the user has called the sub-command.
pub(super) fn run(args: &StreamArgs, env_file: Option<PathBuf>, shown: &str) -> ExitCode {
    if args.version {
        outln!("oxabgp {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    match stream(args, env_file) {
        Ok(code) => code,
        // The reader of the lines went away: that is no failure of ours.
        Err(Failure::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(Failure::Write(error)) => {
            errln!("error: the output can't be written: {error}");
            ExitCode::from(READ_ERROR)
        }
        Err(Failure::Reported(code)) => code,
        Err(Failure::Refused(reason)) => {
            errln!("error: {reason}");
            ExitCode::from(REFUSED)
        }
        Err(Failure::Usage(reason)) => {
            errln!("error: {reason}");
            ExitCode::from(2)
        }
        Err(Failure::NoSource) if sources::are_named(args) => {
            errln!("error: {}", Error::NoSource);
            ExitCode::from(REFUSED)
        }
        Err(Failure::NoSource) => {
            errln!(
                "error: no file is given\n\nUsage: {shown} [OPTIONS] [FILE]...\n\nFor more information, try `{shown} --help`."
            );
            ExitCode::from(2)
        }
    }
}

fn stream(args: &StreamArgs, env_file: Option<PathBuf>) -> Result<ExitCode, Failure> {
    if args
        .data_interface_option
        .iter()
        .any(|option| option == "?")
    {
        return sources::explain(args.data_interface.as_deref());
    }
    let live = args.live || sources::is_live(args);
    // What is counted of a feed that never ends is printed when somebody ends it.
    let interrupts = match live && (args.count_only || args.stats) {
        true => Some(Interrupts::new().map_err(|error| Failure::Refused(error.to_string()))?),
        false => None,
    };
    let columns = args.packet_index || args.large_communities || args.unknown_attributes;
    let dump = args.bgpdump || args.human || args.paragraphs;
    if !dump && (columns || args.route_time != "dump") {
        return Err(Failure::Usage(
            "the options of bgpdump's lines need `-m`, `-M` or `-H`".to_owned(),
        ));
    }
    let window = window(args)?;
    warn_of_values(args);
    let builder = sources::sources(args, env_file, window)?;
    let mut builder = filters(args, builder)?;
    if !args.quiet {
        warn_nameless(&builder);
    }
    if let Some((from, until)) = window {
        builder = builder.interval(from, until);
    }
    // Lines that scroll on the same terminal would tear the line of progress.
    let scrolls =
        args.output.is_none() && !(args.count_only || args.stats) && io::stdout().is_terminal();
    let shown = progress::Bar::new(args.no_progress || live || scrolls, &builder);
    if let Some(path) = &args.output {
        keep_input(path, &builder)?;
    }
    provide_descriptors(&builder).map_err(Failure::Refused)?;
    let mut stream = builder.build()?;
    let sink: Box<dyn Write + Send> = match &args.output {
        Some(path) => Box::new(
            fs::File::create(path)
                .map_err(|error| Failure::Refused(format!("`{}`: {error}", path.display())))?,
        ),
        None => Box::new(io::stdout()),
    };
    let mut output = Output::new(mode(args), sink, shown);
    output.flush_each = live;
    output.warn_each = live && !args.quiet;
    output.limit = match args.records.as_deref().map(str::parse) {
        None | Some(Ok(0)) | Some(Err(_)) => u64::MAX,
        Some(Ok(limit)) => limit,
    };
    if args.output_headers || args.csv {
        output.explain();
    }
    let output = match interrupts {
        Some(interrupts) => interrupts
            .visit(stream, output)
            .map_err(|error| Failure::Refused(error.to_string()))?
            .ok_or(Failure::Reported(ExitCode::FAILURE))?,
        None => {
            stream.visit(&mut output);
            output
        }
    };
    let mut report = output.finish().map_err(Failure::Write)?;
    if !args.quiet {
        report.print();
    }
    Ok(if report.unreadable > 0 {
        ExitCode::from(READ_ERROR)
    } else {
        ExitCode::SUCCESS
    })
}

/// Refuses an output file that is also an input, which would be truncated before it is read.
fn keep_input(output: &Path, builder: &Builder) -> Result<(), Failure> {
    let identity = |found: io::Result<fs::Metadata>| {
        found
            .ok()
            .filter(fs::Metadata::is_file)
            .map(|found| (found.dev(), found.ino()))
    };
    let Some(written) = identity(fs::metadata(output)) else {
        return Ok(());
    };
    let is_stdin = || {
        let stdin = io::stdin().as_fd().try_clone_to_owned();
        identity(stdin.and_then(|stdin| fs::File::from(stdin).metadata())) == Some(written)
    };
    let input = builder
        .inputs()
        .find(|input| identity(fs::metadata(input)) == Some(written))
        .map(|input| format!("`{}`", input.display()))
        .or_else(|| (builder.has_stdin() && is_stdin()).then(|| "standard input".to_owned()));
    match input {
        Some(input) => Err(Failure::Refused(format!(
            "the output `{}` is the same file as the input {input}",
            output.display()
        ))),
        None => Ok(()),
    }
}

/// What is printed.
fn mode(args: &StreamArgs) -> Mode {
    let format = if args.bgpdump || args.human {
        Format::Bgpdump(Bgpdump {
            style: if args.human {
                TimeStyle::Human
            } else {
                TimeStyle::Unix
            },
            clock: if args.route_time == "change" {
                Clock::Change
            } else {
                Clock::Dump
            },
            columns: Columns {
                index: args.packet_index,
                large_communities: args.large_communities,
                unknown: args.unknown_attributes,
            },
        })
    } else if args.paragraphs {
        Format::Paragraphs
    } else if args.json {
        Format::Json
    } else if args.csv {
        Format::Csv
    } else if args.output_records && !args.output_elems {
        Format::Records
    } else {
        Format::Elems
    };
    if args.count_only {
        Mode::Count
    } else if args.stats {
        Mode::Stats(args.top)
    } else {
        Mode::Lines {
            format,
            records: args.output_records,
        }
    }
}

fn filters(args: &StreamArgs, mut builder: Builder) -> Result<Builder, Failure> {
    // Of single files nobody told the project or collector.
    let single = args.data_interface.as_deref() == Some("singlefile");
    for text in &args.filter {
        builder = add(builder, text, single)?;
    }
    let lists = [
        ("project", &args.project),
        ("collector", &args.collector),
        ("router", &args.router),
        ("type", &args.record_type),
        ("resourcetype", &args.resource_type),
        ("peer", &args.peer_asn),
        ("not peer", &args.not_peer_asn),
        ("origin", &args.origin_asn),
        ("prefix", &args.prefix),
        ("community", &args.community),
    ];
    for (term, values) in lists {
        if !values.is_empty() {
            builder = with(builder, of_term(term, values)?, single);
        }
    }
    for pattern in &args.aspath {
        let expression = of_term("aspath", std::slice::from_ref(pattern))?;
        builder = with(builder, expression, single);
    }
    Ok(builder)
}

fn add(builder: Builder, text: &str, single: bool) -> Result<Builder, Failure> {
    let expression = text
        .parse()
        .map_err(|error| Failure::from(Error::Filter(text.to_owned(), error)))?;
    Ok(with(builder, expression, single))
}

fn with(builder: Builder, expression: Expression, single: bool) -> Builder {
    builder.expression(if single {
        expression.without_origin()
    } else {
        expression
    })
}

/// The values of an option are no text of the filter language: quotes in them stand for themselves.
fn of_term(term: &str, values: &[String]) -> Result<Expression, Failure> {
    Expression::of_term(term, values).map_err(|(text, mut error)| {
        // A pattern of paths may have commas of its own.
        let has_comma = term != "aspath" && values.iter().any(|value| value.contains(','));
        if has_comma && error.help.is_none() {
            error.help = Some("several values are several options: `-j 1 -j 2`".to_owned());
        }
        Failure::from(Error::Filter(text, error))
    })
}

/// Warns of values that mean something, but hardly what was meant.
fn warn_of_values(args: &StreamArgs) {
    if let Some(text) = &args.records
        && text.parse::<u64>().is_err()
    {
        errln!("warning: `{text}` after `-n` or `--count` is no number of records: all are read");
    }
    let names = [&args.project, &args.collector, &args.router];
    for name in names
        .into_iter()
        .flatten()
        .filter(|name| name.contains(','))
    {
        errln!("warning: `{name}` is one name; several are several options: `-c rrc00 -c rrc06`");
    }
}

/// The first and the last second of the records that are wanted.
fn window(args: &StreamArgs) -> Result<Option<(u32, u32)>, Failure> {
    if let Some(text) = &args.interval {
        let span = times::span(text).ok_or_else(|| {
            Failure::Refused(format!("expected a time such as `3 h`, found `{text}`"))
        })?;
        let until = now();
        return Ok(Some((until.saturating_sub(span), until)));
    }
    let given = args.time_window.as_deref().map(interval);
    given.transpose().map_err(Failure::Refused)
}

/// Reads a time window.
///
/// # Errors
/// What is expected.
pub(super) fn interval(text: &str) -> Result<(u32, u32), String> {
    let malformed = |text: &str| {
        format!(
            "expected a time such as `1427846400`, `2015-04-01` or `2015-04-01 00:05:00` (UTC), or two with a comma between, \
             found `{text}`"
        )
    };
    let (from, until) = match text.split_once(',') {
        Some((from, until)) => (from, Some(until.trim())),
        None => (text, None),
    };
    let from = times::time(from.trim()).ok_or_else(|| malformed(from))?;
    let until = match until {
        // bgpreader: without an end, or with 0, the window stays open.
        None | Some("" | "0") => u32::MAX,
        Some(until) => times::time(until).ok_or_else(|| malformed(until))?,
    };
    Ok((from, until))
}
