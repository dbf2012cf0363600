//! Every family is handled as bytes, with and without path identifiers, whatever the bytes are.

use oxabgp::bgp::Nlri;
use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_announced_arrives_and_goes(at in 0..Family::KNOWN.len(), bytes in prop::collection::vec(any::<u8>(), 1..60), paths: bool, path_id in 0..3u32) {
        let family = Family::KNOWN[at];
        let mut session = session(&[family]);
        // The view only frames prefixes, so there is one route per message.
        session.sender.group_updates = false;
        if paths {
            session.sender.codec.add_path_send = [family].into_iter().collect();
        }
        let mut rib = AdjRibOut::new();
        rib.add_peer(PeerId(0), options(&[family]));
        rib.up(PeerId(0), session.clone());
        let mut view = View::opaque(&session);
        drain(&mut rib, 0, &mut view);
        let nlri = Nlri::new(family, Some(path_id), &bytes);
        rib.apply(&announce(nlri.clone(), 7, &[0]));
        drain(&mut rib, 0, &mut view);
        let key = (family, if paths { path_id } else { 0 }, bytes);
        prop_assert_eq!(view.routes.get(&key), Some(&7));
        let shown: Vec<Nlri> = rib.routes(Default::default()).map(|route| route.nlri).collect();
        prop_assert_eq!(&shown[0].bytes, &nlri.bytes);
        rib.apply(&withdraw(nlri, &[0]));
        drain(&mut rib, 0, &mut view);
        prop_assert!(view.routes.is_empty());
        prop_assert_eq!(rib.counters().routes, 0);
    }
}
