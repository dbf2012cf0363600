//! Metrics and the status page, read as Prometheus and a browser would.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use super::scene::V4;
use super::{listener, neighbor, passive_neighbor, process, session};
use crate::support::daemon::{Daemon, Lab, PATIENCE, wait_for};
use crate::support::peer::{RawPeer, announcement};

/// The end of a connection to a daemon's Unix socket.
fn connect(lab: &Lab) -> UnixStream {
    let stream = wait_for("the socket of metrics", || {
        UnixStream::connect(lab.path("metrics.sock")).ok()
    });
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream
}

/// An answer: its status, its head in lower case, its body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// Sends a request with these headers.
fn request(lab: &Lab, line: &str, headers: &str) -> Answer {
    let mut stream = connect(lab);
    // A server that refuses a head before its end closes with octets unread, which is a reset behind the answer.
    let _ = write!(stream, "{line} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    let text = String::from_utf8(answer).expect("an answer in UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let head = head.to_ascii_lowercase();
    let body = match head.contains("transfer-encoding: chunked") {
        true if !line.starts_with("HEAD") => unchunk(body),
        _ => body.to_owned(),
    };
    Answer {
        status: status.expect("a status"),
        head,
        body,
    }
}

/// A body without the lengths of its chunks.
fn unchunk(mut text: &str) -> String {
    let mut whole = String::new();
    loop {
        let (length, rest) = text.split_once("\r\n").expect("a length");
        let length = usize::from_str_radix(length, 16).expect("a number");
        if length == 0 {
            return whole;
        }
        whole.push_str(&rest[..length]);
        text = rest[length..]
            .strip_prefix("\r\n")
            .expect("the end of a chunk");
    }
}

/// The section of a configuration, with more in it.
pub(super) fn section(lab: &Lab, more: &str) -> String {
    let path = lab.path("metrics.sock");
    format!("metrics {{ listen unix {}; {more} }}\n", path.display())
}

/// Samples by name with labels, after checking every rule of the format.
fn parse(text: &str, open: bool) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut families = BTreeSet::new();
    let mut family: Option<(String, String)> = None;
    let text = match open {
        true => text
            .strip_suffix("# EOF\n")
            .expect("the end of OpenMetrics"),
        false => text,
    };
    let mut lines = text.lines().peekable();
    assert!(text.ends_with('\n'));
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a help");
            assert!(
                !help.is_empty() && families.insert(name.to_owned()),
                "{name} is repeated"
            );
            let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
            let kind = kind
                .and_then(|kind| kind.strip_prefix(name))
                .expect("its type");
            family = Some((name.to_owned(), kind.trim().to_owned()));
            continue;
        }
        let (name, kind) = family.as_ref().expect("a family before its samples");
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let (metric, labels) = series.split_once('{').unwrap_or((series, "}"));
        let suffix = metric
            .strip_prefix(name.as_str())
            .expect("a sample of its family");
        let suffixes: &[&str] = match (kind.as_str(), open) {
            ("histogram", _) => &["_bucket", "_sum", "_count"],
            ("counter", true) => &["_total"],
            ("info", true) => &["_info"],
            _ => &[""],
        };
        assert!(suffixes.contains(&suffix), "{line}");
        assert!(
            open || kind != "counter" || metric.ends_with("_total"),
            "{line}"
        );
        assert!(kind != "gauge" || !metric.ends_with("_total"), "{line}");
        check_labels(labels, line);
        let value = value.parse().expect("a number");
        assert!(
            samples.insert(series.to_owned(), value).is_none(),
            "{line} is repeated"
        );
    }
    samples
}

