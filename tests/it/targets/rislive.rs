//! Lines of RIS Live. Oracles: lines of JSON are JSON; each line that is not empty is at most one record.

use oxabgp::stream::format::Format;

use super::stream;

pub(crate) fn check(data: &[u8]) {
    // By its first byte a file is recognized as one of RIS Live.
    if data.first() != Some(&b'{') {
        return;
    }
    stream::print(data);
    stream::filtered(data);
    let records = stream::lines(data, Format::Records);
    let lines = data.split(|byte| *byte == b'\n').count();
    assert!(
        records.lines().count() <= lines,
        "{lines} lines are {records}"
    );
}
