//! Each rule by itself, and many sessions against a maildrop that does as it likes.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn uidl(name: &str) -> Uidl {
    Uidl::new(name.as_bytes()).unwrap()
}

fn known(id: i64, name: &str, size: u64) -> KnownLetter {
    KnownLetter {
        id: LetterId(id),
        uidl: uidl(name),
        size,
        since: NOW - DAY,
        missing: None,
        state: LetterState::Linked,
    }
}

fn listed(number: u32, name: &str, size: u64) -> ListedLetter {
    let uidl = (!name.is_empty()).then(|| uidl(name));
    ListedLetter { number, size, uidl }
}

fn policy(keep: KeepLetters) -> LettersPolicy {
    LettersPolicy {
        keep,
        max_size: Some(100),
        max_letters: None,
    }
}

fn plan(keep: KeepLetters, known: &[KnownLetter], listed: &[ListedLetter]) -> LettersPlan {
    plan_letters(&LettersInput {
        known,
        listed,
        policy: policy(keep),
        now: NOW,
    })
}

fn fetched(plan: &LettersPlan) -> Vec<u32> {
    plan.fetch.iter().map(|fetch| fetch.number).collect()
}

#[test]
fn what_is_not_known_is_fetched_and_nothing_else() {
    let found = plan(
        KeepLetters::Forever,
        &[known(1, "a", 10)],
        &[listed(1, "b", 20), listed(2, "a", 10), listed(3, "c", 100)],
    );
    assert_eq!(fetched(&found), [1, 3]);
    assert!(found.fetch.iter().all(|fetch| fetch.compare.is_empty()));
    assert!(found.delete.is_empty() && found.missing.is_empty());
}

#[test]
fn a_letter_leaves_the_server_when_it_is_due() {
    let letters = ([known(1, "a", 10)], [listed(7, "a", 10)]);
    let deleted = |keep| plan(keep, &letters.0, &letters.1).delete;
    assert_eq!(deleted(KeepLetters::Forever), []);
    assert_eq!(deleted(KeepLetters::Never), [(7, LetterId(1))]);
    assert_eq!(deleted(KeepLetters::Seconds(86_400)), [(7, LetterId(1))]);
    assert_eq!(deleted(KeepLetters::Seconds(86_401)), []);
    assert!(!KeepLetters::Seconds(0).due(NOW + 1, NOW));
}

#[test]
fn a_deletion_that_may_not_have_happened_is_repeated_and_no_second_copy_fetched() {
    let mut one = known(1, "a", 10);
    one.state = LetterState::Deleting;
    let found = plan(KeepLetters::Never, &[one], &[listed(1, "a", 10)]);
    assert_eq!(found.delete, [(1, LetterId(1))]);
    assert!(found.fetch.is_empty());
}

#[test]
fn a_letter_half_way_is_neither_fetched_nor_deleted_nor_forgotten() {
    let mut one = known(1, "a", 10);
    one.state = LetterState::Delivering;
    let found = plan(KeepLetters::Never, &[one.clone()], &[listed(1, "a", 10)]);
    let waiting = LettersPlan {
        later: 1,
        ..LettersPlan::default()
    };
    assert_eq!(found, waiting);
    assert_eq!(
        plan(KeepLetters::Never, &[one], &[]),
        LettersPlan::default()
    );
}

#[test]
fn a_name_used_for_other_content_is_fetched_and_compared_and_nothing_deleted_by_it() {
    let found = plan(
        KeepLetters::Never,
        &[known(1, "a", 10)],
        &[listed(1, "a", 11)],
    );
    assert_eq!(fetched(&found), [1]);
    assert_eq!(found.fetch[0].compare, [LetterId(1)]);
    assert!(found.delete.is_empty() && found.missing.is_empty());
}

#[test]
fn letters_with_one_name_are_all_fetched_and_deleted_only_when_all_are_here() {
    let there = [listed(1, "a", 10), listed(2, "a", 10)];
    assert_eq!(fetched(&plan(KeepLetters::Never, &[], &there)), [1, 2]);
    let half = plan(KeepLetters::Never, &[known(1, "a", 10)], &there);
    assert_eq!(fetched(&half), [1, 2]);
    assert!(half.delete.is_empty());
    let whole = plan(
        KeepLetters::Never,
        &[known(1, "a", 10), known(2, "a", 10)],
        &there,
    );
    assert!(whole.fetch.is_empty());
    assert_eq!(whole.delete.len(), 2);
}

