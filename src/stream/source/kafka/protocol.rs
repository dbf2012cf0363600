//! The requests of Kafka's protocol that a reader needs, and their answers.
//!
//! Each has one fixed version that brokers from 0.11 (2017) to 4.x have in common, so nothing has to be negotiated.
//! All of them are from before the "flexible" versions: strings and arrays are preceded by their length in 2 and 4 bytes.

use crate::wire::{Reader, WireError, Writer};

/// A kind of request: its key and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Api(pub(super) u16, pub(super) u16);

impl Api {
    pub(super) const FETCH: Self = Self(1, 4);
    pub(super) const LIST_OFFSETS: Self = Self(2, 1);
    pub(super) const METADATA: Self = Self(3, 4);
    pub(super) const OFFSET_COMMIT: Self = Self(8, 2);
    pub(super) const OFFSET_FETCH: Self = Self(9, 1);
    pub(super) const FIND_COORDINATOR: Self = Self(10, 0);
}

/// The error code of a partition whose requested offset is not stored.
pub(super) const OFFSET_OUT_OF_RANGE: i16 = 1;
/// The error code of a topic or partition that does not exist.
pub(super) const UNKNOWN_TOPIC: i16 = 3;
/// Returns `true` for the error codes of a group whose broker is still to be found, or not ready.
pub(super) const fn is_temporary(code: i16) -> bool {
    matches!(code, 14..=16)
}

/// What an error code means.
pub(super) fn meaning(code: i16) -> String {
    let text = match code {
        OFFSET_OUT_OF_RANGE => "the offset is not stored",
        2 => "the stored message is corrupt",
        UNKNOWN_TOPIC => "no such topic or partition",
        5 => "the partition has no leader",
        6 => "the broker does not lead the partition",
        7 => "the broker timed out",
        14 => "the coordinator is loading the offsets",
        15 => "the group has no coordinator",
        16 => "the broker does not coordinate the group",
        17 => "the name of the topic is invalid",
        24 => "the name of the group is invalid",
        22 | 25 => "the group is in use by members that share its partitions",
        29 => "access to the topic is denied",
        30 => "access to the group is denied",
        56 => "the broker can't read its disk",
        _ => return format!("Kafka's error {code}"),
    };
    text.to_owned()
}

/// The broker `host` and its port.
pub(super) type Address = (String, u16);

/// One partition of a topic, and a number that belongs to it.
pub(super) type Entry = (i32, i64);

/// Partitions by topic.
pub(super) type ByTopic<'a> = [(&'a str, Vec<Entry>)];

/// Brokers and topics of a cluster.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub(super) brokers: Vec<(i32, Address)>,
    pub(super) topics: Vec<Topic>,
}

/// A topic of a cluster.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) error: i16,
    pub(super) name: String,
    pub(super) internal: bool,
    /// Numbers of the partitions, each with the broker that leads it; -1 if none does.
    pub(super) partitions: Vec<(i32, i32)>,
}

/// What is answered about a partition.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) error: i16,
    /// The offset that was asked for; of a fetch the offset behind the last message.
    pub(super) offset: i64,
    /// Batches of messages.
    pub(super) records: &'a [u8],
}

fn string(w: &mut Writer<'_>, text: &str) {
    w.len16(|w| w.bytes(text.as_bytes()));
}

fn count(w: &mut Writer<'_>, count: usize) {
    w.u32(u32::try_from(count).unwrap_or(u32::MAX));
}

