//! RIS Live: JSON messages of RIPE's collectors as records.
//!
//! The bytes of the BGP message win where a message has them (`socketOptions.includeRaw`). Without them an UPDATE is built from the
//! JSON fields; a next hop of 32 octets, which appears there as two announcements of the same prefixes, becomes one again.

use std::collections::HashMap;
use std::sync::Arc;

use crate::mrt::Timestamp;
use crate::mrt::bgp4mp::{Direction, StateChange};
use crate::stream::attributes::Notes;
use crate::stream::record::{Origin, Status, printable};
use bytes::Bytes;

use super::arrival::{Arrival, ESTABLISHED, IDLE, Payload, session};
use super::rislive_data::{Data, Envelope, Number};
use super::rislive_update::{same_routes, update};

/// Collectors whose origin is kept; there are some thirty.
const MOST_COLLECTORS: usize = 256;

/// The byte order mark of UTF-8, which some editors write.
pub(super) const MARK: &[u8] = b"\xEF\xBB\xBF";

/// State of a session whose TCP connection is up; RIS calls it `connected`.
const CONNECT: u16 = 2;

/// Reads messages; what is remembered is the names of collectors.
#[derive(Debug, Default)]
pub(super) struct RisLive {
    origins: HashMap<String, Arc<Origin>>,
    base: Origin,
    last: Timestamp,
}

impl RisLive {
    /// A reader whose records have this origin, except for the collector.
    pub(super) fn new(base: Origin) -> Self {
        Self {
            base,
            ..Self::default()
        }
    }

    fn origin(&mut self, host: &str) -> Arc<Origin> {
        let collector = host.strip_suffix(".ripe.net").unwrap_or(host);
        if let Some(known) = self.origins.get(collector) {
            return known.clone();
        }
        let collector = printable(collector);
        let origin = Arc::new(Origin {
            collector: collector.clone(),
            ..self.base.clone()
        });
        if self.origins.len() < MOST_COLLECTORS {
            self.origins.insert(collector, origin.clone());
        }
        origin
    }

    /// The record of one line or WebSocket message; `None` for an empty one and for answers without data.
    pub(super) fn read(&mut self, line: &[u8]) -> Option<Arrival> {
        let line = line.strip_prefix(MARK).unwrap_or(line).trim_ascii();
        if line.is_empty() {
            return None;
        }
        let mut arrival = match self.message(line) {
            Ok(arrival) => arrival?,
            Err(reason) => self.damaged(line, reason),
        };
        arrival.always_first = true;
        Some(arrival)
    }

    /// A record that reports a damaged line. Its time and collector are those of the line, if they are legible.
    pub(super) fn damaged(&mut self, line: &[u8], reason: impl Into<String>) -> Arrival {
        let host = field(line, b"\"host\"").unwrap_or_default();
        let origin = self.origin(host);
        if let Some(seconds) = field(line, b"\"timestamp\"").and_then(|text| text.parse().ok()) {
            self.last = time(seconds);
        }
        Arrival {
            always_first: true,
            ..Arrival::damaged(origin, self.last, reason, None)
        }
    }

    fn message(&mut self, line: &[u8]) -> Result<Option<Arrival>, String> {
        let envelope: Envelope = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        match envelope.kind.as_deref() {
            Some("ris_message") => {}
            Some("ris_error") => {
                let text = envelope
                    .data
                    .as_ref()
                    .and_then(|data| data.get("message"))
                    .and_then(serde_json::Value::as_str)
                    .unwrap_or("no reason is given");
                return Err(format!("RIS Live reports an error: {}", printable(text)));
            }
            Some(_) => return Ok(None),
            None => return Err("a message without `type`".to_owned()),
        }
        let data = envelope.data.ok_or("a message without `data`")?;
        let data: Data = serde_json::from_value(data).map_err(|error| error.to_string())?;
        self.record(&data).map(Some)
    }

    fn record(&mut self, data: &Data) -> Result<Arrival, String> {
        let origin = self.origin(&data.host);
        let time = time(data.timestamp);
        self.last = time;
        let asn = match &data.peer_asn {
            Number::Number(asn) => *asn,
            Number::Text(text) => text
                .parse()
                .map_err(|_| format!("`{}` is not an AS number", printable(text)))?,
        };
        let session = session((data.peer, asn), (None, 0));
        let mut arrival = Arrival::new(origin, time);
        match data.kind.as_str() {
            "UPDATE" => {
                let (bytes, notes) = message(data)?;
                arrival.notes = notes;
                arrival.payload = Payload::Message {
                    session,
                    direction: Direction::Received,
                    asn4: true,
                    bytes: bytes.into(),
                };
            }
            "RIS_PEER_STATE" => {
                let new = match data.state.as_str() {
                    "down" => IDLE,
                    "connected" => CONNECT,
                    "up" => ESTABLISHED,
                    other => return Err(format!("an unknown state `{}`", printable(other))),
                };
                arrival.payload = Payload::State(StateChange {
                    session,
                    old: 0,
                    new,
                });
            }
            // OPEN, KEEPALIVE and NOTIFICATION among them, as in bgpreader.
            _ => {
                arrival.status = Status::UnsupportedRecord;
                if let Some(raw) = &data.raw
                    && let Some(bytes) = unhex(raw)
                {
                    arrival.payload = Payload::Message {
                        session,
                        direction: Direction::Received,
                        asn4: true,
                        bytes: Bytes::from(bytes),
                    };
                }
            }
        }
        Ok(arrival)
    }
}

/// The BGP message, and whether the JSON fields differ from it.
fn message(data: &Data) -> Result<(Vec<u8>, Notes), String> {
    let Some(raw) = &data.raw else {
        return Ok((update(data)?, Notes::NONE));
    };
    let bytes = unhex(raw).ok_or("`raw` is not hexadecimal")?;
    if bytes.len() < crate::bgp::message::HEADER {
        return Err("`raw` is shorter than a BGP header".to_owned());
    }
    let mut notes = Notes::NONE;
    let described = !data.announcements.is_empty() || !data.withdrawals.is_empty();
    if described && !update(data).is_ok_and(|built| same_routes(&built, &bytes)) {
        notes.add(Notes::DISAGREES);
    }
    Ok((bytes, notes))
}

/// The value of a field in a line that may be no JSON: up to what ends a number or a text without special characters.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let after = memchr::memmem::find(line, name)? + name.len();
    let rest = line.get(after..)?.trim_ascii_start();
    let rest = rest.strip_prefix(b":")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
    let is_end = |byte: &u8| matches!(byte, b'"' | b',' | b'}' | b']' | b'\\') || *byte <= b' ';
    let end = rest.iter().position(is_end).unwrap_or(rest.len());
    std::str::from_utf8(&rest[..end]).ok()
}

/// Seconds with a fraction; what is no time is 0.
fn time(seconds: f64) -> Timestamp {
    let micros = (seconds * 1e6).round();
    if !(0.0..=4_294_967_295e6).contains(&micros) {
        return Timestamp::default();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in the range that was checked"
    )]
    let micros = micros as u64;
    Timestamp {
        seconds: u32::try_from(micros / 1_000_000).unwrap_or_default(),
        micros: u32::try_from(micros % 1_000_000).unwrap_or_default(),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok())
        .collect()
}
