//! Topics of Kafka: a broker as a script, which answers what a reader asks, or breaks off.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use oxabgp::stream::format::Format;
use oxabgp::stream::source::{Kafka, KafkaError, KafkaOffset};
use oxabgp::stream::{Detection, Record, Status, Stream};
use oxabgp::wire::{Reader, Writer};

use super::feeds::router;
use super::{elems, print};

const TOPIC: &str = "openbmp.router--a.peer-as--1.bmp_raw";

/// What the broker has, and what it does wrong.
#[derive(Default)]
struct Log {
    /// Batches, each with the offset behind it.
    batches: Vec<(i64, Vec<u8>)>,
    /// The oldest offset.
    first: i64,
    committed: Option<i64>,
    /// Answers to come in the place of the right ones to a fetch.
    wrong: Vec<Wrong>,
    /// Times that were asked for.
    times: Vec<i64>,
}

/// What goes wrong once.
enum Wrong {
    /// The connection is closed in the middle of an answer.
    Cut,
    /// This is answered, with an offset that is relative to that of the request.
    Bytes(Vec<u8>),
    /// The partition has this error.
    Error(i16),
}

struct Broker {
    address: SocketAddr,
    log: Arc<Mutex<Log>>,
}

impl Broker {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        let log = Arc::<Mutex<Log>>::default();
        let shared = log.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, stream) = (shared.clone(), stream.expect("a client"));
                std::thread::spawn(move || serve(stream, address, &log));
            }
        });
        Self { address, log }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("no panic")
    }

    fn publish(&self, values: &[Vec<u8>]) {
        self.publish_batch(&Batch::new(values));
    }

    fn publish_batch(&self, batch: &Batch) {
        let mut log = self.log();
        let base = log.end();
        let end = base + batch.count;
        log.batches.push((end, batch.bytes(base)));
    }

    fn kafka(&self) -> Kafka {
        Kafka::new(self.address.to_string()).offset(KafkaOffset::Earliest)
    }

    /// This many records from the beginning.
    fn records(&self, count: usize) -> Vec<Record> {
        let live = self.kafka().start(Detection::On).expect("a feed");
        let stream = Stream::builder().live(live).build().expect("a stream");
        stream.take(count).collect()
    }
}

impl Log {
    fn end(&self) -> i64 {
        self.batches.last().map_or(self.first, |(end, _)| *end)
    }
}

/// A batch that is made by the book, unless a test changes it.
struct Batch {
    codec: u16,
    count: i64,
    time: i64,
    records: Vec<u8>,
    checksum: u32,
}

/// Zigzag, seven bits per byte.
fn varint(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

impl Batch {
    fn new(values: &[Vec<u8>]) -> Self {
        let mut records = Vec::new();
        for (number, value) in values.iter().enumerate() {
            let mut record = vec![0, 0];
            varint(&mut record, number.try_into().expect("few"));
            varint(&mut record, 3);
            record.extend_from_slice(b"key");
            varint(&mut record, value.len().try_into().expect("short"));
            record.extend_from_slice(value);
            // One header: a name and a value.
            record.extend_from_slice(b"\x02\x02a\x02b");
            varint(&mut records, record.len().try_into().expect("short"));
            records.extend_from_slice(&record);
        }
        Self {
            codec: 0,
            count: values.len().try_into().expect("few"),
            time: 1_700_000_000_000,
            records,
            checksum: 0,
        }
    }

    fn compressed(mut self, codec: u16, compress: impl Fn(&[u8]) -> Vec<u8>) -> Self {
        (self.codec, self.records) = (codec, compress(&self.records));
        self
    }

    fn bytes(&self, base: i64) -> Vec<u8> {
        let mut body = Vec::new();
        let mut w = Writer::new(&mut body);
        w.u16(self.codec);
        w.u32(u32::try_from(self.count - 1).expect("few"));
        w.u64(self.time.cast_unsigned());
        w.u64(self.time.cast_unsigned());
        w.u64(u64::MAX);
        w.u16(u16::MAX);
        w.u32(u32::MAX);
        w.u32(u32::try_from(self.count).expect("few"));
        w.bytes(&self.records);
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        w.u64(base.cast_unsigned());
        w.u32(u32::try_from(body.len() + 9).expect("short"));
        w.u32(0);
        w.u8(2);
        w.u32(crc32c(&body) ^ self.checksum);
        w.bytes(&body);
        out
    }
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg())
        })
    })
}

