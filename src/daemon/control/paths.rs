//! Paths of the control pipes and the control socket, for the daemon and for `oxabgp cli`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::unistd::getuid;

/// The directory of control sockets.
pub(crate) const DIRECTORY: &str = "/run/oxabgp";
/// The environment variable by which the daemon of one of several configurations knows the name that the sockets of all of
/// them begin with.
pub(crate) const GROUP_VARIABLE: &str = "OXABGP_SOCKET_GROUP";

/// A pair of named pipes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pipes {
    /// `NAME.in`: commands.
    pub(crate) commands: PathBuf,
    /// `NAME.out`: answers.
    pub(crate) answers: PathBuf,
}

/// ExaBGP's root directory: `EXABGP_ROOT`, or the parent of the `bin` that the program was called in. It is determined once,
/// since what it is derived from may be relative to the working directory, which the daemon changes.
pub(crate) fn root() -> Option<PathBuf> {
    static ROOT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let root = std::env::var_os("EXABGP_ROOT").filter(|root| !root.is_empty());
        if let Some(root) = root {
            return Some(root.into());
        }
        let program = std::env::current_exe().ok()?;
        let name = std::env::args_os().next().unwrap_or_default();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let called = called((Path::new(&name), &path), &program).unwrap_or(program);
        let directory = called.parent()?;
        let is_below = directory.ends_with("bin") || directory.ends_with("sbin");
        Some(match is_below {
            true => directory.parent()?.to_owned(),
            false => directory.to_owned(),
        })
    };
    ROOT.get_or_init(find).clone()
}

/// The path that the program was called by, found as a shell finds it: as in ExaBGP, a link is not resolved. `None` if the
/// program has another name than its caller says.
fn called((name, path): (&Path, &OsStr), program: &Path) -> Option<PathBuf> {
    let is_it = |found: &PathBuf| fs::canonicalize(found).is_ok_and(|real| real == program);
    if name
        .parent()
        .is_some_and(|parent| !parent.as_os_str().is_empty())
    {
        return std::path::absolute(name).ok().filter(is_it);
    }
    let found = std::env::split_paths(path).map(|directory| directory.join(name));
    found
        .filter_map(|found| std::path::absolute(found).ok())
        .find(is_it)
}

/// The directories in which ExaBGP looks for its pipes, in its order.
pub(crate) fn pipe_directories() -> Vec<PathBuf> {
    let own = getuid().to_string();
    let mut directories = Vec::new();
    for root in [Some(PathBuf::from("/")), root()].into_iter().flatten() {
        for run in ["run", "var/run"] {
            let run = root.join(run);
            directories.extend([run.join("exabgp"), run.join(&own), run]);
        }
    }
    directories
}

/// The first pair of pipes with that name.
pub(crate) fn find_pipes(name: &str) -> Option<Pipes> {
    pipe_directories()
        .iter()
        .map(|directory| Pipes {
            commands: directory.join(format!("{name}.in")),
            answers: directory.join(format!("{name}.out")),
        })
        .find(|pipes| is_pipe(&pipes.commands) && is_pipe(&pipes.answers))
}

fn is_pipe(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|facts| facts.file_type().is_fifo())
}

/// Possible paths of the socket with that name, in order of preference.
pub(crate) fn sockets(name: &str) -> Vec<PathBuf> {
    let own = format!("/run/{}", getuid());
    let session = std::env::var_os("XDG_RUNTIME_DIR").filter(|directory| !directory.is_empty());
    let directories = [DIRECTORY, "/run/exabgp", &own]
        .into_iter()
        .map(PathBuf::from)
        .chain(session.map(PathBuf::from))
        .chain([PathBuf::from("/run")]);
    directories
        .map(|directory| directory.join(format!("{name}.sock")))
        .collect()
}

/// Returns `true` if there is a socket at that path.
pub(crate) fn is_socket(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|facts| facts.file_type().is_socket())
}

/// The name that the sockets of several configurations begin with, if this daemon was started for one of them.
pub(crate) fn group() -> Option<String> {
    let name = std::env::var_os(GROUP_VARIABLE).filter(|name| !name.is_empty())?;
    Some(name.to_string_lossy().into_owned())
}

/// The name that the sockets of several configurations begin with, if `path` would be that of a single one.
pub(crate) fn group_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// Sockets that may be those of daemons that were started for several configurations in one call: in the directory of `path`,
/// with its name followed by that of the configuration. A daemon with a name of its own may have one like that, too.
pub(crate) fn siblings(path: &Path) -> Vec<PathBuf> {
    let Some(directory) = path.parent() else {
        return Vec::new();
    };
    let start = format!("{}-", group_of(path));
    let Ok(list) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = list
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|other| other.extension() == path.extension() && is_socket(other))
        .filter(|other| {
            let name = other.file_name().unwrap_or_default();
            name.to_string_lossy().starts_with(&start)
        })
        .collect();
    found.sort();
    found
}

/// The path of the socket of one of several configurations.
pub(crate) fn sibling(path: &Path, name: &str) -> PathBuf {
    let mut file = format!("{}-{name}", group_of(path));
    if let Some(extension) = path.extension() {
        file = format!("{file}.{}", extension.to_string_lossy());
    }
    path.with_file_name(file)
}

/// The directory that ExaBGP suggests for pipes.
pub(crate) fn suggestion() -> String {
    root().map_or_else(
        || "/run".to_owned(),
        |root| root.join("run").display().to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::command::OWN_VARIABLES;

    #[test]
    fn what_a_daemon_starts_is_not_of_its_group() {
        assert!(OWN_VARIABLES.contains(&GROUP_VARIABLE));
        assert_eq!(group_of(Path::new("/run/a.b.sock")), "a.b");
        let other = sibling(Path::new("/run/a.b.sock"), "c");
        assert_eq!(other, Path::new("/run/a.b-c.sock"));
    }

    #[test]
    fn the_order_is_exabgps() {
        let directories = pipe_directories();
        let own = getuid();
        let names: Vec<String> = directories
            .iter()
            .take(6)
            .map(|directory| directory.display().to_string())
            .collect();
        assert_eq!(
            names,
            [
                "/run/exabgp",
                &format!("/run/{own}"),
                "/run",
                "/var/run/exabgp",
                &format!("/var/run/{own}"),
                "/var/run"
            ]
        );
        assert!(directories.len() == 12 && directories[6].ends_with("run/exabgp"));
    }
}