/// Checks `name="value",…}`.
fn check_labels(labels: &str, line: &str) {
    let mut rest = labels;
    let mut names = BTreeSet::new();
    while rest != "}" {
        let (name, after) = rest.split_once("=\"").expect("a label");
        let plain = |c: char| c.is_ascii_lowercase() || c == '_';
        assert!(name.chars().all(plain) && names.insert(name), "{line}");
        let (mut end, mut escaped) = (None, false);
        for (at, c) in after.char_indices() {
            match c {
                _ if escaped => {
                    assert!(matches!(c, '\\' | '"' | 'n'), "{line}");
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => {
                    end = Some(at);
                    break;
                }
                c => assert!(!c.is_control(), "{line}"),
            }
        }
        rest = &after[end.expect("the end of a value") + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

pub(super) fn scrape(lab: &Lab) -> BTreeMap<String, f64> {
    let answer = request(lab, "GET /metrics", "");
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .head
            .contains("content-type: text/plain; version=0.0.4; charset=utf-8")
    );
    parse(&answer.body, false)
}

/// Waits until a series has a value.
fn until(lab: &Lab, series: &str, value: f64) -> BTreeMap<String, f64> {
    wait_for(&format!("{series} {value}"), || {
        Some(scrape(lab)).filter(|samples| samples.get(series) == Some(&value))
    })
}

fn received(peer: &mut RawPeer, count: u8) {
    for number in 0..count {
        let body = announcement(65001, &[24, 10, 9, number]);
        peer.send(oxabgp::bgp::message::MessageType::UPDATE, &body);
    }
}

#[test]
fn a_session_is_measured_over_its_end() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let body = "adj-rib-in true; description \"a \\\"b\";\n\
                static { route 10.1.0.0/16 next-hop self; route 10.2.0.0/16 next-hop self; }";
    let configuration =
        section(&lab, "routes [ 10.1.0.0/16 10.3.0.0/16 ];") + &neighbor(port, body);
    let daemon = Daemon::start(&lab, &configuration);
    let mut peer = session(&listener);
    received(&mut peer, 3);
    let series = "oxabgp_routes{peer=\"127.0.0.1\",direction=\"in\",family=\"ipv4 unicast\"}";
    let samples = until(&lab, series, 3.0);
    let of = |series: &str| samples.get(series).copied();
    assert_eq!(of("oxabgp_session_up{peer=\"127.0.0.1\"}"), Some(1.0));
    assert_eq!(
        of("oxabgp_session_state{peer=\"127.0.0.1\",state=\"established\"}"),
        Some(1.0)
    );
    assert_eq!(
        of("oxabgp_routes{peer=\"127.0.0.1\",direction=\"out\",family=\"ipv4 unicast\"}"),
        Some(2.0)
    );
    assert_eq!(
        of("oxabgp_routes{peer=\"127.0.0.1\",direction=\"out\",family=\"ipv6 unicast\"}"),
        Some(0.0)
    );
    assert_eq!(
        of("oxabgp_route_neighbors{prefix=\"10.1.0.0/16\"}"),
        Some(1.0)
    );
    assert_eq!(
        of("oxabgp_route_neighbors{prefix=\"10.3.0.0/16\"}"),
        Some(0.0)
    );
    let updates =
        "oxabgp_messages_total{peer=\"127.0.0.1\",direction=\"received\",type=\"update\"}";
    assert_eq!(of(updates), Some(3.0));
    assert!(of("oxabgp_session_established_timestamp_seconds{peer=\"127.0.0.1\"}") > Some(1e9));
    assert!(of("oxabgp_turn_seconds_count") > Some(0.0));
    assert!(of("process_resident_memory_bytes") > Some(1e6));
    // Cease, Administrative Reset.
    peer.send(oxabgp::bgp::message::MessageType::NOTIFICATION, &[6, 4]);
    drop(peer);
    let mut peer = session(&listener);
    received(&mut peer, 1);
    let samples = until(&lab, updates, 4.0);
    let of = |series: &str| samples.get(series).copied();
    assert_eq!(
        of("oxabgp_session_flaps_total{peer=\"127.0.0.1\"}"),
        Some(1.0)
    );
    let error = "oxabgp_session_last_error{peer=\"127.0.0.1\",direction=\"received\",code=\"6\",subcode=\"4\"}";
    assert_eq!(of(error), Some(1.0));
    // An OPEN, a KEEPALIVE, an UPDATE, and perhaps a KEEPALIVE more.
    let session = of("oxabgp_session_messages_total{peer=\"127.0.0.1\",direction=\"received\"}");
    assert!(session >= Some(3.0) && session <= Some(5.0), "{session:?}");
    // A neighbor that is down keeps its routes, but they reach nobody.
    drop((peer, listener));
    let samples = until(&lab, "oxabgp_session_up{peer=\"127.0.0.1\"}", 0.0);
    let of = |series: &str| samples.get(series).copied();
    assert_eq!(
        of("oxabgp_routes{peer=\"127.0.0.1\",direction=\"out\",family=\"ipv4 unicast\"}"),
        Some(2.0)
    );
    assert_eq!(
        of("oxabgp_route_neighbors{prefix=\"10.1.0.0/16\"}"),
        Some(0.0)
    );
    let page = request(&lab, "GET /", "").body;
    assert!(page.contains("<b>0</b> routes announced"), "{page}");
    assert!(page.contains("0<small>2 when up</small>"), "{page}");
    // A neighbor that is gone has no series.
    lab.write(
        "oxabgp.conf",
        &(section(&lab, "") + &neighbor(port, "").replace("127.0.0.1 {", "127.0.0.7 {")),
    );
    daemon.signal("USR1");
    let samples = until(&lab, "oxabgp_session_up{peer=\"127.0.0.7\"}", 0.0);
    let old: Vec<&String> = samples
        .keys()
        .filter(|series| series.contains("\"127.0.0.1\""))
        .collect();
    let old: Vec<_> = old
        .iter()
        .filter(|series| series.contains("peer=\"127.0.0.1\""))
        .collect();
    assert!(old.is_empty(), "{old:?}");
    assert_eq!(
        samples.get("oxabgp_reloads_total{result=\"done\"}"),
        Some(&1.0)
    );
}

#[test]
fn open_metrics_is_sent_to_those_who_prefer_it() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let body = "static { route 10.1.0.0/16 next-hop self; route 10.2.0.0/16 next-hop self med 7 local-preference 200 as-path [ 65001 65002 ] community [ 65001:1 no-export ]; }";
    let configuration = section(&lab, "compat exabgp-exporter;") + &neighbor(port, body);
    let _daemon = Daemon::start(&lab, &configuration);
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n";
    let answer = request(&lab, "GET /metrics", accept);
    let kind = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(answer.head.contains(kind), "{}", answer.head);
    let open = parse(&answer.body, true);
    let plain = scrape(&lab);
    assert_eq!(
        open.keys().collect::<Vec<_>>(),
        plain.keys().collect::<Vec<_>>()
    );
    assert_eq!(plain.get("exabgp_up"), Some(&1.0));
    assert_eq!(
        plain.get("exabgp_state_peer{peer_ip=\"127.0.0.1\",peer_asn=\"65001\"}"),
        Some(&0.0)
    );
    let route = "exabgp_state_route{peer_ip=\"127.0.0.1\",peer_asn=\"65001\",local_ip=\"127.0.0.1\",local_asn=\"65000\",nlri=\"10.1.0.0/16\",family=\"ipv4 unicast\",med=\"0\",local_preference=\"0\",as_path=\"\",communities=\"\"}";
    assert_eq!(plain.get(route), Some(&1.0), "{plain:?}");
    let attributes = "med=\"7\",local_preference=\"200\",as_path=\"65001 65002\",communities=\"65001:1 no-export\"}";
    let full = plain.keys().find(|series| series.contains("10.2.0.0/16"));
    assert!(
        full.is_some_and(|series| series.ends_with(attributes)),
        "{full:?}"
    );
    assert!(!scrape(&lab).is_empty() && V4.to_string() == "ipv4 unicast");
}

#[test]
fn helpers_are_measured() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let script =
        "echo 'announce route 10.0.0.0/8 next-hop self'\necho 'announce nonsense'\ncat > /dev/null";
    let configuration = section(&lab, "")
        + &process(&lab, "helper", script)
        + &neighbor(port, "api { processes [ helper ]; }");
    let _daemon = Daemon::start(&lab, &configuration);
    let refused = "oxabgp_process_commands_total{process=\"helper\",result=\"refused\"}";
    let samples = until(&lab, refused, 1.0);
    let of = |name: &str| samples.get(&format!("oxabgp_process_{name}")).copied();
    assert_eq!(
        of("commands_total{process=\"helper\",result=\"done\"}"),
        Some(1.0)
    );
    assert_eq!(of("up{process=\"helper\"}"), Some(1.0));
    assert_eq!(of("restarts_total{process=\"helper\"}"), Some(0.0));
    assert_eq!(of("events_dropped_total{process=\"helper\"}"), Some(0.0));
    // There before the first rejection, which `increase` would not see otherwise.
    let none = "oxabgp_guard_rejections_total{process=\"helper\",reason=\"prefix\"}";
    assert_eq!(samples.get(none), Some(&0.0));
}

