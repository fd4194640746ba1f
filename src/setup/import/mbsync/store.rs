//! Stores: where the Maildir is, and how its folders are called.

use super::super::document::{Document, TableId};
use super::super::{Context, names};
use super::{File, Kind, Section};

/// How a Maildir store lays out its folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LocalStore {
    /// The root as ours takes it.
    pub maildir: String,
    /// Whether it is Maildir++.
    pub plus: bool,
    /// INBOX, where it is not `<maildir>/INBOX`.
    pub inbox: Option<String>,
    /// What stands between levels in a directory's name, where that is not `/`.
    pub flat: Option<String>,
}

/// Reads a Maildir store.
pub(super) fn local(section: &Section) -> LocalStore {
    let inbox = section
        .get("inbox")
        .map_or("~/Maildir", |words| words.first());
    let inbox = names::path(inbox.trim_end_matches('/'));
    let style = section.get("subfolders").map_or("", |words| words.first());
    if style.eq_ignore_ascii_case("maildir++") {
        return LocalStore {
            maildir: inbox,
            plus: true,
            inbox: None,
            flat: None,
        };
    }
    let root = match section.get("path") {
        Some(words) => names::path(words.first().trim_end_matches('/')),
        // Only INBOX, or folders with whole paths.
        None => parent(&inbox),
    };
    let usual = names::below(&inbox, &root) == Some("INBOX");
    LocalStore {
        maildir: root,
        plus: false,
        inbox: (!usual).then_some(inbox),
        flat: section.get("flatten").map(|words| words.first().to_owned()),
    }
}

fn parent(path: &str) -> String {
    match path.rsplit_once('/') {
        Some(("", _)) | None => path.to_owned(),
        Some((parent, _)) => parent.to_owned(),
    }
}

/// Writes what a Maildir store says.
pub(super) fn write(
    document: &mut Document,
    table: TableId,
    section: &Section,
    context: &Context<'_>,
) -> Vec<(String, String)> {
    let store = local(section);
    let mut folders = Vec::new();
    if let Some(words) = section.get("path")
        && !words.first().ends_with('/')
        && !store.plus
    {
        document.cannot(
            table,
            words.line,
            "Path is a prefix of names and no directory; mailferry takes the directory",
        );
    }
    if let Some(words) = section.get("subfolders")
        && words.first().eq_ignore_ascii_case("legacy")
    {
        document.cannot(
            table,
            words.line,
            "folders of the style Legacy (top/.sub) are not known; `mbsync` can be told `SubFolders Verbatim` after they were renamed",
        );
    }
    document.set_text(table, "maildir", &store.maildir);
    if store.plus {
        document.set_text(table, "layout", "maildir++");
    }
    if let Some(inbox) = &store.inbox {
        match names::below(inbox, &store.maildir).filter(|below| !below.is_empty()) {
            Some(below) => folders.push(("INBOX".to_owned(), below.to_owned())),
            None => {
                let line = section
                    .get("inbox")
                    .map_or(section.line, |words| words.line);
                let target = names::join(&store.maildir, "INBOX");
                document.cannot(
                    table,
                    line,
                    &format!("INBOX is outside of maildir; a symbolic link brings it there: ln -s {inbox} {target}"),
                );
            }
        }
    }
    if let Some(delimiter) = store.flat.as_deref().filter(|it| !it.is_empty()) {
        let there = (context.folders)(&store.maildir);
        let flat = there
            .iter()
            .filter(|name| !name.contains('/') && name.contains(delimiter));
        folders.extend(flat.map(|name| (name.replace(delimiter, "/"), name.clone())));
        let line = section
            .get("flatten")
            .map_or(section.line, |words| words.line);
        document.cannot(
            table,
            line,
            "Flatten: the folders that exist are in [accounts.*.folders]; new ones will be nested",
        );
    }
    for words in &section.lines {
        match words.keyword.as_str() {
            "path" | "inbox" | "subfolders" | "flatten" => {}
            // The Maildir's own names tell; taken over as it is.
            "altmap" => {}
            "infodelimiter" | "fielddelimiter" if words.first() == ":" => {}
            "infodelimiter" | "fielddelimiter" => document.cannot(
                table,
                words.line,
                "file names whose flags do not begin with `:2,` are not read",
            ),
            "trash" | "trashnewonly" | "trashremotenew" => document.cannot(
                table,
                words.line,
                "deleted files go to .mailferry-trash in the Maildir",
            ),
            other => document.cannot(table, words.line, &unknown(other)),
        }
    }
    folders
}

/// The IMAP store of that name, and the section that says how to connect.
pub(super) fn remote<'a>(file: &'a File, name: &str) -> Option<(&'a Section, &'a Section)> {
    let store = file.find(&[Kind::ImapStore], name)?;
    let account = match store.get("account") {
        Some(words) => file.find(&[Kind::Account], words.first())?,
        None => store,
    };
    Some((store, account))
}

/// What is said of a keyword that means nothing to us.
pub(super) fn unknown(keyword: &str) -> String {
    match keyword {
        "maxsize" => "mailferry fetches whole messages, whatever their size".to_owned(),
        "maxmessages" | "expireunread" => "mailferry keeps whole mailboxes".to_owned(),
        other => format!("`{other}` has nothing like it"),
    }
}
