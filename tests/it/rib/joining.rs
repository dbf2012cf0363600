//! Peers that come up while the table is full: what is encoded for one is shared with the others.

use std::collections::BTreeMap;

use oxabgp::bgp::Nlri;
use oxabgp::rib::{AdjRibOut, Budget, Limits, PeerId};

use super::view::View;
use super::{V4, announce, options, session};

const ROUTES: u32 = 40_000;
/// As much as a socket takes at a time.
const SOCKET: Budget = Budget {
    bytes: 64 << 10,
    messages: usize::MAX,
};

/// Peers and routes, but no sessions.
fn table(peers: u32) -> AdjRibOut {
    filled(AdjRibOut::new(), peers, 6)
}

/// The same, with a message for each route.
fn wide_table(peers: u32) -> AdjRibOut {
    filled(AdjRibOut::new(), peers, 1)
}

fn with_limits(peers: u32, limits: Limits) -> AdjRibOut {
    filled(AdjRibOut::with_limits(limits), peers, 1)
}

fn filled(mut rib: AdjRibOut, peers: u32, group: u32) -> AdjRibOut {
    (0..peers).for_each(|peer| rib.add_peer(PeerId(peer), options(&[V4])));
    let to: Vec<u32> = (0..peers).collect();
    for number in 0..ROUTES {
        rib.apply(&announce(nlri(number), number / group, &to));
    }
    rib
}

fn nlri(number: u32) -> Nlri {
    let [_, a, b, c] = number.to_be_bytes();
    Nlri::new(V4, None, &[24, 10 + a, b, c])
}

/// The buffers that messages were passed on in, by address, which are kept so that none is used twice.
#[derive(Default)]
struct Buffers(BTreeMap<usize, bytes::Bytes>);

impl Buffers {
    fn add(&mut self, bytes: bytes::Bytes) {
        self.0.insert(bytes.as_ptr().addr(), bytes);
    }

    /// How many bytes were encoded.
    fn bytes(&self) -> usize {
        self.0.values().map(bytes::Bytes::len).sum()
    }
}

/// Passes some messages of a peer on. Returns `false` if there are none left.
fn fill(rib: &mut AdjRibOut, peer: u32, view: &mut View, buffers: &mut Buffers) -> bool {
    rib.fill(PeerId(peer), SOCKET, &mut |bytes| {
        view.receive(&bytes);
        buffers.add(bytes);
    });
    rib.has_work(PeerId(peer))
}

/// How many bytes are encoded for peers that come up, each `apart` turns after the one before.
fn join(peers: u32, apart: u32) -> usize {
    let mut rib = table(peers);
    let mut views: Vec<View> = (0..2).map(|_| View::new(&session(&[V4]))).collect();
    let mut sent = vec![0; peers as usize];
    let (mut buffers, mut turn, mut busy) = (Buffers::default(), 0, true);
    while busy {
        busy = false;
        for peer in (0..peers).filter(|peer| peer * apart == turn) {
            rib.up(PeerId(peer), session(&[V4]));
        }
        for peer in 0..peers {
            rib.fill(PeerId(peer), SOCKET, &mut |bytes| {
                // Decoding is slow; the others are sent as many bytes.
                if let Some(view) = views.get_mut(peer as usize) {
                    view.receive(&bytes);
                }
                sent[peer as usize] += bytes.len();
                buffers.add(bytes);
            });
            busy |= turn < peer * apart || rib.has_work(PeerId(peer));
        }
        turn += 1;
    }
    for mut view in views.into_iter().take(peers as usize) {
        assert_eq!(view.routes.len(), ROUTES as usize);
        let log = view.take_log();
        assert_eq!(log.len(), ROUTES as usize + 1, "nothing is sent twice");
        assert_eq!(log.last().map(String::as_str), Some("eor ipv4 unicast"));
    }
    // Where messages end differs a little.
    let close = |bytes: &usize| bytes.abs_diff(sent[0]) < sent[0] / 50;
    assert!(sent.iter().all(close), "{sent:?}");
    buffers.bytes()
}

