//! `oxabgp demo`: a speaker, its peer and a real helper process on the loopback interface, for a few seconds.
//!
//! There are three participants, and none of them is simulated:
//! - the speaker is this program, started as `oxabgp server` with a configuration that is printed;
//! - the helper is a process that the speaker starts; it sends the commands that a script would send;
//! - the peer is the library's [`Server`] in this process, used as in an embedding program.

use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::rc::Rc;
use std::time::Duration;

use clap::{ArgAction, Args};
use tokio::sync::Notify;

use super::REFUSED;
use crate::bgp::attribute::decode::DecodeEach;
use crate::bgp::message::update::{Direction, Update};
use crate::bgp::{Asn, Codec, Family, Negotiated, Notification};
use crate::fsm::{Cease, CloseReason};
use crate::speaker::{PeerConfig, Plugin, Server, UpdateWriter};

/// Time limit for the whole demo.
const LIMIT: Duration = Duration::from_secs(20);
/// What the peer announces: 203.0.113.0/24 and 198.18.0.0/15 from AS 65000.
const PEER_ANNOUNCES: &[u8] = &[
    0, 0, 0, 27, 0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xFD, 0xE8, 0x40, 3, 4, 127, 0, 0, 1, 0xC0,
    8, 4, 0xFD, 0xE8, 0, 7, 24, 203, 0, 113, 15, 198, 18,
];
/// The End-of-RIB of the peer (RFC 4724 section 2).
const PEER_END_OF_RIB: &[u8] = &[0, 0, 0, 0];
/// What the peer withdraws: 198.18.0.0/15.
const PEER_WITHDRAWS: &[u8] = &[0, 3, 15, 198, 18, 0, 0];

// Options of `demo`.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Act as the helper process of the demo.
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    pub(super) helper: bool,
}

pub(super) fn run(helper: bool) -> ExitCode {
    if helper {
        return match play_helper() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(REFUSED),
        };
    }
    match play() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            errln!(
                "error: the demo did not see all routes within {} seconds",
                LIMIT.as_secs()
            );
            ExitCode::from(REFUSED)
        }
        Err(cause) => {
            errln!("error: the demo could not run: {cause}");
            ExitCode::from(REFUSED)
        }
    }
}

/// The events that the peer has seen and still waits for.
#[derive(Default)]
struct Story {
    announced: RefCell<Vec<String>>,
    withdrawn: RefCell<Vec<String>>,
    end_of_rib: Cell<bool>,
    done: Notify,
}

/// The peer.
struct DemoPeer {
    story: Rc<Story>,
    session: Option<(UpdateWriter, Codec)>,
}

impl DemoPeer {
    /// Sends an UPDATE with that body as soon as the session accepts it.
    fn send(&self, body: &'static [u8]) {
        let Some((writer, _)) = self.session.clone() else {
            return;
        };
        tokio::task::spawn_local(async move {
            // The session may have ended, and then the UPDATE is not needed.
            let _ = writer.write(body).await;
        });
    }
}

impl Plugin for DemoPeer {
    fn on_established(&mut self, _: &PeerConfig, session: &Rc<Negotiated>, writer: UpdateWriter) {
        print(format_args!(
            "peer      the session with AS {} is up",
            session.peer_as
        ));
        self.session = Some((writer, session.codec));
    }

    fn on_update(&mut self, _: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
        if update.end_of_rib().is_some() {
            self.story.end_of_rib.set(true);
            return Ok(());
        }
        let Some((_, codec)) = self.session.clone() else {
            return Ok(());
        };
        let content = update
            .content(&codec, &mut DecodeEach)
            .map_err(|error| error.notification())?;
        for field in &content.fields {
            for nlri in field.routes.flatten() {
                let mut text = String::new();
                nlri.text(field.next_hop, &mut text);
                match field.direction {
                    Direction::Announce => {
                        print(format_args!(
                            "peer      received {text}{}",
                            content.attributes.text()
                        ));
                        self.story.announced.borrow_mut().push(nlri.to_string());
                        // All three routes of the helper have arrived: now the peer announces its own.
                        if self.story.announced.borrow().len() == 3 {
                            self.send(PEER_ANNOUNCES);
                            self.send(PEER_END_OF_RIB);
                        }
                    }
                    Direction::Withdraw => {
                        print(format_args!("peer      received the withdrawal of {text}"));
                        self.story.withdrawn.borrow_mut().push(nlri.to_string());
                        self.send(PEER_WITHDRAWS);
                        self.story.done.notify_one();
                    }
                }
            }
        }
        Ok(())
    }

    fn on_close(&mut self, _: &PeerConfig, reason: &CloseReason) {
        print(format_args!("peer      the session was closed: {reason}"));
        self.session = None;
    }
}

fn print(text: std::fmt::Arguments<'_>) {
    outln!("{text}");
}

/// Runs the demo. Returns `true` if everything was seen.
fn play() -> std::io::Result<bool> {
    let directory = std::env::temp_dir().join(format!("oxabgp-demo-{}", std::process::id()));
    std::fs::create_dir(&directory)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())?;
    let result = runtime.block_on(play_in(&directory));
    std::fs::remove_dir_all(&directory)?;
    result
}

