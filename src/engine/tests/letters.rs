//! Letters in a simulated world: every effect as a place to stop, every answer of the server as one that never comes.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::Nobody;
use crate::content::HeaderHasher;
use crate::engine::ports::{LetterSink, Listed, Maildrop, Postbox, Store as _};
use crate::engine::{Fault, Home, LetterPorts, Mode, Reach, Report, Telling, carry_home};
use crate::mail::{Digest, MailboxName, Uidl};
use crate::sim::content::{self, Body};
use crate::sim::{NameOnMove, SimClock, SimLocal, SimStore, When, World, block_on};
use crate::sync::{KeepLetters, LetterState, LettersPolicy, ListedLetter};

/// A POP3 server: letters with names.
#[derive(Clone, Default)]
struct Desk {
    letters: Rc<RefCell<Vec<(String, Body)>>>,
    /// Answers so far, and the one that never comes.
    answers: Rc<Cell<u32>>,
    silent_at: Rc<Cell<u32>>,
    /// So many octets are listed that never come.
    boasts: Rc<Cell<u64>>,
    /// It does not give its letters' names.
    nameless: Rc<Cell<bool>>,
}

impl Desk {
    fn answer(&self) -> Result<(), Fault> {
        self.answers.set(self.answers.get() + 1);
        if self.answers.get() == self.silent_at.get() {
            return Err(Fault::new(Reach::Account, true, "no answer"));
        }
        Ok(())
    }
}

struct Session {
    desk: Desk,
    letters: Vec<(String, Body)>,
    marked: Vec<usize>,
}

impl Postbox for Desk {
    type Maildrop = Session;

    async fn open(&self) -> Result<Session, Fault> {
        self.answer()?;
        let letters = self.letters.borrow().clone();
        Ok(Session {
            desk: self.clone(),
            letters,
            marked: Vec::new(),
        })
    }
}

impl Session {
    fn body(&self, number: u32) -> &Body {
        &self.letters[number as usize - 1].1
    }
}

impl Maildrop for Session {
    async fn list(&mut self) -> Result<Listed, Fault> {
        self.desk.answer()?;
        let letters = (1..).zip(&self.letters);
        let listed = letters.map(|(number, (name, body))| ListedLetter {
            number,
            size: content::size(body) + self.desk.boasts.get(),
            uidl: Uidl::new(name.as_bytes()).filter(|_| !self.desk.nameless.get()),
        });
        Ok(Listed {
            letters: listed.collect(),
            named: !self.desk.nameless.get(),
        })
    }

    async fn headers(&mut self, numbers: &[u32]) -> Result<Vec<Option<Digest>>, Fault> {
        let mut found = Vec::new();
        for number in numbers {
            self.desk.answer()?;
            let mut hasher = HeaderHasher::default();
            hasher.update(self.body(*number));
            found.push(Some(hasher.finish()));
        }
        Ok(found)
    }

    async fn fetch(
        &mut self,
        letters: &[(u32, u64)],
        sink: &mut impl LetterSink,
    ) -> Result<(), Fault> {
        for (number, _) in letters {
            let body = Rc::clone(self.body(*number));
            sink.begin(*number).await?;
            sink.write(&body[..10]).await?;
            // Cut off in the middle.
            self.desk.answer()?;
            sink.write(&body[10..]).await?;
            sink.end().await?;
        }
        Ok(())
    }

    async fn delete(&mut self, numbers: &[u32]) -> Result<Vec<Result<(), Fault>>, Fault> {
        let mut done = Vec::new();
        for number in numbers {
            self.desk.answer()?;
            self.marked.push(*number as usize - 1);
            done.push(Ok(()));
        }
        Ok(done)
    }

    async fn quit(self) -> Result<(), Fault> {
        self.desk.answer()?;
        let mut at = 0;
        self.desk.letters.borrow_mut().retain(|_| {
            at += 1;
            !self.marked.contains(&(at - 1))
        });
        self.desk.answer()
    }

    fn login_delay(&self) -> Option<u64> {
        None
    }
}

