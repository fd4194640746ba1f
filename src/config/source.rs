//! The text of the configuration file: lines, columns, and what of it may be shown.
//!
//! A mistake is shown with its source line. The line may hold a password, so everything that could be one is blotted
//! out first, also where the TOML is too broken to know what belongs to which key.

use std::ops::Range;

use super::nearest::distance;

/// A place in the file, both counted from one; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub line: usize,
    pub column: usize,
}

/// A source line as it may be shown, and where the marks go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snippet {
    pub text: String,
    /// Characters before the first mark.
    pub indent: usize,
    /// How many marks.
    pub marks: usize,
}

/// What stands in place of a secret.
const BLOT: &str = "\"...\"";

/// Longest line that is shown.
const WIDTH: usize = 120;

/// Where a byte offset is.
pub(super) fn place(text: &str, offset: usize) -> Place {
    let before = floor(text, offset);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Place {
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
    }
}

/// The dotted key that a place belongs to, as far as broken TOML lets one say: the last table header above it and the
/// key on its line.
pub(super) fn key_at(text: &str, offset: usize) -> String {
    let line_start = floor(text, offset).rfind('\n').map_or(0, |at| at + 1);
    let (above, rest) = text.split_at_checked(line_start).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default();
    let header = above.lines().rev().find_map(|line| {
        let inner = line.trim_start().strip_prefix('[')?;
        let inner = inner.strip_prefix('[').unwrap_or(inner);
        let (name, _) = inner.split_once(']')?;
        bare_key(name)
    });
    let own = line.split_once('=').and_then(|(key, _)| bare_key(key));
    let parts: Vec<String> = header.into_iter().chain(own).collect();
    parts.join(".")
}

/// The text if it can be a key without quotes.
fn bare_key(text: &str) -> Option<String> {
    let text = text.trim();
    let fine = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (!text.is_empty() && text.chars().all(fine)).then(|| text.to_owned())
}

/// The line of a span and the marks under it, ready to be shown.
pub(super) fn snippet(text: &str, span: &Range<usize>) -> Snippet {
    let before = floor(text, span.start);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let rest = text.get(line_start..).unwrap_or_default();
    let line = rest.split('\n').next().unwrap_or_default();
    let line = line.strip_suffix('\r').unwrap_or(line);
    let indent = before.get(line_start..).unwrap_or_default().chars().count();
    let span_text = floor(text, span.end)
        .get(before.len()..)
        .unwrap_or_default();
    let marked = span_text.split('\n').next().unwrap_or_default();

    let shown = blotted(text.get(..line_start).unwrap_or_default(), line);
    let shown: String = shown.chars().take(WIDTH).map(visible).collect();
    let length = shown.chars().count();
    let indent = indent.min(length);
    let marks = marked
        .trim_end()
        .chars()
        .count()
        .min(length - indent)
        .max(1);
    Snippet {
        text: shown,
        indent,
        marks,
    }
}

/// The text up to an offset, or up to the character before it.
fn floor(text: &str, offset: usize) -> &str {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// One character for one, so that the marks stay under what they mark.
fn visible(character: char) -> char {
    match character {
        '\t' => ' ',
        other if other.is_control() => '\u{fffd}',
        other => other,
    }
}

/// The line without what may be a secret. `above` tells what a line without a key of its own belongs to.
fn blotted(above: &str, line: &str) -> String {
    if let Some(at) = secret_value(line) {
        let kept = line.get(..at).unwrap_or_default();
        return format!("{kept} {BLOT}");
    }
    let own_key = line.contains('=') || line.trim_start().starts_with(['[', '#']);
    let key_above = above
        .lines()
        .rev()
        .take(200)
        .find(|line| line.contains('='));
    let continues_secret = key_above.is_some_and(|key| {
        secret_value(key).is_some()
            && key.matches("\"\"\"").count() % 2 + key.matches("'''").count() % 2 > 0
    });
    if continues_secret || (!own_key && key_above.is_some_and(|key| secret_value(key).is_some())) {
        return BLOT.to_owned();
    }
    line.to_owned()
}

/// Where in the line the value of a key begins that is called `password`, or nearly so.
fn secret_value(line: &str) -> Option<usize> {
    line.match_indices('=').find_map(|(at, _)| {
        let before = line.get(..at)?.trim_end().trim_end_matches(['"', '\'']);
        let start = before
            .rfind(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
            .map_or(0, |at| at + 1);
        let key = before.get(start..)?.to_lowercase();
        is_secret_key(&key).then_some(at + 1)
    })
}

/// Whether a key's value has to stay unseen. The four keys that only say where a password comes from are not secret.
fn is_secret_key(key: &str) -> bool {
    const HARMLESS: [&str; 4] = [
        "password_file",
        "password_command",
        "password_keyring",
        "password_credential",
    ];
    if HARMLESS.iter().any(|harmless| distance(key, harmless) <= 3) {
        return false;
    }
    key.len() <= 40
        && (key.contains("pass")
            || key.contains("secret")
            || key.contains("token")
            || key.contains("oauth")
            || ["pwd", "pw", "passphrase"].contains(&key)
            || distance(key, "password") <= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters() {
        let text = "a = 1\nmäil = \"x\"\n";
        assert_eq!(place(text, 0), Place { line: 1, column: 1 });
        let offset = text.find("\"x").unwrap();
        assert_eq!(place(text, offset), Place { line: 2, column: 8 });
        assert_eq!(place(text, 10_000), Place { line: 3, column: 1 });
    }

    #[test]
    fn broken_lines_still_have_a_key() {
        let text = "a = 1\n[accounts.work]\nhost = \nport 993\n[accounts\n";
        let at = |needle: &str| key_at(text, text.find(needle).unwrap() + 1);
        assert_eq!(at("a ="), "a");
        assert_eq!(at("[accounts.work"), "");
        assert_eq!(at("host"), "accounts.work.host");
        assert_eq!(at("port"), "accounts.work");
        assert_eq!(key_at(text, 10_000), "accounts.work");
    }

    #[test]
    fn the_marks_are_under_the_span() {
        let text = "a = 1\r\n  port = 70000\r\n";
        let start = text.find("70000").unwrap();
        let snippet = snippet(text, &(start..start + 5));
        assert_eq!(snippet.text, "  port = 70000");
        assert_eq!((snippet.indent, snippet.marks), (9, 5));
    }

    #[test]
    fn passwords_are_never_shown() {
        for text in [
            "password = \"hunter2\"",
            "pasword = \"hunter2\"",
            "passwrd='hunter2'",
            "\"password\" = \"hunter2\"",
            "password = \"hunter2",
            "work = { host = \"h\", password = \"hunter2\" }",
            "accounts.work.password=\"a=hunter2\"",
            "Password = hunter2",
            "password = \"\"\"\nhunter2\"\"\"",
            "password = \"\"\"\na = hunter2\"\"\"",
            "password =\n\"hunter2\"",
            "access_token = \"hunter2\"",
        ] {
            let at = text.find("hunter2").unwrap();
            for start in [0, at] {
                let shown = snippet(text, &(start..text.len()));
                assert!(!shown.text.contains("hunter2"), "{text} -> {}", shown.text);
            }
        }
    }

    #[test]
    fn commands_are_shown() {
        for text in ["password_command = [\"pass\"]", "pasword_comand = \"pass\""] {
            assert_eq!(snippet(text, &(0..3)).text, text);
        }
    }

    #[test]
    fn a_terminal_is_not_steered() {
        assert_eq!(
            snippet("a = \"\u{1b}[31m\"", &(0..1)).text,
            "a = \"\u{fffd}[31m\""
        );
    }
}