async fn play_in(directory: &Path) -> std::io::Result<bool> {
    let story = Rc::new(Story::default());
    let server = Server::new(Ipv4Addr::new(10, 0, 0, 1));
    let address = server
        .listen(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))
        .map_err(std::io::Error::other)?;
    let mut peer = PeerConfig::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Asn(65000));
    peer.name = "the speaker".to_owned();
    peer.passive = true;
    peer.families = vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST];
    server
        .add_peer(
            peer,
            DemoPeer {
                story: Rc::clone(&story),
                session: None,
            },
        )
        .map_err(std::io::Error::other)?;
    server.start();
    let mut speaker = start_speaker(directory, address.port())?;
    let output = follow(&mut speaker);
    let seen = tokio::time::timeout(LIMIT, story.done.notified())
        .await
        .is_ok();
    // The speaker reports the peer's withdrawal to the helper, and the helper stops the speaker, which ends the demo.
    let ended = tokio::time::timeout(LIMIT, ended(&mut speaker))
        .await
        .is_ok();
    if !ended {
        speaker.kill()?;
        speaker.wait()?;
    }
    let _ = output.join();
    server.shutdown(Cease::Shutdown(String::new())).await;
    let (announced, withdrawn) = (
        story.announced.borrow().len(),
        story.withdrawn.borrow().len(),
    );
    print(format_args!(
        "\nsummary   the peer received {announced} routes from the helper, {withdrawn} of which was withdrawn;"
    ));
    print(format_args!(
        "          the helper received 2 routes from the peer, 1 of which was withdrawn (the lines of JSON above)"
    ));
    print(format_args!(
        "\nnext      `oxabgp validate FILE` and `oxabgp FILE` with a configuration of your own;"
    ));
    print(format_args!(
        "          etc/quickstart.conf is one to start from"
    ));
    Ok(seen && ended && announced >= 3 && withdrawn >= 1 && story.end_of_rib.get())
}

async fn ended(speaker: &mut Child) {
    while !matches!(speaker.try_wait(), Ok(Some(_)) | Err(_)) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Starts `oxabgp server` with a configuration that contains the helper.
fn start_speaker(directory: &Path, port: u16) -> std::io::Result<Child> {
    let program = std::env::current_exe()?;
    let configuration = format!(
        "process helper {{\n    run \"{}\" demo --helper;\n    encoder json;\n}}\n\n\
         neighbor 127.0.0.1 {{\n    local-address 127.0.0.1;\n    router-id 10.0.0.2;\n    local-as 65001;\n    peer-as 65000;\n    \
         connect {port};\n    family {{ ipv4 unicast; ipv6 unicast; }}\n    api {{\n        processes [ helper ];\n        \
         neighbor-changes;\n        receive {{ parsed; update; }}\n    }}\n}}\n",
        program.display()
    );
    let path = directory.join("demo.conf");
    std::fs::write(&path, &configuration)?;
    print(format_args!(
        "demo      a speaker (AS 65001), its helper, and a peer (AS 65000), all on 127.0.0.1\n"
    ));
    for line in configuration.lines() {
        print(format_args!("    {line}"));
    }
    print(format_args!(""));
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid())
        .ok()
        .flatten();
    Command::new(program)
        .arg("server")
        .arg(path)
        .env("exabgp_tcp_bind", "")
        .env("exabgp_api_cli", "false")
        .env("exabgp_log_level", "WARNING")
        .env(
            "exabgp_daemon_user",
            user.map_or_else(|| "root".to_owned(), |user| user.name),
        )
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
}

/// Prints what the helper writes to its stderr, without what the log of the speaker adds, and repeats the rest of the log on
/// stderr.
fn follow(speaker: &mut Child) -> std::thread::JoinHandle<()> {
    let stderr = speaker.stderr.take();
    std::thread::spawn(move || {
        let lines = stderr
            .into_iter()
            .flat_map(|all| BufReader::new(all).lines());
        for line in lines.map_while(Result::ok) {
            match line.split_once("oxabgp::helper: ") {
                Some((_, text)) => {
                    let end = text.rfind(" process=").unwrap_or(text.len());
                    outln!("{}", &text[..end]);
                }
                None => errln!("{line}"),
            }
        }
    })
}

/// The helper: prints commands to stdout, reads answers and events from stdin, and shows both on stderr.
fn play_helper() -> std::io::Result<()> {
    let mut commands = std::io::stdout();
    let mut command = |text: &str| {
        errln!("helper    sends {text}");
        writeln!(commands, "{text}").and_then(|()| commands.flush())
    };
    let mut withdrawn = false;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        errln!("helper    reads {line}");
        let Ok(event) = serde_json::from_str::<serde_json::Value>(&line) else {
            continue;
        };
        let neighbor = &event["neighbor"];
        let update = &neighbor["message"]["update"];
        if neighbor["state"] == "up" {
            command("announce route 192.0.2.0/24 next-hop self med 50 community [ 65001:100 ]")?;
            command("announce route 198.51.100.1/32 next-hop self large-community [ 65001:1:2 ]")?;
            command("announce route 2001:db8::/32 next-hop 2001:db8::1")?;
        } else if update["announce"].is_object() && !withdrawn {
            withdrawn = true;
            command("withdraw route 198.51.100.1/32 next-hop self")?;
        } else if update["withdraw"].is_object() {
            command("shutdown")?;
        }
    }
    Ok(())
}
