//! Keeps an account's task going: whatever it dies of is shown, and it is begun anew after a while.

use std::any::Any;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::inbox::Order;
use super::view::{Activity, View};
use crate::engine::{Fault, Problem};

/// The first wait before another life; each further one is twice as long.
const FIRST: Duration = Duration::from_secs(2);
/// The longest wait of an account that cannot be opened, as while `mailferry sync` has it.
const CLOSED: Duration = Duration::from_secs(10);
/// The longest wait after a life that ended by a fault in the program.
const BROKEN: Duration = Duration::from_secs(300);
/// What has lived so long is begun anew as if for the first time.
const STEADY: Duration = Duration::from_secs(600);

/// Has an account live until it is told to stop. `live` is one life: it follows the orders it is given, and ends with a
/// fault when it could not even begin.
///
/// # Panics
/// Outside a `LocalSet`.
pub async fn keep<F>(
    orders: mpsc::UnboundedReceiver<Order>,
    show: &watch::Sender<View>,
    live: impl Fn(mpsc::UnboundedReceiver<Order>) -> F,
) where
    F: Future<Output = Result<(), Fault>> + 'static,
{
    let mut keeper = Keeper {
        orders,
        show,
        paused: false,
        stop: false,
        kept: Vec::new(),
        failures: 0,
        told: String::new(),
    };
    while !keeper.stop {
        let begun = Instant::now();
        let end = keeper.life(&live).await;
        if !keeper.stop {
            let wait = keeper.after(&end, begun.elapsed());
            keeper.rest(wait).await;
        }
    }
}

/// How a life ended that nobody ended.
enum End {
    /// It could not begin.
    Closed(Fault),
    /// A fault of the program.
    Broken(String),
}

struct Keeper<'a> {
    orders: mpsc::UnboundedReceiver<Order>,
    show: &'a watch::Sender<View>,
    paused: bool,
    stop: bool,
    /// Orders for the next life.
    kept: Vec<Order>,
    /// Lives in a row that ended soon.
    failures: u32,
    /// What was said last of how they ended.
    told: String,
}

impl Keeper<'_> {
    /// One life, to its end.
    async fn life<F>(&mut self, live: impl Fn(mpsc::UnboundedReceiver<Order>) -> F) -> End
    where
        F: Future<Output = Result<(), Fault>> + 'static,
    {
        let (give, given) = mpsc::unbounded_channel();
        let paused = self.paused.then_some(Order::Pause);
        for order in paused.into_iter().chain(self.kept.drain(..)) {
            // It cannot have ended yet.
            let _ = give.send(order);
        }
        // In a task of its own, so that a panic in it ends nothing else.
        let mut task = tokio::task::spawn_local(live(given));
        loop {
            tokio::select! {
                biased;
                ended = &mut task => return match ended {
                    Ok(Ok(())) => End::Broken("it ended by itself".to_owned()),
                    Ok(Err(fault)) => End::Closed(fault),
                    Err(error) => End::Broken(words_of(error.try_into_panic().ok())),
                },
                order = self.orders.recv(), if !self.stop => {
                    let order = order.unwrap_or(Order::Stop);
                    self.note(&order);
                    // Whoever waits for an answer of one that has just ended learns that there is none.
                    let _ = give.send(order);
                }
            }
        }
    }

    fn note(&mut self, order: &Order) {
        match order {
            Order::Pause => self.paused = true,
            Order::Resume => self.paused = false,
            Order::Stop => self.stop = true,
            _ => {}
        }
    }

    /// Shows how it ended, after so long; how long to wait.
    fn after(&mut self, end: &End, lived: Duration) -> Duration {
        if lived >= STEADY {
            self.failures = 0;
        }
        let (text, longest) = match end {
            End::Closed(fault) => (fault.to_string(), CLOSED),
            End::Broken(words) => {
                let text = format!("a fault in the program ended this account's task: {words}");
                (text, BROKEN)
            }
        };
        if self.told == text && self.failures > 0 {
            tracing::debug!("{text}");
        } else {
            tracing::warn!("{text}");
            self.told.clone_from(&text);
        }
        let wait = FIRST.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        self.show_state(vec![Problem {
            mailbox: None,
            text,
        }]);
        wait.min(longest)
    }

    fn show_state(&self, problems: Vec<Problem>) {
        let activity = if self.paused {
            Activity::Paused
        } else {
            Activity::Connecting
        };
        self.show.send_if_modified(|view| {
            let shown = View {
                activity,
                remote: None,
                problems,
                ..view.clone()
            };
            let differs = *view != shown;
            *view = shown;
            differs
        });
    }

    /// Waits for so long, or until somebody wants something.
    async fn rest(&mut self, wait: Duration) {
        let end = Instant::now() + wait;
        loop {
            let order = tokio::select! {
                biased;
                order = self.orders.recv() => order.unwrap_or(Order::Stop),
                () = tokio::time::sleep_until(end) => return,
            };
            self.note(&order);
            match order {
                Order::Pause => {
                    let problems = self.show.borrow().problems.clone();
                    self.show_state(problems);
                }
                Order::Look(..) => self.kept.push(order),
                // There are no connections.
                Order::Reconnect | Order::Probe => {}
                Order::Stop => return,
                Order::Sync(_) | Order::Resume | Order::Wake => {
                    self.kept.push(order);
                    return;
                }
            }
        }
    }
}