#[test]
fn requests_are_judged_by_method_and_path() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = Daemon::start(
        &lab,
        &(section(&lab, "page disable;") + &neighbor(port, "")),
    );
    let status = |line: &str| request(&lab, line, "").status;
    assert_eq!(status("GET /metrics"), 200);
    assert_eq!(status("GET /metrics?x=1"), 200);
    assert_eq!(status("GET /"), 404);
    assert_eq!(status("GET /status.json"), 404);
    assert_eq!(status("GET /../metrics"), 404);
    let refused = request(&lab, "DELETE /metrics", "");
    assert!(refused.status == 405 && refused.head.contains("allow: get, head"));
    let head = request(&lab, "HEAD /metrics", "");
    assert!(head.status == 200 && head.body.is_empty() && head.head.contains("version=0.0.4"));
    let long = format!("X: {}\r\n", "x".repeat(20_000));
    assert_eq!(request(&lab, "GET /metrics", &long).status, 431);
    assert_eq!(request(&lab, "nonsense", "").status, 400);
}

#[test]
fn the_page_shows_hostile_texts_as_they_are() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let body = "description \"<script>alert(1)</script>\u{202e}&\"; adj-rib-in true;";
    let _daemon = Daemon::start(&lab, &(section(&lab, "") + &neighbor(port, body)));
    let mut peer = session(&listener);
    // RFC 9003: a text of the peer.
    let text = "<img src=x onerror=alert(2)>";
    let mut cease = vec![6, 2, u8::try_from(text.len()).expect("short")];
    cease.extend_from_slice(text.as_bytes());
    peer.send(oxabgp::bgp::message::MessageType::NOTIFICATION, &cease);
    drop(peer);
    let page = wait_for("the error on the page", || {
        Some(request(&lab, "GET /", "")).filter(|page| page.body.contains("onerror"))
    });
    assert!(page.head.contains("content-type: text/html; charset=utf-8"));
    let policy = page
        .head
        .lines()
        .find(|line| line.starts_with("content-security-policy"));
    let nonce = policy
        .and_then(|line| line.split("script-src 'nonce-").nth(1))
        .expect("a nonce");
    let nonce = nonce.split('\'').next().expect("its end");
    assert_eq!(page.body.matches("<script").count(), 1);
    assert!(page.body.contains(&format!("<script nonce=\"{nonce}\">")));
    assert!(
        page.body
            .contains("&lt;script&gt;alert(1)&lt;/script&gt;\u{fffd}&amp;")
    );
    assert!(page.body.contains("&lt;img src=x onerror=alert(2)&gt;"));
    assert!(!page.body.contains("src=\"http") && page.body.ends_with("</html>\n"));
    let other = request(&lab, "GET /", "");
    assert!(!other.body.contains(nonce), "each answer has its own");
    let status = request(&lab, "GET /status.json", "");
    let status: serde_json::Value = serde_json::from_str(&status.body).expect("JSON");
    let neighbor = &status["neighbors"][0];
    assert_eq!(neighbor["peer"], "127.0.0.1");
    assert_eq!(neighbor["up"], false);
    let error = neighbor["last-error"]["text"].as_str().expect("a text");
    assert!(error.contains(text), "{error}");
    let longest = status["longest-turns"].as_array().expect("a list");
    assert!((1..=8).contains(&longest.len()), "{longest:?}");
    let seconds = |turn: &serde_json::Value| turn["seconds"].as_f64().expect("a number");
    assert!(longest.is_sorted_by(|one, other| seconds(one) >= seconds(other)));
    assert!(
        longest
            .iter()
            .all(|turn| turn["work"] != "" && turn["ago"].is_u64())
    );
}

