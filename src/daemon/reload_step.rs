//! The commands around a reload: `reload confirm`, `confirm`, `reload cancel`, `reload status`, `reload preview`.

use tracing::info;

use crate::api::command::{CommandError, ErrorKind, Preview, Role};
use crate::api::control::ReloadStep;
use crate::config::{Config, changes_json, diff};

use super::core::Core;
use super::signal::Request;
use super::tightened;

/// Carries out a step.
pub(crate) fn take(core: &Core, step: ReloadStep) -> Result<String, CommandError> {
    let refuse = |message: String| CommandError::new(ErrorKind::Refused, message);
    let nothing = || refuse("no reload waits for a confirmation".to_owned());
    let reloads = &core.reloads;
    match step {
        ReloadStep::Within(seconds) => {
            if reloads.path().is_none() {
                return Err(refuse("this daemon has no configuration file".to_owned()));
            }
            core.request(Request::Report);
            core.request(Request::ReloadWithin(seconds));
            Ok("reload in progress\n".to_owned())
        }
        ReloadStep::Confirm => {
            reloads.settle().ok_or_else(nothing)?;
            core.forget_aside();
            info!("the reload is confirmed");
            Ok(String::new())
        }
        ReloadStep::Cancel => {
            reloads.left().ok_or_else(nothing)?;
            core.request(Request::Return);
            Ok("return in progress\n".to_owned())
        }
        ReloadStep::Status => Ok(match reloads.left() {
            Some(left) => format!(
                "the reload has to be confirmed within {} seconds\n",
                left.as_millis().div_ceil(1_000)
            ),
            None => "no reload waits for a confirmation\n".to_owned(),
        }),
    }
}

/// What a reload of a file would change: the text of the answer.
///
/// # Errors
/// When the file may not be read, or has errors.
pub(super) async fn preview(core: &Core, asked: &Preview) -> Result<String, String> {
    let (path, role) = (asked.path.as_deref(), asked.role);
    // Errors quote the lines of a file.
    let is_other = path.is_some() && path != core.reloads.path();
    if is_other && role != Role::Full {
        return Err(format!(
            "the role of this client is {}: a preview of another file needs the role full",
            role.name()
        ));
    }
    let (Some(path), Some(running)) =
        (path.or_else(|| core.reloads.path()), core.reloads.current())
    else {
        return Err("this daemon has no configuration file".to_owned());
    };
    let (new, _) = Config::load_regular(path, &core.env).map_err(|errors| {
        let lines: Vec<String> = errors.lines().collect();
        match role {
            Role::Full => lines.join("; "),
            // A line may contain a password.
            Role::ReadOnly => "the file cannot be read, or has errors".to_owned(),
        }
    })?;
    let mut changes = diff(&running.whole(), &new);
    let tightened = tightened::tightened(&running.config, &new);
    changes.extend(tightened::changes(core, tightened).await);
    Ok(if asked.json {
        changes_json(&changes) + "\n"
    } else {
        changes.iter().map(|change| format!("{change}\n")).collect()
    })
}
