//! Checks by HTTP and TCP, with a server that commits every fault.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::{Health, refused};

const UP: &str = "neighbor * announce route 192.0.2.1/32 next-hop self med 100";
const DOWN: &str = "neighbor * announce route 192.0.2.1/32 next-hop self med 1000";

/// A name, and what a server does.
type Fault = (&'static str, fn(TcpStream));

/// A server that handles each connection with `serve`, and its port.
fn server(serve: fn(TcpStream)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            serve(stream.try_clone().expect("a copy"));
            // Nothing is closed by accident; a socket that does not linger is reset.
            if socket2::SockRef::from(&stream)
                .linger()
                .ok()
                .flatten()
                .is_none()
            {
                kept.push(stream);
            }
        }
    });
    port
}

/// Reads a request, up to the empty line.
fn request(stream: &mut TcpStream) -> String {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count > 0) {
        text.extend_from_slice(&byte);
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn answer(mut stream: TcpStream, text: &str) {
    let _ = request(&mut stream);
    let _ = stream.write_all(text.as_bytes());
}

/// The first command of a check with these options.
fn first(options: &str) -> String {
    let options = format!("--ip 192.0.2.1/32 --rise 1 --fall 1 {options}");
    Health::start(&options, &[]).command()
}

fn http(port: u16, more: &str) -> String {
    first(&format!(
        "--http http://127.0.0.1:{port}/health?full=1 {more}"
    ))
}

#[test]
fn a_good_answer_is_up() {
    let port = server(|mut stream| {
        let text = request(&mut stream);
        let fine = text.starts_with("GET /health?full=1 HTTP/1.1\r\n")
            && text.contains("host: 127.0.0.1:");
        let status = if fine { "200 OK" } else { "400 Bad Request" };
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: 10\r\n\r\nall is ok\n"
        );
    });
    assert_eq!(http(port, "--timeout 60"), UP);
    assert_eq!(
        http(
            port,
            "--timeout 60 --http-body is --http-status 204 --http-status 200"
        ),
        UP
    );
    assert_eq!(http(port, "--timeout 60 --http-status 204"), DOWN);
    assert_eq!(http(port, "--timeout 60 --http-body nothing"), DOWN);
    assert_eq!(first(&format!("--timeout 60 --tcp 127.0.0.1:{port}")), UP);
}

#[test]
fn an_answer_that_ends_with_the_connection_or_comes_in_chunks_is_read() {
    let port = server(|mut stream| {
        let _ = request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nall is ok");
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    assert_eq!(http(port, "--timeout 60 --http-body ok"), UP);
    let port = server(|stream| {
        answer(
            stream,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nall\r\n5\r\nis ok\r\n0\r\n\r\n",
        );
    });
    assert_eq!(http(port, "--timeout 60 --http-body allis"), UP);
}

#[test]
fn every_fault_is_down() {
    let faults: [Fault; 9] = [
        ("an error", |stream| {
            answer(
                stream,
                "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
            )
        }),
        ("a redirect", |stream| {
            answer(
                stream,
                "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
            )
        }),
        ("half a header", |mut stream| {
            let _ = request(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconte");
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }),
        ("another protocol", |stream| {
            answer(stream, "220 mail.example.net ESMTP\r\n\r\n")
        }),
        ("a truncated body", |mut stream| {
            let _ = request(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nok");
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }),
        ("a header without end", |mut stream| {
            let _ = request(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            let line = format!("x: {}\r\n", "y".repeat(1_000));
            while stream.write_all(line.as_bytes()).is_ok() {}
        }),
        ("a huge body", |mut stream| {
            let _ = request(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            // The text comes after what is read of it.
            let _ = stream.write_all(&[b'x'; 70_000]);
            let _ = stream.write_all(b"ok");
            while stream.write_all(&[b'x'; 70_000]).is_ok() {}
        }),
        ("garbage", |mut stream| {
            let _ = stream.write_all(&[0xff; 1_000]);
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }),
        ("a reset", |mut stream| {
            let _ = request(&mut stream);
            let _ = socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO));
        }),
    ];
    for (name, fault) in faults {
        let port = server(fault);
        assert_eq!(http(port, "--timeout 60 --http-body ok"), DOWN, "{name}");
    }
}

#[test]
fn what_does_not_answer_in_time_is_down() {
    let silent = server(|_| {});
    assert_eq!(http(silent, "--timeout 0.2"), DOWN);
    let slow = server(|stream| answer(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nok"));
    assert_eq!(http(slow, "--timeout 0.2 --http-body fine"), DOWN);
    // Whether a text is asked for or not, and a body that never ends is read as far as one of the largest size.
    assert_eq!(http(slow, "--timeout 0.2"), DOWN);
    let cut = server(|mut stream| {
        let _ = request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nok");
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    assert_eq!(http(cut, "--timeout 60"), DOWN);
    let endless = server(|mut stream| {
        let _ = request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'x'; 70_000]).is_ok() {}
    });
    assert_eq!(http(endless, "--timeout 60"), UP);
    // Nobody listens.
    let port = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address")
        .port();
    assert_eq!(http(port, "--timeout 60"), DOWN);
    assert_eq!(first(&format!("--timeout 60 --tcp 127.0.0.1:{port}")), DOWN);
}

#[test]
fn wrong_options_are_explained() {
    for (options, wanted) in [
        #[cfg(not(feature = "tls"))]
        (
            &["--http", "https://127.0.0.1/"][..],
            "needs a build with the feature `tls`",
        ),
        (&["--http", "127.0.0.1"][..], "expected a URL such as"),
        (
            &["--http", "http://127.0.0.1/", "--http-method", "BREW"],
            "expected `GET`",
        ),
        (
            &["--http", "http://127.0.0.1/", "--http-header", "a b: c"],
            "is not the name of a field",
        ),
        (&["--tcp", "localhost"], "invalid value"),
        (&["--http-status", "200"], "--http <URL>"),
        (
            &["--http", "http://127.0.0.1/", "--tcp", "127.0.0.1:1"],
            "cannot be used with",
        ),
    ] {
        refused(options, wanted);
    }
}
