//! The brokers of a cluster, connections to those that lead partitions, and which topics are read.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use regex::Regex;

use crate::wire::Writer;

use super::connection::{Connection, wrong};
use super::error::KafkaError;
use super::protocol::{self, Address, Answer, Api, Metadata, Topic, ask_metadata, meaning};

/// First and longest wait before a broker is connected to again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// Which topics are read.
#[derive(Debug)]
pub(super) struct Selection {
    text: String,
    names: Vec<String>,
    patterns: Vec<Regex>,
}

impl Selection {
    /// Names and patterns, separated by commas.
    pub(super) fn parse(text: &str) -> Result<Self, KafkaError> {
        let (mut names, mut patterns) = (Vec::new(), Vec::new());
        for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            if one.starts_with('^') {
                patterns.push(
                    Regex::new(one)
                        .map_err(|error| KafkaError::Pattern(one.to_owned(), error.to_string()))?,
                );
            } else {
                names.push(one.to_owned());
            }
        }
        if names.is_empty() && patterns.is_empty() {
            return Err(KafkaError::NoTopic(text.to_owned()));
        }
        Ok(Self {
            text: text.to_owned(),
            names,
            patterns,
        })
    }

    /// The chosen topics of all.
    ///
    /// # Errors
    /// When one that is named can't be read, or no topic matches.
    pub(super) fn choose(&self, topics: Vec<Topic>) -> Result<Vec<Topic>, KafkaError> {
        for name in &self.names {
            let code = topics
                .iter()
                .find(|topic| topic.name == *name)
                .map_or(protocol::UNKNOWN_TOPIC, |topic| topic.error);
            if code != 0 {
                return Err(KafkaError::Topic(name.clone(), meaning(code)));
            }
        }
        let mut chosen = topics;
        chosen.retain(|topic| {
            topic.error == 0
                && (self.names.contains(&topic.name)
                    || !topic.internal && self.patterns.iter().any(|one| one.is_match(&topic.name)))
        });
        if chosen.iter().all(|topic| topic.partitions.is_empty()) {
            return Err(KafkaError::NoTopic(self.text.clone()));
        }
        Ok(chosen)
    }
}

/// A broker.
#[derive(Debug)]
struct Link {
    address: Address,
    connection: Option<Connection>,
    /// When a connection may be tried again, and how long to wait after that.
    retry: Option<(Instant, Duration)>,
}

/// The brokers of a cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    bootstrap: Vec<Address>,
    selection: Selection,
    links: BTreeMap<i32, Link>,
}

/// Why a broker can't be asked now.
#[derive(Debug)]
pub(super) enum Unavailable {
    /// It failed not long ago, and that was reported.
    Waiting,
    /// It fails, for this reason, which names it.
    Failed(String),
}

/// Why the offsets of a group can't be had.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Kafka's error code.
    Code(i16),
    /// No broker can be reached.
    Connection(KafkaError),
    /// There is no answer, or it can't be read.
    Answer(io::Error),
}

impl Cluster {
    pub(super) const fn new(bootstrap: Vec<Address>, selection: Selection) -> Self {
        Self {
            bootstrap,
            selection,
            links: BTreeMap::new(),
        }
    }

    /// Asks the first broker that answers.
    fn ask_any<T>(&self, ask: impl Fn(&mut Connection) -> io::Result<T>) -> Result<T, KafkaError> {
        let known = self.links.values().map(|link| &link.address);
        let mut failure = None;
        for address in self.bootstrap.iter().chain(known) {
            match Connection::open(address).and_then(|mut connection| ask(&mut connection)) {
                Ok(found) => return Ok(found),
                Err(error) => {
                    failure.get_or_insert_with(|| KafkaError::Connection(name(address), error));
                }
            }
        }
        Err(failure.unwrap_or_else(|| KafkaError::Broker(String::new())))
    }

