//! The addresses of this machine, which are listed, added and removed with the program `ip`.
//!
//! `ip -o address show dev lo` shows one address per line. An IPv4 address may have a label, `lo:NAME`. IPv6
//! addresses cannot have one: with `--label`, only those that this health check added itself are used.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use ipnet::IpNet;
use tokio::process::Command;
use tracing::{debug, info, warn};

use super::network::{addresses, shown};
use super::options::HealthcheckArgs;

/// The exit code of `ip` if the kernel rejects the change, usually because the address already exists.
const REFUSED: i32 = 2;
/// Where to look for `ip` if it is not in PATH, which is often short for helpers.
const FOLDERS: [&str; 3] = ["/sbin", "/usr/sbin", "/bin"];

/// The addresses that we manage, and how.
pub(super) struct Loopback {
    /// Networks that are not on lo.
    interfaces: Vec<(IpNet, String)>,
    label: Option<Label>,
    sudo: bool,
    /// Added by this process, or about to be added.
    added: RefCell<Vec<IpNet>>,
    /// No further addresses must be added.
    stopped: Cell<bool>,
}

#[derive(Clone, Debug)]
struct Label {
    text: String,
    exact: bool,
}

impl Label {
    fn fits(&self, found: &str) -> bool {
        match self.exact {
            true => found == self.text,
            false => found.starts_with(&self.text),
        }
    }
}

impl Loopback {
    pub(super) fn new(options: &HealthcheckArgs, interfaces: Vec<(IpNet, String)>) -> Self {
        let text = options.label.clone().filter(|label| !label.is_empty());
        let exact = options.label_exact_match;
        Self {
            interfaces,
            label: text.map(|text| Label { text, exact }),
            sudo: options.sudo,
            added: RefCell::default(),
            stopped: Cell::default(),
        }
    }

    /// The addresses of the loopback interface, as routes to announce.
    ///
    /// # Errors
    /// Returns an error if `ip` cannot be run.
    pub(super) async fn scan(&self) -> Result<Vec<IpNet>, String> {
        self.list(&["lo"]).await
    }

    /// Adds the addresses that are missing.
    ///
    /// # Errors
    /// Returns an error if there are too many addresses, or one cannot be added.
    pub(super) async fn add(&self, networks: &[IpNet]) -> Result<(), String> {
        let existing = self.list(&self.names()).await?;
        for address in addresses(networks).map_err(too_many)? {
            if self.stopped.get() {
                return Ok(());
            }
            if existing.contains(&address) {
                continue;
            }
            // Recorded first: if this is cancelled, it is unknown whether `ip` has added it.
            self.added.borrow_mut().push(address);
            if !self.change("add", address).await? {
                self.added.borrow_mut().pop();
            }
        }
        Ok(())
    }

    /// Makes [`Loopback::add`] return after the current address.
    pub(super) fn stop(&self) {
        self.stopped.set(true);
    }

    /// Removes the addresses that this process has added. Failures are logged.
    pub(super) async fn roll_back(&self) {
        let added = self.added.take();
        if added.is_empty() {
            return;
        }
        // Independent of the label: an IPv6 address has none, and one whose `ip` has failed may not exist.
        let existing = match self.list_labelled(&self.names(), None).await {
            Ok(existing) => existing,
            Err(cause) => return warn!("{cause}"),
        };
        let there = |address: &IpNet| existing.contains(address);
        for address in added.into_iter().rev().filter(there) {
            if let Err(cause) = self.change("delete", address).await {
                warn!("{cause}");
            }
        }
    }

    /// Removes those of the addresses that exist. Failures are logged.
    ///
    /// # Errors
    /// Returns an error if they cannot be listed.
    pub(super) async fn remove(&self, networks: &[IpNet]) -> Result<(), String> {
        let mut existing = self.list(&self.names()).await?;
        existing.append(&mut self.added.borrow_mut());
        for address in addresses(networks).map_err(too_many)? {
            if existing.contains(&address)
                && let Err(cause) = self.change("delete", address).await
            {
                warn!("{cause}");
            }
        }
        Ok(())
    }

