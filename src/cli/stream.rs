//! `oxabgp stream`: archives as lines, in the place of bgpreader and bgpdump.
//!
//! The options are bgpreader's; what bgpdump has besides are long ones. Started as `bgpreader` or `bgpdump` the program takes
//! their command lines (see [`names`]).

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{ArgAction, Args};

use super::REFUSED;
use crate::stream::format::{Bgpdump, Clock, Columns, Format, TimeStyle};
use crate::stream::{Builder, Error, names as times};

mod caret;
pub(super) mod names;
mod output;
mod progress;
mod sources;
mod stats;

use output::{Mode, Output};

/// Exit code for input that could not be read to its end.
const READ_ERROR: u8 = 3;

/// Options of `stream`.
#[derive(Args, Debug)]
#[command(
    disable_version_flag = true,
    after_help = "\
The filter language:
  project, collector, router, type, peer, origin, prefix [exact|more|less|any], community, aspath, ipversion, elemtype,
  each with one value or several, joined by `and`, `or`, `not` and parentheses:
    oxabgp stream --filter 'prefix more 192.0.2.0/24 and not origin 64500' updates.*.gz

Files hold MRT, BMP (also with OpenBMP's headers) or RIS Live messages, one a line; which of them is found out.

Exit codes:
  0  done; damaged records are counted on standard error
  1  a file, list or filter is refused
  2  the command line itself is wrong
  3  a file could not be read to its end"
)]
pub(super) struct StreamArgs {
    /// Files, folders, patterns; `-` is standard input. gzip, bzip2, xz and zstd are recognized.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A filter.
    #[arg(short, long, value_name = "FILTER", allow_hyphen_values = true)]
    filter: Vec<String>,
    /// Records of the last time: `3 h`. Units: s, m, h, d.
    #[arg(short = 'I', long, value_name = "SPAN")]
    interval: Option<String>,
    /// Records of a time, ends included: seconds since 1970 or `Y-m-d H:M:S`, UTC.
    #[arg(short = 'w', long, value_name = "START[,END]")]
    time_window: Option<String>,
    /// Of a project.
    #[arg(short, long)]
    project: Vec<String>,
    /// Of a collector.
    #[arg(short, long)]
    collector: Vec<String>,
    /// Of a router.
    #[arg(short = 'R', long)]
    router: Vec<String>,
    /// `ribs` or `updates`.
    #[arg(short = 't', long, value_name = "TYPE")]
    record_type: Vec<String>,
    /// Accepted for bgpreader's sake: `stream` or `batch`.
    #[arg(short = 'T', long, hide = true, value_name = "TYPE")]
    resource_type: Vec<String>,
    /// Of a peer's AS.
    #[arg(short = 'j', long, value_name = "AS")]
    peer_asn: Vec<String>,
    /// Not of a peer's AS.
    #[arg(short = 'J', long, value_name = "AS")]
    not_peer_asn: Vec<String>,
    /// With this origin AS.
    #[arg(short = 'a', long, value_name = "AS")]
    origin_asn: Vec<String>,
    /// In this prefix.
    #[arg(short = 'k', long)]
    prefix: Vec<String>,
    /// With this community; `*` is a wildcard.
    #[arg(short = 'y', long)]
    community: Vec<String>,
    /// With an AS path that matches.
    #[arg(short = 'A', long, value_name = "REGEX", allow_hyphen_values = true)]
    aspath: Vec<String>,
    /// Read a table of a collector only this many seconds after the one before.
    #[arg(short = 'P', long, value_name = "SECONDS", default_value_t = 0)]
    rib_period: u32,
    /// Read at most this many records.
    #[arg(short = 'n', long = "count", value_name = "RECORDS")]
    records: Option<String>,
    /// Print each record at once, for input that keeps coming.
    #[arg(short, long)]
    live: bool,
    /// Print elems, the default.
    #[arg(short = 'e', long, conflicts_with_all = ["bgpdump", "human", "json", "csv"])]
    output_elems: bool,
    /// Print bgpdump's lines.
    #[arg(short = 'm', long = "output-bgpdump", conflicts_with_all = ["human", "json", "csv"])]
    bgpdump: bool,
    /// Print bgpdump's lines with dates: its `-M`.
    #[arg(short = 'M', long, conflicts_with_all = ["json", "csv"])]
    human: bool,
    /// Print one JSON object per elem.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print comma-separated values.
    #[arg(long)]
    csv: bool,
    /// Print records.
    #[arg(short = 'r', long)]
    output_records: bool,
    /// Explain the format first.
    #[arg(short = 'i', long)]
    output_headers: bool,
    /// Print how many records and elems there are instead of them. The same as `--count` without a number.
    #[arg(long, conflicts_with = "stats")]
    count_only: bool,
    /// Print what there is most of: peers, origins, prefixes.
    #[arg(long)]
    stats: bool,
    /// Lines of each list of --stats.
    #[arg(long, value_name = "LINES", default_value_t = 10)]
    top: usize,
    /// bgpdump's lines: the time of routes in tables: `dump`, or `change`, when they were received.
    #[arg(long, value_name = "CLOCK", default_value = "dump", value_parser = ["dump", "change"])]
    route_time: String,
    /// bgpdump's lines: the number of the record as the second column.
    #[arg(long)]
    packet_index: bool,
    /// bgpdump's lines: large communities.
    #[arg(long)]
    large_communities: bool,
    /// bgpdump's lines: unknown attributes.
    #[arg(long)]
    unknown_attributes: bool,
    /// Include messages that the collector sent. bgpdump's lines always do.
    #[arg(long)]
    sent: bool,
    /// Believe the subtype about path identifiers.
    #[arg(long)]
    no_add_path_detection: bool,
    /// A list of files in bgpreader's columns: path, project, type, collector, time, span, timestamp.
    #[arg(long, value_name = "FILE")]
    csv_file: Vec<PathBuf>,
    /// bgpreader's data interface: `singlefile` or `csvfile`. What a file holds (MRT, BMP, RIS Live) is found out.
    #[arg(short = 'd', long, value_name = "NAME")]
    data_interface: Option<String>,
    /// bgpreader's option of the data interface: `upd-file`, `rib-file`, `csv-file`.
    #[arg(short = 'o', long, value_name = "NAME=VALUE")]
    data_interface_option: Vec<String>,
    #[command(flatten)]
    feeds: sources::Feeds,
    /// Write to this file.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Show no progress on the terminal.
    #[arg(long)]
    no_progress: bool,
    /// Say nothing about damage.
    #[arg(long)]
    quiet: bool,
    /// Show the version.
    #[arg(short = 'v', long = "version", action = ArgAction::SetTrue)]
    version: bool,
}

