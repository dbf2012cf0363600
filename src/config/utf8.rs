//! Bytes of a file that has to be text.

/// The text of a file.
///
/// # Errors
/// When it is not valid UTF-8: the message has the line.
pub(crate) fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("line {line} is not valid UTF-8: save the file as UTF-8")
    })
}
