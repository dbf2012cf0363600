//! Topics of the cluster that librdkafka plays: brokers that speak the real protocol on loopback.
//!
//! PyPI's confluent-kafka has librdkafka; without it in tests/.venv these tests are skipped.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use oxabgp::stream::format::Format;
use oxabgp::stream::source::{Kafka, KafkaOffset, Live};
use oxabgp::stream::{Detection, Record, Stream};
use serde_json::{Value, json};

use super::feeds::router;
use super::kafka::{messages, open_bmp};
use super::{elems, print};

/// Begins a cluster and prints its addresses. Then each line is a JSON object: messages to publish, answered by their offsets,
/// or a group, answered by what it has committed.
const SCRIPT: &str = r#"
import json, sys
from confluent_kafka import Consumer, Producer, TopicPartition

host = Producer({'bootstrap.servers': 'none', 'test.mock.num.brokers': int(sys.argv[1]), 'log_level': 0})
brokers = ','.join(f'{one.host}:{one.port}' for one in host.list_topics(timeout=30).brokers.values())
print(brokers, flush=True)

def publish(topic, partition, values, compression, time):
    offsets = []
    producer = Producer({'bootstrap.servers': brokers, 'compression.type': compression, 'log_level': 0})
    for value in values:
        producer.produce(topic, bytes.fromhex(value), partition=partition, timestamp=time,
                         on_delivery=lambda error, sent: offsets.append(str(error) if error else sent.offset()))
    producer.flush(30)
    return offsets

def committed(topic, group):
    consumer = Consumer({'bootstrap.servers': brokers, 'group.id': group, 'log_level': 0})
    found = consumer.committed([TopicPartition(topic, number) for number in range(4)], timeout=30)
    consumer.close()
    return [one.offset for one in found]

for line in sys.stdin:
    question = json.loads(line)
    answer = committed(**question) if 'group' in question else publish(**question)
    print(json.dumps(answer), flush=True)
"#;

const TOPIC: &str = "routeviews.amsix.ams.64500.bmp_raw";

struct Cluster {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    brokers: String,
}

impl Cluster {
    /// `None` if there is no librdkafka.
    fn start(brokers: u8) -> Option<Self> {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.venv/bin/python");
        let found = Command::new(&python)
            .args(["-c", "import confluent_kafka"])
            .output()
            .is_ok_and(|output| output.status.success());
        if !found {
            super::skipped("confluent-kafka in tests/.venv");
            return None;
        }
        let mut child = Command::new(python)
            .args(["-c", SCRIPT, &brokers.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let mut cluster = Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().expect("standard output")),
            child,
            brokers: String::new(),
        };
        cluster.brokers = cluster.line();
        Some(cluster)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    fn ask(&mut self, question: &Value) -> Value {
        let input = self.input.as_mut().expect("standard input");
        writeln!(input, "{question}").expect("it reads");
        serde_json::from_str(&self.line()).expect("JSON")
    }

    fn publish(&mut self, partition: u8, values: &[Vec<u8>], compression: &str) {
        let hex = |value: &Vec<u8>| value.iter().map(|byte| format!("{byte:02x}")).collect();
        let values: Vec<String> = values.iter().map(hex).collect();
        let answer = self.ask(&json!({
            "topic": TOPIC, "partition": partition, "values": values, "compression": compression, "time": 100_000,
        }));
        let offsets = answer.as_array().expect("a list");
        assert!(offsets.iter().all(Value::is_u64), "{answer}");
        assert_eq!(offsets.len(), values.len());
    }

    fn committed(&mut self, group: &str) -> Value {
        self.ask(&json!({ "topic": TOPIC, "group": group }))
    }

    fn kafka(&self) -> Kafka {
        Kafka::new(&*self.brokers).topics(TOPIC)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It ends with its standard input.
        self.input = None;
        let _ = self.child.wait();
    }
}

fn start(kafka: Kafka) -> Live {
    kafka.start(Detection::On).expect("a feed")
}

fn stream(kafka: Kafka) -> Stream {
    let builder = Stream::builder().live(start(kafka));
    builder.build().expect("a stream")
}

#[test]
fn every_partition_of_every_broker_is_read_in_every_compression() {
    let Some(mut cluster) = Cluster::start(3) else {
        return;
    };
    let mut wanted = Vec::new();
    for (partition, compression) in [
        (0, "none"),
        (1, "gzip"),
        (2, "snappy"),
        (3, "lz4"),
        (0, "zstd"),
    ] {
        // Batches of more than one block of each compression.
        let bytes = router(&format!("edge {compression}")).repeat(300);
        let values: Vec<_> = messages(&bytes).iter().map(|one| open_bmp(one)).collect();
        cluster.publish(partition, &values, compression);
        wanted.extend(elems(&values.concat()));
    }
    let kafka = cluster.kafka().offset(KafkaOffset::Earliest);
    let builder = Stream::builder().live(start(kafka.interval(0, 1_000)));
    let text = print(builder.interval(0, 1_000), Format::Elems);
    let mut found: Vec<_> = text.lines().map(str::to_owned).collect();
    assert_eq!(wanted.len(), 4_500);
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
}

#[test]
fn live_topics_begin_at_the_next_message_and_a_group_goes_on() {
    let Some(mut cluster) = Cluster::start(1) else {
        return;
    };
    let names = |records: &[Record]| -> Vec<String> {
        let mut names: Vec<_> = records
            .iter()
            .map(|one| one.origin.router.clone())
            .collect();
        names.dedup();
        names
    };
    cluster.publish(1, &[router("before")], "none");
    let mut live = stream(cluster.kafka().group("noc"));
    cluster.publish(1, &messages(&router("after")), "none");
    let found: Vec<_> = live.by_ref().take(3).collect();
    assert_eq!(names(&found), ["after"]);
    drop(live);
    assert_eq!(cluster.committed("noc"), json!([-1001, 4, -1001, -1001]));
    // The fourth message of `after`, then what was published in the meantime, also in other partitions.
    cluster.publish(1, &[router("last")], "none");
    let resumed = stream(cluster.kafka().group("noc").offset(KafkaOffset::Latest));
    let found: Vec<_> = resumed.take(5).collect();
    assert_eq!(
        names(&found),
        ["", "last"],
        "its Initiation was read before"
    );
    assert_eq!(cluster.committed("noc"), json!([-1001, 6, -1001, -1001]));
}

#[test]
fn brokers_that_vanish_are_reported() {
    let Some(mut cluster) = Cluster::start(1) else {
        return;
    };
    cluster.publish(0, &[router("edge")], "none");
    let mut live = stream(cluster.kafka().offset(KafkaOffset::Earliest));
    assert_eq!(live.by_ref().take(4).count(), 4);
    let address = cluster.brokers.clone();
    drop(cluster);
    let damage = live.next().and_then(|one| one.damage).expect("a reason");
    assert!(damage.contains(&address), "{damage}");
}
