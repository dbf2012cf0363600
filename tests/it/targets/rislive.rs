//! Lines of RIS Live. Oracles: lines of JSON are JSON; each line that is not empty is at most one record, and a file without
//! any message is one more, which reports that it could not be read.

use oxabgp::stream::format::Format;

use super::stream;

pub(crate) fn check(data: &[u8]) {
    // By its first byte a file is recognized as one of RIS Live, unless it begins as MRT does, whose types have a zero there.
    if data.first() != Some(&b'{') || data.get(4) == Some(&0) {
        return;
    }
    stream::print(data);
    stream::filtered(data);
    let records = stream::lines(data, Format::Records);
    let lines = data.split(|byte| *byte == b'\n').count();
    let unreadable = records
        .lines()
        .filter(|line| line.ends_with("|S|0"))
        .count();
    assert!(
        unreadable <= 1 && records.lines().count() - unreadable <= lines,
        "{lines} lines are {records}"
    );
}
