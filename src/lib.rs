//! oxabgp: the programmable BGP speaker.
