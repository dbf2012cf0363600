//! Code points of IANA's BGP registries, by IANA's names. One file per registry; AFIs and SAFIs are constants of
//! [`Afi`](super::Afi), [`Safi`](super::Safi) and [`Family`](super::Family), message types those of
//! [`MessageType`](super::message::MessageType).

pub mod attribute;
pub mod capability;
pub mod notification;
