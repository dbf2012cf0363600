//! `set NAME replace …`, routes, `set NAME end`: the whole state of one owner, declared and applied as one step.
//!
//! Streams of single commands diverge when one of them is lost; a set converges. Between `replace` and `end` each line is a
//! route command without its verb: `route 198.51.100.0/24 next-hop self`. The daemon compares the set with what it has, and
//! applies the difference. Until `end` nothing is changed, and the end of the speaker discards what it has declared.

use super::batch::Batch;
use super::call::{Call, Reply, Row};
use super::error::{CommandError, ErrorKind};
use super::special::{SetListing, Special};
use super::staging::{SetPlan, Staging};
use super::words::word_at;
use crate::text::{Span, SyntaxError, value};

/// The words that begin a line of a set: route commands without their verb.
const LINES: &[&str] = &[
    "attribute",
    "attributes",
    "bgp-ls",
    "flow",
    "ipv4",
    "ipv6",
    "l2vpn",
    "route",
    "vpls",
];
/// The longest name of a set, and of a key.
const LONGEST: usize = 64;
/// The most characters of a line that an error repeats.
const SHOWN: usize = 128;

/// `set NAME …`
pub(super) fn set(call: &mut Call<'_>, row: &Row) -> Result<Reply, CommandError> {
    let name = name(call, "the name of a set")?;
    let (start, verb, end) = word_at(call.line, call.at);
    let verb = match verb {
        "replace" => replace,
        "end" => finish,
        "abort" => abort,
        "put" => put,
        "delete" => delete,
        other => {
            let span = Span::new(start, start + other.len());
            let expected = "`replace`, `end`, `abort`, `put` or `delete`";
            return Err(SyntaxError::expected(span, expected, other).into());
        }
    };
    call.at = end;
    verb(call, row, name)
}

/// `show set [NAME] [json|text]`
pub(super) fn show(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let form = |word: &str| matches!(word, "json" | "text");
    let mut listing = SetListing::default();
    let (_, word, _) = word_at(call.line, call.at);
    // A set may have the name of a form, too: the form is the last word.
    let (_, second, _) = word_at(call.line, word_at(call.line, call.at).2);
    if !word.is_empty() && (!form(word) || form(second)) {
        listing.name = Some(name(call, "the name of a set")?);
    }
    let (_, word, end) = word_at(call.line, call.at);
    if form(word) {
        listing.json = word == "json";
        call.at = end;
    }
    call.no_arguments()?;
    if let Some(name) = listing
        .name
        .as_deref()
        .filter(|name| !call.control.has_set(name))
    {
        return refuse(format!("there is no set `{name}`"));
    }
    call.special = Some(Special::Sets(listing));
    Ok(Reply::Done)
}

/// Takes a name off the arguments.
fn name(call: &mut Call<'_>, expected: &str) -> Result<String, CommandError> {
    let (start, word, end) = word_at(call.line, call.at);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    if word.is_empty() || word.len() > LONGEST || !word.bytes().all(fits) {
        let span = Span::new(start, start + word.len());
        let expected = format!("{expected}: letters, digits, `-`, `_`, `.`, `:`, `/`");
        return Err(SyntaxError::expected(span, &expected, word).into());
    }
    call.at = end;
    Ok(word.to_owned())
}

/// A set that nobody else declares at the moment.
fn open(call: &mut Call<'_>, name: String) -> Result<Staging, CommandError> {
    if let Some(open) = &call.source.staging {
        let name = &open.plan.name;
        return refuse(format!(
            "the set `{name}` is open: `set {name} end` or `set {name} abort` ends it"
        ));
    }
    if call.source.batch.is_some() {
        return refuse("a batch is open: `commit` or `abort` ends it".to_owned());
    }
    let hold = call.control.open_set(&name)?;
    Ok(Staging {
        plan: SetPlan {
            hold,
            acks: call.source.acks,
            ..SetPlan::empty(&name)
        },
        routes: Batch::default(),
        is_line: false,
    })
}

