//! Passes: those that hints ask for, and those that somebody waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use super::super::Watched;
use super::super::inbox::{Attended, Inbox};
use super::super::jobs::{From, Work};
use super::super::view::{Activity, Notice};
use super::connection::posts;
use super::{Account, FULL, PROBE};
use crate::engine::ports::{Event, Observer as _, RemoteCoverage, RemoteWatch};
use crate::engine::{Counts, Fault, Link, Mode, Report, Scope, Settings, differences, sync_over};
use crate::mail::MailboxName;

impl<P: Watched> Account<'_, P> {
    /// Does what is due.
    pub(super) async fn work(&mut self, inbox: &mut Inbox) {
        let now = self.now();
        let full = self.full_at <= now;
        let Some(work) = self.jobs.take(now) else {
            return;
        };
        let scope = match self.scope_of(&work, full).await {
            Ok(Some(scope)) => scope,
            // Our own effects, coming back as hints.
            Ok(None) => return,
            Err(fault) => return self.pass_failed(&fault, work),
        };
        let quiet = work.is_afterthought() && !full;
        if !quiet {
            self.act(Activity::Syncing);
        }
        match self.pass(&scope, Mode::Apply, full, inbox).await {
            Pass::Made(report) => {
                self.backoff.reset();
                let found = !report.mailboxes.is_empty() || self.has_problems(&report);
                self.after(&scope, full, &report);
                if found || !quiet {
                    self.tell_synced(&report);
                }
                let done = self.now();
                self.jobs
                    .looked(&work, &news_of(&report), done.saturating_sub(now), done);
                self.jobs.changed(&work, &sides_of(&report), done);
                self.jobs.sent(sent_to(&report, &work), done);
            }
            Pass::Failed(fault) => self.pass_failed(&fault, work),
            Pass::Dead(fault) => {
                self.lost(&fault);
                self.jobs.give_back(work, now);
            }
            Pass::Left => self.jobs.give_back(work, now),
        }
    }

    fn pass_failed(&mut self, fault: &Fault, work: Work) {
        let now = self.now();
        let open = self.watching();
        let fewer = self.not_connected(fault, open, fault.advice.barred);
        if !fault.retry && !fewer {
            // Nothing that time alone heals, as a disk that is not mounted: it is looked for as often as for mail.
            self.retry_at = now.saturating_add(self.options.poll);
        }
        self.jobs.give_back(work, now);
    }

    /// Where to look; nowhere if the Maildir hinted at nothing but what is known.
    async fn scope_of(&self, work: &Work, full: bool) -> Result<Option<Scope>, Fault> {
        if full || work.all_remote {
            return Ok(Some(Scope::All));
        }
        let mut names = work.remote.clone();
        if work.all_local || !work.local.is_empty() {
            let asked = (!work.all_local).then_some(&work.local);
            let found = differences(self.parts, &self.settings, asked).await?;
            if found.folders {
                return Ok(Some(Scope::All));
            }
            names.extend(found.mailboxes);
        }
        names.retain(|name| (self.settings.selects)(name));
        Ok((!names.is_empty()).then_some(Scope::Touched(names)))
    }

    /// A pass, over new connections if it is a full one: whatever they had learned is learned anew.
    async fn pass(&mut self, scope: &Scope, mode: Mode, full: bool, inbox: &mut Inbox) -> Pass {
        if full {
            self.link.close().await;
            self.link = Link::new(self.quota.working(self.watching()));
        }
        let thorough = Settings {
            selects: std::rc::Rc::clone(&self.settings.selects),
            thorough: full,
            ..self.settings
        };
        // The last pass may have made do with fewer for a reason that is over.
        self.link.set_limit(self.quota.working(self.watching()));
        self.trying = self.parts.secret_mark();
        let pass = sync_over(self.parts, &self.link, &thorough, scope, mode);
        let end = attended(pass, self.remote.as_mut(), inbox).await;
        if matches!(end, Pass::Left | Pass::Dead(_)) {
            // It was left in the middle of something.
            self.link.drop_connections();
        }
        // What it did not carry over is not on its way any more.
        self.parts.observer().event(Event::Total {
            messages: 0,
            octets: 0,
        });
        if matches!(end, Pass::Made(_)) {
            self.restraint.end();
            self.wordless = 0;
        }
        self.learn_limit();
        end
    }

    /// How many connections watch.
    pub(super) fn watching(&self) -> usize {
        self.remote
            .as_ref()
            .map_or(0, |remote| posts(remote.coverage()))
    }

    /// The server may have refused some of the connections that a pass would have liked.
    fn learn_limit(&mut self) {
        let Some((working, reason)) = self.link.refused() else {
            return;
        };
        let open = working + self.watching();
        let now = self.now();
        if self.quota.refused(open, reason, now) {
            tracing::info!("the server grants no more than {open} connections");
            self.show_quota();
        }
    }

    /// What follows from a pass that was made.
    fn after(&mut self, scope: &Scope, full: bool, report: &Report) {
        let now = self.now();
        if full {
            self.full_at = now + FULL;
        }
        if *scope == Scope::All {
            self.looked = true;
            let coverage = self.view.borrow().remote.clone();
            self.reset_timers(coverage.as_ref());
        }
        let troubled = report.problems.iter().filter_map(|it| it.mailbox.as_ref());
        self.retries.looked(scope, troubled.collect(), now);
        self.show(|view| {
            view.problems.clone_from(&report.problems);
            view.held = report.held;
        });
        for (mailbox, counts) in &report.mailboxes {
            let mailbox = mailbox.clone();
            if counts.downloaded > 0 {
                let count = counts.downloaded;
                self.tell(Notice::NewMail {
                    mailbox: mailbox.clone(),
                    count,
                });
            }
            if counts.held > 0 {
                let count = counts.held;
                self.tell(Notice::HoldRaised { mailbox, count });
            }
        }
    }

    /// Whether there is something the matter, or was until this pass.
    fn has_problems(&self, report: &Report) -> bool {
        !report.problems.is_empty() || !self.view.borrow().problems.is_empty()
    }

    fn tell_synced(&self, report: &Report) {
        self.tell(Notice::Synced {
            complete: report.problems.is_empty(),
            problems: report.problems.clone(),
        });
    }

    /// Everything was looked at just now.
    fn reset_timers(&mut self, coverage: Option<&RemoteCoverage>) {
        if let Some(coverage) = coverage {
            let renew_at = self.renew_at;
            self.set_timers(coverage);
            // A look is no sign of life of the watch.
            self.renew_at = renew_at;
        }
    }

    /// Makes the pass that somebody waits for. It tries whatever was the matter before.
    pub(super) async fn grant(&mut self, inbox: &mut Inbox) {
        let Some(wish) = inbox.wishes.pop_front() else {
            return;
        };
        if inbox.paused {
            let paused = "it is paused; `mailferry resume` lets it go on";
            // Whoever asked may have gone.
            let _ = wish.answer.send(Err(paused.to_owned()));
            return;
        }
        self.act(Activity::Syncing);
        let result = self.pass(&wish.scope, wish.mode, false, inbox).await;
        let answer = match result {
            Pass::Made(report) => {
                // Where a name was a mistake, nothing was done.
                if wish.mode == Mode::Apply && report.unknown.is_empty() {
                    self.blocked = false;
                    self.after(&wish.scope, false, &report);
                    // A look at some mailboxes says of the account only that it still is as it was.
                    if self.looked {
                        self.tell_synced(&report);
                    }
                }
                Ok(report)
            }
            Pass::Failed(fault) => {
                let barred = fault.advice.barred || self.blocked;
                let _ = self.not_connected(&fault, self.watching(), barred);
                Err(fault.to_string())
            }
            Pass::Dead(fault) => {
                self.lost(&fault);
                // Over new connections it has not been tried.
                return inbox.wishes.push_front(wish);
            }
            Pass::Left => Err("it was interrupted; ask again".to_owned()),
        };
        let _ = wish.answer.send(answer);
    }
}

