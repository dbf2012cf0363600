//! What a daemon cannot be faster than: one thread between a helper and a session that does nothing but split, encode and write.
//!
//! `limit send PORT HELPER...` encodes the `announce route` lines of a helper for the peer at 127.1.0.1; `limit receive PORT HELPER...`
//! prints the UPDATEs of that peer as JSON for a helper. It knows what `tests/bench/load.py` prints and sends, and checks nothing,
//! stores nothing, answers nothing.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use std::{env, iter};

mod bgp;

use bgp::{HEADER, number, opening};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const LONGEST: usize = 4_096;
/// Bytes of one read.
const READ: usize = 1 << 20;

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [what, port, helper, rest @ ..] = &words[..] else {
        return Err("usage: limit send|receive PORT HELPER...".into());
    };
    let mut helper = Command::new(helper)
        .args(rest)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (input, output) = (helper.stdin.take(), helper.stdout.take());
    let (input, output) = (input.ok_or("no stdin")?, output.ok_or("no stdout")?);
    let stream = session(port.parse()?)?;
    match &what[..] {
        "send" => send(output, stream),
        _ => receive(stream, input),
    }
}

/// An established session with the peer.
fn session(port: u16) -> Result<TcpStream> {
    let mut stream = loop {
        match TcpStream::connect(("127.1.0.1", port)) {
            Ok(stream) => break stream,
            Err(_) => sleep(Duration::from_millis(5)),
        }
    };
    stream.write_all(&opening(65_000, [10, 0, 0, 1]))?;
    // OPEN, then KEEPALIVE.
    for kind in [1, 4] {
        let mut header = [0; HEADER];
        stream.read_exact(&mut header)?;
        let mut body = vec![0; number(&header[16..]) - HEADER];
        stream.read_exact(&mut body)?;
        if header[18] != kind {
            return Err(format!("message {} {body:?}", header[18]).into());
        }
    }
    Ok(stream)
}

/// An UPDATE that is being filled with routes of the same attributes.
#[derive(Default)]
struct Filling {
    /// The attributes as text, and encoded.
    text: Vec<u8>,
    attributes: Vec<u8>,
    routes: Vec<u8>,
    /// Whole messages.
    out: Vec<u8>,
}

impl Filling {
    fn line(&mut self, line: &[u8]) -> Option<()> {
        let rest = line.strip_prefix(b"announce route ")?;
        let end = rest.iter().position(|&byte| byte == b' ')?;
        let (prefix, text) = rest.split_at(end);
        if text != self.text {
            self.end();
            self.text.clear();
            self.text.extend_from_slice(text);
            self.attributes = attributes(text)?;
        } else if HEADER + 4 + self.attributes.len() + self.routes.len() + 5 > LONGEST {
            self.end();
        }
        let mut parts = prefix.split(|byte| b"./".contains(byte)).map(decimal);
        let octets =
            [parts.next()?, parts.next()?, parts.next()?, parts.next()?].map(|octet| octet as u8);
        let length = parts.next()? as u8;
        self.routes.push(length);
        self.routes
            .extend_from_slice(&octets[..usize::from(length.div_ceil(8))]);
        Some(())
    }

    fn end(&mut self) {
        if self.routes.is_empty() {
            return;
        }
        let length = HEADER + 4 + self.attributes.len() + self.routes.len();
        self.out.extend_from_slice(&[0xFF; 16]);
        self.out.extend_from_slice(&(length as u16).to_be_bytes());
        self.out.extend_from_slice(&[2, 0, 0]);
        self.out
            .extend_from_slice(&(self.attributes.len() as u16).to_be_bytes());
        self.out.extend_from_slice(&self.attributes);
        self.out.extend_from_slice(&self.routes);
        self.routes.clear();
    }
}

/// ORIGIN, AS_PATH, NEXT_HOP, MED and COMMUNITIES as text.
fn attributes(text: &[u8]) -> Option<Vec<u8>> {
    let mut words = text.split(|&byte| byte == b' ').skip(1);
    let (mut hop, mut path, mut med, mut communities) = (vec![], vec![], vec![], vec![]);
    while let Some(word) = words.next() {
        let list = |words: &mut dyn Iterator<Item = &[u8]>| -> Vec<Vec<u8>> {
            words
                .skip(1)
                .take_while(|word| *word != b"]")
                .map(<[u8]>::to_vec)
                .collect()
        };
        match word {
            b"next-hop" => {
                hop = words
                    .next()?
                    .split(|&byte| byte == b'.')
                    .map(|part| decimal(part) as u8)
                    .collect()
            }
            b"med" => med = decimal(words.next()?).to_be_bytes().to_vec(),
            b"as-path" => {
                path = list(&mut words)
                    .iter()
                    .flat_map(|asn| decimal(asn).to_be_bytes())
                    .collect()
            }
            b"community" => {
                let values = list(&mut words);
                let halves = values
                    .iter()
                    .flat_map(|value| value.split(|&byte| byte == b':'));
                communities = halves
                    .flat_map(|half| (decimal(half) as u16).to_be_bytes())
                    .collect();
            }
            _ => return None,
        }
    }
    let segment = [&[2, (path.len() / 4) as u8][..], &path].concat();
    let mut all = vec![0x40, 1, 1, 0];
    for (flags, code, value) in [
        (0x40, 2, segment),
        (0x40, 3, hop),
        (0x80, 4, med),
        (0xC0, 8, communities),
    ] {
        if !value.is_empty() {
            all.extend_from_slice(&[flags, code, value.len() as u8]);
            all.extend_from_slice(&value);
        }
    }
    Some(all)
}

