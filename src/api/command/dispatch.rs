//! Finds the function that executes a line, calls it, and writes the answer.

use super::call::{Call, Commands, Reply, Takes};
use super::error::{CommandError, ErrorKind};
use super::later::Preview;
use super::options::Options;
use super::outcome::{Outcome, finish, later};
use super::role::Role;
use super::set;
use super::source::Source;
use super::special::Special;
use super::table::ROWS;
use super::upgrade::Deferred;
use super::words::word_at;
use crate::api::control::Control;
use crate::grammar::Selector;
use crate::rib::{Lifetime, PeerSet};
use crate::text::{Span, SyntaxError};

impl Commands {
    /// Executes one line, without its newline, and appends the answer to `out`.
    pub fn execute(
        &mut self,
        line: &[u8],
        source: &mut Source,
        control: &mut dyn Control,
        out: &mut String,
    ) -> Outcome {
        let line = line.trim_ascii_end();
        self.notice = None;
        self.lifetime = Lifetime::Unchanged;
        // The fast path has only commands that change routes, which are refused while a set is open.
        if source.role == Role::Full
            && source.staging.is_none()
            && let Some(outcome) = self.fast_path(line, source, control, out)
        {
            return outcome;
        }
        let Ok(text) = str::from_utf8(line) else {
            let error = CommandError::new(ErrorKind::Syntax, "the line is not UTF-8");
            return finish(Err(error), None, (source, None), out);
        };
        if let Some(note) = text.strip_prefix("debug ") {
            tracing::warn!(process = source.name, text = note, "debug info");
            return Outcome::Done;
        }
        let options = match Options::split(text, &source.staging) {
            Ok(options) => options,
            Err(error) => return finish(Err(error), None, (source, None), out),
        };
        self.lifetime = options.lifetime;
        let mut call = Call {
            commands: self,
            source,
            control,
            out,
            rows: ROWS,
            line: text,
            at: options.at,
            selector: "",
            touched: PeerSet::new(),
            rest: None,
            special: None,
            dump: None,
        };
        let result = call.dispatch(options.end);
        let notice = call.commands.notice.take();
        if let Some(mut listing) = call.rest.take() {
            finish(result, options.id, (source, notice), &mut listing.answer);
            return Outcome::Listed(listing);
        }
        match call.special.take() {
            Some(Special::Status) => {
                let mut end = String::new();
                finish(result, options.id, (source, notice), &mut end);
                return Outcome::Status(end);
            }
            Some(Special::Watch(watch)) => {
                finish(result, options.id, (source, notice), out);
                return Outcome::Watch(watch);
            }
            Some(Special::Set(mut plan)) => {
                plan.id = options.id.map(str::to_owned);
                return match result {
                    Ok(_) => Outcome::Set(plan),
                    Err(_) => finish(result, options.id, (source, notice), out),
                };
            }
            Some(Special::Sets(sets)) => {
                let mut end = String::new();
                finish(result, options.id, (source, notice), &mut end);
                return Outcome::Sets(sets, end);
            }
            Some(Special::Leases { json }) => {
                let mut end = String::new();
                finish(result, options.id, (source, notice), &mut end);
                return Outcome::Leases { json, end };
            }
            Some(Special::Upgrade(program)) => {
                let mut done = String::new();
                let acks = source.acks;
                finish(result, options.id, (source, notice), &mut done);
                let id = options.id.map(str::to_owned);
                return Outcome::Upgrade(Box::new(Deferred {
                    program,
                    acks,
                    id,
                    done,
                }));
            }
            Some(Special::Preview { path, json }) => {
                let role = source.role;
                let answer = later(result, options.id, (source, notice));
                return Outcome::Preview(Box::new(Preview {
                    path,
                    json,
                    role,
                    answer,
                }));
            }
            Some(Special::Requested) if result.is_ok() => {
                let answer = later(result, options.id, (source, notice));
                return Outcome::Requested(Box::new(answer));
            }
            Some(Special::Requested) | None => {}
        }
        if let Some(mut dump) = call.dump.take() {
            finish(result, options.id, (source, notice), &mut dump.done);
            dump.id = options.id.map(str::to_owned);
            return Outcome::Dump(dump);
        }
        let touched = std::mem::take(&mut call.touched);
        let sync = options.sync.unwrap_or(source.sync);
        match finish(result, options.id, (source, notice), out) {
            Outcome::Done if sync && !touched.is_empty() => Outcome::Synced(touched),
            outcome => outcome,
        }
    }
}

impl Call<'_> {
    fn dispatch(&mut self, end: usize) -> Result<Reply, CommandError> {
        self.line = &self.line[..end];
        let (start, first, next) = word_at(self.line, self.at);
        self.at = start;
        // In ExaBGP 6.0, `peer` may also begin commands about peers.
        let about = first == "peer"
            && matches!(
                word_at(self.line, next).1,
                "list" | "show" | "create" | "delete"
            );
        if matches!(first, "neighbor" | "peer") && !about {
            self.take_selector()?;
        }
        if let Some(result) = set::line(self) {
            return result;
        }
        let (row, after) = self.row()?;
        self.source.role.permit(row.words, row.effect)?;
        if self.commands.lifetime != Lifetime::Unchanged && !row.announces_routes() {
            let message = format!("`{}` takes no lifetime: only routes have one", row.words);
            return Err(CommandError::new(ErrorKind::Syntax, message));
        }
        if !self.selector.is_empty() && row.selector == Takes::Refuses {
            return Err(CommandError::new(
                ErrorKind::Syntax,
                format!("`{}` takes no selector before it", row.words),
            ));
        }
        self.at = after;
        set::refuse_misplaced(self, row, start)?;
        (row.run)(self, row)
    }

    /// Takes off the selector that the rest of the line begins with.
    ///
    /// # Errors
    /// When it is not a selector.
    pub(super) fn take_selector(&mut self) -> Result<(), SyntaxError> {
        let (start, _, _) = word_at(self.line, self.at);
        let (_, command) =
            Selector::split(&self.line[start..]).map_err(|error| moved(error, start))?;
        let at = self.line.len() - command.len();
        self.selector = self.line[start..at].trim_ascii_end();
        self.at = at;
        Ok(())
    }
}

/// The same error with its place counted from the start of the line.
fn moved(mut error: SyntaxError, by: usize) -> SyntaxError {
    error.span = Span::new(error.span.start + by, error.span.end + by);
    error
}
