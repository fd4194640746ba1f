//! The thread that runs a hook's programs. The script's own thread is below the others (see [`super::super::clock`]), and
//! what it starts would be so, too.

use std::io;
use std::sync::mpsc::{self, Sender};
use std::thread;

use super::{Ended, Program, run};

/// Its stack.
const STACK: usize = 256 * 1024;

/// What is wanted of the thread.
struct Request {
    program: Program,
    ended: Sender<io::Result<Ended>>,
}

/// The handle of the thread, which ends with the last handle.
#[derive(Clone)]
pub(in super::super) struct Runner(Sender<Request>);

impl Runner {
    /// Starts the thread, with the priority of the thread that calls.
    pub fn start() -> io::Result<Self> {
        let (requests, wanted) = mpsc::channel::<Request>();
        thread::Builder::new()
            .name("hook-programs".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                for Request { program, ended } in wanted {
                    // Nobody waits any more when the script has been given up.
                    let _ = ended.send(run(program));
                }
            })?;
        Ok(Self(requests))
    }

    /// Has a program run, to its end or its deadline.
    pub fn run(&self, program: Program) -> io::Result<Ended> {
        let (ended, answer) = mpsc::channel();
        let request = Request { program, ended };
        self.0.send(request).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

/// There is no thread that runs programs.
pub(in super::super) fn gone() -> io::Error {
    io::Error::other("nothing is there that runs programs")
}