#[test]
fn a_hundred_peers_that_join_at_once_are_encoded_for_once() {
    let (one, hundred) = (join(1, 0), join(100, 0));
    assert!(hundred < one * 5 / 4, "{hundred} bytes instead of {one}");
}

#[test]
fn peers_that_join_one_after_another_meet() {
    let (one, ten) = (join(1, 0), join(10, 1));
    // The last of them comes up when the first has everything.
    assert!(ten < one * 5, "{ten} bytes instead of {one}");
}

#[test]
fn a_peer_that_does_not_read_is_left_behind() {
    let mut rib = table(3);
    (0..3).for_each(|peer| rib.up(PeerId(peer), session(&[V4])));
    let mut views: Vec<View> = (0..3).map(|_| View::new(&session(&[V4]))).collect();
    let mut buffers = Buffers::default();
    let (mut most, mut busy) = (0, true);
    while busy {
        busy = (0..2).any(|peer| fill(&mut rib, peer, &mut views[peer as usize], &mut buffers));
        most = most.max(rib.lag(PeerId(2)));
    }
    // The lag limit of the defaults, shared by three private peers, and one step.
    assert!(most <= (4 << 20) + (192 << 10), "{most}");
    let mut rest = View::new(&session(&[V4]));
    while fill(&mut rib, 2, &mut rest, &mut buffers) {}
    assert_eq!(rest.routes, views[0].routes);
    assert_eq!(rest.take_log().len(), ROUTES as usize + 1);
}

#[test]
fn peers_that_read_at_different_speeds_are_encoded_for_once() {
    let mut rib = wide_table(12);
    (0..12).for_each(|peer| rib.up(PeerId(peer), session(&[V4])));
    let mut views: Vec<View> = (0..2).map(|_| View::new(&session(&[V4]))).collect();
    let (mut buffers, mut sent, mut turn, mut busy) = (Buffers::default(), [0; 12], 0, true);
    while busy {
        // The fastest peers read in each turn, the slowest in every sixth.
        for peer in (0..12).filter(|peer| turn % (1 + peer % 6) == 0) {
            rib.fill(PeerId(peer), SOCKET, &mut |bytes| {
                if let Some(view) = views.get_mut(peer as usize) {
                    view.receive(&bytes);
                }
                sent[peer as usize] += bytes.len();
                buffers.add(bytes);
            });
        }
        turn += 1;
        busy = (0..12).any(|peer| rib.has_work(PeerId(peer)));
    }
    assert!(
        views
            .iter()
            .all(|view| view.routes.len() == ROUTES as usize)
    );
    let one = sent[0];
    assert!(
        one > 2_000_000,
        "they are more than a megabyte apart: {one}"
    );
    let all = buffers.bytes();
    assert!(all < one * 11 / 10, "{all} bytes instead of {one}");
}

#[test]
fn peers_that_do_not_read_hold_no_more_than_the_limit() {
    let lag = 256 << 10;
    let limits = Limits {
        lag,
        ..Limits::default()
    };
    let mut rib = with_limits(8, limits);
    (0..8).for_each(|peer| rib.up(PeerId(peer), session(&[V4])));
    let (mut view, mut buffers) = (View::new(&session(&[V4])), Buffers::default());
    let mut most = 0;
    // They stop one after another, each at a place of its own.
    let mut turn = 0;
    while rib.has_work(PeerId(0)) {
        fill(&mut rib, 0, &mut view, &mut buffers);
        for peer in (1..8).filter(|peer| turn < 4 * peer) {
            rib.fill(PeerId(peer), SOCKET, &mut |_| {});
        }
        turn += 1;
        most = (1..8)
            .map(|peer| rib.lag(PeerId(peer)))
            .max()
            .unwrap_or(0)
            .max(most);
    }
    assert_eq!(view.routes.len(), ROUTES as usize);
    assert!(most <= lag / 2 + (192 << 10), "{most}");
}
