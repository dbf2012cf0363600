//! Applies the difference between two configurations, and the first configuration.
//!
//! The new file is parsed and checked completely first: an error changes nothing. A session is reset only if its OPEN or its
//! TCP connection depends on a changed setting; routes are announced and withdrawn by difference; routes of helpers stay; a
//! helper is restarted only if its command line has changed.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use tracing::{error, info, warn};

use crate::bgp::Notification;
use crate::config::diff::{numbered, uncovered};
use crate::config::notation::as_before;
use crate::config::{Config, DYNAMIC_LIMIT, NeighborConfig, SessionConfig};
use crate::fsm::Cease;
use crate::journal::OPERATOR;
use crate::speaker::{self, Server};

use super::core::Core;
use super::executor::Executor;
use super::neighbor::Neighbor;
use super::neighbors::Listed;
use super::plugin::NeighborPlugin;
use super::process::Process;
use super::queue::Marks;
use super::running::Running;
use super::signal::Request;
use super::startup::{Fatal, Origin, log_warnings};
use super::stats::CommandCounts;
use super::{
    advisory, checks, configured_routes, dynamic, listeners, monitors, notify, refresh, session,
    tightened,
};

const STATE: &str = "the `state` section has changed, which applies from the next start on";

/// The BGP identifier of sessions without one of their own: any but 0.0.0.0.
pub(crate) fn default_router_id(config: &Config) -> Ipv4Addr {
    let first = config
        .neighbors
        .iter()
        .find_map(|neighbor| session::router_id(&neighbor.session));
    first.unwrap_or(Ipv4Addr::LOCALHOST)
}

/// Adds a configured neighbor, to the tables and to the speaker.
pub(crate) fn add(
    core: &Rc<Core>,
    server: &Server,
    config: Rc<NeighborConfig>,
) -> Result<(), Fatal> {
    let name = config.name();
    let listed = core.add(&name, config, None);
    connect(core, server, &listed)
}

/// Adds a neighbor to the speaker.
fn connect(core: &Rc<Core>, server: &Server, listed: &Rc<Listed>) -> Result<(), Fatal> {
    let name = &listed.neighbor.name();
    let config = listed.neighbor.config.borrow().clone();
    let added = if dynamic::is_range(&config.session) {
        let peer = session::peer(name, &config.session, &core.env);
        server.expect_network(&peer, config.session.peer_prefix)
    } else {
        enlist(core, server, listed)
    };
    added.map_err(|cause| {
        // A range would accept connections without the key that was refused, and the next reload is to try again.
        core.forget(listed.neighbor.id);
        Fatal::system(name.to_string(), std::io::Error::other(cause))
    })
}

/// Adds a neighbor's plugin to the speaker.
fn enlist(core: &Rc<Core>, server: &Server, listed: &Rc<Listed>) -> Result<(), speaker::Error> {
    let peer = {
        let config = listed.neighbor.config.borrow();
        let name = &listed.neighbor.name();
        let name = session::log_name(name, &config.session, |name| server.find(name).is_some());
        session::peer(&name, &config.session, &core.env)
    };
    let plugin = NeighborPlugin::new(Rc::clone(core), Rc::clone(&listed.neighbor));
    listed
        .key
        .set(Some(server.add_validated_peer(peer, plugin)?));
    Ok(())
}

/// Removes a neighbor from the speaker and the tables.
pub(crate) fn remove(core: &Rc<Core>, server: &Server, listed: &Listed, cease: Cease) {
    let name = &listed.neighbor.name();
    info!(neighbor = %name, "the neighbor is removed");
    let config = listed.neighbor.config.borrow().clone();
    if dynamic::is_range(&config.session) {
        let peer = session::peer(name, &config.session, &core.env);
        if let Err(cause) = server.forget_network(&peer, config.session.peer_prefix) {
            warn!(neighbor = %name, %cause, "the range could not be forgotten");
        }
        for instance in dynamic::instances(core, listed) {
            dynamic::identify(core, &instance);
            remove(core, server, &instance, cease.clone());
        }
    }
    match listed.key.get() {
        // The plugin removes the neighbor once its session has been closed with a NOTIFICATION.
        Some(key) => {
            listed.neighbor.retire();
            listed.leaving.set(true);
            core.neighbors.changed();
            if let Err(cause) = server.remove_peer(key, cease) {
                warn!(neighbor = %name, %cause, "the neighbor could not be removed");
            }
        }
        None if listed.aside.get() => {
            listed.leaving.set(true);
            core.neighbors.changed();
        }
        None => core.forget(listed.neighbor.id),
    }
}