/// How a pass ended.
enum Pass {
    Made(Report),
    Failed(Fault),
    /// Its connections were found to be dead.
    Dead(Fault),
    /// An order made an end of it.
    Left,
}

/// Makes a pass while orders are taken. When the network is another one, the connections that watch are asked whether
/// they are alive; if they are not, those of the pass are no better.
async fn attended(
    pass: impl Future<Output = Result<Report, Fault>>,
    mut watch: Option<&mut impl RemoteWatch>,
    inbox: &mut Inbox,
) -> Pass {
    let mut pass = pin!(pass);
    loop {
        match inbox.attend_or_probe(pass.as_mut()).await {
            Attended::Done(Ok(report)) => return Pass::Made(report),
            Attended::Done(Err(fault)) => return Pass::Failed(fault),
            Attended::Left => return Pass::Left,
            Attended::Probed => {}
        }
        let watch = watch.as_mut().filter(|it| posts(it.coverage()) > 0);
        let Some(watch) = watch else { continue };
        let found = async {
            tokio::select! {
                biased;
                made = &mut pass => Some(made.map_or_else(Pass::Failed, Pass::Made)),
                alive = watch.renew(PROBE) => alive.err().map(Pass::Dead),
            }
        };
        match inbox.attend(found).await {
            Some(Some(end)) => return end,
            Some(None) => {}
            None => return Pass::Left,
        }
    }
}

/// Where something of ours went, or may have: a move is told of in both places.
fn sent_to(report: &Report, work: &Work) -> BTreeSet<MailboxName> {
    let found = report
        .mailboxes
        .iter()
        .filter(|(_, counts)| there(counts) > 0);
    let mut names: BTreeSet<_> = found.map(|(name, _)| name.clone()).collect();
    if !names.is_empty() {
        names.extend(work.local.iter().cloned());
    }
    names
}

/// How much went to the server.
fn there(counts: &Counts) -> u64 {
    counts.uploaded + counts.flags_pushed + counts.moved_remote + counts.deleted_remote
}

/// The sides to which something went.
fn sides_of(report: &Report) -> Vec<From> {
    let here = |counts: &Counts| {
        counts.downloaded + counts.flags_pulled + counts.moved_local + counts.deleted_local
    };
    let mut sides = Vec::new();
    for counts in report.mailboxes.values() {
        // What was equal already had come to both.
        let both = counts.linked + counts.mailbox;
        sides.extend((there(counts) + both > 0).then_some(From::Remote));
        sides.extend((here(counts) + both > 0).then_some(From::Local));
    }
    sides
}

/// Mailboxes in which something had happened on the server, and how much.
fn news_of(report: &Report) -> BTreeMap<MailboxName, u64> {
    let news = |counts: &Counts| {
        counts.downloaded + counts.flags_pulled + counts.moved_local + counts.deleted_local
    };
    let found = report
        .mailboxes
        .iter()
        .map(|(name, counts)| (name, news(counts)));
    found
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name.clone(), count))
        .collect()
}
