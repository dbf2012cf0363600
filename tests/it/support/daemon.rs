//! The real program with a configuration in a directory of its own, stopped at the end of the test.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a test waits for an expected event: long, so that a busy machine does not make it fail.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Held while a file is written, and while a process begins: until it is another program it has all files of this one open,
/// and a script that is open for writing can't be run.
static FILES: Mutex<()> = Mutex::new(());

/// Starts a program, apart from other threads that write files.
fn start(command: &mut Command) -> Child {
    let _files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn().expect("the program starts")
}

/// Gives a command the variables that were set for, and taken from, another one.
pub(crate) fn copy_environment(from: &Command, to: &mut Command) {
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
}

/// A directory with the files of one test.
pub(crate) struct Lab {
    root_directory: tempfile::TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self {
            root_directory: tempfile::tempdir().expect("a temporary root_directory"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root_directory.path().join(name)
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        let _files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
        std::fs::write(&path, text).expect("a file can be written");
        path
    }

    /// Writes a shell script that can be run, and returns its path as text.
    pub(crate) fn script(&self, name: &str, text: &str) -> String {
        let path = self.write(name, &format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755))
            .expect("a mode can be set");
        path.to_str().expect("a path in UTF-8").to_owned()
    }

    /// The lines of a file written by another process, once `enough` holds for them.
    pub(crate) fn lines(&self, name: &str, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        let path = self.path(name);
        wait_for(&format!("{name} to be complete"), || {
            let text = std::fs::read_to_string(&path).ok()?;
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            enough(&lines).then_some(lines)
        })
    }
}

/// Polls until there is an answer.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends SIGTERM.
pub(crate) fn terminate(child: &Child) {
    let pid = i32::try_from(child.id()).expect("a process number");
    kill(Pid::from_raw(pid), Signal::SIGTERM).expect("it runs");
}

/// A running `oxabgp server`.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

/// The program. It is interrupted by SIGINT even if the tests are run in the background of a shell, which ignores that.
pub(crate) fn program() -> Command {
    let path = env!("CARGO_BIN_EXE_oxabgp");
    if !is_ignored(std::process::id(), Signal::SIGINT) {
        return Command::new(path);
    }
    let mut command = Command::new("env");
    command.args(["--default-signal=INT", path]);
    command
}

/// Returns `true` if a process ignores a signal.
pub(crate) fn is_ignored(pid: u32, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.expect("a mask of signals").trim();
    let mask = u64::from_str_radix(mask, 16).expect("a mask of signals");
    mask >> (signal as i32 - 1) & 1 == 1
}

/// A command with the settings of tests: no listening socket, no pipes, no other user.
pub(crate) fn oxabgp(arguments: &[&str]) -> Command {
    let mut command = program();
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid())
        .ok()
        .flatten()
        .map_or_else(|| "root".to_owned(), |user| user.name);
    command
        .args(arguments)
        .env("exabgp_tcp_bind", "")
        .env("exabgp_api_cli", "false")
        .env("exabgp_daemon_user", user)
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null());
    command
}

impl Daemon {
    pub(crate) fn start(lab: &Lab, configuration: &str) -> Self {
        Self::start_with(lab, configuration, &[])
    }

    pub(crate) fn start_with(lab: &Lab, configuration: &str, settings: &[(&str, &str)]) -> Self {
        let path = lab.write("oxabgp.conf", configuration);
        let log = lab.path("log");
        let file = File::create(&log).expect("a log file");
        let mut command = oxabgp(&["server", path.to_str().expect("a path in UTF-8")]);
        command
            .envs(settings.iter().copied())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file);
        let child = start(&mut command);
        Self { child, log }
    }

    /// Starts it in a user and mount namespace of its own, where this shell script is run first. `None` if there can be none.
    pub(crate) fn start_in_namespace(
        lab: &Lab,
        configuration: &str,
        (script, settings): (&str, &[(&str, &str)]),
    ) -> Option<Self> {
        let namespace = ["--user", "--map-root-user", "--mount"];
        let possible = Command::new("unshare")
            .args(namespace)
            .arg("true")
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !possible {
            return None;
        }
        let path = lab.write("oxabgp.conf", configuration);
        let log = lab.path("log");
        let file = File::create(&log).expect("a log file");
        let server = oxabgp(&["server", path.to_str().expect("a path in UTF-8")]);
        let mut command = Command::new("unshare");
        command
            .args(namespace)
            .args(["sh", "-c", &format!("{script} && exec \"$0\" \"$@\"")])
            .arg(server.get_program())
            .args(server.get_args());
        copy_environment(&server, &mut command);
        command
            .envs(settings.iter().copied())
            .env("exabgp_daemon_user", "root")
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file);
        let child = start(&mut command);
        Some(Self { child, log })
    }

    /// Sends a signal: `USR1`.
    pub(crate) fn signal(&self, name: &str) {
        let signal: Signal = format!("SIG{name}").parse().expect("a signal");
        kill(self.pid(), signal)
            .unwrap_or_else(|cause| panic!("the daemon is gone: {cause}\n{}", self.log()));
    }

    /// Its process ID.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process number"))
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the log contains that text.
    pub(crate) fn logged(&self, text: &str) -> String {
        wait_for(&format!("`{text}` in the log"), || {
            Some(self.log()).filter(|log| log.contains(text))
        })
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("its status can be asked")
            .is_none()
    }

    /// Waits for its exit.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        wait_for("the daemon to end", || {
            self.child.try_wait().expect("its status can be asked")
        })
    }

    /// Ends it in the regular way. When a test merely drops it, it ends as soon as possible.
    pub(crate) fn stop(mut self) {
        terminate(&self.child);
        self.ended();
    }

    /// Hundredths of a second of CPU time that it has used.
    pub(crate) fn cpu(&self) -> u64 {
        let path = format!("/proc/{}/stat", self.pid());
        let text = std::fs::read_to_string(path).expect("it runs");
        let fields: Vec<&str> = text
            .rsplit(") ")
            .next()
            .expect("fields")
            .split(' ')
            .collect();
        let number = |at: usize| fields[at].parse::<u64>().expect("a number");
        number(11) + number(12)
    }

    /// Memory of its own, in KiB: without the pages of its program file.
    pub(crate) fn memory(&self) -> u64 {
        self.status("RssAnon")
    }

    /// A number of its status (proc(5)).
    pub(crate) fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .expect("the daemon runs");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok())
            .unwrap_or_else(|| panic!("{name} in {status}"))
    }
}

impl Drop for Daemon {
    #[expect(clippy::print_stderr, reason = "a failed test shows it")]
    fn drop(&mut self) {
        if self.is_running() {
            // The daemon stops its helpers; a kill would leave them behind.
            let _ = kill(self.pid(), Signal::SIGTERM);
            let (start, mut hurried) = (Instant::now(), false);
            while self.is_running() && start.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(Duration::from_millis(10));
                if !hurried && start.elapsed() > Duration::from_millis(150) {
                    // A second signal ends it at once: it does not wait for peers that never close, for example.
                    let _ = kill(self.pid(), Signal::SIGTERM);
                    hurried = true;
                }
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- the daemon's log:\n{}", self.log());
        }
    }
}

/// Runs the program to completion with this input: exit code, stdout, stderr.
pub(crate) fn run(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut command = oxabgp(arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = start(&mut command);
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input.as_bytes())
        .ok();
    let output = child.wait_with_output().expect("the program ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text in UTF-8");
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}
