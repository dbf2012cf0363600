//! The addresses of the machine, with a program `ip` that stores them in a file.

use std::io::{BufRead, BufReader};
use std::process::Command;

use super::Health;
use crate::support::daemon::{Lab, oxabgp, wait_for};

/// A directory with an `ip` that stores addresses as lines of `addresses`, each with its interface and label, and
/// logs changes to `changes`.
fn machine(lab: &Lab, addresses: &str) {
    lab.write("addresses", addresses);
    lab.write("changes", "");
    let root_directory = lab.path("").display().to_string();
    lab.script(
        "ip",
        &format!(
            r#"cd {root_directory}
case "$*" in
    "-o address show dev "*)
        while read -r interface address label; do
            [ "$interface" = "$5" ] || continue
            case $address in *:*) family=inet6 ;; *) family=inet ;; esac
            echo "1: $interface    $family $address scope global $label\       valid_lft forever preferred_lft forever"
        done < addresses ;;
    "address add "*)
        echo "$*" >> changes
        grep -q "^$5 $3 " addresses && echo "RTNETLINK answers: File exists" >&2 && exit 2
        [ "$5" = lo ] || [ "$5" = eth0 ] || exit 1
        echo "$5 $3 ${{7:-$5}}" >> addresses
        [ "$3" != "$(cat hangs 2>/dev/null)" ] || exec sleep 1000 ;;
    "address delete "*)
        echo "$*" >> changes
        grep -v "^$5 $3 " addresses > rest
        mv rest addresses ;;
    *) exit 255 ;;
esac"#
        ),
    );
    lab.script(
        "sudo",
        r#"echo "sudo $*" >> "$(dirname "$0")/sudo.log"; exec "$@""#,
    );
}

fn start(lab: &Lab, options: &str, more: &[&str]) -> Health {
    Health::spawn(command(lab, options).args(more))
}

fn command(lab: &Lab, options: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = oxabgp(&["healthcheck", "--no-syslog"]);
    command
        .args([
            "--interval",
            "0.01",
            "--fast-interval",
            "0.01",
            "--rise",
            "1",
            "--fall",
            "1",
        ])
        .args(options.split_ascii_whitespace())
        .env("PATH", format!("{}:{path}", lab.path("").display()));
    command
}

fn changes(lab: &Lab) -> Vec<String> {
    let text = std::fs::read_to_string(lab.path("changes")).expect("changes");
    text.lines().map(str::to_owned).collect()
}

const BEFORE: &str = "lo 127.0.0.1/8 lo
lo 198.51.100.1/32 lo:web1
lo 198.51.100.2/32 lo:web
lo 198.51.100.3/32 lo
lo 198.51.100.129/25 lo
lo 2001:db8::1/128
";

#[test]
fn missing_addresses_are_added_and_removed_after_the_withdrawal() {
    let lab = Lab::new();
    machine(&lab, BEFORE);
    let options = "--ip 192.0.2.0/31 --ip 198.51.100.3 --ip 2001:db8::2 --ip-ifname 192.0.2.0/31%eth0 --debounce";
    let mut health = start(&lab, options, &[]);
    for _ in 0..3 {
        assert!(health.obey().contains(" announce "));
    }
    let added = [
        "address add 192.0.2.0/32 dev eth0",
        "address add 192.0.2.1/32 dev eth0",
        "address add 2001:db8::2/128 dev lo",
    ];
    assert_eq!(changes(&lab), added);
    health.signal("TERM");
    for _ in 0..2 {
        assert!(health.obey().contains(" withdraw "));
    }
    assert!(health.command().contains(" withdraw "));
    // Packets may arrive until the daemon has answered.
    assert_eq!(changes(&lab), added);
    health.submit("done");
    assert_eq!(health.end().2, Some(0));
    assert_eq!(
        changes(&lab)[3..],
        [
            "address delete 192.0.2.0/32 dev eth0",
            "address delete 192.0.2.1/32 dev eth0",
            "address delete 198.51.100.3/32 dev lo",
            "address delete 2001:db8::2/128 dev lo",
        ]
    );
}

