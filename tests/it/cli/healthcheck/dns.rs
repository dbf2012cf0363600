//! Checks by DNS, with a server that commits every fault.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};

use super::{Health, refused};
use crate::support::daemon::Lab;

const UP: &str = "neighbor * announce route 192.0.2.1/32 next-hop self med 100";
const DOWN: &str = "neighbor * announce route 192.0.2.1/32 next-hop self med 1000";

/// What a server sends for a query, and the number of queries before it.
type Serve = fn(&[u8], usize) -> Vec<Vec<u8>>;

/// A server of UDP, and its port.
fn server(serve: Serve) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("an address").port();
    run(socket, serve);
    port
}

fn run(socket: UdpSocket, serve: Serve) {
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        let mut count = 0;
        while let Ok((length, client)) = socket.recv_from(&mut buffer) {
            for answer in serve(&buffer[..length], count) {
                let _ = socket.send_to(&answer, client);
            }
            count += 1;
        }
    });
}

/// An answer with these flags, code and addresses.
fn answer(query: &[u8], flags: u8, code: u8, addresses: u8) -> Vec<u8> {
    let mut answer = query.to_vec();
    (answer[2], answer[3], answer[7]) = (flags, 0x80 | code, addresses);
    for last in 0..addresses {
        answer.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02");
        answer.push(last);
    }
    answer
}

fn good(query: &[u8]) -> Vec<u8> {
    answer(query, 0x81, 0, 2)
}

/// The first command of a check of this server.
fn first(port: u16, more: &str) -> String {
    let options = format!(
        "--ip 192.0.2.1/32 --rise 1 --fall 1 --dns 127.0.0.1:{port} --dns-query www.example.net {more}"
    );
    Health::start(&options, &[]).command()
}

#[test]
fn a_record_of_the_type_is_up() {
    let port = server(|query, _| {
        let question = b"\x03www\x07example\x03net\0\0\x01\0\x01";
        let right = query[2..12] == *b"\x01\0\0\x01\0\0\0\0\0\0" && query[12..] == question[..];
        vec![if right {
            good(query)
        } else {
            answer(query, 0x81, 0, 1)
        }]
    });
    assert_eq!(first(port, "--timeout 60"), UP);
    // The server has addresses only.
    assert_eq!(first(port, "--timeout 60 --dns-type AAAA"), DOWN);
}

#[test]
fn a_query_is_sent_again_if_there_is_no_answer() {
    let port = server(|query, count| match count {
        0 => Vec::new(),
        _ => vec![good(query)],
    });
    assert_eq!(first(port, "--timeout 60"), UP);
}

#[test]
fn what_does_not_belong_to_the_query_is_ignored() {
    let port = server(|query, _| {
        let failure = answer(query, 0x81, 2, 0);
        let (mut id, mut question, mut kind) = (failure.clone(), failure.clone(), failure.clone());
        id[0] ^= 1;
        question[13] = b'v';
        if let Some(last) = kind.len().checked_sub(3) {
            kind[last] = 28;
        }
        let mut request = failure.clone();
        request[2] = 1;
        vec![
            id,
            question,
            kind,
            request,
            failure[..5].to_vec(),
            Vec::new(),
            good(query),
        ]
    });
    assert_eq!(first(port, "--timeout 60"), UP);
}

#[test]
fn every_fault_is_down() {
    let faults: [(&str, Serve); 6] = [
        ("SERVFAIL", |query, _| vec![answer(query, 0x81, 2, 0)]),
        ("NXDOMAIN", |query, _| vec![answer(query, 0x85, 3, 0)]),
        ("REFUSED", |query, _| vec![answer(query, 0x81, 5, 0)]),
        ("FORMERR without the question", |query, _| {
            let mut answer = answer(&query[..12], 0x81, 1, 0);
            answer[5] = 0;
            vec![answer]
        }),
        ("no record", |query, _| vec![answer(query, 0x81, 0, 0)]),
        ("half a record", |query, _| {
            let mut answer = good(query);
            answer.pop();
            vec![answer]
        }),
    ];
    for (name, fault) in faults {
        assert_eq!(first(server(fault), "--timeout 60"), DOWN, "{name}");
    }
    assert_eq!(first(server(|_, _| Vec::new()), "--timeout 0.2"), DOWN);
}

#[test]
fn a_truncated_answer_is_asked_for_over_tcp() {
    let (listener, socket) = loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        // Someone else may have the port for UDP.
        if let Ok(socket) = UdpSocket::bind(address) {
            break (listener, socket);
        }
    };
    let port = socket.local_addr().expect("an address").port();
    run(socket, |query, _| vec![answer(query, 0x83, 0, 0)]);
    std::thread::spawn(move || {
        for (count, mut stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let mut length = [0; 2];
            let _ = stream.read_exact(&mut length);
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            let _ = stream.read_exact(&mut query);
            let flags = if count == 0 { 0x81 } else { 0x83 };
            let answer = answer(&query, flags, 0, 1);
            let length = u16::try_from(answer.len()).expect("it is short");
            let _ = stream.write_all(&[&length.to_be_bytes()[..], &answer].concat());
        }
    });
    assert_eq!(first(port, "--timeout 60"), UP);
    assert_eq!(first(port, "--timeout 60"), DOWN);
}

#[test]
fn the_options_of_a_check_may_stand_in_a_file() {
    let port = server(|query, _| vec![good(query)]);
    let lab = Lab::new();
    let text = format!("dns-query = www.example.net\ndns-type = A\ndns = 127.0.0.1:{port}\n");
    let file = lab.write("dns.health", &text);
    let options = format!(
        "--config {} --ip 192.0.2.1/32 --rise 1 --timeout 60",
        file.display()
    );
    assert_eq!(Health::start(&options, &[]).command(), UP);
}

#[test]
fn wrong_options_are_explained() {
    for (options, wanted) in [
        (&["--dns", "127.0.0.1"][..], "--dns-query <NAME>"),
        (&["--dns-query", "example.net"], "--dns <SERVER>"),
        (&["--dns", "ns.example.net"], "it must be an IP address"),
        (&["--dns-query", "a..b"], "each label must have"),
        (&["--dns-type", "WHAT"], "expected one of A, NS"),
        (
            &["--dns", "::1", "--dns-query", ".", "--tcp", "127.0.0.1:1"],
            "cannot be used with",
        ),
    ] {
        refused(options, wanted);
    }
}