/// The messages of a stream of BMP.
pub(super) fn messages(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Ok(Some(length)) = oxabgp::bmp::frame(bytes) {
        let (message, rest) = bytes.split_at(length);
        found.push(message.to_vec());
        bytes = rest;
    }
    found
}

/// A message behind a header of OpenBMP.
pub(super) fn open_bmp(message: &[u8]) -> Vec<u8> {
    let header = b"V: 1.7\nADMIN_ID: station\nR_IP: 198.51.100.7\nR_NAME: core\n\n";
    [header, message].concat()
}

/// Answers the requests of one connection until it ends.
fn serve(mut stream: TcpStream, address: SocketAddr, log: &Mutex<Log>) {
    let mut length = [0; 4];
    while stream.read_exact(&mut length).is_ok() {
        let length = usize::try_from(u32::from_be_bytes(length)).expect("short");
        let mut request = vec![0; length];
        stream.read_exact(&mut request).expect("a request");
        let mut r = Reader::new(&request);
        let api = (
            r.u16("a key").expect("a key"),
            r.u16("a version").expect("a version"),
        );
        let correlation = r.u32("a number").expect("a number");
        let client = r.u16("a length").expect("a length");
        r.take(client.into(), "a name").expect("a name");
        let mut body = Vec::new();
        let mut log = log.lock().expect("no panic");
        let whole = answer(&mut log, (api, address), r, &mut Writer::new(&mut body));
        let idle = api.0 == 1 && log.batches.is_empty() && log.wrong.is_empty();
        drop(log);
        if idle {
            // As a broker waits for messages.
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        w.u32(u32::try_from(body.len() + 4).expect("short"));
        w.u32(correlation);
        w.bytes(&body);
        if !whole {
            out.truncate(out.len() - 1);
        }
        if stream.write_all(&out).is_err() || !whole {
            return;
        }
    }
}

fn text(w: &mut Writer<'_>, text: &str) {
    w.len16(|w| w.bytes(text.as_bytes()));
}

/// The only topic with its only partition, and what `each` writes about it.
fn of_topic(w: &mut Writer<'_>, each: impl FnOnce(&mut Writer<'_>)) {
    w.u32(1);
    text(w, TOPIC);
    w.u32(1);
    w.u32(0);
    each(w);
}

/// Writes an answer. Returns `false` if it is not to be sent whole.
fn answer(
    log: &mut Log,
    (api, address): ((u16, u16), SocketAddr),
    mut r: Reader<'_>,
    w: &mut Writer<'_>,
) -> bool {
    let place = |w: &mut Writer<'_>| {
        text(w, &address.ip().to_string());
        w.u32(address.port().into());
    };
    // The last field of every request that matters here.
    let last = r
        .peek()
        .last_chunk()
        .map_or(0, |last| i64::from_be_bytes(*last));
    match api {
        (3, 4) => {
            for number in [0, 1, 7] {
                w.u32(number);
            }
            place(w);
            for number in [0xFF, 0xFF] {
                w.u8(number);
            }
            w.u16(u16::MAX);
            w.u32(7);
            w.u32(1);
            w.u16(0);
            text(w, TOPIC);
            w.u8(0);
            w.u32(1);
            w.u16(0);
            for number in [0, 7, 1, 7, 1, 7] {
                w.u32(number);
            }
        }
        (2, 1) => {
            log.times.push(last);
            let offset = if last == -1 { log.end() } else { log.first };
            of_topic(w, |w| {
                w.u16(0);
                w.u64(u64::MAX);
                w.u64(offset.cast_unsigned());
            });
        }
        (1, 4) => return fetch(log, &mut r, w),
        (10, 0) => {
            w.u16(0);
            w.u32(7);
            place(w);
        }
        (9, 1) => {
            let offset = log.committed.unwrap_or(-1);
            of_topic(w, |w| {
                w.u64(offset.cast_unsigned());
                w.u16(0);
                w.u16(0);
            });
        }
        (8, 2) => {
            let offset = r.peek().last_chunk::<10>().expect("an offset");
            log.committed = offset.first_chunk().map(|bytes| i64::from_be_bytes(*bytes));
            of_topic(w, |w| w.u16(0));
        }
        other => panic!("an unknown request {other:?}"),
    }
    true
}

