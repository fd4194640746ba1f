//! Names: of accounts, and of mailboxes as rules write them.

/// A name that an account may have, as close to this one as possible.
pub(super) fn account(name: &str) -> String {
    let fine = |character: char| {
        if character.is_ascii_alphanumeric() || "_-.".contains(character) {
            character
        } else {
            '-'
        }
    };
    let name: String = name.chars().map(fine).take(60).collect();
    let name = name.trim_matches(['.', '-']);
    if name.is_empty() { "mail" } else { name }.to_owned()
}

/// Whether a mailbox's name would be read as a pattern by our rules.
pub(super) fn is_pattern(name: &str) -> bool {
    name.starts_with('!') || name.contains(['*', '%', '?'])
}

/// Whether two names are both INBOX.
pub(super) fn is_inbox(name: &str) -> bool {
    name.eq_ignore_ascii_case("INBOX")
}

/// Puts a directory and a path below it together.
pub(super) fn join(directory: &str, below: &str) -> String {
    let directory = directory.trim_end_matches('/');
    let below = below.trim_start_matches('/');
    if below.is_empty() {
        return directory.to_owned();
    }
    format!("{directory}/{below}")
}

/// The path of `inner` below `outer`; `None` if it is not below it.
pub(super) fn below<'a>(inner: &'a str, outer: &str) -> Option<&'a str> {
    let rest = inner
        .trim_end_matches('/')
        .strip_prefix(outer.trim_end_matches('/'))?;
    if rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix('/')
        .map(|rest| rest.trim_start_matches('/'))
}

/// A path as our configuration takes it: `$HOME/` and `${HOME}/` become `~/`.
pub(super) fn path(text: &str) -> String {
    for home in ["$HOME/", "${HOME}/"] {
        if let Some(rest) = text.strip_prefix(home) {
            return format!("~/{rest}");
        }
    }
    text.to_owned()
}
