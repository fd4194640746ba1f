//! A few plain threads for blocking calls. The network task never waits on a disk.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::error::Error;

type Job = Box<dyn FnOnce() + Send>;

/// Threads are started as they are needed and end with the pool.
#[derive(Debug)]
pub(super) struct Pool {
    shared: Arc<Shared>,
    most: usize,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} jobs, {} threads", self.jobs.len(), self.threads)
    }
}

impl Pool {
    /// A pool of at most so many threads.
    pub fn new(most: usize) -> Self {
        Self {
            shared: Arc::default(),
            most,
        }
    }

    /// Runs a job on some thread, some time.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn spawn(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let mut queue = self.shared.lock();
        let needed = queue.idle <= queue.jobs.len() && queue.threads < self.most;
        if needed {
            let shared = Arc::clone(&self.shared);
            let started = start("maildir", move || shared.work());
            if started.is_ok() {
                queue.threads += 1;
            } else if queue.threads == 0 {
                return started;
            }
        }
        queue.jobs.push_back(Box::new(job));
        drop(queue);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// How many jobs wait for a thread.
    pub fn backlog(&self) -> usize {
        self.shared.lock().jobs.len()
    }

    /// Runs a job and waits for what it returns.
    ///
    /// # Errors
    /// The job's own, or that there is no thread.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, receiver) = oneshot::channel();
        self.spawn(move || {
            // Nobody waits any more when the caller was cancelled; the work is done all the same.
            let _ = sender.send(job());
        })?;
        receiver.await.map_err(|_| Error::Worker)?
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            // A job that panics must not take its thread along: its caller learns from the dropped channel.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            queue.idle += 1;
            queue = self
                .wake
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }
}

/// Starts a thread with a small stack.
pub(super) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .stack_size(512 * 1024)
        .spawn(work)
        .map(drop)
        .map_err(|_| Error::Worker)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[tokio::test]
    async fn jobs_run_beside_each_other_and_survive_a_panic() {
        let pool = Pool::new(2);
        assert!(
            pool.run(|| -> Result<(), Error> { panic!("on purpose") })
                .await
                .is_err()
        );
        let both = Arc::new(Barrier::new(2));
        let other = Arc::clone(&both);
        let first = pool.run(move || Ok(both.wait().is_leader()));
        let second = pool.run(move || Ok(other.wait().is_leader()));
        let (first, second) = tokio::join!(first, second);
        assert_ne!(first.unwrap(), second.unwrap());
    }
}
