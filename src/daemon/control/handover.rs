//! The control socket and its clients on their way from one process of this program to the next.

use std::io;
use std::rc::Rc;

use tokio::net::UnixStream;

use super::Control;
use super::operator::OperatorParts;
use super::socket::{DoorParts, Socket, talk};
use crate::api::command::Source;
use crate::daemon::executor::Executor;
use crate::daemon::queue::Queue;
use crate::speaker::sockopt::inherit;

impl Control {
    /// What another process needs to continue with the socket, if there is one.
    pub(crate) fn parts(&self) -> Option<DoorParts> {
        self.socket.as_ref().map(Socket::parts)
    }

    /// Calls `visit` with the clients: how they are answered, and their queues.
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(&Source, &Rc<Queue>)) {
        for operator in self.operators.all() {
            visit(&operator.source.borrow(), &operator.queue);
        }
    }

    /// The clients of the socket that another process can continue with, except those that watch events. `describe` tells how
    /// a client is answered, and `answer` is the answer that is not known yet.
    pub(crate) fn operators<S>(
        &self,
        executor: &Executor,
        answer: &str,
        describe: impl Fn(&Source) -> S,
    ) -> Vec<OperatorParts<S>> {
        let all = self.operators.all();
        let operators = all.iter().filter_map(|operator| {
            if executor.core.events.is_watching(&operator.queue) {
                return None;
            }
            Some(OperatorParts {
                socket: operator.socket.get()?,
                input: operator.input.borrow().to_vec(),
                queue: operator.queue.parts(answer),
                source: describe(&operator.source.borrow()),
            })
        });
        operators.collect()
    }

    /// Continues to serve a client.
    ///
    /// # Errors
    /// When its socket is gone.
    pub(crate) fn resume(
        &self,
        executor: &Rc<Executor>,
        mut parts: OperatorParts<Source>,
    ) -> io::Result<()> {
        let stream = std::os::unix::net::UnixStream::from(inherit(parts.socket)?);
        stream.set_nonblocking(true)?;
        let stream = UnixStream::from_std(stream)?;
        // The settings, or the members of a group, may have changed.
        let role = match &self.socket {
            Some(socket) => socket.role_of(&stream, parts.source.role),
            None => Some(parts.source.role),
        };
        let Some(role) = role else {
            return Err(io::Error::other("it may no longer connect"));
        };
        parts.source.role = role;
        let Some(operator) = self.operators.add("cli", role, usize::MAX) else {
            return Ok(());
        };
        operator.input.borrow_mut().extend_from_slice(&parts.input);
        operator.source.replace(parts.source);
        operator.queue.resume(parts.queue);
        executor.core.routes.hold_answers(&operator.queue);
        talk(executor, operator, stream, None);
        Ok(())
    }
}
