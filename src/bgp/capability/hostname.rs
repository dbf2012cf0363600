//! Hostname (draft-walton-bgp-hostname-capability-02 section 2).
//!
//! ```text
//! +--------------------------------+
//! | Hostname Length (1 octet)      |
//! +--------------------------------+
//! | Hostname (variable)            |
//! +--------------------------------+
//! | Domain Name Length (1 octet)   |
//! +--------------------------------+
//! | Domain Name (variable)         |
//! +--------------------------------+
//! ```

use super::CapabilityCodec;
use crate::bgp::iana;
use crate::bgp::message::cut;
use crate::json::JsonWriter;
use crate::wire::{Reader, WireError, Writer};

/// Maximum length of a sent name, in bytes.
const MAX: usize = 64;

/// The speaker's name. As in ExaBGP, events show it even without a host name, but then it is not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hostname {
    /// Host name.
    pub host: Option<String>,
    /// Domain name.
    pub domain: Option<String>,
}

impl CapabilityCodec for Hostname {
    const CODE: u8 = iana::capability::FQDN;
    const NAME: &'static str = "hostname";

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut name = || -> Result<Option<String>, WireError> {
            if r.is_empty() {
                return Ok(None);
            }
            let length = r.u8("the length of a host name")?;
            let bytes = r.take(length.into(), "a host name")?;
            let text = std::str::from_utf8(bytes);
            Ok(Some(
                text.map_err(|_| r.error("a host name in UTF-8"))?
                    .to_owned(),
            ))
        };
        Ok(Self {
            host: name()?,
            domain: name()?,
        })
    }

    fn encode(&self, w: &mut Writer<'_>) {
        for name in [&self.host, &self.domain] {
            let name = cut(name.as_deref().unwrap_or_default(), MAX);
            w.len8(|w| w.bytes(name.as_bytes()));
        }
    }

    fn values(&self) -> Vec<Vec<u8>> {
        match self.host.as_deref() {
            None | Some("") => Vec::new(),
            Some(_) => vec![super::value(|w| self.encode(w))],
        }
    }

    fn json(all: &[&Self], w: &mut JsonWriter) {
        let Some(last) = all.last() else {
            return;
        };
        let mut name = |key, name: &Option<String>| {
            w.raw(key);
            match name {
                Some(name) => w.string(name),
                None => w.raw("null"),
            };
        };
        name("{ \"host-name\": ", &last.host);
        name(", \"domain-name\": ", &last.domain);
        w.raw(" }");
    }

    fn text(all: &[&Self], out: &mut String) {
        let Some(last) = all.last() else {
            return;
        };
        let [host, domain] = [&last.host, &last.domain].map(|name| match name {
            Some(name) => name.to_lowercase(),
            None => "none".to_owned(),
        });
        out.push_str(&format!("hostname({host} {domain})"));
    }
}
