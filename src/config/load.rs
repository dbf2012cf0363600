//! A file's text → [`Config`]: processes and templates first, wherever they are, then the neighbors.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::rc::Rc;

use nix::fcntl::OFlag;

use super::context::Context;
use super::diagnostic::{Diagnostic, Diagnostics, Report};
use super::draft::{Draft, KEYWORDS};
use super::env::Env;
use super::legacy::words;
use super::model::{Config, NeighborConfig};
use super::schema::{self, Origin, Seen};
use super::tree::{Statement, Tree};
use super::utf8::utf8;
use super::validate::{self, Checked};
use super::{
    bmp, check_section, claim, guard_section, legacy, metrics_section, mrt, neighbor, peer_address,
    portable, process, state_section, subscription, vocabulary,
};
use crate::text::{Span, near_miss, value};

/// The largest file that is read, in bytes: some millions of routes.
const MAX_SIZE: u64 = 512 << 20;

/// The kinds of files that may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Also a pipe, such as that of `<(command)`.
    Any,
    Regular,
}

/// Reads a file of at most [`MAX_SIZE`] bytes.
fn read_file(path: &Path, kind: Kind) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => format!("the file cannot be read: {error}"),
    };
    let check = |facts: &Metadata| {
        if facts.is_dir() {
            return Err("this is a directory, not a configuration file".to_owned());
        }
        if kind == Kind::Regular && !facts.is_file() {
            return Err("this is not a regular file".to_owned());
        }
        if facts.len() > MAX_SIZE {
            return Err(format!("the file is larger than {MAX_SIZE} bytes"));
        }
        Ok(())
    };
    // A device is not even opened, which may have an effect.
    check(&std::fs::metadata(path).map_err(unreadable)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    if kind == Kind::Regular {
        // Another file may be there by now: opening a pipe must not wait for its writer.
        options.custom_flags(OFlag::O_NONBLOCK.bits());
    }
    let file = options.open(path).map_err(unreadable)?;
    check(&file.metadata().map_err(unreadable)?)?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_SIZE + 1).read_to_end(&mut bytes);
    read.map_err(unreadable)?;
    if bytes.len() as u64 > MAX_SIZE {
        return Err(format!("the file is larger than {MAX_SIZE} bytes"));
    }
    Ok(bytes)
}

impl Config {
    /// Reads the file at `path`, or standard input for `-`. Returns the configuration and its warnings.
    ///
    /// # Errors
    /// When the file can't be read, or has errors: then all of them.
    pub fn load(path: &Path, env: &Env) -> Result<(Self, Diagnostics), Diagnostics> {
        let name = path.to_string_lossy();
        if name == "-" {
            let about = |message: String| Diagnostics::about_file(&name, message);
            let mut text = String::new();
            let read = std::io::stdin().take(MAX_SIZE).read_to_string(&mut text);
            read.map_err(|error| about(format!("standard input cannot be read: {error}")))?;
            let place = ("standard input", Path::new(""));
            return Self::parse_text(place, text.into(), env);
        }
        Self::load_file(path, env, Kind::Any)
    }

    /// Reads the regular file at `path`. A daemon with sessions reads its configuration like this: a pipe or a device would
    /// block all of them, or never end.
    ///
    /// # Errors
    /// As [`load`](Self::load), and when the file is not a regular one.
    pub fn load_regular(path: &Path, env: &Env) -> Result<(Self, Diagnostics), Diagnostics> {
        Self::load_file(path, env, Kind::Regular)
    }

    fn load_file(path: &Path, env: &Env, kind: Kind) -> Result<(Self, Diagnostics), Diagnostics> {
        let name = path.to_string_lossy();
        let about = |message: String| Diagnostics::about_file(&name, message);
        let bytes = read_file(path, kind).map_err(about)?;
        let text = utf8(bytes).map_err(about)?;
        let directory = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Self::parse_text((&name, &directory), text.into(), env)
    }

