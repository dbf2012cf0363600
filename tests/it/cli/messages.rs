//! Error messages of the command line: shown once, with the position, and with what was probably meant.

use super::run;
use crate::daemon::control::start;
use crate::daemon::{listener, session};
use crate::support::daemon::{Lab, oxabgp};

#[test]
fn a_mistyped_sub_command_is_no_missing_file() {
    let (code, out, err) = run(&mut oxabgp(&["servr", "x.conf"]), "");
    assert_eq!((code, out.as_str()), (2, ""));
    assert_eq!(
        err,
        "error: `servr` is neither a sub-command nor a configuration file\nhelp: did you mean `server`?\n"
    );
    let (code, _, err) = run(&mut oxabgp(&["one.conf", "two.conf"]), "");
    assert_eq!(code, 1);
    assert_eq!(
        err,
        "error: there is no file `one.conf`\nerror: there is no file `two.conf`\n"
    );
}

#[test]
fn a_settings_file_that_is_not_there_is_an_error() {
    let (code, out, err) = run(&mut oxabgp(&["env", "--env-file", "nope"]), "");
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(err, "error: --env-file: there is no file `nope`\n");
    let mut command = oxabgp(&["env"]);
    command
        .env("EXABGP_ENVFILE", "nope")
        .env("oxabgp_log", "!!!");
    let (code, out, err) = run(&mut command, "");
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("destination = 'stderr'") && out.contains("socketpath = ''"),
        "{out}"
    );
    assert!(
        err.contains("warning: EXABGP_ENVFILE: there is no file `nope`"),
        "{err}"
    );
    assert!(
        err.contains("warning: `oxabgp_log` is not a setting"),
        "{err}"
    );
}

#[test]
fn one_fault_of_a_file_is_one_error() {
    let lab = Lab::new();
    let neighbor = |address: &str| {
        format!(
            "neighbor {address} {{ router-id 1.2.3.4; local-address 127.0.0.1; local-as 1; peer-as 2; }}\n"
        )
    };
    let files = [
        "process x { run /bin/cat; encoder xml; }\n".to_owned() + &neighbor("127.0.0.2"),
        neighbor("127.0.0.999"),
    ];
    for text in files {
        let file = lab.write("x.conf", &text);
        let file = file.to_str().expect("UTF-8");
        let (code, _, err) = run(&mut oxabgp(&["validate", file]), "");
        assert_eq!(code, 1);
        let reported = err.lines().filter(|line| {
            line.starts_with("error: expected")
                || line.starts_with("warning:")
                || line.contains("not complete")
        });
        assert_eq!(reported.count(), 1, "{err}");
    }
}

#[test]
fn a_port_in_use_and_a_pid_file_are_reported_once_and_with_a_hint() {
    let lab = Lab::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let text = "neighbor 127.0.0.2 { router-id 1.2.3.4; local-address 127.0.0.1; local-as 1; peer-as 2; passive true; }\n";
    let file = lab.write("x.conf", text);
    let file = file.to_str().expect("UTF-8");
    let user = nix::unistd::User::from_uid(nix::unistd::getuid());
    let user = user
        .expect("a list of users")
        .map_or_else(String::new, |user| user.name);
    let mut command = oxabgp(&["server", file]);
    command
        .env("oxabgp_tcp_bind", "127.0.0.1")
        .env("oxabgp_tcp_port", &port)
        .env("oxabgp_daemon_user", &user)
        .env("oxabgp_api_cli", "false");
    let (code, _, err) = run(&mut command, "");
    assert_eq!(code, 1, "{err}");
    let address = format!("127.0.0.1:{port}");
    let line = err
        .lines()
        .find(|line| line.contains("could not listen"))
        .expect("the error");
    assert_eq!(line.matches(&address).count(), 1, "{line}");
    assert!(line.contains("oxabgp_tcp_port"), "{line}");
    let mut command = oxabgp(&["server", file]);
    let pid = lab.path("nowhere/pid");
    command
        .env("oxabgp_daemon_pid", &pid)
        .env("oxabgp_tcp_port", "0")
        .env("oxabgp_daemon_user", &user)
        .env("oxabgp_api_cli", "false");
    let (code, _, err) = run(&mut command, "");
    assert_eq!(code, 1, "{err}");
    assert!(err.contains(pid.to_str().expect("UTF-8")), "{err}");
}