/// What a panic said.
fn words_of(panic: Option<Box<dyn Any + Send>>) -> String {
    let panic = panic.as_ref();
    let fixed = panic.and_then(|it| it.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    let made = panic.and_then(|it| it.downcast_ref::<String>().cloned());
    fixed.or(made).unwrap_or_else(|| "it panicked".to_owned())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use tokio::sync::oneshot;

    use super::super::inbox::Wish;
    use super::*;
    use crate::engine::{Mode, Reach, Scope};

    /// One account that is kept, and how it lives.
    struct Kept {
        orders: mpsc::UnboundedSender<Order>,
        view: watch::Receiver<View>,
        task: tokio::task::JoinHandle<()>,
        lives: Rc<Cell<u32>>,
    }

    /// Has lives that end as these say, the later ones when they are told to stop.
    fn kept(ends: &'static [fn() -> Result<(), Fault>]) -> Kept {
        let (orders, taken) = mpsc::unbounded_channel();
        let (show, view) = watch::channel(View::default());
        let lives = Rc::new(Cell::new(0));
        let count = Rc::clone(&lives);
        let task = tokio::task::spawn_local(async move {
            let shown = show.clone();
            let live = move |mut given: mpsc::UnboundedReceiver<Order>| {
                let number = count.replace(count.get() + 1);
                let shown = shown.clone();
                async move {
                    shown.send_modify(|view| view.activity = Activity::Watching);
                    if let Some(end) = ends.get(usize::try_from(number).unwrap()) {
                        return end();
                    }
                    let mut paused = false;
                    while let Some(order) = given.recv().await {
                        match order {
                            Order::Stop => break,
                            Order::Pause => paused = true,
                            Order::Resume => paused = false,
                            Order::Sync(wish) => wish.answer.send(Err("heard".to_owned())).unwrap(),
                            _ => {}
                        }
                        let activity = if paused {
                            Activity::Paused
                        } else {
                            Activity::Watching
                        };
                        shown.send_modify(|view| {
                            view.activity = activity;
                            view.problems.clear();
                        });
                    }
                    Ok(())
                }
            };
            keep(taken, &show, live).await;
        });
        Kept {
            orders,
            view,
            task,
            lives,
        }
    }

    fn on_paused_time(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, test);
    }

    async fn after(seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds) + Duration::from_millis(1)).await;
    }

    fn busy() -> Result<(), Fault> {
        Err(Fault::new(Reach::Account, true, "somebody has it"))
    }

    fn panics() -> Result<(), Fault> {
        panic!("nobody thought of this")
    }

    #[test]
    fn a_task_that_panics_is_shown_as_failed_and_lives_again() {
        on_paused_time(async {
            let kept = kept(&[panics, || Ok(()), panics]);
            after(0).await;
            let problem = |kept: &Kept| kept.view.borrow().problems[0].text.clone();
            assert!(problem(&kept).ends_with("nobody thought of this"));
            assert_eq!(kept.view.borrow().activity, Activity::Connecting);
            after(1).await;
            assert_eq!(kept.lives.get(), 1);
            after(1).await;
            assert_eq!(kept.lives.get(), 2);
            assert!(problem(&kept).ends_with("it ended by itself"));
            after(4).await;
            assert_eq!(kept.lives.get(), 3);
            after(8).await;
            assert_eq!(kept.lives.get(), 4);
            kept.orders.send(Order::Stop).unwrap();
            kept.task.await.unwrap();
        });
    }

    #[test]
    fn what_is_told_while_there_is_no_life_is_told_the_next_one() {
        on_paused_time(async {
            let kept = kept(&[busy, busy, panics]);
            after(0).await;
            assert_eq!(kept.view.borrow().problems[0].text, "somebody has it");
            kept.orders.send(Order::Pause).unwrap();
            after(1).await;
            assert_eq!(kept.view.borrow().activity, Activity::Paused);
            after(60).await;
            assert_eq!(kept.lives.get(), 4);
            assert_eq!(kept.view.borrow().activity, Activity::Paused);
            kept.orders.send(Order::Resume).unwrap();
            after(0).await;
            assert_eq!(kept.view.borrow().activity, Activity::Watching);
            drop(kept.orders);
            kept.task.await.unwrap();
        });
    }

    #[test]
    fn who_asks_for_something_does_not_wait_for_the_next_life() {
        on_paused_time(async {
            let kept = kept(&[panics]);
            after(0).await;
            let (answer, answered) = oneshot::channel();
            let wish = Wish {
                scope: Scope::All,
                mode: Mode::Apply,
                answer,
            };
            kept.orders.send(Order::Sync(wish)).unwrap();
            let begun = Instant::now();
            assert_eq!(answered.await.unwrap().unwrap_err(), "heard");
            assert_eq!(begun.elapsed(), Duration::ZERO);
            kept.orders.send(Order::Stop).unwrap();
            kept.task.await.unwrap();
        });
    }

    #[test]
    fn one_that_cannot_be_opened_is_tried_often_and_another_not() {
        let wait = |end: &dyn Fn() -> End| {
            let (show, _view) = watch::channel(View::default());
            let mut keeper = Keeper {
                orders: mpsc::unbounded_channel().1,
                show: &show,
                paused: false,
                stop: false,
                kept: Vec::new(),
                failures: 0,
                told: String::new(),
            };
            let waits = (0..12).map(|_| keeper.after(&end(), Duration::ZERO).as_secs());
            let waits: Vec<u64> = waits.collect();
            assert_eq!(keeper.after(&end(), STEADY), FIRST);
            waits
        };
        let closed = wait(&|| End::Closed(busy().unwrap_err()));
        assert_eq!(closed[..6], [2, 4, 8, 10, 10, 10]);
        let broken = wait(&|| End::Broken(String::new()));
        assert_eq!(broken[3..9], [16, 32, 64, 128, 256, 300]);
    }
}
