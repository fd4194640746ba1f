//! Whatever happens in whatever order.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Arrive(u8),
    Repeat,
    Go(i64),
    Pass(u64),
    /// A call is made and something happens before its answer.
    GoMeanwhile(usize),
    Dismiss(u8),
    Restart,
    Inhibit(bool),
}

fn step(rough: bool) -> BoxedStrategy<Step> {
    let gentle = prop_oneof![
        3 => (1_u8..6).prop_map(Step::Arrive),
        1 => Just(Step::Repeat),
        4 => (0_i64..60).prop_map(Step::Go),
        3 => (0_u64..3000).prop_map(Step::Pass),
        2 => (0_usize..6).prop_map(Step::GoMeanwhile),
    ];
    if !rough {
        return gentle.boxed();
    }
    prop_oneof![
        8 => gentle,
        1 => any::<u8>().prop_map(Step::Dismiss),
        1 => Just(Step::Restart),
        1 => any::<bool>().prop_map(Step::Inhibit),
    ]
    .boxed()
}

/// What was done, for the test to compare with.
#[derive(Default)]
struct Ledger {
    last: i64,
    alive: Vec<i64>,
    /// Subjects that had a bubble of their own.
    alone: Vec<String>,
}

impl World {
    fn live(&mut self, step: &Step, ledger: &mut Ledger) {
        match step {
            Step::Arrive(count) => {
                let first = ledger.last + 1;
                ledger.last += i64::from(*count);
                ledger.alive.extend(first..=ledger.last);
                self.arrives((first..=ledger.last).map(arrival));
            }
            Step::Repeat => self.arrives((1..=ledger.last).map(arrival)),
            Step::Go(number) => {
                ledger.alive.retain(|it| it != number);
                self.goes([*number]);
            }
            Step::Pass(millis) => self.pass(Duration::from_millis(*millis)),
            Step::GoMeanwhile(nth) => {
                let number = ledger
                    .alive
                    .iter()
                    .rev()
                    .nth(*nth)
                    .copied()
                    .unwrap_or_default();
                let due = self.board.due().unwrap_or_default();
                self.now.at = self.now.at.max(due);
                let call = self.board.step(&self.now);
                let answer = call.as_ref().map(|call| self.serve(call));
                ledger.alive.retain(|it| *it != number);
                self.goes([number]);
                if let (Some(call), Some(id)) = (call, answer) {
                    self.answer(&call, id);
                }
            }
            Step::Dismiss(which) => {
                let nth = usize::from(*which) % self.screen.len().max(1);
                if let Some(id) = self.screen.keys().nth(nth).copied() {
                    self.screen.remove(&id);
                    self.board.closed(id);
                }
            }
            Step::Restart => {
                self.screen.clear();
                self.last = 0;
                self.board.lost(&self.now);
                self.board.ready(ALL, &self.now);
            }
            Step::Inhibit(inhibited) => self.board.inhibit(*inhibited),
        }
        let fresh = self
            .screen
            .values()
            .filter(|bubble| bubble.summary.starts_with("Sender"));
        ledger.alone.extend(fresh.map(|bubble| bubble.body.clone()));
    }
}

proptest! {
    #[test]
    fn what_is_told_is_what_is_there(steps in prop::collection::vec(step(false), 1..60), burst in 1_usize..7) {
        let mut world = World::new(Rules { burst, ..rules() });
        let mut ledger = Ledger::default();
        for step in &steps {
            world.live(step, &mut ledger);
            prop_assert!(world.screen.len() <= burst, "{:?}", world.headlines());
        }
        world.settle();
        prop_assert_eq!(world.screen.values().map(told).sum::<usize>(), ledger.alive.len(), "{:?}", world.screen);
        prop_assert_eq!(world.board.due(), None);
        world.goes(1..=ledger.last);
        world.settle();
        prop_assert!(world.screen.is_empty(), "{:?}", world.screen);
    }

    #[test]
    fn nothing_is_told_twice_or_stays_behind(steps in prop::collection::vec(step(true), 1..80)) {
        let mut world = World::new(rules());
        let mut ledger = Ledger::default();
        for step in &steps {
            world.live(step, &mut ledger);
            world.work();
        }
        world.board.inhibit(false);
        world.settle();
        prop_assert!(world.screen.values().map(told).sum::<usize>() <= ledger.alive.len(), "{:?}", world.screen);
        prop_assert_eq!(world.board.due(), None, "it is not idle");
        world.goes(1..=ledger.last);
        world.settle();
        prop_assert!(world.screen.is_empty(), "{:?}", world.screen);
        let before = world.calls;
        world.arrives((1..=ledger.last).map(arrival));
        world.settle();
        prop_assert_eq!(world.calls, before, "events that were told before make calls");
    }
}

#[test]
fn a_storm_makes_a_handful_of_calls() {
    for (batch, pause) in [(5000, 0), (500, 100), (50, 200), (5, 20), (1, 10)] {
        let mut world = World::new(rules());
        for first in (0..5000).step_by(batch) {
            world.arrives(
                (first..first + batch).map(|number| arrival(i64::try_from(number).unwrap() + 1)),
            );
            world.pass(Duration::from_millis(pause));
        }
        world.settle();
        assert_eq!(world.only().summary, "5000 new messages in INBOX");
        assert!(
            world.calls <= 8,
            "{} calls for {batch} each {pause} ms",
            world.calls
        );
        let before = world.calls;
        for number in 1..=5000 {
            world.goes([number]);
            world.pass(Duration::from_millis(10));
        }
        world.settle();
        assert!(world.screen.is_empty());
        assert!(
            world.calls - before <= 8,
            "{} calls to take it away",
            world.calls - before
        );
    }
}

#[test]
fn what_is_read_while_its_bubble_is_on_its_way_is_withdrawn() {
    for count in [1, 5] {
        let mut world = World::new(rules());
        world.arrives((1..=count).map(arrival));
        world.now.at += Duration::from_millis(300);
        let call = world.board.step(&world.now).unwrap();
        world.goes(1..=count);
        assert_eq!(world.board.step(&world.now), None, "one thing at a time");
        let id = world.serve(&call);
        world.answer(&call, id);
        world.settle();
        assert!(world.screen.is_empty());
    }
}

#[test]
fn a_server_that_hangs_finds_one_summary_when_it_is_back() {
    let mut world = World::new(rules());
    world.arrives([arrival(1)]);
    world.now.at += Duration::from_millis(300);
    let call = world.board.step(&world.now).unwrap();
    for number in 2..=500 {
        world.arrives([arrival(number)]);
        world.pass(Duration::from_secs(1));
    }
    assert_eq!(world.calls, 0);
    let id = world.serve(&call);
    world.answer(&call, id);
    world.settle();
    assert_eq!(world.only().summary, "500 new messages in INBOX");
    assert_eq!(world.calls, 2);
}
