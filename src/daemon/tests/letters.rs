//! A POP3 account's daemon in virtual time: when it makes sessions, with a maildrop that is always empty.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::super::{Activity, Collected, Letters, Order, View};
use crate::engine::ports::{Clock as _, Event, LetterSink, Listed, Maildrop, Observer, Postbox};
use crate::engine::{Advice, Fault, Home, LetterPorts, Pace, Reach, Telling};
use crate::mail::Digest;
use crate::sim::steps::fault;
use crate::sim::{SimClock, SimLocal, SimStore, World};
use crate::sync::{KeepLetters, LettersPolicy};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

struct Nobody;

impl Observer for Nobody {
    fn event(&self, _: Event<'_>) {}
}

/// What becomes of the next session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Whole,
    /// The connection breaks after the login.
    Cut,
    /// It goes on and on.
    Endless,
    /// A refusal that says nothing, of a password that was good.
    Odd,
    /// The password is wrong.
    Barred,
}

/// A server; when it was logged in to.
#[derive(Default)]
struct Office {
    fate: Cell<Fate>,
    delay: Cell<Option<u64>>,
    logins: RefCell<Vec<Duration>>,
    secret: Cell<u64>,
}

struct Place {
    office: Rc<Office>,
    world: World,
}

struct Empty(Rc<Office>);

impl Home for Place {
    type Local = SimLocal;
    type Store = SimStore;
    type Clock = SimClock;
    type Observer = Nobody;

    fn local(&self) -> &SimLocal {
        &self.world.local
    }

    fn store(&self) -> &SimStore {
        &self.world.store
    }

    fn clock(&self) -> &SimClock {
        &self.world.clock
    }

    fn observer(&self) -> &Nobody {
        &Nobody
    }
}

impl LetterPorts for Place {
    type Postbox = Self;

    fn postbox(&self) -> &Self {
        self
    }
}

impl Collected for Place {
    fn secret_mark(&self) -> Option<u64> {
        Some(self.office.secret.get())
    }

    fn chance(&self) -> u16 {
        0
    }
}

impl Postbox for Place {
    type Maildrop = Empty;

    async fn open(&self) -> Result<Empty, Fault> {
        let now = self.world.clock.monotonic();
        self.office.logins.borrow_mut().push(now);
        self.world.clock.sleep(SECOND / 10).await;
        let advice = match self.office.fate.get() {
            Fate::Odd => Advice {
                pace: Pace::Refused,
                ..Advice::default()
            },
            Fate::Barred => Advice {
                barred: true,
                ..Advice::default()
            },
            _ => return Ok(Empty(Rc::clone(&self.office))),
        };
        Err(fault(Reach::Account, !advice.barred, "no").advised(advice))
    }
}

impl Maildrop for Empty {
    async fn list(&mut self) -> Result<Listed, Fault> {
        match self.0.fate.get() {
            Fate::Endless => std::future::pending().await,
            Fate::Cut => Err(fault(Reach::Account, true, "cut")),
            _ => Ok(Listed {
                letters: Vec::new(),
                named: true,
            }),
        }
    }

    async fn headers(&mut self, _: &[u32]) -> Result<Vec<Option<Digest>>, Fault> {
        Ok(Vec::new())
    }

    async fn fetch(&mut self, _: &[(u32, u64)], _: &mut impl LetterSink) -> Result<(), Fault> {
        Ok(())
    }

    async fn delete(&mut self, _: &[u32]) -> Result<Vec<Result<(), Fault>>, Fault> {
        Ok(Vec::new())
    }

    async fn quit(self) -> Result<(), Fault> {
        Ok(())
    }

    fn login_delay(&self) -> Option<u64> {
        self.0.delay.get()
    }
}

struct Life {
    office: Rc<Office>,
    clock: SimClock,
    task: Pin<Box<dyn Future<Output = ()>>>,
    orders: mpsc::UnboundedSender<Order>,
    view: watch::Receiver<View>,
}

