//! Keeps a password out of what is shown of a server's words: some repeat what they were told, at the login or later.
//!
//! It knows no connection; it is asked about texts.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{Mechanism, Secret};

/// What stands where a text was left out.
pub const LEFT_OUT: &str = "(its words repeat the password and are left out)";

/// A password in the ways in which it may have been sent or may be shown. The default covers nothing.
#[derive(Clone, Default)]
pub struct Veil(Arc<Vec<Zeroizing<String>>>);

impl Veil {
    /// For what was said at the login with this password; `escape` is how texts are made fit to be shown.
    #[must_use]
    pub fn new(user: &str, password: &Secret, escape: fn(&str) -> String) -> Self {
        let coded = Mechanism::plain(user, password.clone())
            .map(|mechanism| STANDARD.encode(mechanism.initial_response()))
            .unwrap_or_default();
        let spelled = Zeroizing::new(String::from_utf8_lossy(password.expose()).into_owned());
        let quoted = spelled.replace('\\', "\\\\").replace('"', "\\\"");
        let escaped = escape(&spelled);
        let mut forms: Vec<_> = [coded, quoted, escaped].map(Zeroizing::new).into();
        forms.push(spelled);
        forms.retain(|form| !form.is_empty());
        Self(Arc::new(forms))
    }

    /// Whether the text gives the password away.
    #[must_use]
    pub fn covers(&self, text: &str) -> bool {
        self.0.iter().any(|secret| gives_away(text, secret))
    }
}

impl fmt::Debug for Veil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Veil(..)")
    }
}

/// Whether the secret is in the text, or the beginning of it at the end, where the text was cut.
fn gives_away(text: &str, secret: &str) -> bool {
    let cut = |(at, _)| at >= 4 && secret.get(..at).is_some_and(|part| text.ends_with(part));
    text.contains(secret) || secret.char_indices().any(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escape(text: &str) -> String {
        text.escape_default().to_string()
    }

    fn veil() -> Veil {
        Veil::new("alice", &Secret::new("pa\"ss\u{1b}word"), escape)
    }

    #[test]
    fn each_way_of_saying_it_is_covered() {
        for text in [
            "no pa\"ss\u{1b}word here",
            "LOGIN alice \"pa\\\"ss\u{1b}word\"",
            "AGFsaWNlAHBhInNzG3dvcmQ=",
            "cut: pa\"ss",
        ] {
            assert!(veil().covers(text), "{text}");
        }
        assert!(veil().covers(&escape("x pa\"ss\u{1b}word")));
    }

    #[test]
    fn other_words_are_not() {
        assert!(!veil().covers("Mailbox does not exist"));
        assert!(!Veil::default().covers("anything"));
        assert!(!Veil::new("", &Secret::new(""), escape).covers("anything"));
    }

    #[test]
    fn it_does_not_show_itself() {
        assert_eq!(format!("{:?}", veil()), "Veil(..)");
    }
}