/// Adds a neighbor again that a reload has removed which was not confirmed: what was announced to it is announced again.
fn take_up(
    core: &Rc<Core>,
    server: &Server,
    before: &Listed,
    new: Rc<NeighborConfig>,
) -> Result<(), Fatal> {
    let old = before.neighbor.config.borrow().clone();
    let listed = core.take_up(before, Rc::clone(&new));
    if new.adj_rib_out {
        configured_routes::apply(core, &[Rc::clone(&listed)], &old, &new);
    } else {
        // Nothing is kept of what was announced to it.
        core.announce_configured(&listed.neighbor);
    }
    core.neighbors.changed();
    connect(core, server, &listed)
}

/// Reads the configuration again and applies the difference, or nothing if it has errors.
///
/// It does not yield: 100,000 routes take a fraction of a second, and no other task sees half of a configuration.
///
/// What could not be applied is in [`Reloads::result`](super::running::Reloads::result) then.
///
/// # Errors
/// When the configuration has errors, and nothing is changed.
pub(crate) fn reload(
    executor: &Rc<Executor>,
    server: &Server,
    origin: &Origin,
    request: Request,
) -> Result<(), String> {
    executor.core.stats.turns.note("a reload");
    notify::reloading();
    info!(configuration = %origin.path.display(), "reading the configuration again");
    executor.core.reloads.reading();
    let result = match Config::load_regular(&origin.path, &executor.core.env) {
        Ok((config, warnings)) => {
            log_warnings(&warnings);
            drop(warnings);
            let core = &executor.core;
            let new = Running::new(config);
            // First, so that what is removed may return.
            if let (Request::ReloadWithin(seconds), Some(previous)) =
                (request, core.reloads.current())
            {
                core.reloads
                    .arm(previous, Duration::from_secs(seconds.into()));
                warn!(seconds, "the reload has to be confirmed");
            }
            apply(executor, server, &new, request);
            core.reloads.replace(new);
            let reloads = &executor.core.stats.reloads;
            reloads.set(reloads.get().plus(CommandCounts {
                done: 1,
                refused: 0,
            }));
            info!("the configuration is reloaded");
            Ok(())
        }
        Err(errors) => {
            let reloads = &executor.core.stats.reloads;
            reloads.set(reloads.get().plus(CommandCounts {
                done: 0,
                refused: 1,
            }));
            let lines: Vec<String> = errors.lines().collect();
            lines.iter().for_each(|line| error!("{line}"));
            error!("the configuration has errors, nothing is changed");
            Err(format!(
                "the configuration has errors, nothing is changed: {}",
                lines.join("; ")
            ))
        }
    };
    notify::ready();
    result
}

/// Returns to the configuration before a reload that is not confirmed.
///
/// # Errors
/// When it was confirmed meanwhile.
pub(crate) fn go_back(executor: &Rc<Executor>, server: &Server) -> Result<(), String> {
    let core = &executor.core;
    let Some(previous) = core.reloads.settle() else {
        return Err("the reload was confirmed meanwhile".to_owned());
    };
    core.stats.turns.note("a reload");
    notify::reloading();
    apply(executor, server, &previous, Request::Reload);
    core.forget_aside();
    core.reloads.replace(previous);
    warn!("the former configuration is back");
    if core.reloads.is_read() {
        let path = core.reloads.path().unwrap_or_else(|| Path::new(""));
        warn!(path = %path.display(), "the file still has the configuration that was not confirmed, which the next start and the next reload read");
    }
    notify::ready();
    Ok(())
}