#[test]
fn a_name_stays_known_for_a_month_after_the_server_stopped_listing_it() {
    let mut one = known(1, "a", 10);
    let gone = |one: &KnownLetter| plan(KeepLetters::Never, std::slice::from_ref(one), &[]);
    assert_eq!(gone(&one).missing, [LetterId(1)]);
    one.missing = Some(NOW - GRACE + 1);
    assert_eq!(gone(&one), LettersPlan::default());
    let back = plan(KeepLetters::Never, &[one.clone()], &[listed(1, "a", 10)]);
    assert_eq!(back.fetch[0].compare, [LetterId(1)]);
    assert!(back.delete.is_empty());
    one.missing = Some(NOW - GRACE);
    assert_eq!(gone(&one).forget, [LetterId(1)]);
}

#[test]
fn large_letters_and_nameless_ones_stay_where_they_are() {
    let there = [listed(1, "big", 101), listed(2, "", 5)];
    let found = plan(KeepLetters::Never, &[], &there);
    assert!(found.fetch.is_empty() && found.delete.is_empty());
    assert_eq!(found.too_large, [there[0].clone()]);
    assert_eq!(found.nameless, [there[1].clone()]);
    // The limit came later: what is here already may leave the server.
    let old = plan(KeepLetters::Never, &[known(1, "big", 101)], &there);
    assert_eq!(old.delete, [(1, LetterId(1))]);
}

#[test]
fn a_session_fetches_so_many_and_begins_with_the_oldest() {
    let there: Vec<_> = (1..=5)
        .map(|n| listed(n, &format!("u{}", 9 - n), 10))
        .collect();
    let found = plan_letters(&LettersInput {
        known: &[],
        listed: &there,
        policy: LettersPolicy {
            max_letters: Some(2),
            ..policy(KeepLetters::Forever)
        },
        now: NOW,
    });
    assert_eq!(fetched(&found), [1, 2]);
    assert_eq!(found.later, 3);
}

/// Content stands for itself: a letter's octets are its number here.
#[derive(Clone, Debug)]
struct Mail {
    content: u32,
    name: u8,
    size: u64,
}

#[derive(Clone, Debug)]
enum Act {
    Arrive { name: u8, size: u64 },
    Remove(usize),
    Vanish,
    Return,
    Session { quit: bool, most: u32, crash: usize },
    Wait(i64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0_u8..4, 1_u64..4).prop_map(|(name, size)| Act::Arrive { name, size }),
        1 => (0_usize..8).prop_map(Act::Remove),
        1 => Just(Act::Vanish),
        1 => Just(Act::Return),
        5 => (any::<bool>(), 1_u32..4, 0_usize..6)
            .prop_map(|(quit, most, crash)| Act::Session { quit, most, crash }),
        1 => (0_i64..40).prop_map(Act::Wait),
    ]
}

/// A maildrop, and a home that does what plans say.
#[derive(Default)]
struct World {
    drop: Vec<Mail>,
    hidden: Vec<Mail>,
    known: Vec<(KnownLetter, u32)>,
    home: Vec<u32>,
    arrived: Vec<u32>,
    day: i64,
    serial: u32,
}

impl World {
    fn act(&mut self, act: &Act, keep: KeepLetters) -> Result<(), TestCaseError> {
        match act {
            Act::Arrive { name, size } => self.arrive(*name, *size),
            Act::Remove(at) if *at < self.drop.len() => drop(self.drop.remove(*at)),
            Act::Remove(_) => {}
            Act::Vanish => self.hidden.append(&mut self.drop),
            Act::Return => self.drop.append(&mut self.hidden),
            Act::Wait(days) => self.day += days,
            Act::Session { quit, most, crash } => self.session(keep, *quit, *most, *crash)?,
        }
        Ok(())
    }

