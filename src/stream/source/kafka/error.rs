//! Why topics can't be read.

use std::fmt;
use std::io;

/// Why topics can't be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum KafkaError {
    /// This is not a broker's `HOST` or `HOST:PORT`.
    Broker(String),
    /// A pattern of topics is malformed.
    Pattern(String, String),
    /// A broker can't be reached, or does not answer as Kafka does.
    Connection(String, io::Error),
    /// A topic can't be read, for this reason.
    Topic(String, String),
    /// No topic matches.
    NoTopic(String),
    /// The offsets of a group can't be read, for this reason.
    Group(String, String),
}

impl fmt::Display for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(text) => write!(
                f,
                "expected a Kafka broker such as `192.0.2.1:9092`, found `{text}`"
            ),
            Self::Pattern(pattern, reason) => {
                write!(
                    f,
                    "the pattern of topics `{pattern}` is malformed: {reason}"
                )
            }
            Self::Connection(broker, cause) => write!(f, "the Kafka broker `{broker}`: {cause}"),
            Self::Topic(topic, reason) => write!(f, "the topic `{topic}`: {reason}"),
            Self::NoTopic(topics) => write!(f, "no topic matches `{topics}`"),
            Self::Group(group, reason) => write!(f, "the consumer group `{group}`: {reason}"),
        }
    }
}

impl std::error::Error for KafkaError {}
