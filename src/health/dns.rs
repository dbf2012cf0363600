//! Queries to DNS servers and their answers (RFC 1035).
//!
//! A datagram that does not belong to the query is not an answer, as anyone may have sent it: it must have the identifier and
//! the question of the query (RFC 5452 section 9.1).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::failure::{Cause, Failure};

/// The port of a server if none is given.
pub const PORT: u16 = 53;

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

/// The response code of a name that does not exist: NXDOMAIN.
const NO_NAME: u8 = 3;

/// Response codes (RFC 1035 section 4.1.1).
const CODES: [&str; 6] = [
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
];

/// A domain name in the form of a message: labels with their lengths, and the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(Vec<u8>);

/// The type of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Type(u16);

/// What is asked, and which server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The server.
    pub server: SocketAddr,
    /// The name that it is asked for.
    pub name: Name,
    /// The type of the record.
    pub kind: Type,
    /// What the answer must be.
    pub expects: Expected,
}

/// What an answer must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// It has a record of the requested type.
    #[default]
    Record,
    /// It has this address among its records.
    Address(IpAddr),
    /// The name does not exist.
    NoName,
}

/// What a message is to a query.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// It does not belong to it.
    Unrelated,
    /// Not everything fits in.
    Truncated,
    /// It belongs to it: the addresses among its records, or why it is not the expected one.
    Complete(Result<Vec<IpAddr>, Failure>),
}

/// Parses a server: an address with or without a port.
///
/// # Errors
/// Returns an error if it is neither.
pub fn server(text: &str) -> Result<SocketAddr, String> {
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
pub fn name(text: &str) -> Result<Name, String> {
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
pub fn kind(text: &str) -> Result<Type, String> {
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

impl Type {
    /// An IPv4 address.
    pub const A: Self = Self(1);
    /// An IPv6 address.
    pub const AAAA: Self = Self(28);
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match TYPES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = &self.0[..];
        if rest.len() < 2 {
            return f.write_str(".");
        }
        while let Some((&length @ 1.., after)) = rest.split_first() {
            if rest.len() < self.0.len() {
                f.write_str(".")?;
            }
            let (label, after) = after.split_at(usize::from(length).min(after.len()));
            f.write_str(&String::from_utf8_lossy(label))?;
            rest = after;
        }
        Ok(())
    }
}

impl Query {
    /// The message: a standard query with recursion desired, and one question.
    pub fn message(&self, identifier: u16) -> Vec<u8> {
        let mut message = identifier.to_be_bytes().to_vec();
        message.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        message.extend_from_slice(&self.name.0);
        message.extend_from_slice(&self.kind.0.to_be_bytes());
        message.extend_from_slice(&INTERNET.to_be_bytes());
        message
    }

    /// Evaluates a message that arrived after `asked` was sent.
    pub fn evaluate(&self, asked: &[u8], answer: &[u8]) -> Answer {
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
            return Answer::Complete(match (code, self.expects) {
                (NO_NAME, Expected::NoName) => Ok(Vec::new()),
                _ => Err(refused(code)),
            });
        }
        if header[2] & 0x02 != 0 {
            return Answer::Truncated;
        }
        let count = u16::from_be_bytes([header[6], header[7]]);
        Answer::Complete(self.contents(rest, count))
    }

    /// Judges the records of an answer.
    fn contents(&self, rest: &[u8], count: u16) -> Result<Vec<IpAddr>, Failure> {
        let Some((found, addresses)) = records(rest, count, self.kind) else {
            return Err(Failure::new(Cause::Protocol, "the answer is malformed"));
        };
        let content = |reason: String| Err(Failure::new(Cause::Content, reason));
        match self.expects {
            Expected::NoName => content("the name exists".to_owned()),
            _ if !found => content("the answer has no record of the type".to_owned()),
            Expected::Address(wanted) if !addresses.contains(&wanted) => {
                content(format!("the answer does not have {wanted}"))
            }
            _ => Ok(addresses),
        }
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

/// The failure of a response code.
fn refused(code: u8) -> Failure {
    let name = CODES.get(usize::from(code)).copied();
    let reason = name.map_or_else(|| format!("code {code}"), str::to_owned);
    Failure::new(Cause::Status, format!("the server answers {reason}"))
}

/// Whether one of `count` records has the type, and the addresses of those that have; `None` if they cannot be read.
fn records(mut records: &[u8], count: u16, kind: Type) -> Option<(bool, Vec<IpAddr>)> {
    let (mut found, mut addresses) = (false, Vec::new());
    for _ in 0..count {
        let fixed = after_name(records)?;
        let (fixed, rest) = fixed.split_first_chunk::<10>()?;
        let class = u16::from_be_bytes([fixed[2], fixed[3]]);
        let length = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
        let (data, after) = rest.split_at_checked(length)?;
        if u16::from_be_bytes([fixed[0], fixed[1]]) == kind.0 && class == INTERNET {
            found = true;
            match kind {
                Type::A => addresses.push(IpAddr::from(<[u8; 4]>::try_from(data).ok()?)),
                Type::AAAA => addresses.push(IpAddr::from(<[u8; 16]>::try_from(data).ok()?)),
                _ => {}
            }
        }
        records = after;
    }
    Some((found, addresses))
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
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn names_are_written_as_labels() {
        assert_eq!(name("."), Ok(Name(vec![0])));
        assert_eq!(name("a.bc"), Ok(Name(b"\x01a\x02bc\0".to_vec())));
        assert_eq!(name("a.bc."), name("a.bc"));
        for text in [".", "a.bc", "www.example.net"] {
            assert_eq!(name(text).map(|name| name.to_string()).as_deref(), Ok(text));
        }
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
            kind: Type::A,
            expects: Expected::Record,
        };
        let asked = query.message(7);
        let mut answer = asked.clone();
        (answer[2], answer[3], answer[7]) = (0x81, 0x80, 1);
        answer.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01");
        let address: IpAddr = Ipv4Addr::new(192, 0, 2, 1).into();
        assert_eq!(
            query.evaluate(&asked, &answer),
            Answer::Complete(Ok(vec![address]))
        );
        for length in 0..answer.len() {
            let found = query.evaluate(&asked, &answer[..length]);
            assert!(!matches!(found, Answer::Complete(Ok(_))), "{length} octets");
        }
        let expecting = |expects| Query {
            expects,
            ..query.clone()
        };
        let judge = |answer: &[u8], expects| expecting(expects).evaluate(&asked, answer);
        assert!(matches!(
            judge(&answer, Expected::Address(address)),
            Answer::Complete(Ok(_))
        ));
        let other = Ipv4Addr::new(192, 0, 2, 2).into();
        for wrong in [Expected::Address(other), Expected::NoName] {
            assert!(matches!(judge(&answer, wrong), Answer::Complete(Err(_))));
        }
        answer[3] = 0x83;
        assert!(matches!(
            judge(&answer, Expected::Record),
            Answer::Complete(Err(_))
        ));
        assert!(matches!(
            judge(&answer, Expected::NoName),
            Answer::Complete(Ok(_))
        ));
    }
}
