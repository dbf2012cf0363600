//! A query to a DNS server (RFC 1035), over UDP, and over TCP if the answer is truncated (RFC 2181 section 9).
//!
//! A datagram that does not belong to the query is ignored, as anyone may have sent it: the check goes on until an answer
//! with the identifier and the question of the query arrives (RFC 5452 section 9.1).

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// The port of a server if none is given.
const PORT: u16 = 53;

/// The time after which a query is sent again, as the datagram may be lost.
const AGAIN: Duration = Duration::from_secs(1);

const HEADER: usize = 12;

/// Class IN (RFC 1035 section 3.2.4).
const INTERNET: u16 = 1;

/// The types that have a name here (RFC 1035, RFC 2782, RFC 3596).
const TYPES: &[(&str, u16)] = &[
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
];

/// Response codes (RFC 1035 section 4.1.1).
const CODES: [&str; 6] = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
];

/// A domain name in the form of a message: labels with their lengths, and the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(Vec<u8>);

/// The type of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Type(u16);

/// What is asked, and which server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(super) server: SocketAddr,
    pub(super) name: Name,
    pub(super) kind: Type,
}

/// What a message is to a query.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// It does not belong to it.
    Unrelated,
    /// Not everything fits in.
    Truncated,
    Complete(Result<(), String>),
}

/// Parses a server: an address with or without a port.
///
/// # Errors
/// Returns an error if it is neither.
pub(super) fn server(text: &str) -> Result<SocketAddr, String> {
    let alone = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, PORT));
    alone.or_else(|_| {
        text.parse()
            .map_err(|_| "it must be an IP address, `ADDRESS:PORT` or `[ADDRESS]:PORT`".to_owned())
    })
}

/// Parses a domain name, with or without the dot at its end.
///
/// # Errors
/// Returns an error if a label has no or more than 63 octets, the name more than 255 (RFC 1035 section 2.3.4), or one of
/// its characters is not visible ASCII.
pub(super) fn name(text: &str) -> Result<Name, String> {
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("it must consist of visible ASCII characters".to_owned());
    }
    let relative = text.strip_suffix('.').unwrap_or(text);
    let mut name = Vec::new();
    // `.` is the root, which has no labels.
    for label in relative.split('.').filter(|_| text != ".") {
        match u8::try_from(label.len()) {
            Ok(length @ 1..=63) => name.push(length),
            _ => return Err("each label must have 1 to 63 characters".to_owned()),
        }
        name.extend_from_slice(label.as_bytes());
    }
    name.push(0);
    if name.len() > 255 {
        return Err("the name is too long".to_owned());
    }
    Ok(Name(name))
}

/// Parses a type: a name, or `TYPE` and a number (RFC 3597 section 5).
///
/// # Errors
/// Returns an error if it is unknown.
pub(super) fn kind(text: &str) -> Result<Type, String> {
    let upper = text.to_ascii_uppercase();
    let named = TYPES.iter().find(|(name, _)| *name == upper);
    let number = || upper.strip_prefix("TYPE")?.parse().ok();
    named
        .map(|(_, number)| *number)
        .or_else(number)
        .map(Type)
        .ok_or_else(|| {
            let names: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
            format!("expected one of {}, or `TYPE65`", names.join(", "))
        })
}

/// Sends the query, and evaluates the answer.
///
/// # Errors
/// Returns the reason if there is no answer with a record of the requested type.
pub(super) async fn ask(query: &Query) -> Result<(), String> {
    let server = query.server;
    let failed = |cause: std::io::Error| format!("cannot ask {server}: {cause}");
    // The system chooses a port at random (RFC 5452 section 9.2).
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await.map_err(failed)?;
    socket.connect(server).await.map_err(failed)?;
    let message = query.message(identifier());
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        socket.send(&message).await.map_err(failed)?;
        let answer = async {
            loop {
                let length = socket.recv(&mut buffer).await?;
                match query.evaluate(&message, &buffer[..length]) {
                    Answer::Unrelated => {}
                    answer => return Ok(answer),
                }
            }
        };
        match timeout(AGAIN, answer).await {
            Ok(Ok(Answer::Complete(result))) => return result,
            Ok(Ok(_)) => return again(query).await,
            Ok(Err(cause)) => return Err(failed(cause)),
            Err(_) => {}
        }
    }
}

/// Sends the query over TCP, where each message follows its length (RFC 7766 section 8).
async fn again(query: &Query) -> Result<(), String> {
    let server = query.server;
    let failed = |cause: std::io::Error| format!("cannot ask {server} over TCP: {cause}");
    let message = query.message(identifier());
    let mut framed = u16::try_from(message.len())
        .unwrap_or_default()
        .to_be_bytes()
        .to_vec();
    framed.extend_from_slice(&message);
    let answer = async {
        let mut stream = TcpStream::connect(server).await?;
        stream.write_all(&framed).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    };
    match query.evaluate(&message, &answer.await.map_err(failed)?) {
        Answer::Complete(result) => result,
        Answer::Truncated => Err("the answer over TCP is truncated".to_owned()),
        Answer::Unrelated => Err("the answer over TCP belongs to another query".to_owned()),
    }
}

