//! mbsync (isync 1.0 to 1.5): sections that blank lines end.
//!
//! Every pair of an IMAP store and a Maildir store that a channel connects becomes an account; further channels between
//! the two add mailboxes to it.

mod channel;
mod server;
mod store;

use super::document::Document;
use super::words::{Words, split};
use super::{Context, ImportError};

/// What kind of thing a section defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Account,
    ImapStore,
    MaildirStore,
    Channel,
    Group,
}

/// A section: a keyword with a name, and the lines below it.
#[derive(Clone, Debug)]
struct Section {
    kind: Kind,
    name: String,
    line: usize,
    lines: Vec<Words>,
}

impl Section {
    /// The last line with this keyword.
    fn get(&self, keyword: &str) -> Option<&Words> {
        self.lines
            .iter()
            .rev()
            .find(|words| words.keyword == keyword)
    }

    /// The last line with one of these keywords.
    fn any(&self, keywords: &[&str]) -> Option<&Words> {
        let wanted = |words: &&Words| keywords.contains(&words.keyword.as_str());
        self.lines.iter().rev().find(wanted)
    }
}

/// The whole file.
#[derive(Clone, Debug)]
struct File {
    /// Lines outside of all sections.
    global: Section,
    sections: Vec<Section>,
}

impl File {
    fn find(&self, kinds: &[Kind], name: &str) -> Option<&Section> {
        let wanted = |section: &&Section| kinds.contains(&section.kind) && section.name == name;
        self.sections.iter().find(wanted)
    }
}

pub(super) fn convert(text: &str, context: &Context<'_>) -> Result<Document, ImportError> {
    let file = read(text)?;
    let mut document = Document::default();
    let mut pairs: Vec<channel::Pair<'_>> = Vec::new();
    for section in &file.sections {
        if section.kind == Kind::Channel {
            channel::read(&file, section, &mut pairs, &mut document)?;
        }
    }
    for pair in &pairs {
        channel::write(&file, pair, context, &mut document);
    }
    for words in &file.global.lines {
        global(words, &mut document);
    }
    Ok(document)
}

fn read(text: &str) -> Result<File, ImportError> {
    let mut sections: Vec<Section> = Vec::new();
    let mut global = Section {
        kind: Kind::Group,
        name: String::new(),
        line: 0,
        lines: Vec::new(),
    };
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            open = false;
            continue;
        }
        let Some(words) = split(number + 1, line)? else {
            continue;
        };
        // A group may list its channels one to a line.
        let listed = open
            && words.keyword == "channel"
            && sections
                .last()
                .is_some_and(|section| section.kind == Kind::Group);
        if let Some(kind) = begins(&words).filter(|_| !listed) {
            sections.push(Section {
                kind,
                name: words.first().to_owned(),
                line: words.line,
                lines: if kind == Kind::Group {
                    vec![words]
                } else {
                    Vec::new()
                },
            });
            open = true;
        } else if let (true, Some(section)) = (open, sections.last_mut()) {
            section.lines.push(words);
        } else {
            global.lines.push(words);
        }
    }
    Ok(File { global, sections })
}

fn begins(words: &Words) -> Option<Kind> {
    Some(match words.keyword.as_str() {
        "imapaccount" => Kind::Account,
        "imapstore" => Kind::ImapStore,
        "maildirstore" => Kind::MaildirStore,
        "channel" => Kind::Channel,
        "group" => Kind::Group,
        _ => return None,
    })
}

/// What stands outside of all sections and is no default of channels.
fn global(words: &Words, document: &mut Document) {
    match words.keyword.as_str() {
        // Where mbsync keeps its state says nothing to us, and mail is always durable and keeps its date.
        "syncstate" | "fsync" | "bufferlimit" | "copyarrivaldate" | "fielddelimiter" => {}
        // Read with each channel.
        "sync" | "create" | "remove" | "expunge" | "expungesolo" => {}
        "maxmessages" | "maxsize" | "expireunread" => {
            document.note(
                words.line,
                "mailferry keeps whole mailboxes; there is no limit to set",
            );
        }
        other => document.note(
            words.line,
            &format!("`{other}` is not known outside of a section"),
        ),
    }
}