fn fetch(log: &mut Log, r: &mut Reader<'_>, w: &mut Writer<'_>) -> bool {
    let tail = r.peek().last_chunk::<12>().expect("an offset");
    let offset = tail
        .first_chunk()
        .map_or(0, |bytes| i64::from_be_bytes(*bytes));
    let wrong = (!log.wrong.is_empty()).then(|| log.wrong.remove(0));
    let mut error = match wrong {
        Some(Wrong::Error(code)) => code,
        _ => 0,
    };
    let stored = (log.first..=log.end()).contains(&offset);
    if !stored && !matches!(wrong, Some(Wrong::Bytes(_))) {
        error = 1;
    }
    let records = match &wrong {
        Some(Wrong::Bytes(bytes)) => {
            let mut bytes = bytes.clone();
            for (byte, change) in bytes.iter_mut().zip(offset.to_be_bytes()) {
                *byte ^= change;
            }
            bytes
        }
        _ if error != 0 => Vec::new(),
        _ => {
            let wanted = log.batches.iter().filter(|(end, _)| *end > offset);
            wanted.flat_map(|(_, bytes)| bytes.clone()).collect()
        }
    };
    w.u32(0);
    of_topic(w, |w| {
        w.u16(error.cast_unsigned());
        w.u64(log.end().cast_unsigned());
        w.u64(log.end().cast_unsigned());
        w.u32(u32::MAX);
        w.u32(u32::try_from(records.len()).expect("short"));
        w.bytes(&records);
    });
    !matches!(wrong, Some(Wrong::Cut))
}

fn statuses(records: &[Record]) -> String {
    records.iter().map(|one| one.status.letter()).collect()
}

/// The reason of the record that reports damage.
fn reason(records: &[Record]) -> &str {
    let damaged = records.iter().find(|one| one.status != Status::Valid);
    damaged
        .and_then(|one| one.damage.as_deref())
        .expect("a reason")
}

/// The lines of a topic in an interval that is over.
fn lines(broker: &Broker) -> Vec<String> {
    let live = broker
        .kafka()
        .interval(0, 1_000)
        .start(Detection::On)
        .expect("a feed");
    let builder = Stream::builder().live(live).interval(0, 1_000);
    print(builder, Format::Elems)
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn messages_are_the_elems_of_a_file_with_the_same_bytes() {
    let bytes = router("edge");
    let bare = messages(&bytes);
    let headed: Vec<_> = bare.iter().map(|one| open_bmp(one)).collect();
    for form in [bare, headed.clone(), vec![headed.concat()]] {
        let broker = Broker::start();
        broker.publish(&form);
        broker.publish(&form);
        let wanted = elems(&form.concat().repeat(2));
        assert_eq!(wanted.len(), 6);
        assert_eq!(lines(&broker), wanted);
    }
}

#[test]
fn messages_of_other_kinds_are_recognized() {
    let broker = Broker::start();
    let ris = br#"{"type":"ris_message","data":{"timestamp":100.5,"peer":"192.0.2.1","peer_asn":"1","host":"rrc00.ripe.net","type":"RIS_PEER_STATE","state":"up"}}"#;
    let mrt = super::build::announce(100, 1);
    let whole = [mrt.clone(), mrt].concat();
    broker.publish(&[
        ris.to_vec(),
        whole,
        b"neither of them".to_vec(),
        router("a")[..40].to_vec(),
    ]);
    let found = broker.records(6);
    assert_eq!(statuses(&found), "VVVRVR");
    assert_eq!(found[0].origin.collector, "rrc00");
    assert!(reason(&found).contains("15 bytes are lost"), "{found:?}");
}

#[test]
fn every_compression_is_read() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    };
    let snappy = |bytes: &[u8]| {
        snap::raw::Encoder::new()
            .compress_vec(bytes)
            .expect("short")
    };
    let blocks = |bytes: &[u8]| {
        let mut out = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
        for part in bytes.chunks(100) {
            let block = snappy(part);
            out.extend(u32::try_from(block.len()).expect("short").to_be_bytes());
            out.extend(block);
        }
        out
    };
    let lz4 = |bytes: &[u8]| {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    };
    let zstd = |bytes: &[u8]| {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    };
    let values = messages(&router("edge"));
    let batch = || Batch::new(&values);
    let broker = Broker::start();
    for batch in [
        batch(),
        batch().compressed(1, gzip),
        batch().compressed(2, snappy),
        batch().compressed(2, blocks),
        batch().compressed(3, lz4),
        batch().compressed(4, zstd),
    ] {
        broker.publish_batch(&batch);
    }
    assert_eq!(lines(&broker), elems(&router("edge").repeat(6)));
}