/// An identifier that others cannot guess.
fn identifier() -> u16 {
    let [first, second, ..] = RandomState::new().build_hasher().finish().to_be_bytes();
    u16::from_be_bytes([first, second])
}

impl Query {
    /// The message: a standard query with recursion desired, and one question.
    fn message(&self, identifier: u16) -> Vec<u8> {
        let mut message = identifier.to_be_bytes().to_vec();
        message.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        message.extend_from_slice(&self.name.0);
        message.extend_from_slice(&self.kind.0.to_be_bytes());
        message.extend_from_slice(&INTERNET.to_be_bytes());
        message
    }

    fn evaluate(&self, asked: &[u8], answer: &[u8]) -> Answer {
        let (Some(header), Some((_, question))) = (
            answer.first_chunk::<HEADER>(),
            asked.split_at_checked(HEADER),
        ) else {
            return Answer::Unrelated;
        };
        let code = header[3] & 0x0f;
        // QR is set, and the operation is a standard query.
        if header[..2] != asked[..2] || header[2] & 0xf8 != 0x80 {
            return Answer::Unrelated;
        }
        let rest = &answer[HEADER..];
        let rest = match u16::from_be_bytes([header[4], header[5]]) {
            // Servers that cannot read a query need not repeat the question.
            0 if code != 0 => rest,
            1 => match rest.split_at_checked(question.len()) {
                Some((echo, rest)) if self.is_question(echo) => rest,
                _ => return Answer::Unrelated,
            },
            _ => return Answer::Unrelated,
        };
        if code != 0 {
            let name = CODES.get(usize::from(code)).copied();
            let reason = name.map_or_else(|| format!("code {code}"), str::to_owned);
            return Answer::Complete(Err(format!("the server answers {reason}")));
        }
        if header[2] & 0x02 != 0 {
            return Answer::Truncated;
        }
        let count = u16::from_be_bytes([header[6], header[7]]);
        Answer::Complete(match holds(rest, count, self.kind) {
            Some(true) => Ok(()),
            Some(false) => Err("the answer has no record of the type".to_owned()),
            None => Err("the answer is malformed".to_owned()),
        })
    }

    /// Whether a question is that of the query. Case does not matter in a name (RFC 4343).
    fn is_question(&self, echo: &[u8]) -> bool {
        echo.split_at_checked(self.name.0.len())
            .is_some_and(|(name, rest)| {
                let [first, second] = self.kind.0.to_be_bytes();
                name.eq_ignore_ascii_case(&self.name.0) && rest == [first, second, 0, 1]
            })
    }
}

/// Whether one of `count` records has the type; `None` if they cannot be read.
fn holds(mut records: &[u8], count: u16, kind: Type) -> Option<bool> {
    let mut found = false;
    for _ in 0..count {
        let fixed = after_name(records)?;
        let (fixed, rest) = fixed.split_first_chunk::<10>()?;
        let class = u16::from_be_bytes([fixed[2], fixed[3]]);
        found |= u16::from_be_bytes([fixed[0], fixed[1]]) == kind.0 && class == INTERNET;
        let length = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        records = rest.get(length..)?;
    }
    Some(found)
}

/// What follows a name, which ends with the root or with a pointer (RFC 1035 section 4.1.4).
fn after_name(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (&length, rest) = bytes.split_first()?;
        match length {
            0 => return Some(rest),
            1..=63 => bytes = rest.get(usize::from(length)..)?,
            0xc0.. => return rest.get(1..),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_labels() {
        assert_eq!(name("."), Ok(Name(vec![0])));
        assert_eq!(name("a.bc"), Ok(Name(b"\x01a\x02bc\0".to_vec())));
        assert_eq!(name("a.bc."), name("a.bc"));
        assert!(name(&"a.".repeat(127)).is_ok() && name(&"a.".repeat(128)).is_err());
        assert!(name(&"a".repeat(63)).is_ok() && name(&"a".repeat(64)).is_err());
        for wrong in ["", "..", "a..b", ".a", "a b", "ä.example"] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn types_have_names_or_numbers() {
        assert_eq!((kind("aaaa"), kind("TYPE65")), (Ok(Type(28)), Ok(Type(65))));
        assert!(kind("ANYTHING").is_err() && kind("TYPE65536").is_err() && kind("1").is_err());
    }

    #[test]
    fn servers_have_port_53_unless_another_is_given() {
        let port = |text| server(text).map(|server| server.port());
        assert_eq!((port("192.0.2.1"), port("2001:db8::1")), (Ok(53), Ok(53)));
        assert_eq!((port("192.0.2.1:54"), port("[::1]:54")), (Ok(54), Ok(54)));
        assert!(port("ns.example.net").is_err());
    }

    #[test]
    fn an_answer_cut_anywhere_is_never_good() {
        let query = Query {
            server: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT),
            name: name("www.example.net").expect("a name"),
            kind: Type(1),
        };
        let asked = query.message(7);
        let mut answer = asked.clone();
        (answer[2], answer[3], answer[7]) = (0x81, 0x80, 1);
        answer.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01");
        assert_eq!(query.evaluate(&asked, &answer), Answer::Complete(Ok(())));
        for length in 0..answer.len() {
            let found = query.evaluate(&asked, &answer[..length]);
            assert_ne!(found, Answer::Complete(Ok(())), "{length} octets");
        }
    }
}
