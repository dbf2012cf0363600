//! Who may connect to the control socket, and in which role.
//!
//! Root and the user that the daemon runs as have the full role. The settings `api.full-access` and `api.read-only` admit
//! other users and groups; the kernel's credentials of the client decide (`SO_PEERCRED`), not the mode of the file. Names are
//! looked up once, at the start, because a lookup may block: whoever joins a group later is admitted after a restart, or at
//! once if the group is the primary one of the client's process.

use std::collections::BTreeSet;

use nix::unistd::{Group, User};
use tracing::warn;

use crate::api::command::Role;
use crate::config::env::ApiEnv;

/// The users and groups of one role, as numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Members {
    users: BTreeSet<u32>,
    groups: BTreeSet<u32>,
}

/// Who may connect besides root and the user that the daemon runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Access {
    full: Members,
    read_only: Members,
}

impl Members {
    /// Looks names up. One that does not exist is logged and admits nobody.
    fn of(words: &[String], setting: &str) -> Self {
        let mut members = Self::default();
        for word in words {
            let known = match word.strip_prefix('@') {
                Some(group) => members.add_group(group),
                None => members.add_user(word),
            };
            if known.is_none() {
                warn!(
                    setting,
                    name = word,
                    "there is no such user or group: the setting admits nobody for it"
                );
            }
        }
        members
    }

    fn add_user(&mut self, word: &str) -> Option<()> {
        let user = match word.parse() {
            Ok(number) => number,
            Err(_) => User::from_name(word).ok().flatten()?.uid.as_raw(),
        };
        self.users.insert(user);
        Some(())
    }

    fn add_group(&mut self, word: &str) -> Option<()> {
        if let Ok(number) = word.parse() {
            self.groups.insert(number);
            return Some(());
        }
        let group = Group::from_name(word).ok().flatten()?;
        self.groups.insert(group.gid.as_raw());
        for name in &group.mem {
            // A member that does not exist admits nobody.
            let _ = self.add_user(name);
        }
        Some(())
    }

    fn has(&self, user: u32, group: u32) -> bool {
        self.users.contains(&user) || self.groups.contains(&group)
    }
}

impl Access {
    /// Who the settings admit.
    pub(super) fn new(env: &ApiEnv) -> Self {
        Self {
            full: Members::of(&env.full_access, "api.full-access"),
            read_only: Members::of(&env.read_only, "api.read-only"),
        }
    }

    /// Returns `true` if users other than the owner of the socket may connect.
    pub(super) fn is_shared(&self) -> bool {
        *self != Self::default()
    }

    /// The role of a client in a daemon that runs as `own`; `None`: it is refused.
    pub(super) fn role(&self, (user, group): (u32, u32), own: u32) -> Option<Role> {
        if user == own || user == 0 || self.full.has(user, group) {
            Some(Role::Full)
        } else if self.read_only.has(user, group) {
            Some(Role::ReadOnly)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn without_settings_only_the_owner_and_root_may_connect() {
        let access = Access::default();
        assert!(!access.is_shared());
        for (user, own) in [(1000, 1000), (0, 1000), (0, 0)] {
            assert_eq!(access.role((user, 7), own), Some(Role::Full));
        }
        for (user, own) in [(1001, 1000), (1000, 0)] {
            // Root's group is not root.
            assert_eq!(access.role((user, 0), own), None);
        }
    }

    #[test]
    fn settings_admit_users_and_groups_in_their_role() {
        let access = Access {
            full: Members::of(&words("1001 @70"), "api.full-access"),
            read_only: Members::of(
                &words("1002 @71 1001 no-such-user @no-such-group"),
                "api.read-only",
            ),
        };
        assert!(access.is_shared());
        for (user, group, role) in [
            (1001, 1, Some(Role::Full)),
            (1003, 70, Some(Role::Full)),
            (1002, 1, Some(Role::ReadOnly)),
            (1003, 71, Some(Role::ReadOnly)),
            (1003, 72, None),
        ] {
            assert_eq!(access.role((user, group), 1000), role, "{user} {group}");
        }
    }
}
