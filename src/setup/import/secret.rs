//! Where a password comes from.

use super::document::{Document, Password, TableId};
use super::{Context, names, value};
use crate::auth::Secret;
pub(super) use crate::setup::command::command;

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
