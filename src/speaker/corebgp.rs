//! Coming from Go's corebgp: every exported item of version 0.8 and what takes its place here.
//!
//! The names on the right are links. What has no twin there (FlowSpec, EVPN and other families, routing tables, graceful
//! restart, TCP-AO, GTSM) is not in the table.
//!
//! # Server
//!
//! | corebgp | here |
//! |---|---|
//! | `NewServer` | [`Server::new`](super::Server::new); [`Server::spawn`](super::Server::spawn) runs it on a thread of its own |
//! | `Server` | [`Server`](super::Server) on its own thread, [`Handle`](super::Handle) on any other |
//! | `Server.Serve` | [`Server::serve_on`](super::Server::serve_on), or [`Server::listen`](super::Server::listen) and [`Server::serve`](super::Server::serve) |
//! | `Server.Close` | [`Server::shutdown`](super::Server::shutdown), with the reason that peers get; [`Handle::shutdown`](super::Handle::shutdown) on any other thread |
//! | `Server.AddPeer` | [`Server::add_peer`](super::Server::add_peer) |
//! | `Server.DeletePeer` | [`Server::remove_peer`](super::Server::remove_peer) |
//! | `Server.GetPeer` | [`Server::get_peer`](super::Server::get_peer), [`Server::peer_config`](super::Server::peer_config) |
//! | `Server.ListPeers` | [`Server::peers`](super::Server::peers); [`Server::subscribe`](super::Server::subscribe) follows changes |
//! | `ErrServerClosed` | [`Error::Stopped`](super::Error::Stopped) |
//! | `ErrPeerExist` | [`Error::Duplicate`](super::Error::Duplicate) |
//! | `ErrPeerNotExist` | [`Error::Unknown`](super::Error::Unknown) |
//! | `Logger` | events of the `tracing` crate; [`Plugin::on_event`](super::Plugin::on_event) for programs |
//! | `SetLogger` | any subscriber of the `tracing` crate |
//!
//! # Peers
//!
//! | corebgp | here |
//! |---|---|
//! | `PeerConfig` | [`PeerConfig`](super::PeerConfig), checked by [`Server::add_peer`](super::Server::add_peer) |
//! | `PeerConfig.RemoteAddress` | [`PeerConfig::remote_address`](super::PeerConfig::remote_address) |
//! | `PeerConfig.LocalAS` | [`PeerConfig::local_as`](super::PeerConfig::local_as) |
//! | `PeerConfig.RemoteAS` | [`PeerConfig::peer_as`](super::PeerConfig::peer_as), or any |
//! | `PeerOption` | fields of [`PeerConfig`](super::PeerConfig) |
//! | `WithLocalAddress` | [`PeerConfig::local_address`](super::PeerConfig::local_address) |
//! | `WithPassive` | [`PeerConfig::passive`](super::PeerConfig::passive) |
//! | `WithPort` | [`PeerConfig::port`](super::PeerConfig::port) |
//! | `WithIdleHoldTime` | [`PeerConfig::idle_hold_time`](super::PeerConfig::idle_hold_time), or a back-off |
//! | `WithConnectRetryTime` | [`PeerConfig::connect_retry_time`](super::PeerConfig::connect_retry_time) |
//! | `WithDialerControl` | [`Plugin::dial`](super::Plugin::dial) with [`connect::socket`](super::connect::socket) |
//! | `DefaultHoldTime` | 90 s, the value of [`PeerConfig::hold_time`](super::PeerConfig::hold_time) |
//! | `DefaultIdleHoldTime` | a back-off from 0 to 60 s, unless [`PeerConfig::idle_hold_time`](super::PeerConfig::idle_hold_time) is set |
//! | `DefaultConnectRetryTime` | 120 s (RFC 4271 section 10), the value of [`PeerConfig::connect_retry_time`](super::PeerConfig::connect_retry_time) |
//! | `DefaultPort` | [`BGP_PORT`](super::config::BGP_PORT) |
//! | `SetTCPMD5Signature` | [`PeerConfig::md5_key`](super::PeerConfig::md5_key), on connections and listeners; [`sockopt::set_md5`](super::sockopt::set_md5) |
//!
//! # Plugin
//!
//! | corebgp | here |
//! |---|---|
//! | `Plugin` | [`Plugin`](super::Plugin), or [`ChannelPlugin`](super::ChannelPlugin) without callbacks |
//! | `Plugin.GetCapabilities` | [`Plugin::capabilities`](super::Plugin::capabilities), which has a default |
//! | `Plugin.OnOpenMessage` | [`Plugin::on_open`](super::Plugin::on_open), which has a default |
//! | `Plugin.OnEstablished` | [`Plugin::on_established`](super::Plugin::on_established), with what was negotiated |
//! | `Plugin.OnClose` | [`Plugin::on_close`](super::Plugin::on_close), with the reason |
//! | `UpdateMessageHandler` | [`Plugin::on_update`](super::Plugin::on_update) |
//! | `UpdateMessageWriter` | [`UpdateWriter`](super::UpdateWriter), in any thread |
//! | `UpdateMessageWriter.WriteUpdate` | [`UpdateWriter::try_write`](super::UpdateWriter::try_write) and [`UpdateWriter::write`](super::UpdateWriter::write) with bytes; [`UpdateWriter::announce`](super::UpdateWriter::announce) and [`RouteUpdate`](super::RouteUpdate) with routes |
//!
//! # Messages
//!
//! | corebgp | here |
//! |---|---|
//! | `Notification` | [`Notification`](crate::bgp::Notification) |
//! | `Notification.Error` | [`Notification::code_name`](crate::bgp::Notification::code_name), [`Notification::subcode_name`](crate::bgp::Notification::subcode_name) |
//! | `Notification.AsSessionReset` | [`UpdateError::notification`](crate::bgp::UpdateError::notification) |
//! | `Capability` | [`Capability`](crate::bgp::Capability), decoded |
//! | `NewMPExtensionsCapability` | [`PeerConfig::families`](super::PeerConfig::families), [`Multiprotocol`](crate::bgp::capability::Multiprotocol) |
//! | `NewAddPathCapability` | [`AddPath`](crate::bgp::capability::AddPath) |
//! | `AddPathTuple` | an entry of [`AddPath`](crate::bgp::capability::AddPath) |
//! | `AddPathTuple.Encode` | done by the OPEN's codec: [`Open::encode`](crate::bgp::message::open::Open::encode) |
//! | `AddPathTuple.Decode` | done by the OPEN's codec: [`Open::decode`](crate::bgp::message::open::Open::decode) |
//! | `DecodeAddPathTuples` | done by the OPEN's codec; the result is [`Codec::add_path_receive`](crate::bgp::Codec::add_path_receive) |
//!
//! # UPDATE
//!
//! | corebgp | here |
//! |---|---|
//! | `UpdateDecoder` | [`UpdateDecoder`](super::UpdateDecoder) |
//! | `NewUpdateDecoder` | [`UpdateDecoder::new`](super::UpdateDecoder::new) |
//! | `UpdateDecoder.Decode` | [`UpdateDecoder::decode`](super::UpdateDecoder::decode); four-octet AS numbers by default |
//! | `DecodeFn` | a closure of [`UpdateDecoder::nlri`](super::UpdateDecoder::nlri) or [`UpdateDecoder::withdrawn`](super::UpdateDecoder::withdrawn) |
//! | `PathAttrsDecodeFn` | a closure of [`UpdateDecoder::attribute`](super::UpdateDecoder::attribute) or [`UpdateDecoder::attributes`](super::UpdateDecoder::attributes) |
//! | `MPPathAttrDecodeFn` | a closure of [`UpdateDecoder::reach`](super::UpdateDecoder::reach) or [`UpdateDecoder::unreach`](super::UpdateDecoder::unreach) |
//! | `NewWithdrawnRoutesDecodeFn` | [`UpdateDecoder::withdrawn_unicast`](super::UpdateDecoder::withdrawn_unicast) |
//! | `NewWithdrawnAddPathRoutesDecodeFn` | the same: [`UnicastRoute::path_id`](super::UnicastRoute::path_id) |
//! | `NewNLRIDecodeFn` | [`UpdateDecoder::announced_unicast`](super::UpdateDecoder::announced_unicast) |
//! | `NewNLRIAddPathDecodeFn` | the same: [`UnicastRoute::path_id`](super::UnicastRoute::path_id) |
//! | `NewMPReachNLRIDecodeFn` | [`UpdateDecoder::reach`](super::UpdateDecoder::reach) |
//! | `NewMPUnreachNLRIDecodeFn` | [`UpdateDecoder::unreach`](super::UpdateDecoder::unreach) |
//! | `DecodeMPReachIPv6NextHops` | [`UnicastRoute::next_hop`](super::UnicastRoute::next_hop), [`NextHop::decode`](crate::bgp::NextHop::decode) |
//! | `DecodeMPIPv6Prefixes` | [`Routes`](crate::bgp::nlri::Routes), [`NlriRef::prefix`](crate::bgp::NlriRef::prefix) |
//! | `DecodeMPIPv6AddPathPrefixes` | [`Routes`](crate::bgp::nlri::Routes), [`NlriRef::path_id`](crate::bgp::NlriRef::path_id) |
//! | `AddPathPrefix` | [`UnicastRoute`](super::UnicastRoute) |
//! | `UpdateError` | [`UpdateError`](crate::bgp::UpdateError) |
//! | `TreatAsWithdrawUpdateErr` | [`Severity::TreatAsWithdraw`](crate::bgp::Severity::TreatAsWithdraw) |
//! | `AttrDiscardUpdateErr` | [`Severity::Discard`](crate::bgp::Severity::Discard) |
//! | `UpdateNotificationFromErr` | [`UpdateErrors::as_reset`](super::UpdateErrors::as_reset) |
//! | `PathAttrFlags` | [`AttributeFlags`](crate::bgp::attribute::AttributeFlags) |
//! | `PathAttrFlags.Optional` | [`AttributeFlags::is_optional`](crate::bgp::attribute::AttributeFlags::is_optional) |
//! | `PathAttrFlags.Transitive` | [`AttributeFlags::is_transitive`](crate::bgp::attribute::AttributeFlags::is_transitive) |
//! | `PathAttrFlags.Partial` | [`AttributeFlags::is_partial`](crate::bgp::attribute::AttributeFlags::is_partial) |
//! | `PathAttrFlags.ExtendedLen` | [`AttributeFlags::has_extended_length`](crate::bgp::attribute::AttributeFlags::has_extended_length) |
//! | `PathAttrFlags.Validate` | done by [`RawAttribute::decode`](super::decoder::RawAttribute::decode) |
//!
//! # Attributes
//!
//! Each has a decoder of its own in corebgp; here [`RawAttribute::decode`](super::decoder::RawAttribute::decode) decodes all.
//!
//! | corebgp | here |
//! |---|---|
//! | `OriginPathAttr` | [`AttributeSet::origin`](crate::bgp::AttributeSet::origin) |
//! | `ASPathAttr` | [`AttributeSet::as_path`](crate::bgp::AttributeSet::as_path): all segments, also confederations |
//! | `NextHopPathAttr` | [`AttributeSet::next_hop`](crate::bgp::AttributeSet::next_hop) |
//! | `MEDPathAttr` | [`AttributeSet::med`](crate::bgp::AttributeSet::med) |
//! | `LocalPrefPathAttr` | [`AttributeSet::local_pref`](crate::bgp::AttributeSet::local_pref) |
//! | `AtomicAggregatePathAttr` | [`AttributeSet::atomic_aggregate`](crate::bgp::AttributeSet::atomic_aggregate) |
//! | `AggregatorPathAttr` | [`AttributeSet::aggregator`](crate::bgp::AttributeSet::aggregator) |
//! | `CommunitiesPathAttr` | [`AttributeSet::communities`](crate::bgp::AttributeSet::communities) |
//! | `OriginatorIDPathAttr` | [`AttributeSet::originator_id`](crate::bgp::AttributeSet::originator_id) |
//! | `ClusterListPathAttr` | [`AttributeSet::cluster_list`](crate::bgp::AttributeSet::cluster_list) |
//! | `LargeCommunitiesPathAttr` | [`AttributeSet::large_communities`](crate::bgp::AttributeSet::large_communities) |
//!
//! # Capability codes
//!
//! | corebgp | here, in [`bgp::iana`](crate::bgp::iana) |
//! |---|---|
//! | `CAP_MP_EXTENSIONS` | [`capability::MULTIPROTOCOL`](crate::bgp::iana::capability::MULTIPROTOCOL) |
//! | `CAP_ROUTE_REFRESH` | [`capability::ROUTE_REFRESH`](crate::bgp::iana::capability::ROUTE_REFRESH) |
//! | `CAP_OUTBOUND_ROUTE_FILTERING` | [`capability::OUTBOUND_ROUTE_FILTERING`](crate::bgp::iana::capability::OUTBOUND_ROUTE_FILTERING) |
//! | `CAP_EXTENDED_NEXT_HOP_ENCODING` | [`capability::EXTENDED_NEXT_HOP`](crate::bgp::iana::capability::EXTENDED_NEXT_HOP) |
//! | `CAP_EXT_MESSSAGE` | [`capability::EXTENDED_MESSAGE`](crate::bgp::iana::capability::EXTENDED_MESSAGE) |
//! | `CAP_BGPSEC` | [`capability::BGPSEC`](crate::bgp::iana::capability::BGPSEC) |
//! | `CAP_MULTIPLE_LABELS` | [`capability::MULTIPLE_LABELS`](crate::bgp::iana::capability::MULTIPLE_LABELS) |
//! | `CAP_ROLE` | [`capability::BGP_ROLE`](crate::bgp::iana::capability::BGP_ROLE) |
//! | `CAP_GRACEFUL_RESTART` | [`capability::GRACEFUL_RESTART`](crate::bgp::iana::capability::GRACEFUL_RESTART) |
//! | `CAP_FOUR_OCTET_AS` | [`capability::FOUR_OCTET_AS`](crate::bgp::iana::capability::FOUR_OCTET_AS) |
//! | `CAP_DYNAMIC` | [`capability::DYNAMIC_CAPABILITY`](crate::bgp::iana::capability::DYNAMIC_CAPABILITY) |
//! | `CAP_MULTISESSION` | [`capability::MULTISESSION`](crate::bgp::iana::capability::MULTISESSION) |
//! | `CAP_ADD_PATH` | [`capability::ADD_PATH`](crate::bgp::iana::capability::ADD_PATH) |
//! | `CAP_ENHANCED_ROUTE_REFRESH` | [`capability::ENHANCED_ROUTE_REFRESH`](crate::bgp::iana::capability::ENHANCED_ROUTE_REFRESH) |
//! | `CAP_LLGR` | [`capability::LONG_LIVED_GRACEFUL_RESTART`](crate::bgp::iana::capability::LONG_LIVED_GRACEFUL_RESTART) |
//! | `CAP_ROUTING_POLICY_DIST` | [`capability::ROUTING_POLICY_DISTRIBUTION`](crate::bgp::iana::capability::ROUTING_POLICY_DISTRIBUTION) |
//! | `CAP_FQDN` | [`capability::FQDN`](crate::bgp::iana::capability::FQDN) |
//!
//! # Address families
//!
//! | corebgp | here, in [`bgp::iana`](crate::bgp::iana) |
//! |---|---|
//! | `AFI_IPV4` | [`afi::IPV4`](crate::bgp::iana::afi::IPV4) |
//! | `AFI_IPV6` | [`afi::IPV6`](crate::bgp::iana::afi::IPV6) |
//! | `AFI_NSAP` | [`afi::NSAP`](crate::bgp::iana::afi::NSAP) |
//! | `AFI_HDLC` | [`afi::HDLC`](crate::bgp::iana::afi::HDLC) |
//! | `AFI_BBN_1822` | [`afi::BBN_1822`](crate::bgp::iana::afi::BBN_1822) |
//! | `AFI_802` | [`afi::IEEE_802`](crate::bgp::iana::afi::IEEE_802) |
//! | `AFI_E163` | [`afi::E_163`](crate::bgp::iana::afi::E_163) |
//! | `AFI_E164` | [`afi::E_164`](crate::bgp::iana::afi::E_164) |
//! | `AFI_F69` | [`afi::F_69`](crate::bgp::iana::afi::F_69) |
//! | `AFI_X121` | [`afi::X_121`](crate::bgp::iana::afi::X_121) |
//! | `AFI_IPX` | [`afi::IPX`](crate::bgp::iana::afi::IPX) |
//! | `AFI_APPLETALK` | [`afi::APPLETALK`](crate::bgp::iana::afi::APPLETALK) |
//! | `AFI_DECNET_IV` | [`afi::DECNET_IV`](crate::bgp::iana::afi::DECNET_IV) |
//! | `AFI_BANYAN_VINES` | [`afi::BANYAN_VINES`](crate::bgp::iana::afi::BANYAN_VINES) |
//! | `AFI_E164_WITH_NSAP_SUBADDR` | [`afi::E_164_NSAP`](crate::bgp::iana::afi::E_164_NSAP) |
//! | `AFI_DNS` | [`afi::DNS`](crate::bgp::iana::afi::DNS) |
//! | `AFI_DISTINGUISHED_NAME` | [`afi::DISTINGUISHED_NAME`](crate::bgp::iana::afi::DISTINGUISHED_NAME) |
//! | `AFI_AS_NUMBER` | [`afi::AS_NUMBER`](crate::bgp::iana::afi::AS_NUMBER) |
//! | `AFI_XTP_OVER_IPV4` | [`afi::XTP_OVER_IPV4`](crate::bgp::iana::afi::XTP_OVER_IPV4) |
//! | `AFI_XTP_OVER_IPV6` | [`afi::XTP_OVER_IPV6`](crate::bgp::iana::afi::XTP_OVER_IPV6) |
//! | `AFI_XTP_NATIVE` | [`afi::XTP_NATIVE`](crate::bgp::iana::afi::XTP_NATIVE) |
//! | `AFI_FIBRE_CHANNEL_WWPN` | [`afi::FIBRE_CHANNEL_PORT_NAME`](crate::bgp::iana::afi::FIBRE_CHANNEL_PORT_NAME) |
//! | `AFI_FIBRE_CHANNEL_WWNN` | [`afi::FIBRE_CHANNEL_NODE_NAME`](crate::bgp::iana::afi::FIBRE_CHANNEL_NODE_NAME) |
//! | `AFI_GWID` | [`afi::GWID`](crate::bgp::iana::afi::GWID) |
//! | `AFI_L2VPN_INFO` | [`afi::L2VPN`](crate::bgp::iana::afi::L2VPN) |
//! | `AFI_MPLS_TP_SECTION_ENDPOINT_ID` | [`afi::MPLS_TP_SECTION`](crate::bgp::iana::afi::MPLS_TP_SECTION) |
//! | `AFI_MPLS_TP_LSP_ENDPOINT_ID` | [`afi::MPLS_TP_LSP`](crate::bgp::iana::afi::MPLS_TP_LSP) |
//! | `AFI_MPLS_TP_PSEUDOWIRE_ENDPOINT_ID` | [`afi::MPLS_TP_PSEUDOWIRE`](crate::bgp::iana::afi::MPLS_TP_PSEUDOWIRE) |
//! | `AFI_MT_IPV4` | [`afi::MT_IPV4`](crate::bgp::iana::afi::MT_IPV4) |
//! | `AFI_MT_IPV6` | [`afi::MT_IPV6`](crate::bgp::iana::afi::MT_IPV6) |
//! | `AFI_BGP_SFC` | [`afi::BGP_SFC`](crate::bgp::iana::afi::BGP_SFC) |
//! | `AFI_EIGRP_COMMON_SERVICE_FAMILY` | [`afi::EIGRP_COMMON`](crate::bgp::iana::afi::EIGRP_COMMON) |
//! | `AFI_EIGRP_IPV4_SERVICE_FAMILY` | [`afi::EIGRP_IPV4`](crate::bgp::iana::afi::EIGRP_IPV4) |
//! | `AFI_EIGRP_IPV6_SERVICE_FAMILY` | [`afi::EIGRP_IPV6`](crate::bgp::iana::afi::EIGRP_IPV6) |
//! | `AFI_LCAF` | [`afi::LCAF`](crate::bgp::iana::afi::LCAF) |
//! | `AFI_BGP_LS` | [`afi::BGP_LS`](crate::bgp::iana::afi::BGP_LS) |
//! | `AFI_48_BIT_MAC` | [`afi::MAC_48`](crate::bgp::iana::afi::MAC_48) |
//! | `AFI_64_BIT_MAC` | [`afi::MAC_64`](crate::bgp::iana::afi::MAC_64) |
//! | `AFI_OUI` | [`afi::OUI`](crate::bgp::iana::afi::OUI) |
//! | `AFI_MAC_FINAL_24_BITS` | [`afi::MAC_FINAL_24`](crate::bgp::iana::afi::MAC_FINAL_24) |
//! | `AFI_MAC_FINAL_40_BITS` | [`afi::MAC_FINAL_40`](crate::bgp::iana::afi::MAC_FINAL_40) |
//! | `AFI_IPV6_INITIAL_64_BITS` | [`afi::IPV6_INITIAL_64`](crate::bgp::iana::afi::IPV6_INITIAL_64) |
//! | `AFI_RBRIDGE_PORT_ID` | [`afi::RBRIDGE_PORT`](crate::bgp::iana::afi::RBRIDGE_PORT) |
//! | `AFI_TRILL_NICKNAME` | [`afi::TRILL_NICKNAME`](crate::bgp::iana::afi::TRILL_NICKNAME) |
//! | `AFI_UUID` | [`afi::UUID`](crate::bgp::iana::afi::UUID) |
//! | `AFI_ROUTING_POLICY` | [`afi::ROUTING_POLICY`](crate::bgp::iana::afi::ROUTING_POLICY) |
//! | `AFI_MPLS_NAMESPACES` | [`afi::MPLS_NAMESPACES`](crate::bgp::iana::afi::MPLS_NAMESPACES) |
//! | `SAFI_UNICAST` | [`safi::UNICAST`](crate::bgp::iana::safi::UNICAST) |
//! | `SAFI_MULTICAST` | [`safi::MULTICAST`](crate::bgp::iana::safi::MULTICAST) |
//! | `SAFI_MPLS` | [`safi::MPLS`](crate::bgp::iana::safi::MPLS) |
//! | `SAFI_MCAST_VPN` | [`safi::MCAST_VPN`](crate::bgp::iana::safi::MCAST_VPN) |
//! | `SAFI_DYN_PLACEMENT_MULTI_SEGMENT_PW` | [`safi::MULTI_SEGMENT_PSEUDOWIRE`](crate::bgp::iana::safi::MULTI_SEGMENT_PSEUDOWIRE) |
//! | `SAFI_MCAST_VPLS` | [`safi::MCAST_VPLS`](crate::bgp::iana::safi::MCAST_VPLS) |
//! | `SAFI_BGP_SFC` | [`safi::BGP_SFC`](crate::bgp::iana::safi::BGP_SFC) |
//! | `SAFI_TUNNEL` | [`safi::TUNNEL`](crate::bgp::iana::safi::TUNNEL) |
//! | `SAFI_VPLS` | [`safi::VPLS`](crate::bgp::iana::safi::VPLS) |
//! | `SAFI_BGP_MDT` | [`safi::BGP_MDT`](crate::bgp::iana::safi::BGP_MDT) |
//! | `SAFI_BGP_4OVER6` | [`safi::BGP_4OVER6`](crate::bgp::iana::safi::BGP_4OVER6) |
//! | `SAFI_BGP_6OVER4` | [`safi::BGP_6OVER4`](crate::bgp::iana::safi::BGP_6OVER4) |
//! | `SAFI_LAYER_1_VPN_AUTO_DISCOVERY_INFO` | [`safi::LAYER_1_VPN`](crate::bgp::iana::safi::LAYER_1_VPN) |
//! | `SAFI_BGP_EVPNS` | [`safi::EVPN`](crate::bgp::iana::safi::EVPN) |
//! | `SAFI_BGP_LS` | [`safi::BGP_LS`](crate::bgp::iana::safi::BGP_LS) |
//! | `SAFI_BGP_LS_VPN` | [`safi::BGP_LS_VPN`](crate::bgp::iana::safi::BGP_LS_VPN) |
//! | `SAFI_SR_TE_POLICY` | [`safi::SR_POLICY`](crate::bgp::iana::safi::SR_POLICY) |
//! | `SAFI_SD_WAN_CAPABILITIES` | [`safi::SD_WAN`](crate::bgp::iana::safi::SD_WAN) |
//! | `SAFI_ROUTING_POLICY` | [`safi::ROUTING_POLICY`](crate::bgp::iana::safi::ROUTING_POLICY) |
//! | `SAFI_CLASSFUL_TRANSPORT` | [`safi::CLASSFUL_TRANSPORT`](crate::bgp::iana::safi::CLASSFUL_TRANSPORT) |
//! | `SAFI_TUNNELED_TRAFFIC_FLOWSPEC` | [`safi::TUNNELED_FLOW`](crate::bgp::iana::safi::TUNNELED_FLOW) |
//! | `SAFI_MCAST_TREE` | [`safi::MCAST_TREE`](crate::bgp::iana::safi::MCAST_TREE) |
//! | `SAFI_BGP_DPS` | [`safi::BGP_DPS`](crate::bgp::iana::safi::BGP_DPS) |
//! | `SAFI_BGP_LS_SPF` | [`safi::BGP_LS_SPF`](crate::bgp::iana::safi::BGP_LS_SPF) |
//! | `SAFI_BGP_CAR` | [`safi::BGP_CAR`](crate::bgp::iana::safi::BGP_CAR) |
//! | `SAFI_BGP_VPN_CAR` | [`safi::BGP_VPN_CAR`](crate::bgp::iana::safi::BGP_VPN_CAR) |
//! | `SAFI_MPLS_LABELED_VPN_ADDR` | [`safi::MPLS_VPN`](crate::bgp::iana::safi::MPLS_VPN) |
//! | `SAFI_MULTICAST_BGP_MPLS_IP_VPNS` | [`safi::MULTICAST_MPLS_VPN`](crate::bgp::iana::safi::MULTICAST_MPLS_VPN) |
//! | `SAFI_ROUTE_TARGET_CONSTRAINS` | [`safi::ROUTE_TARGET`](crate::bgp::iana::safi::ROUTE_TARGET) |
//! | `SAFI_DISSEMINATION_OF_FLOWSPEC_RULES` | [`safi::FLOW`](crate::bgp::iana::safi::FLOW) |
//! | `SAFI_L3VPN_DISSEMINATION_OF_FLOWSPEC_RULES` | [`safi::FLOW_VPN`](crate::bgp::iana::safi::FLOW_VPN) |
//! | `SAFI_VPN_AUTO_DISCOVERY` | [`safi::VPN_AUTO_DISCOVERY`](crate::bgp::iana::safi::VPN_AUTO_DISCOVERY) |
//!
//! # Attribute codes
//!
//! | corebgp | here, in [`bgp::iana`](crate::bgp::iana) |
//! |---|---|
//! | `PATH_ATTR_ORIGIN` | [`attribute::ORIGIN`](crate::bgp::iana::attribute::ORIGIN) |
//! | `PATH_ATTR_AS_PATH` | [`attribute::AS_PATH`](crate::bgp::iana::attribute::AS_PATH) |
//! | `PATH_ATTR_NEXT_HOP` | [`attribute::NEXT_HOP`](crate::bgp::iana::attribute::NEXT_HOP) |
//! | `PATH_ATTR_MED` | [`attribute::MULTI_EXIT_DISC`](crate::bgp::iana::attribute::MULTI_EXIT_DISC) |
//! | `PATH_ATTR_LOCAL_PREF` | [`attribute::LOCAL_PREF`](crate::bgp::iana::attribute::LOCAL_PREF) |
//! | `PATH_ATTR_ATOMIC_AGGREGATE` | [`attribute::ATOMIC_AGGREGATE`](crate::bgp::iana::attribute::ATOMIC_AGGREGATE) |
//! | `PATH_ATTR_AGGREGATOR` | [`attribute::AGGREGATOR`](crate::bgp::iana::attribute::AGGREGATOR) |
//! | `PATH_ATTR_COMMUNITY` | [`attribute::COMMUNITIES`](crate::bgp::iana::attribute::COMMUNITIES) |
//! | `PATH_ATTR_ORIGINATOR_ID` | [`attribute::ORIGINATOR_ID`](crate::bgp::iana::attribute::ORIGINATOR_ID) |
//! | `PATH_ATTR_CLUSTER_LIST` | [`attribute::CLUSTER_LIST`](crate::bgp::iana::attribute::CLUSTER_LIST) |
//! | `PATH_ATTR_MP_REACH_NLRI` | [`attribute::MP_REACH_NLRI`](crate::bgp::iana::attribute::MP_REACH_NLRI) |
//! | `PATH_ATTR_MP_UNREACH_NLRI` | [`attribute::MP_UNREACH_NLRI`](crate::bgp::iana::attribute::MP_UNREACH_NLRI) |
//! | `PATH_ATTR_EXTENDED_COMMUNITIES` | [`attribute::EXTENDED_COMMUNITIES`](crate::bgp::iana::attribute::EXTENDED_COMMUNITIES) |
//! | `PATH_ATTR_AS4_PATH` | [`attribute::AS4_PATH`](crate::bgp::iana::attribute::AS4_PATH) |
//! | `PATH_ATTR_AS4_AGGREGATOR` | [`attribute::AS4_AGGREGATOR`](crate::bgp::iana::attribute::AS4_AGGREGATOR) |
//! | `PATH_ATTR_PMSI_TUNNEL` | [`attribute::PMSI_TUNNEL`](crate::bgp::iana::attribute::PMSI_TUNNEL) |
//! | `PATH_ATTR_TUNNEL_ENCAPSULATION` | [`attribute::TUNNEL_ENCAPSULATION`](crate::bgp::iana::attribute::TUNNEL_ENCAPSULATION) |
//! | `PATH_ATTR_TRAFFIC_ENGINEERING` | [`attribute::TRAFFIC_ENGINEERING`](crate::bgp::iana::attribute::TRAFFIC_ENGINEERING) |
//! | `PATH_ATTR_IPV6_ADDR_SPECIFIC_EXTENDED_COMMUNITY` | [`attribute::IPV6_EXTENDED_COMMUNITIES`](crate::bgp::iana::attribute::IPV6_EXTENDED_COMMUNITIES) |
//! | `PATH_ATTR_AIGP` | [`attribute::AIGP`](crate::bgp::iana::attribute::AIGP) |
//! | `PATH_ATTR_PE_DISTINGUISHER_LABELS` | [`attribute::PE_DISTINGUISHER_LABELS`](crate::bgp::iana::attribute::PE_DISTINGUISHER_LABELS) |
//! | `PATH_ATTR_BGP_LS` | [`attribute::BGP_LS`](crate::bgp::iana::attribute::BGP_LS) |
//! | `PATH_ATTR_LARGE_COMMUNITY` | [`attribute::LARGE_COMMUNITY`](crate::bgp::iana::attribute::LARGE_COMMUNITY) |
//! | `PATH_ATTR_BGPSEC_PATH` | [`attribute::BGPSEC_PATH`](crate::bgp::iana::attribute::BGPSEC_PATH) |
//! | `PATH_ATTR_OTC` | [`attribute::ONLY_TO_CUSTOMER`](crate::bgp::iana::attribute::ONLY_TO_CUSTOMER) |
//! | `PATH_ATTR_SFP_ATTRIBUTE` | [`attribute::SFP`](crate::bgp::iana::attribute::SFP) |
//! | `PATH_ATTR_BFD_DISCRIMINATOR` | [`attribute::BFD_DISCRIMINATOR`](crate::bgp::iana::attribute::BFD_DISCRIMINATOR) |
//! | `PATH_ATTR_BGP_PREFIX_SID` | [`attribute::PREFIX_SID`](crate::bgp::iana::attribute::PREFIX_SID) |
//! | `PATH_ATTR_ATTR_SET` | [`attribute::ATTR_SET`](crate::bgp::iana::attribute::ATTR_SET) |
//!
//! # NOTIFICATION codes
//!
//! | corebgp | here, in [`bgp::iana`](crate::bgp::iana) |
//! |---|---|
//! | `NOTIF_CODE_MESSAGE_HEADER_ERR` | [`notification::MESSAGE_HEADER`](crate::bgp::iana::notification::MESSAGE_HEADER) |
//! | `NOTIF_CODE_OPEN_MESSAGE_ERR` | [`notification::OPEN_MESSAGE`](crate::bgp::iana::notification::OPEN_MESSAGE) |
//! | `NOTIF_CODE_UPDATE_MESSAGE_ERR` | [`notification::UPDATE_MESSAGE`](crate::bgp::iana::notification::UPDATE_MESSAGE) |
//! | `NOTIF_CODE_HOLD_TIMER_EXPIRED` | [`notification::HOLD_TIMER_EXPIRED`](crate::bgp::iana::notification::HOLD_TIMER_EXPIRED) |
//! | `NOTIF_CODE_FSM_ERR` | [`notification::STATE_MACHINE`](crate::bgp::iana::notification::STATE_MACHINE) |
//! | `NOTIF_CODE_CEASE` | [`notification::CEASE`](crate::bgp::iana::notification::CEASE) |
//! | `NOTIF_CODE_ROUTE_REFRESH_MESSAGE_ERR` | [`notification::ROUTE_REFRESH_MESSAGE`](crate::bgp::iana::notification::ROUTE_REFRESH_MESSAGE) |
//! | `NOTIF_SUBCODE_CONN_NOT_SYNCHRONIZED` | [`notification::header::CONNECTION_NOT_SYNCHRONIZED`](crate::bgp::iana::notification::header::CONNECTION_NOT_SYNCHRONIZED) |
//! | `NOTIF_SUBCODE_BAD_MESSAGE_LENGTH` | [`notification::header::BAD_MESSAGE_LENGTH`](crate::bgp::iana::notification::header::BAD_MESSAGE_LENGTH) |
//! | `NOTIF_SUBCODE_BAD_MESSAGE_TYPE` | [`notification::header::BAD_MESSAGE_TYPE`](crate::bgp::iana::notification::header::BAD_MESSAGE_TYPE) |
//! | `NOTIF_SUBCODE_UNSUPPORTED_VERSION_NUM` | [`notification::open::UNSUPPORTED_VERSION_NUMBER`](crate::bgp::iana::notification::open::UNSUPPORTED_VERSION_NUMBER) |
//! | `NOTIF_SUBCODE_BAD_PEER_AS` | [`notification::open::BAD_PEER_AS`](crate::bgp::iana::notification::open::BAD_PEER_AS) |
//! | `NOTIF_SUBCODE_BAD_BGP_ID` | [`notification::open::BAD_BGP_IDENTIFIER`](crate::bgp::iana::notification::open::BAD_BGP_IDENTIFIER) |
//! | `NOTIF_SUBCODE_UNSUPPORTED_OPTIONAL_PARAM` | [`notification::open::UNSUPPORTED_OPTIONAL_PARAMETER`](crate::bgp::iana::notification::open::UNSUPPORTED_OPTIONAL_PARAMETER) |
//! | `NOTIF_SUBCODE_UNACCEPTABLE_HOLD_TIME` | [`notification::open::UNACCEPTABLE_HOLD_TIME`](crate::bgp::iana::notification::open::UNACCEPTABLE_HOLD_TIME) |
//! | `NOTIF_SUBCODE_UNSUPPORTED_CAPABILITY` | [`notification::open::UNSUPPORTED_CAPABILITY`](crate::bgp::iana::notification::open::UNSUPPORTED_CAPABILITY) |
//! | `NOTIF_SUBCODE_ROLE_MISMATCH` | [`notification::open::ROLE_MISMATCH`](crate::bgp::iana::notification::open::ROLE_MISMATCH) |
//! | `NOTIF_SUBCODE_MALFORMED_ATTR_LIST` | [`notification::update::MALFORMED_ATTRIBUTE_LIST`](crate::bgp::iana::notification::update::MALFORMED_ATTRIBUTE_LIST) |
//! | `NOTIF_SUBCODE_UNRECOGNIZED_WELL_KNOWN_ATTR` | [`notification::update::UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE`](crate::bgp::iana::notification::update::UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE) |
//! | `NOTIF_SUBCODE_MISSING_WELL_KNOWN_ATTR` | [`notification::update::MISSING_WELL_KNOWN_ATTRIBUTE`](crate::bgp::iana::notification::update::MISSING_WELL_KNOWN_ATTRIBUTE) |
//! | `NOTIF_SUBCODE_ATTR_FLAGS_ERR` | [`notification::update::ATTRIBUTE_FLAGS_ERROR`](crate::bgp::iana::notification::update::ATTRIBUTE_FLAGS_ERROR) |
//! | `NOTIF_SUBCODE_ATTR_LEN_ERR` | [`notification::update::ATTRIBUTE_LENGTH_ERROR`](crate::bgp::iana::notification::update::ATTRIBUTE_LENGTH_ERROR) |
//! | `NOTIF_SUBCODE_INVALID_ORIGIN_ATTR` | [`notification::update::INVALID_ORIGIN`](crate::bgp::iana::notification::update::INVALID_ORIGIN) |
//! | `NOTIF_SUBCODE_INVALID_NEXT_HOP_ATTR` | [`notification::update::INVALID_NEXT_HOP`](crate::bgp::iana::notification::update::INVALID_NEXT_HOP) |
//! | `NOTIF_SUBCODE_OPTIONAL_ATTR_ERR` | [`notification::update::OPTIONAL_ATTRIBUTE_ERROR`](crate::bgp::iana::notification::update::OPTIONAL_ATTRIBUTE_ERROR) |
//! | `NOTIF_SUBCODE_INVALID_NETWORK_FIELD` | [`notification::update::INVALID_NETWORK_FIELD`](crate::bgp::iana::notification::update::INVALID_NETWORK_FIELD) |
//! | `NOTIF_SUBCODE_MALFORMED_AS_PATH` | [`notification::update::MALFORMED_AS_PATH`](crate::bgp::iana::notification::update::MALFORMED_AS_PATH) |
//! | `NOTIF_SUBCODE_RX_UNEXPECTED_MESSAGE_OPENSENT` | [`notification::state_machine::UNEXPECTED_IN_OPEN_SENT`](crate::bgp::iana::notification::state_machine::UNEXPECTED_IN_OPEN_SENT) |
//! | `NOTIF_SUBCODE_RX_UNEXPECTED_MESSAGE_OPENCONFIRM` | [`notification::state_machine::UNEXPECTED_IN_OPEN_CONFIRM`](crate::bgp::iana::notification::state_machine::UNEXPECTED_IN_OPEN_CONFIRM) |
//! | `NOTIF_SUBCODE_RX_UNEXPECTED_MESSAGE_ESTABLISHED` | [`notification::state_machine::UNEXPECTED_IN_ESTABLISHED`](crate::bgp::iana::notification::state_machine::UNEXPECTED_IN_ESTABLISHED) |
//! | `NOTIF_SUBCODE_MAX_NUM_OF_PREFIXES_REACHED` | [`notification::cease::MAXIMUM_NUMBER_OF_PREFIXES`](crate::bgp::iana::notification::cease::MAXIMUM_NUMBER_OF_PREFIXES) |
//! | `NOTIF_SUBCODE_ADMIN_SHUTDOWN` | [`notification::cease::ADMINISTRATIVE_SHUTDOWN`](crate::bgp::iana::notification::cease::ADMINISTRATIVE_SHUTDOWN) |
//! | `NOTIF_SUBCODE_PEER_DE_CONFIGURED` | [`notification::cease::PEER_DE_CONFIGURED`](crate::bgp::iana::notification::cease::PEER_DE_CONFIGURED) |
//! | `NOTIF_SUBCODE_ADMIN_RESET` | [`notification::cease::ADMINISTRATIVE_RESET`](crate::bgp::iana::notification::cease::ADMINISTRATIVE_RESET) |
//! | `NOTIF_SUBCODE_CONN_REJECTED` | [`notification::cease::CONNECTION_REJECTED`](crate::bgp::iana::notification::cease::CONNECTION_REJECTED) |
//! | `NOTIF_SUBCODE_OTHER_CONFIG_CHANGE` | [`notification::cease::OTHER_CONFIGURATION_CHANGE`](crate::bgp::iana::notification::cease::OTHER_CONFIGURATION_CHANGE) |
//! | `NOTIF_SUBCODE_CONN_COLLISION_RESOLUTION` | [`notification::cease::CONNECTION_COLLISION`](crate::bgp::iana::notification::cease::CONNECTION_COLLISION) |
//! | `NOTIF_SUBCODE_OUT_OF_RESOURCES` | [`notification::cease::OUT_OF_RESOURCES`](crate::bgp::iana::notification::cease::OUT_OF_RESOURCES) |
//! | `NOTIF_SUBCODE_HARD_RESET` | [`notification::cease::HARD_RESET`](crate::bgp::iana::notification::cease::HARD_RESET) |
//! | `NOTIF_SUBCODE_INVALID_MESSAGE_LENGTH` | [`notification::route_refresh::INVALID_MESSAGE_LENGTH`](crate::bgp::iana::notification::route_refresh::INVALID_MESSAGE_LENGTH) |
