//! Restarts a neighbor's task after its plugin panicked.

use std::rc::Rc;
use std::time::Duration;

use super::control::Wanted;
use super::driver::{self, Ended};
use super::machine::Driver;
use super::turn::Timed;

/// First and longest wait before a neighbor whose plugin panicked runs again.
const RESTART: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Runs a neighbor to its end. After a panic the session is gone with its connection; the next one starts after a while.
pub(super) async fn supervise(mut driver: Driver) {
    let mut wait = RESTART.0;
    loop {
        driver.config = Rc::clone(&driver.shared.config.borrow());
        let plugin = Rc::clone(&driver.plugin);
        let task = tokio::task::spawn_local(Timed::new(driver::run(driver.clone()), move |took| {
            plugin.borrow_mut().on_turn(took);
        }));
        let guard = AbortOnDrop(task.abort_handle());
        let result = task.await;
        drop(guard);
        match result {
            Ok(Ended::Removed | Ended::Over) => return,
            Err(error) if error.is_panic() => {
                let ends = driver.dynamic || driver.shared.wanted.get() == Wanted::Removed;
                tracing::error!(
                    neighbor = %driver.shared.config.borrow().name,
                    "a neighbor's plugin panicked: its session is closed{}",
                    if ends {
                        String::new()
                    } else {
                        format!(" and starts again in {} s", wait.as_secs())
                    }
                );
                if ends {
                    return;
                }
            }
            Err(_) => return,
        }
        tokio::select! { biased;
            () = driver.mailbox.removal() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = (2 * wait).min(RESTART.1);
    }
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
