//! `oxabgp completions` and `oxabgp man`: what shells and manuals need, from the same tables as `--help` and the reader of
//! configurations.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::log::events::EVENTS;
use super::{Cli, REFUSED, output};
use crate::config::reference;

// Options of `completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

// Options of `man`.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Write all pages to this directory: `oxabgp.1`, one for each sub-command, and `oxabgp.conf.5`.
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
    /// The page: a sub-command, or `conf` for the configuration. Default: that of `oxabgp`.
    #[arg(value_name = "PAGE", conflicts_with = "out")]
    page: Option<String>,
}

/// Prints the script that completes command lines in a shell.
pub(super) fn completions(args: &CompletionsArgs) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "oxabgp", &mut script);
    print(&script)
}

/// Prints a manual page, or writes all of them.
pub(super) fn man(args: &ManArgs) -> ExitCode {
    if let Some(directory) = &args.out {
        return match write_all(directory) {
            Ok(()) => ExitCode::SUCCESS,
            Err(cause) => {
                errln!("error: {}: {cause}", directory.display());
                ExitCode::from(REFUSED)
            }
        };
    }
    let wanted = match args.page.as_deref() {
        None | Some("oxabgp") => "oxabgp.1".to_owned(),
        Some("conf" | "oxabgp.conf") => "oxabgp.conf.5".to_owned(),
        Some(page) => format!("oxabgp-{page}.1"),
    };
    let pages = pages();
    match pages.iter().find(|(name, _)| *name == wanted) {
        Some((_, page)) => print(page),
        None => {
            errln!(
                "error: there is no page `{}`",
                args.page.as_deref().unwrap_or_default()
            );
            let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
            errln!("help: the pages are {}", names.join(", "));
            ExitCode::from(REFUSED)
        }
    }
}

fn print(text: &[u8]) -> ExitCode {
    output::write(text);
    ExitCode::SUCCESS
}

fn write_all(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    pages()
        .into_iter()
        .try_for_each(|(name, page)| fs::write(directory.join(name), page))
}

/// All pages with their file names.
fn pages() -> Vec<(String, Vec<u8>)> {
    let mut command = Cli::command();
    command.build();
    let mut pages = Vec::new();
    let mut add = |name: String, command: clap::Command| {
        let mut page = Vec::new();
        // Writing to a vector cannot fail.
        let _ = clap_mangen::Man::new(command).render(&mut page);
        if name == "oxabgp-server" {
            page.extend_from_slice(events().as_bytes());
        }
        pages.push((format!("{name}.1"), page));
    };
    add("oxabgp".to_owned(), command.clone());
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        if sub.get_name() != "help" {
            add(format!("oxabgp-{}", sub.get_name()), sub.clone());
        }
    }
    pages.push(("oxabgp.conf.5".to_owned(), configuration().into_bytes()));
    pages
}

/// The names of events in log lines as JSON, each once.
fn events() -> String {
    let mut section = ".SH EVENTS\nWith \\fB\\-\\-log\\-format json\\fR each line of the log is an object, in which \
         \\fIevent\\fR is one of these names. They stay the same when messages are worded differently.\n"
        .to_owned();
    let mut last = "";
    for (name, message) in EVENTS {
        if *name != last {
            // Writing to a string cannot fail.
            let _ = write!(section, ".TP\n\\fB{}\\fR\n{}\n", roff(name), roff(message));
        }
        last = name;
    }
    section
}

/// The page about the configuration.
fn configuration() -> String {
    let mut page = format!(
        ".TH oxabgp.conf 5 \"\" \"oxabgp {}\"\n.SH NAME\noxabgp.conf \\- configuration of the BGP speaker oxabgp\n\
         .SH DESCRIPTION\nThe syntax is that of ExaBGP 5.0: statements end with a semicolon, sections are in braces, and what \
         follows # is a remark. \\fBoxabgp validate\\fR checks a file and marks the words that ExaBGP does not have.\n",
        env!("CARGO_PKG_VERSION")
    );
    let mut section = "";
    for row in reference() {
        if row.section != section {
            section = row.section;
            let _ = writeln!(page, ".SH SECTION {}", roff(&section.to_uppercase()));
        }
        let _ = write!(
            page,
            ".TP\n\\fB{}\\fR \\fI{}\\fR\n{}\n",
            roff(row.word),
            roff(row.value),
            roff(row.doc)
        );
    }
    page.push_str(
        ".SH SEE ALSO\n\\fBoxabgp\\fR(1), \\fBoxabgp-validate\\fR(1), \\fBoxabgp-migrate\\fR(1)\n",
    );
    page
}

/// A text as roff shows it literally.
fn roff(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    match escaped.starts_with(['.', '\'']) {
        true => format!("\\&{escaped}"),
        false => escaped,
    }
}
