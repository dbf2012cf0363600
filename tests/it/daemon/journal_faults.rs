//! The journal and faults: crashes right after an answer, full disks, files that can't be read.

use std::fs::{create_dir, read, read_dir, remove_dir, remove_dir_all, remove_file, rename, write};
use std::os::unix::fs::symlink;

use super::control::{Client, start_with};
use super::journal::{commands, kill, operated, recorded, state};
use super::listener;
use crate::support::daemon::{Daemon, Lab, wait_for};

/// The journal of a daemon that was killed, with `10.1.0.0/16` and `10.2.0.0/16`.
fn killed(lab: &Lab, port: u16) {
    let daemon = operated(lab, port, "unclaimed keep;");
    let mut client = Client::new(lab);
    client.ask("announce route 10.1.0.0/16 next-hop self");
    client.ask("announce route 10.2.0.0/16 next-hop self");
    recorded(lab, "10.2.0.0/16");
    kill(daemon);
}

/// Cuts the end of the journal off, and returns what is left.
fn tear(lab: &Lab) -> Vec<u8> {
    let path = lab.path("state/journal");
    let mut bytes = read(&path).expect("a journal");
    bytes.pop();
    write(&path, &bytes).expect("written");
    bytes
}

/// Starts a daemon with that journal, and returns what it announces: `10.N.0.0/16` as N.
fn restarted(lab: &Lab, port: u16) -> (Daemon, Vec<u8>) {
    let daemon = operated(lab, port, "unclaimed keep;");
    let shown = Client::new(lab).ask("show adj-rib out");
    let has = |number: &u8| shown.contains(&format!(" 10.{number}.0.0/16"));
    let found = (1..=9).filter(has).collect();
    (daemon, found)
}

#[test]
fn what_was_acknowledged_is_in_the_journal_after_a_crash() {
    const ROUTES: usize = 3_000;
    for sync in ["interval 1", "always", "no"] {
        let lab = Lab::new();
        let (_listener, port) = listener();
        let daemon = operated(&lab, port, &format!("sync {sync};"));
        let mut client = Client::new(&lab);
        let routes = (0..ROUTES).map(|number| {
            let (high, low) = (number / 256, number % 256);
            format!("announce route 10.{high}.{low}.0/24 next-hop self med {number}\n")
        });
        client.submit(&routes.collect::<String>());
        (0..ROUTES).for_each(|_| assert_eq!(client.line(), "done\n"));
        kill(daemon);
        let found = commands(&lab).matches("announce route ").count();
        assert_eq!(found, ROUTES, "sync {sync}");
    }
}

#[test]
fn a_set_that_was_acknowledged_is_in_the_journal_after_a_crash() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let daemon = operated(&lab, port, "sync always;");
    let mut client = Client::new(&lab);
    let routes: String = (0..20_000)
        .map(|number| {
            let (high, low) = (number / 256, number % 256);
            format!("route 10.{high}.{low}.0/24 next-hop self\n")
        })
        .collect();
    let declared = client.ask(&format!(
        "set edge replace revision 1\n{routes}set edge end"
    ));
    assert!(declared.contains("done added 20000 "), "{declared}");
    kill(daemon);
    assert_eq!(commands(&lab).matches("announce route ").count(), 20_000);
}

#[test]
fn a_torn_journal_stays_until_another_one_is_written() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    killed(&lab, port);
    let torn = tear(&lab);
    let [path, new, aside] = ["journal", "journal.new", "journal.damaged"]
        .map(|name| lab.path(&format!("state/{name}")));
    // Nothing can be written: its name is taken by a directory.
    let _ = remove_file(&new);
    create_dir(&new).expect("a directory");
    for _ in 0..2 {
        let (daemon, routes) = restarted(&lab, port);
        assert_eq!(routes, [1]);
        daemon.logged("the file ends inside of a record");
        daemon.logged("the journal can't be written");
        kill(daemon);
        assert_eq!(read(&path).expect("the journal"), torn);
        assert!(!aside.exists());
    }
    remove_dir(&new).expect("removed");
    let (daemon, routes) = restarted(&lab, port);
    assert_eq!(routes, [1]);
    daemon.logged("the damaged journal is kept there");
    assert_eq!(read(&aside).expect("the damaged one"), torn);
    Client::new(&lab).ask("announce route 10.3.0.0/16 next-hop self");
    kill(daemon);
    let (_daemon, routes) = restarted(&lab, port);
    assert_eq!(routes, [1, 3]);
}

