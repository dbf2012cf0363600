//! An upgrade without a flap: the process executes another version of its program, under the same process ID, with its
//! sockets, helpers and clients.
//!
//! A TCP connection and a child survive `execve`; what does not is memory. So all that is in memory goes into a file without
//! a name: what was negotiated, timers, bytes that were read and not acted on or not written yet, routes with the neighbors
//! that were sent them, leases, what helpers wrote and have to be told. The next process reads it, and peers and helpers
//! notice nothing. If the other program can't be executed, nothing has happened.
//!
//! Not handed over, but made anew: connections that are not established, BMP and HTTP connections, operators who watch.
//! Refused: what another process could not know, such as neighbors created by commands.
//!
//! | module | contents |
//! |---|---|
//! | `protocol` | what two versions of the program have to agree on |
//! | `codec` | values as bytes |
//! | `state`, `sections`, `tables` | what is handed over: the daemon; what another version may not know; routes |
//! | `sockets` | what the numbers of sockets and pipes stand for |
//! | `pulse` | KEEPALIVEs that are due meanwhile |
//! | `collect`, `give` | the process that hands over |
//! | `inherit`, `neighbors` | the process that continues |

mod codec;
mod collect;
pub(crate) mod give;
pub(crate) mod inherit;
mod neighbors;
pub(crate) mod protocol;
mod pulse;
mod sections;
pub(crate) mod sockets;
mod state;
mod tables;
