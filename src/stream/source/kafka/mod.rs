//! Messages of Kafka topics, as OpenBMP's collectors publish them.
//!
//! Partitions are read by a small client, without a thread: the next messages are fetched when the stream is asked for a record
//! and none is left. So memory is bounded by one fetch, and what a group commits was read. Among the crates, `rskafka` 0.6 has
//! no offsets of groups, `kafka` 0.10 only the first versions of requests, which Kafka 4 does not answer, and `rdkafka` is C.

mod batch;
mod cluster;
mod connection;
mod consumer;
mod contents;
mod error;
mod group;
mod partition;
mod protocol;

use crate::stream::decoder::Detection;
use crate::stream::record::Origin;

use super::arrival::Live;
use cluster::{Cluster, Selection};
use consumer::Consumer;
use contents::Contents;
pub use error::KafkaError;
use group::Group;
use partition::{EARLIEST, LATEST, Window};
use protocol::Address;

/// The topics of OpenBMP's collectors: libbgpstream's default.
pub const OPENBMP_TOPICS: &str = r"^openbmp\.router--.+\.peer-as--.+\.bmp_raw";

/// TCP port of Kafka.
const PORT: u16 = 9092;

/// How much later than it happened a message may have been stored, and clocks may differ, in seconds.
const DELAY: u32 = 60;

/// Where a partition is read from, if its group has no offset for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KafkaOffset {
    /// The oldest message that is stored.
    Earliest,
    /// The next message that will be stored.
    Latest,
    /// The first message that was stored at this time or later, in seconds since 1970.
    Time(u32),
}

/// Topics of a Kafka cluster, whose messages hold BMP (with or without OpenBMP's headers), MRT records, or RIS Live's JSON.
///
/// Brokers have to be of version 0.11 or later, and reachable without TLS or authentication. Batches in gzip, Snappy, LZ4 and
/// zstd are decompressed.
#[derive(Clone, Debug)]
pub struct Kafka {
    brokers: String,
    topics: String,
    group: Option<String>,
    offset: Option<KafkaOffset>,
    window: Option<(u32, u32)>,
    project: String,
    collector: String,
}

impl Kafka {
    /// The cluster of these brokers: `HOST` or `HOST:PORT`, separated by commas. The first that answers names all others.
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            topics: OPENBMP_TOPICS.to_owned(),
            group: None,
            offset: None,
            window: None,
            project: String::new(),
            collector: String::new(),
        }
    }

    /// Topics, separated by commas; those that begin with `^` are regular expressions. Default: [`OPENBMP_TOPICS`]. Topics that
    /// begin to match later are read as well, from their first message.
    #[must_use]
    pub fn topics(mut self, topics: impl Into<String>) -> Self {
        self.topics = topics.into();
        self
    }

    /// A consumer group. Reading begins at the offsets that it has committed; what was read is committed every five seconds, and
    /// when the stream is dropped. The group has no members: partitions are not shared out among the processes that name it.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Where to begin. Default: [`KafkaOffset::Latest`], or the beginning of the [interval](Self::interval).
    #[must_use]
    pub const fn offset(mut self, offset: KafkaOffset) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Reads only what can be of this time, in seconds since 1970, both included: begins at the messages that were stored
    /// a minute before `from`, and ends with those that were stored after `until`. [`u32::MAX`] is no end. The
    /// [interval of the stream](crate::stream::Builder::interval) has to be given as well; it chooses the records.
    #[must_use]
    pub const fn interval(mut self, from: u32, until: u32) -> Self {
        self.window = Some((from, until));
        self
    }

    /// Project and collector of the records. OpenBMP's headers and RIS Live name the collector themselves.
    #[must_use]
    pub fn names(mut self, project: impl Into<String>, collector: impl Into<String>) -> Self {
        self.project = project.into();
        self.collector = collector.into();
        self
    }

    /// Connects and finds the offsets, as a feed for [`Builder::live`](crate::stream::Builder::live). From then on, brokers that can't
    /// be reached are tried again, up to once in half a minute; a corrupted record reports it, though no message is skipped.
    ///
    /// # Errors
    /// When no broker answers, a topic or the group can't be read, or no topic matches.
    pub fn start(self, detection: Detection) -> Result<Live, KafkaError> {
        let brokers = self
            .brokers
            .split(',')
            .map(|text| address(text.trim()))
            .collect::<Result<Vec<_>, _>>()?;
        let cluster = Cluster::new(brokers, Selection::parse(&self.topics)?);
        let origin = Origin {
            project: self.project,
            collector: self.collector,
            name: format!("kafka {}", self.brokers),
            ..Origin::default()
        }
        .printable();
        let (from, until) = self.window.unwrap_or((0, u32::MAX));
        let offset = self.offset.unwrap_or_else(|| match from {
            0 if until == u32::MAX => KafkaOffset::Latest,
            0 => KafkaOffset::Earliest,
            _ => KafkaOffset::Time(from.saturating_sub(DELAY)),
        });
        let window = Window {
            start: match offset {
                KafkaOffset::Earliest => EARLIEST,
                KafkaOffset::Latest => LATEST,
                KafkaOffset::Time(seconds) => i64::from(seconds) * 1_000,
            },
            until: (until != u32::MAX).then_some(until),
        };
        let group = self.group.map(Group::new);
        let consumer = Consumer::start(cluster, group, window, Contents::new(origin))?;
        Ok(Live::new(consumer, detection))
    }
}

/// A host, an address, or one with a port.
fn address(text: &str) -> Result<Address, KafkaError> {
    let malformed = || KafkaError::Broker(text.to_owned());
    if let Ok(address) = text.parse::<std::net::IpAddr>() {
        return Ok((address.to_string(), PORT));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| malformed())?),
        None => (text, PORT),
    };
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let odd = |one: char| one.is_whitespace() || one.is_control() || one == '/';
    if host.is_empty() || host.contains(odd) {
        return Err(malformed());
    }
    Ok((host.to_owned(), port))
}
