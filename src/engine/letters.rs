//! One session with a POP3 maildrop: what is new there comes home, what is due there goes.
//!
//! The decision is `sync::plan_letters`. The order here is what keeps letters safe: what an earlier run left half way is
//! settled first, a plan is made only from a complete listing, a letter is marked for deletion only when it is durable
//! here, and what is deleted is first proved to be the letter that is here. In the Maildir nothing is ever changed but
//! that letters are added.

mod commit;
mod doorstep;
mod holdings;
mod leave;
mod names;
mod transfer;

use std::rc::Rc;
use std::time::Duration;

use self::commit::Knowledge;
use self::doorstep::Inbox;
use super::context::{Announced, Home, Mode, Pass, Scope, Settings};
use super::fault::Fault;
use super::news::Telling;
use super::ports::{Clock, Event, LetterStore, Local, Maildrop, Postbox};
use super::report::{LeftThere, Report};
use super::root;
use crate::mail::MailboxName;
use crate::sync::{
    Change, FetchLetter, KnownLetter, LettersInput, LettersPlan, LettersPolicy, ListedLetter,
    Policy, plan_letters,
};

/// Leftovers in `tmp/` are swept as if there were a local trash that is kept this long, in days.
const TRASH_DAYS: u32 = 30;
/// So often letters that the server refuses make way for others, where only some are fetched in a session.
const ROUNDS: usize = 16;

/// The outside of one POP3 account.
pub trait LetterPorts: Home<Store: LetterStore> {
    /// Opens sessions.
    type Postbox: Postbox;

    /// Opens sessions.
    fn postbox(&self) -> &Self::Postbox;
}

/// A POP3 account as the rest of the engine takes it.
fn letter_settings(telling: Telling) -> Settings {
    Settings {
        policy: Policy::default(),
        selects: Rc::new(|name| *name == MailboxName::inbox()),
        connections: 1,
        trash_days: TRASH_DAYS,
        settle: Duration::ZERO,
        large: u64::MAX,
        thorough: false,
        telling,
    }
}

/// The same for what listeners want done: the server has no mailboxes and never looks at the Maildir, so any folder will do.
#[must_use]
pub fn letter_acts() -> Settings {
    Settings {
        selects: Rc::new(|_| true),
        ..letter_settings(Telling::Nothing)
    }
}

/// Makes one session with an account's maildrop. The report is of what was done even if a fault ended it.
pub async fn carry_home<P: LetterPorts>(
    ports: &P,
    policy: LettersPolicy,
    telling: Telling,
    mode: Mode,
) -> (Report, Result<(), Fault>) {
    let settings = letter_settings(telling);
    let announced = Announced::default();
    let pass = Pass::new(ports, &settings, &Scope::All, mode, &announced);
    let result = run(&pass, policy).await;
    (pass.take_report(), result)
}

async fn run<P: LetterPorts>(pass: &Pass<'_, P>, policy: LettersPolicy) -> Result<(), Fault> {
    root::check(pass).await?;
    pass.listen().await?;
    let inbox = doorstep::inbox(pass).await?;
    let mut known = pass.store().letters().await?;
    if pass.mode == Mode::Apply {
        doorstep::settle(pass, &inbox, &mut known).await?;
    }
    // Before the first complete session, what the Maildir holds already is not brought a second time.
    let holdings = match pass.mode {
        Mode::Apply if inbox.first => Some(holdings::look(pass, &known).await?),
        _ => None,
    };
    let maildrop = pass.ports.postbox().open().await?;
    // Whatever becomes of the session: there was a login.
    let login_delay = maildrop.login_delay();
    pass.with_report(|report| report.left_there.login_delay = login_delay);
    let session = Session {
        pass,
        policy,
        inbox: &inbox,
        knowledge: Knowledge::new(known, holdings),
    };
    session.run(maildrop).await?;
    if pass.mode == Mode::Apply {
        let day = pass.clock().day(pass.settings.trash_days);
        pass.local().sweep(&day).await?;
    }
    Ok(())
}

/// One session under way.
struct Session<'a, 'b, P> {
    pass: &'a Pass<'b, P>,
    policy: LettersPolicy,
    inbox: &'a Inbox,
    knowledge: Knowledge,
}

impl<P: LetterPorts> Session<'_, '_, P> {
    async fn run<M: Maildrop>(&self, mut maildrop: M) -> Result<(), Fault> {
        let listed = maildrop.list().await?;
        let letters = self.knowledge.all();
        let named = names::complete(self.pass, &mut maildrop, listed, &letters).await?;
        let plan = self.plan(&named.letters, self.policy.max_letters);
        self.report_left(&plan);
        if self.pass.mode == Mode::DryRun {
            self.foretell(&plan);
            return maildrop.quit().await;
        }
        self.note_absence(&plan).await?;
        let due = leave::verify(&mut maildrop, &plan, &self.knowledge, &named).await?;
        self.announce_total(&plan, &due.doubtful);
        let fetch: Vec<FetchLetter> = plan.fetch.iter().chain(&due.doubtful).cloned().collect();
        let mut refused = transfer::run(self, &mut maildrop, &fetch).await?;
        if plan.later > 0 && !refused.is_empty() {
            self.fetch_instead(&mut maildrop, &named.letters, &mut refused)
                .await?;
        }
        self.report_refused(&refused);
        let gone = leave::mark(self, &mut maildrop, due).await?;
        maildrop.quit().await?;
        let name = MailboxName::inbox();
        self.pass
            .count(&name, |counts| counts.deleted_remote += gone);
        // What the server refuses must not have the whole Maildir read again and again.
        if plan.later == 0 && self.inbox.first && !self.knowledge.failed() {
            let outcome = Change::SetOutcome {
                mailbox: self.inbox.record.id,
                at: Some(self.pass.clock().now()),
                problem: None,
            };
            // From now on what comes is news.
            let heard = Change::Hear(self.inbox.record.id);
            let begin = Change::Begin(self.pass.clock().now());
            self.pass.commit(vec![outcome, heard, begin]).await?;
        }
        self.knowledge.tell_changed_names(self.pass);
        Ok(())
    }

