//! `asm afi ipv4 safi unicast advisory "text"`: operational messages (draft-ietf-idr-operational-message) as written in
//! configurations and commands.

use std::net::Ipv4Addr;

use crate::bgp::message::operational as wire;
use crate::bgp::{Afi, Family, Safi};
use crate::text::{Cursor, SyntaxError, value};

/// An operational message as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operational {
    /// The payload.
    pub kind: Kind,
    /// The family that it is about.
    pub family: Family,
    /// The router that it is from or about, if given.
    pub router_id: Option<Ipv4Addr>,
}

/// The payload of an operational message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Advisory demand message.
    Adm(String),
    /// Advisory static message.
    Asm(String),
    /// Reachable prefix count: request.
    Rpcq(u32),
    /// Reachable prefix count: sequence and count.
    Rpcp(u32, u32),
    /// Adj-RIB-Out prefix count: request.
    Apcq(u32),
    /// Adj-RIB-Out prefix count: sequence and count.
    Apcp(u32, u32),
    /// Loc-RIB prefix count: request.
    Lpcq(u32),
    /// Loc-RIB prefix count: sequence and count.
    Lpcp(u32, u32),
}

impl Kind {
    /// The words of the messages.
    pub const NAMES: [&str; 8] = ["asm", "adm", "rpcq", "rpcp", "apcq", "apcp", "lpcq", "lpcp"];

    /// The word of the message.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Adm(_) => "adm",
            Self::Asm(_) => "asm",
            Self::Rpcq(_) => "rpcq",
            Self::Rpcp(..) => "rpcp",
            Self::Apcq(_) => "apcq",
            Self::Apcp(..) => "apcp",
            Self::Lpcq(_) => "lpcq",
            Self::Lpcp(..) => "lpcp",
        }
    }
}

impl Operational {
    /// Reads the message; `name` is its word, which was taken already.
    ///
    /// # Errors
    /// When the name is unknown, a part is missing, or the text is longer than 2,048 octets.
    pub fn parse(name: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        if !Kind::NAMES.contains(&name) {
            return Err(SyntaxError::new(
                c.last_span(),
                format!("there is no operational message `{name}`"),
            )
            .with_help(format!("there are `{}`", Kind::NAMES.join("`, `"))));
        }
        c.expect("afi")?;
        let afi = c.value("an address family such as `ipv4`", Afi::from_name)?;
        c.expect("safi")?;
        let safi = c.value("a subsequent family such as `unicast`", Safi::from_name)?;
        let mut router_id = None;
        if c.accept("router-id") {
            router_id = Some(c.value("an IPv4 address", value::ipv4)?);
        }
        let kind = match name {
            "asm" | "adm" => {
                c.expect("advisory")?;
                let text = advisory(c)?;
                if name == "asm" {
                    Kind::Asm(text)
                } else {
                    Kind::Adm(text)
                }
            }
            _ => numbers(name, c)?,
        };
        Ok(Self {
            kind,
            family: Family { afi, safi },
            router_id,
        })
    }

    /// The message to send. Without a router identifier it has `0.0.0.0`, which stands for ours on the session.
    pub fn message(self) -> wire::Operational {
        let router_id = self.router_id.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let query = |sequence| wire::Content::Query {
            router_id,
            sequence,
        };
        let reply = |sequence, counter| wire::Content::Counter {
            router_id,
            sequence,
            counter,
        };
        let advisory = |text: String| wire::Content::Advisory(text.into_bytes());
        let (kind, content) = match self.kind {
            Kind::Adm(text) => (wire::OperationalType::ADM, advisory(text)),
            Kind::Asm(text) => (wire::OperationalType::ASM, advisory(text)),
            Kind::Rpcq(sequence) => (wire::OperationalType::RPCQ, query(sequence)),
            Kind::Rpcp(sequence, count) => (wire::OperationalType::RPCP, reply(sequence, count)),
            Kind::Apcq(sequence) => (wire::OperationalType::APCQ, query(sequence)),
            Kind::Apcp(sequence, count) => (wire::OperationalType::APCP, reply(sequence, count)),
            Kind::Lpcq(sequence) => (wire::OperationalType::LPCQ, query(sequence)),
            Kind::Lpcp(sequence, count) => (wire::OperationalType::LPCP, reply(sequence, count)),
        };
        wire::Operational {
            kind,
            family: self.family,
            content,
        }
    }
}

/// A quoted text, or all words that remain.
fn advisory(c: &mut Cursor<'_>) -> Result<String, SyntaxError> {
    let start = c.span();
    let mut text = c.word("a text in quotes")?.to_owned();
    while let Some(token) = c
        .peek_token()
        .filter(|token| token.quoted || token.text != ";")
    {
        text.push(' ');
        text.push_str(&token.text);
        c.next_token();
    }
    // draft-ietf-idr-operational-message 3.1: "The string […] length MUST NOT exceed 2K octets."
    if text.len() > 2048 {
        return Err(SyntaxError::new(
            start.to(c.last_span()),
            "an advisory has at most 2048 octets",
        ));
    }
    Ok(text)
}

fn numbers(name: &str, c: &mut Cursor<'_>) -> Result<Kind, SyntaxError> {
    c.expect("sequence")?;
    let sequence = c.value("a number up to 4294967295", value::u32)?;
    if name.ends_with('q') {
        return Ok(match name {
            "rpcq" => Kind::Rpcq(sequence),
            "apcq" => Kind::Apcq(sequence),
            _ => Kind::Lpcq(sequence),
        });
    }
    c.expect("counter")?;
    // The counter on the wire has four octets.
    let counter = c.value("a number up to 4294967295", value::u32)?;
    Ok(match name {
        "rpcp" => Kind::Rpcp(sequence, counter),
        "apcp" => Kind::Apcp(sequence, counter),
        _ => Kind::Lpcp(sequence, counter),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokenize;

    fn read(text: &str) -> Result<Operational, SyntaxError> {
        let tokens = tokenize(text);
        let mut c = Cursor::new(&tokens, text.len());
        let name = c.word("a name")?;
        let found = Operational::parse(name, &mut c)?;
        c.finish().map(|()| found)
    }

    #[test]
    fn texts_keep_their_blanks_and_numbers_their_order() {
        let found = read("asm afi ipv4 safi unicast advisory \"hello world\"").expect("a message");
        assert_eq!(found.kind, Kind::Asm("hello world".into()));
        let found = read("lpcp afi ipv6 safi unicast router-id 1.2.3.4 sequence 7 counter 9")
            .expect("a message");
        assert_eq!(found.kind, Kind::Lpcp(7, 9));
        assert_eq!(found.router_id, Some(Ipv4Addr::new(1, 2, 3, 4)));
        for wrong in [
            "what afi ipv4 safi unicast",
            "asm afi ipv4 safi unicast",
            "rpcq afi ipv4 safi unicast counter 1",
            "rpcp afi ipv4 safi unicast sequence 1",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