/// `run` is for scripts: a command without effect is not a success.
#[test]
fn run_fails_when_nothing_came_of_a_command() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let _daemon = start(&lab, port);
    let _peer = session(&listener);
    let client = |words: &str| {
        let arguments: Vec<&str> = words.split(' ').collect();
        let mut command = oxabgp(&arguments);
        command
            .env("oxabgp_api_socketpath", lab.path("control.sock"))
            .env("EXABGP_ROOT", lab.path("root"))
            .env("XDG_STATE_HOME", lab.path("state"));
        command
    };
    for (words, reason) in [
        (
            "announce route-refresh l2vpn evpn",
            "no selected neighbor has negotiated route refresh for l2vpn evpn",
        ),
        (
            "announce route-refresh ipv4 unicast",
            "no selected neighbor has negotiated route refresh for ipv4 unicast",
        ),
        (
            "announce eor l2vpn evpn",
            "no selected neighbor has negotiated the family l2vpn evpn",
        ),
        (
            "announce vpls rd 1.2.3.4:7 endpoint 5 base 100 offset 1 size 8 next-hop 192.0.2.1",
            "no selected neighbor has the family l2vpn vpls",
        ),
        (
            "show neighbor 127.0.0.77 summary",
            "no neighbor matches `127.0.0.77`",
        ),
        (
            "neighbor 127.0.0.77 teardown 2",
            "no neighbor matches `neighbor 127.0.0.77`",
        ),
        ("teardown 2", "without a selector no session is reset"),
        ("announce watchdog nobody", "`watchdog nobody`"),
        ("begin", "it was not ended by `commit`"),
    ] {
        let (code, _, err) = run(&mut client(&format!("run {words}")), "");
        assert_eq!(code, 1, "{words}: {err}");
        assert!(err.contains(reason), "{words}: {err}");
        // `cli` behaves like ExaBGP's: it only reports the error.
        let (code, _, err) = run(&mut client(&format!("cli {words}")), "");
        assert_eq!(code, 0, "{words}: {err}");
        assert!(err.contains(reason), "{words}: {err}");
    }
    let lines = "begin\nannounce route 10.7.0.0/16 next-hop 192.0.2.1\n";
    let (code, _, err) = run(&mut client("run"), lines);
    assert_eq!(code, 1, "{err}");
    assert_eq!(
        err,
        "error: the batch was not applied, because it was not ended by `commit`\n"
    );
    let set = "set z replace revision 1\nroute 10.7.0.0/16 next-hop 192.0.2.1\n";
    for (program, wanted) in [("run", 1), ("cli", 0)] {
        let (code, _, err) = run(&mut client(program), set);
        assert_eq!(
            (code, err.as_str()),
            (
                wanted,
                "error: the set `z` was not applied, because it was not ended by `set z end`\n"
            )
        );
    }
    let (code, _, err) = run(&mut client("run"), &format!("{lines}commit\n"));
    assert_eq!((code, err.as_str()), (0, ""));
    let (code, _, err) = run(&mut client("run clear adj-rib out all peers"), "");
    assert_eq!(code, 0);
    assert_eq!(
        err,
        "warning: `all peers` has no meaning here and is ignored\n"
    );
}

#[test]
fn a_missing_configuration_is_one_error() {
    let (code, _, err) = run(&mut oxabgp(&["decode", "-c", "nope", "00000000"]), "");
    assert_eq!(code, 1);
    assert!(
        err.starts_with("error: there is no such file\n --> nope")
            || err.starts_with("error: there is no such file\n--> nope"),
        "{err}"
    );
    assert!(!err.contains("error: error"), "{err}");
}

#[test]
fn an_open_is_decoded_as_what_it_is_said_to_be() {
    let decode = |message: &str| run(&mut oxabgp(&["decode", "-o", message]), "");
    let (code, _, err) = decode("00");
    assert_eq!(code, 1);
    assert!(err.starts_with("error: invalid OPEN: "), "{err}");
    let (code, out, err) = decode("04FDE900B40A00000200");
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("\"open\": {"), "{out}");
    // ExaBGP ignores the option.
    let (code, out, err) = decode("0000000740010100400200");
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("\"type\": \"update\""), "{out}");
}

#[test]
fn no_arguments_are_wrong_usage() {
    let (code, out, _) = run(&mut oxabgp(&[]), "");
    assert_eq!(code, 2);
    assert!(out.contains("Usage: oxabgp"), "{out}");
}

#[test]
fn too_many_keys_are_reported_with_the_key_and_the_limit_of_the_kernel() {
    let most = std::fs::read_to_string("/proc/sys/net/core/optmem_max");
    let most: usize = most.map_or(0, |most| most.trim().parse().unwrap_or(0));
    if most == 0 || most > 1 << 20 || !oxabgp::speaker::connect::md5_supported() {
        return;
    }
    let lab = Lab::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    drop(taken);
    // A key takes 80 bytes, and some more.
    let neighbors: String = (0..most / 80)
        .map(|number| {
            format!(
                "neighbor 10.0.{}.{} {{ router-id 1.2.3.4; local-address 127.0.0.1; local-as 1; peer-as 2; passive true; \
                 listen {port}; md5-password secret; }}\n",
                number / 250,
                1 + number % 250
            )
        })
        .collect();
    let file = lab.write("x.conf", &neighbors);
    let mut command = oxabgp(&["server", file.to_str().expect("UTF-8")]);
    command.env("oxabgp_api_cli", "false");
    let (code, _, err) = run(&mut command, "");
    assert_eq!(code, 1, "{err}");
    let line = err.lines().last().expect("the error");
    for text in [
        "could not listen on 127.0.0.1",
        "the key of 10.0.",
        "`md5-password`",
        "net.core.optmem_max",
        &format!(" is {most}"),
    ] {
        assert!(line.contains(text), "{line}");
    }
    assert!(!err.contains("secret"), "{err}");
}
