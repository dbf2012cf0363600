//! The table of corebgp's exported items. That the names on the right exist is checked by rustdoc: they are links.

use std::collections::BTreeMap;

const TABLE: &str = include_str!("../../../src/speaker/corebgp.rs");

/// The rows: corebgp's name, and what stands beside it.
fn rows() -> BTreeMap<&'static str, &'static str> {
    let mut rows = BTreeMap::new();
    for line in TABLE.lines() {
        let Some(row) = line.strip_prefix("//! | `") else {
            continue;
        };
        let (theirs, rest) = row.split_once("` | ").expect("two cells");
        let ours = rest.strip_suffix(" |").expect("an end");
        assert_eq!(rows.insert(theirs, ours), None, "{theirs} is there twice");
    }
    rows
}

#[test]
fn every_exported_item_has_a_twin() {
    let rows = rows();
    for (theirs, ours) in &rows {
        let is_link = ours.contains("](super::") || ours.contains("](crate::");
        assert!(
            is_link || ours.contains("`tracing`"),
            "{theirs}: {ours} is no link"
        );
    }
    for wanted in [
        "NewServer",
        "Server",
        "Server.Serve",
        "Server.Close",
        "Server.AddPeer",
        "Server.DeletePeer",
        "Server.GetPeer",
        "Server.ListPeers",
        "PeerConfig",
        "PeerOption",
        "Plugin",
        "Plugin.GetCapabilities",
        "Plugin.OnOpenMessage",
        "Plugin.OnEstablished",
        "Plugin.OnClose",
        "UpdateMessageHandler",
        "UpdateMessageWriter",
        "Notification",
        "Capability",
        "UpdateDecoder",
        "UpdateNotificationFromErr",
        "PathAttrFlags",
        "SetTCPMD5Signature",
    ] {
        assert!(rows.contains_key(wanted), "{wanted}");
    }
    let count = |prefix: &str| rows.keys().filter(|name| name.starts_with(prefix)).count();
    let options = count("With");
    let attributes = rows
        .keys()
        .filter(|name| name.ends_with("PathAttr"))
        .count();
    assert_eq!((options, attributes), (6, 11));
    for (prefix, items) in [
        ("AFI_", 47),
        ("SAFI_", 32),
        ("PATH_ATTR_", 29),
        ("CAP_", 17),
        ("NOTIF_CODE_", 7),
        ("NOTIF_SUBCODE_", 33),
    ] {
        assert_eq!(count(prefix), items, "{prefix}");
    }
}
