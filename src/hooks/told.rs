//! Events as hooks are told of them: made once, however many hooks hear of it.

use std::sync::Arc;

use super::event::Event;
use super::heads::{Kept, Post};
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
    /// What is told of a batch.
    pub fn all<'a>(occasions: impl Iterator<Item = &'a Occasion>) -> Vec<Arc<Self>> {
        let kept = Arc::default();
        occasions.map(|one| Self::of(one, &kept)).collect()
    }

    fn of(occasion: &Occasion, kept: &Arc<Kept>) -> Arc<Self> {
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
                post: Post::new(Arc::clone(subject), kept),
            },
            other => Matter::Other(other.clone()),
        };
        Arc::new(Self {
            event: Event::of(occasion),
            matter,
        })
    }
}