#[test]
fn damage_costs_its_batch() {
    let good = Batch::new(&[router("good")]);
    let zeros = vec![0; 40 << 20];
    let bomb = snap::raw::Encoder::new()
        .compress_vec(&zeros)
        .expect("short");
    for (wrong, why) in [
        (
            Batch {
                checksum: 1,
                ..Batch::new(&[router("x")])
            },
            "checksum",
        ),
        (
            Batch::new(&[router("x")]).compressed(2, |_| bomb.clone()),
            "over 33554432 bytes",
        ),
        (
            Batch::new(&[router("x")]).compressed(4, |_| b"what".to_vec()),
            "another compression",
        ),
        (
            Batch::new(&[router("x")]).compressed(6, <[u8]>::to_vec),
            "unknown compression 6",
        ),
        (
            Batch::new(&[router("x")]).compressed(0, |all| all[..20].to_vec()),
            "declared length",
        ),
        (
            Batch {
                count: 5,
                ..Batch::new(&[router("x")])
            },
            "the length of a record",
        ),
        (
            Batch {
                count: 2,
                ..Batch::new(&[])
            }
            .compressed(0, |_| vec![0xFF; 30]),
            "the length of a record",
        ),
    ] {
        let broker = Broker::start();
        broker.publish_batch(&wrong);
        broker.publish_batch(&good);
        let found = broker.records(5 + 4 * usize::from(wrong.count == 5));
        let statuses = statuses(&found);
        assert!(statuses.ends_with("RVVVV"), "{why}: {statuses}");
        assert!(reason(&found).contains(why), "{why}: {}", reason(&found));
        assert!(
            reason(&found).contains("partition 0: offsets "),
            "{}",
            reason(&found)
        );
    }
}

#[test]
fn what_is_no_batch_is_skipped_message_by_message() {
    let broker = Broker::start();
    let old = [&[0; 8][..], &[0, 0, 0, 80], &[0, 0, 0, 0, 1], &[0; 75]].concat();
    broker.log().wrong = vec![
        Wrong::Bytes(vec![0xFF; 99]),
        Wrong::Bytes(old),
        Wrong::Bytes(vec![1; 5]),
    ];
    broker.publish(&messages(&router("good")));
    let found = broker.records(4);
    assert_eq!(statuses(&found), "RRRV");
    let reasons: Vec<_> = found
        .iter()
        .filter_map(|one| one.damage.as_deref())
        .collect();
    assert!(reasons[0].contains("impossible length"), "{reasons:?}");
    assert!(reasons[1].contains("format 1"), "{reasons:?}");
    assert!(reasons[2].contains("cut short"), "{reasons:?}");
}