/// `set NAME replace revision N [max-remove P%] [force]`
fn replace(call: &mut Call<'_>, _: &Row, name: String) -> Result<Reply, CommandError> {
    let refused = name.clone();
    let result = begin(call, name);
    // The lines that follow are those of this set, which its speaker has written before it reads the answer.
    let is_ours = call.source.staging.is_none();
    call.source.refused_set = is_ours.then_some(refused);
    result
}

fn begin(call: &mut Call<'_>, name: String) -> Result<Reply, CommandError> {
    let mut staging = open(call, name)?;
    let plan = &mut staging.plan;
    loop {
        let (start, word, end) = word_at(call.line, call.at);
        let (_, argument, after) = word_at(call.line, end);
        let wrong = |expected: &str, found: &str| -> CommandError {
            SyntaxError::expected(Span::new(start, after), expected, found).into()
        };
        call.at = after;
        match word {
            "revision" => {
                let number = value::number(argument, u64::MAX);
                let number = number.ok_or_else(|| wrong("a revision: a number", argument))?;
                plan.revision = Some(number);
            }
            "max-remove" => {
                let percent = value::percent(argument);
                let percent = percent.ok_or_else(|| wrong("`0%` to `100%`", argument))?;
                plan.max_remove = Some(percent);
            }
            "force" => {
                plan.force = true;
                call.at = end;
            }
            "" if plan.revision.is_some() => break,
            other => {
                return Err(wrong(
                    "`revision` and a number, `max-remove`, or `force`",
                    other,
                ));
            }
        }
    }
    if let Some(revision) = plan.revision
        && !plan.force
    {
        call.control.check_revision(&plan.name, revision)?;
    }
    call.source.staging = Some(staging);
    Ok(Reply::Done)
}

/// `set NAME end`
fn finish(call: &mut Call<'_>, _: &Row, name: String) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    let staging = take(call, &name)?;
    let plan = staging.plan(&mut call.source.selections, call.control)?;
    call.special = Some(Special::Set(Box::new(plan)));
    Ok(Reply::Done)
}

/// `set NAME abort`
fn abort(call: &mut Call<'_>, _: &Row, name: String) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    if is_refused(call, &name) {
        return Ok(Reply::Done);
    }
    take(call, &name).map(|_| Reply::Done)
}

/// Returns `true` once at the end of a set whose beginning was refused.
fn is_refused(call: &mut Call<'_>, name: &str) -> bool {
    let refused = &mut call.source.refused_set;
    refused.take_if(|set| set == name).is_some()
}

fn take(call: &mut Call<'_>, name: &str) -> Result<Staging, CommandError> {
    if is_refused(call, name) {
        return refuse(format!(
            "the set `{name}` is not open: its `replace` was refused"
        ));
    }
    match call.source.staging.take() {
        Some(staging) if staging.plan.name == name => Ok(staging),
        other => {
            call.source.staging = other;
            refuse(format!(
                "the set `{name}` is not open: `set {name} replace revision N` opens it"
            ))
        }
    }
}

/// `set NAME put KEY [neighbor SELECTOR] ROUTE`
fn put(call: &mut Call<'_>, _: &Row, set: String) -> Result<Reply, CommandError> {
    let mut staging = open(call, set)?;
    staging.plan.key = Some(name(call, "a key")?);
    if matches!(word_at(call.line, call.at).1, "neighbor" | "peer") {
        if !call.selector.is_empty() {
            return refuse("the line has two selectors".to_owned());
        }
        call.take_selector()?;
    }
    call.source.staging = Some(staging);
    let read = route(call);
    // Whatever happens, nothing stays open.
    let staging = call.source.staging.take();
    match read {
        Some(result) => result?,
        None => {
            let (start, word, end) = word_at(call.line, call.at);
            let expected = "a route: `route 192.0.2.0/24 next-hop self`";
            return Err(SyntaxError::expected(Span::new(start, end), expected, word).into());
        }
    };
    if let Some(staging) = staging {
        let plan = staging.plan(&mut call.source.selections, call.control)?;
        call.special = Some(Special::Set(Box::new(plan)));
    }
    Ok(Reply::Done)
}

