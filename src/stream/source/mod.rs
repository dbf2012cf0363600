//! Sources: where records come from.
//!
//! | file | what |
//! |---|---|
//! | [`file`](mod@file) | files and standard input; what they hold is found out |
//! | `bmp`, `bmp_file`, `bmp_listener` | BMP: its messages, files of them, the station that routers connect to |
//! | `rislive`, `rislive_update`, `lines`, `websocket` | RIS Live: its messages, lines of them, the WebSocket client |
//! | `kafka` | Topics of Kafka: a client, and what its messages hold |
//! | `session` | BGP sessions of our own |
//! | `daemon` | the sessions of a running daemon |
//! | [`csv`] | lists of files |

mod ahead;
mod arrival;
mod bmp;
mod bmp_file;
mod bmp_listener;
mod contract;
pub mod csv;
#[cfg(unix)]
mod daemon;
pub mod file;
#[cfg(feature = "kafka")]
mod kafka;
mod lines;
mod rislive;
mod rislive_data;
mod rislive_update;
#[cfg(feature = "speaker")]
mod session;
#[cfg(feature = "ris-live")]
mod websocket;

pub use ahead::Threads;
pub use arrival::Live;
pub use bmp_listener::BmpListener;
pub use contract::Source;
#[cfg(unix)]
pub use daemon::{Daemon, DaemonError};
pub use file::{Feed, File, Options, Progress};
#[cfg(feature = "kafka")]
pub use kafka::{Kafka, KafkaError, KafkaOffset, OPENBMP_TOPICS};
#[cfg(feature = "speaker")]
pub use session::{Sessions, SessionsError};
#[cfg(feature = "ris-live")]
pub use websocket::{RIS_LIVE, RisLiveClient, RisLiveError, SocketOptions, Subscription};
