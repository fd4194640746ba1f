//! Events as hooks are told of them: made once, however many hooks hear of it.

use std::sync::Arc;

use super::event::Event;
use super::heads::Post;
use crate::sync::{Happened, NewsId, Occasion, Side};

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
        by_listener: bool,
        what: Happened,
        post: Arc<Post>,
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
                by_listener,
                what,
                subject,
            } => Matter::Message {
                id: *id,
                side: *side,
                by_listener: *by_listener,
                what: what.clone(),
                post: Post::new(subject.clone()),
            },
            other => Matter::Other(other.clone()),
        };
        Arc::new(Self {
            event: Event::of(occasion),
            matter,
        })
    }
}
