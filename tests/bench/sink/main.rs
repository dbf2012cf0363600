//! Peers that count the prefixes that a daemon announces to them: what `tests/bench/compare` measures ends here.
//!
//! `sink PEERS PORT N MORE GO OUT`: peers in AS 65001, from 127.1.0.1 on, are announced N prefixes and then MORE, all /24s. With
//! `flips` for MORE it is one prefix whose MED counts from 0 to N - 1, beside others without MED: a daemon may leave out versions
//! that were replaced before they were sent. With GO other than `-` the peers send no OPEN before that file exists. Times are seconds of CLOCK_MONOTONIC, the result is JSON in
//! the file OUT. It is compiled since peers in Python took longer to count a table than the daemons to send it.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::time::{ClockId, clock_gettime};

mod bgp;

use bgp::{HEADER, HOLD, message, number, opening};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const PEER_AS: u32 = 65_001;
/// Bytes of one read.
const READ: usize = 1 << 20;
/// Events of one wait.
const EVENTS: usize = 256;
/// About the most samples that are reported.
const SAMPLES: usize = 500;

/// One end of a session.
struct Peer {
    number: usize,
    stream: TcpStream,
    /// The beginning of a message.
    rest: Vec<u8>,
    /// Prefixes that it was announced.
    seen: usize,
    /// Whether they are versions of one, which are counted by their MED.
    flips: bool,
    /// Bytes of whole messages.
    size: usize,
    is_up: bool,
    /// Whether it has all prefixes.
    has_all: bool,
}

impl Peer {
    fn open(&mut self) -> Result<()> {
        let [.., high, low] = (self.number as u32).to_be_bytes();
        Ok(self
            .stream
            .write_all(&opening(PEER_AS, [10, 1, high, low]))?)
    }

    /// Reads what is there. Returns the number of prefixes that whole messages announce, or that of the last version.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let count = match self.stream.read(buffer) {
            Ok(0) => return Err("the daemon closed the connection".into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            result => result?,
        };
        let chunk = &buffer[..count];
        let mut seen = 0;
        let left = if self.rest.is_empty() {
            self.messages(chunk, &mut seen)?
        } else {
            let mut data = std::mem::take(&mut self.rest);
            data.extend_from_slice(chunk);
            let left = self.messages(&data, &mut seen)?;
            self.rest = data.split_off(data.len() - left);
            0
        };
        if left > 0 {
            self.rest.extend_from_slice(&chunk[count - left..]);
        }
        if self.flips && seen > 0 {
            self.seen = seen;
        } else {
            self.seen += seen;
        }
        Ok(seen)
    }

    /// Counts the prefixes of the messages in `data`. Returns the number of bytes after the last whole message.
    fn messages(&mut self, mut data: &[u8], seen: &mut usize) -> Result<usize> {
        while data.len() >= HEADER {
            let length = number(&data[16..]);
            if length < HEADER {
                return Err("a message is shorter than its header".into());
            }
            if data.len() < length {
                break;
            }
            let (message, rest) = data.split_at(length);
            match message[18] {
                2 => {
                    let withdrawn = number(&message[19..]);
                    let attributes = number(&message[21 + withdrawn..]);
                    let prefixes = (length - 23 - withdrawn - attributes) / 4;
                    if !self.flips {
                        *seen += prefixes;
                    } else if let Some(med) = med(&message[23 + withdrawn..][..attributes]) {
                        *seen = med as usize + 1;
                    }
                }
                3 => return Err(format!("NOTIFICATION {:?}", &message[HEADER..]).into()),
                4 => self.is_up = true,
                _ => {}
            }
            self.size += length;
            data = rest;
        }
        Ok(data.len())
    }
}

/// The MULTI_EXIT_DISC.
fn med(mut attributes: &[u8]) -> Option<u32> {
    loop {
        let (&[flags, code], rest) = attributes.split_first_chunk()?;
        let (length, rest) = if flags & 0x10 == 0 {
            let (&length, rest) = rest.split_first()?;
            (usize::from(length), rest)
        } else {
            let (&length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(length)), rest)
        };
        if code == 4 {
            return Some(u32::from_be_bytes(*rest.first_chunk()?));
        }
        attributes = rest.get(length..)?;
    }
}

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [peers, port, routes, more, go, out] = &words[..] else {
        return Err("usage: sink PEERS PORT N MORE GO OUT".into());
    };
    let (count, routes): (usize, usize) = (peers.parse()?, routes.parse()?);
    let flips = more == "flips";
    let more: usize = if flips { 0 } else { more.parse()? };
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let listeners = (0..count).map(|number| {
        let (high, low) = ((number / 250) as u8, (number % 250 + 1) as u8);
        TcpListener::bind((Ipv4Addr::new(127, 1, high, low), port.parse()?)).map_err(Into::into)
    });
    let listeners: Vec<TcpListener> = listeners.collect::<Result<_>>()?;
    touch(&format!("{out}.listening"))?;
    let mut peers = connections(&listeners, flips)?;
    if go != "-" {
        touch(&format!("{out}.connected"))?;
        while !Path::new(go).exists() {
            sleep(Duration::from_millis(5));
        }
        publish(&format!("{go}.start"), &now()?.to_string())?;
    }
    run(&mut peers, (routes, more), out)
}

