//! PMSI Tunnel (RFC 6514 section 5, RFC 7432 section 11.2).
//!
//! ```text
//! +---------------------------------+
//! |  Flags (1 octet)                |
//! |  Tunnel Type (1 octet)          |
//! |  MPLS Label (3 octets)          |
//! |  Tunnel Identifier (variable)   |
//! +---------------------------------+
//! ```

use std::fmt;
use std::net::Ipv4Addr;

use super::{PathAttribute, flags};
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::{JsonWriter, hex};
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError, Writer};

/// The tunnel for multicast traffic. `Display` is ExaBGP's text, `pmsi:ingressreplication:0:100(1600):10.0.0.2`.
///
/// It holds the bytes of the value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pmsi(Box<[u8]>);

/// Names by type.
const NAMES: [&str; 8] = [
    "notunnel",
    "rsvp-tep2mplsp",
    "mldpp2mplsp",
    "pim-ssmtree",
    "pim-smtree",
    "bidir-pimtree",
    "ingressreplication",
    "mldpmp2mplsp",
];

const PIM_SSM_TREE: u8 = 3;
const BIDIR_PIM_TREE: u8 = 5;
const INGRESS_REPLICATION: u8 = 6;

/// The octets before the tunnel identifier.
const HEAD: usize = 5;

impl Pmsi {
    /// Creates the attribute from its parts. Of `label`, the lower 24 bits are used.
    pub fn new(flags: u8, tunnel_type: u8, label: u32, tunnel: &[u8]) -> Self {
        let [_, label @ ..] = label.to_be_bytes();
        Self([&[flags, tunnel_type], &label[..], tunnel].concat().into())
    }

    /// Flags: 1 requests leaf information.
    pub const fn flags(&self) -> u8 {
        self.0[0]
    }

    /// Type of the tunnel.
    pub const fn tunnel_type(&self) -> u8 {
        self.0[1]
    }

    /// The label field: a label in the upper 20 bits, or a 24-bit VNI.
    pub const fn label(&self) -> u32 {
        u32::from_be_bytes([0, self.0[2], self.0[3], self.0[4]])
    }

    /// Identifier of the tunnel.
    pub fn tunnel(&self) -> &[u8] {
        &self.0[HEAD..]
    }

    /// Parses the text of `Display`, or the value in hexadecimal after `0x`.
    fn from_word(word: &str) -> Option<Self> {
        if word.starts_with("0x") || word.starts_with("0X") {
            let bytes = value::hex(word)?;
            return Self::decode(&mut Reader::new(&bytes), &Codec::default()).ok();
        }
        let word = word.strip_prefix("pmsi:").unwrap_or(word);
        let mut parts = word.splitn(4, ':');
        let name = parts.next()?;
        let tunnel_type = match NAMES.iter().position(|known| *known == name) {
            Some(known) => u8::try_from(known).ok()?,
            None => value::u8(name)?,
        };
        let flags = value::u8(parts.next()?)?;
        let label = parts.next()?;
        let label = match label.split_once('(') {
            Some((_, raw)) => value::number(raw.strip_suffix(')')?, 0xFF_FFFF)?,
            None => value::number(label, 0xF_FFFF)? << 4,
        };
        let tunnel = match parts.next().unwrap_or_default() {
            "" => Vec::new(),
            text => match text.parse::<Ipv4Addr>() {
                Ok(address) => address.octets().to_vec(),
                Err(_) => value::hex(text)?,
            },
        };
        let label = u32::try_from(label).ok()?;
        Some(Self::new(flags, tunnel_type, label, &tunnel))
    }
}

impl Pmsi {
    /// RFC 6514 section 5: a tunnel identifier that cannot be parsed makes the attribute malformed. The identifiers of
    /// PIM trees are two addresses, that of ingress replication is one; others are not checked.
    fn has_valid_identifier(&self) -> bool {
        match self.tunnel_type() {
            PIM_SSM_TREE..=BIDIR_PIM_TREE => matches!(self.tunnel().len(), 8 | 32),
            INGRESS_REPLICATION => matches!(self.tunnel().len(), 4 | 16),
            _ => true,
        }
    }
}