fn apply(executor: &Rc<Executor>, server: &Server, running: &Running, request: Request) {
    let core = &executor.core;
    let config = &running.config;
    if let (Some(before), false) = (core.reloads.current(), core.journal.is_kept()) {
        for owner in uncovered(&before.config, config) {
            let process = owner.as_deref().unwrap_or(OPERATOR);
            warn!(process = %process, "routes announced before are not covered by `on-death` and `max-routes` until they are announced again");
        }
    }
    helpers(executor, config, request);
    if let Some(before) = core.reloads.current() {
        let tightened = tightened::tightened(&before.config, config);
        if !tightened.is_empty() {
            core.spawn(tightened::report(Rc::clone(core), tightened));
        }
    }
    core.metrics.replace(config.metrics.clone());
    if config.state.as_ref() != core.journal.config() {
        warn!("{STATE}");
        core.reloads.remark(STATE.to_owned());
    }
    let (mut old, old_names) = by_name(core);
    let mut order = Vec::new();
    let ends =
        |session: &SessionConfig| (session.peer_address, session.local_address, session.connect);
    let mut added = HashSet::new();
    let mut aside = core.neighbors.aside();
    let names: Vec<String> = running
        .neighbors
        .iter()
        .map(|neighbor| neighbor.name())
        .collect();
    // Those that may return are known in another notation, too.
    let mut before = old_names;
    before.extend(
        aside
            .iter()
            .map(|listed| listed.neighbor.name().to_string()),
    );
    let now = numbered(as_before(&before, &names).into_iter());
    for ((numbered, name), new) in now.into_iter().zip(names).zip(&running.neighbors) {
        let new = Rc::clone(new);
        match old.remove(&numbered) {
            Some(listed) => change(core, server, &listed, new, request),
            None => {
                added.insert(ends(&new.session));
                let is_that = |old: &Rc<Listed>| *old.neighbor.name() == *numbered.0;
                let at = aside.iter().position(is_that);
                let result = match at.map(|at| aside.remove(at)) {
                    Some(before) => {
                        info!(neighbor = %name, "the neighbor is back, with what was announced to it");
                        take_up(core, server, &before, new)
                    }
                    None => {
                        info!(neighbor = %name, "the neighbor is new");
                        add(core, server, new)
                    }
                };
                if let Err(cause) = result {
                    error!(neighbor = %name, %cause, "the neighbor could not be added");
                    core.reloads
                        .fail(format!("{name} could not be added: {cause}"));
                }
            }
        }
        order.push(name);
    }
    let awaited = as_before(&before, &core.reloads.awaited());
    let awaited: HashSet<_> = numbered(awaited.into_iter()).into_iter().collect();
    for (name, listed) in old
        .iter()
        .filter(|(_, listed)| !core.runtime_peers.contains(&listed.neighbor.name()))
    {
        listed.aside.set(awaited.contains(name));
        let old = ends(&listed.neighbor.config.borrow().session);
        // RFC 4486 section 4: Peer De-configured is for one that is gone, not for one whose AS has changed.
        let cease = match added.contains(&old) {
            true => Cease::Replaced,
            false => Cease::Removed,
        };
        remove(core, server, listed, cease);
    }
    core.neighbors.sort(&order);
    // Helpers may send commands to other neighbors than before.
    core.neighbors.changed();
    checks::configure::apply(core, &config.checks);
    monitors::apply(core, config.mrt.clone(), config.bmp.clone());
    listeners::apply(core, server, &core.env);
    core.wake_neighbors();
}

/// Neighbors by [numbered] names.
type ByName = HashMap<(String, usize), Rc<Listed>>;

/// The neighbors other than those of ranges, by name; and the names of those that were not created by commands.
fn by_name(core: &Core) -> (ByName, Vec<String>) {
    let mut listed = core.neighbors.all();
    listed.retain(|listed| listed.template.is_none());
    let names = listed
        .iter()
        .map(|listed| listed.neighbor.name().to_string());
    let mut names: Vec<String> = names.collect();
    let numbered = numbered(names.iter().cloned());
    names.retain(|name| !core.runtime_peers.contains(name));
    (numbered.into_iter().zip(listed).collect(), names)
}

