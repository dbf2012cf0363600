//! Restarts a neighbor's task after its plugin panicked.

use std::rc::Rc;
use std::time::Duration;

use super::control::{Shared, Wanted};
use super::driver::{self, Ended};
use super::machine::Driver;
use super::turn::{Caught, Panicked, Timed};

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
        let task = Timed::new(driver::run(driver), move |took| {
            observed.plugin.borrow_mut().on_turn(took);
        });
        let result = Caught(task).await;
        match result {
            Ok(Ended::Removed | Ended::Over) => return,
            Err(Panicked) => {
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
        }
        // Boxed: the room for it would be there all the time.
        let removal = Box::pin(tokio::time::timeout(wait, shared.mailbox.removal()));
        if removal.await.is_ok() {
            return;
        }
        wait = (2 * wait).min(RESTART.1);
    }
}
