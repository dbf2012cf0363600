//! What both programs have to know of BGP.

/// Bytes of a message's header.
pub const HEADER: usize = 19;
/// The hold time that is offered, in seconds.
pub const HOLD: u16 = 180;

/// A message with its header.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (HEADER + body.len()) as u16;
    [&[0xFF; 16][..], &length.to_be_bytes(), &[kind], body].concat()
}

/// OPEN, for IPv4 unicast and with an AS number of four octets, and the KEEPALIVE that accepts the peer's.
pub fn opening(asn: u32, router_id: [u8; 4]) -> Vec<u8> {
    let asn = asn.to_be_bytes();
    let capabilities = [&[1, 4, 0, 1, 0, 1, 65, 4][..], &asn].concat();
    let length = capabilities.len() as u8;
    let [high, low] = HOLD.to_be_bytes();
    let fixed = [4, asn[2], asn[3], high, low];
    let parameters = [length + 2, 2, length];
    let body = [&fixed[..], &router_id, &parameters, &capabilities].concat();
    [message(1, &body), message(4, &[])].concat()
}

/// A number of two octets.
pub fn number(field: &[u8]) -> usize {
    usize::from(field[0]) << 8 | usize::from(field[1])
}