struct Place {
    desk: Desk,
    local: SimLocal,
    store: SimStore,
    clock: SimClock,
}

impl Home for Place {
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

impl LetterPorts for Place {
    type Postbox = Desk;

    fn postbox(&self) -> &Desk {
        &self.desk
    }
}

/// A world with a maildrop instead of an IMAP server.
struct Town {
    world: World,
    desk: Desk,
    keep: KeepLetters,
    all: Vec<Body>,
    /// The state remembers all that it was told.
    tells: bool,
}

impl Town {
    /// Letters of all kinds: two with one name and content, two with one header, and ordinary ones.
    fn new(keep: KeepLetters, seed: u64) -> Self {
        let world = World::new(seed);
        let desk = Desk::default();
        let mut town = Self {
            world,
            desk,
            keep,
            all: Vec::new(),
            tells: true,
        };
        for (name, body) in [
            ("a", content::mail(1)),
            ("twice", content::mail(2)),
            ("twice", content::mail(2)),
            ("header", content::mail(3)),
            ("alike", content::alike(3)),
            ("f", content::mail(4)),
        ] {
            town.arrives(name, body);
        }
        town
    }

    fn arrives(&mut self, name: &str, body: Body) {
        self.all.push(Rc::clone(&body));
        self.desk.letters.borrow_mut().push((name.to_owned(), body));
    }

    /// One session, as a new process would make it.
    fn session(&self) -> (Report, Result<(), Fault>) {
        let place = Place {
            desk: self.desk.clone(),
            local: self.world.local.clone(),
            store: self.world.store.clone(),
            clock: self.world.clock.clone(),
        };
        let policy = LettersPolicy {
            keep: self.keep,
            max_size: None,
            max_letters: None,
        };
        block_on(carry_home(&place, policy, Telling::Everything, Mode::Apply))
    }

    fn here(&self) -> BTreeMap<Body, usize> {
        let mut here = BTreeMap::new();
        for folder in self.world.local.folders_now().values() {
            for file in folder.files.values() {
                *here.entry(Rc::clone(&file.body)).or_default() += 1;
            }
        }
        here
    }

    /// Each letter is here or on the server, and not here more often than it came.
    fn nothing_lost(&self, why: &str) {
        let here = self.here();
        for body in &self.all {
            let came = self.all.iter().filter(|it| *it == body).count();
            let letters = self.desk.letters.borrow();
            let there = letters.iter().filter(|(_, it)| it == body).count();
            let copies = here.get(body).copied().unwrap_or(0);
            let text = String::from_utf8_lossy(body);
            let trace = || self.world.steps.trace().join("\n");
            assert!(
                copies <= came,
                "{why}: {copies} of {came} copies here: {text}\n{}",
                trace()
            );
            assert!(copies + there >= came, "{why}: lost: {text}\n{}", trace());
        }
        for body in here.keys() {
            assert!(self.all.contains(body), "{why}: half a letter");
        }
    }

    /// Every letter that a session brought is told of, and none twice.
    fn each_is_told_once(&self, why: &str) {
        let told = block_on(self.world.store.news(u32::MAX)).unwrap();
        let mut rows: Vec<i64> = told.iter().map(|news| news.row.0).collect();
        rows.sort_unstable();
        assert!(
            rows.windows(2).all(|two| two[0] != two[1]),
            "{why}: told twice"
        );
        let letters = self.world.store.letters_now();
        for letter in &letters {
            let here = self.world.local.files(&MailboxName::inbox());
            let brought = here.contains(&letter.local);
            let is_told = rows.contains(&letter.known.id.0);
            assert!(is_told || !brought || !self.tells, "{why}: not told of");
        }
    }

