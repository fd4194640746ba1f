//! Where a password comes from.

use super::document::{Document, Password, TableId};
use super::{Context, names, value};
use crate::auth::Secret;

/// A shell's command, as program and arguments where it needs no shell.
pub(super) fn command(text: &str) -> Vec<String> {
    let plain = |character: char| character.is_alphanumeric() || "_-./:=@%+,~ ".contains(character);
    let words: Vec<&str> = text.split_whitespace().collect();
    let needs_shell = !text.chars().all(plain)
        || words.is_empty()
        || words.iter().skip(1).any(|word| word.starts_with('~'))
        || words.first().is_some_and(|word| word.contains('='));
    if needs_shell {
        return ["sh", "-c", text].map(str::to_owned).to_vec();
    }
    words.into_iter().map(str::to_owned).collect()
}

/// The password is printed by a program.
pub(super) fn by_command(document: &mut Document, table: TableId, text: &str) {
    let words = command(text);
    document.set(table, "password_command", value::list(words));
}

/// The password stands in the file: it goes into a file of its own.
pub(super) fn in_clear(
    document: &mut Document,
    context: &Context<'_>,
    (table, account): (TableId, &str),
    (line, password): (usize, &str),
) {
    let file = file_for(context, account);
    document.cannot(
        table,
        line,
        &format!(
            "the password stands here in the clear; --write puts it into {file}, or do it yourself and let only you read it (chmod 600)"
        ),
    );
    document.set_text(table, "password_file", &file);
    document.password(Password {
        file,
        secret: Secret::new(password),
    });
}

/// Nothing that can be carried over says what the password is.
pub(super) fn unknown(
    document: &mut Document,
    context: &Context<'_>,
    (table, account): (TableId, &str),
    (line, why): (usize, &str),
) {
    let file = file_for(context, account);
    document.cannot(
        table,
        line,
        &format!("{why}; put the password into {file} (chmod 600), or use password_command"),
    );
    document.set_text(table, "password_file", &file);
}

fn file_for(context: &Context<'_>, account: &str) -> String {
    names::join(context.directory, &format!("{account}.password"))
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn only_what_needs_a_shell_gets_one() {
        assert_eq!(
            command("pass show  mail/work"),
            ["pass", "show", "mail/work"]
        );
        for text in [
            "pass a | head -n1",
            "gpg -d ~/x",
            "A=b pass",
            "echo \"x\"",
            "cat $F",
        ] {
            assert_eq!(command(text), ["sh", "-c", text]);
        }
    }
}
