//! Lists of files, in the columns of libbgpstream's `csvfile`: path, project, type (`ribs` or `updates`), collector, file time,
//! seconds that the file covers, time of the row.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::stream::names::Named;
use crate::stream::record::{Origin, RecordKind};

/// The names of the columns.
const COLUMNS: &str = "path, project, type, collector, time, span, timestamp";

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The file; relative paths are relative to the list.
    pub path: PathBuf,
    /// Where its records come from.
    pub origin: Origin,
    /// Of tables or updates.
    pub kind: Option<RecordKind>,
    /// Seconds that the file covers; 0 if unknown.
    pub span: u32,
    /// When the row was added to the list, in seconds since 1970; `None` if the column is missing or empty.
    pub timestamp: Option<u64>,
}

impl Row {
    /// Returns `true` if the file is to be read at the time `now`, in seconds since 1970. As in libbgpstream, rows whose timestamp
    /// is 0 or in the future are not; unlike there, one without a timestamp is.
    pub fn is_due(&self, now: u64) -> bool {
        self.timestamp.is_none_or(|time| (1..=now).contains(&time))
    }
}

/// Reads a list that stands in `folder`. Empty lines and lines that start with `#` are skipped; only the path is needed, and what is
/// left out is taken from the name. A column in double quotes may hold commas, and quotes as `""` (RFC 4180), but no end of
/// line.
///
/// # Errors
/// A text with the number of the line.
pub fn parse(text: &str, folder: &Path) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        rows.push(row(line, folder).map_err(|reason| format!("line {}: {reason}", index + 1))?);
    }
    Ok(rows)
}

/// The columns of a line. White space around a column does not count, unless it is inside quotes.
fn columns(line: &str) -> Result<Vec<Cow<'_, str>>, String> {
    let mut columns = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        let Some(mut quoted) = rest.strip_prefix('"') else {
            let (column, after) = match rest.split_once(',') {
                Some((column, after)) => (column, Some(after)),
                None => (rest, None),
            };
            columns.push(Cow::Borrowed(column.trim_end()));
            let Some(after) = after else {
                return Ok(columns);
            };
            rest = after;
            continue;
        };
        let mut text = String::new();
        loop {
            let (part, after) = quoted.split_once('"').ok_or("a missing closing quote")?;
            text.push_str(part);
            let Some(again) = after.strip_prefix('"') else {
                rest = after.trim_start();
                break;
            };
            text.push('"');
            quoted = again;
        }
        columns.push(Cow::Owned(text));
        if rest.is_empty() {
            return Ok(columns);
        }
        rest = rest
            .strip_prefix(',')
            .ok_or("expected a comma after a closing quote")?;
    }
}

fn row(line: &str, folder: &Path) -> Result<Row, String> {
    let columns = columns(line)?;
    if columns.len() > 7 {
        return Err(format!("more than 7 columns ({COLUMNS})"));
    }
    let mut columns = columns.iter().map(|text| &**text);
    let mut next = || columns.next().filter(|text| !text.is_empty());
    let path = next().ok_or("no path")?;
    let named = Named::of(Path::new(path));
    let project = next().map_or(named.project, str::to_owned);
    let kind = match next() {
        None => named.kind,
        Some("ribs") => Some(RecordKind::Rib),
        Some("updates") => Some(RecordKind::Update),
        Some(other) => {
            return Err(format!(
                "expected `ribs` or `updates` as the third of the 7 columns ({COLUMNS}), found `{other}`"
            ));
        }
    };
    let collector = next().map_or(named.collector, str::to_owned);
    let number = |text: Option<&str>| {
        text.map(|text| {
            text.parse::<u32>()
                .map_err(|_| format!("expected a number of seconds, found `{text}`"))
        })
        .transpose()
    };
    let time = number(next())?.or(named.time).unwrap_or_default();
    let span = number(next())?.unwrap_or_default();
    // A time that no 64 bits hold is in the future as well.
    let timestamp = next()
        .map(
            |text| match text.bytes().all(|byte| byte.is_ascii_digit()) {
                true => Ok(text.parse().unwrap_or(u64::MAX)),
                false => Err(format!("expected a number of seconds, found `{text}`")),
            },
        )
        .transpose()?;
    let path = folder.join(path);
    Ok(Row {
        origin: Origin {
            project,
            collector,
            dump_time: time,
            name: path.display().to_string(),
            ..Origin::default()
        },
        path,
        kind,
        span,
        timestamp,
    })
}