/// Accepts the connections of the daemon, which may try more than once.
fn connections(listeners: &[TcpListener], flips: bool) -> Result<Vec<Peer>> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    for (listener, number) in listeners.iter().zip(0..) {
        epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, number))?;
    }
    let mut accepted: Vec<Option<TcpStream>> = listeners.iter().map(|_| None).collect();
    let (mut waiting, mut events) = (listeners.len(), [EpollEvent::empty(); EVENTS]);
    while waiting > 0 {
        let count = epoll.wait(&mut events, EpollTimeout::NONE)?;
        for event in &events[..count] {
            let number = event.data() as usize;
            let stream = listeners[number].accept()?.0;
            stream.set_nonblocking(true)?;
            waiting -= usize::from(accepted[number].replace(stream).is_none());
        }
    }
    let numbered = accepted.into_iter().flatten().zip(0..);
    let peers = numbered.map(|(stream, number)| Peer {
        number,
        stream,
        rest: Vec::new(),
        seen: 0,
        flips,
        size: 0,
        is_up: false,
        has_all: false,
    });
    Ok(peers.collect())
}

/// Opens the sessions and counts, until the daemon closes a connection.
fn run(peers: &mut [Peer], (routes, more): (usize, usize), out: &str) -> Result<()> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    for peer in &mut *peers {
        peer.open()?;
        epoll.add(
            &peer.stream,
            EpollEvent::new(EpollFlags::EPOLLIN, peer.number as u64),
        )?;
    }
    let every = Duration::from_secs((HOLD / 3).into());
    let (mut alive, mut buffer) = (Instant::now(), vec![0; READ]);
    let mut events = [EpollEvent::empty(); EVENTS];
    let (mut down, mut goal, mut is_over) = (peers.len(), routes, false);
    let mut left = if routes > 0 { peers.len() } else { 0 };
    let mut samples: Vec<(f64, usize)> = Vec::new();
    loop {
        let count = epoll.wait(&mut events, EpollTimeout::from(1_000_u16))?;
        for event in &events[..count] {
            let peer = &mut peers[event.data() as usize];
            let was_up = peer.is_up;
            let seen = peer.read(&mut buffer)?;
            if peer.is_up && !was_up {
                down -= 1;
                if down == 0 {
                    touch(&format!("{out}.up"))?;
                }
            }
            if seen > 0 && peer.number == 0 && !is_over {
                samples.push((now()?, peer.seen));
            }
            if routes > 0 && peer.seen >= goal && !peer.has_all {
                peer.has_all = true;
                left -= 1;
            }
        }
        if left == 0 && more > 0 && goal == routes {
            touch(&format!("{out}.loaded"))?;
            goal += more;
            left = peers.len();
            peers.iter_mut().for_each(|peer| peer.has_all = false);
        }
        if left == 0 && down == 0 && !is_over {
            is_over = true;
            let end = now()?;
            let bytes = peers.iter().map(|peer| peer.size).sum();
            publish(out, &report(end, bytes, &samples))?;
        }
        if alive.elapsed() >= every {
            alive = Instant::now();
            for peer in &mut *peers {
                peer.stream.write_all(&message(4, &[]))?;
            }
        }
    }
}

fn report(end: f64, bytes: usize, samples: &[(f64, usize)]) -> String {
    let step = (samples.len() / SAMPLES).max(1);
    let shown = samples.iter().step_by(step).chain(samples.last());
    let shown: Vec<String> = shown.map(|(at, seen)| format!("[{at}, {seen}]")).collect();
    let shown = shown.join(", ");
    format!(r#"{{"end": {end}, "bytes": {bytes}, "samples": [{shown}]}}"#)
}

/// Seconds of the clock that all processes share.
fn now() -> Result<f64> {
    Ok(Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?).as_secs_f64())
}

fn touch(path: &str) -> Result<()> {
    Ok(fs::write(path, "")?)
}

/// Writes a file that is complete as soon as it exists.
fn publish(path: &str, text: &str) -> Result<()> {
    fs::write(format!("{path}.part"), text)?;
    Ok(fs::rename(format!("{path}.part"), path)?)
}
