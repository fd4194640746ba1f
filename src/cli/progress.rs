//! Progress on a terminal: a bar per account with messages, bytes, rate and the time that is left.
//!
//! Without a terminal there is no bar and nothing is drawn.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::rc::Rc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::render;
use super::times::span;
use crate::daemon::Bell;
use crate::engine::ports::{Event, Observer};

/// A line has 80 columns at least; what does not fit where there are fewer is cut off.
const STYLE: &str = "{prefix:12!} {bar:12} {wide_msg}";

/// Standard error, which log lines and bars share.
#[derive(Clone, Debug)]
pub struct Terminal {
    bars: Option<MultiProgress>,
}

impl Terminal {
    /// Standard error, with bars if it is a terminal.
    #[must_use]
    pub fn of_stderr() -> Self {
        let bars = io::stderr().is_terminal().then(MultiProgress::new);
        Self { bars }
    }

    /// Standard error without bars.
    #[must_use]
    pub fn hidden() -> Self {
        Self { bars: None }
    }

    /// Writes a line, above the bars.
    pub fn line(&self, text: &str) {
        // That nobody can read it changes nothing.
        let write = || {
            let _ = writeln!(io::stderr(), "{text}");
        };
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    /// The progress of one account.
    #[must_use]
    pub fn account(&self, name: &str) -> AccountProgress {
        AccountProgress {
            name: name.to_owned(),
            bars: self.bars.clone(),
            bar: RefCell::new(None),
            total: Cell::new(0),
            done: Cell::new(0),
            octets: Cell::new(0),
            bell: Rc::default(),
        }
    }
}

/// One account's progress; the engine tells it what happens.
#[derive(Debug)]
pub struct AccountProgress {
    name: String,
    bars: Option<MultiProgress>,
    /// Drawn from the first message on: a pass that carries nothing shows nothing.
    bar: RefCell<Option<ProgressBar>>,
    total: Cell<u64>,
    done: Cell<u64>,
    octets: Cell<u64>,
    bell: Rc<Bell>,
}

impl AccountProgress {
    /// Rings when there is something to tell listeners.
    #[must_use]
    pub fn bell(&self) -> Rc<Bell> {
        Rc::clone(&self.bell)
    }

    /// Messages carried over so far, and how many there are to be.
    #[must_use]
    pub fn messages(&self) -> (u64, u64) {
        (self.done.get(), self.total.get())
    }

    fn with_bar(&self, act: impl FnOnce(&ProgressBar)) {
        let Some(bars) = &self.bars else { return };
        let mut slot = self.bar.borrow_mut();
        let bar = slot.get_or_insert_with(|| {
            // One without a length would look full.
            let bar = bars.add(ProgressBar::new(self.total.get().max(1)));
            // A style that cannot be read leaves the default one, which is fine.
            if let Ok(style) = ProgressStyle::with_template(STYLE) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_prefix(self.name.clone());
            bar
        });
        act(bar);
        bar.set_message(self.told(bar.elapsed()));
    }

    /// What was carried so far, how fast, and how long it goes on. Servers rarely say how much there is to come, so the
    /// bar and the time that is left go by messages.
    fn told(&self, elapsed: Duration) -> String {
        let (done, total) = self.messages();
        let octets = self.octets.get();
        let millis = u64::try_from(elapsed.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        let rate = octets.saturating_mul(1000) / millis;
        let mut told = format!("{done}/{total} messages");
        let left = millis.saturating_mul(total.saturating_sub(done));
        if let Some(left) = left.checked_div(done) {
            let (octets, rate, left) = (size(octets), size(rate), span(left / 1000));
            let _ = write!(told, "  {octets}  {rate}/s  {left} left");
        }
        told
    }
}

/// Octets in three or four digits.
fn size(octets: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut number = octets;
    let mut units = units.iter();
    let mut unit = units.next();
    while number >= 1024 {
        let Some(larger) = units.next() else { break };
        (number, unit) = (number / 1024, Some(larger));
    }
    format!("{number} {}", unit.unwrap_or(&"B"))
}

impl Observer for AccountProgress {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Total { messages, .. } => {
                // Each plan of a pass announces its own; what earlier plans carried stays counted.
                self.total.set(self.done.get() + messages);
                if messages > 0 {
                    self.with_bar(|bar| bar.set_length(self.total.get()));
                }
            }
            Event::Done { octets } => {
                self.done.set(self.done.get() + 1);
                self.octets.set(self.octets.get() + octets);
                self.with_bar(|bar| bar.set_position(self.done.get()));
            }
            Event::News => self.bell.ring(),
            Event::Mailbox(mailbox) => {
                tracing::info!(account = %self.name, mailbox = %mailbox, "looking at a mailbox");
            }
            Event::Remark { mailbox, text } => {
                let text = render::plain(text);
                tracing::warn!(account = %self.name, mailbox = %mailbox, "{text}");
            }
            // It is part of the report, and said on standard error at the end.
            Event::Warning { mailbox, text } => {
                let text = render::plain(text);
                match mailbox {
                    Some(mailbox) => {
                        tracing::info!(account = %self.name, mailbox = %mailbox, "{text}");
                    }
                    None => tracing::info!(account = %self.name, "{text}"),
                }
            }
        }
    }
}

impl Drop for AccountProgress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use indicatif::ProgressDrawTarget;

    use super::*;

    #[test]
    fn messages_are_counted_without_a_terminal_too() {
        let progress = Terminal::hidden().account("work");
        progress.event(Event::Total {
            messages: 2,
            octets: 10,
        });
        progress.event(Event::Done { octets: 4 });
        assert_eq!(progress.messages(), (1, 2));
    }

    #[test]
    fn the_bar_follows_the_messages_of_all_plans() {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        let progress = Terminal { bars: Some(bars) }.account("work");
        for octets in [1024, 2048] {
            progress.event(Event::Total {
                messages: 1,
                octets: 0,
            });
            progress.event(Event::Done { octets });
        }
        assert_eq!(progress.messages(), (2, 2));
        let told = progress.told(Duration::from_secs(3));
        assert_eq!(told, "2/2 messages  3 KiB  1 KiB/s  0s left");
        let bar = progress.bar.take().unwrap();
        assert_eq!((bar.position(), bar.length()), (2, Some(2)));
        assert!(ProgressStyle::with_template(STYLE).is_ok());
    }

    #[test]
    fn the_line_fits_a_terminal_and_does_not_begin_full() {
        use unicode_width::UnicodeWidthStr as _;

        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        let progress = Terminal { bars: Some(bars) }.account("work");
        progress.event(Event::Total {
            messages: 100_000,
            octets: 0,
        });
        let begun = progress.told(Duration::ZERO);
        assert_eq!(begun, "0/100000 messages");
        progress.done.set(99_999);
        progress.event(Event::Done { octets: 1023 << 20 });
        let told = progress.told(Duration::from_secs(1));
        // Beside the name and the bar.
        assert!(told.width() <= 80 - 26, "{told}");
    }

    #[test]
    fn sizes_are_short() {
        let all = [0, 1023, 1024, 5 << 30, u64::MAX].map(size);
        assert_eq!(all, ["0 B", "1023 B", "1 KiB", "5 GiB", "16777215 TiB"]);
    }
}
