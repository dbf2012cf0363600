//! VPLS (RFC 4761 section 3.2.2).
//!
//! ```text
//! +------------------------------------+
//! |  Length (2 octets): 17             |
//! +------------------------------------+
//! |  Route Distinguisher  (8 octets)   |
//! +------------------------------------+
//! |  VE ID (2 octets)                  |   ExaBGP's `endpoint`
//! +------------------------------------+
//! |  VE Block Offset (2 octets)        |   `offset`
//! +------------------------------------+
//! |  VE Block Size (2 octets)          |   `size`
//! +------------------------------------+
//! |  Label Base (3 octets)             |   `base`, in the upper 20 bits
//! +------------------------------------+
//! ```

use super::inet::next_hop_text;
use super::{Nlri, NlriBytes, NlriCodec, NlriKey, NlriRef};
use crate::bgp::family::Family;
use crate::bgp::nexthop::NextHop;
use crate::bgp::rd::RouteDistinguisher;
use crate::json::JsonWriter;
use crate::text::{Cursor, Span, SyntaxError, value};
use crate::wire::{Reader, WireError, Writer};

/// Blocks of labels for a virtual LAN.
#[derive(Clone, Copy, Debug)]
pub struct Vpls;

/// One taken apart.
struct Block {
    rd: RouteDistinguisher,
    endpoint: u16,
    offset: u16,
    size: u16,
    base: u32,
}

impl Block {
    fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        const WHAT: &str = "a VPLS NLRI of 17 octets";
        let mut r = Reader::new(bytes);
        let length = r.u16(WHAT)?;
        if length < 17 {
            return Err(r.error(WHAT));
        }
        Ok(Self {
            rd: RouteDistinguisher(r.array(WHAT)?),
            endpoint: r.u16(WHAT)?,
            offset: r.u16(WHAT)?,
            size: r.u16(WHAT)?,
            base: r.u24(WHAT)? >> 4,
        })
    }
}

impl NlriCodec for Vpls {
    const FAMILIES: &'static [Family] = &[Family::new(25, 65)];

    fn frame<'a>(_: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
        let all = r.peek();
        let length = usize::from(Reader::new(all).u16("the length of a VPLS NLRI")?);
        let bytes = r.take(2 + length, "a VPLS NLRI as long as it says")?;
        Block::decode(bytes)?;
        Ok(bytes)
    }

    fn key(_: Family, bytes: &[u8], key: &mut NlriKey) {
        // Route distinguisher, VE ID and offset (RFC 4761 section 3.4.1); base and size may change.
        key.extend_from_slice(bytes.get(2..14).unwrap_or(bytes));
    }

    fn json(nlri: NlriRef<'_>, _: Option<NextHop>, w: &mut JsonWriter) {
        let Ok(block) = Block::decode(nlri.bytes) else {
            return;
        };
        w.raw("{ \"rd\": ").display(block.rd);
        w.raw(", \"endpoint\": ").number(block.endpoint);
        w.raw(", \"base\": ").number(block.base);
        w.raw(", \"offset\": ").number(block.offset);
        w.raw(", \"size\": ").number(block.size).raw(" }");
    }

    fn text(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        let Ok(block) = Block::decode(nlri.bytes) else {
            return;
        };
        let Block { rd, endpoint, offset, size, base } = block;
        out.push_str(&format!(
            "vpls rd {rd} endpoint {endpoint} base {base} offset {offset} size {size}"
        ));
        // ExaBGP leaves the blank before the next hop even without one.
        match next_hop {
            Some(_) => next_hop_text(next_hop, out),
            None => out.push(' '),
        }
    }

    fn grammar(nlri: NlriRef<'_>, out: &mut String) {
        Self::text(nlri, None, out);
        out.truncate(out.trim_end().len());
    }
}

