//! Decoded data is encoded again, for every recorded UPDATE.

use oxabgp::bgp::attribute::decode::DecodeEach;
use oxabgp::bgp::message::update::Update;

use super::golden::{Case, FILES, cases};
use super::trips::{attribute_trip, nlri_trip};

/// What cannot be preserved: AS numbers that do not fit in two octets, an empty segment, bits beyond a prefix.
const LOSSY: &[&str] = &["as-path-empty-segment", "lengths", "host-bits"];

fn check(case: &Case, counts: &mut [usize; 2]) -> Result<(), String> {
    let bytes = case.bytes();
    let cx = case.codec();
    if !cx.asn4 || LOSSY.contains(&case.get("name").unwrap_or_default()) {
        return Ok(());
    }
    let Ok(content) =
        Update::new(&bytes[19..]).and_then(|update| update.content(&cx, &mut DecodeEach))
    else {
        return Ok(());
    };
    if content.attributes.error().is_some() {
        return Ok(());
    }
    for attribute in content.attributes.list() {
        counts[0] += 1;
        attribute_trip(attribute, &cx)?;
    }
    for nlri in content
        .fields
        .iter()
        .flat_map(|field| field.routes)
        .flatten()
    {
        counts[1] += 1;
        nlri_trip(nlri)?;
    }
    Ok(())
}

#[test]
fn everything_decoded_can_be_written_again() {
    let (mut wrong, mut counts) = (Vec::new(), [0, 0]);
    for file in FILES {
        for case in cases(file)
            .iter()
            .filter(|case| case.get("kind") == Some("update"))
        {
            if let Err(error) = check(case, &mut counts) {
                wrong.push(format!(
                    "{file} {}: {error}",
                    case.get("name").unwrap_or_default()
                ));
            }
        }
    }
    assert!(counts[0] > 1_000 && counts[1] > 500, "only {counts:?}");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
