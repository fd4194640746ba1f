//! A daemon that answers as a test wants it to, on a thread of its own.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use mailferry::control::{Answer, Call, Place, Request, Signal, serve};
use tokio::sync::mpsc;

/// What a test tells its daemon.
enum Order {
    Emit(Signal),
    Stop,
}

/// It ends when this is dropped.
pub struct Fake {
    seen: Arc<Mutex<Vec<Request>>>,
    orders: mpsc::UnboundedSender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    /// Serves the configuration; `None` instead of an answer hangs up on the caller: the daemon dies.
    pub fn start(
        runtime_dir: &Path,
        config: &Path,
        answer: impl Fn(&Request) -> Option<Answer> + Send + 'static,
    ) -> Self {
        let place = Place::new(Some(runtime_dir), Path::new("/nowhere"), config);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (orders, ordered) = mpsc::unbounded_channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let calls_seen = Arc::clone(&seen);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let (calls, called) = mpsc::channel(8);
                let server = serve(&place, calls).await.unwrap();
                ready.send(()).unwrap();
                act(called, ordered, calls_seen, answer, |signal| {
                    server.emit(signal);
                })
                .await;
                drop(server);
            });
        });
        is_ready.recv().unwrap();
        Self {
            seen,
            orders,
            thread: Some(thread),
        }
    }

    /// What was asked so far.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// Tells whoever listens.
    pub fn emit(&self, signal: Signal) {
        assert!(self.orders.send(Order::Emit(signal)).is_ok());
    }
}

async fn act(
    mut called: mpsc::Receiver<Call>,
    mut ordered: mpsc::UnboundedReceiver<Order>,
    seen: Arc<Mutex<Vec<Request>>>,
    answer: impl Fn(&Request) -> Option<Answer>,
    emit: impl Fn(Signal),
) {
    loop {
        tokio::select! {
            call = called.recv() => {
                let Call { request, answer: way_back } = call.unwrap();
                let answer = answer(&request);
                seen.lock().unwrap().push(request);
                let Some(answer) = answer else {
                    // Nothing is said any more, not even that this is the end.
                    std::mem::forget(way_back);
                    return;
                };
                let _ = way_back.send(answer);
            }
            order = ordered.recv() => match order {
                Some(Order::Emit(signal)) => emit(signal),
                Some(Order::Stop) | None => return,
            },
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(std::thread::panicking() || ended.is_ok());
        }
    }
}