    fn comes_home(&self, why: &str) {
        self.desk.silent_at.set(0);
        for _ in 0..2 {
            let (report, result) = self.session();
            result.unwrap_or_else(|fault| panic!("{why}: {fault}"));
            assert!(report.problems.is_empty(), "{why}: {:?}", report.problems);
            self.nothing_lost(why);
        }
        let here: usize = self.here().values().sum();
        let trace = || self.world.steps.trace().join("\n");
        assert_eq!(here, self.all.len(), "{why}: not all are here\n{}", trace());
        let there = self.desk.letters.borrow().len();
        let left = if self.keep == KeepLetters::Never {
            0
        } else {
            self.all.len()
        };
        assert_eq!(there, left, "{why}: on the server\n{}", trace());
        self.each_is_told_once(why);
        let before = self.world.store.letters_now();
        self.session().1.unwrap();
        let quiet = self.world.store.letters_now();
        assert!(
            quiet == before || self.keep == KeepLetters::Never,
            "{why}: it does not rest"
        );
    }
}

const KEEPS: [KeepLetters; 2] = [KeepLetters::Forever, KeepLetters::Never];

#[test]
fn a_stop_after_any_effect_loses_and_doubles_no_letter() {
    let mut stops = 0;
    for keep in KEEPS {
        for crash in [false, true] {
            for when in [When::Before, When::After] {
                for effect in 1.. {
                    let town = Town::new(keep, effect);
                    town.world.steps.stop_at(effect, when);
                    let _ = town.session();
                    if !town.world.steps.stopped() {
                        break;
                    }
                    stops += 1;
                    let why = format!("{keep:?}, {when:?} effect {effect}, power cut: {crash}");
                    town.world.restart(crash);
                    town.nothing_lost(&why);
                    town.world.steps.reset();
                    town.comes_home(&why);
                }
            }
        }
    }
    assert!(stops > 80, "only {stops} places to stop at");
}

#[test]
fn a_second_stop_during_the_recovery_loses_and_doubles_no_letter() {
    for crash in [false, true] {
        for effect in 1.. {
            let mut over = false;
            for again in 1.. {
                let town = Town::new(KeepLetters::Never, effect * 100 + again);
                town.world.steps.stop_at(effect, When::After);
                let _ = town.session();
                over = !town.world.steps.stopped();
                town.world.restart(crash);
                town.world.steps.reset();
                town.world.steps.stop_at(again, When::After);
                let _ = town.session();
                if over || !town.world.steps.stopped() {
                    break;
                }
                let why = format!("effects {effect} and {again}, power cut: {crash}");
                town.world.restart(crash);
                town.nothing_lost(&why);
                town.world.steps.reset();
                town.comes_home(&why);
            }
            if over {
                break;
            }
        }
    }
}

#[test]
fn an_answer_that_never_comes_loses_and_doubles_no_letter() {
    for keep in KEEPS {
        for silent in 1.. {
            let town = Town::new(keep, 5);
            town.desk.silent_at.set(silent);
            if town.session().1.is_ok() {
                assert!(silent > 8);
                break;
            }
            let why = format!("{keep:?}, answer {silent} never came");
            town.nothing_lost(&why);
            town.comes_home(&why);
        }
    }
}

#[test]
fn a_letter_that_was_moved_before_its_delivery_was_settled_comes_once() {
    // Once a session was complete, the Maildir is not read through for letters any more.
    for later in [false, true] {
        let moved = (1..60)
            .map_while(|effect| moved_while_delivering(later, effect))
            .filter(|moved| *moved)
            .count();
        assert!(moved >= 3, "{moved}");
    }
}

/// Stopped after this effect, a letter is moved. Whether there was one to move; `None` if nothing was stopped.
fn moved_while_delivering(later: bool, effect: u64) -> Option<bool> {
    let mut town = Town::new(KeepLetters::Never, effect);
    if later {
        town.session().1.unwrap();
        town.arrives("late", content::mail(20));
        town.arrives("later", content::mail(21));
        town.world.steps.reset();
    }
    town.world.steps.stop_at(effect, When::After);
    let _ = town.session();
    if !town.world.steps.stopped() {
        return None;
    }
    town.world.restart(false);
    town.world.steps.reset();
    let (inbox, other) = (MailboxName::inbox(), MailboxName::parse("Else").unwrap());
    let files = town.world.local.files(&inbox);
    let letters = town.world.store.letters_now();
    let open = letters
        .iter()
        .filter(|it| it.known.state == LetterState::Delivering);
    let open: Vec<_> = open.map(|it| &it.local).collect();
    let file = files.iter().find(|file| open.contains(file));
    if let Some(file) = file {
        town.world.local.make_folder(&other);
        let fresh = [NameOnMove::Kept, NameOnMove::New, NameOnMove::Rewritten];
        let fresh = fresh[usize::try_from(effect % 3).unwrap()];
        town.world.local.move_file(&inbox, file, &other, fresh);
    }
    let why = format!("moved after effect {effect}, later: {later}");
    town.nothing_lost(&why);
    town.comes_home(&why);
    Some(file.is_some())
}

#[test]
fn new_letters_come_and_old_ones_stay_away_when_the_state_is_lost() {
    let mut town = Town::new(KeepLetters::Forever, 3);
    town.session().1.unwrap();
    town.world.store.lose();
    town.tells = false;
    town.arrives("new", content::mail(9));
    town.comes_home("the state is lost");
}

#[test]
fn a_state_from_a_backup_brings_no_letter_twice() {
    let mut town = Town::new(KeepLetters::Forever, 3);
    town.session().1.unwrap();
    town.world.back_up();
    town.world.clock.jump(7200);
    town.arrives("new", content::mail(9));
    town.session().1.unwrap();
    town.world.restore_state();
    town.tells = false;
    // Told of once, and then mended.
    assert_eq!(town.session().0.problems.len(), 1);
    town.comes_home("the state is old");
}

#[test]
fn nothing_comes_into_an_empty_mount_point() {
    let mut town = Town::new(KeepLetters::Never, 3);
    town.session().1.unwrap();
    town.arrives("new", content::mail(9));
    town.world.local.unmount();
    assert!(town.session().1.is_err());
    assert!(town.world.local.mount_point_is_clean());
    assert_eq!(town.desk.letters.borrow().len(), 1);
    town.world.local.mount();
    town.comes_home("mounted again");
}

#[test]
fn a_name_that_is_given_to_another_letter_of_the_same_size_deletes_neither() {
    let mut town = Town::new(KeepLetters::Forever, 3);
    town.session().1.unwrap();
    let other = content::mail(5);
    assert_eq!(content::size(&other), content::size(&content::mail(1)));
    town.desk.letters.borrow_mut()[0].1 = Rc::clone(&other);
    town.all.push(other);
    town.keep = KeepLetters::Never;
    town.nothing_lost("before");
    town.session().1.unwrap();
    town.nothing_lost("after");
    town.comes_home("the name was used again");
}

#[test]
fn a_letter_that_came_short_is_deleted_only_when_it_came_so_again() {
    let town = Town::new(KeepLetters::Never, 3);
    town.desk.boasts.set(7);
    town.session().1.unwrap();
    assert_eq!(town.desk.letters.borrow().len(), town.all.len());
    town.nothing_lost("short");
    town.comes_home("short again");
}

#[test]
fn letters_that_all_have_new_names_come_once() {
    let town = Town::new(KeepLetters::Forever, 3);
    town.session().1.unwrap();
    let mut letters = town.desk.letters.borrow_mut();
    letters.iter_mut().for_each(|(name, _)| name.insert(0, 'x'));
    drop(letters);
    town.comes_home("new names");
}

#[test]
fn without_the_names_that_there_were_nothing_comes() {
    let town = Town::new(KeepLetters::Forever, 3);
    town.session().1.unwrap();
    town.desk.nameless.set(true);
    assert!(town.session().1.is_err());
    town.nothing_lost("nameless");
    town.desk.nameless.set(false);
    town.comes_home("named again");
}

#[test]
fn nothing_comes_into_a_folder_that_lost_its_marker() {
    let mut town = Town::new(KeepLetters::Never, 3);
    town.session().1.unwrap();
    town.arrives("new", content::mail(9));
    town.world.local.remove_marker(&MailboxName::inbox());
    assert!(town.session().1.is_err());
    assert_eq!(town.desk.letters.borrow().len(), 1);
}