#[test]
fn a_helper_that_is_terminated_removes_its_addresses_before_it_is_killed() {
    let lab = Lab::new();
    machine(&lab, BEFORE);
    // Longer than the test waits for the end.
    let mut health = start(&lab, "--ip 192.0.2.1 --debounce --drain 1000", &[]);
    assert!(health.obey().contains(" announce "));
    health.signal("TERM");
    assert!(health.obey().contains(" withdraw "));
    let (_, log, code) = health.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("no time for `--drain 1000`"), "{log}");
    let last = changes(&lab).pop();
    assert_eq!(last.as_deref(), Some("address delete 192.0.2.1/32 dev lo"));
}

#[test]
fn without_an_address_those_of_the_loopback_are_announced() {
    for (options, wanted) in [
        (
            "",
            "198.51.100.1/32 198.51.100.2/32 198.51.100.3/32 2001:db8::1/128",
        ),
        ("--label web", "198.51.100.1/32 198.51.100.2/32"),
        ("--label web --label-exact-match", "198.51.100.2/32"),
    ] {
        let lab = Lab::new();
        machine(&lab, BEFORE);
        let options = format!("{options} --no-ip-setup --interval 0");
        let (code, out, err) = super::super::run(&mut command(&lab, &options), "");
        assert_eq!(code, 0, "{err}");
        let announced: Vec<&str> = out
            .lines()
            .filter_map(|line| line.split(' ').nth(4))
            .collect();
        assert_eq!(announced.join(" "), wanted);
        assert!(changes(&lab).is_empty());
    }
    let lab = Lab::new();
    machine(&lab, BEFORE);
    let (code, out, err) = super::super::run(&mut command(&lab, "--label none"), "");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.contains("no IP address found\nhelp: use `--ip`"),
        "{err}"
    );
}

#[test]
fn addresses_come_and_go_with_the_service() {
    let lab = Lab::new();
    machine(&lab, BEFORE);
    let check = super::scripted(&lab, "gbg");
    let mut health = start(
        &lab,
        "--ip 192.0.2.1 --label web --dynamic-ip-setup --debounce --withdraw-on-down --no-ip-setup",
        &["--cmd", &check],
    );
    let add = "address add 192.0.2.1/32 dev lo label lo:web";
    let delete = "address delete 192.0.2.1/32 dev lo label lo:web";
    assert!(health.command().contains(" announce "));
    assert_eq!(changes(&lab), [add]);
    health.submit("done");
    assert!(health.command().contains(" withdraw "));
    assert_eq!(changes(&lab), [add]);
    health.submit("done");
    assert!(health.command().contains(" announce "));
    assert_eq!(changes(&lab), [add, delete, add]);
    health.submit("done");
    health.signal("TERM");
    health.obey_until("withdraw");
    assert_eq!(health.end().2, Some(0));
    assert_eq!(changes(&lab), [add, delete, add, delete]);
}

#[test]
fn sudo_changes_addresses_and_an_address_that_is_there_is_no_error() {
    let lab = Lab::new();
    // It exists, but with another label: `ip` reports that it exists.
    machine(&lab, "lo 192.0.2.1/32 lo:other\n");
    let mut health = start(
        &lab,
        "--ip 192.0.2.1 --ip 2001:db8::5 --label web --sudo",
        &[],
    );
    health.obey();
    health.obey();
    health.signal("TERM");
    health.obey_until("192.0.2.1/32 next-hop self");
    health.obey_until("withdraw route 2001:db8::5");
    let (_, log, code) = health.end();
    assert_eq!(code, Some(0), "{log}");
    // IPv6 addresses have no labels; ours is known anyway. Other addresses are left alone.
    let sudo = std::fs::read_to_string(lab.path("sudo.log")).expect("sudo ran");
    assert_eq!(
        sudo.lines().collect::<Vec<_>>(),
        [
            "sudo ip address add 192.0.2.1/32 dev lo label lo:web",
            "sudo ip address add 2001:db8::5/128 dev lo label lo:web",
            "sudo ip address delete 2001:db8::5/128 dev lo label lo:web",
        ]
    );
}

#[test]
fn an_address_that_can_not_be_added_is_not_announced() {
    let lab = Lab::new();
    machine(&lab, BEFORE);
    let options = "--ip 192.0.2.1 --ip-ifname 192.0.2.1%nowhere";
    let (code, out, err) = super::super::run(&mut command(&lab, options), "");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.contains("can't add address 192.0.2.1/32 on nowhere"),
        "{err}"
    );
    let (code, out, err) = super::super::run(&mut command(&lab, "--ip 10.0.0.0/8"), "");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.contains("more than 65536 addresses\nhelp: use `--no-ip-setup`"),
        "{err}"
    );
}