#[test]
fn a_journal_that_cannot_be_opened_is_left_alone() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    killed(&lab, port);
    let [path, away, aside] = ["journal", "journal.away", "journal.damaged"]
        .map(|name| lab.path(&format!("state/{name}")));
    rename(&path, &away).expect("renamed");
    // The user of the tests may open all files, but this is none.
    symlink("journal", &path).expect("a link to itself");
    let (daemon, routes) = restarted(&lab, port);
    assert!(routes.is_empty(), "{routes:?}");
    daemon.logged("the journal can't be read: its routes are not announced");
    daemon.logged("the journal can't be written");
    let answer = Client::new(&lab).ask("announce route 10.3.0.0/16 next-hop self");
    assert_eq!(answer, "done\n");
    kill(daemon);
    assert!(path.is_symlink() && !aside.exists());
    rename(&away, &path).expect("renamed");
    let (daemon, routes) = restarted(&lab, port);
    assert_eq!(routes, [1, 2]);
    kill(daemon);
    // Another daemon may append to a file that can't be locked.
    let torn = tear(&lab);
    remove_file(lab.path("state/lock")).expect("removed");
    symlink("lock", lab.path("state/lock")).expect("a link to itself");
    let (daemon, _) = restarted(&lab, port);
    daemon.logged("the journal can't be written");
    kill(daemon);
    assert_eq!(read(&path).expect("the journal"), torn);
    assert!(!aside.exists());
}

#[test]
fn a_journal_that_is_removed_is_written_anew() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let daemon = operated(&lab, port, "unclaimed keep;");
    let mut client = Client::new(&lab);
    client.ask("announce route 10.1.0.0/16 next-hop self");
    recorded(&lab, "10.1.0.0/16");
    let [path, directory, away] = ["state/journal", "state", "away"].map(|name| lab.path(name));
    // The writer may look in the middle of a step, and then once more.
    let noticed = |before: usize| {
        wait_for("the loss of the journal", || {
            let found = daemon.log().matches("the journal was removed").count();
            (found > before).then_some(found)
        })
    };
    remove_file(&path).expect("removed");
    // Nothing has to be recorded for that.
    let found = noticed(0);
    recorded(&lab, "10.1.0.0/16");
    client.ask("announce route 10.2.0.0/16 next-hop self");
    recorded(&lab, "10.2.0.0/16");
    rename(&directory, &away).expect("renamed");
    let found = noticed(found);
    recorded(&lab, "10.2.0.0/16");
    assert!(lab.path("state/lock").exists());
    client.ask("announce route 10.3.0.0/16 next-hop self");
    // One that can't be written anew is one that can't be written.
    wait_for("a file in place of the directory", || {
        // The writer may make it anew in between.
        let _ = remove_dir_all(&directory);
        write(&directory, "").ok()
    });
    noticed(found);
    daemon.logged("the journal can't be written");
    remove_file(&directory).expect("removed");
    recorded(&lab, "10.3.0.0/16");
    kill(daemon);
    let (_daemon, routes) = restarted(&lab, port);
    assert_eq!(routes, [1, 2, 3]);
}

#[test]
fn a_named_pipe_in_place_of_a_file_delays_no_start() {
    for name in ["journal", "lock"] {
        let lab = Lab::new();
        let (_listener, port) = listener();
        create_dir(lab.path("state")).expect("a directory");
        let pipe = lab.path(&format!("state/{name}"));
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        let daemon = operated(&lab, port, "");
        daemon.logged("the journal can't be written");
        let answer = Client::new(&lab).ask("announce route 10.3.0.0/16 next-hop self");
        assert_eq!(answer, "done\n");
        daemon.stop();
    }
}

#[test]
fn no_file_of_the_journal_has_a_key_of_a_neighbor() {
    let lab = Lab::new();
    let mut text = state(&lab, "unclaimed keep;");
    let keys = [
        (crate::speaker::signs(), "md5-password the-secret-1;"),
        (
            oxabgp::speaker::connect::ao_supported(),
            "tcp-ao { keyid 1; algorithm hmac-sha-1-96; password the-secret-2; }",
        ),
        (true, ""),
    ];
    for (number, (_, key)) in (2..).zip(keys.iter().filter(|(is_known, _)| *is_known)) {
        text.push_str(&format!(
            "neighbor 127.0.0.{number} {{ router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65001; \
             passive; {key} family {{ ipv4 unicast; }} }}\n"
        ));
    }
    let commands = "announce route 10.1.0.0/16 next-hop self\n\
                    neighbor 127.0.0.2 announce route 10.2.0.0/16 next-hop self\n\
                    set edge replace revision 1\nroute 10.3.0.0/16 next-hop self\nset edge end";
    // The second start writes it anew.
    for _ in 0..2 {
        let daemon = start_with(&lab, &text);
        let mut client = Client::new(&lab);
        assert!(!client.ask(commands).contains("error"));
        client.ask("reload");
        recorded(&lab, "10.3.0.0/16");
        for entry in read_dir(lab.path("state")).expect("a directory") {
            let path = entry.expect("an entry").path();
            let bytes = read(&path).expect("a file");
            let found = String::from_utf8_lossy(&bytes);
            assert!(!found.contains("the-secret"), "{}", path.display());
        }
        kill(daemon);
    }
}
