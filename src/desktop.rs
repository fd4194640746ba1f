//! Notifications: new mail, and what the user has to know of, on the desktop.
//!
//! A pure half decides what is on the screen ([`words`] come in; `board`, `shelf`, `notices`, `bubble`), and one task
//! tells it to whatever server there is (`task`, `server`). Nothing here can hold up anything: what is told goes into a
//! channel, and what cannot be shown is not shown. Knows no account's state, and how nothing is done to mail: what the
//! user asks for from a bubble goes back as [`Request`].
//!
//! The bus is looked for when there is something to show, and nothing is said there at other times.

mod board;
mod bubble;
mod clipboard;
mod muted;
mod notices;
mod open;
mod pace;
mod server;
mod shelf;
mod task;
#[cfg(test)]
mod tests;
mod text;
mod trial;
mod words;

pub use self::bubble::{Abilities, Bubble};
pub use self::clipboard::can_copy;
pub use self::server::{Bus, DesktopError, Server};
pub use self::task::{Desktop, Setup, State};
pub use self::text::line;
pub use self::trial::{Trial, test};
pub use self::words::{
    Arrival, Button, Chosen, Done, Gone, Letter, Notice, Privacy, Quiet, Request, Rules, Topic,
    Urgency, Wish,
};
