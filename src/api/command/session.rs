//! Commands about the command session itself: answers, `help`, `version`, remarks.

use super::call::{self, COMPATIBLE, Call, Reply, Row, Takes};
use super::error::{CommandError, ErrorKind};
use super::words::word_at;
use crate::text::{Span, SyntaxError};

/// `# …`
pub(super) fn remark(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    tracing::debug!(
        process = call.source.name,
        text = call.arguments().0,
        "remark"
    );
    Ok(Reply::Done)
}

/// `version`
pub(super) fn version(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.pass_over_arguments()?;
    call.out.push_str("exabgp ");
    call.out.push_str(COMPATIBLE);
    call.out.push('\n');
    Ok(Reply::Done)
}

/// `enable-ack`, `session ack enable`
pub(super) fn enable_ack(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.pass_over_arguments()?;
    call.source.acks.enabled = true;
    Ok(Reply::Done)
}

/// `disable-ack`, `session ack disable`: the last answer is that to this command.
pub(super) fn disable_ack(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.pass_over_arguments()?;
    call.source.acks.enabled = false;
    Ok(Reply::Always)
}

/// `silence-ack`, `session ack silence`
pub(super) fn silence_ack(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.pass_over_arguments()?;
    call.source.acks.enabled = false;
    Ok(Reply::Silent)
}

/// `reset`: discards what the source began and did not finish. Commands are executed as they are read, so that is a
/// batch at most. ExaBGP does not answer.
pub(super) fn reset(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.pass_over_arguments()?;
    call.source.batch = None;
    Ok(Reply::Silent)
}

/// `crash`: a test of ExaBGP's queue, answered with an error there too.
pub(super) fn crash(_: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    Err(CommandError::new(
        ErrorKind::Refused,
        "nothing crashes here",
    ))
}

/// `help`: ExaBGP's text, to the byte for helpers, who may parse it; operators also see the commands that only oxabgp has.
/// `help all`: every command with an example. `help WORDS`: the commands that begin so.
pub(super) fn help(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let words = call.argument_words();
    let operator = call.source.acks.reasons;
    let all = words == ["all"];
    if !all && !words.is_empty() {
        if operator {
            return help_about(call, &words.join(" "));
        }
        call.pass_over_arguments()?;
    }
    call.out.push_str(
        "\navailable API commands are listed here:\n=======================================\n\n\
         filter can be: [local-ip <ip>][local-as <asn>][peer-as <asn>][router-id <router-id>]\n\n\
         command are:\n------------\n\n",
    );
    list(call, all, |row| all || row.classic);
    if operator && !all {
        call.out.push_str(
            "commands that ExaBGP 5.0 does not have:\n---------------------------------------\n\n",
        );
        list(call, false, |row| !row.classic);
    }
    if operator {
        call.out.push_str(AROUND);
    }
    Ok(Reply::Done)
}

/// The options around any command.
const AROUND: &str = "\
words before any command:
-------------------------

ack-id <id>  the answer repeats the id: `done <id>`
sync         the answer comes once the routes were written to the sessions; also after a route
async        the answer comes at once, regardless of `session sync`

`help <words>` shows the commands that begin with these words, `help all` all of them with an example.

";

/// Writes the lines of some rows in ExaBGP's order, and an empty one.
fn list(call: &mut Call<'_>, examples: bool, wanted: impl Fn(&Row) -> bool) {
    let rows = call.rows.iter().filter(|row| wanted(row));
    let mut lines: Vec<String> = rows.map(|row| line(row, examples)).collect();
    lines.sort_unstable();
    lines.iter().for_each(|line| call.out.push_str(line));
    call.out.push('\n');
}

/// The commands that begin with `words`, or whose own words `words` begins with, each with its example.
fn help_about(call: &mut Call<'_>, words: &str) -> Result<Reply, CommandError> {
    let begins = |text: &str, start: &str| {
        text.strip_prefix(start)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let wanted = |row: &Row| begins(row.words, words) || begins(words, row.words);
    if matches!(words, "sync" | "async" | "ack-id") {
        call.out.push_str(AROUND);
    } else if call.rows.iter().any(wanted) {
        list(call, true, wanted);
    } else {
        let (start, _, _) = word_at(call.line, call.at);
        let span = Span::new(start, call.line.len());
        return Err(SyntaxError::expected(span, "the words of a command", words)
            .with_near_miss(words, call::starts(call.rows))
            .into());
    }
    Ok(Reply::Done)
}

fn line(row: &Row, example: bool) -> String {
    let mut line = match row.selector {
        Takes::Uses | Takes::Needs => format!("[neighbor <ip> [filters]] {}", row.words),
        Takes::Ignores | Takes::Refuses if row.options.is_empty() => format!("{} ", row.words),
        Takes::Ignores | Takes::Refuses => {
            format!("{} [ {} ] ", row.words, row.options.join(" | "))
        }
    };
    if example {
        line.truncate(line.trim_end().len());
        line.push_str(&format!("\n    {}", row.example));
    }
    line.push('\n');
    line
}
