//! Tasks that someone waits for: commands of operators, scrapes.
//!
//! The runtime runs its tasks in the order in which they woke. Behind thousands of neighbors with messages to write, each
//! step of a command would wait for a turn of all of them, half a second. The future that the runtime blocks on has its turn
//! more often, after a fixed number of tasks (tokio's `event_interval`), so these tasks are part of that one. They take
//! at most half of the time, if others need it, and must yield after a short turn, as any other.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use super::histogram::Histogram;
use crate::speaker::turn::{Caught, keep_waker};

/// With so many turns of others in between, there are more of them waiting.
const MANY: u64 = 32;

/// The tasks.
#[derive(Default)]
pub(super) struct Urgent {
    tasks: RefCell<Vec<Task>>,
    /// Wakes the future that they are part of.
    waker: Rc<RefCell<Option<Waker>>>,
    /// How long the last turn took, and when it ended.
    last: Cell<Option<(Duration, Instant)>>,
    /// How many turns of all tasks there were when it was last asked whether it was the turn of these.
    seen: Cell<u64>,
}

struct Task {
    /// As in a task of tokio, a panic ends only this one.
    future: Caught<Pin<Box<dyn Future<Output = ()>>>>,
    is_aborted: Rc<Cell<bool>>,
}

/// Ends a task.
#[derive(Clone)]
pub(super) struct UrgentHandle {
    is_aborted: Rc<Cell<bool>>,
    waker: Rc<RefCell<Option<Waker>>>,
}

impl UrgentHandle {
    /// Drops the task before its next turn.
    pub(super) fn abort(&self) {
        self.is_aborted.set(true);
        wake(&self.waker);
    }
}

fn wake(waker: &RefCell<Option<Waker>>) {
    if let Some(waker) = &*waker.borrow() {
        waker.wake_by_ref();
    }
}

impl Urgent {
    /// Adds a task.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + 'static) -> UrgentHandle {
        let is_aborted = Rc::new(Cell::new(false));
        self.tasks.borrow_mut().push(Task {
            future: Caught(Box::pin(task)),
            is_aborted: Rc::clone(&is_aborted),
        });
        wake(&self.waker);
        UrgentHandle {
            is_aborted,
            waker: Rc::clone(&self.waker),
        }
    }

    /// Runs the tasks beside `main`, until that ends; those that are left are dropped. `turns` has the turns of all tasks.
    pub(super) async fn beside<T>(&self, turns: &Histogram, main: impl Future<Output = T>) -> T {
        let mut main = pin!(main);
        let result = poll_fn(|cx| {
            keep_waker(&mut self.waker.borrow_mut(), cx);
            let result = main.as_mut().poll(cx);
            if result.is_ready() {
                return result;
            }
            let begin = Instant::now();
            if self.is_owing(turns.count(), begin) {
                cx.waker().wake_by_ref();
            } else {
                self.turn(cx);
                let end = Instant::now();
                self.last.set(Some((end - begin, end)));
                self.seen.set(turns.count());
            }
            result
        });
        let result = result.await;
        drop(self.tasks.take());
        result
    }

    /// Whether other tasks wait that had less time since the last turn than it took, `now`, after so many turns of all tasks.
    fn is_owing(&self, turns: u64, now: Instant) -> bool {
        let others = turns - self.seen.replace(turns);
        let is_early = |(took, end)| now.duration_since(end) < took;
        others >= MANY && self.last.get().is_some_and(is_early)
    }

    /// Gives each task a turn: there are few, and only those that were woken have something to do.
    fn turn(&self, cx: &mut Context<'_>) {
        let mut tasks = self.tasks.take();
        tasks.retain_mut(|task| {
            !task.is_aborted.get() && Pin::new(&mut task.future).poll(cx).is_pending()
        });
        // The last one first: if one uses up what a task of tokio may do in a turn, it is not always the same ones that wait.
        let step = usize::from(tasks.len() > 1);
        tasks.rotate_right(step);
        let added = self.tasks.replace(tasks);
        if !added.is_empty() {
            self.tasks.borrow_mut().extend(added);
            cx.waker().wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;
    use tokio::task::yield_now;

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let local = tokio::task::LocalSet::new();
        runtime
            .expect("a runtime")
            .block_on(local.run_until(future))
    }

    #[test]
    fn they_have_more_turns_than_a_task_among_thousands() {
        let (urgent, turns, urgent_turns) = (
            Rc::new(Urgent::default()),
            Rc::new(Cell::new(0)),
            Rc::new(Cell::new(0)),
        );
        let none = Histogram::new(&[]);
        run(urgent.beside(&none, async {
            for _ in 0..5_000 {
                let turns = Rc::clone(&turns);
                tokio::task::spawn_local(async move {
                    loop {
                        turns.set(turns.get() + 1);
                        yield_now().await;
                    }
                });
            }
            let (done, own) = (Rc::new(Notify::new()), Rc::clone(&urgent_turns));
            let end = Rc::clone(&done);
            urgent.spawn(async move {
                for _ in 0..10 {
                    own.set(own.get() + 1);
                    yield_now().await;
                }
                end.notify_one();
            });
            done.notified().await;
        }));
        assert_eq!(urgent_turns.get(), 10);
        // Without urgency it would be ten turns of each of them.
        assert!(turns.get() < 5_000, "{} turns of others", turns.get());
    }

    #[test]
    fn others_that_wait_have_as_much_time() {
        let (urgent, end) = (Urgent::default(), Instant::now());
        let after = |millis| end + Duration::from_millis(millis);
        assert!(!urgent.is_owing(MANY, end));
        urgent.last.set(Some((Duration::from_millis(10), end)));
        assert!(urgent.is_owing(2 * MANY, after(5)));
        // Nobody waits if there were fewer.
        assert!(!urgent.is_owing(2 * MANY + 1, after(6)));
        assert!(urgent.is_owing(4 * MANY, after(9)));
        assert!(!urgent.is_owing(5 * MANY, after(10)));
    }

    #[test]
    fn a_panic_ends_one_an_abort_another_and_those_that_are_left_end_with_the_main_future() {
        let urgent = Rc::new(Urgent::default());
        let (alive, none) = (Rc::new(()), Histogram::new(&[]));
        run(urgent.beside(&none, async {
            urgent.spawn(async { panic!("on purpose") });
            let held = Rc::clone(&alive);
            let waiting = urgent.spawn(async move {
                let _held = held;
                std::future::pending().await
            });
            let (own, held) = (Rc::clone(&urgent), Rc::clone(&alive));
            let told = Rc::new(Notify::new());
            let tell = Rc::clone(&told);
            // One that another one adds.
            urgent.spawn(async move {
                own.spawn(async move {
                    let _held = held;
                    tell.notify_one();
                    std::future::pending().await
                });
            });
            told.notified().await;
            assert_eq!(Rc::strong_count(&alive), 3);
            waiting.abort();
            while Rc::strong_count(&alive) > 2 {
                yield_now().await;
            }
        }));
        assert_eq!(Rc::strong_count(&alive), 1);
    }
}
