//! What is logged, and where: standard error, one line each; under systemd the journal, with fields.
//!
//! Libraries that see passwords or mail are held to warnings whatever the user asks for, so that no log ever has a
//! secret in it.

mod journal;

use std::io::{self, Write};

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use self::journal::Journal;
use super::progress::Terminal;
use super::render;

/// The crates that may not say more than warnings.
const FENCED: [&str; 4] = ["async_imap", "imap_proto", "rustls", "tokio_rustls"];

/// Starts logging. `verbosity` counts `-v` up and `-q` down. Lines of what runs for long are `dated`; the journal dates its own.
pub(super) fn start(verbosity: i16, dated: bool, terminal: &Terminal) {
    if let Some(journal) = Journal::behind_stderr() {
        let journal = journal.with_filter(levels(verbosity).and(filter_fn(harmless)));
        let _ = tracing_subscriber::registry().with(journal).try_init();
        return;
    }
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(Lines(terminal.clone()))
        .with_ansi(false)
        .with_target(verbosity > 1);
    let lines = if dated || verbosity > 1 {
        lines.boxed()
    } else {
        lines.without_time().boxed()
    };
    let lines = lines.with_filter(levels(verbosity).and(filter_fn(harmless)));
    // Somebody has set a logger before: that one stays.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}

/// What the user asked for: `MAILFERRY_LOG`, else `RUST_LOG`, else as many `-v` and `-q`.
fn levels(verbosity: i16) -> EnvFilter {
    let asked = ["MAILFERRY_LOG", "RUST_LOG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty());
    if let Some(asked) = asked {
        return EnvFilter::builder()
            .with_default_directive(LevelFilter::WARN.into())
            .parse_lossy(asked);
    }
    EnvFilter::new(usual(verbosity))
}

/// What scripts say is for their user, as much as a warning is: it is what `mailferry.log` is there for. So is what the
/// daemon says of its beginning and of a new configuration.
fn usual(verbosity: i16) -> &'static str {
    match verbosity {
        ..=-2 => "off",
        -1 => "error",
        0 => "warn,hook=info,daemon=info",
        1 => "warn,hook=info,daemon=info,mailferry=info",
        2 => "warn,hook=info,daemon=info,mailferry=debug",
        _ => "info,mailferry=trace",
    }
}

fn harmless(metadata: &Metadata<'_>) -> bool {
    may_say(metadata.target(), *metadata.level())
}

fn may_say(target: &str, level: Level) -> bool {
    let top = target.split("::").next().unwrap_or_default();
    level <= Level::WARN || !FENCED.contains(&top)
}

/// Writes whole lines, above the progress bars if there are any, with control characters escaped.
struct Lines(Terminal);

struct Line<'a> {
    terminal: &'a Terminal,
    text: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            terminal: &self.0,
            text: Vec::new(),
        }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Line<'_> {
    fn shown(&self) -> String {
        render::plain(String::from_utf8_lossy(&self.text).trim_end())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let line = self.shown();
        if !line.is_empty() {
            self.terminal.line(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_see_passwords_say_no_more_than_warnings() {
        assert!(!may_say("async_imap::client", Level::TRACE));
        assert!(!may_say("rustls", Level::INFO));
        assert!(may_say("rustls::conn", Level::WARN));
        assert!(may_say("mailferry::imap", Level::TRACE));
    }

    #[test]
    fn what_others_say_stays_on_one_line() {
        let terminal = Terminal::hidden();
        let mut line = Line {
            terminal: &terminal,
            text: Vec::new(),
        };
        line.write_all(b"a\n\x1b[2Jb\n").unwrap();
        assert_eq!(line.shown(), "a\\u{a}\\u{1b}[2Jb");
        line.text.clear();
    }
}
