//! Restarts a neighbor's task after its plugin panicked.

use std::rc::Rc;
use std::time::Duration;

use super::control::{Shared, Wanted};
use super::driver::{self, Ended};
use super::machine::Driver;
use super::turn::Timed;

/// First and longest wait before a neighbor whose plugin panicked runs again.
const RESTART: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Runs a neighbor to its end. After a panic the session is gone with its connection; the next one starts after a while.
pub(super) async fn supervise(shared: Rc<Shared>) {
    let mut wait = RESTART.0;
    loop {
        let driver = Driver {
            config: Rc::clone(&shared.config.borrow()),
            shared: Rc::clone(&shared),
        };
        let observed = Rc::clone(&shared);
        let task = tokio::task::spawn_local(Timed::new(driver::run(driver), move |took| {
            observed.plugin.borrow_mut().on_turn(took);
        }));
        let mut task = AbortOnDrop(task);
        match (&mut task.0).await {
            Ok(Ended::Removed | Ended::Over) => return,
            Err(error) if error.is_panic() => {
                let ends = shared.dynamic || shared.wanted.get() == Wanted::Removed;
                tracing::error!(
                    neighbor = %shared.config.borrow().name,
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
        // Boxed: the room for it would be there all the time.
        let removal = Box::pin(tokio::time::timeout(wait, shared.mailbox.removal()));
        if removal.await.is_ok() {
            return;
        }
        wait = (2 * wait).min(RESTART.1);
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<Ended>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