impl Life {
    fn new(poll: Duration) -> Self {
        let world = World::new(1);
        world.clock.let_sleepers_wait();
        let (office, clock) = (Rc::<Office>::default(), world.clock.clone());
        let place = Place {
            office: Rc::clone(&office),
            world,
        };
        let (orders, inbox) = mpsc::unbounded_channel();
        let (show, view) = watch::channel(View::default());
        let task = Box::pin(async move {
            let policy = LettersPolicy {
                keep: KeepLetters::Forever,
                max_size: None,
                max_letters: None,
            };
            let tell = mpsc::unbounded_channel().0;
            let life = Letters::new(&place, policy, poll, Telling::Nothing, show, tell);
            life.run(inbox).await;
        });
        Self {
            office,
            clock,
            task,
            orders,
            view,
        }
    }

    fn live(&mut self, time: Duration) {
        let end = self.clock.monotonic() + time;
        let mut context = Context::from_waker(Waker::noop());
        loop {
            for _ in 0..3 {
                assert!(self.task.as_mut().poll(&mut context).is_pending());
            }
            let now = self.clock.monotonic();
            if now >= end {
                return;
            }
            let next = self.clock.next_waking().unwrap_or(end).min(end);
            self.clock.advance(next.saturating_sub(now));
            self.clock.wake();
        }
    }

    fn order(&self, order: Order) {
        self.orders.send(order).unwrap();
    }

    /// Logins since this was last asked.
    fn logins(&self) -> usize {
        std::mem::take(&mut *self.office.logins.borrow_mut()).len()
    }
}

#[test]
fn after_the_machine_has_slept_it_looks_at_once() {
    let mut life = Life::new(HOUR);
    life.live(MINUTE);
    assert_eq!(life.logins(), 1);
    // A change of the network alone is no reason: nothing failed.
    life.order(Order::Probe);
    life.live(SECOND);
    assert_eq!(life.logins(), 0);
    life.order(Order::Reconnect);
    life.live(SECOND);
    assert_eq!(life.logins(), 1);
}

#[test]
fn who_wants_to_be_left_alone_is_also_after_sleep_and_after_what_broke_off() {
    let mut life = Life::new(10 * SECOND);
    life.office.delay.set(Some(600));
    life.live(SECOND);
    assert_eq!(life.logins(), 1);
    life.order(Order::Reconnect);
    life.live(9 * MINUTE);
    assert_eq!(life.logins(), 0);
    // It breaks off after the login, before anything is listed.
    life.office.fate.set(Fate::Cut);
    life.live(2 * MINUTE);
    assert_eq!(life.logins(), 1);
    life.live(8 * MINUTE);
    assert_eq!(life.logins(), 0);
    // And it is interrupted.
    life.office.fate.set(Fate::Endless);
    life.live(2 * MINUTE);
    assert_eq!(life.logins(), 1);
    life.order(Order::Reconnect);
    life.office.fate.set(Fate::Whole);
    life.live(9 * MINUTE);
    assert_eq!(life.logins(), 0);
    life.live(2 * MINUTE);
    assert_eq!(life.logins(), 1);
}

#[test]
fn a_password_that_was_good_is_tried_again_less_and_less_often() {
    let mut life = Life::new(10 * SECOND);
    life.live(SECOND);
    life.office.fate.set(Fate::Odd);
    life.live(2 * HOUR);
    let tries = life.logins();
    assert!((6..=10).contains(&tries), "{tries}");
    assert_ne!(life.view.borrow().activity, Activity::Blocked);
    // The network does not shorten it; a new password does, and then all is as ever.
    life.order(Order::Probe);
    life.live(MINUTE);
    assert_eq!(life.logins(), 0);
    life.office.fate.set(Fate::Whole);
    life.office.secret.set(2);
    life.live(MINUTE);
    assert!(life.logins() >= 4);
    life.office.fate.set(Fate::Odd);
    life.live(MINUTE / 2);
    life.logins();
    life.order(Order::Resume);
    life.live(SECOND);
    assert_eq!(life.logins(), 1);
}

#[test]
fn a_password_that_changes_while_it_is_refused_is_noticed() {
    let mut life = Life::new(HOUR);
    life.office.fate.set(Fate::Barred);
    life.live(SECOND / 20);
    assert_eq!(life.logins(), 1);
    // The session is under way.
    life.office.secret.set(2);
    life.live(SECOND);
    assert_eq!(life.view.borrow().activity, Activity::Blocked);
    life.office.fate.set(Fate::Whole);
    life.live(MINUTE);
    assert_eq!(life.logins(), 1);
}
