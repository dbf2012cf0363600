//! What is said about input that is damaged: where, and why.

use crate::stream::record::Reason;
use crate::stream::{Notes, RecordRef, Status};

/// Records of each kind of damage that are described; the rest is counted.
const DESCRIBED: u64 = 8;

/// What was not right.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Report {
    damaged: u64,
    odd: u64,
    descriptions: Vec<String>,
    /// Damaged records, and those that are malformed in part, among the descriptions.
    described: (u64, u64),
    /// Sources that could not be read.
    pub(in crate::cli) unreadable: u64,
}

impl Report {
    /// Prints what is described and was not printed yet.
    pub(in crate::cli) fn print_descriptions(&mut self) {
        for line in self.descriptions.drain(..) {
            errln!("warning: {line}");
        }
    }

    /// Prints it on standard error, if there is something to tell.
    pub(in crate::cli) fn print(&mut self) {
        self.print_descriptions();
        let (damaged, odd) = self.described;
        if self.damaged > damaged {
            errln!("warning: {} more damaged records", self.damaged - damaged);
        }
        if self.odd > odd {
            errln!(
                "warning: {} more records are malformed in part; what is whole was given",
                self.odd - odd
            );
        }
    }

    /// Notes a record or a source that could not be read.
    pub(in crate::cli) fn note(&mut self, record: &RecordRef<'_>) {
        match record.status {
            Status::CorruptedSource => self.unreadable += 1,
            Status::CorruptedRecord => {
                self.damaged += 1;
                if self.described.0 >= DESCRIBED {
                    return;
                }
                self.described.0 += 1;
            }
            _ => return,
        }
        let name = &record.origin.name;
        let reason = record.damage.unwrap_or(Reason::Text("damaged"));
        self.descriptions.push(match record.extent {
            // The end of a compressed file is damaged: how much is missing is not known.
            Some((offset, length))
                if length == 0 || offset > 0 && record.status == Status::CorruptedSource =>
            {
                format!("`{name}`: nothing after offset {offset} can be read: {reason}")
            }
            Some((offset, length)) => {
                format!("`{name}`: {length} bytes at offset {offset} are skipped: {reason}")
            }
            None => format!("`{name}`: {reason}"),
        });
    }

    /// Notes a record of which a part could not be read.
    pub(in crate::cli) fn note_part(&mut self, record: &RecordRef<'_>, notes: Notes) {
        self.odd += 1;
        if self.described.1 >= DESCRIBED {
            return;
        }
        self.described.1 += 1;
        let name = &record.origin.name;
        let place = match record.extent {
            Some((offset, _)) => format!("at offset {offset}"),
            None => format!("of {}", record.time),
        };
        self.descriptions.push(format!(
            "`{name}`: the record {place} is malformed in part: {notes}; what is whole was given"
        ));
    }
}
