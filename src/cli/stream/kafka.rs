//! Topics of Kafka, by options of our own or those of bgpreader's data interface.

use super::args::Feeds;
use super::failure::Failure;
use crate::stream::Detection;
use crate::stream::names::time;
use crate::stream::source::{Kafka, KafkaOffset, Live};

/// The options of the data interface, with their meanings.
pub(super) const OPTIONS: &[(&str, &str)] = &[
    ("brokers", "brokers, separated by commas: HOST or HOST:PORT"),
    (
        "topic",
        "topics, separated by commas; `^` begins a regular expression. Default: those of OpenBMP",
    ),
    (
        "group",
        "a consumer group, whose offsets are gone on from and committed. Default: none",
    ),
    (
        "offset",
        "where to begin: `earliest`, `latest` or a time. Default: `latest`, or the time window",
    ),
    (
        "data-type",
        "accepted: mrt, bmp, ris-live; what a message holds is found out",
    ),
    ("project", "the project of the records"),
    (
        "collector",
        "the collector of the records, if messages name none",
    ),
];

/// Options that were given by `-o`.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    brokers: Option<String>,
    topic: Option<String>,
    group: Option<String>,
    offset: Option<String>,
    project: String,
    collector: String,
}

impl Options {
    /// Takes an option. Returns `false` if there is none of this name and value.
    pub(super) fn take(&mut self, name: &str, value: &str) -> bool {
        let value = value.to_owned();
        match name {
            "brokers" => self.brokers = Some(value),
            "topic" => self.topic = Some(value),
            "group" => self.group = Some(value),
            "offset" => self.offset = Some(value),
            "project" => self.project = value,
            "collector" => self.collector = value,
            "data-type" => return matches!(&*value, "mrt" | "bmp" | "ris-live"),
            _ => return false,
        }
        true
    }
}

/// Reads topics, if there are brokers: the options of `-o` first, then those of our own.
pub(super) fn start(
    feeds: &Feeds,
    options: &Options,
    window: Option<(u32, u32)>,
    detection: Detection,
) -> Result<Option<Live>, Failure> {
    let first =
        |one: &Option<String>, other: &Option<String>| one.clone().or_else(|| other.clone());
    let Some(brokers) = first(&feeds.kafka, &options.brokers) else {
        let others = [&feeds.kafka_topic, &feeds.kafka_group, &feeds.kafka_offset];
        return match others.into_iter().any(Option::is_some) {
            true => Err(Failure::Usage(
                "`--kafka-topic`, `--kafka-group` and `--kafka-offset` need `--kafka`".to_owned(),
            )),
            false => Ok(None),
        };
    };
    let mut kafka = Kafka::new(brokers).names(&options.project, &options.collector);
    if let Some(topic) = first(&feeds.kafka_topic, &options.topic) {
        kafka = kafka.topics(topic);
    }
    if let Some(group) = first(&feeds.kafka_group, &options.group) {
        kafka = kafka.group(group);
    }
    if let Some(text) = first(&feeds.kafka_offset, &options.offset) {
        kafka = kafka.offset(offset(&text)?);
    }
    if let Some((from, until)) = window {
        kafka = kafka.interval(from, until);
    }
    kafka
        .start(detection)
        .map(Some)
        .map_err(|error| Failure::Refused(error.to_string()))
}

fn offset(text: &str) -> Result<KafkaOffset, Failure> {
    match text {
        "earliest" => Ok(KafkaOffset::Earliest),
        "latest" => Ok(KafkaOffset::Latest),
        _ => time(text).map(KafkaOffset::Time).ok_or_else(|| {
            Failure::Refused(format!(
                "expected `earliest`, `latest` or a time as the offset, found `{text}`"
            ))
        }),
    }
}
