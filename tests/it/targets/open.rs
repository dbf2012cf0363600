//! OPEN. The input is the body of the message.
//!
//! Oracles: what is encoded decodes as the same message; events in JSON are JSON, in all versions.

use oxabgp::api::Message;
use oxabgp::bgp::Capability;
use oxabgp::bgp::message::Direction;
use oxabgp::bgp::message::open::Open;

use super::update::events;

pub(crate) fn check(data: &[u8]) {
    let open = match Open::decode(data) {
        Ok(open) => open,
        Err(refusal) => {
            let bytes = refusal.encode();
            assert!(bytes.len() >= 21, "a NOTIFICATION has a code");
            return;
        }
    };
    let _ = open.speaker_as();
    let mut text = String::new();
    open.text(Direction::Receive, &mut text);
    events(&Message::Open(&open));
    // Multi-session is written as ExaBGP does it: one capability for each code, of which the first is read. A host without a name
    // is not written, and of a long name the beginning.
    let several = |capability: &Capability| match capability {
        Capability::Multisession(_) | Capability::CiscoMultisession(_) => true,
        Capability::Hostname(name) => {
            let long = |name: &Option<String>| name.as_ref().is_some_and(|name| name.len() > 64);
            name.host.as_deref().is_none_or(str::is_empty)
                || name.domain.is_none()
                || long(&name.host)
                || long(&name.domain)
        }
        _ => false,
    };
    if open.capabilities.iter().any(several) {
        return;
    }
    let Ok(bytes) = open.encode() else {
        return;
    };
    let again = Open::decode(&bytes[19..]);
    assert_eq!(again.as_ref(), Ok(&open), "encoded as {bytes:02x?}");
}
