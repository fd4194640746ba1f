//! The journal of systemd, with a field for each thing that is known: account, mailbox, UID.
//!
//! journald's own protocol: `NAME=value` lines in one datagram. No value has a control character in it, so every value
//! fits on its line.

use std::fmt::{self, Write as _};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::cli::render;

const SOCKET: &str = "/run/systemd/journal/socket";

/// What is longer is cut, so that an entry fits into one datagram whatever a server says. In characters.
const LONGEST: usize = 4000;

/// The most fields of one entry; see [`LONGEST`].
const MOST: usize = 12;

/// The fields that an entry's text begins with, and how.
const PLACES: [(&str, &str); 3] = [("account", ""), ("mailbox", ""), ("uid", "uid ")];

/// Names that mean something else to the journal.
const TAKEN: [&str; 4] = ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "TARGET"];

/// Writes events to the journal.
#[derive(Debug)]
pub(super) struct Journal(UnixDatagram);

impl Journal {
    /// The journal, if standard error leads there: then lines on it would come without fields.
    pub(super) fn behind_stderr() -> Option<Self> {
        let told = std::env::var("JOURNAL_STREAM").ok()?;
        let stderr = std::fs::metadata("/proc/self/fd/2").ok()?;
        is_stream(&told, stderr.dev(), stderr.ino())
            .then(|| Self::at(Path::new(SOCKET)).ok())
            .flatten()
    }

    fn at(socket: &Path) -> io::Result<Self> {
        let datagrams = UnixDatagram::unbound()?;
        datagrams.connect(socket)?;
        Ok(Self(datagrams))
    }
}

/// Whether `$JOURNAL_STREAM` (device and inode, decimal, a colon between them) is this file.
fn is_stream(told: &str, device: u64, inode: u64) -> bool {
    told.split_once(':')
        .is_some_and(|(told_device, told_inode)| {
            told_device.parse() == Ok(device) && told_inode.parse() == Ok(inode)
        })
}

/// The fields of a span or an event, nothing in them that could steer a terminal.
#[derive(Clone, Debug, Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    fn put(&mut self, name: &'static str, value: &str) {
        let value: String = render::plain(value).chars().take(LONGEST).collect();
        if name == "message" {
            self.message = value;
        } else if let Some((_, known)) = self.others.iter_mut().find(|(known, _)| *known == name) {
            *known = value;
        } else if self.others.len() < MOST {
            self.others.push((name, value));
        }
    }

    /// The text that people see: where, what, and the other fields.
    fn text(&self) -> String {
        let mut text = String::new();
        for (place, word) in PLACES {
            if let Some((_, value)) = self.others.iter().find(|(name, _)| *name == place) {
                let _ = write!(text, "{word}{value}: ");
            }
        }
        text.push_str(&self.message);
        for (name, value) in &self.others {
            if PLACES.iter().all(|(place, _)| place != name) {
                let _ = write!(text, " {name}={value}");
            }
        }
        text
    }

    fn entry(&self, level: Level, target: &str) -> String {
        let priority = match level {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        let mut entry = format!(
            "MESSAGE={}\nPRIORITY={priority}\nSYSLOG_IDENTIFIER=mailferry\nTARGET={target}\n",
            self.text()
        );
        for (name, value) in &self.others {
            let _ = writeln!(entry, "{}={value}", field_name(name));
        }
        entry
    }
}

/// Capitals, digits and underscores, a letter first.
fn field_name(name: &str) -> String {
    let allowed = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    let name: String = name.chars().take(60).map(allowed).collect();
    if name.starts_with(|c: char| c.is_ascii_uppercase()) && !TAKEN.contains(&name.as_str()) {
        name
    } else {
        format!("F_{name}")
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), &format!("{value:?}"));
    }
}

impl<S> Layer<S> for Journal
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        let spans = context.event_scope(event);
        for span in spans.into_iter().flat_map(Scope::from_root) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                for (name, value) in &of_span.others {
                    fields.put(name, value);
                }
            }
        }
        event.record(&mut fields);
        let metadata = event.metadata();
        let entry = fields.entry(*metadata.level(), metadata.target());
        if self.0.send(entry.as_bytes()).is_err() {
            // journald is being restarted: what it reads from standard error is kept meanwhile.
            let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("{}\n", fields.text()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// What the journal gets of what this logs.
    fn entries(log: impl FnOnce(), count: usize) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("journal");
        let journal = UnixDatagram::bind(&path).unwrap();
        journal
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let layer = Journal::at(&path).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let mut buffer = vec![0; 200_000];
        let mut next = || {
            let length = journal.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn an_event_has_its_own_fields_and_those_around_it() {
        let log = || {
            let span = tracing::error_span!("account", account = "work", mailbox = "INBOX");
            let _inside = span.enter();
            tracing::warn!(mailbox = %"Archive", uid = 7_u32, size = 12, "too large");
        };
        let [entry] = &entries(log, 1)[..] else {
            unreachable!()
        };
        let target = module_path!();
        assert_eq!(
            *entry,
            format!(
                "MESSAGE=work: Archive: uid 7: too large size=12\nPRIORITY=4\nSYSLOG_IDENTIFIER=mailferry\n\
                 TARGET={target}\nACCOUNT=work\nMAILBOX=Archive\nUID=7\nSIZE=12\n"
            )
        );
    }

    #[test]
    fn what_others_say_forges_no_field_and_steers_no_terminal() {
        let log = || tracing::error!(mailbox = "a\nPRIORITY=0", "NO \u{1b}[2J\u{7}\nMESSAGE=x");
        let entry = &entries(log, 1)[0];
        assert!(!entry.replace('\n', "").contains(char::is_control));
        let names: Vec<_> = entry
            .lines()
            .filter_map(|line| Some(line.split_once('=')?.0))
            .collect();
        assert_eq!(
            names,
            [
                "MESSAGE",
                "PRIORITY",
                "SYSLOG_IDENTIFIER",
                "TARGET",
                "MAILBOX"
            ]
        );
    }

    #[test]
    fn what_is_very_long_still_arrives() {
        let long = "\u{1}".repeat(1 << 20);
        let log = || tracing::error!(a = %long, b = %long, c = %long, "{long}");
        assert_eq!(entries(log, 1)[0].lines().count(), 7);
    }

    #[test]
    fn levels_become_priorities_and_names_are_those_of_the_journal() {
        let of = |level| Fields::default().entry(level, "x");
        for (level, priority) in [
            (Level::ERROR, 3),
            (Level::INFO, 6),
            (Level::DEBUG, 7),
            (Level::TRACE, 7),
        ] {
            assert!(of(level).contains(&format!("\nPRIORITY={priority}\n")));
        }
        for (name, field) in [
            ("uid", "UID"),
            ("log.target", "LOG_TARGET"),
            ("_x", "F__X"),
            ("priority", "F_PRIORITY"),
        ] {
            assert_eq!(field_name(name), field);
        }
    }

    #[test]
    fn the_stream_is_known_by_device_and_inode() {
        assert!(is_stream("8:1234", 8, 1234));
        for other in ["8:1235", "9:1234", "8", "", "x:1234"] {
            assert!(!is_stream(other, 8, 1234), "{other:?}");
        }
    }
}
