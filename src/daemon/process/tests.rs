//! Tests of one helper, and of what it has left in the background.

use std::path::Path;

use tokio::task::LocalSet;

use super::*;
use crate::config::{Config, Env};

/// The answer to each command.
static ANSWER: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// Answers commands one by one.
#[derive(Default)]
struct Answers {
    /// The most memory that unread answers had.
    most: Cell<usize>,
    exited: Notify,
}

impl Commands for Answers {
    async fn ready(&self) {}

    fn commands(&self, process: &Rc<Process>, lines: &[u8]) -> usize {
        process.queue.reply(&ANSWER);
        self.most.set(self.most.get().max(process.queue.bytes()));
        memchr::memchr(b'\n', lines).map_or(0, |end| end + 1)
    }

    fn started(&self, _: &Rc<Process>) {}

    fn room(&self, _: &Process) {}

    fn exited(&self, _: &Rc<Process>, _: ExitStatus) {
        self.exited.notify_one();
    }

    fn ended(&self, _: &Rc<Process>) {}

    fn lost(&self, _: &Rc<Process>, _: Loss) {}
}

#[tokio::test]
async fn answers_that_a_background_process_does_not_read_are_bounded() {
    let text = "process helper { encoder json; on-death withdraw-after 1; \
                run /bin/sh -c \"yes show | head -n 1000; sleep 1000 & exit 0\"; }";
    let (config, _) = Config::parse("test", text, Path::new("/"), &Env::default()).expect("valid");
    let config = config.processes.into_iter().next().expect("a process");
    let core = Rc::new(Answers::default());
    let process = Rc::new(Process::new(config, Marks::default()));
    let work = async {
        let run = supervise(Rc::clone(&core), Rc::clone(&process), false);
        let ended = async {
            core.exited.notified().await;
            process.stop();
        };
        tokio::join!(run, ended);
    };
    LocalSet::new().run_until(work).await;
    let limit = Marks::default().replies + 2 * ANSWER.len();
    assert!(core.most.get() <= limit, "{}", core.most.get());
}
