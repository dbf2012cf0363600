//! What was decoded is encoded again: attributes as bytes and as text, NLRI as text.

use oxabgp::bgp::attribute::decode::attributes;
use oxabgp::bgp::{Attribute, Codec, NlriRef, Safi};
use oxabgp::grammar::{Place, Verb, flow, route::route, sentence};
use oxabgp::text::{Cursor, tokenize};
use oxabgp::wire::Writer;

fn encoded(attribute: &Attribute, cx: &Codec) -> Vec<u8> {
    let mut out = Vec::new();
    attribute.encode(&mut Writer::new(&mut out), cx);
    out
}

/// Bytes → attribute → bytes → attribute, and attribute → text → attribute.
pub(crate) fn attribute_trip(attribute: &Attribute, cx: &Codec) -> Result<(), String> {
    let bytes = encoded(attribute, cx);
    let again = attributes(&bytes, cx).map_err(|error| error.to_string())?;
    if again.list() != [attribute.clone()] {
        return Err(format!("{attribute:?} came back as {:?}", again.list()));
    }
    let words = attribute.to_string();
    let tokens = tokenize(&words);
    let mut c = Cursor::new(&tokens, words.len());
    let keyword = c.word("a keyword").map_err(|error| error.to_string())?;
    let parsed = match Attribute::parse(keyword, &mut c) {
        Some(parsed) => parsed.map_err(|error| format!("`{words}`: {error}"))?,
        None => return Err(format!("`{words}` is no attribute")),
    };
    c.finish().map_err(|error| format!("`{words}`: {error}"))?;
    if encoded(&parsed, cx) != bytes {
        return Err(format!("`{words}` means {parsed:?}"));
    }
    Ok(())
}

/// NLRI → text → NLRI, for the families whose routes can be written.
pub(crate) fn nlri_trip(nlri: NlriRef<'_>) -> Result<(), String> {
    let words = nlri.to_string();
    if nlri.family.index().is_none() {
        return Ok(());
    }
    let tokens = tokenize(&words);
    let mut c = Cursor::new(&tokens, words.len());
    let error = |error: oxabgp::text::SyntaxError| format!("`{words}`: {error}");
    let text = match nlri.family.safi {
        Safi::UNICAST | Safi::MULTICAST | Safi::NLRI_MPLS | Safi::MPLS_VPN => {
            route(&mut c, Verb::Withdraw, Place::Family(nlri.family))
        }
        Safi::FLOW | Safi::FLOW_VPN if words.contains(" rd ") || words.contains("true") => {
            return Ok(());
        }
        Safi::FLOW => {
            c.expect("flow").map_err(error)?;
            flow::route(&mut c, Verb::Withdraw, Some(nlri.family))
        }
        _ => {
            c.next_token();
            sentence(&mut c, nlri.family, Verb::Withdraw)
        }
    }
    .map_err(error)?;
    let back = text.nlri.first().ok_or("no route")?;
    // A number in a flow route may use more octets than necessary.
    if back.bytes[..] == *nlri.bytes || back.same_route(nlri) || back.to_string() == words {
        Ok(())
    } else {
        Err(format!("`{words}` means {back:?}, not {nlri:?}"))
    }
}
