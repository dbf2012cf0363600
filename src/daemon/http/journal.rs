//! The metrics of the journal.

use super::encoder::{Encoder, Format, Kind};
use crate::daemon::core::Core;
use crate::daemon::journal::Shown;

/// Name, kind, help and number of each.
type Row = (&'static str, Kind, &'static str, fn(&Shown) -> u64);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("oxabgp_journal_bytes", Kind::Gauge, "Size of the journal.", |journal| journal.bytes),
    ("oxabgp_journal_lag_bytes", Kind::Gauge, "What is recorded and not yet written to the journal.", |journal| journal.lag),
    ("oxabgp_journal_records_total", Kind::Counter, "Routes that were recorded in the journal.", |journal| journal.records),
    ("oxabgp_journal_errors_total", Kind::Counter, "Failed attempts to write the journal.", |journal| journal.errors),
    ("oxabgp_journal_compactions_total", Kind::Counter, "Times that the journal was written anew.", |journal| journal.compactions),
    ("oxabgp_journal_restored_routes", Kind::Gauge, "Routes that the last start has announced from the journal.", |journal| journal.restored),
    ("oxabgp_journal_complete", Kind::Gauge, "Whether the journal has everything: 0 while it cannot be written.", |journal| u64::from(journal.complete)),
];

/// Writes them, if there is a journal.
pub(super) fn write(core: &Core, format: Format, out: &mut String) {
    if let Some(shown) = core.journal.shown() {
        for (name, kind, help, number) in ROWS {
            let mut encoder = Encoder::new(out, format, name);
            encoder.head(*kind, help);
            encoder.sample(&[], number(&shown));
        }
    }
}
