//! One account's messages on the screen: those that wait to be shown, and those that are.

use std::collections::BTreeSet;
use std::time::Duration;

use super::board::{Counter, Now};
use super::bubble::{self, Bubble, DETAILED, Member};
use super::muted::Muted;
use super::pace::Pace;
use super::words::{Arrival, Gone, Privacy, Rules};
use crate::sync::NewsId;

/// A message waits this long for others, and for what happens to it: hooks, filters, another device.
pub(super) const SETTLE: Duration = Duration::from_millis(250);
/// But at most so long, however many follow.
const LONGEST: Duration = Duration::from_secs(2);
/// What is older, in seconds, is no news, whenever it came.
const OLD: i64 = 30 * 24 * 3600;
/// So many of a bubble's former looks are remembered: a click may be on its way when it changes.
const FACES: usize = 3;

/// So many events are remembered one by one.
const RECENT: usize = 4096;

/// A bubble to be shown in place of another one, or of none (0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Show {
    /// 0 if it is of no interest what becomes of it.
    pub(super) key: u64,
    pub(super) replaces: u32,
    pub(super) bubble: Bubble,
}

impl Show {
    /// Shows a bubble that never changes and is never withdrawn.
    pub(super) fn once(bubble: Bubble) -> Self {
        Self {
            key: 0,
            replaces: 0,
            bubble,
        }
    }
}

/// One account's messages.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) name: String,
    pub(super) rules: Rules,
    heard: Heard,
    waiting: Vec<Member>,
    first: Duration,
    due: Duration,
    live: Vec<Live>,
    pace: Pace,
}

/// The events that were told, since a repeated one is none. Mailboxes are told of one after the other, so numbers need not
/// only grow; those that are far below the others were told long ago.
#[derive(Debug, Default)]
struct Heard {
    recent: BTreeSet<NewsId>,
    /// All up to this one.
    older: Option<NewsId>,
}

impl Heard {
    /// Whether this one is new.
    fn adds(&mut self, id: NewsId) -> bool {
        let is_new = Some(id) > self.older && self.recent.insert(id);
        if self.recent.len() > RECENT {
            self.older = self.recent.pop_first();
        }
        is_new
    }
}

/// A bubble on the screen, or on its way there.
#[derive(Debug)]
struct Live {
    key: u64,
    /// What the server calls it, once it has said so.
    id: Option<u32>,
    /// A summary, which takes in whatever comes.
    many: bool,
    members: Vec<Member>,
    /// Not before this its count is to be corrected.
    stale: Option<Duration>,
    faces: Vec<Face>,
}

/// What a bubble showed when its buttons had this tag.
#[derive(Debug)]
struct Face {
    tag: u64,
    members: Vec<Member>,
}

impl Live {
    fn show(&mut self, bubble: Bubble, tag: u64) -> Show {
        let members = if self.members.len() > DETAILED {
            self.members.last().cloned().into_iter().collect()
        } else {
            self.members.clone()
        };
        self.faces.push(Face { tag, members });
        let surplus = self.faces.len().saturating_sub(FACES);
        self.faces.drain(..surplus);
        self.stale = None;
        Show {
            key: self.key,
            replaces: self.id.unwrap_or(0),
            bubble,
        }
    }
}

impl Shelf {
    pub(super) fn new(name: String, rules: Rules) -> Self {
        Self {
            name,
            rules,
            heard: Heard::default(),
            waiting: Vec::new(),
            first: Duration::ZERO,
            due: Duration::ZERO,
            live: Vec::new(),
            pace: Pace::default(),
        }
    }

    /// New messages came. `since`: what is older than the account's first sync is no news.
    pub(super) fn arrived(
        &mut self,
        since: Option<i64>,
        items: Vec<Arrival>,
        now: &Now,
        muted: &mut Muted,
    ) {
        for arrival in items {
            if !self.heard.adds(arrival.id) || !self.is_wanted(&arrival, since, now) {
                continue;
            }
            let member = Member::of(arrival);
            let thread = member
                .detail
                .as_ref()
                .map_or(&[][..], |detail| &detail.thread);
            if muted.takes_in(thread) {
                continue;
            }
            if self.waiting.is_empty() {
                self.first = now.at;
            }
            self.due = (now.at + SETTLE).min(self.first + LONGEST);
            self.waiting.push(member);
            forget_details(&mut self.waiting);
        }
    }

    fn is_wanted(&self, arrival: &Arrival, since: Option<i64>, now: &Now) -> bool {
        let subject = &arrival.subject;
        self.rules.may_show(arrival.side, subject)
            && !arrival.wish.silent
            && since.is_none_or(|since| subject.date >= since)
            && subject.date >= now.unix - OLD
            && self.quiet(now).is_none()
    }

    /// How many minutes it stays quiet.
    pub(super) fn quiet(&self, now: &Now) -> Option<u16> {
        self.rules.quiet.and_then(|quiet| quiet.left(now.minute))
    }

    /// Messages were read, moved or deleted. Gives the bubbles that are to be closed.
    pub(super) fn gone(&mut self, items: &[Gone], now: &Now) -> Vec<u32> {
        let is_gone = |member: &Member| {
            items.iter().any(|gone| {
                let same_file = gone.local.is_some() && gone.local == member.local;
                gone.mailbox == member.mailbox && (gone.row == member.row || same_file)
            })
        };
        self.waiting.retain(|member| !is_gone(member));
        for live in &mut self.live {
            let before = live.members.len();
            live.members.retain(|member| !is_gone(member));
            if live.members.len() < before {
                live.stale = Some(now.at + SETTLE);
            }
        }
        let empty = self.live.extract_if(.., |live| live.members.is_empty());
        empty.filter_map(|live| live.id).collect()
    }

