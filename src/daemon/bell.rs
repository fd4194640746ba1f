//! Tells the herald that there is something to be told: in the outbox, or what is never written down.

use std::cell::RefCell;
use std::collections::VecDeque;

use tokio::sync::Notify;

use super::view::Notice;

/// So much of what is not written down waits while a listener is busy; of more than that the oldest is forgotten.
const MOST: usize = 256;

/// Something that listeners hear of once, or never if the program ends before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tale {
    /// What the account's task says.
    Notice(Notice),
    /// How the account is, in one word.
    State(String),
}

/// Rung by whoever has something to tell.
#[derive(Debug, Default)]
pub struct Bell {
    wake: Notify,
    tales: RefCell<VecDeque<Tale>>,
}

impl Bell {
    /// There is something in the outbox.
    pub fn ring(&self) {
        self.wake.notify_one();
    }

    /// Has this told after what is in the outbox.
    pub fn say(&self, tale: Tale) {
        let mut tales = self.tales.borrow_mut();
        if tales.len() >= MOST {
            tales.pop_front();
        }
        tales.push_back(tale);
        drop(tales);
        self.ring();
    }

    /// Waits until it rings. What rang before counts.
    pub(super) async fn rung(&self) {
        self.wake.notified().await;
    }

    pub(super) fn take(&self) -> VecDeque<Tale> {
        self.tales.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_never_answers_costs_no_memory() {
        let bell = Bell::default();
        for number in 0..10_000 {
            bell.say(Tale::State(number.to_string()));
        }
        let kept = bell.take();
        assert_eq!(kept.len(), MOST);
        assert_eq!(kept.back(), Some(&Tale::State("9999".to_owned())));
    }
}
