//! Sources: where records come from.
//!
//! | file | what |
//! |---|---|
//! | [`file`](mod@file) | files and standard input; what they hold is found out |
//! | `bmp`, `bmp_file`, `bmp_listener` | BMP: its messages, files of them, the station that routers connect to |
//! | `rislive`, `rislive_update`, `lines`, `websocket` | RIS Live: its messages, lines of them, the WebSocket client |
//! | `session` | BGP sessions of our own |
//! | [`csv`] | lists of files |

mod ahead;
mod arrival;
mod bmp;
mod bmp_file;
mod bmp_listener;
pub mod csv;
pub mod file;
mod lines;
mod rislive;
mod rislive_update;
#[cfg(feature = "speaker")]
mod session;
#[cfg(feature = "ris-live")]
mod websocket;

use crate::mrt::Timestamp;

use super::decoder::Decoder;
use super::record::{RecordKind, RecordRef};

pub use arrival::Live;
pub use bmp_listener::BmpListener;
pub use file::{Feed, File, Options, Progress};
#[cfg(feature = "speaker")]
pub use session::{Sessions, SessionsError};
#[cfg(feature = "ris-live")]
pub use websocket::{RIS_LIVE, RisLiveClient, RisLiveError, Subscription};

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

    /// Returns `true` if no record follows. This may wait for the source.
    fn is_last(&mut self) -> bool;

    /// Returns `true` if the record that the source is at only reports that there is none.
    fn is_told(&self) -> bool {
        false
    }

    /// Visits a record that reports that no record of the source lay in the interval; called after its end.
    fn filtered(&self, _visit: &mut dyn FnMut(&RecordRef<'_>)) {}
}