    /// The interfaces that may have one of the addresses.
    fn names(&self) -> Vec<&str> {
        let mut names = vec!["lo"];
        for (_, name) in &self.interfaces {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    /// The interface of an address, which is that of the network that contains it.
    fn interface(&self, address: &IpNet) -> &str {
        self.interfaces
            .iter()
            .find(|(network, _)| network.contains(address))
            .map_or("lo", |(_, name)| name)
    }

    async fn list(&self, names: &[&str]) -> Result<Vec<IpNet>, String> {
        self.list_labelled(names, self.label.as_ref()).await
    }

    async fn list_labelled(
        &self,
        names: &[&str],
        label: Option<&Label>,
    ) -> Result<Vec<IpNet>, String> {
        let mut found = Vec::new();
        for name in names {
            let output = Command::new(program())
                .args(["-o", "address", "show", "dev", name])
                .stdin(Stdio::null())
                .output()
                .await
                .map_err(cannot_run)?;
            if !output.status.success() {
                let why = String::from_utf8_lossy(&output.stderr);
                warn!("cannot list the addresses of {name}: {}", why.trim());
            }
            let text = String::from_utf8_lossy(&output.stdout);
            found.extend(listed(&text, names, label));
        }
        debug!("addresses found: {}", words(&found));
        Ok(found)
    }

    /// Adds or deletes one address. Returns `true` if it did. An existing address is not added.
    async fn change(&self, action: &str, address: IpNet) -> Result<bool, String> {
        let interface = self.interface(&address);
        let route = shown(&address);
        info!("{action} address {route} on {interface}");
        let mut command = match self.sudo {
            true => {
                let mut command = Command::new("sudo");
                command.arg("ip");
                command
            }
            false => Command::new(program()),
        };
        command.args(["address", action, &route, "dev", interface]);
        if let Some(label) = &self.label {
            command.args(["label", &format!("{interface}:{}", label.text)]);
        }
        let output = command
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await;
        let output = output.map_err(cannot_run)?;
        let why = String::from_utf8_lossy(&output.stderr);
        let why = why.trim();
        if output.status.success() {
            return Ok(true);
        }
        if action == "add" && output.status.code() == Some(REFUSED) {
            // ExaBGP ignores all errors. We log those with another cause than this one.
            if !["File exists", "already assigned"]
                .iter()
                .any(|known| why.contains(known))
            {
                warn!("cannot add address {route} to {interface}: {why}");
            }
            return Ok(false);
        }
        Err(format!(
            "can't {action} address {route} on {interface}: {} {why}",
            output.status
        ))
    }
}

fn too_many(cause: String) -> String {
    format!("{cause}\nhelp: use `--no-ip-setup` to leave the addresses of this machine unchanged")
}

fn cannot_run(cause: io::Error) -> String {
    format!("cannot run `ip`: {cause}\nhelp: install iproute2, or use `--no-ip-setup` with `--ip`")
}

fn words(networks: &[IpNet]) -> String {
    let words: Vec<String> = networks.iter().map(shown).collect();
    words.join(" ")
}

/// The path of `ip`.
fn program() -> PathBuf {
    let path: OsString = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
    let mut candidates = directories.map(|directory| directory.join("ip"));
    let found = candidates.find(|candidate| candidate.is_file());
    found.unwrap_or_else(|| Path::new("ip").to_owned())
}

/// Parses addresses in the output of `ip -o address show`: `1: lo    inet 192.0.2.1/32 scope global lo:web\
/// valid_lft …`.
///
/// Addresses with bits beyond their length and those of 127.0.0.0/8 and ::1 are not announced.
fn listed(text: &str, interfaces: &[&str], label: Option<&Label>) -> Vec<IpNet> {
    let address = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [index, _, family, network, _, ..] = words[..] else {
            return None;
        };
        let number = index.strip_suffix(':')?;
        let numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if !numbered || !matches!(family, "inet" | "inet6") || !network.contains('/') {
            return None;
        }
        let network: IpNet = network.parse().ok()?;
        if network != network.trunc() || network.addr().is_loopback() {
            return None;
        }
        let fits = label.is_none_or(|label| {
            let found = words[4..].iter().rev().find_map(|word| {
                let (name, rest) = word.split_once(':')?;
                let found = rest.split('\\').next()?;
                (interfaces.contains(&name) && !found.is_empty()).then_some(found)
            });
            found.is_some_and(|found| label.fits(found))
        });
        fits.then_some(network)
    };
    text.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = r"1: lo    inet 127.0.0.1/8 scope host lo\       valid_lft forever preferred_lft forever
1: lo    inet 192.0.2.1/32 scope global lo:web1\       valid_lft forever preferred_lft forever
1: lo    inet 192.0.2.2/32 scope global lo:web\       valid_lft forever preferred_lft forever
1: lo    inet 192.0.2.3/32 scope global lo\       valid_lft forever preferred_lft forever
1: lo    inet 192.0.2.5/24 scope global lo\       valid_lft forever preferred_lft forever
1: lo    inet 198.51.100.0/24 scope global lo:webs\       valid_lft forever preferred_lft forever
1: lo    inet 192.0.2.9 peer 192.0.2.10/32 scope global lo\       valid_lft forever preferred_lft forever
1: lo    inet6 ::1/128 scope host \       valid_lft forever preferred_lft forever
1: lo    inet6 2001:db8::1/128 scope global \       valid_lft forever preferred_lft forever
nonsense
";

    #[test]
    fn the_addresses_of_the_loopback_are_found() {
        let label = |text: &str, exact| {
            Some(Label {
                text: text.to_owned(),
                exact,
            })
        };
        for (label, wanted) in [
            (
                None,
                "192.0.2.1/32 192.0.2.2/32 192.0.2.3/32 198.51.100.0/24 2001:db8::1/128",
            ),
            (
                label("web", false),
                "192.0.2.1/32 192.0.2.2/32 198.51.100.0/24",
            ),
            (label("web", true), "192.0.2.2/32"),
            (label("none", false), ""),
        ] {
            let found = listed(SHOWN, &["lo"], label.as_ref());
            assert_eq!(words(&found), wanted, "{label:?}");
        }
        assert!(listed(SHOWN, &["eth0"], label("web", false).as_ref()).is_empty());
    }
}