    fn plan(&self, listed: &[ListedLetter], most: Option<u32>) -> LettersPlan {
        let known: Vec<KnownLetter> = self.knowledge.known();
        plan_letters(&LettersInput {
            known: &known,
            listed,
            policy: LettersPolicy {
                max_letters: most,
                ..self.policy
            },
            now: self.pass.clock().now(),
        })
    }

    fn report_left(&self, plan: &LettersPlan) {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        self.pass.with_report(|report| {
            report.left_there = LeftThere {
                too_large: count(plan.too_large.len()),
                later: count(plan.later),
                ..report.left_there
            };
        });
        if !plan.nameless.is_empty() {
            let number = plan.nameless.len();
            let text = format!(
                "{number} letters are left on the server: it gives them neither names (UIDL) nor headers (TOP) to \
                 remember them by"
            );
            self.pass.problem(Some(&MailboxName::inbox()), &text);
        }
    }

    /// Puts into the report what would be done.
    fn foretell(&self, plan: &LettersPlan) {
        let name = MailboxName::inbox();
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        self.pass.count(&name, |counts| {
            counts.downloaded = count(plan.fetch.len());
            counts.deleted_remote = count(plan.delete.len());
        });
        let fetch = plan.fetch.iter();
        let fetch = fetch.map(|letter| format!("fetch {} ({} bytes)", letter.uidl, letter.size));
        let names = plan.delete.iter().filter_map(|(_, id)| {
            let letter = self.knowledge.get(*id)?;
            Some(format!("delete {} on the server", letter.known.uidl))
        });
        let lines: Vec<String> = fetch.chain(names).collect();
        self.pass.with_report(|report| {
            let lines = lines.into_iter().map(|line| (Some(name.clone()), line));
            report.planned.extend(lines);
        });
    }

    /// Writes down what the server does not list any more.
    async fn note_absence(&self, plan: &LettersPlan) -> Result<(), Fault> {
        let now = self.pass.clock().now();
        let missing = plan.missing.iter();
        let missing = missing.map(|id| Change::SetMissing(*id, Some(now)));
        let forget = plan.forget.iter().map(|id| Change::DropLetter(*id));
        self.pass.commit(missing.chain(forget).collect()).await?;
        self.knowledge.note_absence(plan, now);
        Ok(())
    }

    fn announce_total(&self, plan: &LettersPlan, doubtful: &[FetchLetter]) {
        let all = || plan.fetch.iter().chain(doubtful);
        self.pass.event(Event::Total {
            messages: u64::try_from(all().count()).unwrap_or(u64::MAX),
            octets: all().map(|letter| letter.size).sum(),
        });
    }

    /// Others in place of those that the server refused: where only so many are fetched in a session, a letter that
    /// never comes must not keep all others away.
    async fn fetch_instead<M: Maildrop>(
        &self,
        maildrop: &mut M,
        listed: &[ListedLetter],
        refused: &mut Vec<(u32, Fault)>,
    ) -> Result<(), Fault> {
        let mut missed = refused.len();
        for _ in 0..ROUNDS {
            let is_refused =
                |letter: &&ListedLetter| refused.iter().any(|(n, _)| *n == letter.number);
            let names: Vec<_> = listed
                .iter()
                .filter(is_refused)
                .map(|it| &it.uidl)
                .collect();
            let others: Vec<ListedLetter> = listed
                .iter()
                .filter(|letter| !names.contains(&&letter.uidl))
                .cloned()
                .collect();
            let more = self.plan(&others, u32::try_from(missed).ok());
            if missed == 0 || more.fetch.is_empty() {
                break;
            }
            let failed = transfer::run(self, maildrop, &more.fetch).await?;
            missed = failed.len();
            refused.extend(failed);
        }
        Ok(())
    }

    fn report_refused(&self, refused: &[(u32, Fault)]) {
        let name = MailboxName::inbox();
        for (number, fault) in refused.iter().take(5) {
            let text = format!("letter {number} cannot be fetched: {fault}");
            self.pass.problem(Some(&name), &text);
        }
        if let Some(more) = refused.len().checked_sub(5).filter(|more| *more > 0) {
            let text = format!("{more} more letters cannot be fetched");
            self.pass.problem(Some(&name), &text);
        }
        let count = u64::try_from(refused.len()).unwrap_or(u64::MAX);
        self.pass.count(&name, |counts| counts.parked += count);
    }
}