    /// Whether whatever comes is part of a summary.
    fn merges(&self) -> bool {
        self.rules.privacy == Privacy::Count
            || self.live.iter().any(|live| live.many)
            || self.live.len() + self.waiting.len() >= self.rules.burst
    }

    /// When there is something to do; in the past for what is due.
    pub(super) fn due(&self) -> Option<Duration> {
        let pace = self.pace.next();
        match self.waiting.is_empty() {
            true => self
                .live
                .iter()
                .filter_map(|live| live.stale)
                .min()
                .map(|stale| stale.max(pace)),
            false if self.merges() => Some(self.due.max(pace)),
            false => Some(self.due),
        }
    }

    /// What is to be shown now, and what is to be closed for it.
    pub(super) fn step(
        &mut self,
        now: &Now,
        several: bool,
        counter: &mut Counter,
    ) -> (Option<Show>, Vec<u32>) {
        if self.due().is_none_or(|due| due > now.at) {
            return (None, Vec::new());
        }
        if self.quiet(now).is_some() {
            self.forget_waiting();
            return (None, Vec::new());
        }
        let name = self.name.clone();
        let account = several.then_some(name.as_str());
        if self.waiting.is_empty() {
            return (self.correct(now, account, counter), Vec::new());
        }
        if self.merges() {
            let (show, closed) = self.merge(now, account, counter);
            return (Some(show), closed);
        }
        let member = self.waiting.remove(0);
        (Some(self.single(member, account, counter)), Vec::new())
    }

    fn single(&mut self, member: Member, account: Option<&str>, counter: &mut Counter) -> Show {
        let tag = counter.next();
        let bubble = bubble::of_one(&member, &self.rules, account, tag);
        let mut live = Live {
            key: counter.next(),
            id: None,
            many: false,
            members: vec![member],
            stale: None,
            faces: Vec::new(),
        };
        let show = live.show(bubble, tag);
        self.live.push(live);
        show
    }

    /// All that is shown or waits becomes one bubble, in place of the newest.
    fn merge(
        &mut self,
        now: &Now,
        account: Option<&str>,
        counter: &mut Counter,
    ) -> (Show, Vec<u32>) {
        let mut live = Live {
            key: counter.next(),
            id: None,
            many: true,
            members: Vec::new(),
            stale: None,
            faces: Vec::new(),
        };
        let mut closed = Vec::new();
        for former in self.live.drain(..) {
            closed.extend(live.id);
            live.id = former.id;
            live.faces = former.faces;
            live.members.extend(former.members);
        }
        let urgency = self
            .waiting
            .iter()
            .filter_map(|member| Some(member.detail.as_ref()?.urgency))
            .max();
        live.members.append(&mut self.waiting);
        forget_details(&mut live.members);
        let tag = counter.next();
        let mut bubble = bubble::of_many(&live.members, &self.rules, account, tag);
        bubble.urgency = urgency.unwrap_or_default();
        let show = live.show(bubble, tag);
        self.live.push(live);
        self.pace.changed(now.at);
        (show, closed)
    }

    /// Corrects the count of a summary, without a sound.
    fn correct(&mut self, now: &Now, account: Option<&str>, counter: &mut Counter) -> Option<Show> {
        let live = self.live.iter_mut().find(|live| live.stale.is_some())?;
        let tag = counter.next();
        let mut bubble = bubble::of_many(&live.members, &self.rules, account, tag);
        bubble.hushed = true;
        bubble.sound = None;
        self.pace.changed(now.at);
        Some(live.show(bubble, tag))
    }

    /// The server says what it calls a bubble, or that it does not show it. Whether the bubble is known here, still.
    pub(super) fn shown(&mut self, key: u64, id: Option<u32>) -> bool {
        let before = self.live.len();
        let Some(id) = id else {
            self.live.retain(|live| live.key != key);
            return self.live.len() < before;
        };
        let live = self.live.iter_mut().find(|live| live.key == key);
        live.map(|live| live.id = Some(id)).is_some()
    }

    /// A bubble was closed, by the user or by time. One that is on its way to take its place comes nevertheless.
    pub(super) fn closed(&mut self, id: u32, on_its_way: Option<u64>) {
        self.live
            .retain(|live| live.id != Some(id) || Some(live.key) == on_its_way);
    }

    /// All bubbles on the screen.
    pub(super) fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        self.live.iter().filter_map(|live| live.id)
    }

    /// Nothing is on the screen any more.
    pub(super) fn forget_shown(&mut self) {
        self.live.clear();
    }

    /// Nothing can be shown.
    pub(super) fn forget_waiting(&mut self) {
        self.waiting.clear();
        for live in &mut self.live {
            live.stale = None;
        }
    }

    /// The messages that a bubble showed when its button was pressed: by its tag, or the newest one for the bubble itself.
    pub(super) fn pressed(&self, id: u32, tag: Option<u64>) -> Option<Vec<Member>> {
        let live = self.live.iter().find(|live| live.id == Some(id))?;
        let face = match tag {
            Some(tag) => live.faces.iter().find(|face| face.tag == tag)?,
            None => live.faces.last()?,
        };
        match tag {
            Some(_) => Some(face.members.clone()),
            None => Some(face.members.last().cloned().into_iter().collect()),
        }
    }

    /// Whether a bubble is this account's.
    pub(super) fn has(&self, id: u32) -> bool {
        self.ids().any(|it| it == id)
    }
}

/// Keeps everything of the newest, and of the rest that they are there.
fn forget_details(members: &mut [Member]) {
    let surplus = members.len().saturating_sub(DETAILED);
    for member in members.iter_mut().take(surplus).rev() {
        if member.detail.is_none() {
            break;
        }
        member.detail = None;
        member.local = None;
    }
}
