//! Decodes UPDATE messages, and shows what RFC 7606 makes of wrong ones.
//!
//! `cargo run --example decoder` takes its own samples; `cargo run --example decoder -- HEX...` takes bodies of UPDATEs
//! (all after the header) in hexadecimal.
#![expect(clippy::print_stdout, reason = "an example talks to its user")]

use std::error::Error;

use oxabgp::bgp::{Codec, Family, Severity, UpdateError};
use oxabgp::speaker::UpdateDecoder;

const SAMPLES: &[(&str, &str)] = &[
    (
        "an announcement",
        "0000 0014 40010100 4002060201 0000fdea 400304c0000202 18cb0071",
    ),
    ("a withdrawal", "0004 18cb0071 0000"),
    (
        "an IPv6 announcement",
        "0000 002a 40010100 4002060201 0000fdea 80 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db9",
    ),
    (
        "an origin that does not exist",
        "0000 0014 40010109 4002060201 0000fdea 400304c0000202 18cb0071",
    ),
    (
        "a prefix of 33 bits",
        "0000 0014 40010100 4002060201 0000fdea 400304c0000202 21cb00710000",
    ),
    (
        "a path that this program does not want",
        "0000 0014 40010100 4002060201 0000fbf0 400304c0000202 18cb0071",
    ),
];

/// What this program wants to know of an UPDATE. Fields that have no decoder cost nothing.
fn decoder() -> UpdateDecoder<Vec<String>> {
    UpdateDecoder::<Vec<String>>::new()
        .withdrawn(|lines, nlri| {
            lines.push(format!("withdrawn {nlri}"));
            Ok(())
        })
        .nlri(|lines, nlri| {
            lines.push(format!("announced {nlri}"));
            Ok(())
        })
        .reach(Family::IPV6_UNICAST, |lines, next_hop, nlri| {
            let next_hop = next_hop.map_or_else(|| "none".to_owned(), |hop| hop.to_string());
            lines.push(format!("announced {nlri} next-hop {next_hop}"));
            Ok(())
        })
        .unreach(Family::IPV6_UNICAST, |lines, nlri| {
            lines.push(format!("withdrawn {nlri}"));
            Ok(())
        })
        // AS_PATH: what an error is worth is the program's choice.
        .attribute(2, |lines, raw| {
            let Some(path) = raw.decode()? else {
                return Ok(());
            };
            let text = path.to_string();
            if text.contains("64496") {
                return Err(UpdateError::attribute(
                    Severity::Discard,
                    2,
                    "a path through AS 64496",
                ));
            }
            lines.push(text);
            Ok(())
        })
        // All others: decoded with the severity that RFC 7606 gives them.
        .attributes(|lines, raw| {
            // `None`: not for this session, such as AS4_PATH beside four-octet AS numbers.
            lines.extend(raw.decode()?.map(|attribute| attribute.to_string()));
            Ok(())
        })
}

/// Decodes one body and prints its content.
fn show(name: &str, text: &str, print: &dyn Fn(&str)) -> Result<(), Box<dyn Error>> {
    let codec = Codec {
        asn4: true,
        ..Codec::default()
    };
    print(&format!("{name}:"));
    let mut lines = Vec::new();
    let result = decoder().decode(&mut lines, &bytes(text)?, &codec);
    for line in lines {
        print(&format!("  {line}"));
    }
    if let Err(errors) = result {
        for error in errors.all() {
            print(&format!("  {:?}: {error}", error.severity));
        }
        if let Some(notification) = errors.notification() {
            print(&format!(
                "  the session would end with NOTIFICATION {}/{}",
                notification.code, notification.subcode
            ));
        }
    }
    Ok(())
}

fn bytes(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).ok_or("not a hexadecimal digit"))
        .collect::<Result<_, _>>()?;
    if !digits.len().is_multiple_of(2) {
        return Err("an odd number of digits".into());
    }
    let pairs = digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] << 4 | pair[1]));
    Ok(pairs.collect::<Result<_, _>>()?)
}

/// Runs the example.
pub(crate) fn run(arguments: &[String], print: &dyn Fn(&str)) -> Result<(), Box<dyn Error>> {
    for (name, text) in SAMPLES {
        if arguments.is_empty() {
            show(name, text, print)?;
        }
    }
    for text in arguments {
        show(text, text, print)?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    run(&arguments, &|line| println!("{line}"))
}
