//! Random lives: users and other clients act, the program is stopped, connections break, and in the end all is well.

use std::cell::RefCell;
use std::rc::Rc;

use super::{PAUSE, Runner, settle};
use crate::sim::rng::Rng;
use crate::sim::server::Switches;
use crate::sim::steps::{DiskError, Place, Trouble, When};
use crate::sim::world::{Check, Mix, World};

/// What a random life is made of.
#[derive(Clone, Copy, Debug)]
pub struct Chaos {
    /// What happens between passes.
    pub between_passes: Mix,
    /// What happens between any two effects.
    pub between_effects: Option<Mix>,
    /// Whether the program is stopped, connections break and disks fail.
    pub faults: bool,
    /// Whether the server is one that can do less, at random.
    pub poor_server: bool,
    /// Whether the server refuses CREATE until the end, and somebody makes folders.
    pub refuse_create: bool,
    /// Whether somebody is told of it all.
    pub told: bool,
    /// How many rounds of acting and syncing.
    pub rounds: usize,
}

impl Chaos {
    /// Users act between passes, nothing goes wrong.
    pub const CALM: Self = Self {
        between_passes: Mix::MESSAGES,
        between_effects: None,
        faults: false,
        poor_server: false,
        refuse_create: false,
        told: true,
        rounds: 4,
    };
    /// Users act between passes, some of it in folders that the server does not let be created.
    pub const UNCREATED: Self = Self {
        refuse_create: true,
        ..Self::FAULTY
    };
    /// Users act between passes, and everything goes wrong.
    pub const FAULTY: Self = Self {
        faults: true,
        poor_server: true,
        ..Self::CALM
    };
    /// Users act all the time.
    pub const BUSY: Self = Self {
        between_effects: Some(Mix::GENTLE),
        ..Self::CALM
    };
    /// All of it.
    pub const STORM: Self = Self {
        between_passes: Mix::ALL,
        between_effects: Some(Mix::GENTLE),
        ..Self::FAULTY
    };
}

/// Lives one random life.
///
/// # Panics
/// With the seed and the trace, when a promise is broken.
pub fn random(seed: u64, chaos: Chaos, runner: &impl Runner) -> Vec<String> {
    let world = World::new(seed);
    // Every other life is one in which mailboxes are worked on in turns, call by call.
    world.steps.set_yielding(seed % 2 == 1);
    let _teller = Teller(&world);
    let check = live(&world, seed, chaos, runner);
    if let Err(wrong) = check {
        let trace = world.steps.trace().join("\n");
        let text = world.text();
        panic!("seed {seed}, {chaos:?}: {wrong}\n--- trace\n{trace}\n--- world\n{text}");
    }
    world.steps.trace()
}

/// Tells the story of a life that ends in the middle of a call.
struct Teller<'a>(&'a World);

impl Drop for Teller<'_> {
    #[allow(clippy::print_stderr, reason = "a test that fails has to say why")]
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("SIM_STORY").is_some() {
            eprintln!("--- trace\n{}", self.0.steps.trace().join("\n"));
        }
    }
}

/// Lives the same life twice.
///
/// # Panics
/// When the second one goes differently, or a promise is broken.
pub fn repeats(seed: u64, chaos: Chaos, runner: &impl Runner) {
    let first = random(seed, chaos, runner);
    let second = random(seed, chaos, runner);
    let differs = first.iter().zip(&second).position(|(a, b)| a != b);
    assert!(
        first == second,
        "seed {seed}: the traces differ from line {differs:?} on"
    );
}