/// The reader ends up at the messages that come after, whatever it was sent before.
#[test]
fn any_byte_of_a_batch_may_be_wrong() {
    let broker = Broker::start();
    let batch = Batch::new(&messages(&router("a")));
    let whole = batch.bytes(0);
    let mut wrong = Vec::new();
    for change in [1, 0xFF] {
        let changed = |bytes: &[u8], at: usize| {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= change;
            bytes
        };
        for at in 0..whole.len() {
            wrong.push(Wrong::Bytes(changed(&whole, at)));
        }
        for at in 0..batch.records.len() {
            let batch = Batch::new(&messages(&router("a"))).compressed(0, |all| changed(all, at));
            wrong.push(Wrong::Bytes(batch.bytes(0)));
        }
    }
    for at in 1..whole.len() {
        wrong.push(Wrong::Bytes(whole[..at].to_vec()));
    }
    broker.log().wrong = wrong;
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                if broker.log().wrong.is_empty() {
                    broker.publish(&[router("the end")]);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let live = broker.kafka().start(Detection::On).expect("a feed");
        let mut stream = Stream::builder().live(live).build().expect("a stream");
        let found = stream.find(|one| one.origin.router == "the end");
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(found.is_some());
    });
}

#[test]
fn a_lost_connection_is_made_again_and_no_message_is_lost() {
    let broker = Broker::start();
    broker.publish(&[router("first")]);
    broker.log().wrong = vec![Wrong::Cut, Wrong::Error(6)];
    let found = broker.records(5);
    assert_eq!(statuses(&found), "RVVVV");
    assert!(
        reason(&found).contains("no message is skipped"),
        "{found:?}"
    );
    assert!(
        reason(&found).contains(&broker.address.to_string()),
        "{found:?}"
    );
}

#[test]
fn offsets_that_are_not_stored_any_more_are_reported() {
    let broker = Broker::start();
    {
        let mut log = broker.log();
        (log.first, log.committed) = (10, Some(3));
    }
    broker.publish(&[router("late")]);
    let start = |group: &str| {
        let live = broker
            .kafka()
            .group(group)
            .start(Detection::On)
            .expect("a feed");
        Stream::builder().live(live).build().expect("a stream")
    };
    let found: Vec<_> = start("noc").take(5).collect();
    assert_eq!(statuses(&found), "RVVVV");
    assert!(reason(&found).contains("the offset 3 is not stored; reading goes on at 10"));
    assert_eq!(
        broker.log().committed,
        Some(11),
        "what was given is committed"
    );
    // Behind the end, of a topic that was made anew.
    broker.log().committed = Some(500);
    let mut stream = start("noc");
    let first = stream.next().expect("a record");
    assert!(reason(&[first]).contains("reading goes on at 11"));
}

#[test]
fn a_group_goes_on_where_it_stopped() {
    let broker = Broker::start();
    broker.publish(&messages(&router("edge")));
    let mut seen = Vec::new();
    for wanted in [1, 2, 1] {
        let live = broker
            .kafka()
            .group("noc")
            .start(Detection::On)
            .expect("a feed");
        let stream = Stream::builder().live(live).build().expect("a stream");
        seen.extend(stream.take(wanted).map(|one| one.elems().len()));
    }
    assert_eq!(seen, [0, 1, 1, 1]);
    assert_eq!(broker.log().committed, Some(4));
}

