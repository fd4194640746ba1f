//! A POP3 server in memory that falls silent where it is told to.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::content::HeaderHasher;
use crate::engine::ports::{LetterSink, Listed, Maildrop, Postbox};
use crate::engine::{Fault, Reach};
use crate::mail::{Digest, Uidl};
use crate::sim::content::{self, Body};
use crate::sync::ListedLetter;

/// A POP3 server: letters with names.
#[derive(Clone, Default)]
pub(super) struct Desk {
    pub(super) letters: Rc<RefCell<Vec<(String, Body)>>>,
    /// Answers so far, and the one that never comes.
    answers: Rc<Cell<u32>>,
    pub(super) silent_at: Rc<Cell<u32>>,
    /// So many octets are listed that never come.
    pub(super) boasts: Rc<Cell<u64>>,
    /// It does not give its letters' names.
    pub(super) nameless: Rc<Cell<bool>>,
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

pub(super) struct Session {
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
