//! Parses hexadecimal text in common formats: one string, with spaces or colons, or the dump of a packet sniffer.
//!
//! A dump has an offset at the start of each line (`tcpdump -x`, `xxd`, `hexdump -C`) and optionally the characters
//! at its end. An offset of 0 starts a packet; in each packet, messages start at the first marker, so that link, IP
//! and TCP headers are skipped.

use crate::text::value;

/// The byte strings in a text: one for plain hexadecimal, one for each packet of a dump.
///
/// # Errors
/// Returns an error message if there are no bytes, or something is not hexadecimal.
pub(super) fn read(text: &str) -> Result<Vec<Vec<u8>>, String> {
    if text.lines().any(|line| offset(line).is_some()) {
        packets(text)
    } else {
        plain(text).map(|bytes| vec![bytes])
    }
}

fn plain(text: &str) -> Result<Vec<u8>, String> {
    let mut digits = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_ascii_whitespace() || c == ':') {
        digits.push_str(word.strip_prefix("0x").unwrap_or(word));
    }
    if digits.is_empty() {
        return Err(
            "no message: pass it in hexadecimal as an argument or on standard input".to_owned(),
        );
    }
    if let Some(wrong) = digits.chars().find(|c| !c.is_ascii_hexdigit()) {
        return Err(format!("`{wrong}` is not a hexadecimal digit"));
    }
    value::hex(&digits).ok_or_else(|| "the number of hexadecimal digits is odd".to_owned())
}

/// The offset at the start of a line of a dump, and the rest of the line.
fn offset(line: &str) -> Option<(usize, &str)> {
    let line = line.trim_start();
    let end = line.find([':', ' '])?;
    let (word, rest) = line.split_at(end);
    let digits = word.strip_prefix("0x").unwrap_or(word);
    // Without a colon, only the eight digits and two spaces of `hexdump -C` can be distinguished from data.
    let marked =
        rest.starts_with(": ") && digits.len() >= 4 || rest.starts_with("  ") && digits.len() == 8;
    let offset = usize::from_str_radix(digits, 16).ok().filter(|_| marked)?;
    Some((offset, rest.trim_start_matches(':').trim_start()))
}

fn packets(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut packets: Vec<Vec<u8>> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        // Lines between packets contain times and addresses.
        let Some((offset, rest)) = offset(line) else {
            continue;
        };
        if offset == 0 || packets.is_empty() {
            packets.push(Vec::new());
        }
        // The characters come after `|` or two spaces.
        let data = match rest.split_once('|') {
            Some((data, _)) => data,
            None => rest.split_once("  ").map_or(rest, |(data, _)| data),
        };
        let digits: String = data.split_ascii_whitespace().collect();
        let bytes = value::hex(&digits)
            .ok_or_else(|| format!("line {}: `{}` is not hexadecimal", number + 1, data.trim()))?;
        if let Some(packet) = packets.last_mut() {
            packet.extend(bytes);
        }
    }
    let marker = |packet: &Vec<u8>| packet.windows(16).position(|window| window == [0xFF; 16]);
    let found: Vec<Vec<u8>> = packets
        .iter()
        .filter_map(|packet| marker(packet).map(|at| packet[at..].to_vec()))
        .collect();
    if found.is_empty() {
        Err("no packet of the dump contains a BGP message".to_owned())
    } else {
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPALIVE: &str = "ffffffffffffffffffffffffffffffff001304";

    #[test]
    fn strings_of_all_kinds_mean_the_same() {
        let wanted = value::hex(KEEPALIVE).expect("hexadecimal");
        for text in [
            KEEPALIVE.to_owned(),
            "FFFFFFFFFFFFFFFF FFFFFFFFFFFFFFFF 0013 04\n".to_owned(),
            "0xffffffff:ffffffff:ffffffff:ffffffff:00:13:04".to_owned(),
        ] {
            assert_eq!(read(&text), Ok(vec![wanted.clone()]), "{text}");
        }
    }

    #[test]
    fn dumps_of_sniffers_are_stripped_to_their_messages() {
        let wanted = value::hex(KEEPALIVE).expect("hexadecimal");
        let tcpdump = "12:00:00.1 IP 127.0.0.1.179 > 127.0.0.1.40000: Flags [P.]\n\
            \t0x0000:  4500 0013 ffff ffff ffff ffff ffff ffff  E...............\n\t0x0010:  ffff ffff 0013 04  .......\n";
        let hexdump = "00000000  01 02 ff ff ff ff ff ff  ff ff ff ff ff ff ff ff  |................|\n\
            00000010  ff ff 00 13 04                                    |.....|\n00000015\n";
        let xxd = "00000000: ffff ffff ffff ffff ffff ffff ffff ffff  ................\n00000010: 0013 04                                  ...\n";
        for dump in [tcpdump, hexdump, xxd] {
            assert_eq!(read(dump), Ok(vec![wanted.clone()]), "{dump}");
        }
        assert_eq!(
            read(&(xxd.to_owned() + tcpdump)),
            Ok(vec![wanted.clone(), wanted])
        );
    }

    #[test]
    fn what_is_not_hexadecimal_is_named() {
        for (text, part) in [
            ("zz", "`z`"),
            ("abc", "odd"),
            (" ", "no message"),
            ("00000000: 0102 03", "no packet"),
            ("00000000: zz", "line 1"),
        ] {
            let error = read(text).expect_err("a refusal");
            assert!(error.contains(part), "{error}");
        }
    }
}