fn decimal(text: &[u8]) -> u32 {
    text.iter()
        .fold(0, |sum, digit| sum * 10 + u32::from(digit & 15))
}

fn send(mut lines: impl Read, mut stream: TcpStream) -> Result<()> {
    let (mut buffer, mut filling, mut kept) = (vec![0; READ], Filling::default(), 0);
    loop {
        let count = match lines.read(&mut buffer[kept..])? {
            0 => return Ok(()),
            count => kept + count,
        };
        let end = buffer[..count]
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        for line in buffer[..end]
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            filling
                .line(line)
                .ok_or_else(|| format!("not known: {}", line.escape_ascii()))?;
        }
        filling.end();
        buffer.copy_within(end..count, 0);
        kept = count - end;
        stream.write_all(&filling.out)?;
        filling.out.clear();
    }
}

fn receive(mut stream: TcpStream, mut helper: ChildStdin) -> Result<()> {
    let (mut buffer, mut kept, mut out) = (vec![0; READ], 0, Vec::new());
    loop {
        let count = match stream.read(&mut buffer[kept..])? {
            0 => return Ok(()),
            count => kept + count,
        };
        let mut data = &buffer[..count];
        while data.len() >= HEADER && data.len() >= number(&data[16..]) {
            let (message, rest) = data.split_at(number(&data[16..]));
            if message[18] == 2 {
                event(message, &mut out).ok_or("an UPDATE is cut")?;
            }
            data = rest;
        }
        let left = data.len();
        buffer.copy_within(count - left..count, 0);
        kept = left;
        helper.write_all(&out)?;
        out.clear();
    }
}

/// An UPDATE as a JSON line, shaped as ExaBGP's.
fn event(message: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (mut attributes, mut routes) = message
        .get(23..)?
        .split_at_checked(number(&message[21..]))?;
    out.extend_from_slice(br#"{ "exabgp": "5.0.0", "time": 1764446400.0, "host" : "limit", "pid" : 1, "ppid" : 1, "counter": 1, "type": "update", "neighbor": { "address": { "local": "127.0.0.1", "peer": "127.1.0.1" }, "asn": { "local": 65000, "peer": 65001 } , "direction": "receive", "message": { "update": { "attribute": { "origin": "igp""#);
    let mut hop: &[u8] = &[];
    while let [_, code, length, rest @ ..] = attributes {
        let (value, rest) = rest.split_at_checked(usize::from(*length))?;
        match code {
            2 => list(out, "as-path", value.get(2..)?.chunks(4), |out, asn| {
                digits(
                    out,
                    asn.iter()
                        .fold(0, |sum, octet| sum << 8 | u32::from(*octet)),
                )
            }),
            3 => hop = value,
            8 => list(out, "community", value.chunks(4), |out, pair| {
                out.push(b'[');
                digits(out, number(pair) as u32);
                out.extend_from_slice(b", ");
                digits(out, number(&pair[2..]) as u32);
                out.push(b']');
            }),
            _ => {}
        }
        attributes = rest;
    }
    out.extend_from_slice(br#" }, "announce": { "ipv4 unicast": { ""#);
    dotted(out, hop.iter().copied());
    out.extend_from_slice(br#"": [ "#);
    let mut comma: &[u8] = b"";
    while let [length, rest @ ..] = routes {
        let (octets, rest) = rest.split_at_checked(usize::from(length.div_ceil(8)))?;
        out.extend_from_slice(comma);
        out.extend_from_slice(br#"{ "nlri": ""#);
        dotted(out, octets.iter().copied().chain(iter::repeat(0)).take(4));
        out.push(b'/');
        digits(out, (*length).into());
        out.extend_from_slice(br#"" }"#);
        comma = b", ";
        routes = rest;
    }
    out.extend_from_slice(b" ] } } } } } }\n");
    Some(())
}

fn list<'a>(
    out: &mut Vec<u8>,
    name: &str,
    items: impl Iterator<Item = &'a [u8]>,
    print: impl Fn(&mut Vec<u8>, &[u8]),
) {
    out.extend_from_slice(br#", ""#);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(br#"": [ "#);
    let mut comma: &[u8] = b"";
    for item in items {
        out.extend_from_slice(comma);
        print(out, item);
        comma = b", ";
    }
    out.extend_from_slice(b" ]");
}

fn dotted(out: &mut Vec<u8>, octets: impl Iterator<Item = u8>) {
    for (at, octet) in octets.enumerate() {
        if at > 0 {
            out.push(b'.');
        }
        digits(out, octet.into());
    }
}

fn digits(out: &mut Vec<u8>, number: u32) {
    if number >= 10 {
        digits(out, number / 10);
    }
    out.push(b'0' + (number % 10) as u8);
}
