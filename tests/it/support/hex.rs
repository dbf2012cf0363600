//! Bytes as people write them.

/// The bytes of hexadecimal digits, spaces between them ignored.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_ascii_whitespace().collect();
    oxabgp::text::value::hex(&digits).expect("hexadecimal digits")
}
