//! The user and group of `--user` and `--group`: looked up before anything is changed, switched to once addresses are
//! set up.

use std::ffi::CString;

use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid, initgroups, setresgid, setresuid};
use tracing::{debug, warn};

use super::options::HealthcheckArgs;

/// The user and group to switch to.
#[derive(Debug, Default)]
pub(super) struct Identity {
    /// The login name, for its supplementary groups.
    login: Option<CString>,
    user: Option<Uid>,
    group: Option<Gid>,
}

impl Identity {
    /// Looks up the user and the group of the options.
    ///
    /// # Errors
    /// Returns an error if one does not exist, or this process may not switch to it.
    pub(super) fn find(options: &HealthcheckArgs) -> Result<Self, String> {
        let unknown = |kind: &str, name: &str| format!("unknown {kind} `{name}`");
        let mut identity = Self::default();
        if let Some(name) = options.group.as_deref() {
            let group = Group::from_name(name).map_err(failed)?;
            identity.group = Some(group.ok_or_else(|| unknown("group", name))?.gid);
        }
        if let Some(name) = options.user.as_deref() {
            let user = User::from_name(name).map_err(failed)?;
            let user = user.ok_or_else(|| unknown("user", name))?;
            // Whoever may not change it keeps the group that it was started with.
            if geteuid().is_root() {
                identity.group.get_or_insert(user.gid);
            }
            identity.user = Some(user.uid);
            identity.login = Some(CString::new(name).map_err(|_| unknown("user", name))?);
        }
        let other = identity.user.is_some_and(|user| user != geteuid())
            || identity.group.is_some_and(|group| group != getegid());
        if other && !geteuid().is_root() {
            return Err(
                "only root may become another user or group\nhelp: start the health check as that user, or leave out \
                 `--user` and `--group`"
                    .to_owned(),
            );
        }
        Ok(identity)
    }

    /// Warns if removing the addresses on exit will not be possible.
    pub(super) fn warn_about_addresses(&self, options: &HealthcheckArgs) {
        let loses_rights = self
            .user
            .is_some_and(|user| geteuid().is_root() && !user.is_root());
        let changes = !options.no_ip_setup || options.dynamic_ip_setup;
        if loses_rights && changes && !options.sudo {
            warn!(
                "user `{}` may not remove addresses: added addresses will remain (use `--sudo` to remove them)",
                options.user.as_deref().unwrap_or_default()
            );
        }
    }

    /// Switches to the group and the user, with the user's supplementary groups.
    ///
    /// # Errors
    /// Returns an error if the system does not allow it.
    pub(super) fn assume(&self) -> Result<(), String> {
        if let (Some(login), Some(gid)) = (&self.login, self.group)
            && geteuid().is_root()
        {
            initgroups(login, gid).map_err(failed)?;
        }
        if let Some(gid) = self.group {
            setresgid(gid, gid, gid).map_err(failed)?;
        }
        if let Some(uid) = self.user {
            setresuid(uid, uid, uid).map_err(failed)?;
            debug!("became user {uid}");
        }
        Ok(())
    }
}

fn failed(cause: nix::Error) -> String {
    format!("cannot drop privileges: {cause}")
}