/// Why nothing, or not all, was done.
enum Failure {
    /// Refused; the text is for people.
    Refused(String),
    /// The command line is wrong.
    Usage(String),
    /// The output could not be written.
    Write(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(match &error {
            Error::NoSource => return Self::Usage(error.to_string()),
            Error::Filter(text, mistake) => caret::show(text, mistake),
            _ => error.to_string(),
        })
    }
}

pub(super) fn run(args: &StreamArgs) -> ExitCode {
    if args.version {
        outln!("oxabgp {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    if args
        .data_interface_option
        .iter()
        .any(|option| option == "?")
    {
        outln!("{}", sources::OPTIONS);
        return ExitCode::SUCCESS;
    }
    match stream(args) {
        Ok(code) => code,
        // The reader of the lines went away: that is no failure of ours.
        Err(Failure::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(Failure::Write(error)) => {
            errln!("error: the output can't be written: {error}");
            ExitCode::from(READ_ERROR)
        }
        Err(Failure::Refused(reason)) => {
            errln!("error: {reason}");
            ExitCode::from(REFUSED)
        }
        Err(Failure::Usage(reason)) => {
            errln!("error: {reason}");
            ExitCode::from(2)
        }
    }
}

fn stream(args: &StreamArgs) -> Result<ExitCode, Failure> {
    let builder = sources::sources(args)?;
    let builder = filters(args, builder)?;
    let builder = window(args, builder)?;
    let live = args.live || args.feeds.is_live();
    let shown = progress::Bar::new(args.no_progress || live, &builder);
    let mut stream = builder.build()?;
    let sink: Box<dyn Write> = match &args.output {
        Some(path) => Box::new(
            fs::File::create(path)
                .map_err(|error| Failure::Refused(format!("`{}`: {error}", path.display())))?,
        ),
        None => Box::new(io::stdout().lock()),
    };
    let mut output = Output::new(mode(args), sink, shown);
    output.flush_each = live;
    output.limit = match args.records.as_deref().map(str::parse) {
        None | Some(Ok(0)) | Some(Err(_)) => u64::MAX,
        Some(Ok(limit)) => limit,
    };
    if args.output_headers || args.csv {
        output.explain();
    }
    stream.visit(&mut output);
    let report = output.finish().map_err(Failure::Write)?;
    if !args.quiet {
        report.print();
    }
    Ok(if report.unreadable > 0 {
        ExitCode::from(READ_ERROR)
    } else {
        ExitCode::SUCCESS
    })
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
            builder = add(builder, &clause(term, values), single)?;
        }
    }
    for pattern in &args.aspath {
        builder = add(
            builder,
            &clause("aspath", std::slice::from_ref(pattern)),
            single,
        )?;
    }
    Ok(builder)
}

fn add(builder: Builder, text: &str, single: bool) -> Result<Builder, Failure> {
    let expression: crate::stream::Expression = text
        .parse()
        .map_err(|error| Failure::from(Error::Filter(text.to_owned(), error)))?;
    Ok(builder.expression(if single {
        expression.without_origin()
    } else {
        expression
    }))
}

fn clause(term: &str, values: &[String]) -> String {
    let mut text = term.to_owned();
    for value in values {
        text.push_str(" \"");
        text.push_str(value);
        text.push('"');
    }
    text
}

fn window(args: &StreamArgs, builder: Builder) -> Result<Builder, Failure> {
    let malformed = |text: &str| Failure::Refused(format!("expected a time, found `{text}`"));
    if let Some(text) = &args.interval {
        let span = times::span(text).ok_or_else(|| {
            Failure::Refused(format!("expected a time such as `3 h`, found `{text}`"))
        })?;
        let until = now();
        return Ok(builder.interval(until.saturating_sub(span), until));
    }
    let Some(text) = &args.time_window else {
        return Ok(builder);
    };
    let (from, until) = match text.split_once(',') {
        Some((from, until)) => (from, Some(until.trim())),
        None => (text.as_str(), None),
    };
    let from = times::time(from.trim()).ok_or_else(|| malformed(from))?;
    let until = match until {
        None | Some("") => u32::MAX,
        Some(until) => times::time(until).ok_or_else(|| malformed(until))?,
    };
    Ok(builder.interval(from, until))
}

fn now() -> u32 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u32::try_from(since.as_secs()).ok())
        .unwrap_or_default()
}
