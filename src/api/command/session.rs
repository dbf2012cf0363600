//! Commands about the conversation itself: answers, `help`, `version`, remarks.

use super::table::{self, Row, Takes};
use super::{COMPATIBLE, Call, CommandError, ErrorKind, Reply};

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
    call.no_arguments()?;
    call.out.push_str("exabgp ");
    call.out.push_str(COMPATIBLE);
    call.out.push('\n');
    Ok(Reply::Done)
}

/// `enable-ack`, `session ack enable`
pub(super) fn enable_ack(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    call.source.acks.enabled = true;
    Ok(Reply::Done)
}

/// `disable-ack`, `session ack disable`: the last answer is that to this command.
pub(super) fn disable_ack(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    call.source.acks.enabled = false;
    Ok(Reply::Always)
}

/// `silence-ack`, `session ack silence`
pub(super) fn silence_ack(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    call.source.acks.enabled = false;
    Ok(Reply::Silent)
}

/// `reset`: forgets what the speaker began and did not finish. Commands are carried out as they are read, so that is a
/// batch at the most. ExaBGP does not answer.
pub(super) fn reset(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
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

/// `help`: ExaBGP's text. `help all`: every command with an example.
pub(super) fn help(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let all = call.argument_words() == ["all"];
    if !all {
        call.no_arguments()?;
    }
    call.out.push_str(
        "\navailable API commands are listed here:\n=======================================\n\n\
         filter can be: [local-ip <ip>][local-as <asn>][peer-as <asn>][router-id <router-id>]\n\n\
         command are:\n------------\n\n",
    );
    let mut lines: Vec<String> = table::ROWS
        .iter()
        .filter(|row| all || row.classic)
        .map(|row| line(row, all))
        .collect();
    lines.sort_unstable();
    lines.iter().for_each(|line| call.out.push_str(line));
    call.out.push('\n');
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