#[test]
fn an_interval_begins_by_time_and_ends() {
    let broker = Broker::start();
    let late = Batch {
        time: 5_000_000,
        ..Batch::new(&[router("late")])
    };
    broker.publish_batch(&late);
    let begun = Instant::now();
    let live = Kafka::new(broker.address.to_string())
        .interval(90, 110)
        .start(Detection::On)
        .expect("a feed");
    let stream = Stream::builder()
        .live(live)
        .interval(90, 110)
        .build()
        .expect("a stream");
    assert_eq!(stream.elems().count(), 3);
    assert_eq!(broker.log().times, [30_000]);
    // What follows belongs to other times, by both clocks; nothing waits for it.
    let live = Kafka::new(broker.address.to_string())
        .interval(10, 20)
        .start(Detection::On)
        .expect("a feed");
    let stream = Stream::builder()
        .live(live)
        .interval(10, 20)
        .build()
        .expect("a stream");
    assert_eq!(stream.elems().count(), 0);
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn what_cannot_be_read_is_refused_at_once() {
    let broker = Broker::start();
    let start = |kafka: Kafka| kafka.start(Detection::On).map(drop);
    let missing = start(broker.kafka().topics("nope"));
    assert!(matches!(missing, Err(KafkaError::Topic(topic, _)) if topic == "nope"));
    let none = start(broker.kafka().topics("^nope, ^also"));
    assert!(matches!(none, Err(KafkaError::NoTopic(_))));
    let malformed = start(broker.kafka().topics("^(a"));
    assert!(matches!(malformed, Err(KafkaError::Pattern(..))));
    for text in ["", "a b", "host:port", "http://host:1", "192.0.2.1:70000"] {
        let refused = start(Kafka::new(text));
        assert!(matches!(refused, Err(KafkaError::Broker(_))), "{text}");
    }
    // What listens is no broker.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream
            .write_all(b"SSH-2.0-OpenSSH_9.2\r\n")
            .expect("writes");
        let _ = stream.read(&mut [0; 64]);
    });
    let error = start(Kafka::new(address.to_string())).expect_err("no broker");
    assert!(
        error.to_string().contains("not an answer of Kafka"),
        "{error}"
    );
    server.join().expect("no panic");
    // Nothing listens any more; the second broker of the list answers.
    let error = start(Kafka::new(address.to_string())).expect_err("no broker");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    start(Kafka::new(format!("{address}, {}", broker.address))).expect("a broker");
}

#[test]
fn the_command_line_has_topics() {
    let broker = Broker::start();
    broker.publish(&messages(&router("edge")));
    let oxabgp = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_oxabgp"))
            .arg("stream")
            .args(words)
            .output()
            .expect("the program runs");
        crate::cli::texts(output)
    };
    let address = broker.address.to_string();
    let brokers = format!("brokers={address}");
    for words in [
        &["--kafka", &address, "--kafka-offset", "earliest"][..],
        &[
            "-d",
            "kafka",
            "-o",
            &brokers,
            "-o",
            "offset=earliest",
            "-o",
            "data-type=bmp",
            "-o",
            "topic=^openbmp",
        ],
        &["-o", &brokers, "--kafka-offset", "100"],
        &["--kafka", &address, "-w", "100,100"],
    ] {
        let (code, out, err) = oxabgp(&[words, &["-n", "4"]].concat());
        assert_eq!((code, out.lines().count()), (0, 3), "{words:?}: {err}");
        assert!(out.contains("|edge||65001|"), "{out}");
    }
    let (_, out, _) = oxabgp(&[
        "-o",
        &brokers,
        "-o",
        "offset=earliest",
        "-o",
        "project=p",
        "-o",
        "collector=c",
        "-n",
        "2",
    ]);
    assert!(out.contains("|p|c|edge|"), "{out}");
    for (words, why) in [
        (&["-d", "kafka"][..], "needs the option `brokers`"),
        (
            &["-d", "kafka", "-o", "upd-file=x"],
            "has no option `upd-file`",
        ),
        (
            &["--kafka", &address, "--kafka-offset", "soon"],
            "found `soon`",
        ),
        (&["--kafka", &address, "--kafka-topic", "nope"], "`nope`"),
        (&["-o", &brokers, "-o", "data-type=pcap"], "data-type=pcap"),
    ] {
        let (code, _, err) = oxabgp(words);
        assert_ne!(code, 0, "{words:?}");
        assert!(err.contains(why), "{words:?}: {err}");
    }
    let (_, out, _) = oxabgp(&["-d", "kafka", "-o?"]);
    assert_eq!(out.lines().count(), 7, "{out}");
}
