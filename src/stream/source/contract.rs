//! What every source offers.

use crate::mrt::Timestamp;
use crate::stream::decoder::Decoder;
use crate::stream::filter::Filter;
use crate::stream::record::{RecordKind, RecordRef};

/// What gives records in order: a file, or a live feed.
///
/// [`advance`](Self::advance) and [`current`](Self::current) are two steps, so that a merge looks at the time of each source
/// and copies nothing.
pub trait Source: Send {
    /// Goes to the next record. Returns `false` at the end. May wait.
    fn advance(&mut self) -> bool;

    /// Time and kind of the record that the source is at.
    fn time(&self) -> Option<(Timestamp, RecordKind)>;

    /// The record that the source is at, and the decoder for its contents.
    fn current(&mut self) -> Option<(RecordRef<'_>, &mut Decoder)>;

    /// Passes over the record that the source is at if no route of it can pass the filter, without decoding attributes. What
    /// decoding it would have taught the decoder is learned all the same. Returns `false` if the record has to be decoded, or was
    /// not looked at; [`current`](Self::current) gives it then.
    fn rule_out(&mut self, _filter: &Filter) -> bool {
        false
    }

    /// Returns `true` if no record follows. This may wait for the source.
    fn is_last(&mut self) -> bool;

    /// Returns `true` if the record that the source is at only reports that there is none.
    fn is_told(&self) -> bool {
        false
    }

    /// Visits a record that reports that no record of the source lay in the interval; called after its end.
    fn filtered(&self, _visit: &mut dyn FnMut(&RecordRef<'_>)) {}
}
