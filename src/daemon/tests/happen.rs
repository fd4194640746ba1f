//! What happens to the daemon, done.

use std::time::Duration;

use super::super::Activity;
use super::life::Life;
use super::script::Deed;
use crate::engine::Advice;
use crate::engine::ports::Hint;
use crate::mail::MailboxName;
use crate::sim::steps::DiskError;
use crate::sim::world::Mix;
use crate::sim::{Place, Trouble, When};

impl Life {
    pub(super) fn happen(&mut self, deed: Deed) {
        let now = self.now();
        if !matches!(deed, Deed::Act(_) | Deed::Ask(_) | Deed::Start | Deed::Stop) {
            self.outside.note(&format!("{deed:?}"));
        }
        match deed {
            Deed::Act(count) => self.act(count),
            Deed::Ask(ask) => self.ask(ask),
            Deed::Start => self.start(),
            Deed::Stop => self.stop(),
            Deed::Kill(crash) => self.kill(crash),
            Deed::KillAt(effect, crash) => {
                self.reset_steps();
                self.crash_next(crash);
                self.world().steps.stop_at(effect, When::After);
            }
            Deed::Trouble(call) => self.trouble(call),
            Deed::Deafen | Deed::Deaden => {
                let mut state = self.outside.state.borrow_mut();
                for post in state.posts.values_mut() {
                    post.deaf |= deed == Deed::Deafen;
                    post.dead |= deed == Deed::Deaden;
                }
                state.rules.excuse(now);
            }
            Deed::BreakPosts => {
                self.outside.state.borrow_mut().rules.excuse(now);
                self.outside.break_posts(Advice::default());
            }
            Deed::Overflow | Deed::Unwatch | Deed::Unwatchable(_) => self.disturb_folders(deed),
            other => self.server_does(other),
        }
    }

    fn server_does(&mut self, deed: Deed) {
        let now = self.now();
        let mut state = self.outside.state.borrow_mut();
        state.rules.excuse(now);
        match deed {
            Deed::Up(up) => state.up = up,
            Deed::Room(room) => state.capacity = room,
            Deed::Closed(wait) => state.unavailable = Some(wait),
            Deed::Open => state.unavailable = None,
            Deed::Brittle(brittle) => state.brittle = brittle,
            Deed::NewPassword => state.right += 1,
            Deed::TypePassword => {
                state.secret = state.right;
                if state.mark_shown {
                    state.rules.new_secret(now);
                }
            }
            _ => {}
        }
        drop(state);
        let wait = match deed {
            Deed::Silent(silent) => {
                self.world()
                    .server
                    .switch(|switches| switches.silent = silent);
                // What was sent meanwhile does not come any more.
                for post in self.outside.state.borrow_mut().posts.values_mut() {
                    post.dead |= silent;
                }
                return;
            }
            Deed::Up(false) => None,
            Deed::Break(wait) => wait,
            _ => return,
        };
        self.world().server.cut_all();
        self.outside.break_posts(Advice {
            wait,
            ..Advice::default()
        });
    }

    fn disturb_folders(&mut self, deed: Deed) {
        let event = {
            let mut state = self.outside.state.borrow_mut();
            if let Deed::Unwatchable(unwatchable) = deed {
                state.unwatchable = unwatchable;
            }
            let Some(folders) = &mut state.folders else {
                return;
            };
            if deed == Deed::Unwatch {
                folders.unwatched.insert(MailboxName::inbox());
            }
            if deed == Deed::Overflow {
                // What had not been told yet is part of it.
                folders.hints.clear();
            }
            folders.id
        };
        let event = super::outside::Event::LocalHint(event, Hint::Everything);
        self.outside.deliver(event);
    }

    fn trouble(&mut self, call: u64) {
        let moments = [When::Before, When::Middle, When::After];
        let moment = moments[self.rng.below(3)];
        let errors = [
            DiskError::Io,
            DiskError::Full,
            DiskError::Quota,
            DiskError::Denied,
        ];
        let error = errors[self.rng.below(errors.len())];
        let (place, trouble) = match self.rng.below(5) {
            0 => (Place::Server, Trouble::Refuse),
            1 => (Place::Local, Trouble::Disk(error, moment)),
            2 => (Place::Store, Trouble::Disk(error, When::Before)),
            _ => (Place::Server, Trouble::Cut(moment)),
        };
        let call = self.world().steps.calls(place) + call;
        self.world().steps.trouble_at(place, call, trouble);
        let now = self.now();
        self.outside.state.borrow_mut().rules.excuse(now);
    }

    fn act(&mut self, count: usize) {
        let resting = !matches!(
            self.activity(),
            Some(Activity::Syncing | Activity::Connecting)
        );
        if self.chaos.polite && !resting {
            return self.plan(Duration::from_secs(1), Deed::Act(count));
        }
        for _ in 0..count {
            self.outside.note("somebody acts");
            let mix = Mix { ..self.chaos.mix };
            let world = self.world().clone();
            world.random_action(&mut self.rng, mix);
        }
    }
}