    /// Letters with one name and one size are copies of each other, as they may be by RFC 1939. A name that is used
    /// again for other content of the same size before anybody looked cannot be told from the old one: left out.
    fn arrive(&mut self, name: u8, size: u64) {
        let copy = self.drop.iter().chain(&self.hidden);
        let copy = copy
            .clone()
            .find(|mail| mail.name == name && mail.size == size);
        let unnoticed = self.known.iter().any(|(known, _)| {
            let same = known.uidl == uidl(&name.to_string()) && known.size == size;
            same && known.missing.is_none()
        });
        if copy.is_none() && unnoticed {
            return;
        }
        self.serial += 1;
        let content = copy.map_or(self.serial, |mail| mail.content);
        self.drop.push(Mail {
            content,
            name,
            size,
        });
        self.arrived.push(content);
    }

    fn session(
        &mut self,
        keep: KeepLetters,
        quit: bool,
        most: u32,
        crash: usize,
    ) -> Result<(), TestCaseError> {
        let now = NOW + self.day * DAY;
        let there: Vec<_> = (1..)
            .zip(&self.drop)
            .map(|(number, mail)| listed(number, &mail.name.to_string(), mail.size))
            .collect();
        let known: Vec<_> = self.known.iter().map(|(known, _)| known.clone()).collect();
        let plan = plan_letters(&LettersInput {
            known: &known,
            listed: &there,
            policy: LettersPolicy {
                keep,
                max_size: None,
                max_letters: Some(most),
            },
            now,
        });
        let mut used = BTreeSet::new();
        for fetch in plan
            .fetch
            .iter()
            .take(if quit { usize::MAX } else { crash })
        {
            let mail = self.drop[fetch.number as usize - 1].clone();
            self.take(fetch, mail.content, now, &mut used);
        }
        self.known
            .retain(|(known, _)| !plan.forget.contains(&known.id));
        for (known, _) in &mut self.known {
            if plan.missing.contains(&known.id) {
                known.missing = Some(now);
            }
        }
        let mut gone = BTreeSet::new();
        for (number, id) in &plan.delete {
            let (letter, _) = self
                .known
                .iter_mut()
                .find(|(known, _)| known.id == *id)
                .unwrap();
            letter.state = LetterState::Deleting;
            let content = self.drop[*number as usize - 1].content;
            prop_assert!(
                self.home.contains(&content),
                "{content} was deleted and is not here"
            );
            gone.insert(content);
        }
        if quit {
            self.drop.retain(|mail| !gone.contains(&mail.content));
        }
        Ok(())
    }

    fn take(&mut self, fetch: &FetchLetter, content: u32, now: i64, used: &mut BTreeSet<LetterId>) {
        let same = self.known.iter_mut().find(|(known, was)| {
            fetch.compare.contains(&known.id) && *was == content && !used.contains(&known.id)
        });
        if let Some((known, _)) = same {
            used.insert(known.id);
            known.size = fetch.size;
            known.missing = None;
            return;
        }
        self.home.push(content);
        self.serial += 1;
        let mut letter = known(i64::from(self.serial), fetch.uidl.as_str(), fetch.size);
        letter.since = now;
        self.known.push((letter, content));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_letter_is_deleted_that_is_not_here_and_none_comes_twice(
        acts in prop::collection::vec(act(), 1..30), keep in 0_u8..3
    ) {
        let keep = match keep {
            0 => KeepLetters::Forever,
            1 => KeepLetters::Never,
            _ => KeepLetters::Seconds(2 * 86_400),
        };
        let mut world = World::default();
        for act in &acts {
            world.act(act, keep)?;
        }
        // What was forgotten after a month may come again.
        let forgotten = acts.iter().any(|act| matches!(act, Act::Wait(days) if *days > 0));
        let count = |all: &[u32], one: u32| all.iter().filter(|other| **other == one).count();
        for content in &world.home {
            let twice = count(&world.home, *content) > count(&world.arrived, *content);
            prop_assert!(forgotten || !twice, "{content} came twice");
        }
        // In the end everything the server has comes home.
        for _ in 0..world.drop.len() + 2 {
            world.session(KeepLetters::Forever, true, 1000, 0)?;
        }
        for mail in &world.drop {
            prop_assert!(world.home.contains(&mail.content), "{} never came", mail.content);
        }
    }
}