/// The addresses that are currently set up.
fn addresses(lab: &Lab) -> String {
    std::fs::read_to_string(lab.path("addresses")).expect("addresses")
}

#[test]
fn a_user_that_does_not_exist_is_found_out_before_an_address_is_added() {
    for option in ["--user nonesuch", "--group nonesuch"] {
        let lab = Lab::new();
        machine(&lab, BEFORE);
        let options = format!("--ip 198.51.100.53 {option}");
        let (code, out, err) = super::super::run(&mut command(&lab, &options), "");
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.contains("`nonesuch`"), "{err}");
        assert!(changes(&lab).is_empty(), "{:?}", changes(&lab));
    }
}

#[test]
fn addresses_before_one_that_can_not_be_added_are_removed_again() {
    for label in ["", " --label web"] {
        let lab = Lab::new();
        machine(&lab, BEFORE);
        // The third one existed before, and must not be removed.
        let options = "--ip 192.0.2.1 --ip 2001:db8::5 --ip 198.51.100.2 --ip 192.0.2.2 --ip-ifname 192.0.2.2%nowhere";
        let options = format!("{options}{label}");
        let (code, out, err) = super::super::run(&mut command(&lab, &options), "");
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.contains("can't add address 192.0.2.2/32"), "{err}");
        assert_eq!(addresses(&lab), BEFORE, "{:?}", changes(&lab));
        assert_eq!(
            changes(&lab).len(),
            5,
            "three were added, two of them removed"
        );
    }
}

#[test]
fn a_signal_while_addresses_are_set_up_takes_them_back() {
    for signal in ["TERM", "INT", "HUP", "QUIT"] {
        let lab = Lab::new();
        machine(&lab, BEFORE);
        lab.write("hangs", "192.0.2.2/32");
        let health = start(&lab, "--ip 192.0.2.1 --ip 192.0.2.2 --ip 192.0.2.3", &[]);
        lab.lines("addresses", |lines| {
            lines.iter().any(|line| line.contains("192.0.2.2/32"))
        });
        health.signal(signal);
        let (lines, log, code) = health.end();
        assert_eq!((lines.len(), code), (0, Some(0)), "{signal}: {log}");
        assert_eq!(addresses(&lab), BEFORE, "{signal}: {log}");
    }
}

#[test]
fn signals_and_the_end_of_the_daemon_remove_addresses() {
    for signal in ["TERM", "INT", "HUP", "QUIT"] {
        let lab = Lab::new();
        machine(&lab, BEFORE);
        let mut health = start(&lab, "--ip 192.0.2.1", &[]);
        assert!(health.obey().contains("announce"));
        health.signal(signal);
        health.obey_until("withdraw");
        let (_, log, code) = health.end();
        assert_eq!(code, Some(0), "{signal}: {log}");
        assert_eq!(addresses(&lab), BEFORE, "{signal}: {log}");
    }
    let lab = Lab::new();
    machine(&lab, BEFORE);
    let options = "--ip 192.0.2.1 --debounce --interval 100000";
    let mut child = super::super::start(&mut command(&lab, options));
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    assert!(line.contains("announce"));
    drop(output);
    let status = wait_for("its end", || child.try_wait().expect("a status"));
    assert_eq!(status.code(), Some(1));
    assert_eq!(addresses(&lab), BEFORE);
}

#[test]
fn the_example_of_a_file_of_options_is_good() {
    let lab = Lab::new();
    machine(&lab, BEFORE);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/etc/dns.health");
    let options = format!("--config {path} --cmd true --interval 0 --no-ack");
    let (code, out, err) = super::super::run(&mut command(&lab, &options), "");
    assert_eq!(code, 0, "{err}");
    assert_eq!(
        out,
        "neighbor * announce route 198.51.100.53/32 next-hop self med 100 community [ 65001:53 ]\n\
         neighbor * announce route 198.51.100.55/32 next-hop self med 101 community [ 65001:53 ]\n"
    );
    assert_eq!(
        changes(&lab),
        [
            "address add 198.51.100.53/32 dev lo label lo:dns",
            "address add 198.51.100.55/32 dev lo label lo:dns",
        ]
    );
}