#[test]
fn a_reader_that_stops_reading_delays_nobody() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = Daemon::start(&lab, &(section(&lab, "") + &neighbor(port, "")));
    let mut peer = session(&listener);
    // Connections that send nothing or read nothing, more than are served at a time.
    // The one with a request comes first: a later one may take the place of one without.
    let mut silent = connect(&lab);
    write!(silent, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("a request is taken");
    let _idle: Vec<UnixStream> = (1..10).map(|_| connect(&lab)).collect();
    let begin = Instant::now();
    peer.expect(oxabgp::bgp::message::MessageType::UPDATE);
    // They make room for this one.
    let samples = scrape(&lab);
    assert_eq!(
        samples.get("oxabgp_session_up{peer=\"127.0.0.1\"}"),
        Some(&1.0)
    );
    assert!(begin.elapsed() < Duration::from_secs(30));
}

#[test]
fn readers_of_long_answers_that_stop_delay_nobody() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let mut configuration = section(&lab, "") + &neighbor(port, "");
    for number in 0..600 {
        let address = format!("127.9.{}.{} {{", number / 200, number % 200 + 1);
        configuration += &neighbor(port, "passive true;").replacen("127.0.0.1 {", &address, 1);
    }
    let _daemon = Daemon::start(&lab, &configuration);
    let mut peer = session(&listener);
    // As many as are served at a time; none of them reads, and no socket's buffer holds the answer.
    let stalled: Vec<UnixStream> = (0..8)
        .map(|_| {
            let mut stream = connect(&lab);
            write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").expect("it is taken");
            stream
        })
        .collect();
    peer.expect(oxabgp::bgp::message::MessageType::UPDATE);
    let answer = request(&lab, "GET /metrics", "");
    assert!(answer.body.len() > 1 << 19, "{}", answer.body.len());
    let samples = parse(&answer.body, false);
    assert_eq!(
        samples.get("oxabgp_session_up{peer=\"127.0.0.1\"}"),
        Some(&1.0)
    );
    drop(stalled);
}

