//! Keeps listeners from going round in circles: what they want done to a message is an event, of which they are told,
//! and may want something done again.

use std::collections::HashMap;

use super::subjects::Page;
use crate::engine::Acted;
use crate::mail::{LocalId, MailboxName};
use crate::sync::{Act, RowId, Wanted};

/// So many things may be done to one message, its copies counted with it...
const MOST: u32 = 16;
/// ...within this time, in seconds.
const WINDOW: i64 = 3600;
/// So many messages are remembered before old ones are forgotten.
const REMEMBERED: usize = 16_384;

/// What was done to messages lately. Known to this process only: one that starts anew has forgotten.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    done: HashMap<RowId, (i64, u32)>,
    /// Files that are copies, and of what.
    copies: HashMap<(MailboxName, LocalId), (i64, RowId)>,
    /// Rows of such files.
    origins: HashMap<RowId, (i64, RowId)>,
    /// Files that were moved, and where to: the move is an event of which nobody need think that a person wanted it.
    moves: HashMap<(MailboxName, LocalId), i64>,
}

impl Bounds {
    /// What may be done, and what may not, with the reason.
    pub(super) fn allow(
        &mut self,
        wanted: Vec<Wanted>,
        now: i64,
    ) -> (Vec<Wanted>, Vec<(Wanted, String)>) {
        self.forget(now);
        let (mut allowed, mut refused) = (Vec::new(), Vec::new());
        for wish in wanted {
            let row = self.origin(wish.row);
            let (since, count) = self.done.entry(row).or_insert((now, 0));
            if now - *since >= WINDOW {
                (*since, *count) = (now, 0);
            }
            *count += 1;
            if *count > MOST {
                let why = format!("{MOST} things were done to this message within the hour");
                refused.push((wish, why));
            } else {
                allowed.push(wish);
            }
        }
        (allowed, refused)
    }

    fn origin(&self, row: RowId) -> RowId {
        self.origins.get(&row).map_or(row, |(_, origin)| *origin)
    }

    /// Copies were made.
    pub(super) fn made(&mut self, copies: &[(RowId, MailboxName, LocalId)], now: i64) {
        for (row, mailbox, local) in copies {
            let of = (now, self.origin(*row));
            self.copies.insert((mailbox.clone(), local.clone()), of);
        }
    }

    /// Messages were moved, as far as that was not refused.
    pub(super) fn moved(&mut self, wanted: &[Wanted], acted: &Acted, now: i64) {
        for wish in wanted {
            if let Act::MoveTo(to) = &wish.act
                && !acted.refused.iter().any(|(refused, _)| refused == wish)
            {
                self.moves.insert((to.clone(), wish.local.clone()), now);
            }
        }
    }

    /// Copies have got rows, and moves have become events.
    pub(super) fn note(&mut self, page: &mut Page, now: i64) {
        let moves = &mut self.moves;
        page.note_wanted(|mailbox, local| {
            moves.remove(&(mailbox.clone(), local.clone())).is_some()
        });
        if self.copies.is_empty() {
            return;
        }
        for (row, mailbox, local) in page.places() {
            if let Some((_, origin)) = self.copies.get(&(mailbox.clone(), local.clone())) {
                self.origins.insert(row, (now, *origin));
            }
        }
    }

    fn forget(&mut self, now: i64) {
        let fresh = |since: i64| now - since < WINDOW;
        if self.done.len() > REMEMBERED {
            self.done.retain(|_, (since, _)| fresh(*since));
        }
        if self.done.len() > REMEMBERED {
            // Those with which nothing is the matter.
            self.done.retain(|_, (_, count)| *count > MOST / 2);
        }
        if self.copies.len() > REMEMBERED {
            self.copies.retain(|_, (since, _)| fresh(*since));
        }
        if self.origins.len() > REMEMBERED {
            self.origins.retain(|_, (since, _)| fresh(*since));
        }
        if self.moves.len() > REMEMBERED {
            self.moves.retain(|_, since| fresh(*since));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Act;

    fn wish(row: i64) -> Wanted {
        Wanted {
            row: RowId(row),
            mailbox: MailboxName::inbox(),
            local: LocalId::new(b"1.R0.x").unwrap(),
            act: Act::Delete,
        }
    }

    fn allowed(bounds: &mut Bounds, row: i64, now: i64) -> bool {
        bounds.allow(vec![wish(row)], now).1.is_empty()
    }

    #[test]
    fn a_circle_ends_and_may_begin_again_after_an_hour() {
        let mut bounds = Bounds::default();
        let turns = (0..100).filter(|now| allowed(&mut bounds, 1, *now)).count();
        assert_eq!(turns, 16);
        assert!(
            allowed(&mut bounds, 2, 100),
            "other messages are not concerned"
        );
        assert!(!allowed(&mut bounds, 1, WINDOW - 1));
        assert!(allowed(&mut bounds, 1, WINDOW));
    }

    #[test]
    fn copies_count_with_what_they_are_copies_of() {
        let mut bounds = Bounds::default();
        let mut turns = 0;
        for row in 1..100 {
            if !allowed(&mut bounds, row, 5) {
                break;
            }
            turns += 1;
            let local = LocalId::new(format!("{row}.R0.x").as_bytes()).unwrap();
            bounds.made(&[(RowId(row), MailboxName::inbox(), local.clone())], 5);
            let (_, origin) = bounds.copies[&(MailboxName::inbox(), local)];
            bounds.origins.insert(RowId(row + 1), (5, origin));
        }
        assert_eq!(turns, 16);
    }

    #[test]
    fn a_great_many_messages_are_not_all_remembered() {
        let mut bounds = Bounds::default();
        for row in 0..100_000 {
            assert!(allowed(&mut bounds, row, 5));
        }
        assert!(bounds.done.len() <= REMEMBERED + 1);
    }
}
