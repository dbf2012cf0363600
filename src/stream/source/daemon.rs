//! Every neighbor of a running daemon, over its control socket: its tables, then messages and states as they pass.
//!
//! The daemon answers `watch mrt` with MRT records, which are read here as they come. Whoever reads too slowly loses the
//! connection, and the daemon's sessions do not notice.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::bgp::FamilySet;
use crate::mrt::table_dump::PeerTable;
use crate::mrt::{Header, Timestamp, kind};
use crate::stream::block::View;
use crate::stream::decoder::Detection;
use crate::stream::record::{Origin, Status};

use super::arrival::{Arrival, Live, Payload, Produce};

/// How long a daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest line of an answer, in bytes.
const LONGEST: u64 = 4_096;
/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;

/// The neighbors of a running daemon.
#[derive(Clone, Debug)]
pub struct Daemon {
    path: PathBuf,
    neighbors: String,
    sent: bool,
    tables: bool,
}

/// Why a daemon can't be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum DaemonError {
    /// There is no connection to its socket.
    Connect(PathBuf, io::Error),
    /// What listens there does not answer as the daemon does.
    NoDaemon(PathBuf),
    /// The daemon refuses, for this reason.
    Refused(PathBuf, String),
}

impl fmt::Display for DaemonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(path, cause) => write!(f, "`{}`: {cause}", path.display()),
            Self::NoDaemon(path) => write!(
                f,
                "`{}` is not the control socket of a daemon: there is no answer that makes sense",
                path.display()
            ),
            Self::Refused(path, reason) => {
                write!(f, "`{}`: the daemon refuses: {reason}", path.display())
            }
        }
    }
}

impl std::error::Error for DaemonError {}

impl Daemon {
    /// The daemon with this control socket: what all neighbors send, their tables first.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            neighbors: String::new(),
            sent: false,
            tables: true,
        }
    }

    /// Only the neighbors that a selector of the command line selects: `neighbor 192.0.2.1`.
    #[must_use]
    pub fn neighbors(mut self, selector: &str) -> Self {
        // A line break would end the command.
        self.neighbors = selector.replace(char::is_control, " ");
        self
    }

    /// What the neighbors are sent as well, whose elems need [`Sent::Include`](crate::stream::Sent::Include).
    #[must_use]
    pub const fn with_sent(mut self) -> Self {
        self.sent = true;
        self
    }

    /// Only what happens from now on, without the tables.
    #[must_use]
    pub const fn without_tables(mut self) -> Self {
        self.tables = false;
        self
    }

    /// Connects, as a feed for [`Builder::live`](crate::stream::Builder::live). When the daemon ends, or closes the connection, the
    /// last record has the status [`CorruptedSource`](crate::stream::Status::CorruptedSource) and the reason.
    ///
    /// # Errors
    /// When there is no daemon, or it refuses.
    pub fn start(self) -> Result<Live, DaemonError> {
        let failed = |cause| DaemonError::Connect(self.path.clone(), cause);
        let mut stream = UnixStream::connect(&self.path).map_err(failed)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
        stream
            .write_all(self.commands().as_bytes())
            .map_err(failed)?;
        let mut input = BufReader::with_capacity(BLOCK, stream);
        // The reasons of refusals first, then the records.
        for _ in 0..2 {
            self.answered(&mut input)?;
        }
        input.get_ref().set_read_timeout(None).map_err(failed)?;
        let origin = Origin {
            name: self.path.display().to_string(),
            ..Origin::default()
        };
        let records = Records {
            input,
            origin: Arc::new(origin),
            table: None,
            last: Timestamp::default(),
            ended: false,
        };
        Ok(Live::new(records, Detection::Off))
    }

    fn commands(&self) -> String {
        let mut text = format!("session reasons enable\nwatch mrt {}", self.neighbors);
        text.push_str(" received");
        if self.sent {
            text.push_str(" sent");
        }
        if !self.tables {
            text.push_str(" no-table");
        }
        text.push('\n');
        text
    }

    /// Reads the answer to a command.
    fn answered(&self, input: &mut BufReader<UnixStream>) -> Result<(), DaemonError> {
        let mut line = Vec::new();
        let read = input.by_ref().take(LONGEST).read_until(b'\n', &mut line);
        match (read, &*line) {
            (Ok(_), b"done\n") => Ok(()),
            (Ok(_), [b'e', b'r', b'r', b'o', b'r', ..]) => {
                let text = String::from_utf8_lossy(&line);
                let reason = text.trim_end();
                let reason = reason.strip_prefix("error: ").unwrap_or(reason);
                Err(DaemonError::Refused(self.path.clone(), reason.to_owned()))
            }
            (Err(cause), []) if !is_silence(&cause) => {
                Err(DaemonError::Connect(self.path.clone(), cause))
            }
            _ => Err(DaemonError::NoDaemon(self.path.clone())),
        }
    }
}

