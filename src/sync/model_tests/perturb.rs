//! What people, mail programs and servers do to either side.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::world::{BOXES, Body, LocalFile, World, keyword};
use crate::mail::*;
use crate::sync::*;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(super) struct Act {
    side: Side,
    kind: Kind,
    place: usize,
    to: usize,
    pick: usize,
    body: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    New,
    Same,
    Flag,
    Keyword,
    Delete,
    Move,
    Rename,
    Copy,
    Edit,
    Touch,
    Renumber,
    Lose,
}

/// What may have come and gone, to judge the outcome by.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    pub added: BTreeMap<(Side, Body), usize>,
    pub removed: BTreeMap<Body, usize>,
    pub deleted: bool,
    pub moved: bool,
    pub lost: bool,
    pub renumbered: bool,
}

pub(super) fn acts(max: usize) -> impl Strategy<Value = Vec<Act>> {
    use Kind::*;
    let kinds = [
        New, New, Same, Flag, Flag, Keyword, Delete, Delete, Move, Move, Rename, Copy, Edit, Touch,
        Renumber, Lose,
    ];
    let act = (
        any::<bool>(),
        proptest::sample::select(kinds.to_vec()),
        0..BOXES,
        0..BOXES,
        0..20_usize,
        0..40_u16,
    );
    let act = act.prop_map(|(local, kind, place, to, pick, body)| Act {
        side: if local { Side::Local } else { Side::Remote },
        kind,
        place,
        to,
        pick,
        body,
    });
    proptest::collection::vec(act, 0..max)
}

pub(super) fn populate(world: &mut World, bodies: &[(usize, u16)]) {
    for (place, body) in bodies {
        let flags = Flags::new().with(Flag::Seen);
        world.new_mail(*place, Body(*body), flags);
    }
}

impl Act {
    pub(super) fn run(&self, world: &mut World, ledger: &mut Ledger) {
        match (self.kind, self.side) {
            (Kind::New, _) => {
                self.add(world, ledger, Side::Local == self.side, Body(self.body));
            }
            (Kind::Same, _) => {
                self.add(world, ledger, true, Body(self.body));
                self.add(world, ledger, false, Body(self.body));
            }
            // Size and date of messages without a Message-ID collide here far more often than in the world.
            (Kind::Renumber, _) if world.has_unnamed(self.place) => {}
            (Kind::Renumber, _) => {
                ledger.renumbered = true;
                world.renumber(self.place);
            }
            (Kind::Lose, _) => {
                ledger.lost = true;
                world.base[self.place].entries.clear();
                world.base[self.place].mailbox.uidvalidity = None;
                world.recovering[self.place] = true;
            }
            (_, Side::Local) => self.run_here(world, ledger),
            (_, Side::Remote) => self.run_there(world, ledger),
        }
    }

    fn add(&self, world: &mut World, ledger: &mut Ledger, here: bool, body: Body) {
        let side = if here { Side::Local } else { Side::Remote };
        *ledger.added.entry((side, body)).or_default() += 1;
        if here {
            world.new_file(self.place, body, Flags::new(), body.date());
        } else {
            world.new_mail(self.place, body, Flags::new());
        }
    }

    fn flags(&self, flags: &mut Flags) {
        if self.kind == Kind::Flag {
            let flag = Flag::ALL[usize::from(self.body) % 5];
            if flags.has(flag) {
                flags.clear(flag);
            } else {
                flags.set(flag);
            }
            return;
        }
        let words = ["$Junk", "$NotJunk", "work", "$Forwarded"];
        let word = keyword(words[usize::from(self.body) % 4]);
        if flags.has_keyword(&word) {
            flags.clear_keyword(&word);
        } else {
            flags.set_keyword(word);
        }
    }

    fn run_here(&self, world: &mut World, ledger: &mut Ledger) {
        let files = &world.local[self.place];
        if files.is_empty() {
            return;
        }
        let id = files.keys().nth(self.pick % files.len()).unwrap().clone();
        let file = files[&id].clone();
        let moved_by_copy = self.body.is_multiple_of(2);
        match self.kind {
            Kind::Flag | Kind::Keyword => {
                self.flags(&mut world.local[self.place].get_mut(&id).unwrap().flags);
            }
            Kind::Delete => {
                world.local[self.place].remove(&id);
                ledger.deleted = true;
                *ledger.removed.entry(file.body).or_default() += 1;
            }
            Kind::Rename => {
                world.local[self.place].remove(&id);
                place_file(world, self.place, file, None);
            }
            Kind::Move if self.to != self.place => {
                world.local[self.place].remove(&id);
                ledger.moved = true;
                if moved_by_copy {
                    let date = file.body.date() + 77;
                    world.new_file(self.to, file.body, file.flags, date);
                } else {
                    place_file(world, self.to, file, Some(id));
                }
            }
            Kind::Copy => {
                *ledger.added.entry((Side::Local, file.body)).or_default() += 1;
                world.new_file(self.to, file.body, file.flags, file.body.date() + 99);
            }
            Kind::Edit => {
                let serial = i64::from(world.serial());
                *ledger.removed.entry(file.body).or_default() += 1;
                let body = Body(1000 + self.body);
                *ledger.added.entry((Side::Local, body)).or_default() += 1;
                let file = world.local[self.place].get_mut(&id).unwrap();
                file.body = body;
                file.stamp.size = body.identity(0, false).size;
                file.stamp.mtime_ns += 1_000_000_000 * serial;
                ledger.deleted = true;
            }
            Kind::Touch => {
                let serial = i64::from(world.serial());
                world.local[self.place].get_mut(&id).unwrap().stamp.mtime_ns += serial;
            }
            _ => {}
        }
    }

    fn run_there(&self, world: &mut World, ledger: &mut Ledger) {
        let mails = &world.remote[self.place];
        if mails.is_empty() {
            return;
        }
        let uid = *mails.keys().nth(self.pick % mails.len()).unwrap();
        let mail = mails[&uid].clone();
        match self.kind {
            Kind::Flag | Kind::Keyword => {
                self.flags(&mut world.remote[self.place].get_mut(&uid).unwrap().flags);
            }
            Kind::Delete => {
                world.remote[self.place].remove(&uid);
                ledger.deleted = true;
                *ledger.removed.entry(mail.body).or_default() += 1;
            }
            Kind::Move if self.to != self.place => {
                world.remote[self.place].remove(&uid);
                ledger.moved = true;
                world.new_mail(self.to, mail.body, mail.flags);
            }
            Kind::Copy => {
                *ledger.added.entry((Side::Remote, mail.body)).or_default() += 1;
                world.new_mail(self.to, mail.body, mail.flags);
            }
            _ => {}
        }
    }
}

fn place_file(world: &mut World, to: usize, file: LocalFile, name: Option<LocalId>) {
    let free = name.filter(|name| !world.local[to].contains_key(name));
    let id = free.unwrap_or_else(|| {
        let serial = world.serial();
        LocalId::new(format!("m{serial:06}").as_bytes()).unwrap()
    });
    world.local[to].insert(id, file);
}
