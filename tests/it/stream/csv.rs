//! CSV has what JSON lines have.

use oxabgp::stream::format::Format;
use oxabgp::stream::{Builder, Sent, Stream};

use super::build::{common, entry, peers, rib};
use super::{ARCHIVES, archives, feeds, file, print, values};
use crate::targets::stream::{csv_agrees, csv_names};

fn with_sent(path: impl AsRef<std::path::Path>) -> Builder {
    let builder = Stream::builder().path(path).expect("a file");
    builder.sent(Sent::Include)
}

/// The keys of what a stream prints.
fn keys(builder: impl Fn() -> Builder) -> std::collections::BTreeSet<String> {
    csv_agrees(
        &print(builder(), Format::Json),
        &print(builder(), Format::Csv),
    )
}

#[test]
fn every_key_of_json_has_a_column_with_its_value() {
    let table = rib(8, 2, &[8, 10], &[entry(0, None, &common(&[1]))]);
    let inputs = [
        values::everything(),
        [peers(8, &[1]), table].concat(),
        feeds::tables(),
        feeds::mirrored(),
        feeds::openbmp(&feeds::tables()),
        feeds::doubled(),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for bytes in inputs {
        let file = file(&bytes);
        seen.extend(keys(|| with_sent(file.path())));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("list.csv");
    // Names that need quotes in CSV.
    let row = "a.mrt,\"\"\"pro, ject\"\"\",updates,\"a\"\"b\"\n";
    std::fs::write(&list, row).expect("written");
    std::fs::write(folder.path().join("a.mrt"), values::everything()).expect("written");
    let listed = || Stream::builder().list(&list).expect("a list");
    seen.extend(keys(listed));
    assert!(print(listed(), Format::Csv).contains(",\"\"\"pro, ject\"\"\",\"a\"\"b\","));
    // Each column was compared with a value.
    let mut columns = csv_names();
    columns.sort();
    let names: Vec<String> = seen.iter().map(|key| key.replace('-', "_")).collect();
    let mut names = names;
    names.sort();
    assert_eq!(names, columns);
}

#[test]
fn csv_agrees_with_json_on_real_files() {
    let Some(folder) = archives() else { return };
    for name in ARCHIVES.iter().chain(&["ris-live-10.jsonl"]) {
        assert!(!keys(|| with_sent(folder.join(name))).is_empty(), "{name}");
    }
}

/// Scripts know columns by their positions: new ones come after these.
#[test]
fn columns_stay_where_they_are() {
    let names = csv_names().join(",");
    assert!(
        names.starts_with(
            "record_type,type,time,project,collector,router,router_ip,peer_asn,peer_address,prefix,path_id,next_hop,as_path,\
            origin_asn,communities,old_state,new_state,origin,med,local_pref,large_communities,ext_communities,aggregator,\
            atomic_aggregate,direction,rib,distinguisher,orig_time,notes,family,link_local_next_hop,otc,cluster_list,originator_id"
        ),
        "{names}"
    );
}