/// Returns `true` if a time limit has passed.
fn is_silence(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// The records of a daemon.
struct Records {
    input: BufReader<UnixStream>,
    origin: Arc<Origin>,
    /// What RIB records refer to.
    table: Option<Arc<PeerTable>>,
    last: Timestamp,
    ended: bool,
}

impl Records {
    /// The next record: header, time, and what follows. `None` at the end of the connection.
    fn read(&mut self) -> io::Result<Option<(Header, Timestamp, Bytes)>> {
        let mut head = [0; Header::SIZE];
        if self.input.fill_buf()?.is_empty() {
            return Ok(None);
        }
        self.input.read_exact(&mut head)?;
        let header = Header::parse(head);
        if header.length > header.most() {
            let text = "a record is longer than any can be";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        // The length is believed only as far as bytes come.
        let mut body = Vec::new();
        let read = self
            .input
            .by_ref()
            .take(header.length.into())
            .read_to_end(&mut body)?;
        if read as u64 != u64::from(header.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut body = Bytes::from(body);
        let mut micros = 0;
        if header.kind == kind::BGP4MP_ET
            && let Some(first) = body.first_chunk()
        {
            micros = u32::from_be_bytes(*first);
            body = body.slice(4..);
        }
        Ok(Some((header, Timestamp::new(header.seconds, micros), body)))
    }

    /// The record that says why there are no more.
    fn end(&mut self, reason: String) -> Arrival {
        self.ended = true;
        Arrival {
            status: Status::CorruptedSource,
            ..Arrival::damaged(self.origin.clone(), self.last, reason, None)
        }
    }

    fn arrival(&self, header: Header, time: Timestamp, body: Bytes) -> Arrival {
        // Subtypes of RFC 8050 apply to the whole message, and no other has path identifiers: the daemon knows.
        let plain = header.kind == kind::BGP4MP_ET && header.subtype < 8;
        Arrival {
            view: View {
                add_path: plain.then_some(FamilySet::EMPTY),
                ..View::default()
            },
            payload: Payload::Mrt {
                header,
                body,
                table: self.table.clone(),
            },
            ..Arrival::new(self.origin.clone(), time)
        }
    }
}

impl Produce for Records {
    fn produce(&mut self) -> Option<Arrival> {
        while !self.ended {
            let (header, time, body) = match self.read() {
                Ok(Some(record)) => record,
                Ok(None) => {
                    return Some(self.end("the daemon has closed the connection".to_owned()));
                }
                Err(cause) => {
                    let reason = format!("the connection to the daemon is lost: {cause}");
                    return Some(self.end(reason));
                }
            };
            self.last = time;
            match (header.kind, header.subtype) {
                (kind::I_AM_DEAD, _) => {
                    let reason = String::from_utf8_lossy(&body);
                    return Some(
                        self.end(format!("the daemon has closed the connection: {reason}")),
                    );
                }
                (kind::TABLE_DUMP_V2, 1) => match PeerTable::parse(&body) {
                    Ok(table) => self.table = Some(Arc::new(table)),
                    Err(_) => return Some(self.arrival(header, time, body)),
                },
                _ => return Some(self.arrival(header, time, body)),
            }
        }
        None
    }
}
