//! What a helper may use of the system: its user, its resource limits, and whether setuid programs work for it.
//!
//! All of this has to be set between fork and exec. std offers the user, but neither its groups nor limits, and the general
//! hook is unsafe. Hence a confined helper is started by the program itself, which changes what is asked for and then becomes
//! the helper ([`Confinement::arguments`], [`Confinement::from_arguments`]).

use std::path::PathBuf;

/// The first argument of the program when it is to become a confined helper.
pub const CONFINED: &str = "--confined-helper";

/// What a helper may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confinement {
    /// The user to run as, with its groups; `None`: that of the daemon.
    pub user: Option<String>,
    /// Neither it nor what it starts gains rights from setuid programs (`no_new_privs` of Linux).
    pub no_new_privileges: bool,
    /// Most resources.
    pub limits: Limits,
    /// The program that confines it: `oxabgp`, if that is what runs.
    pub launcher: Option<PathBuf>,
}

/// Most resources of a helper; `None`: those of the daemon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of address space (`RLIMIT_AS`).
    pub memory: Option<u64>,
    /// Open descriptors (`RLIMIT_NOFILE`).
    pub files: Option<u64>,
    /// Processes and threads of its user, all programs together (`RLIMIT_NPROC`).
    pub processes: Option<u64>,
    /// Seconds of CPU time (`RLIMIT_CPU`).
    pub cpu_time: Option<u64>,
}

impl Limits {
    /// The words of the file, with their values.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = [
            ("memory", self.memory),
            ("files", self.files),
            ("processes", self.processes),
            ("cpu-time", self.cpu_time),
        ];
        all.into_iter()
            .filter_map(|(word, most)| Some((word, most?)))
    }
}

impl Confinement {
    /// Returns `true` if nothing is confined.
    pub(crate) fn is_empty(&self) -> bool {
        self.user.is_none() && !self.no_new_privileges && self.limits == Limits::default()
    }

    /// The arguments of the launcher after [`CONFINED`], up to the helper's program.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        arguments.extend(self.user.iter().map(|user| format!("user={user}")));
        if self.no_new_privileges {
            arguments.push("no-new-privileges".to_owned());
        }
        let limits = self.limits.entries();
        arguments.extend(limits.map(|(word, most)| format!("{word}={most}")));
        arguments.push("--".to_owned());
        arguments
    }

    /// Reads [`arguments`](Self::arguments) up to `--`. `None` if they are not of that form.
    pub(crate) fn from_arguments(arguments: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut confinement = Self::default();
        for argument in arguments {
            let (word, text) = argument.split_once('=').unwrap_or((&argument, ""));
            let most = || text.parse().ok();
            let limits = &mut confinement.limits;
            match word {
                "user" => confinement.user = Some(text.to_owned()),
                "no-new-privileges" => confinement.no_new_privileges = true,
                "memory" => limits.memory = Some(most()?),
                "files" => limits.files = Some(most()?),
                "processes" => limits.processes = Some(most()?),
                "cpu-time" => limits.cpu_time = Some(most()?),
                _ => return None,
            }
        }
        Some(confinement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_back() {
        let all = Confinement {
            user: Some("nobody".to_owned()),
            no_new_privileges: true,
            limits: Limits {
                memory: Some(1 << 30),
                files: Some(64),
                processes: Some(5),
                cpu_time: Some(600),
            },
            launcher: None,
        };
        for confinement in [all, Confinement::default()] {
            let arguments = confinement.arguments();
            let (last, inner) = arguments.split_last().expect("`--`");
            assert_eq!(last, "--");
            let read = Confinement::from_arguments(inner.iter().cloned());
            assert_eq!(read, Some(confinement));
        }
        for bad in ["memory", "memory=x", "group=3"] {
            assert_eq!(Confinement::from_arguments([bad.to_owned()]), None);
        }
    }
}
