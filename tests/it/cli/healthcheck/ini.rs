//! A file of several checks, as ExaBGP's wiki documents it.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::Health;
use crate::support::daemon::{Lab, oxabgp};

/// A web server, and its port.
fn web() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut buffer = [0; 4096];
            let count = stream.read(&mut buffer).unwrap_or_default();
            let found = buffer[..count].starts_with(b"GET /health ");
            let status = if found { "200 OK" } else { "404 Not Found" };
            let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        }
    });
    port
}

#[test]
fn the_file_of_the_wiki_is_accepted_as_documented() {
    let lab = Lab::new();
    let port = web();
    let file = lab.write(
        "healthcheck.conf",
        &format!(
            "[check-web-http]\ntype = http\nurl = http://127.0.0.1:{port}/health\nmethod = GET\ntimeout = 5\ninterval = 10\nrise = 2\nfall = 3\nannounce = 198.51.100.10/32\nnext-hop = 192.0.2.10\nwithdraw-on-down = true\n\
             [check-web-other]\ntype = http\nurl = http://127.0.0.1:{port}/other\ntimeout = 60\ninterval = 0.01\nfast-interval = 0.01\nfall = 2\nannounce = 198.51.100.11/32\nwithdraw-on-down = true\n\
             [check-port]\ntype = tcp\nhost = 127.0.0.1\nport = {port}\nrise = 1\nannounce = 198.51.100.12\n"
        ),
    );
    let file = file.to_str().expect("UTF-8");
    let mut command = oxabgp(&["healthcheck", "--no-syslog", "--config", file]);
    let mut health = Health::spawn(&mut command);
    let mut commands: Vec<String> = (0..3).map(|_| health.obey()).collect();
    commands.sort();
    assert_eq!(
        commands,
        [
            "neighbor * announce route 198.51.100.10/32 next-hop 192.0.2.10 med 100",
            "neighbor * announce route 198.51.100.12/32 next-hop self med 100",
            "neighbor * withdraw route 198.51.100.11/32 next-hop self",
        ]
    );
    // Each is announced once, and withdrawn at the end.
    health.signal("TERM");
    let withdrawn: Vec<String> = (0..3).map(|_| health.obey()).collect();
    assert!(
        withdrawn
            .iter()
            .all(|line| line.contains(" withdraw route 198.51.100.1")),
        "{withdrawn:?}"
    );
    let (rest, log, code) = health.end();
    assert_eq!((rest, code), (Vec::new(), Some(0)));
    assert!(
        log.contains("check-web-other: the check failed: the status is 404"),
        "{log}"
    );
}

#[test]
fn errors_have_the_line_of_the_file() {
    let lab = Lab::new();
    for (text, wanted) in [
        ("[a]\ntype = http\nurl = ftp://x\nannounce = ::1\n", ":3: "),
        (
            "[a]\ntype = http\nannounce = ::1\n",
            ":1: the section [a] has no `url`",
        ),
        ("[a]\ntype = icmp\n", ":2: `icmp` is not a type"),
        (
            "[a]\ncommand = true\nannounce = ::1\nnonsense = 1\n",
            ":4: ",
        ),
    ] {
        let file = lab.write("healthcheck.conf", text);
        let output = oxabgp(&["healthcheck", "--no-syslog", "--config"])
            .arg(&file)
            .output()
            .expect("runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(wanted), "{text}: {error}");
        assert_eq!(output.status.code(), Some(2), "{error}");
    }
}
