//! An independent opinion on malformed attributes, written from RFC 7606 and the RFCs of the attributes; it uses nothing of the
//! library but the facts of the session.
//!
//! It knows what attributes look like, and nothing of NLRI and next hops. Where those may be wrong too, the outcome may be graver.

use oxabgp::bgp::{Codec, Severity};

use super::update::Decoded;

/// What becomes of an UPDATE, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Keep,
    Discard,
    Withdraw,
    Reset,
}

use Fate::{Discard, Keep, Reset, Withdraw};

/// Compares the outcome with the verdict.
pub(crate) fn check(body: &[u8], cx: &Codec, decoded: &Decoded<'_>) {
    let verdict = judge(body, cx);
    let seen = match decoded {
        Err(_) => Reset,
        Ok(content) => match content.attributes.error().map(|error| error.severity) {
            None => Keep,
            Some(Severity::Discard) => Discard,
            Some(Severity::TreatAsWithdraw) => Withdraw,
            Some(_) => Reset,
        },
    };
    // An attribute may be discarded without being reported.
    let mildest = if verdict.fate == Discard {
        Keep
    } else {
        verdict.fate
    };
    assert!(seen >= mildest, "{seen:?} instead of {verdict:?}");
    if verdict.is_whole {
        assert!(seen <= verdict.fate, "{seen:?} instead of {verdict:?}");
    }
    if let Ok(content) = decoded {
        for code in &verdict.discarded {
            // AS4_AGGREGATOR and AGGREGATOR are merged into one.
            let stays = content.attributes.find(*code).is_some();
            assert!(!stays, "attribute {code} was not discarded: {verdict:?}");
        }
    }
}

/// What the judge thinks of a message.
#[derive(Debug)]
struct Verdict {
    fate: Fate,
    /// Attributes that must not be there.
    discarded: Vec<u8>,
    /// Nothing else in the message can be wrong.
    is_whole: bool,
}

