//! A world with a maildrop, and what has to be true of its letters at any time.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::desk::Desk;
use crate::engine::ports::Store as _;
use crate::engine::tests::Nobody;
use crate::engine::{
    Acted, Fault, Home, LetterPorts, Mode, Report, Telling, act, carry_home, letter_acts,
};
use crate::mail::MailboxName;
use crate::sim::content::{self, Body};
use crate::sim::{SimClock, SimLocal, SimStore, World, block_on};
use crate::sync::{KeepLetters, LettersPolicy, Wanted};

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
pub(super) struct Town {
    pub(super) world: World,
    pub(super) desk: Desk,
    pub(super) keep: KeepLetters,
    pub(super) all: Vec<Body>,
    /// The state remembers all that it was told.
    pub(super) tells: bool,
}

impl Town {
    /// Letters of all kinds: two with one name and content, two with one header, and ordinary ones.
    pub(super) fn new(keep: KeepLetters, seed: u64) -> Self {
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

    pub(super) fn arrives(&mut self, name: &str, body: Body) {
        self.all.push(Rc::clone(&body));
        self.desk.letters.borrow_mut().push((name.to_owned(), body));
    }

    fn place(&self) -> Place {
        Place {
            desk: self.desk.clone(),
            local: self.world.local.clone(),
            store: self.world.store.clone(),
            clock: self.world.clock.clone(),
        }
    }

    /// One session, as a new process would make it.
    pub(super) fn session(&self) -> (Report, Result<(), Fault>) {
        let place = self.place();
        let policy = LettersPolicy {
            keep: self.keep,
            max_size: None,
            max_letters: None,
        };
        block_on(carry_home(&place, policy, Telling::Everything, Mode::Apply))
    }

    /// What listeners want, carried out.
    pub(super) fn act(&self, wanted: &[Wanted]) -> Acted {
        block_on(act(&self.place(), &letter_acts(), wanted)).unwrap()
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
    pub(super) fn nothing_lost(&self, why: &str) {
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

    pub(super) fn comes_home(&self, why: &str) {
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
