//! BMP, bare or with the headers of OpenBMP. Oracles: a message that is decoded is encoded as one that decodes as the same; lines of
//! JSON are JSON.

use oxabgp::bmp::{self, Message, OpenBmp, Peers};

use super::stream;

pub(crate) fn check(data: &[u8]) {
    messages(data);
    if let Ok(unwrapped) = OpenBmp::unwrap(data) {
        messages(unwrapped.bmp);
    }
    // Other first bytes are those of another format.
    if matches!(data.first(), Some(3 | b'O')) {
        stream::print(data);
        stream::filtered(data);
    }
}

fn messages(mut data: &[u8]) {
    let mut peers = Peers::new();
    while let Ok(Some(length)) = bmp::frame(data) {
        let (message, rest) = data.split_at(length);
        data = rest;
        let Ok(decoded) = bmp::decode(message) else {
            continue;
        };
        let mut bytes = Vec::new();
        decoded.encode(&mut bytes);
        assert_eq!(bmp::decode(&bytes), Ok(decoded), "encoded as {bytes:02x?}");
        match &decoded {
            Message::PeerUp { peer, up } => {
                peers.up(peer, up);
            }
            Message::PeerDown { peer, reason } => {
                reason.notification();
                peers.down(peer);
            }
            _ => {}
        }
        if let Some(peer) = decoded.peer() {
            peers.codec(peer);
            Peers::guess(peer);
        }
    }
}
