//! Applies the archives and monitoring stations of a configuration, and ends them.
//!
//! Those whose section is unchanged go on, in the middle of a file or connection. No session is touched.

use std::rc::Rc;
use std::time::Duration;

use tracing::{error, info};

use crate::config::{BmpConfig, MrtConfig};

use super::bmp::serve;
use super::bmp::station::Station;
use super::core::Core;
use super::mrt::updates::UpdatesTap;
use super::mrt::{archive, collect};

/// How long readers of records may take to read the last ones.
const CLOSING_TIME: Duration = Duration::from_secs(2);

/// Starts what is new, ends what is gone, begins again what has changed.
pub(crate) fn apply(core: &Rc<Core>, mrt: MrtConfig, bmp: Vec<BmpConfig>) {
    archives(core, &mrt);
    tables(core, mrt);
    stations(core, bmp);
}

fn archives(core: &Core, mrt: &MrtConfig) {
    let mut old = core.taps.archives();
    let mut new = Vec::new();
    for config in &mrt.updates {
        let same = |archive: &Rc<UpdatesTap>| archive.config.file == config.file;
        let before = old.iter().position(same).map(|at| old.swap_remove(at));
        match before {
            Some(archive) if archive.config == *config => new.push(archive),
            before => {
                let thread = before.and_then(|archive| archive.close());
                match UpdatesTap::open(config.clone(), thread) {
                    Ok(archive) => new.push(Rc::new(archive)),
                    Err(cause) => {
                        error!(archive = config.file.pattern(), %cause, "the archive cannot be written");
                    }
                }
            }
        }
    }
    for archive in old {
        info!(
            archive = archive.config.file.pattern(),
            "the archive is closed"
        );
        archive.close();
    }
    core.taps.set_archives(new);
}

fn tables(core: &Rc<Core>, mrt: MrtConfig) {
    let mut tasks = core.taps.tasks.borrow_mut();
    let mut old = std::mem::take(&mut tasks.tables);
    for config in mrt.tables {
        let same = old.iter().position(|(table, _)| *table == config);
        let kept = same.map(|at| old.swap_remove(at));
        tasks.tables.push(kept.unwrap_or_else(|| {
            let task = (config.every > 0).then(|| {
                let task = collect::periodically(Rc::clone(core), config.clone());
                tokio::task::spawn_local(task)
            });
            (config, task)
        }));
    }
    for (_, task) in old {
        if let Some(task) = task {
            task.abort();
        }
    }
}

fn stations(core: &Rc<Core>, bmp: Vec<BmpConfig>) {
    let mut tasks = core.taps.tasks.borrow_mut();
    let mut old = std::mem::take(&mut tasks.stations);
    for config in bmp {
        let same = old
            .iter()
            .position(|(station, _)| station.config.name == config.name);
        let before = same.map(|at| old.swap_remove(at));
        let before = match before {
            Some((station, task)) if station.config == config => {
                tasks.stations.push((station, task));
                continue;
            }
            Some((station, task)) => {
                info!(
                    station = config.name,
                    "the monitoring station is begun again"
                );
                station.close();
                Some(task)
            }
            None => None,
        };
        let station = Rc::new(Station::new(config));
        let serving = serve::run(Rc::clone(core), Rc::clone(&station));
        let task = tokio::task::spawn_local(async move {
            if let Some(before) = before {
                // It may listen at the same address.
                let _ = before.await;
            }
            serving.await;
        });
        tasks.stations.push((station, task));
    }
    for (station, _) in old {
        info!(
            station = station.config.name,
            "the monitoring station is no longer served"
        );
        station.close();
    }
    let stations = tasks.stations.iter();
    let all = stations.map(|(station, _)| Rc::clone(station)).collect();
    core.taps.set_stations(all);
}

/// Ends all connections with a Termination, and completes all files. Waits for both, but not for long.
pub(crate) async fn end(core: &Core) {
    let tasks = core.taps.tasks.take();
    for reader in core.taps.readers() {
        reader.close();
    }
    for (station, _) in &tasks.stations {
        station.close();
    }
    for (_, task) in tasks.stations {
        let _ = task.await;
    }
    core.taps.set_stations(Vec::new());
    let left = async {
        while !core.taps.readers().is_empty() {
            core.taps.reader_left.notified().await;
        }
    };
    // A reader that does not read loses the last records.
    let _ = tokio::time::timeout(CLOSING_TIME, left).await;
    let archives = core.taps.archives();
    core.taps.set_archives(Vec::new());
    let threads = archives.iter().filter_map(|archive| archive.close());
    archive::finish(threads.collect()).await;
}
