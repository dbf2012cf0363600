//! The files for users to start from: the configurations and the unit in `etc`, the helpers in `examples`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use oxabgp::config::{Config, Env, Secrets};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files in a directory with that extension, sorted.
fn files(root_directory: &str, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join(root_directory))
        .expect("a root_directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{root_directory}/*.{extension}");
    files
}

#[test]
fn every_example_configuration_loads_without_a_warning() {
    let mut env = Env::default();
    env.search.program = Some("/usr/bin/oxabgp".into());
    for path in files("etc", "conf") {
        let (config, warnings) =
            Config::load(&path, &env).unwrap_or_else(|errors| panic!("{errors}"));
        assert!(warnings.is_empty(), "{warnings}");
        assert!(!config.neighbors.is_empty(), "{}", path.display());
        let again = Config::parse("again", &config.render(Secrets::Shown), root(), &env);
        assert!(
            again.is_ok(),
            "{}: {}",
            path.display(),
            again.expect_err("refused")
        );
    }
}

#[test]
fn programs_of_the_system_in_examples_say_nothing() {
    let mut env = Env::default();
    env.search.program = Some("/usr/bin/oxabgp".into());
    for path in files("etc", "conf") {
        let (config, _) = Config::load(&path, &env).unwrap_or_else(|errors| panic!("{errors}"));
        for process in &config.processes {
            let [program, arguments @ ..] = &process.run[..] else {
                panic!("{}: a program", path.display());
            };
            let is_ours = program.ends_with("oxabgp") || program.contains("/examples/");
            if is_ours || program.ends_with("/announce.sh") {
                continue;
            }
            let mut child = Command::new(program)
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("the program starts");
            let mut stdin = child.stdin.take().expect("a pipe");
            stdin
                .write_all(b"done\nerror\nshutdown 1 2\n{ \"type\": \"lease\" }\n")
                .expect("it reads");
            drop(stdin);
            let output = child.wait_with_output().expect("it ends");
            // Whatever it wrote would be a command.
            assert!(output.stdout.is_empty(), "{}: {program}", path.display());
        }
    }
}

#[test]
fn the_quick_start_of_the_readme_is_the_one_in_etc() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    for name in ["quickstart.conf", "announce.sh"] {
        let text = fs::read_to_string(root().join("etc").join(name)).expect(name);
        assert!(
            readme.contains(&text),
            "README.md does not show etc/{name} as it is"
        );
    }
}

#[test]
fn the_operations_of_the_readme_are_valid() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let (_, chapter) = readme.split_once("\n## Operations\n").expect("a chapter");
    let text = chapter.split("```").nth(1).expect("a block");
    let env = Env::default();
    let neighbor = "neighbor 192.0.2.1 { local-address 192.0.2.2; local-as 65001; peer-as 65000; api { processes [ ddos ]; } }";
    // The helper need not be there.
    let text = text.replace("./ddos.py", "/bin/cat") + neighbor;
    let (_, warnings) =
        Config::parse("README.md", &text, root(), &env).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(warnings.is_empty(), "{warnings}");
}

#[test]
fn the_environment_file_is_valid() {
    let path = root().join("etc/exabgp.env");
    let text = fs::read_to_string(&path).expect("the file");
    let (env, warnings) = Env::read([], Some(("exabgp.env", &text))).expect("no fault");
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(env.daemon.user, "oxabgp");
}

