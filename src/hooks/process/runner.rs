//! The thread that runs a hook's programs. The script's own thread is below the others (see [`super::super::clock`]), and
//! what it starts would be so, too.

use std::io;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::{Ended, Program, run};

/// Its stack.
const STACK: usize = 256 * 1024;

/// What is wanted of the thread.
struct Request {
    program: Program,
    ended: Sender<io::Result<Ended>>,
}

/// The handle of the thread, which ends when it is closed, or with the last handle.
#[derive(Clone)]
pub(in super::super) struct Runner(Arc<Mutex<Option<Sender<Request>>>>);

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
        Ok(Self(Arc::new(Mutex::new(Some(requests)))))
    }

    /// No more programs are run: a script that never comes back would keep its handle for ever.
    pub fn close(&self) {
        self.requests().take();
    }

    fn requests(&self) -> MutexGuard<'_, Option<Sender<Request>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a program run, to its end or its deadline.
    pub fn run(&self, program: Program) -> io::Result<Ended> {
        let (ended, answer) = mpsc::channel();
        let request = Request { program, ended };
        let sent = self.requests().as_ref().map(|it| it.send(request));
        sent.ok_or_else(gone)?.map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

/// There is no thread that runs programs.
pub(in super::super) fn gone() -> io::Error {
    io::Error::other("nothing is there that runs programs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_it_is_closed_its_thread_is_gone_though_a_script_keeps_it() {
        let runner = Runner::start().unwrap();
        let kept = runner.clone();
        let (held, gone) = mpsc::channel();
        let requests = runner.requests().clone().unwrap();
        // The thread drops what it is asked for as soon as it gets there, and the rest when it ends.
        runner.close();
        let program = Program::default();
        assert!(kept.run(program.clone()).is_err());
        let ended = held;
        requests.send(Request { program, ended }).unwrap();
        drop(requests);
        assert!(gone.recv().unwrap().is_err(), "there is no such program");
        assert!(gone.recv().is_err());
    }
}