fn live(world: &World, seed: u64, chaos: Chaos, runner: &impl Runner) -> Check {
    let mut rng = Rng::new(seed);
    if chaos.poor_server {
        world
            .server
            .switch(|switches| impoverish(switches, &mut rng));
        world
            .server
            .switch(|switches| switches.prefix = seed.is_multiple_of(3));
    }
    if chaos.faults && rng.one_in(2) {
        world.local.be_careless();
    }
    world
        .server
        .create(&super::super::world::hand::name("Archive"), None);
    for _ in 0..rng.below(8) {
        world.random_action(&mut rng, Mix::MESSAGES);
    }
    settle(world, runner)?;
    world.ledger.open();
    if chaos.refuse_create {
        world
            .server
            .switch(|switches| switches.refuse_create = true);
        for folder in ["Neu", "Neuer"] {
            world
                .local
                .make_folder(&super::super::world::hand::name(folder));
        }
    }
    for _ in 0..chaos.rounds {
        for _ in 0..=rng.below(6) {
            world.random_action(&mut rng, chaos.between_passes);
        }
        round(world, &mut rng, chaos, runner)?;
    }
    world
        .server
        .switch(|switches| switches.refuse_create = false);
    settle(world, runner)?;
    world.nothing_lost()?;
    // Who acts in the middle of a transfer, or renumbers meanwhile, may leave twins that nobody can tell from copies.
    if chaos.between_effects.is_none() && !chaos.between_passes.structure {
        world.nothing_doubled()?;
    }
    world.told_well()?;
    if chaos.told && !chaos.between_passes.structure {
        world.told_once(chaos.between_effects.is_none())?;
    }
    if world.store.holds_now().is_empty() {
        world.equal()?;
        world.base_agrees()?;
    }
    Ok(())
}

/// Some passes with faults, then a restart where the program was stopped.
fn round(world: &World, rng: &mut Rng, chaos: Chaos, runner: &impl Runner) -> Check {
    if let Some(mix) = chaos.between_effects {
        disturb(world, Rng::new(rng.number()), mix);
    }
    world.steps.reset();
    if chaos.faults {
        plan_faults(world, rng);
    }
    for _ in 0..=rng.below(2) {
        let _ = runner.pass(world);
        world.clock.advance(PAUSE);
        if world.steps.stopped() {
            world.restart(rng.one_in(2));
        }
        world.nothing_lost()?;
        world.kept_there()?;
    }
    world.steps.between(None);
    world.steps.reset();
    Ok(())
}

fn disturb(world: &World, rng: Rng, mix: Mix) {
    let actor = world.clone();
    let rng = Rc::new(RefCell::new(rng));
    world.steps.between(Some(Box::new(move || {
        let mut rng = rng.borrow_mut();
        if rng.one_in(6) {
            actor.random_action(&mut rng, mix);
        }
    })));
}

fn plan_faults(world: &World, rng: &mut Rng) {
    let moment = |rng: &mut Rng| [When::Before, When::Middle, When::After][rng.below(3)];
    if rng.one_in(2) {
        let effect = 1 + rng.number() % 40;
        world.steps.stop_at(effect, moment(rng));
    }
    for _ in 0..rng.below(3) {
        let call = 1 + rng.number() % 40;
        let errors = [
            DiskError::Io,
            DiskError::Full,
            DiskError::Quota,
            DiskError::Denied,
        ];
        let error = errors[rng.below(errors.len())];
        let (place, trouble) = match rng.below(5) {
            0 => (Place::Server, Trouble::Refuse),
            1 | 2 => (Place::Local, Trouble::Disk(error, moment(rng))),
            3 => (Place::Store, Trouble::Disk(error, When::Before)),
            _ => (Place::Server, Trouble::Cut(moment(rng))),
        };
        world.steps.trouble_at(place, call, trouble);
    }
}

fn impoverish(switches: &mut Switches, rng: &mut Rng) {
    switches.qresync = rng.one_in(2);
    switches.condstore = switches.qresync || rng.one_in(2);
    switches.uid_move = rng.one_in(2);
    switches.object_id = rng.one_in(2);
    switches.list_status = rng.one_in(2);
    switches.late = [None, None, Some(10), Some(60), Some(600)][rng.below(5)];
}