/// `set NAME delete KEY`
fn delete(call: &mut Call<'_>, _: &Row, set: String) -> Result<Reply, CommandError> {
    let mut staging = open(call, set)?;
    staging.plan.key = Some(name(call, "a key")?);
    call.no_arguments()?;
    let plan = staging.plan(&mut call.source.selections, call.control)?;
    call.special = Some(Special::Set(Box::new(plan)));
    Ok(Reply::Done)
}

/// Reads a line of the set that is open. Returns `None` if it is an ordinary command. Empty lines mean nothing, nor do those of a
/// set that was refused.
pub(super) fn line(call: &mut Call<'_>) -> Option<Result<Reply, CommandError>> {
    let (staging, refused) = (&call.source.staging, &call.source.refused_set);
    let is_refused = staging.is_none();
    if is_refused && refused.is_none() {
        return None;
    }
    let (_, word, _) = word_at(call.line, call.at);
    let is_empty = word.is_empty() && call.selector.is_empty();
    if is_empty || is_refused && LINES.contains(&word) {
        return Some(Ok(Reply::Silent));
    }
    route(call)
}

/// Reads a route of the set that is open. Returns `None` if it is none.
fn route(call: &mut Call<'_>) -> Option<Result<Reply, CommandError>> {
    call.source.staging.as_ref()?;
    let (_, word, end) = word_at(call.line, call.at);
    let kind = LINES.iter().find(|kind| **kind == word)?;
    let row = call.rows.iter().find(|row| {
        let rest = row.words.strip_prefix("announce ");
        rest == Some(*kind)
    })?;
    call.at = end;
    if let Some(staging) = &mut call.source.staging {
        staging.is_line = true;
    }
    let result = (row.run)(call, row);
    if let Some(staging) = &mut call.source.staging {
        staging.is_line = false;
    }
    Some(result.map(|_| Reply::Silent))
}

/// Refuses a command that changes routes while a set is open: applied at once, it would be missing in the set, which would
/// then withdraw what it was meant to declare. `start` is where the command begins, with its selector.
pub(super) fn refuse_misplaced(
    call: &Call<'_>,
    row: &Row,
    start: usize,
) -> Result<(), CommandError> {
    let Some(staging) = &call.source.staging else {
        return Ok(());
    };
    let name = &staging.plan.name;
    let words = match row.words {
        "routes" => {
            let mut words = call.argument_words().into_iter();
            words
                .find(|word| matches!(*word, "add" | "remove"))
                .unwrap_or_default()
        }
        words => words,
    };
    let (verb, kind) = words.split_once(' ').unwrap_or((words, ""));
    match (verb, kind) {
        ("announce", kind) if LINES.contains(&kind) => {
            let right = call.line[start..].replacen("announce ", "", 1);
            let right: String = right.chars().take(SHOWN).collect();
            refuse(format!(
                "the set `{name}` is open, and its lines have no verb: `{right}`"
            ))
        }
        ("add", "") => refuse(format!(
            "the set `{name}` is open, and its lines are routes: `route 192.0.2.0/24 next-hop self`"
        )),
        ("withdraw", kind) if LINES.contains(&kind) => refuse_withdrawal(name),
        ("remove", "") => refuse_withdrawal(name),
        ("begin" | "group", "") => refuse(format!(
            "the set `{name}` is open: `set {name} end` or `set {name} abort` ends it"
        )),
        _ => Ok(()),
    }
}

fn refuse_withdrawal(name: &str) -> Result<(), CommandError> {
    refuse(format!(
        "the set `{name}` is open: its routes that are not declared again are withdrawn by `set {name} end`"
    ))
}

fn refuse<T>(message: String) -> Result<T, CommandError> {
    Err(CommandError::new(ErrorKind::Refused, message))
}