impl Verdict {
    fn reset() -> Self {
        Self {
            fate: Reset,
            discarded: Vec::new(),
            is_whole: true,
        }
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

/// The three fields of a body.
fn fields(body: &[u8]) -> Option<[&[u8]; 3]> {
    let withdrawn = number(body.get(..2)?);
    let rest = body.get(2 + withdrawn..)?;
    let attributes = number(rest.get(..2)?);
    Some([
        &body[2..2 + withdrawn],
        rest.get(2..2 + attributes)?,
        rest.get(2 + attributes..)?,
    ])
}

fn judge(body: &[u8], cx: &Codec) -> Verdict {
    let Some([withdrawn, mut list, nlri]) = fields(body) else {
        return Verdict::reset();
    };
    let mut fates = vec![Keep];
    let (mut seen, mut discarded) = (Vec::new(), Vec::new());
    // Of MP attributes only the flags and the number are judged.
    let mut is_whole = withdrawn.is_empty()
        && is_host_routes(nlri)
        && cx.add_path_receive.is_empty()
        && cx.role.is_none();
    while !list.is_empty() {
        let Some((flags, code, value, size)) = one(list) else {
            // Section 3(j): routes that are cut are not known.
            if matches!(list.get(1), Some(14 | 15)) {
                return Verdict::reset();
            }
            // Section 4: an attribute that runs past the end.
            fates.push(Withdraw);
            break;
        };
        list = &list[size..];
        if matches!(code, 14 | 15) {
            is_whole = false;
            if seen.contains(&code) || flags & 0xC0 != 0x80 {
                return Verdict::reset();
            }
        } else if flags & 0x80 == 0 && expected_flags(code).is_none() && code != 23 {
            // RFC 4271 6.3: an unrecognized well-known attribute.
            return Verdict::reset();
        }
        // Section 3(g): the first one counts.
        if !seen.contains(&code) {
            seen.push(code);
            let fate = attribute(flags, code, value, cx);
            if fate == Discard {
                discarded.push(code);
            }
            fates.push(fate);
            // RFC 7606 leaves open what becomes of an attribute without a value whose other errors discard it.
            is_whole &= !(value.is_empty() && fate == Discard);
            // RFC 9552 section 8.2.2 also asks for the lengths of known TLVs, which are not judged here.
            is_whole &= code != 29;
        }
    }
    let reach = seen.contains(&14);
    let needed: &[u8] = match (nlri.is_empty(), reach) {
        (false, _) => &[1, 2, 3],
        (true, true) => &[1, 2],
        (true, false) => &[],
    };
    if needed.iter().any(|code| !seen.contains(code)) {
        fates.push(Withdraw);
    }
    let mut fate = fates.into_iter().max().unwrap_or(Keep);
    // Section 5.2: nothing is left that could be withdrawn.
    if fate == Withdraw && nlri.is_empty() && !reach {
        fate = Reset;
    }
    // A session with two-octet numbers merges these pairs.
    if !cx.asn4 {
        discarded.retain(|code| !matches!(code, 7 | 17 | 18));
    }
    Verdict {
        fate,
        discarded,
        is_whole,
    }
}

/// Returns `true` for routes that can not be wrong: 32 bits each.
fn is_host_routes(nlri: &[u8]) -> bool {
    nlri.chunks(5)
        .all(|route| route.len() == 5 && route[0] == 32 && route[1] > 0 && route[1] < 0x7F)
}

/// Flags, code, value and size of the first attribute.
fn one(list: &[u8]) -> Option<(u8, u8, &[u8], usize)> {
    let (flags, code) = (*list.first()?, *list.get(1)?);
    let head = if flags & 0x10 != 0 { 4 } else { 3 };
    let length = number(list.get(2..head)?);
    Some((flags, code, list.get(head..head + length)?, head + length))
}

/// The Optional and Transitive bits of an attribute (RFC 4271 section 5 and the RFCs of the later ones).
fn expected_flags(code: u8) -> Option<u8> {
    Some(match code {
        1 | 2 | 3 | 5 | 6 => 0x40,
        4 | 9 | 10 | 14 | 15 | 26 | 29 => 0x80,
        7 | 8 | 16 | 17 | 18 | 22 | 25 | 32 | 35 | 40 => 0xC0,
        _ => return None,
    })
}

fn attribute(flags: u8, code: u8, value: &[u8], cx: &Codec) -> Fate {
    // RFC 7311 section 3.4, RFC 6793 section 6: not accepted on such sessions, whatever they contain.
    if code == 26 && !(cx.aigp || cx.ibgp) || matches!(code, 17 | 18) && cx.asn4 {
        return Discard;
    }
    let internal = matches!(code, 5 | 9 | 10);
    if internal && cx.external {
        return Discard;
    }
    let dropped = matches!(code, 6 | 7 | 17 | 18 | 26 | 29) || internal && !cx.ibgp;
    let malformed = if dropped { Discard } else { Withdraw };
    if code == 23 {
        return tunnel_encapsulation(flags, value);
    }
    match expected_flags(code) {
        None => Keep,
        Some(_) if matches!(code, 14 | 15) => Keep,
        // Section 3(c), RFC 7311 section 3.2: only a transitive AIGP has a rule for its flags.
        Some(expected) if flags & 0xC0 != expected => {
            if code == 26 && flags & 0x40 != 0 || internal {
                malformed
            } else {
                Withdraw
            }
        }
        Some(_) if code == 40 => prefix_sid(value),
        Some(_) if !is_well_formed(code, value, cx) => malformed,
        Some(_) => semantics(code, value, cx),
    }
}

/// RFC 9012 section 13.
fn tunnel_encapsulation(flags: u8, value: &[u8]) -> Fate {
    if flags & 0x40 == 0 || value.is_empty() {
        return Discard;
    }
    let inner = |tunnel: &[u8]| {
        tlvs(
            &tunnel[4..],
            &|tlv| {
                let head = if *tlv.first()? < 128 { 2 } else { 3 };
                Some(head + number(tlv.get(1..head)?))
            },
            &|_| true,
        )
    };
    let whole = tlvs(value, &|tlv| Some(4 + number(tlv.get(2..4)?)), &inner);
    if flags & 0x80 == 0 || !whole {
        Withdraw
    } else {
        Keep
    }
}

/// Returns `true` if parts of the size that `size` finds fill the value, and each is `fine`.
fn tlvs(
    mut value: &[u8],
    size: &dyn Fn(&[u8]) -> Option<usize>,
    fine: &dyn Fn(&[u8]) -> bool,
) -> bool {
    while !value.is_empty() {
        let Some(part) = size(value).and_then(|size| value.get(..size)) else {
            return false;
        };
        if part.is_empty() || !fine(part) {
            return false;
        }
        value = &value[part.len()..];
    }
    true
}

fn is_well_formed(code: u8, value: &[u8], cx: &Codec) -> bool {
    let width = if cx.asn4 { 4 } else { 2 };
    let multiple = |of: usize| !value.is_empty() && value.len().is_multiple_of(of);
    match code {
        1 => value.len() == 1 && value[0] <= 2,
        2 => segments(value, width),
        3 | 4 | 5 | 9 | 35 => value.len() == 4,
        6 => value.is_empty(),
        7 => value.len() == width + 4,
        8 | 10 => multiple(4),
        16 => multiple(8),
        17 => !value.is_empty() && segments(value, 4),
        18 => value.len() == 8,
        // RFC 6514 section 5: trees of PIM have two addresses, ingress replication has one.
        22 => match value {
            [_, 3..=5, _, _, _, tunnel @ ..] => matches!(tunnel.len(), 8 | 32),
            [_, 6, _, _, _, tunnel @ ..] => matches!(tunnel.len(), 4 | 16),
            _ => value.len() >= 5,
        },
        25 => multiple(20),
        26 => aigp(value),
        29 => tlvs(value, &|tlv| Some(4 + number(tlv.get(2..4)?)), &|_| true),
        32 => multiple(12),
        _ => true,
    }
}

/// RFC 7606 section 7.2.
fn segments(value: &[u8], width: usize) -> bool {
    let size = |segment: &[u8]| match segment {
        [1..=4, count, ..] if *count > 0 => Some(2 + width * usize::from(*count)),
        _ => None,
    };
    tlvs(value, &size, &|_| true)
}

/// RFC 7311 section 3.2.
fn aigp(value: &[u8]) -> bool {
    let size = |tlv: &[u8]| Some(number(tlv.get(1..3)?)).filter(|size| *size >= 3);
    let has_metric = std::cell::Cell::new(false);
    let fine = |tlv: &[u8]| {
        // Only the first one counts.
        let metric = tlv[0] == 1 && !has_metric.replace(has_metric.get() || tlv[0] == 1);
        !metric || tlv.len() == 11
    };
    tlvs(value, &size, &fine) && has_metric.get()
}

/// RFC 8669 sections 3 and 6, RFC 9252 sections 2 and 7: a malformed service costs the routes, anything else the attribute.
fn prefix_sid(value: &[u8]) -> Fate {
    let size = |tlv: &[u8]| Some(3 + number(tlv.get(1..3)?));
    let structure = |tlv: &[u8]| tlv[0] != 1 || tlv.len() == 3 + 6;
    let sid = |tlv: &[u8]| {
        tlv[0] != 1
            || tlv
                .get(3 + 21..)
                .is_some_and(|rest| tlvs(rest, &size, &structure))
    };
    let is_service = |kind| matches!(kind, 5 | 6);
    let fine = |tlv: &[u8]| match tlv[0] {
        1 => tlv.len() == 3 + 7,
        3 => tlv.len() >= 3 + 2 && (tlv.len() - 5).is_multiple_of(6),
        kind if is_service(kind) => tlv.get(4..).is_some_and(|rest| tlvs(rest, &size, &sid)),
        _ => true,
    };
    let mut wrong = Vec::new();
    let mut rest = value;
    while let Some(kind) = rest.first() {
        let tlv = size(rest).and_then(|size| rest.get(..size));
        if !tlv.is_some_and(fine) {
            wrong.push(*kind);
        }
        rest = tlv.map_or(&[], |tlv| &rest[tlv.len()..]);
    }
    match wrong.is_empty() && !value.is_empty() {
        true => Keep,
        false if wrong.into_iter().any(is_service) => Withdraw,
        false => Discard,
    }
}

/// Values that are well-formed and yet wrong.
fn semantics(code: u8, value: &[u8], cx: &Codec) -> Fate {
    let width = if cx.asn4 { 4 } else { 2 };
    match code {
        // RFC 7607 section 2: AS 0. RFC 5065 section 5: segments of a confederation from outside of it.
        2 | 17 => {
            let (width, external) = if code == 2 {
                (width, cx.external)
            } else {
                (4, false)
            };
            let wrong = !tlvs(
                value,
                &|segment| Some(2 + width * usize::from(*segment.get(1)?)),
                &|segment| {
                    let zero = segment[2..].chunks(width).any(|asn| number(asn) == 0);
                    !(zero || external && segment[0] > 2)
                },
            );
            if wrong { Withdraw } else { Keep }
        }
        7 if number(&value[..width]) == 0 => Discard,
        18 if number(&value[..4]) == 0 => Discard,
        // RFC 8955 section 7.1, RFC 9117: a rate that is no number.
        16 => {
            let endless = value.chunks(8).any(|community| {
                let rate = [community[4], community[5], community[6], community[7]];
                community[0] & 0x0F == 0
                    && matches!(community[1], 6 | 12)
                    && !f32::from_be_bytes(rate).is_finite()
            });
            if endless { Withdraw } else { Keep }
        }
        _ => Keep,
    }
}
