//! What frames consist of: the file's first bytes, and CRC-32C (Castagnoli, RFC 3720 section 12.1).

/// What a file begins with: a name, and the version of the format.
pub const MAGIC: [u8; 8] = *b"oxabgpj\x01";

/// The longest payload of a frame, in bytes. The largest batch has 4,000,000 routes.
pub(super) const MAX_FRAME: u32 = 1 << 30;

const POLYNOMIAL: u32 = 0x82F6_3B78;

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at: u32 = 0;
    while at < 256 {
        let mut value = at;
        let mut bit = 0;
        while bit < 8 {
            value = (value >> 1) ^ if value & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[at as usize] = value;
        at += 1;
    }
    table
}

/// The checksum of the concatenation of `parts`.
pub(super) fn checksum(parts: &[&[u8]]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.iter());
    !bytes.fold(!0u32, |sum, byte| {
        let at = (sum ^ u32::from(*byte)) & 0xFF;
        TABLE[at as usize] ^ (sum >> 8)
    })
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn the_examples_of_rfc_3720_b_4() {
        assert_eq!(checksum(&[&[0; 32]]), 0x8A91_36AA);
        assert_eq!(checksum(&[&[0xFF; 16], &[0xFF; 16]]), 0x62A8_AB43);
        assert_eq!(checksum(&[b"123456789"]), 0xE306_9283);
    }
}
