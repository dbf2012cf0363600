//! Bytes from text.

/// The bytes in hexadecimal digits. Spaces between them are ignored.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_ascii_whitespace().collect();
    oxabgp::text::value::hex(&digits).expect("hexadecimal digits")
}
