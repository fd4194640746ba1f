//! Errors of Lua as one line with file and line number, and text as it may stand in a log.

use mlua::Error;

/// The longest text that is shown, in characters.
const LONGEST: usize = 500;

/// The error in one line; `file` is what the script is called in tracebacks.
pub(super) fn error(error: &Error, file: &str) -> String {
    plain(&located(error, file))
}

/// Text of a script or a message, in one line and with control characters escaped.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count >= LONGEST {
            shown.push_str("...");
            break;
        }
        let hazard = character.is_control()
            || matches!(
                character,
                '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}'
            )
            || ('\u{202a}'..='\u{202e}').contains(&character)
            || ('\u{2066}'..='\u{2069}').contains(&character);
        if hazard {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

fn located(error: &Error, file: &str) -> String {
    let (message, traceback) = parts(error);
    let message = message
        .split("\nstack traceback:")
        .next()
        .unwrap_or_default()
        .trim();
    if message.contains(&format!("{file}:")) {
        return message.to_owned();
    }
    match place(&traceback, file) {
        Some(place) => format!("{place}: {message}"),
        None => format!("{file}: {message}"),
    }
}

/// The innermost message, and all the tracebacks around it.
fn parts(error: &Error) -> (String, String) {
    match error {
        Error::CallbackError { traceback, cause } => {
            let (message, inner) = parts(cause);
            (message, format!("{inner}\n{traceback}"))
        }
        Error::SyntaxError { message, .. } | Error::RuntimeError(message) => {
            (message.clone(), message.clone())
        }
        Error::MemoryError(message) => ("not enough memory".to_owned(), message.clone()),
        Error::BadArgument { cause, pos, to, .. } => {
            let (message, traceback) = parts(cause);
            let to = to.as_deref().unwrap_or("the function");
            (format!("argument {pos} of {to}: {message}"), traceback)
        }
        other => {
            let text = other.to_string();
            (text.clone(), text)
        }
    }
}

/// The first `file:line` of a traceback.
fn place(traceback: &str, file: &str) -> Option<String> {
    let prefix = format!("{file}:");
    traceback.match_indices(&prefix).find_map(|(at, _)| {
        let rest = traceback.get(at + prefix.len()..)?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        (!digits.is_empty()).then(|| format!("{prefix}{digits}"))
    })
}

/// Whether the memory limit is behind it.
pub(super) fn is_memory(error: &Error) -> bool {
    match error {
        Error::MemoryError(_) => true,
        Error::CallbackError { cause, .. } | Error::BadArgument { cause, .. } => is_memory(cause),
        Error::RuntimeError(message) => message.contains("not enough memory"),
        _ => false,
    }
}