#[test]
fn half_open_requests_delay_no_scrape() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let _daemon = Daemon::start(&lab, &(section(&lab, "") + &neighbor(port, "")));
    // So many that the scrape would time out if each of them had its 5 seconds.
    let mut idle: Vec<UnixStream> = (0..200).map(|_| connect(&lab)).collect();
    for stream in &mut idle {
        // It may have been closed already.
        let _ = stream.write(b"GET ");
    }
    let samples = scrape(&lab);
    assert!(samples.contains_key("oxabgp_session_up{peer=\"127.0.0.1\"}"));
}

#[test]
fn a_port_that_is_taken_is_tried_again() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = taken.local_addr().expect("an address");
    let configuration = format!("metrics {{ listen 127.0.0.1 port {}; }}\n", place.port());
    let daemon = Daemon::start(&lab, &(configuration + &neighbor(port, "")));
    session(&listener);
    daemon.logged("metrics can't be served here");
    drop(taken);
    daemon.logged("serving metrics");
}

/// The series that say which sessions are up.
fn sessions<V>(samples: &BTreeMap<String, V>) -> Vec<&String> {
    let series = samples.keys();
    series
        .filter(|series| series.starts_with("oxabgp_session_up"))
        .collect()
}

#[test]
fn neighbors_with_one_address_are_told_apart() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let second = neighbor(port, "").replace("peer-as 65001", "peer-as 65002");
    let configuration = section(&lab, "compat exabgp-exporter;") + &neighbor(port, "") + &second;
    let _daemon = Daemon::start(&lab, &configuration);
    // The parser refuses series that come twice.
    let samples = scrape(&lab);
    let up = sessions(&samples);
    assert_eq!(up.len(), 2);
    assert!(
        up.iter()
            .all(|series| series.contains("neighbor=\"neighbor 127.0.0.1 ")),
        "{up:?}"
    );
    assert_eq!(request(&lab, "GET /", "").status, 200);
}