/// Starts new helpers, stops those that were removed, restarts those whose command line has changed.
fn helpers(executor: &Rc<Executor>, config: &Config, request: Request) {
    let all = executor.core.events.helpers();
    for old in all.active() {
        if !config
            .processes
            .iter()
            .any(|process| process.name == *old.name)
        {
            info!(process = %old.name, "the helper is removed");
            old.stop();
        }
    }
    for process in &config.processes {
        match all
            .find(&process.name)
            .filter(|(_, helper)| !helper.is_stopped())
        {
            Some((_, helper)) => {
                let before = helper.config();
                helper.configure(process.clone());
                let restart_all = matches!(request, Request::FullReload | Request::Restart);
                if restart_all || before.starts_differently(process) {
                    info!(process = %process.name, "the helper is restarted");
                    helper.restart();
                }
            }
            None => {
                let helper = Rc::new(Process::new(process.clone(), Marks::default()));
                all.add(Rc::clone(&helper));
                executor.start_helper(&helper);
            }
        }
    }
}

/// Applies the new configuration of a neighbor, and of a range's connected neighbors.
fn change(
    core: &Rc<Core>,
    server: &Server,
    listed: &Rc<Listed>,
    new: Rc<NeighborConfig>,
    request: Request,
) {
    let old = adopt(core, &listed.neighbor, &new);
    let mut members = vec![Rc::clone(listed)];
    let mut resets = Vec::new();
    if dynamic::is_range(&new.session) {
        for instance in dynamic::instances(core, listed) {
            let neighbor = &instance.neighbor;
            let before = neighbor.config.borrow().clone();
            let after = Rc::new(dynamic::adapted(&new, &before.session));
            if before.session.needs_reset(&after.session) {
                resets.push(instance);
            } else {
                adopt(core, neighbor, &after);
                members.push(instance);
            }
        }
    }
    let excess = take_excess(&mut members, &new);
    configured_routes::apply(core, &members, &old, &new);
    if dynamic::is_range(&new.session) {
        if old.session != new.session {
            expect_again(core, server, listed, (&old, &new));
        }
        for instance in resets {
            info!(neighbor = %instance.neighbor.name(), "the session is closed; the peer may connect again");
            dynamic::identify(core, &instance);
            remove(core, server, &instance, Cease::Replaced);
        }
        for instance in excess {
            info!(neighbor = %instance.neighbor.name(), "the session is closed: the range has more neighbors than its `dynamic-limit`");
            dynamic::identify(core, &instance);
            // RFC 4486 4: Out of Resources is for a speaker that can't keep the session; the peer is still configured, so that
            // it may try again later, unlike one that gets Peer De-configured.
            remove(core, server, &instance, Cease::TooMany);
        }
        if request == Request::Restart {
            members[1..]
                .iter()
                .for_each(|instance| restart(server, instance));
        }
    } else {
        renew(core, server, listed, &old.session, request);
    }
}

/// Takes from a range and its neighbors those above its `dynamic-limit`: first those without a session, then those whose
/// session is the youngest.
fn take_excess(members: &mut Vec<Rc<Listed>>, range: &NeighborConfig) -> Vec<Rc<Listed>> {
    let most = range.dynamic_limit.unwrap_or(DYNAMIC_LIMIT) as usize;
    if members.len() - 1 <= most {
        return Vec::new();
    }
    members[1..].sort_by_key(|listed| {
        let neighbor = &listed.neighbor;
        (!neighbor.is_established(), Reverse(neighbor.age()))
    });
    members.split_off(1 + most)
}

/// Applies the settings of a neighbor that its session does not depend on, except its routes. Returns its configuration
/// before.
fn adopt(core: &Core, neighbor: &Rc<Neighbor>, new: &Rc<NeighborConfig>) -> Rc<NeighborConfig> {
    let old = neighbor.config.borrow().clone();
    neighbor.configure(Rc::clone(new));
    core.limits.configure(neighbor);
    core.resubscribe(neighbor);
    advise(neighbor, &old, new);
    if old.session.families != new.session.families || old.adj_rib_out != new.adj_rib_out {
        core.configure_rib(neighbor);
    }
    if new.adj_rib_in && !old.adj_rib_in && neighbor.is_established() {
        // The table begins with what the peer has announced before.
        for family in &new.session.families {
            refresh::request(neighbor, *family);
        }
    }
    old
}