    /// Learns of all brokers, and returns the chosen topics.
    pub(super) fn topics(&mut self) -> Result<Vec<Topic>, KafkaError> {
        let Metadata { brokers, topics } = self.ask_any(|connection| {
            let selection = &self.selection;
            let named = selection.patterns.is_empty().then_some(&*selection.names);
            connection.ask(
                Api::METADATA,
                &|w| ask_metadata(w, named),
                protocol::metadata,
            )
        })?;
        let mut before = std::mem::take(&mut self.links);
        for (node, address) in brokers {
            let link = before
                .remove(&node)
                .filter(|link| link.address == address)
                .unwrap_or(Link {
                    address,
                    connection: None,
                    retry: None,
                });
            self.links.insert(node, link);
        }
        self.selection.choose(topics)
    }

    /// A connection to the broker that keeps the offsets of a group.
    pub(super) fn coordinator(&self, group: &str) -> Result<Connection, Refusal> {
        let found = self.ask_any(|connection| {
            connection.ask(
                Api::FIND_COORDINATOR,
                &|w| protocol::ask_coordinator(w, group),
                protocol::coordinator,
            )
        });
        let (error, address) = found.map_err(Refusal::Connection)?;
        if error != 0 {
            return Err(Refusal::Code(error));
        }
        Connection::open(&address)
            .map_err(|error| Refusal::Connection(KafkaError::Connection(name(&address), error)))
    }

    /// Sends a request to a broker.
    pub(super) fn send(
        &mut self,
        node: i32,
        api: Api,
        body: &dyn Fn(&mut Writer<'_>),
    ) -> Result<(), Unavailable> {
        let Some(link) = self.links.get_mut(&node) else {
            return Err(Unavailable::Waiting);
        };
        if link.connection.is_none() {
            if link.retry.is_some_and(|(at, _)| Instant::now() < at) {
                return Err(Unavailable::Waiting);
            }
            match Connection::open(&link.address) {
                Ok(connection) => link.connection = Some(connection),
                Err(error) => return Err(link.failed(&error)),
            }
        }
        let sent = match &mut link.connection {
            Some(connection) => connection.send(api, body),
            None => return Err(Unavailable::Waiting),
        };
        sent.map_err(|error| link.failed(&error))
    }

    /// Receives an answer of a broker and reads it with `read`.
    pub(super) fn receive(
        &mut self,
        node: i32,
        read: fn(&[u8]) -> Result<Vec<Answer<'_>>, crate::wire::WireError>,
    ) -> Result<Vec<Owned>, Unavailable> {
        let Some(link) = self.links.get_mut(&node) else {
            return Err(Unavailable::Waiting);
        };
        let received = match &mut link.connection {
            Some(connection) => connection
                .receive()
                .and_then(|body| read(body).map_err(wrong))
                .map(|answers| answers.into_iter().map(Owned::from).collect()),
            None => return Err(Unavailable::Waiting),
        };
        match received {
            Ok(answers) => {
                link.retry = None;
                Ok(answers)
            }
            Err(error) => Err(link.failed(&error)),
        }
    }
}

impl Link {
    /// Closes the connection, and waits longer with each failure.
    fn failed(&mut self, error: &io::Error) -> Unavailable {
        self.connection = None;
        let (pause, first) = match self.retry {
            Some((_, pause)) => ((pause * 2).min(PAUSES.1), false),
            None => (PAUSES.0, true),
        };
        self.retry = Some((Instant::now() + pause, pause));
        if first {
            Unavailable::Failed(format!("the broker {}: {error}", name(&self.address)))
        } else {
            Unavailable::Waiting
        }
    }
}

/// An answer that owns its bytes.
pub(super) struct Owned {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) error: i16,
    pub(super) offset: i64,
    pub(super) records: Bytes,
}

impl From<Answer<'_>> for Owned {
    fn from(answer: Answer<'_>) -> Self {
        Self {
            topic: answer.topic.to_owned(),
            partition: answer.partition,
            error: answer.error,
            offset: answer.offset,
            records: Bytes::copy_from_slice(answer.records),
        }
    }
}

fn name((host, port): &Address) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}
