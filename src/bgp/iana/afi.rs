//! Address Family Numbers. Those with a codec are also constants of [`Afi`].

use crate::bgp::family::Afi;

/// IP version 4.
pub const IPV4: Afi = Afi::IPV4;
/// IP version 6.
pub const IPV6: Afi = Afi::IPV6;
/// NSAP.
pub const NSAP: Afi = Afi(3);
/// HDLC (8-bit multidrop).
pub const HDLC: Afi = Afi(4);
/// BBN 1822.
pub const BBN_1822: Afi = Afi(5);
/// IEEE 802, all media.
pub const IEEE_802: Afi = Afi(6);
/// E.163.
pub const E_163: Afi = Afi(7);
/// E.164: SMDS, Frame Relay, ATM.
pub const E_164: Afi = Afi(8);
/// F.69 (Telex).
pub const F_69: Afi = Afi(9);
/// X.121: X.25, Frame Relay.
pub const X_121: Afi = Afi(10);
/// IPX.
pub const IPX: Afi = Afi(11);
/// AppleTalk.
pub const APPLETALK: Afi = Afi(12);
/// DECnet IV.
pub const DECNET_IV: Afi = Afi(13);
/// Banyan Vines.
pub const BANYAN_VINES: Afi = Afi(14);
/// E.164 with an NSAP subaddress.
pub const E_164_NSAP: Afi = Afi(15);
/// Domain Name System.
pub const DNS: Afi = Afi(16);
/// Distinguished name.
pub const DISTINGUISHED_NAME: Afi = Afi(17);
/// AS number.
pub const AS_NUMBER: Afi = Afi(18);
/// XTP over IP version 4.
pub const XTP_OVER_IPV4: Afi = Afi(19);
/// XTP over IP version 6.
pub const XTP_OVER_IPV6: Afi = Afi(20);
/// XTP native mode.
pub const XTP_NATIVE: Afi = Afi(21);
/// Fibre Channel World-Wide Port Name.
pub const FIBRE_CHANNEL_PORT_NAME: Afi = Afi(22);
/// Fibre Channel World-Wide Node Name.
pub const FIBRE_CHANNEL_NODE_NAME: Afi = Afi(23);
/// GWID.
pub const GWID: Afi = Afi(24);
/// Layer-2 VPN information (RFC 4761).
pub const L2VPN: Afi = Afi::L2VPN;
/// MPLS-TP Section Endpoint Identifier (RFC 7212).
pub const MPLS_TP_SECTION: Afi = Afi(26);
/// MPLS-TP LSP Endpoint Identifier (RFC 7212).
pub const MPLS_TP_LSP: Afi = Afi(27);
/// MPLS-TP Pseudowire Endpoint Identifier (RFC 7212).
pub const MPLS_TP_PSEUDOWIRE: Afi = Afi(28);
/// Multi-Topology IP version 4 (RFC 7307).
pub const MT_IPV4: Afi = Afi(29);
/// Multi-Topology IP version 6 (RFC 7307).
pub const MT_IPV6: Afi = Afi(30);
/// BGP SFC (RFC 9015).
pub const BGP_SFC: Afi = Afi(31);
/// EIGRP Common Service Family.
pub const EIGRP_COMMON: Afi = Afi(16384);
/// EIGRP IPv4 Service Family.
pub const EIGRP_IPV4: Afi = Afi(16385);
/// EIGRP IPv6 Service Family.
pub const EIGRP_IPV6: Afi = Afi(16386);
/// LISP Canonical Address Format (RFC 8060).
pub const LCAF: Afi = Afi(16387);
/// BGP-LS (RFC 9552).
pub const BGP_LS: Afi = Afi::BGP_LS;
/// 48-bit MAC (RFC 9542).
pub const MAC_48: Afi = Afi(16389);
/// 64-bit MAC (RFC 9542).
pub const MAC_64: Afi = Afi(16390);
/// OUI (RFC 7961).
pub const OUI: Afi = Afi(16391);
/// The last 24 bits of a MAC (RFC 7961).
pub const MAC_FINAL_24: Afi = Afi(16392);
/// The last 40 bits of a MAC (RFC 7961).
pub const MAC_FINAL_40: Afi = Afi(16393);
/// The first 64 bits of an IPv6 address (RFC 7961).
pub const IPV6_INITIAL_64: Afi = Afi(16394);
/// RBridge Port ID (RFC 7961).
pub const RBRIDGE_PORT: Afi = Afi(16395);
/// TRILL Nickname (RFC 7455).
pub const TRILL_NICKNAME: Afi = Afi(16396);
/// Universally unique identifier.
pub const UUID: Afi = Afi(16397);
/// Routing Policy (draft-ietf-idr-rpd).
pub const ROUTING_POLICY: Afi = Afi(16398);
/// MPLS Namespaces (draft-kaliraj-bess-bgp-sig-private-mpls-labels).
pub const MPLS_NAMESPACES: Afi = Afi(16399);
