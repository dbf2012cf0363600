//! Code points of IANA's BGP registries, by IANA's names. One file per registry; message types are constants of
//! [`MessageType`](super::message::MessageType), pairs of AFI and SAFI those of [`Family`](super::Family).

pub mod afi;
pub mod attribute;
pub mod capability;
pub mod notification;
pub mod safi;