#[test]
fn the_unit_starts_the_server_and_waits_for_it() {
    let unit = fs::read_to_string(root().join("etc/oxabgp.service")).expect("the unit");
    let user = fs::read_to_string(root().join("etc/oxabgp.sysusers")).expect("the user");
    for line in [
        "Type=notify",
        "Restart=on-failure",
        "ExecStart=/usr/bin/oxabgp server /etc/oxabgp/oxabgp.conf",
        "ExecReload=/usr/bin/oxabgp run reload",
        "NoNewPrivileges=yes",
        "User=oxabgp",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
    assert!(user.lines().any(|line| line.starts_with("u oxabgp ")));
    // Every line is a comment, a section or a setting.
    for line in unit.lines().filter(|line| !line.is_empty()) {
        let known = line.starts_with(['#', '['])
            || line
                .split_once('=')
                .is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(known, "{line}");
    }
}

/// A helper on two pipes, as run by the daemon.
struct Helper {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Helper {
    fn start(program: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Self {
            child,
            input,
            output,
        }
    }

    /// The next command.
    fn command(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    fn submit(&mut self, line: &str) {
        let input = self.input.as_mut().expect("an open pipe");
        writeln!(input, "{line}").expect("written");
        input.flush().expect("written");
    }

    /// Closes its input and waits for its exit. Returns what it logged.
    fn finish(mut self) -> String {
        drop(self.input.take());
        let output = self.child.wait_with_output().expect("an end");
        assert!(output.status.success(), "{:?}", output.status);
        String::from_utf8(output.stderr).expect("text")
    }
}

fn helper(name: &str) -> PathBuf {
    root().join("examples/helpers").join(name)
}

const UP: &str = r#"{ "exabgp": "5.0.0", "type": "state", "neighbor": { "address": { "local": "192.0.2.2", "peer": "192.0.2.1" }, "state": "up" } }"#;
const DOWN: &str = r#"{ "exabgp": "5.0.0", "type": "state", "neighbor": { "address": { "local": "192.0.2.2", "peer": "192.0.2.1" }, "state": "down", "reason": "closed" } }"#;
const UPDATE: &str = r#"{ "exabgp": "5.0.0", "type": "update", "neighbor": { "address": { "local": "192.0.2.2", "peer": "192.0.2.1" }, "direction": "receive", "message": { "update": { "attribute": { "origin": "igp" }, "announce": { "ipv4 unicast": { "192.0.2.1": [ { "nlri": "10.0.0.0/8" } ] } }, "withdraw": { "ipv4 unicast": [ { "nlri": "11.0.0.0/8" } ] } } } } }"#;

fn has_python() -> bool {
    Command::new("python3")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[test]
fn the_shell_helper_announces_and_listens() {
    let mut helper = Helper::start(&helper("announce.sh"), &[], &[]);
    assert_eq!(
        helper.command(),
        "announce route 198.51.100.0/24 next-hop self"
    );
    assert!(
        helper
            .command()
            .starts_with("announce route 198.51.101.0/24")
    );
    for line in ["done", "error", "neighbor 192.0.2.1 up", ""] {
        helper.submit(line);
    }
    let log = helper.finish();
    assert_eq!(
        log,
        "announce.sh: a command was refused\nannounce.sh: neighbor 192.0.2.1 up\n"
    );
}

#[test]
fn the_health_check_follows_the_service() {
    let root_directory = tempfile::tempdir().expect("a root_directory");
    let service = root_directory.path().join("up");
    fs::write(&service, "").expect("written");
    let check = format!("test -e {}", service.display());
    let quick = [("INTERVAL", "0.01"), ("RISE", "2"), ("FALL", "2")];
    let mut helper = Helper::start(
        &helper("healthcheck.sh"),
        &["198.51.100.53/32", &check],
        &quick,
    );
    assert_eq!(
        helper.command(),
        "announce route 198.51.100.53/32 next-hop self med 100"
    );
    helper.submit("done");
    fs::remove_file(&service).expect("removed");
    assert_eq!(helper.command(), "withdraw route 198.51.100.53/32");
    helper.submit("done");
    fs::write(&service, "").expect("written");
    assert_eq!(
        helper.command(),
        "announce route 198.51.100.53/32 next-hop self med 100"
    );
    // It waits for the answer, and exits when the daemon is gone.
    helper.finish();
}

#[test]
fn the_python_helper_reacts_to_peers() {
    if !has_python() {
        return;
    }
    let mut helper = Helper::start(&helper("announce.py"), &[], &[]);
    assert_eq!(
        helper.command(),
        "announce route 198.51.100.0/24 next-hop self"
    );
    // An event before the answer is not lost.
    helper.submit(UP);
    helper.submit("done");
    assert_eq!(
        helper.command(),
        "announce route 198.51.101.0/24 next-hop self med 10"
    );
    helper.submit("done");
    helper.submit(UPDATE);
    helper.submit(DOWN);
    assert_eq!(
        helper.command(),
        "withdraw route 198.51.101.0/24 next-hop self"
    );
    helper.submit("done");
    let log = helper.finish();
    assert!(
        log.contains("ipv4 unicast 10.0.0.0/8 by 192.0.2.1 from 192.0.2.1"),
        "{log}"
    );
}

#[test]
fn the_watching_helper_prints_routes() {
    if !has_python() {
        return;
    }
    let mut helper = Helper::start(&helper("watch.py"), &[], &[]);
    for line in [UP, UPDATE, "done"] {
        helper.submit(line);
    }
    let log = helper.finish();
    assert_eq!(
        log,
        "watch.py: 192.0.2.1 is up\nwatch.py: 192.0.2.1 announces ipv4 unicast 10.0.0.0/8 by 192.0.2.1\nwatch.py: 192.0.2.1 withdraws ipv4 unicast 11.0.0.0/8\n"
    );
}

#[test]
fn every_helper_is_valid_in_its_language() {
    for path in files("examples/helpers", "sh") {
        let status = Command::new("sh").arg("-n").arg(&path).status();
        assert!(status.expect("a shell").success(), "{}", path.display());
    }
    if !has_python() {
        return;
    }
    for path in files("examples/helpers", "py") {
        let program = "import ast, sys; ast.parse(open(sys.argv[1]).read())";
        let status = Command::new("python3")
            .args(["-c", program])
            .arg(&path)
            .status();
        assert!(status.expect("a Python").success(), "{}", path.display());
    }
}
