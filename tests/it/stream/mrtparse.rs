//! The same values as PyPI's mrtparse, on real archives.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use oxabgp::stream::block::State;
use oxabgp::stream::{Elem, ElemKind, Sent, Stream};

use super::{ARCHIVES, archives};

/// Prints one line per elem.
const SCRIPT: &str = r#"
import sys
from mrtparse import Reader
from mrtparse.params import COMM_T

def one(d):
    return next(iter(d))

def community(text):
    if ':' in text:
        return text
    value = COMM_T[text]
    return '%d:%d' % (value >> 16, value & 0xffff)

def path(segments):
    words = []
    for segment in segments:
        kind, asns = one(segment['type']), segment['value']
        open, between, close = {1: '{,}', 3: '( )', 4: '[,]'}.get(kind, ('', ' ', ''))
        if kind != 2 or asns:
            words.append(open + between.join(asns) + close)
    return ' '.join(words)

def attributes(entry):
    return {one(a['type']): a['value'] for a in entry}

def tail(own):
    # mrtparse does not merge these; none of the archives has them.
    assert 17 not in own and 18 not in own
    words = [
        path(own.get(2, [])),
        str(one(own[1])) if 1 in own else '-',
        str(own.get(4, '-')),
        str(own.get(5, '-')),
        str(6 in own),
        '%s %s' % (own[7]['as'], own[7]['id']) if 7 in own else '-',
        ' '.join(community(c) for c in own.get(8, [])),
        ' '.join(own.get(32, [])),
    ]
    return '|'.join(words)

def nlri(n):
    return '%s/%d|%s' % (n['prefix'], n['length'], n.get('path_id', '-'))

def update(head, m):
    own = attributes(m.get('path_attributes', []))
    gone, reach = own.get(15, {}), own.get(14, {})
    for n in m.get('withdrawn_routes', []) + gone.get('withdrawn_routes', []):
        print('W|%s|%s' % (head, nlri(n)))
    for n in m.get('nlri', []):
        print('A|%s|%s|%s|%s' % (head, nlri(n), own[3], tail(own)))
    for n in reach.get('nlri', []):
        print('A|%s|%s|%s|%s' % (head, nlri(n), reach['next_hop'][0], tail(own)))

peers = []
for record in Reader(sys.argv[1]):
    if record.err:
        print('mrtparse:', record.err_msg)
        continue
    data = record.data
    time = one(data['timestamp'])
    if 'peer_entries' in data:
        peers = data['peer_entries']
    for entry in data.get('rib_entries', []):
        peer, own = peers[entry['peer_index']], attributes(entry['path_attributes'])
        prefix = '%s/%d|%s' % (data['prefix'], data['length'], entry.get('path_id', '-'))
        head = '%s|%s|%s' % (time, peer['peer_as'], peer['peer_ip'])
        hop = own[3] if 3 in own else own[14]['next_hop'][0] if 14 in own else '-'
        print('R|%s|%s|%s|%s' % (head, prefix, hop, tail(own)))
    head = '%s|%s|%s' % (time, data.get('peer_as'), data.get('peer_ip'))
    if 'old_state' in data:
        print('S|%s|%s|%s' % (head, one(data['old_state']), one(data['new_state'])))
    message = data.get('bgp_message', {})
    if one(message.get('type', {0: ''})) == 2:
        update(head, message)
"#;

/// The Python of the tests' environment, if it has mrtparse.
fn python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.venv/bin/python");
    let found = Command::new(&python)
        .args(["-c", "import mrtparse"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        super::skipped("mrtparse in tests/.venv");
        return None;
    }
    Some(python)
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// The line of an elem, in the form of the script.
fn line(elem: &Elem) -> String {
    let mut line = format!(
        "{}|{}|{}|{}",
        elem.kind.letter(),
        elem.time.seconds,
        elem.peer_asn.0,
        elem.peer_address.expect("an address"),
    );
    if elem.kind == ElemKind::PeerState {
        let number = |state: Option<State>| state.map_or(0, |state| state.0);
        let (old, new) = (number(elem.old_state), number(elem.new_state));
        write!(line, "|{old}|{new}").expect("text");
        return line;
    }
    let prefix = elem.prefix().expect("a prefix");
    write!(line, "|{prefix}|{}", or_dash(elem.path_id())).expect("text");
    if elem.kind == ElemKind::Withdrawal {
        return line;
    }
    let path = elem.as_path().map(|path| path.to_string());
    let aggregator = elem.aggregator().map(|(asn, id)| format!("{} {id}", asn.0));
    let communities: Vec<_> = elem
        .communities()
        .iter()
        .map(|one| format!("{}:{}", one.0 >> 16, one.0 & 0xFFFF))
        .collect();
    let large: Vec<_> = elem
        .large_communities()
        .iter()
        .map(|[a, b, c]| format!("{a}:{b}:{c}"))
        .collect();
    let atomic = if elem.atomic_aggregate() {
        "True"
    } else {
        "False"
    };
    let words = [
        or_dash(elem.next_hop.address),
        path.unwrap_or_default(),
        or_dash(elem.origin()),
        or_dash(elem.med()),
        or_dash(elem.local_pref()),
        atomic.to_owned(),
        or_dash(aggregator),
        communities.join(" "),
        large.join(" "),
    ];
    line.push('|');
    line.push_str(&words.join("|"));
    line
}

#[test]
fn real_archives_have_the_values_of_mrtparse() {
    let (Some(folder), Some(python)) = (archives(), python()) else {
        return;
    };
    for name in ARCHIVES {
        let path = folder.join(name);
        let output = Command::new(&python)
            .args(["-c", SCRIPT])
            .arg(&path)
            .output()
            .expect("python runs");
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {err}");
        let text = String::from_utf8(output.stdout).expect("text");
        let mut wanted: Vec<_> = text.lines().map(str::to_owned).collect();
        let stream = Stream::builder()
            .path(&path)
            .expect("a file")
            .sent(Sent::Include)
            .build()
            .expect("a stream");
        let mut own: Vec<_> = stream.elems().map(|elem| line(&elem)).collect();
        wanted.sort();
        own.sort();
        let first = own.iter().zip(&wanted).find(|(own, wanted)| own != wanted);
        assert_eq!(first, None, "{name}");
        assert_eq!(own.len(), wanted.len(), "{name}");
        assert!(own.len() > 20, "{name}");
    }
}