/// Topics with their partitions; `each` writes what follows the number of a partition.
fn topics(w: &mut Writer<'_>, list: &ByTopic<'_>, each: impl Fn(&mut Writer<'_>, i64)) {
    count(w, list.len());
    for (topic, partitions) in list {
        string(w, topic);
        count(w, partitions.len());
        for (partition, value) in partitions {
            w.u32(partition.cast_unsigned());
            each(w, *value);
        }
    }
}

/// A whole request, with its length.
///
/// # Errors
/// When a name is too long for its length field.
pub(super) fn request(
    api: Api,
    correlation: u32,
    body: &dyn Fn(&mut Writer<'_>),
) -> Result<Vec<u8>, WireError> {
    let mut out = vec![0; 4];
    let mut w = Writer::new(&mut out);
    w.u16(api.0);
    w.u16(api.1);
    w.u32(correlation);
    string(&mut w, "oxabgp");
    body(&mut w);
    w.finish()?;
    let length = u32::try_from(out.len() - 4).unwrap_or(u32::MAX);
    out[..4].copy_from_slice(&length.to_be_bytes());
    Ok(out)
}

/// Asks for brokers, and for these topics; `None` asks for all topics. None is created.
pub(super) fn ask_metadata(w: &mut Writer<'_>, topics: Option<&[String]>) {
    match topics {
        None => w.u32(u32::MAX),
        Some(topics) => {
            count(w, topics.len());
            topics.iter().for_each(|topic| string(w, topic));
        }
    }
    w.u8(0);
}

/// Asks for offsets by time in milliseconds, or -1 for the latest and -2 for the earliest.
pub(super) fn ask_offsets(w: &mut Writer<'_>, list: &ByTopic<'_>) {
    w.u32(u32::MAX);
    topics(w, list, |w, time| w.u64(time.cast_unsigned()));
}

/// How much a fetch may return, and how long it may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct FetchLimits {
    pub(super) wait_ms: u32,
    pub(super) bytes: u32,
    pub(super) partition_bytes: u32,
}

/// Asks for messages from these offsets on.
pub(super) fn ask_messages(w: &mut Writer<'_>, list: &ByTopic<'_>, limits: FetchLimits) {
    // No replica; at least one byte.
    w.u32(u32::MAX);
    w.u32(limits.wait_ms);
    w.u32(1);
    w.u32(limits.bytes);
    // Isolation level: what is stored, transactions or not.
    w.u8(0);
    topics(w, list, |w, offset| {
        w.u64(offset.cast_unsigned());
        w.u32(limits.partition_bytes);
    });
}

/// Asks which broker keeps the offsets of a group.
pub(super) fn ask_coordinator(w: &mut Writer<'_>, group: &str) {
    string(w, group);
}

/// Asks for the offsets that a group has committed.
pub(super) fn ask_committed(w: &mut Writer<'_>, group: &str, list: &ByTopic<'_>) {
    string(w, group);
    topics(w, list, |_, _| {});
}

/// Commits offsets for a group without members.
pub(super) fn ask_commit(w: &mut Writer<'_>, group: &str, list: &ByTopic<'_>) {
    string(w, group);
    // Generation, member and how long to keep the offsets: none, and the broker's default.
    w.u32(u32::MAX);
    string(w, "");
    w.u64(u64::MAX);
    topics(w, list, |w, offset| {
        w.u64(offset.cast_unsigned());
        string(w, "");
    });
}

fn int(r: &mut Reader<'_>, what: &'static str) -> Result<i32, WireError> {
    r.u32(what).map(u32::cast_signed)
}

fn short(r: &mut Reader<'_>, what: &'static str) -> Result<i16, WireError> {
    r.u16(what).map(u16::cast_signed)
}

fn long(r: &mut Reader<'_>, what: &'static str) -> Result<i64, WireError> {
    r.u64(what).map(u64::cast_signed)
}

/// A text, which may be absent.
fn text<'a>(r: &mut Reader<'a>, what: &'static str) -> Result<&'a str, WireError> {
    let length = short(r, what)?;
    let at = *r;
    let bytes = r.take(usize::try_from(length).unwrap_or_default(), what)?;
    std::str::from_utf8(bytes).map_err(|_| at.error(what))
}

/// Reads the elements of an array, which may be absent. Each has at least one byte, so that a false number ends with the bytes.
fn array<'a>(
    r: &mut Reader<'a>,
    what: &'static str,
    mut each: impl FnMut(&mut Reader<'a>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    for _ in 0..int(r, what)?.max(0) {
        each(r)?;
    }
    Ok(())
}

fn port(r: &mut Reader<'_>) -> Result<u16, WireError> {
    let at = *r;
    u16::try_from(int(r, "a port")?).map_err(|_| at.error("a port"))
}