    /// Reads `text`, the contents of a file called `name` in `directory`.
    ///
    /// # Errors
    /// When it has errors: then all of them.
    pub fn parse(
        name: &str,
        text: &str,
        directory: &Path,
        env: &Env,
    ) -> Result<(Self, Diagnostics), Diagnostics> {
        Self::parse_text((name, directory), text.into(), env)
    }

    fn parse_text(
        (name, directory): (&str, &Path),
        text: Cow<'_, str>,
        env: &Env,
    ) -> Result<(Self, Diagnostics), Diagnostics> {
        let (config, report) = read_text(&text, directory, env);
        let errors = report.errors;
        let diagnostics = report.finish(name, text);
        if errors > 0 {
            Err(diagnostics)
        } else {
            Ok((config, diagnostics))
        }
    }
}

fn read_text(text: &str, directory: &Path, env: &Env) -> (Config, Report) {
    let mut report = Report::default();
    let tree = Tree::parse(text, &mut report);
    let mut cx = Context {
        tree: &tree,
        text,
        directory: directory.to_path_buf(),
        env,
        report,
        processes: Vec::new(),
        guards: Vec::new(),
        inner_processes: Vec::new(),
        claims: Vec::new(),
        templates: HashMap::new(),
        lost: false,
        last_piece: usize::MAX,
        tails: HashMap::default(),
    };
    let config = read(&mut cx);
    (config, cx.report)
}

fn read<'a>(cx: &mut Context<'a>) -> Config {
    let tree = cx.tree;
    let mut config = Config::default();
    if tree.statements.is_empty() && cx.report.is_empty() {
        cx.report.add(Diagnostic::error(
            Span::default(),
            "the file has no statements",
        ));
    }
    for statement in &tree.statements {
        match (&*tree.head(statement), &statement.block) {
            ("process", Some(_)) => config.processes.extend(process::read(cx, statement)),
            ("template", Some(_)) => templates(cx, statement),
            ("state", Some(_)) => {
                let state = state_section::read(cx, statement);
                if config.state.replace(state).is_some() {
                    let text = "a file has one `state` section";
                    cx.report.add(Diagnostic::error(statement.span(), text));
                }
            }
            ("metrics", Some(_)) => {
                metrics_section::read(cx, statement, config.metrics.get_or_insert_default());
            }
            _ => {}
        }
    }
    portable::mark(cx);
    check_templates(cx);
    // Processes inside of neighbors first: another neighbor's `api` may name them.
    legacy::collect_processes(cx);
    let (mut neighbors, mut checks) = (Vec::new(), Vec::new());
    let mut astray = false;
    for statement in &tree.statements {
        let was_astray = std::mem::take(&mut astray);
        match (&*tree.head(statement), &statement.block) {
            ("process" | "template" | "metrics" | "state", Some(_)) => {}
            ("check", Some(_)) => checks.extend(check_section::read(cx, statement)),
            ("mrt", Some(_)) => mrt::read(cx, statement, &mut config.mrt),
            ("bmp", Some(_)) => bmp::read(cx, statement, &mut config.bmp),
            ("neighbor", Some(_)) => neighbors.extend(neighbor(cx, statement, &[])),
            ("group", Some(_)) => group(cx, statement, &mut neighbors),
            ("", _) => {}
            (word, _) if vocabulary::has(word) => {
                // One message for a run of them.
                if !was_astray {
                    let span = tree.head_span(statement);
                    cx.report.add(
                        Diagnostic::error(span, format!("`{word}` belongs in a `neighbor` section"))
                            .with_help("a line `neighbor ADDRESS {` is missing before it, or there is an extra `}`"),
                    );
                }
                astray = true;
                cx.lost = true;
            }
            (word, block) => root_word(cx, word, statement, block.is_some()),
        }
    }
    config.metrics.iter_mut().for_each(metrics_section::finish);
    validate::duplicates(cx, &neighbors);
    config.processes.append(&mut cx.inner_processes);
    config.neighbors = neighbors
        .into_iter()
        .map(|checked: Checked| checked.config)
        .collect::<Vec<NeighborConfig>>();
    share_capabilities(&mut config.neighbors);
    config.checks = check_section::settle(cx, checks, &config.neighbors);
    claim::settle(cx, &mut config);
    guard_section::check_families(cx, &config);
    config
}

