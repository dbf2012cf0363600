//! What an upgrade meets that ends a daemon which starts: sessions do not end for it.

use super::control::{Client, start_set, start_with};
use super::scene::{EOR_V4, EOR_V6, Scene, offering};
use super::upgrade::upgrade;
use super::{announced, listener, neighbor, session};
use crate::support::daemon::{Daemon, Lab};
use crate::support::peer::RawPeer;

use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::message::MessageType;

/// Reads the two End-of-RIB markers.
fn end_of_ribs(peer: &mut RawPeer) {
    for _ in [EOR_V4, EOR_V6] {
        peer.expect(MessageType::UPDATE);
    }
}

/// The session goes on: the next message has this route.
fn goes_on(lab: &Lab, peer: &mut RawPeer, second: u8) {
    let command = format!("announce route 10.{second}.0.0/16 next-hop self");
    assert_eq!(Client::new(lab).ask(&command), "done\n");
    announced(peer, &[16, 10, second]);
}

/// Asks for an upgrade, which is refused.
fn refused(lab: &Lab) -> String {
    let mut client = Client::new(lab);
    client.ask("session reasons enable");
    let answer = client.ask("upgrade");
    assert!(answer.ends_with("error\n"), "{answer}");
    answer
}

#[test]
fn a_port_that_is_taken_is_left_out() {
    let scene = Scene::new("", "");
    let (mut peer, _) = scene.session(&offering(Offer::default()));
    end_of_ribs(&mut peer);
    let (taken, port) = listener();
    let path = scene.lab.path("oxabgp.conf");
    let before = std::fs::read_to_string(&path).expect("a file");
    let other = neighbor(port, &format!("passive true; listen {port};"));
    let other = other.replace("neighbor 127.0.0.1", "neighbor 127.0.0.9");
    scene.lab.write("oxabgp.conf", &(before + &other));
    let answer = scene.ask("reload");
    assert!(answer.ends_with("error\n"), "{answer}");
    upgrade(&scene.lab, &scene.daemon);
    let log = scene
        .daemon
        .logged("goes on without a part of its configuration");
    assert!(log.contains("another program listens there"), "{log}");
    goes_on(&scene.lab, &mut peer, 1);
    // The next reload tries again.
    drop(taken);
    let answer = scene.ask("reload");
    assert!(answer.ends_with("done\n"), "{answer}");
    upgrade(&scene.lab, &scene.daemon);
    goes_on(&scene.lab, &mut peer, 2);
}

#[test]
fn a_journal_of_another_daemon_is_refused() {
    let other = Lab::new();
    let (_listener, port) = listener();
    let kept = format!("state {{ directory {}; }}\n", other.path("state").display());
    let _other = start_with(&other, &(kept.clone() + &neighbor(port, "")));
    let scene = Scene::new("", "");
    let (mut peer, _) = scene.session(&offering(Offer::default()));
    end_of_ribs(&mut peer);
    let path = scene.lab.path("oxabgp.conf");
    let before = std::fs::read_to_string(&path).expect("a file");
    scene.lab.write("oxabgp.conf", &(kept + &before));
    assert!(scene.ask("reload").ends_with("done\n"));
    let answer = refused(&scene.lab);
    assert!(answer.contains("is that of another daemon"), "{answer}");
    goes_on(&scene.lab, &mut peer, 1);
    // Its own is not.
    let own = scene.lab.path("state");
    let own = format!("state {{ directory {}; }}\n", own.display());
    scene.lab.write("oxabgp.conf", &(own + &before));
    assert!(scene.ask("reload").ends_with("done\n"));
    for second in [2, 3] {
        upgrade(&scene.lab, &scene.daemon);
        goes_on(&scene.lab, &mut peer, second);
    }
}

#[test]
fn settings_that_no_daemon_could_start_with_are_refused() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let settings = lab.write("settings", "[exabgp.daemon]\n");
    let file = ("EXABGP_ENVFILE", settings.to_str().expect("UTF-8"));
    let daemon = start_set(&lab, &neighbor(port, ""), &[file]);
    let mut peer = session(&listener);
    end_of_ribs(&mut peer);
    let missing = lab.path("missing/x.pid");
    let wanted = |path: &std::path::Path| format!("[exabgp.daemon]\npid = {}\n", path.display());
    lab.write("settings", &wanted(&missing));
    let answer = refused(&lab);
    assert!(
        answer.contains("does not accept the configuration: could not write the pid file"),
        "{answer}"
    );
    goes_on(&lab, &mut peer, 1);
    lab.write("settings", "[exabgp.tcp]\nport = abc\n");
    let answer = refused(&lab);
    let (_, reason) = answer
        .split_once("does not accept the configuration: ")
        .expect("a reason");
    assert!(
        reason.contains("port") && reason.contains("abc"),
        "{answer}"
    );
    // A file that can be written is accepted, again and again.
    let path = lab.path("x.pid");
    lab.write("settings", &wanted(&path));
    for second in [2, 3] {
        upgrade(&lab, &daemon);
        let text = std::fs::read_to_string(&path).expect("a pid file");
        assert_eq!(text.trim(), daemon.pid().to_string());
        goes_on(&lab, &mut peer, second);
    }
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "a test that does nothing has to say so"
)]
fn a_directory_that_can_not_be_entered_is_named() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let directory = lab.path("start");
    std::fs::create_dir(&directory).expect("a directory");
    let control = lab.path("control.sock");
    let settings = [
        ("exabgp_api_cli", "true"),
        ("oxabgp_api_socketpath", control.to_str().expect("UTF-8")),
    ];
    let script = format!("cd {}", directory.display());
    let started = Daemon::start_in_namespace(&lab, &neighbor(port, ""), (&script, &settings));
    let Some(daemon) = started else {
        eprintln!("SKIPPED: there can be no user namespace");
        return;
    };
    daemon.logged("is running");
    let mut peer = session(&listener);
    end_of_ribs(&mut peer);
    std::fs::remove_dir(&directory).expect("an empty directory");
    let answer = refused(&lab);
    let reason = format!("the directory `{}`", directory.display());
    assert!(answer.contains(&reason), "{answer}");
    goes_on(&lab, &mut peer, 1);
}
