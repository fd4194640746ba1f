//! New mail on its way to the desktop: hooks may change, silence or file it before it is shown.

use super::{Stage, can_copy, settles, urgency};
use crate::cli::backend::desktop::letter_of;
use crate::daemon::Batch;
use crate::desktop::{Arrival, Letter, Wish};
use crate::engine::Acted;
use crate::hooks::{self, Notification};
use crate::sync::{Happened, Occasion, Subject, Wanted};

impl Stage {
    /// New messages as the desktop takes them, after hooks were asked about each. What they want done to it comes with
    /// them; what leaves nothing to show then is kept back.
    pub(super) async fn arrivals(
        &mut self,
        account: &str,
        batch: &Batch,
    ) -> (Vec<Arrival>, Vec<Wanted>) {
        let (mut arrivals, mut wanted) = (Vec::new(), Vec::new());
        for occasion in &batch.occasions {
            let Occasion::Message {
                id,
                side,
                what: Happened::New,
                subject,
                ..
            } = occasion
            else {
                continue;
            };
            let Some(path) = subject.path.clone().filter(|_| !batch.old) else {
                continue;
            };
            // Most mail need not be read for this.
            if !self.rules.may_show(*side, subject) {
                continue;
            }
            let mut letter = letter_of(path).await;
            let mut wish = Wish {
                silent: self.handled.contains(&subject.row),
                ..Wish::default()
            };
            let mut settling = Vec::new();
            if !wish.silent && !self.hooks.is_empty() {
                let more;
                (wish, more) = self.ask(account, subject, &mut letter).await;
                settling.extend(more.iter().filter(|wish| settles(&wish.act)).cloned());
                wanted.extend(more);
            }
            let arrival = Arrival {
                id: *id,
                side: *side,
                subject: Subject::clone(subject),
                letter,
                wish,
            };
            match settling.is_empty() {
                true => arrivals.push(arrival),
                false => self.kept_back.push((arrival, settling)),
            }
        }
        (arrivals, wanted)
    }

    /// Lets hooks silence a notification, change its text, say how much it matters, and want something done.
    async fn ask(
        &mut self,
        account: &str,
        subject: &Subject,
        letter: &mut Letter,
    ) -> (Wish, Vec<Wanted>) {
        let shown = Notification {
            mailbox: Some(subject.mailbox.clone()),
            title: letter.subject.clone(),
            body: letter.text.clone(),
            urgency: hooks::Urgency::Normal,
            copy: None,
            messages: vec![subject.clone()],
        };
        let (shown, reply) = self.hooks.notification(shown).await;
        let wanted = self.heed(account, reply);
        let Some(shown) = shown else {
            let silent = Wish {
                silent: true,
                ..Wish::default()
            };
            return (silent, wanted);
        };
        letter.subject = shown.title;
        letter.text = shown.body;
        let wish = Wish {
            silent: false,
            urgency: Some(urgency(shown.urgency)),
            copy: shown.copy.filter(|_| can_copy()),
        };
        (wish, wanted)
    }

    /// What was kept back because of wishes that were refused, to be shown after all.
    pub(super) fn left_over(&mut self, acted: &Acted) -> Vec<Arrival> {
        let refused = |wish: &Wanted| acted.refused.iter().any(|(it, _)| it == wish);
        std::mem::take(&mut self.kept_back)
            .into_iter()
            .filter(|(_, settling)| settling.iter().all(refused))
            .map(|(arrival, _)| arrival)
            .collect()
    }
}
