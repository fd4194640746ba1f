//! The engine in a simulated world: every situation, every effect as a place to stop, every call as one to fail.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use super::{Fault, Mode, Ports, Report, Scope, Settings, sync};
use crate::sim::{SimClock, SimConnector, SimLocal, SimStore, World, block_on, driver, scenario};
use crate::sync::Policy;

struct SimPorts {
    connector: SimConnector,
    local: SimLocal,
    store: SimStore,
    clock: SimClock,
}

/// Nobody watches a test.
struct Nobody;

impl super::ports::Observer for Nobody {
    fn event(&self, _: super::ports::Event<'_>) {}
}

impl Ports for SimPorts {
    type Connector = SimConnector;
    type Local = SimLocal;
    type Store = SimStore;
    type Clock = SimClock;
    type Observer = Nobody;

    fn connector(&self) -> &SimConnector {
        &self.connector
    }

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

fn settings() -> Settings {
    Settings {
        policy: Policy::default(),
        selects: Rc::new(|_| true),
        connections: 3,
        trash_days: 30,
        settle: Duration::from_secs(5),
    }
}

fn report(world: &World, mode: Mode) -> Result<Report, Fault> {
    let ports = SimPorts {
        connector: world.connector(),
        local: world.local.clone(),
        store: world.store.clone(),
        clock: world.clock.clone(),
    };
    block_on(sync(&ports, &settings(), &Scope::All, mode))
}

/// One pass as the command line makes it: problems of single messages are no error here.
fn pass(world: &World) -> Result<(), Fault> {
    report(world, Mode::Apply).map(|_| ())
}

#[test]
fn every_situation_converges_in_two_passes_and_then_rests() {
    for scenario in scenario::all() {
        driver::converges(&scenario, &pass);
    }
}

#[test]
fn a_stop_after_any_effect_loses_and_doubles_nothing() {
    for scenario in scenario::all() {
        driver::stops(&scenario, &pass);
    }
}

#[test]
fn a_second_stop_during_the_recovery_loses_and_doubles_nothing() {
    for scenario in scenario::all() {
        driver::double_stops(&scenario, &pass);
    }
}

#[test]
fn any_call_may_fail() {
    for scenario in scenario::all() {
        driver::failures(&scenario, &pass);
    }
}

#[test]
fn any_side_may_be_out_of_order() {
    for scenario in scenario::all() {
        driver::outages(&scenario, &pass);
    }
}

#[test]
fn a_dry_run_has_no_effect() {
    for scenario in scenario::all() {
        let world = driver::prepare(&scenario, &pass);
        let before = world.text();
        let mark = world.steps.trace_len();
        let _ = report(&world, Mode::DryRun);
        assert_eq!(before, world.text(), "{}", scenario.name);
        assert_eq!(mark, world.steps.trace_len(), "{}", scenario.name);
    }
}

#[test]
fn all_situations_have_different_names() {
    let names: BTreeSet<_> = scenario::all()
        .iter()
        .map(|scenario| scenario.name)
        .collect();
    assert_eq!(names.len(), scenario::all().len());
}