/// Lets neighbors that follow each other and offer the same share its description: there may be thousands.
fn share_capabilities(neighbors: &mut [NeighborConfig]) {
    let all = neighbors
        .iter_mut()
        .map(|one| &mut one.session.capabilities);
    all.reduce(|last, next| {
        if *last == *next {
            *next = Rc::clone(last);
        }
        next
    });
}

/// Reports a word that is not allowed outside of all sections.
fn root_word(cx: &mut Context<'_>, word: &str, statement: &Statement, is_section: bool) {
    let span = cx.tree.head_span(statement);
    let known = [
        "neighbor", "process", "template", "check", "metrics", "state", "mrt", "bmp",
    ];
    let error = if known.contains(&word) && !is_section {
        Diagnostic::error(span, format!("`{word}` is a section"))
            .with_help(format!("write `{word} … {{ … }}`"))
    } else {
        schema::unknown(word, span, "a file", known)
    };
    cx.report.add(error);
}

/// Collects the templates of `template { neighbor NAME { … } }`.
fn templates<'a>(cx: &mut Context<'a>, section: &'a Statement) {
    let tree = cx.tree;
    if let Some(name) = words::named_template(cx, section) {
        cx.templates.insert(name.text.into_owned(), section);
        return;
    }
    for statement in section.statements() {
        let words = tree.words(statement);
        let (word, mut c) = words.cursor();
        if vocabulary::has(word) {
            cx.lost = true;
            cx.report.add(
                Diagnostic::error(
                    c.last_span(),
                    format!("`{word}` belongs in a `neighbor` section of the template"),
                )
                .with_help("write `neighbor NAME {` before it"),
            );
            return;
        }
        if word != "neighbor" || statement.block.is_none() {
            cx.report.add(schema::unknown(
                word,
                c.last_span(),
                "a `template` section",
                ["neighbor"],
            ));
            continue;
        }
        let Some(name) = c.next_token() else {
            cx.report.add(
                Diagnostic::error(c.last_span(), "the template has no name")
                    .with_help("write `neighbor NAME { … }`"),
            );
            continue;
        };
        if value::prefix(&name.text).is_some() {
            let text = format!(
                "`{}` is the name of a template here, not a neighbor",
                name.text
            );
            cx.report.add(
                Diagnostic::warning(name.span, text)
                    .with_other(section.span(), "this section is still open")
                    .with_help("a `}` is missing before it if this is meant to be a neighbor"),
            );
        } else {
            subscription::check_name(cx, &name.text, name.span);
        }
        schema::spare(&c, &mut cx.report);
        if let Some(other) = cx.templates.insert(name.text.to_string(), statement) {
            cx.report.add(
                Diagnostic::error(
                    name.span,
                    format!("the template `{}` is already defined", name.text),
                )
                .with_other(other.span(), "here"),
            );
        }
    }
}

/// Reads every template once, so that errors in one that is not inherited are reported as well.
fn check_templates(cx: &mut Context<'_>) {
    let mut templates: Vec<&Statement> = cx.templates.values().copied().collect();
    templates.sort_by_key(|statement| statement.span().start);
    for statement in templates {
        let mut draft = Draft::default();
        neighbor::read(
            cx,
            &mut draft,
            &mut Seen::default(),
            statement.statements(),
            Origin::Own,
        );
        for (name, span) in &draft.inherit {
            known_template(cx, name, *span);
        }
    }
}

/// Warns about a template that does not exist.
fn known_template(cx: &mut Context<'_>, name: &str, span: Span) {
    if cx.templates.contains_key(name) {
        return;
    }
    let message = format!("there is no template `{name}`: nothing is inherited");
    let near = near_miss(name, cx.templates.keys().map(String::as_str));
    let help = near.map(|near| format!("did you mean `{near}`?"));
    cx.report.add(Diagnostic {
        help,
        ..Diagnostic::warning(span, message)
    });
}