/// A VPLS NLRI that is being written from the words of a sentence.
#[derive(Clone, Debug, Default)]
pub struct VplsBuilder {
    rd: Option<RouteDistinguisher>,
    endpoint: Option<u16>,
    offset: Option<u16>,
    size: Option<u16>,
    base: Option<u32>,
}

impl VplsBuilder {
    /// The words that [`keyword`](Self::keyword) takes.
    pub const KEYWORDS: &'static [&'static str] =
        &["rd", "route-distinguisher", "endpoint", "base", "offset", "size"];

    /// Reads what follows `keyword`; `None` when that is none of this family's.
    ///
    /// # Errors
    /// When the text is not a value of that keyword.
    pub fn keyword(&mut self, keyword: &str, c: &mut Cursor<'_>) -> Option<Result<(), SyntaxError>> {
        let number = |c: &mut Cursor<'_>| c.value("a number from 0 to 65535", value::u16);
        Some(match keyword {
            "rd" | "route-distinguisher" => c
                .value(RouteDistinguisher::EXPECTED, RouteDistinguisher::parse)
                .map(|rd| self.rd = Some(rd)),
            "endpoint" => number(c).map(|endpoint| self.endpoint = Some(endpoint)),
            "offset" => number(c).map(|offset| self.offset = Some(offset)),
            "size" => number(c).map(|size| self.size = Some(size)),
            "base" => c
                .value("a label from 0 to 1048575", |word| {
                    value::u32(word).filter(|base| *base < 1 << 20)
                })
                .map(|base| self.base = Some(base)),
            _ => return None,
        })
    }

    /// The NLRI.
    ///
    /// # Errors
    /// At `span`, when a part is missing, or the labels do not fit 20 bits.
    pub fn build(&self, span: Span) -> Result<Nlri, SyntaxError> {
        let missing = |what: &str| SyntaxError::new(span, format!("a VPLS route needs `{what}`"));
        let rd = self.rd.ok_or_else(|| missing("rd"))?;
        let endpoint = self.endpoint.ok_or_else(|| missing("endpoint"))?;
        let offset = self.offset.ok_or_else(|| missing("offset"))?;
        let size = self.size.ok_or_else(|| missing("size"))?;
        let base = self.base.ok_or_else(|| missing("base"))?;
        if base + u32::from(size) > 1 << 20 {
            return Err(SyntaxError::new(
                span,
                format!("the labels from {base} on are fewer than the {size} that `size` asks for"),
            ));
        }
        let mut out = Vec::with_capacity(19);
        let mut w = Writer::new(&mut out);
        w.u16(17);
        w.bytes(&rd.0);
        w.u16(endpoint);
        w.u16(offset);
        w.u16(size);
        w.u24(base << 4 | 1);
        Ok(Nlri { family: Family::new(25, 65), path_id: None, bytes: NlriBytes::from_vec(out) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokenize;

    fn build(text: &str) -> Result<Nlri, String> {
        let tokens = tokenize(text);
        let mut c = Cursor::new(&tokens, text.len());
        let mut builder = VplsBuilder::default();
        while let Some(token) = c.next_token() {
            let read = builder.keyword(&token.text, &mut c).ok_or_else(|| token.text.to_string())?;
            read.map_err(|error| error.to_string())?;
        }
        builder.build(Span::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn sentences_are_read_back() {
        let text = "rd 10.0.0.9:7 endpoint 5 base 2560 offset 1 size 8";
        let nlri = build(text).expect(text);
        assert_eq!(nlri.to_string(), format!("vpls {text}"));
        assert_eq!(build("size 8 offset 1 base 2560 endpoint 5 rd 10.0.0.9:7"), Ok(nlri));
        for text in [
            "endpoint 5",
            "rd 1:1 endpoint 65536",
            "rd 1:1 endpoint 1 base 1048575 offset 1 size 8",
            "rd 1:1 endpoint 1 base 1048576 offset 1 size 8",
        ] {
            assert!(build(text).is_err(), "{text}");
        }
    }
}
