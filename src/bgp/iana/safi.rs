//! Subsequent Address Family Identifiers. Those with a codec are also constants of [`Safi`].

use crate::bgp::family::Safi;

/// Unicast forwarding (RFC 4760).
pub const UNICAST: Safi = Safi::UNICAST;
/// Multicast forwarding (RFC 4760).
pub const MULTICAST: Safi = Safi::MULTICAST;
/// NLRI with MPLS labels (RFC 8277).
pub const MPLS: Safi = Safi::NLRI_MPLS;
/// MCAST-VPN (RFC 6514).
pub const MCAST_VPN: Safi = Safi::MCAST_VPN;
/// Dynamic placement of multi-segment pseudowires (RFC 7267).
pub const MULTI_SEGMENT_PSEUDOWIRE: Safi = Safi(6);
/// MCAST-VPLS (RFC 7117).
pub const MCAST_VPLS: Safi = Safi(8);
/// BGP SFC (RFC 9015).
pub const BGP_SFC: Safi = Safi(9);
/// Tunnel (draft-nalawade-kapoor-tunnel-safi).
pub const TUNNEL: Safi = Safi(64);
/// Virtual Private LAN Service (RFC 4761).
pub const VPLS: Safi = Safi::VPLS;
/// BGP MDT (RFC 6037).
pub const BGP_MDT: Safi = Safi(66);
/// BGP 4over6 (RFC 5747).
pub const BGP_4OVER6: Safi = Safi(67);
/// BGP 6over4.
pub const BGP_6OVER4: Safi = Safi(68);
/// Layer-1 VPN auto-discovery (RFC 5195).
pub const LAYER_1_VPN: Safi = Safi(69);
/// BGP EVPNs (RFC 7432).
pub const EVPN: Safi = Safi::EVPN;
/// BGP-LS (RFC 9552).
pub const BGP_LS: Safi = Safi::BGP_LS;
/// BGP-LS-VPN (RFC 9552).
pub const BGP_LS_VPN: Safi = Safi::BGP_LS_VPN;
/// SR Policy (RFC 9830).
pub const SR_POLICY: Safi = Safi::SR_POLICY;
/// SD-WAN Capabilities (draft-dunbar-idr-sdwan-edge-discovery).
pub const SD_WAN: Safi = Safi(74);
/// Routing Policy (draft-ietf-idr-rpd).
pub const ROUTING_POLICY: Safi = Safi(75);
/// Classful Transport (RFC 9832).
pub const CLASSFUL_TRANSPORT: Safi = Safi(76);
/// Tunneled Traffic FlowSpec (draft-ietf-idr-flowspec-nvo3).
pub const TUNNELED_FLOW: Safi = Safi(77);
/// MCAST-TREE (draft-ietf-bess-bgp-multicast).
pub const MCAST_TREE: Safi = Safi(78);
/// Dynamic Path Selection.
pub const BGP_DPS: Safi = Safi(79);
/// BGP-LS-SPF (RFC 9815).
pub const BGP_LS_SPF: Safi = Safi(80);
/// BGP CAR (RFC 9871).
pub const BGP_CAR: Safi = Safi(83);
/// BGP VPN CAR (RFC 9871).
pub const BGP_VPN_CAR: Safi = Safi(84);
/// Mobile user plane (draft-mpmz-bess-mup-safi).
pub const MUP: Safi = Safi::MUP;
/// MPLS-labeled VPN address (RFC 4364).
pub const MPLS_VPN: Safi = Safi::MPLS_VPN;
/// Multicast for BGP/MPLS IP VPNs (RFC 6514).
pub const MULTICAST_MPLS_VPN: Safi = Safi(129);
/// Route target constraint (RFC 4684).
pub const ROUTE_TARGET: Safi = Safi::RTC;
/// FlowSpec (RFC 8955).
pub const FLOW: Safi = Safi::FLOW;
/// FlowSpec of a VPN (RFC 8955).
pub const FLOW_VPN: Safi = Safi::FLOW_VPN;
/// VPN auto-discovery (draft-ietf-l3vpn-bgpvpn-auto).
pub const VPN_AUTO_DISCOVERY: Safi = Safi(140);