#[test]
fn neighbors_with_one_name_are_told_apart() {
    let lab = Lab::new();
    let [one, other] = [passive_neighbor(""), passive_neighbor("")].map(|(text, _)| text);
    let configuration = section(&lab, "compat exabgp-exporter;") + &one + &other;
    let _daemon = Daemon::start(&lab, &configuration);
    let samples = scrape(&lab);
    let up = sessions(&samples);
    assert!(up.len() == 2 && up[0].contains(" #2\""), "{up:?}");
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "a test that does nothing has to say so"
)]
fn alerts_work_with_neighbors_of_one_address() {
    let lab = Lab::new();
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/etc/alerts.yml");
    let series = |labels: &str, up: &str| {
        format!(
            "      - {{ series: 'oxabgp_session_up{{{labels}}}', values: '{up}' }}\n\
             \x20     - {{ series: 'oxabgp_peer_info{{{labels},peer_as=\"2\",description=\"d\"}}', values: '1x10' }}\n"
        )
    };
    let twin = |number: u8| format!("peer=\"192.0.2.1\",neighbor=\"192.0.2.1 #{number}\"");
    let series = [
        series("peer=\"192.0.2.9\"", "0x10"),
        series(&twin(1), "1x10"),
        series(&twin(2), "1x10"),
    ];
    let test = format!(
        "rule_files: [ {rules} ]\ntests:\n  - interval: 1m\n    input_series:\n{}    alert_rule_test:\n\
         \x20     - eval_time: 5m\n        alertname: OxabgpSessionDown\n        exp_alerts:\n\
         \x20         - exp_labels: {{ severity: critical, peer: 192.0.2.9, peer_as: \"2\", description: d }}\n\
         \x20           exp_annotations: {{ summary: \"the session with 192.0.2.9 (d, AS 2) is down\" }}\n",
        series.concat()
    );
    let path = lab.write("test.yml", &test);
    let Ok(output) = Command::new("promtool")
        .args(["test", "rules"])
        .arg(path)
        .output()
    else {
        eprintln!("SKIPPED: there is no promtool");
        return;
    };
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn dashboards_and_alerts_name_metrics_that_exist() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let more = format!(
        "state {{ directory {}; }}\ncheck web {{ command \"true\"; route 10.9.0.0/16 next-hop 192.0.2.1; }}\n\
         mrt {{ updates {{ file \"{}\"; }} }}\nbmp noc {{ connect 127.0.0.9 port 9; }}\n",
        lab.path("state").display(),
        lab.path("updates.%Y%m%d.%H%M").display()
    );
    let configuration = section(&lab, "routes [ 10.0.0.0/8 ];")
        + &more
        + &process(&lab, "helper", "cat > /dev/null")
        + &neighbor(port, "api { processes [ helper ]; }");
    let _daemon = Daemon::start(&lab, &configuration);
    let mut peer = session(&listener);
    peer.send(oxabgp::bgp::message::MessageType::NOTIFICATION, &[6, 4]);
    let _peer = session(&listener);
    let samples = until(&lab, "oxabgp_session_flaps_total{peer=\"127.0.0.1\"}", 1.0);
    let known: BTreeSet<&str> = samples
        .keys()
        .map(|series| series.split('{').next().expect("a name"))
        .collect();
    assert_eq!(samples.get("oxabgp_bmp_up{station=\"noc\"}"), Some(&0.0));
    let archive = format!(
        "{{archive=\"{}\"}}",
        lab.path("updates.%Y%m%d.%H%M").display()
    );
    let of = |name: &str| samples.get(&format!("oxabgp_mrt_{name}{archive}")).copied();
    assert!(of("records_total") > Some(3.0), "{:?}", of("records_total"));
    assert_eq!(of("lost_records_total"), Some(0.0));
    let status = request(&lab, "GET /status.json", "").body;
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status["monitoring-stations"][0]["up"], false);
    assert_eq!(status["archives"][0]["lost"], 0);
    let page = request(&lab, "GET /", "").body;
    assert!(
        page.contains(">not connected<") && page.contains("<h2>Archives</h2>"),
        "{page}"
    );
    for file in ["alerts.yml", "grafana.json"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("etc")
            .join(file);
        let text = std::fs::read_to_string(path).expect("a file");
        if file.ends_with("json") {
            let _: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        }
        let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
        let words = text.split(|c| !is_part(c));
        let named: Vec<&str> = words
            .filter(|word| word.starts_with("oxabgp_") || word.starts_with("process_"))
            .collect();
        assert!(named.len() > 10, "{file}");
        for name in named {
            assert!(known.contains(name), "{file}: {name}");
        }
    }
}
