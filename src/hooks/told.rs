//! Events as hooks are told of them: made once, however many hooks hear of it.

use std::sync::Arc;

use super::event::Event;
use crate::sync::{Happened, NewsId, Occasion, Side, Subject};

/// One event.
pub(super) struct Told {
    pub event: Event,
    pub matter: Matter,
}

/// What it is about.
pub(super) enum Matter {
    /// A message.
    Message {
        id: NewsId,
        side: Side,
        what: Happened,
        subject: Arc<Subject>,
    },
    /// Anything else.
    Other(Occasion),
}

impl Told {
    pub fn of(occasion: &Occasion) -> Arc<Self> {
        let matter = match occasion {
            Occasion::Message {
                id,
                side,
                what,
                subject,
            } => Matter::Message {
                id: *id,
                side: *side,
                what: what.clone(),
                subject: Arc::new(subject.clone()),
            },
            other => Matter::Other(other.clone()),
        };
        Arc::new(Self {
            event: Event::of(occasion),
            matter,
        })
    }
}