/// Reads the answer to [`ask_metadata`].
pub(super) fn metadata(body: &[u8]) -> Result<Metadata, WireError> {
    let mut found = Metadata::default();
    let r = &mut Reader::new(body);
    int(r, "the throttle time")?;
    array(r, "brokers", |r| {
        let node = int(r, "a broker's number")?;
        let host = text(r, "a broker's host")?.to_owned();
        let port = port(r)?;
        text(r, "a broker's rack")?;
        found.brokers.push((node, (host, port)));
        Ok(())
    })?;
    text(r, "the cluster's name")?;
    int(r, "the controller")?;
    array(r, "topics", |r| {
        let error = short(r, "a topic's error")?;
        let name = text(r, "a topic's name")?.to_owned();
        let internal = r.u8("whether a topic is internal")? != 0;
        let mut partitions = Vec::new();
        array(r, "partitions", |r| {
            short(r, "a partition's error")?;
            let number = int(r, "a partition's number")?;
            partitions.push((number, int(r, "a partition's leader")?));
            array(r, "replicas", |r| int(r, "a replica").map(drop))?;
            array(r, "replicas", |r| int(r, "a replica").map(drop))
        })?;
        found.topics.push(Topic {
            error,
            name,
            internal,
            partitions,
        });
        Ok(())
    })?;
    Ok(found)
}

/// Reads topics and their partitions; `each` reads what follows the number of a partition.
fn answers<'a>(
    r: &mut Reader<'a>,
    mut each: impl FnMut(&mut Reader<'a>, &mut Answer<'a>) -> Result<(), WireError>,
) -> Result<Vec<Answer<'a>>, WireError> {
    let mut found = Vec::new();
    array(r, "topics", |r| {
        let topic = text(r, "a topic's name")?;
        array(r, "partitions", |r| {
            let mut answer = Answer {
                topic,
                partition: int(r, "a partition's number")?,
                error: 0,
                offset: -1,
                records: &[],
            };
            each(r, &mut answer)?;
            found.push(answer);
            Ok(())
        })
    })?;
    Ok(found)
}

/// Reads the answer to [`ask_offsets`].
pub(super) fn offsets(body: &[u8]) -> Result<Vec<Answer<'_>>, WireError> {
    answers(&mut Reader::new(body), |r, answer| {
        answer.error = short(r, "a partition's error")?;
        long(r, "a time")?;
        answer.offset = long(r, "an offset")?;
        Ok(())
    })
}

/// Reads the answer to [`ask_messages`].
pub(super) fn messages(body: &[u8]) -> Result<Vec<Answer<'_>>, WireError> {
    let mut r = Reader::new(body);
    int(&mut r, "the throttle time")?;
    answers(&mut r, |r, answer| {
        answer.error = short(r, "a partition's error")?;
        answer.offset = long(r, "the high watermark")?;
        long(r, "the last stable offset")?;
        array(r, "aborted transactions", |r| {
            long(r, "a producer")?;
            long(r, "an offset").map(drop)
        })?;
        let length = int(r, "a length of records")?;
        let length = usize::try_from(length).unwrap_or_default();
        answer.records = r.take(length, "records of the declared length")?;
        Ok(())
    })
}

/// Reads the answer to [`ask_coordinator`]: an error code and an address.
pub(super) fn coordinator(body: &[u8]) -> Result<(i16, Address), WireError> {
    let r = &mut Reader::new(body);
    let error = short(r, "an error")?;
    int(r, "a broker's number")?;
    let host = text(r, "a broker's host")?.to_owned();
    // Without a coordinator the port is -1.
    let port = if error == 0 { port(r)? } else { 0 };
    Ok((error, (host, port)))
}

/// Reads the answer to [`ask_committed`].
pub(super) fn committed(body: &[u8]) -> Result<Vec<Answer<'_>>, WireError> {
    answers(&mut Reader::new(body), |r, answer| {
        answer.offset = long(r, "an offset")?;
        text(r, "a note")?;
        answer.error = short(r, "a partition's error")?;
        Ok(())
    })
}

/// Reads the answer to [`ask_commit`].
pub(super) fn commit(body: &[u8]) -> Result<Vec<Answer<'_>>, WireError> {
    answers(&mut Reader::new(body), |r, answer| {
        answer.error = short(r, "a partition's error")?;
        Ok(())
    })
}
