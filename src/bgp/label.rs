//! MPLS label stacks in NLRI (RFC 3032, RFC 8277 section 2).
//!
//! ```text
//!  0                   1                   2
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                 Label                 | Exp |S|
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError};

/// The value that a withdrawal may carry instead of labels (RFC 8277 section 2.4).
pub const WITHDRAW: u32 = 0x80_0000;

/// Takes a label stack, three bytes for each label, off the front of `r`. `left` maps the size of a stack in bytes to
/// the number of bits that remain for the prefix, or `None` if no valid prefix remains.
///
/// The stack ends at the label with the bottom-of-stack bit. RFC 8277 section 2.2 requires that bit, but also that it
/// be ignored where only one label is expected. So if no label has the bit, or if the stack that ends there leaves no
/// valid prefix, the stack is the first label alone, as is the value for withdrawals.
///
/// # Errors
/// Returns an error if neither leaves a valid prefix.
pub fn take<'a>(
    r: &mut Reader<'a>,
    left: impl Fn(usize) -> Option<usize>,
) -> Result<&'a [u8], WireError> {
    const WHAT: &str = "a label stack with a bottom";
    let mut scan = *r;
    let mut taken = 0;
    while let Ok(entry) = scan.u24(WHAT) {
        taken += 3;
        let alone = taken == 3 && entry == WITHDRAW;
        if entry & 1 == 1 || alone {
            // A stack that takes up the whole prefix is accepted only if it consists of the one mandatory label.
            let believable = taken == 3 || left(3).is_none_or(|_| left(taken) != Some(0));
            if believable && left(taken).is_some() {
                return r.take(taken, WHAT);
            }
            break;
        }
    }
    if left(3).is_some() {
        return r.take(3, WHAT);
    }
    Err(r.error(WHAT))
}

/// The labels of a stack returned by [`take`].
pub fn labels(stack: &[u8]) -> impl Iterator<Item = u32> + Clone {
    stack.chunks_exact(3).map(|entry| {
        u32::from(entry[0]) << 12 | u32::from(entry[1]) << 4 | u32::from(entry[2]) >> 4
    })
}

/// The stack of `labels`, each below 2^20; the last has the bottom-of-stack bit.
pub fn stack(labels: &[u32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(labels.len() * 3);
    for (index, label) in labels.iter().enumerate() {
        let bottom = u32::from(index + 1 == labels.len());
        out.extend_from_slice(&(label << 4 | bottom).to_be_bytes()[1..]);
    }
    out
}

/// Reads `100` or `[ 100 200 ]`.
///
/// # Errors
/// Returns an error on a number of more than twenty bits.
pub fn parse(c: &mut Cursor<'_>) -> Result<Vec<u32>, SyntaxError> {
    c.list(|c| {
        c.value("a label from 0 to 1048575", |word| {
            value::number(word, 0xF_FFFF).and_then(|label| u32::try_from(label).ok())
        })
    })
}

/// Appends `, "label": [ [100], [116] ]`.
pub(crate) fn json(stack: &[u8], w: &mut JsonWriter) {
    w.raw(", \"label\": [ ");
    w.list(labels(stack), |w, label| {
        w.raw("[").number(label).raw("]");
    });
    w.raw(" ]");
}

/// Appends ` label 100` or ` label [ 100 116 ]`.
pub(crate) fn text(stack: &[u8], out: &mut String) {
    let mut digits = itoa::Buffer::new();
    let many = stack.len() > 3;
    out.push_str(if many { " label [" } else { " label" });
    for label in labels(stack) {
        out.push(' ');
        out.push_str(digits.format(label));
    }
    out.push_str(if many { " ]" } else { "" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_end_at_their_bottom() {
        let bytes = stack(&[100, 116]);
        assert_eq!(bytes, [0, 6, 0x40, 0, 7, 0x41]);
        let mut more = bytes.clone();
        more.push(9);
        // Explicit null is a label like others (RFC 4182).
        let null = stack(&[0, 200]);
        assert_eq!(take(&mut Reader::new(&null), |_| Some(24)), Ok(&null[..]));
        // As if the length field counted eight bits after the second label.
        let eight = |taken: usize| 56_usize.checked_sub(taken * 8);
        let mut r = Reader::new(&more);
        assert_eq!(take(&mut r, eight), Ok(&bytes[..]));
        assert_eq!(r.rest(), [9]);
        assert_eq!(labels(&bytes).collect::<Vec<_>>(), [100, 116]);
        assert_eq!(
            take(&mut Reader::new(&[0x80, 0, 0, 1]), eight),
            Ok(&[0x80, 0, 0][..])
        );
    }

    #[test]
    fn one_label_without_the_bit_is_a_stack() {
        // The 10.0.1.0/24 after it looks like a second label that leaves no prefix.
        let bytes = [0, 6, 0x40, 10, 0, 1];
        let left = |taken: usize| 48_usize.checked_sub(taken * 8);
        assert_eq!(take(&mut Reader::new(&bytes), left), Ok(&bytes[..3]));
        let none = |taken: usize| 24_usize.checked_sub(taken * 8);
        // The label of a default route: no bits remain for the prefix, and none are needed.
        assert_eq!(take(&mut Reader::new(&bytes[..3]), none), Ok(&bytes[..3]));
        let short = |taken: usize| 20_usize.checked_sub(taken * 8);
        assert!(take(&mut Reader::new(&bytes[..3]), short).is_err());
        assert!(take(&mut Reader::new(&[0, 6]), left).is_err());
    }
}
