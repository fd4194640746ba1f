//! Keeps a password out of what is shown of a server's words: some repeat what they were told, at the login or later.
//!
//! It knows no connection; it is asked about texts.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::Secret;

/// What stands where a text was left out.
pub const LEFT_OUT: &str = "(its words repeat the password and are left out)";

/// Shorter pieces of base64 stand in many texts by chance.
const SHORTEST: usize = 5;

/// A password in the ways in which it may have been sent or may be shown. The default covers nothing.
#[derive(Clone, Default)]
pub struct Veil(Arc<Vec<Zeroizing<String>>>);

impl Veil {
    /// For what was said at the login with this password or token; `escape` is how texts are made fit to be shown.
    #[must_use]
    pub fn new(secret: &Secret, escape: fn(&str) -> String) -> Self {
        let octets = secret.expose();
        let spelled = Zeroizing::new(String::from_utf8_lossy(octets).into_owned());
        let quoted = spelled.replace('\\', "\\\\").replace('"', "\\\"");
        let escaped = escape(&spelled);
        let mut forms: Vec<_> = [quoted, escaped].map(Zeroizing::new).into();
        forms.push(spelled);
        forms.extend((0..3).map(|before| coded(octets, before)));
        forms.push(Zeroizing::new(STANDARD.encode(octets)));
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

/// What of the secret is to be seen in the base64 of whatever it stands in, behind so many octets more than a multiple of
/// three.
fn coded(secret: &[u8], before: usize) -> Zeroizing<String> {
    let mut whole = Zeroizing::new(vec![0; before]);
    whole.extend_from_slice(secret);
    let text = Zeroizing::new(STANDARD.encode(&whole));
    // Of the first letters and the last some bits belong to the neighbours.
    let from = [0, 2, 3].get(before).copied().unwrap_or(0);
    let to = whole.len() * 8 / 6;
    let inner = text.get(from..to).filter(|inner| inner.len() >= SHORTEST);
    Zeroizing::new(inner.unwrap_or_default().to_owned())
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
        Veil::new(&Secret::new("pa\"ss\u{1b}word"), escape)
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
    fn base64_is_covered_wherever_the_password_stands_in_it() {
        for (before, after) in [
            ("", ""),
            ("\0u\0", ""),
            ("user=u\u{1}auth=Bearer ", "\u{1}\u{1}"),
            ("ab", "c"),
        ] {
            let whole = format!("{before}pa\"ss\u{1b}word{after}");
            let text = format!("BAD what is {}?", STANDARD.encode(whole));
            assert!(veil().covers(&text), "{before:?}");
        }
        assert!(!Veil::new(&Secret::new("abc"), escape).covers("YWJx"));
    }

    #[test]
    fn other_words_are_not() {
        assert!(!veil().covers("Mailbox does not exist"));
        assert!(!Veil::default().covers("anything"));
        assert!(!Veil::new(&Secret::new(""), escape).covers("anything"));
    }

    #[test]
    fn it_does_not_show_itself() {
        assert_eq!(format!("{:?}", veil()), "Veil(..)");
    }
}