/// Sends the messages that are new in the `operational` section; without a session, the next one starts with them.
fn advise(neighbor: &Neighbor, old: &NeighborConfig, new: &NeighborConfig) {
    let mut added = neighbor
        .advisories
        .configure(&old.operational, &new.operational);
    let session = neighbor.negotiated().filter(|_| {
        let kept = !old.session.needs_reset(&new.session);
        kept && neighbor.is_established()
    });
    match session {
        Some(session) => {
            for message in &mut added {
                advisory::identify(message, session.local.router_id);
                neighbor.send(advisory::encoded(message));
            }
        }
        None => neighbor.advisories.wait(added),
    }
}

/// Replaces what listening sockets need to know of the peers of a range, such as their MD5 key.
fn expect_again(
    core: &Core,
    server: &Server,
    listed: &Listed,
    (old, new): (&NeighborConfig, &NeighborConfig),
) {
    let name = new.name();
    let peer = |config: &NeighborConfig| session::peer(&name, &config.session, &core.env);
    let done = server.expect_instead(
        (&peer(old), old.session.peer_prefix),
        (&peer(new), new.session.peer_prefix),
    );
    if let Err(cause) = done {
        keep_session(&listed.neighbor, &old.session);
        error!(neighbor = %name, %cause, "the range could not be changed");
        core.reloads
            .fail(format!("{name} could not be changed: {cause}"));
    }
}

/// Keeps the settings of a session that are in force, since new ones were refused: the next reload is to try again.
fn keep_session(neighbor: &Neighbor, session: &SessionConfig) {
    let mut config = neighbor.config.borrow().as_ref().clone();
    config.session = session.clone();
    neighbor.configure(Rc::new(config));
}

/// Ends the session of a neighbor of a range.
fn restart(server: &Server, instance: &Listed) {
    let neighbor = &instance.neighbor;
    if let Some(key) = instance.key.get().filter(|_| neighbor.is_established()) {
        info!(neighbor = %neighbor.name(), changed = false, "the session is reset");
        // RFC 4486 section 4: Administrative Reset. An error means that the session is being reset already.
        let _ = server.reset_peer(key, Notification::cease(Notification::RESET));
    }
}

/// Applies the new settings of a neighbor that its session depends on; `old` are those before.
fn renew(core: &Core, server: &Server, listed: &Listed, old: &SessionConfig, request: Request) {
    let neighbor = &listed.neighbor;
    let new = neighbor.config.borrow().clone();
    let reset = old.needs_reset(&new.session);
    if *old == new.session && request != Request::Restart {
        return;
    }
    let Some(key) = listed.key.get() else { return };
    let is_respelled = old.spelling != new.session.spelling;
    let logged = match server.peer_config(key) {
        Some(peer) if !is_respelled => peer.name.clone(),
        _ => session::log_name(&neighbor.name(), &new.session, |name| {
            server.find(name).is_some_and(|other| other != key)
        }),
    };
    let peer = session::peer(&logged, &new.session, &core.env);
    let only_respelled = is_respelled && old.is_same(&new.session);
    if !reset && request != Request::Restart && (only_respelled || neighbor.is_established()) {
        if only_respelled {
            info!(neighbor = %neighbor.name(), "the addresses are written in another notation");
        } else {
            info!(neighbor = %neighbor.name(), "the session is kept; its new settings apply from the next session on");
        }
        if let Err(cause) = server.update_validated_peer(key, peer) {
            keep_session(neighbor, old);
            error!(neighbor = %neighbor.name(), %cause, "the neighbor could not be changed");
            core.reloads
                .fail(format!("{} could not be changed: {cause}", neighbor.name()));
        }
        return;
    }
    info!(neighbor = %neighbor.name(), changed = reset, "the session is reset");
    // RFC 4486 section 4: Other Configuration Change, where ExaBGP sends Peer De-configured; Administrative Reset if the
    // session is only restarted.
    let notification = Notification::cease(if reset {
        Notification::CONFIGURATION_CHANGE
    } else {
        Notification::RESET
    });
    if let Err(cause) = server.replace_validated_peer(key, peer, notification) {
        keep_session(neighbor, old);
        error!(neighbor = %neighbor.name(), %cause, "the session could not be reset");
        core.reloads
            .fail(format!("{} could not be reset: {cause}", neighbor.name()));
    }
}
