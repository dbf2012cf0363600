//! Carries out the check, and runs the hooks.

use std::process::Stdio;
use std::time::Duration;

use tracing::{debug, info, warn};

use crate::health::{Finding, State, Target};
use crate::probe::{self, command};

/// Carries out the check. A limit of zero means none. Log lines begin with the prefix.
pub(super) async fn check(target: &Target, limit: Duration, prefix: &str) -> Finding {
    let failed = match target {
        Target::Command(command) => self::command(command, limit, prefix).await,
        target => probe::check(target, limit)
            .await
            .map_err(|failure| warn!("{prefix}the check failed: {failure}")),
    };
    match failed {
        Ok(()) => {
            debug!("the check succeeded");
            Finding::Good
        }
        Err(()) => Finding::Bad,
    }
}

async fn command(command: &str, limit: Duration, prefix: &str) -> Result<(), ()> {
    debug!("checking: {command}");
    command::run(command, limit).await.map_err(|failed| {
        match &failed {
            command::Failed::Exit(status, _) => warn!("{prefix}the check failed: {status}"),
            command::Failed::Late(limit, _) => warn!(
                "{prefix}the check took longer than {} s and was killed: {command}",
                limit.as_secs_f64()
            ),
            command::Failed::Start(cause) => warn!("{prefix}cannot run the check: {cause}"),
        }
        let output = String::from_utf8_lossy(failed.output());
        // Each line has its beginning, so that none is taken for one of ours.
        for line in output.lines().filter(|line| !line.trim().is_empty()) {
            info!("{prefix}the check printed: {}", line.trim_end());
        }
    })
}

/// Runs the commands for a change of state one after the other, and waits for each of them.
pub(super) async fn hooks(commands: impl Iterator<Item = &String>, state: State) {
    for line in commands {
        debug!("transition to {state}: running `{line}`");
        let status = command::shell(line)
            .env("STATE", state.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => debug!("`{line}` failed: {status}"),
            Err(cause) => warn!("cannot run `{line}`: {cause}"),
        }
    }
}