/// Reads `group { … neighbor … { … } … }` of ExaBGP 3.4: each of its neighbors inherits the settings of the group.
fn group<'a>(cx: &mut Context<'a>, section: &'a Statement, neighbors: &mut Vec<Checked>) {
    let tree = cx.tree;
    words::warn(
        cx,
        section.span(),
        "`group` is a section of ExaBGP 3.4",
        "write a `template`, and `inherit` it in each neighbor",
    );
    let all = section.statements();
    let behind = all
        .iter()
        .rev()
        .take_while(|inner| tree.head(inner) != "neighbor");
    for statement in behind.filter(|inner| tree.head(inner) != "process") {
        let text = "no neighbor of the group follows this: as in ExaBGP 3.4, it applies to none";
        words::warn(
            cx,
            statement.span(),
            text,
            "write it before the neighbors that it applies to",
        );
    }
    for (at, statement) in all.iter().enumerate() {
        if tree.head(statement) == "neighbor" && statement.block.is_some() {
            // As in 3.4: what stands after a neighbor applies to those that follow. The helpers of the group serve all of them.
            let behind = all[at..].iter();
            let helpers = behind.filter(|other| tree.head(other) == "process");
            let shared: Vec<&Statement> = all[..at].iter().chain(helpers).collect();
            neighbors.extend(neighbor(cx, statement, &shared));
        }
    }
}

/// Reads `neighbor ADDRESS { … }`; `group` are the statements of the group around it.
fn neighbor(cx: &mut Context<'_>, statement: &Statement, group: &[&Statement]) -> Option<Checked> {
    let errors = cx.report.errors;
    let tree = cx.tree;
    let mut draft = Draft::default();
    let mut seen = Seen::default();
    let words = tree.words(statement);
    let (_, mut c) = words.cursor();
    draft.peer_span = c.span();
    if c.is_empty() {
        cx.report.add(
            Diagnostic::error(statement.span(), "the neighbor has no address")
                .with_help("write `neighbor ADDRESS { … }`"),
        );
    } else {
        match peer_address::read(&mut c, &mut cx.report) {
            Ok(peer) => {
                draft.meet(peer);
                schema::spare(&c, &mut cx.report);
            }
            Err(error) => cx.report.add(error),
        }
    }
    let shared = group
        .iter()
        .filter(|statement| tree.head(statement) != "neighbor" || statement.block.is_none());
    for inherited in shared {
        let one = std::slice::from_ref(*inherited);
        neighbor::read(cx, &mut draft, &mut seen, one, Origin::Group);
    }
    let names = inherited(cx, statement);
    let mut done = Vec::new();
    inherit(cx, &mut draft, &mut seen, names, &mut done);
    neighbor::read(
        cx,
        &mut draft,
        &mut seen,
        statement.statements(),
        Origin::Own,
    );
    validate::finish(cx, draft, &seen, (statement, errors))
}

/// The templates that the statements of a section name.
fn inherited(cx: &mut Context<'_>, section: &Statement) -> Vec<(String, Span)> {
    let tree = cx.tree;
    let mut draft = Draft::default();
    for statement in section.statements() {
        let words = tree.words(statement);
        let (word, mut c) = words.cursor();
        let keyword = KEYWORDS
            .iter()
            .find(|keyword| keyword.word == "inherit" && word == "inherit");
        if let Some(keyword) = keyword {
            // An error is reported when the section itself is read.
            let _ = (keyword.read)(&mut draft, &mut c, &mut Report::default());
        }
    }
    draft.inherit
}

/// Reads templates into `draft`; those that a template inherits come before it. Each is read once, so cycles end.
fn inherit(
    cx: &mut Context<'_>,
    draft: &mut Draft,
    seen: &mut Seen,
    names: Vec<(String, Span)>,
    done: &mut Vec<String>,
) {
    for (name, span) in names {
        known_template(cx, &name, span);
        if done.contains(&name) {
            continue;
        }
        let Some(template) = cx.templates.get(name.as_str()).copied() else {
            continue;
        };
        done.push(name);
        let deeper = inherited(cx, template);
        inherit(cx, draft, seen, deeper, done);
        neighbor::read(cx, draft, seen, template.statements(), Origin::Inherited);
    }
}
