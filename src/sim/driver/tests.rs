//! A small engine, sound and not, shows that the driver tells the two apart.

mod toy;

use toy::{SOUND, Toy};

use super::*;
use crate::sim::scenario::{all, named};
use crate::sim::world::Mix;

const NEW_MAIL: [&str; 4] = [
    "first sync",
    "new on the server",
    "new in the folder",
    "two copies on the server",
];

#[test]
fn every_scenario_has_its_own_name() {
    let mut names: Vec<&str> = all().iter().map(|scenario| scenario.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count >= 60, "{count}");
}

#[test]
fn every_scenario_can_be_set_up() {
    for scenario in all() {
        let world = World::new(7);
        (scenario.setup)(&world);
        settle(&world, &SOUND).unwrap();
        if let Some(history) = scenario.history {
            history(&world);
        }
        (scenario.change)(&world);
        world.nothing_lost().unwrap();
    }
}

#[test]
fn a_sound_engine_converges() {
    for name in NEW_MAIL {
        converges(&named(name), &SOUND);
    }
}

#[test]
fn a_sound_engine_survives_every_stop() {
    for name in NEW_MAIL {
        stops(&named(name), &SOUND);
    }
    double_stops(&named("new on the server"), &SOUND);
    double_stops(&named("new in the folder"), &SOUND);
}

#[test]
fn a_sound_engine_survives_every_failure() {
    failures(&named("new in the folder"), &SOUND);
    outages(&named("new on the server"), &SOUND);
}

#[test]
#[should_panic(expected = "doubled")]
fn sending_again_without_a_look_is_found_out() {
    let hasty = Toy {
        probes: false,
        ..SOUND
    };
    stops(&named("new in the folder"), &hasty);
}

#[test]
#[should_panic(expected = "doubled")]
fn naming_a_file_before_its_row_is_written_is_found_out() {
    let careless = Toy {
        row_first: false,
        ..SOUND
    };
    stops(&named("new on the server"), &careless);
}

#[test]
#[should_panic(expected = "doubled")]
fn not_waiting_for_octets_that_come_late_is_found_out() {
    let late = Scenario {
        setup: |world| {
            world.server.switch(|switches| switches.late = Some(10));
            world.arrives("INBOX", 1, "");
        },
        ..named("new in the folder")
    };
    stops(&late, &SOUND);
}

#[test]
fn others_act_between_any_two_effects() {
    let world = World::new(3);
    world.arrives("INBOX", 1, "");
    let other = world.clone();
    let mut number = 50;
    world.steps.between(Some(Box::new(move || {
        number += 1;
        other.arrives("INBOX", number, "");
    })));
    SOUND.pass(&world).unwrap();
    world.steps.between(None);
    let arrived = world.server.uids(&crate::mail::MailboxName::inbox()).len();
    assert_eq!(arrived as u64, world.steps.effects() + 1);
    settle(&world, &SOUND).unwrap();
    world.equal().unwrap();
}

#[test]
fn calls_that_give_up_their_turn_come_to_the_same() {
    let world = World::new(3);
    world.arrives("INBOX", 1, "");
    world.steps.set_yielding(true);
    settle(&world, &SOUND).unwrap();
    world.equal().unwrap();
}

#[test]
#[should_panic(expected = "after two passes")]
fn doing_nothing_about_a_deletion_is_found_out() {
    converges(&named("deleted here"), &SOUND);
}

#[test]
fn a_random_life_is_the_same_every_time() {
    let quiet = Chaos {
        between_passes: Mix {
            deletions: false,
            copies: false,
            edits: false,
            structure: false,
            gentle: false,
        },
        rounds: 0,
        ..Chaos::CALM
    };
    let trace = |seed| std::panic::catch_unwind(|| random(seed, quiet, &SOUND)).ok();
    let mut lived = 0;
    for seed in 0..40 {
        let first = trace(seed);
        lived += usize::from(first.is_some());
        assert_eq!(first, trace(seed));
    }
    assert!(
        lived > 3,
        "only {lived} lives were such that this engine could cope"
    );
}

#[test]
#[should_panic(expected = "2 of 3 fail")]
fn a_survey_tells_of_all_that_fail() {
    let some = ["new on the server", "deleted here", "moved here"].map(named);
    survey(&some, |scenario| converges(scenario, &SOUND));
}