impl fmt::Display for Pmsi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.get(usize::from(self.tunnel_type())) {
            Some(name) => write!(f, "pmsi:{name}")?,
            // ExaBGP prints `unknown`, which cannot be parsed.
            None => write!(f, "pmsi:{}", self.tunnel_type())?,
        }
        write!(f, ":{}:{}", self.flags(), self.label() >> 4)?;
        let ingress = self.tunnel_type() == INGRESS_REPLICATION && self.tunnel().len() == 4;
        // ExaBGP shows the whole field only for this type, and only if it is not zero. We also show it if it is not a
        // label.
        if ingress && self.label() != 0 || self.label() & 0xF != 0 {
            write!(f, "({})", self.label())?;
        }
        match <[u8; 4]>::try_from(self.tunnel()) {
            Ok(address) if self.tunnel_type() == INGRESS_REPLICATION => {
                write!(f, ":{}", Ipv4Addr::from(address))
            }
            _ if self.tunnel().is_empty() => f.write_str(":"),
            _ => write!(f, ":0x{}", hex(self.tunnel())),
        }
    }
}

impl PathAttribute for Pmsi {
    const CODE: u8 = iana::attribute::PMSI_TUNNEL;
    const FLAGS: u8 = flags::OPTIONAL_TRANSITIVE;
    const NAME: &'static str = "pmsi";
    // RFC 7606 8: no handling is specified for an attribute that may affect route selection, so treat-as-withdraw.
    const MALFORMED: Severity = Severity::TreatAsWithdraw;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        if r.remaining() < HEAD {
            return Err(r.error("flags, a type of tunnel and a label"));
        }
        Ok(Self(r.rest().into()))
    }

    fn check(&self, _: &Codec) -> Result<(), (Severity, &'static str)> {
        match self.has_valid_identifier() {
            true => Ok(()),
            false => Err((
                Self::MALFORMED,
                "a tunnel identifier of a length that its type does not have",
            )),
        }
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        w.bytes(&self.0);
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        const EXPECTED: &str = "a tunnel: `pmsi:TYPE:FLAGS:LABEL:TUNNEL` or the value as `0x…`";
        let span = c.span();
        let mut word = c.word(EXPECTED)?.to_owned();
        // The whole label field in events is in parentheses, which are tokens of their own.
        if c.accept("(") {
            word = format!("{word}({})", c.word("the label field")?);
            c.expect(")")?;
            if c.peek().starts_with(':') {
                word.push_str(c.word(EXPECTED)?);
            }
        }
        Self::from_word(&word).ok_or_else(|| SyntaxError::expected(span, EXPECTED, &word))
    }

    fn json(&self, w: &mut JsonWriter) {
        w.display(self);
    }

    fn text(&self, out: &mut String) {
        out.push_str(&format!("pmsi {self}"));
    }

    fn grammar(&self, out: &mut String) {
        // The text of events drops bits of the label and does not name unknown types.
        out.push_str("pmsi 0x");
        out.push_str(&hex(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for word in [
            "pmsi:ingressreplication:0:100(1600):10.0.0.2",
            "pmsi:notunnel:0:0:",
            "pmsi:pim-ssmtree:1:100:0x0A000002E0000001",
        ] {
            assert_eq!(Pmsi::from_word(word).expect(word).to_string(), word);
        }
        let unknown = Pmsi::from_word("0x00630006400102").expect("hexadecimal");
        assert_eq!(unknown.to_string(), "pmsi:99:0:100:0x0102");
        for word in ["", "0x00", "pmsi:foo:0:0:", "pmsi:notunnel:0:1048576:"] {
            assert_eq!(Pmsi::from_word(word), None, "{word}");
        }
    }
}
