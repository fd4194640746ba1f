//! A herald's account in memory, and a listener that remembers what it was told.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::daemon::herald::{Batch, Herald, Listener, Told};
use crate::engine::ports::{Event, Observer};
use crate::engine::{Acted, Fault, Home, Mode, Ports, Scope, Settings, Telling, sync};
use crate::sim::driver;
use crate::sim::world::hand::name;
use crate::sim::{SimClock, SimConnector, SimLocal, SimStore, World, block_on};
use crate::sync::{Act, Occasion, Policy, Wanted};

pub(super) struct Nobody;

impl Observer for Nobody {
    fn event(&self, _: Event<'_>) {}
}

pub(super) struct Parts {
    connector: SimConnector,
    local: SimLocal,
    store: SimStore,
    clock: SimClock,
}

impl Home for Parts {
    type Local = SimLocal;
    type Store = SimStore;
    type Clock = SimClock;
    type Observer = Nobody;

    fn local(&self) -> &SimLocal {
        &self.local
    }

    fn store(&self) -> &SimStore {
        &self.store
    }

    fn clock(&self) -> &SimClock {
        &self.clock
    }

    fn observer(&self) -> &Nobody {
        &Nobody
    }
}

impl Ports for Parts {
    type Connector = SimConnector;

    fn connector(&self) -> &SimConnector {
        &self.connector
    }
}

pub(super) fn parts(world: &World) -> Parts {
    Parts {
        connector: world.connector(),
        local: world.local.clone(),
        store: world.store.clone(),
        clock: world.clock.clone(),
    }
}

pub(super) fn settings() -> Settings {
    Settings {
        thorough: false,
        policy: Policy::default(),
        selects: Rc::new(|_| true),
        connections: 1,
        trash_days: 30,
        settle: Duration::from_secs(15),
        large: 1,
        telling: Telling::News,
    }
}

pub(super) fn pass(world: &World) -> Result<(), Fault> {
    block_on(sync(&parts(world), &settings(), &Scope::All, Mode::Apply)).map(drop)
}

/// Remembers what it was told, and wants what its rule says.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) told: Rc<RefCell<Vec<Batch>>>,
    pub(super) done: Rc<RefCell<Vec<Batch>>>,
    pub(super) refused: Rc<RefCell<Vec<Wanted>>>,
    pub(super) decided: Rc<RefCell<Vec<String>>>,
    pub(super) rule: Option<fn(&Occasion) -> Option<Act>>,
    /// What it wants once all is done with, as hooks do that are asked about notifications.
    pub(super) afterwards: Option<fn(&Occasion) -> Option<Act>>,
}

fn wanted(batch: &Batch, rule: Option<fn(&Occasion) -> Option<Act>>) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for occasion in &batch.occasions {
        let Some(act) = rule.and_then(|rule| rule(occasion)) else {
            continue;
        };
        if let Occasion::Message { subject, .. } = occasion
            && let Some(local) = &subject.local
        {
            wanted.push(Wanted {
                row: subject.row,
                mailbox: subject.mailbox.clone(),
                local: local.clone(),
                act,
            });
        }
    }
    wanted
}

impl Listener for Recorder {
    fn wants_files(&self) -> bool {
        true
    }

    async fn told(&mut self, _: &str, batch: &Batch) -> Vec<Wanted> {
        self.told.borrow_mut().push(batch.clone());
        wanted(batch, self.rule)
    }

    fn due(&self) -> Option<Duration> {
        None
    }

    async fn tick(&mut self, _: &str) -> Vec<Wanted> {
        Vec::new()
    }

    async fn done(&mut self, _: &str, batch: &Batch, acted: &Acted) -> Vec<Wanted> {
        self.done.borrow_mut().push(batch.clone());
        let refused = acted.refused.iter().map(|(wish, _)| wish.clone());
        self.refused.borrow_mut().extend(refused);
        wanted(batch, self.afterwards)
    }

    fn answered(&mut self, _: &str, _: &Batch, acted: &Acted) {
        let refused = acted.refused.iter().map(|(wish, _)| wish.clone());
        self.refused.borrow_mut().extend(refused);
    }

    fn decided(&mut self, _: &str, ids: &[String]) {
        self.decided.borrow_mut().extend_from_slice(ids);
    }
}

pub(super) fn tell(world: &World, recorder: Recorder) -> Result<Told, Fault> {
    let parts = parts(world);
    let mut herald = Herald::new(&parts, settings(), "a", recorder, Rc::default());
    block_on(herald.empty())
}

pub(super) fn settled() -> World {
    let world = World::new(21);
    world.server.create(&name("Archive"), None);
    world.arrives("INBOX", 1, "");
    world.arrives("INBOX", 2, "");
    driver::settle(&world, &pass).unwrap();
    world
}

pub(super) fn heard(world: &World) -> Vec<Batch> {
    let recorder = Recorder::default();
    let told = Rc::clone(&recorder.told);
    tell(world, recorder).unwrap();
    assert!(world.store.news_now().is_empty());
    told.take()
}
